// Fourth part of the clock: what is painted on the canvases and laid over them.

const GAP_FROM_PIXELS = 8; // cells as wide as this are drawn apart
const PALEST = 0.06;
const TICK_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

// As many dots as the screen has, so that lines are sharp; returns a pencil on an empty canvas.
function sharpPencil(canvas) {
  const dots = window.devicePixelRatio || 1;
  const { clientWidth, clientHeight } = canvas.parentElement;
  canvas.width = Math.max(Math.round(clientWidth * dots), 1);
  canvas.height = Math.max(Math.round(clientHeight * dots), 1);
  return canvas.getContext("2d");
}

// The heat of every column of dots: the strongest of the tokens there, none as -1.
function heatColumns(data, lane, row, place, width) {
  const columns = new Float32Array(width).fill(-1);
  for (const token of lane.tokens) {
    const left = Math.round(place(data.start(token)) * width);
    const right = Math.round(place(data.end(token)) * width);
    if (right < 0 || left > width) continue;
    const gap = right - left >= GAP_FROM_PIXELS ? 1 : 0;
    const heat = heatOf(data, lane, row, token);
    const last = Math.min(Math.max(right - gap, left + 1), width);
    for (let x = Math.max(left, 0); x < last; x += 1) columns[x] = Math.max(columns[x], heat);
  }
  return columns;
}

// Runs of equal heat, pale to full; as bars where there is room, so that colour is not alone.
function paintHeat(pencil, columns, colour, top, height, asBars) {
  pencil.fillStyle = colour;
  const fullest = asBars ? 0.55 : 1;
  for (let start = 0; start < columns.length; ) {
    let end = start + 1;
    while (end < columns.length && columns[end] === columns[start]) end += 1;
    const heat = columns[start];
    pencil.globalAlpha = PALEST + (fullest - PALEST) * heat;
    if (heat >= 0) pencil.fillRect(start, top, end - start, height);
    pencil.globalAlpha = PALEST + (1 - PALEST) * heat;
    if (heat >= 0 && asBars) pencil.fillRect(start, top + height * (1 - heat), end - start, height * heat);
    start = end;
  }
}

function drawHeat(line, data, lane, rows, place, chosen) {
  const plot = line.lastChild;
  const several = rows.length > 1;
  const rowHeight = several ? Math.min(Math.max(300 / rows.length, 3), 18) : lane.height;
  plot.style.height = `${rowHeight * rows.length}px`;
  labelLane(line, data, lane, rows, rowHeight, chosen);
  const pencil = sharpPencil(plot.firstChild);
  const { width, height } = pencil.canvas;
  const step = height / rows.length;
  rows.forEach((row, index) => {
    const columns = heatColumns(data, lane, row, place, width);
    paintHeat(pencil, columns, lane.colour, index * step, step - several, !several);
    markTruth(pencil, data, lane, row, place, (index + 1) * step);
  });
}

// A bracket from below around the seconds at which what a row says is really there; what follows
// at once has a bracket of its own.
function markTruth(pencil, data, lane, row, place, bottom) {
  const dots = window.devicePixelRatio || 1;
  const marks = data.truth.filter((one) => one.row === row && one.lane === lane.name);
  pencil.globalAlpha = 1;
  pencil.fillStyle = getComputedStyle(pencil.canvas).color;
  for (const [start, end] of marks.flatMap((one) => one.spans)) {
    const left = place(start) * pencil.canvas.width + 1.5 * dots;
    const right = Math.max(place(end) * pencil.canvas.width - 1.5 * dots, left + 2 * dots);
    pencil.fillRect(left, bottom - 3 * dots, right - left, 3 * dots);
    for (const edge of [left, right - 2 * dots]) pencil.fillRect(edge, bottom - 9 * dots, 2 * dots, 9 * dots);
  }
}

// Each picture lies over the seconds that it shows; a sharper one of the shown part comes later.
function drawImages(line, lane, pictures, place) {
  const plot = line.lastChild;
  if (lane.height) plot.style.height = `${lane.height}px`;
  else plot.style.aspectRatio = lane.ratio;
  const pencil = sharpPencil(plot.firstChild);
  const { canvas } = pencil;
  for (const { start, end, bitmap } of pictures) {
    const [left, right] = [start, end].map((second) => Math.round(place(second) * canvas.width));
    pencil.clearRect(left, 0, right - left, canvas.height); // the sharper may be transparent
    pencil.drawImage(bitmap, left, 0, right - left, canvas.height);
  }
}

function drawTicks(scale, data, [start, end], place) {
  const step = TICK_STEPS.find((size) => (end - start) / size <= 10) ?? 7200;
  const marks = [];
  for (let number = Math.ceil(start / step - 1e-6); number * step <= end + 1e-6; number += 1) {
    const text = withUnit(data, timeText(data, number * step));
    const tick = element("span", "mmlab-tick", { textContent: text });
    tick.style.left = `${100 * place(number * step)}%`;
    marks.push(tick);
  }
  scale.replaceChildren(...marks);
}
