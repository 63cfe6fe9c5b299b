// Below one card's player: its medium's name, and buttons. What they do is Python's.
// In the order of the Tab key; Pin stands beside the name, the others below.
const ACTIONS = {
  pin: { words: "Pin", icon: "M5 1.5h6l-.8 5 2.3 2.3v1.2H8.7V14l-.7 1-.7-1v-4H3.5V8.8l2.3-2.3z" },
  more: { words: "More like this", icon: "M7 2.5a4.5 4.5 0 1 0 2.8 8l3.6 3.5 1-1-3.5-3.6A4.5 4.5 0 0 0 7 2.5zm0 1.4a3.1 3.1 0 1 1 0 6.2 3.1 3.1 0 0 1 0-6.2z" },
  why: { words: "Why?", icon: "M4.8 5.7a3.2 3.2 0 1 1 4.7 2.8c-.6.3-.8.6-.8 1.2v.5H7.2v-.7c0-1.1.6-1.8 1.4-2.3a1.7 1.7 0 1 0-2.3-1.5zM7.2 11.5h1.6v1.7H7.2z" },
};

function picture(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

function button(kind, model) {
  const made = document.createElement("button");
  const words = document.createElement("span");
  made.type = "button";
  made.className = `mmlab-action mmlab-action-${kind}`;
  made.append(picture(ACTIONS[kind].icon), words);
  made.addEventListener("click", () => model.send({ kind }));
  const draw = () => {
    const pinned = kind === "pin" && model.get("pinned");
    words.textContent = pinned ? "Pinned" : ACTIONS[kind].words;
    if (kind === "pin") made.setAttribute("aria-pressed", String(pinned));
    const name = `${ACTIONS[kind].words} ${model.get("caption")}`;
    made.setAttribute("aria-label", name);
    made.title = pinned && model.get("asked") ? `Pinned for: ${model.get("asked")}` : name;
  };
  return { made, draw };
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "mmlab-actions";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab has its own use for Enter and letters
  const title = document.createElement("span");
  title.className = "mmlab-result-title";
  const kinds = Object.keys(ACTIONS).filter((kind) => model.get("kinds").includes(kind));
  const buttons = kinds.map((kind) => button(kind, model));
  const asked = document.createElement("p"); // shown among the pinned cards, see results.css
  asked.className = "mmlab-result-asked";
  root.append(asked, title, ...buttons.map(({ made }) => made));
  const draw = () => {
    title.textContent = title.title = model.get("title");
    asked.textContent = asked.title = model.get("asked") ? `Pinned for: ${model.get("asked")}` : "";
    buttons.forEach((one) => one.draw());
  };
  model.on("change:title change:caption change:pinned change:asked", draw);
  draw();
  el.append(root);
  return () => model.off("change:title change:caption change:pinned change:asked", draw);
}

export default { render };
