// First part of the moment lanes (moment_lanes.py joins the parts): what is drawn for a model.
// element, sharpPencil, paintHeat and drawImages come from the attention clock.

const TICK_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200];
const MOST_TICKS = 10;
const TICK_PIXELS = 50; // "1:02:03" and some room
const HEAT_PIXELS = 34;

// 7.25 -> "0:07.3", of hours 1:02:03.4; without tenths where they say nothing.
function clockText(second, tenths = true) {
  const all = Math.round(10 * second);
  const [hours, minutes] = [Math.floor(all / 36000), Math.floor(all / 600) % 60];
  const rest = ((all % 600) / 10).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function spanText({ start, end }) {
  return `${clockText(start)} to ${clockText(end)}`;
}

function tellSegment(segment) {
  const edited = segment.edited ? " · edited" : "";
  const score = Number(segment.score.toFixed(2)).toFixed(2); // a number has no "-0.00"
  return `${spanText(segment)} · score ${score}${edited}`;
}

// The strongest second under each column of dots, from 0 to 1.
function strongestColumns(heat, place, width) {
  const columns = new Float32Array(width).fill(-1);
  heat.forEach((value, second) => {
    if (place(second + 1) <= 0 || place(second) >= 1) return; // not on show
    const left = Math.max(Math.round(place(second) * width), 0);
    const right = Math.min(Math.max(Math.round(place(second + 1) * width), left + 1), width);
    for (let x = left; x < right; x += 1) columns[x] = Math.max(columns[x], value / 255);
  });
  return columns;
}

function buildName(lane) {
  if (lane.segment < 0) return element("div", "mmlab-moment-label", { textContent: lane.label });
  const button = element("button", "mmlab-moment-label mmlab-moment-name", { type: "button" });
  button.append(element("span", "mmlab-moment-step", { textContent: lane.label }), element("small", ""));
  return button;
}

function buildEdge(lane, edge) {
  return element("div", `mmlab-moment-edge mmlab-moment-${edge}`, {
    role: "slider", tabindex: 0, "data-edge": edge, "data-segment": lane.segment,
    "aria-label": `${edge === "start" ? "Start" : "End"} of ${lane.label}`,
  });
}

// One row: its name, its heat, the true segments below it and the found one over it.
function buildMomentLane(lane) {
  const line = element("div", "mmlab-moment-lane");
  line.classList.toggle("mmlab-moment-ranked", lane.heat < 0);
  const plot = element("div", "mmlab-lane-plot");
  const inside = element("div", "mmlab-moment-inside");
  inside.append(...lane.truth.map(() => element("div", "mmlab-moment-truth")));
  plot.append(element("canvas", "mmlab-heat", { role: "img" }), inside);
  if (lane.segment >= 0) {
    inside.append(element("div", "mmlab-moment-span"));
    plot.append(buildEdge(lane, "start"), buildEdge(lane, "end"));
  }
  line.append(buildName(lane), plot);
  return line;
}

function tellHeat(lane, heat) {
  const truth = lane.truth.map(([start, end]) => `; true from ${spanText({ start, end })}`).join("");
  if (!heat) return `${lane.label}${truth}`;
  const best = heat.indexOf(Math.max(...heat));
  return `${lane.label}: fits best at ${clockText(best)}${truth}`;
}

function drawMomentLane(line, lane, heat, place) {
  const plot = line.lastChild;
  plot.style.height = `${heat ? HEAT_PIXELS : HEAT_PIXELS - 10}px`;
  const pencil = sharpPencil(plot.firstChild);
  const { width, height } = pencil.canvas;
  plot.firstChild.setAttribute("aria-label", tellHeat(lane, heat));
  if (heat) paintHeat(pencil, strongestColumns(heat, place, width), lane.colour, 0, height, true);
  plot.querySelectorAll(".mmlab-moment-truth").forEach((bar, number) => {
    laid(bar, lane.truth[number][0], lane.truth[number][1], place);
  });
}

function laid(node, start, end, place) {
  node.style.left = `${100 * place(start)}%`;
  node.style.width = `${100 * (place(end) - place(start))}%`;
}

// The found segment, with its two ends as sliders and its times in the lane's name.
function drawSegment(line, segment, limits, place) {
  const [button, plot] = [line.firstChild, line.lastChild];
  const told = tellSegment(segment);
  button.lastChild.textContent = told;
  button.setAttribute("aria-label", `${button.firstChild.textContent}, ${told}. Play it.`);
  button.title = `${button.firstChild.textContent}\nPlay it`;
  const box = plot.querySelector(".mmlab-moment-span");
  box.classList.toggle("mmlab-moment-edited", segment.edited);
  laid(box, segment.start, segment.end, place);
  for (const edge of ["start", "end"]) {
    const handle = plot.querySelector(`.mmlab-moment-${edge}`);
    const [low, high] = limits(edge);
    const share = place(segment[edge]);
    handle.style.left = `${100 * Math.min(Math.max(share, 0), 1)}%`;
    handle.classList.toggle("mmlab-moment-away", share < 0 || share > 1);
    handle.title = `${clockText(segment[edge])}: drag, or press the arrows`;
    handle.setAttribute("aria-valuemin", low);
    handle.setAttribute("aria-valuemax", high);
    handle.setAttribute("aria-valuenow", segment[edge]);
    handle.setAttribute("aria-valuetext", clockText(segment[edge]));
  }
}

function drawMomentTicks(scale, [start, end], place) {
  const most = Math.min(MOST_TICKS, Math.max(scale.clientWidth / TICK_PIXELS, 1));
  const step = TICK_SECONDS.find((size) => (end - start) / size <= most) ?? 14400;
  const marks = [];
  for (let number = Math.ceil(start / step - 1e-6); number * step <= end + 1e-6; number += 1) {
    const tick = element("span", "mmlab-tick", { textContent: clockText(number * step, step < 1) });
    tick.style.left = `${100 * place(number * step)}%`;
    tick.classList.toggle("mmlab-tick-last", place(number * step) > 0.97);
    marks.push(tick);
  }
  scale.replaceChildren(...marks);
}
