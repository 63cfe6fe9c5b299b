// The legend of a map. All words reach the page through textContent.

const DRAG_PIXELS = 8;  // as for plotly
const SVG = "http://www.w3.org/2000/svg";
// The seven shapes of the points, each in a square from -5 to 5.
const OUTLINES = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
  "M0,-5L5,0L0,5L-5,0Z",
  "M-4,-4H4V4H-4Z",
  "M0,-5L5,4H-5Z",
  "M-5,-3L-3,-5L0,-2L3,-5L5,-3L2,0L5,3L3,5L0,2L-3,5L-5,3L-2,0Z",
  "M-2,-5H2V-2H5V2H2V5H-2V2H-5V-2H-2Z",
  "M0,-5L1.5,-1.5L5,-1.5L2.2,0.8L3.2,4.6L0,2.2L-3.2,4.6L-2.2,0.8L-5,-1.5L-1.5,-1.5Z",
];

function element(name, className, words = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = words;
  return made;
}

function swatch(colour, mark) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "-6 -6 12 12");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", OUTLINES[mark]);
  path.setAttribute("fill", colour);
  svg.append(path);
  return svg;
}

function show(model, hidden) {
  model.set("hidden", hidden);
  model.save_changes();
}

function toggle(model, place) {
  const hidden = model.get("hidden");
  const rest = hidden.filter((other) => other !== place);
  show(model, rest.length < hidden.length ? rest : [...hidden, place]);
}

function only(model, place) {
  const places = model.get("entries").map((_, other) => other);
  show(model, places.filter((other) => other !== place));
}

function entry(model, { name, count, colour, mark }, place) {
  const item = element("li", "mmlab-legend-entry");
  const button = element("button", "mmlab-legend-toggle");
  button.title = "Click hides or shows, double-click shows only this";
  button.append(swatch(colour, mark), element("span", "mmlab-legend-name", name));
  button.append(element("span", "mmlab-legend-count", count.toLocaleString("en")));
  button.addEventListener("click", () => toggle(model, place));
  button.addEventListener("dblclick", () => only(model, place));
  const single = element("button", "mmlab-legend-only", "only");
  single.setAttribute("aria-label", `Show only ${name}`);
  single.addEventListener("click", () => only(model, place));
  item.append(button, single);
  return item;
}

function scaleBar({ colours, low, high, rest }) {
  const scale = element("div", "mmlab-legend-scale");
  const bar = element("span", "mmlab-legend-bar");
  bar.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
  scale.append(element("span", "", low), bar, element("span", "", high), element("span", "", rest));
  return scale;
}

function shapeKey({ column = "", names = [] }) {
  const key = element("div", "mmlab-legend-shapes", names.length ? `${column}: ` : "");
  names.forEach((name, mark) => {
    const one = element("span", "mmlab-legend-shape");
    one.append(swatch("currentColor", mark), element("span", "", name));
    key.append(one);
  });
  return key;
}

function render({ model, el }) {
  const title = element("span", "mmlab-legend-title");
  const list = element("ul", "mmlab-legend-list");
  const rest = element("div", "mmlab-legend-rest");
  const all = element("button", "mmlab-legend-all", "Show all");
  all.addEventListener("click", () => show(model, []));
  el.append(title, list, rest);

  const mark = () => {
    const hidden = model.get("hidden");
    list.querySelectorAll(".mmlab-legend-toggle").forEach((button, place) => {
      button.setAttribute("aria-pressed", String(!hidden.includes(place)));
    });
    all.hidden = hidden.length === 0;
  };
  const draw = () => {
    title.textContent = model.get("column");
    list.replaceChildren(...model.get("entries").map((one, place) => entry(model, one, place)));
    const scale = model.get("scale");
    rest.replaceChildren(...(scale.colours ? [scaleBar(scale)] : []));
    rest.append(shapeKey(model.get("shapes")), all);
    mark();
  };
  draw();
  model.on("change:entries", draw);
  model.on("change:scale", draw);
  model.on("change:shapes", draw);
  model.on("change:hidden", mark);
  const leave = followPage(model, el);
  return () => {
    leave();
    model.off("change:entries", draw);
    model.off("change:scale", draw);
    model.off("change:shapes", draw);
    model.off("change:hidden", mark);
  };
}

function asHex(colour) {
  const parts = colour.match(/[\d.]+/g).slice(0, 3);
  return `#${parts.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

// Escape clears the selection; a drag over the points adds with Shift and takes away with Alt, for
// every engine alike, so what draws the points must not see these keys. The page's background and
// its width are told when the legend is laid out and when the theme changes. The wheel zooms only
// while Ctrl is held: else it scrolls the page, over a map as anywhere.
function followPage(model, el) {
  const escape = (event) => {
    const map = el.closest(".mmlab-map");
    const here = map?.contains(document.activeElement) || map?.matches(":hover");
    if (event.key === "Escape" && here) model.send({ kind: "escape" });
  };
  const onCanvas = ({ target }) =>
    el.closest(".mmlab-map")?.querySelector(".mmlab-map-canvas")?.contains(target);
  let pressed;
  const press = (event) => {
    if (!onCanvas(event)) return;
    pressed = event;
    model.send({ kind: "press", held: event.shiftKey ? "add" : event.altKey ? "take" : "" });
    for (const key of ["shiftKey", "altKey"]) Object.defineProperty(event, key, { value: false });
  };
  const move = ({ clientX, clientY }) => {
    if (!pressed) return;
    if (Math.hypot(clientX - pressed.clientX, clientY - pressed.clientY) < DRAG_PIXELS) return;
    pressed = undefined;
    model.send({ kind: "drag" });
  };
  const release = () => (pressed = undefined);
  const wheel = (event) => {
    if (onCanvas(event) && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  };
  const tell = () => {
    const room = Math.floor(el.getBoundingClientRect().width);
    if (!el.isConnected || !room) return;  // such as in a folded cell, where nothing has a colour
    const title = el.querySelector(".mmlab-legend-title");
    const background = asHex(getComputedStyle(title).backgroundColor);
    model.set({ background, room });
    model.save_changes();
  };
  const themes = new MutationObserver(tell);
  const laidOut = new ResizeObserver(tell);
  window.addEventListener("keydown", escape, true);  // before JupyterLab takes it
  window.addEventListener("mousedown", press, true);
  window.addEventListener("mousemove", move, true);
  window.addEventListener("mouseup", release, true);
  window.addEventListener("wheel", wheel, { capture: true, passive: true });
  themes.observe(document.body, { attributes: true });
  laidOut.observe(el);
  return () => {
    window.removeEventListener("keydown", escape, true);
    window.removeEventListener("mousedown", press, true);
    window.removeEventListener("mousemove", move, true);
    window.removeEventListener("mouseup", release, true);
    window.removeEventListener("wheel", wheel, true);
    themes.disconnect();
    laidOut.disconnect();
  };
}

export default { render };
