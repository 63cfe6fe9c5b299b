// The browser's half of TimeLanes (lanes.py): rows on one time axis and a playhead over them.

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

const CANVAS_PIXELS = 1200;

function drawHeat(row, place) {
  const canvas = element("canvas", "mmlab-heat");
  canvas.width = CANVAS_PIXELS;
  canvas.height = 1;
  const pencil = canvas.getContext("2d");
  pencil.fillStyle = row.colour;
  row.cells.forEach(([start, end], index) => {
    const left = Math.round(place(start) * CANVAS_PIXELS);
    pencil.globalAlpha = Math.min(Math.max(row.heat[index], 0), 1);
    pencil.fillRect(left, 0, Math.max(1, Math.round(place(end) * CANVAS_PIXELS) - left), 1);
  });
  return canvas;
}

function describe(row) {
  let words = row.label;
  if (row.heat.length) {
    const [start, end] = row.cells[row.heat.indexOf(Math.max(...row.heat))];
    words += `: strongest from ${start.toFixed(1)} to ${end.toFixed(1)} seconds`;
  }
  if (row.marks.length) words += `; marked at ${row.marks.map((m) => m.toFixed(1)).join(", ")} s`;
  return words;
}

function drawRow(row, image, place) {
  const line = element("div", "mmlab-lane");
  const label = element("div", "mmlab-lane-label", row.label);
  const plot = element("div", "mmlab-lane-plot");
  label.title = row.label;
  if (row.height) plot.style.height = `${row.height}px`;
  else plot.style.aspectRatio = row.proportion;
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", describe(row));
  if (image?.byteLength) {
    const picture = element("img", "mmlab-lane-image");
    picture.alt = "";
    picture.src = URL.createObjectURL(new Blob([image], { type: "image/png" }));
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
    plot.append(picture);
  }
  if (row.cells.length) plot.append(drawHeat(row, place));
  for (const [start, end] of row.spans) {
    const span = element("div", "mmlab-truth");
    span.style.left = `${100 * place(start)}%`;
    span.style.width = `${100 * (place(end) - place(start))}%`;
    plot.append(span);
  }
  for (const mark of row.marks) {
    const pointer = element("div", "mmlab-mark");
    pointer.style.left = `${100 * place(mark)}%`;
    plot.append(pointer);
  }
  line.append(label, plot);
  return line;
}

function ticks(start, end) {
  const steps = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((size) => (end - start) / size <= 12) ?? 7200;
  const first = Math.ceil(start / step) * step;
  return Array.from({ length: Math.floor((end - first) / step) + 1 }, (_, i) => first + i * step);
}

function render({ model, el }) {
  const root = element("div", "mmlab-lanes");
  const body = element("div", "mmlab-lanes-body");
  const over = element("div", "mmlab-lanes-over");
  const playhead = element("div", "mmlab-playhead");
  over.append(playhead);
  root.append(body, over);

  const place = (seconds) => {
    const start = model.get("start_seconds");
    const length = Math.max(model.get("end_seconds") - start, 1e-6);
    return Math.min(Math.max((seconds - start) / length, 0), 1);
  };

  function drawRows() {
    const images = model.get("images");
    const lines = model.get("rows").map((row, index) => drawRow(row, images[index], place));
    const axis = element("div", "mmlab-lane mmlab-lane-axis");
    const scale = element("div", "mmlab-lane-plot");
    for (const second of ticks(model.get("start_seconds"), model.get("end_seconds"))) {
      const tick = element("span", "mmlab-tick", `${second} s`);
      tick.style.left = `${100 * place(second)}%`;
      scale.append(tick);
    }
    axis.append(element("div", "mmlab-lane-label"), scale);
    body.replaceChildren(...lines, axis);
  }

  function drawPlayhead() {
    playhead.style.left = `${100 * place(model.get("playhead"))}%`;
  }

  body.addEventListener("click", (event) => {
    const plot = event.target.closest(".mmlab-lane-plot");
    if (!plot) return;
    const box = plot.getBoundingClientRect();
    const length = model.get("end_seconds") - model.get("start_seconds");
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    model.send({ kind: "clicked", seconds: model.get("start_seconds") + share * length });
  });
  model.on("change:rows", drawRows);
  model.on("change:playhead", drawPlayhead);
  drawRows();
  drawPlayhead();
  el.append(root);
  return () => {
    model.off("change:rows", drawRows);
    model.off("change:playhead", drawPlayhead);
  };
}

export default { render };
