// The browser's half of LiveTraining (training.py): curves, a line of words and the Stop button.
// Text from Python is only ever set as textContent.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHTS = [250, 120];
const MARGIN = { left: 44, right: 12, top: 8, bottom: 22 };
const WHOLE_EPOCHS_FROM = 3; // shorter axes are marked in parts of an epoch
const ANSWER_MILLISECONDS = 3000;
const HINT = "No answer yet. If none comes, interrupt the kernel (■): it does the same.";

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function drawn(tag, properties) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  return node;
}

function ticks(low, high, most) {
  const rough = Math.max((high - low) / most, 1e-9);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((size) => size * unit).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, index) => (first + index) * step);
}

function written(value) {
  return Number(value.toPrecision(6)).toLocaleString("en");
}

function span(panel) {
  if (panel.range) return panel.range;
  const values = panel.lines.flatMap((line) => [...line.y, ...line.dots.map((dot) => dot[1])]);
  if (panel.level?.name) values.push(panel.level.value);
  const known = values.filter((value) => value !== null);
  if (!known.length) return [0, 1];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = 0.05 * (high - low) || 0.5;
  return [low - room, high + room];
}

function path(line, x, y) {
  let pen = "M";
  return line.y
    .map((value, index) => {
      if (value === null) { pen = "M"; return ""; }
      const point = `${pen}${x(line.x[index]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return point;
    })
    .join("");
}

function strokes(line, x, y) {
  const shape = { d: path(line, x, y), fill: "none", "stroke-linejoin": "round" };
  const ink = line.heavy ? "currentColor" : line.colours[0];
  shape["stroke-width"] = line.heavy ? 3.2 : 2.2;
  if (line.colours.length < 2) return [drawn("path", { ...shape, stroke: ink })];
  return [
    drawn("path", { ...shape, stroke: line.colours[1] }),
    drawn("path", { ...shape, stroke: ink, "stroke-dasharray": "6 6" }),
  ];
}

function swatch(line) {
  const box = drawn("svg", { width: 28, height: 8, class: "mmlab-training-swatch" });
  const flat = { ...line, x: [0, 28], y: [4, 4] };
  box.append(...strokes(flat, (value) => value, (value) => value));
  return box;
}

function valueAt(line, place) {
  let found = null;
  line.x.forEach((x, index) => {
    if (line.y[index] !== null && (x <= place || found === null)) found = line.y[index];
  });
  return found;
}

// One panel: its axes, its lines, and the names beside it, which tell the values at a place.
function drawPanel(panel, length, width, height) {
  const picture = drawn("svg", { width, height, class: "mmlab-training-panel" });
  const [low, high] = span(panel);
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const x = (value) => MARGIN.left + (value / length) * (right - MARGIN.left);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);
  const label = (text, properties) => {
    const words = drawn("text", properties);
    words.textContent = text;
    picture.append(words);
  };
  for (const value of ticks(low, high, height / 45)) {
    const line = { x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) };
    picture.append(drawn("line", { ...line, class: "mmlab-training-grid" }));
    const place = { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" };
    label(written(value), place);
  }
  for (const value of ticks(0, length, width / 90)) {
    if (length >= WHOLE_EPOCHS_FROM && !Number.isInteger(value)) continue;
    label(written(value), { x: x(value), y: height - 5, "text-anchor": "middle" });
  }
  if (panel.best) {
    const line = { x1: x(panel.best), x2: x(panel.best), y1: MARGIN.top, y2: bottom };
    picture.append(drawn("line", { ...line, class: "mmlab-training-best" }));
    const [aside, anchor] = x(panel.best) < width / 2 ? [5, "start"] : [-5, "end"];
    label("best", { x: x(panel.best) + aside, y: bottom - 4, "text-anchor": anchor });
  }
  if (panel.level?.name) {
    const at = y(panel.level.value);
    const line = { x1: MARGIN.left, x2: right, y1: at, y2: at };
    picture.append(drawn("line", { ...line, class: "mmlab-training-level" }));
  }
  for (const line of panel.lines) {
    picture.append(...strokes(line, x, y));
    const fill = line.heavy ? "currentColor" : line.colours[0];
    for (const [place, value] of line.dots) {
      const dot = { cx: x(place), cy: y(value), r: 3, fill, class: "mmlab-training-dot" };
      picture.append(drawn("circle", dot));
    }
  }
  return { picture, place: (pixels) => ((pixels - MARGIN.left) / (right - MARGIN.left)) * length };
}

function drawNames(panel, place) {
  const names = element("div", "mmlab-training-names");
  const rows = panel.lines.toReversed().map((line) => [line, valueAt(line, place)]);
  if (panel.level?.name) {
    rows.push([{ name: panel.level.name, level: true }, panel.level.value]);
  }
  rows.sort((one, other) => (other[1] ?? -Infinity) - (one[1] ?? -Infinity));
  names.append(element("div", "mmlab-training-label", `${panel.label} over epochs`));
  for (const [line, value] of rows) {
    const row = element("div", line.heavy ? "mmlab-training-heavy" : "");
    row.append(line.level ? element("span", "mmlab-training-dots") : swatch(line));
    row.append(element("span", "", line.name));
    row.append(element("b", "", value === null ? "–" : value.toFixed(panel.digits)));
    names.append(row);
  }
  return names;
}

function render({ model, el }) {
  const root = element("div", "mmlab-training");
  const head = element("div", "mmlab-training-head");
  const title = element("div", "mmlab-training-title");
  const stop = element("button", "mmlab-training-stop", "Stop");
  const progress = element("div", "mmlab-training-progress");
  const made = element("div", "mmlab-training-made");
  const words = element("div", "mmlab-training-words");
  const status = element("div", "mmlab-training-status");
  const panels = element("div", "mmlab-training-panels");
  const messages = element("ul", "mmlab-training-messages");
  const pointedAt = {}; // by panel, the place whose values are told; else the last ones are
  let waiting = 0;
  stop.type = "button";
  stop.title = "Stop after this step and keep everything; interrupting the kernel does the same";
  progress.append(made);
  progress.setAttribute("role", "progressbar");
  progress.setAttribute("aria-label", "percent of all steps made");
  status.setAttribute("role", "status");
  head.append(title, stop);
  root.append(head, progress, words, status, panels, messages);
  el.append(root);

  function drawWords() {
    const shown = model.get("shown");
    title.textContent = shown.title;
    words.textContent = shown.words;
    const answered = model.get("stopping") || !shown.running;
    if (answered) waiting = clearTimeout(waiting);
    if (answered || !waiting) {
      status.textContent = model.get("stopping") ? "Stops after this step …" : shown.status;
    }
    made.style.width = `${100 * shown.done}%`;
    progress.setAttribute("aria-valuenow", Math.round(100 * shown.done));
    stop.disabled = !shown.running || model.get("stopping");
    messages.replaceChildren(...shown.messages.map((text) => element("li", "", text)));
  }

  function drawPanels() {
    const { panels: found, length } = model.get("shown");
    const rows = found.map((panel, index) => {
      const row = element("div", "mmlab-training-row");
      const width = Math.max(280, Math.min(root.clientWidth - 250, 760));
      const { picture, place } = drawPanel(panel, length, width, HEIGHTS[Math.min(index, 1)]);
      let names = drawNames(panel, pointedAt[index] ?? Infinity);
      const told = (at) => {
        pointedAt[index] = at;
        const changed = drawNames(panel, at);
        names.replaceWith(changed);
        names = changed;
      };
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", `${panel.label} over epochs; the values stand beside it`);
      picture.addEventListener("pointermove", (event) => {
        told(place(event.clientX - picture.getBoundingClientRect().left));
      });
      picture.addEventListener("pointerleave", () => told(Infinity));
      row.append(picture, names);
      return row;
    });
    panels.replaceChildren(...rows);
  }

  function draw() {
    drawWords();
    drawPanels();
  }

  stop.addEventListener("click", () => {
    model.send({ kind: "stop" });
    waiting ||= setTimeout(() => { status.textContent = HINT; }, ANSWER_MILLISECONDS);
  });
  const resized = new ResizeObserver(drawPanels);
  resized.observe(root);
  model.on("change:shown", draw);
  model.on("change:stopping", drawWords);
  draw();
  return () => {
    resized.disconnect();
    clearTimeout(waiting);
    model.off("change:shown", draw);
    model.off("change:stopping", drawWords);
  };
}

export default { render };
