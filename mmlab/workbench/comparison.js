// Two ranked columns and the lines between them. All words reach the page through textContent.

const SVG = "http://www.w3.org/2000/svg";
const SIDES = [
  { name: "late", title: "Late fusion", told: "each part embedded alone, then averaged" },
  { name: "joint", title: "Joint fusion", told: "all parts in one pass" },
];
const SIGNS = { up: "▲", down: "▼", same: "=", new: "★", gone: "○" };

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

// What became of a clip: its kind, what the chip says of it, what stands beside the score, and all
// of it in words.
function change(row, top) {
  const [joint, late] = [row.joint_rank, row.late_rank];
  const inJoint = joint !== null && joint <= top;
  const inLate = late !== null && late <= top;
  if (inJoint && !inLate) {
    const before = late ? `, was ${late}` : "";
    return { kind: "new", chip: "new", beside: before, told: `new among the best ${top}${before}` };
  }
  if (!inJoint) {
    const now = joint ? `, now ${joint}` : "";
    return { kind: "gone", chip: "out", beside: now, told: `no more among the best ${top}${now}` };
  }
  const by = Math.abs(late - joint);
  if (!by) return { kind: "same", chip: "", beside: "", told: "same rank in both" };
  const kind = late > joint ? "up" : "down";
  return { kind, chip: String(by), beside: "", told: `${kind} by ${by}` };
}

function chip(found) {
  const made = element("span", `mmlab-change mmlab-change-${found.kind}`);
  made.textContent = `${SIGNS[found.kind]} ${found.chip}`.trim();
  made.title = found.told;
  return made;
}

// One answer in one column.
function answer(row, side, found, press) {
  const [rank, score] = [row[`${side}_rank`], row[`${side}_score`]];
  const item = element("li", "mmlab-compared");
  const button = element("button", "mmlab-compared-button", { type: "button" });
  const words = element("span", "mmlab-compared-words");
  const told = side === "joint" || found.kind === "gone";
  const frame = element("span", "mmlab-compared-frame"); // stands there before its poster comes
  frame.append(element("img", "mmlab-compared-poster", { alt: "", hidden: true }));
  const scored = `${score?.toFixed(2) ?? ""}${told ? found.beside : ""}`;
  const place = element("span", "mmlab-compared-rank", { textContent: rank });
  words.append(
    element("span", "mmlab-compared-caption", { textContent: row.caption }),
    element("span", "mmlab-compared-score", { textContent: scored }),
  );
  button.append(place, frame, words, ...(told ? [chip(found)] : []));
  button.setAttribute("aria-label", `${rank}, ${row.caption}. ${told ? found.told : ""}`.trim());
  button.addEventListener("click", () => press(row.clip_id));
  item.dataset.clip = row.clip_id;
  item.append(button);
  return item;
}

function column(rows, { name, title, told }, top, press) {
  const made = element("section", `mmlab-column mmlab-column-${name}`, { ariaLabel: title });
  const head = element("header", "mmlab-column-head");
  head.append(
    element("span", "mmlab-column-title", { textContent: title }),
    element("span", "mmlab-column-told", { textContent: told }),
  );
  const list = element("ol", "mmlab-column-list");
  const rank = (row) => row[`${name}_rank`];
  const shown = rows.filter((row) => rank(row) !== null && rank(row) <= top);
  shown.sort((one, other) => rank(one) - rank(other));
  list.append(...shown.map((row) => answer(row, name, change(row, top), press)));
  made.append(head, list);
  return made;
}

// A line per clip, in units of rows: from its rank on the left to that on the right. What only one
// column has comes from, or goes to, below the other.
function lines(rows, top) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "mmlab-lines");
  made.setAttribute("viewBox", `0 0 100 ${Math.max(top, 1)}`);
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("aria-hidden", "true");
  for (const row of rows) {
    const found = change(row, top);
    const height = (rank) => (rank !== null && rank <= top ? rank - 0.5 : top + 0.5);
    const [left, right] = [height(row.late_rank), height(row.joint_rank)];
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", `M0 ${left}C45 ${left} 55 ${right} 100 ${right}`);
    path.setAttribute("class", `mmlab-line mmlab-line-${found.kind}`);
    path.dataset.clip = row.clip_id;
    made.append(path);
  }
  return made;
}

function render({ model, el }) {
  const root = element("div", "mmlab-board");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take Enter and the arrows
  const posters = new Map(); // clip_id -> address, kept from comparison to comparison
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      const clip_id = target.dataset.clip;
      if (posters.has(clip_id)) continue;
      posters.set(clip_id, "");
      model.send({ kind: "poster", clip_id });
    }
  });
  const of = (clip_id) =>
    [...root.querySelectorAll("[data-clip]")].filter((one) => one.dataset.clip === clip_id);
  const mark = (name, clip_id) => {
    for (const one of root.querySelectorAll(`.${name}`)) one.classList.remove(name);
    for (const one of of(clip_id)) one.classList.add(name);
  };

  function drawPosters() {
    for (const image of root.querySelectorAll(".mmlab-compared-poster")) {
      const address = posters.get(image.closest("[data-clip]").dataset.clip);
      image.hidden = !address;
      if (address && image.src !== address) image.src = address;
    }
  }

  function drawChosen() {
    mark("mmlab-compared-chosen", model.get("chosen"));
    for (const button of root.querySelectorAll(".mmlab-compared-button")) {
      const chosen = button.parentElement.classList.contains("mmlab-compared-chosen");
      button.setAttribute("aria-pressed", String(chosen));
    }
  }

  function draw() {
    const [rows, top] = [model.get("rows"), model.get("top")];
    const focused = document.activeElement?.closest?.(".mmlab-compared");
    const side = focused?.closest(".mmlab-column")?.className;
    const press = (clip_id) => model.send({ kind: "chosen", clip_id });
    const [late, joint] = SIDES.map((one) => column(rows, one, top, press));
    watcher.disconnect();
    root.hidden = !top;
    root.replaceChildren(late, lines(rows, top), joint);
    drawPosters();
    drawChosen();
    for (const item of root.querySelectorAll(".mmlab-compared")) {
      watcher.observe(item);
      const same = side === item.closest(".mmlab-column").className;
      if (same && item.dataset.clip === focused.dataset.clip) item.firstElementChild.focus();
    }
  }

  function receive({ clip_id }, [bytes]) {
    const before = posters.get(clip_id);
    if (before) URL.revokeObjectURL(before);
    posters.set(clip_id, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    drawPosters();
  }

  const clipAt = (event) => event.target.closest?.("[data-clip]")?.dataset.clip;
  const light = (event) => mark("mmlab-compared-lit", clipAt(event));
  for (const kind of ["pointerover", "focusin"]) root.addEventListener(kind, light);
  for (const kind of ["pointerleave", "focusout"]) {
    root.addEventListener(kind, () => mark("mmlab-compared-lit", null));
  }
  root.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    const buttons = [...event.target.closest("ol").querySelectorAll("button")];
    event.preventDefault();
    buttons[buttons.indexOf(event.target) + step]?.focus();
  });
  model.on("change:rows change:top", draw);
  model.on("change:chosen", drawChosen);
  model.on("msg:custom", receive);
  draw();
  el.append(root);
  return () => {
    model.off("change:rows change:top", draw);
    model.off("change:chosen", drawChosen);
    model.off("msg:custom", receive);
    watcher.disconnect();
    for (const address of posters.values()) if (address) URL.revokeObjectURL(address);
  };
}

export default { render };
