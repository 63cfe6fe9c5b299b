// Last part of the moment lanes: what the pointer, the keys and Python do to them. A boundary moves
// here at once; the kernel hears of it when it is let go, and answers with the new score.

const SHORTEST_SHOWN_SECONDS = 1;
const SHORTEST_SEGMENT_SECONDS = 0.1;
const SETTLE = 250; // milliseconds without another key
const NARROW = 0.04; // of the axis: a narrower segment is brought closer when its name is pressed
const CLOSER = 6; // times its own length

// Without what floats add: 0.3 - 0.1 is not 0.2.
const exact = (seconds) => Math.round(1e6 * seconds) / 1e6;

function buildStage() {
  const parts = {
    root: element("div", "mmlab-moment-lanes", { role: "group", "aria-label": "Steps over time" }),
    stage: element("div", "mmlab-moment-stage"),
    lines: element("div", "mmlab-moment-lines"),
    film: element("div", "mmlab-moment-lane mmlab-moment-film"),
    axis: element("div", "mmlab-moment-lane mmlab-moment-axis"),
    scale: element("div", "mmlab-lane-scale"),
    over: element("div", "mmlab-moment-over"),
    playhead: element("div", "mmlab-playhead"),
    foot: element("div", "mmlab-moment-foot"),
    zooms: element("div", "mmlab-zooms", { role: "group", "aria-label": "Zoom the time" }),
  };
  const plot = element("div", "mmlab-lane-plot");
  plot.append(element("canvas", "mmlab-lane-image", { role: "img", "aria-label": "The video" }));
  parts.film.append(element("div", "mmlab-moment-label"), plot);
  parts.axis.append(element("div", "mmlab-moment-label"), parts.scale);
  parts.over.append(parts.playhead);
  parts.stage.append(parts.film, parts.lines, parts.axis, parts.over);
  parts.foot.append(element("span", "mmlab-moment-hint"), parts.zooms);
  parts.root.append(parts.stage, parts.foot);
  parts.root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys rest in here
  return parts;
}

function render({ model, el }) {
  const parts = buildStage();
  const { root, stage, lines, scale, playhead } = parts;
  let shown = model.get("shown");
  let segments = [];
  let heats = [];
  let pictures = [];
  let drag = null; // the boundary that is held, and where it was
  let frame = 0;
  let playedTo = 0;
  let touched = null; // the boundary that had the focus last
  const settling = {};

  const place = (second) => (second - shown[0]) / Math.max(shown[1] - shown[0], 1e-6);

  function settle(name, act, milliseconds = SETTLE) {
    clearTimeout(settling[name]);
    settling[name] = setTimeout(act, milliseconds);
  }

  function schedule() {
    frame ||= requestAnimationFrame(() => { frame = 0; draw(); });
  }

  function draw() {
    const ratio = model.get("film_ratio");
    parts.film.hidden = !ratio;
    if (ratio) drawImages(parts.film, { ratio }, pictures, place);
    model.get("lanes").forEach((lane, index) => {
      const line = lines.children[index];
      drawMomentLane(line, lane, heats[lane.heat], place);
      const segment = segments[lane.segment];
      if (segment) drawSegment(line, segment, (edge) => limits(segment, edge), place);
    });
    drawMomentTicks(scale, shown, place);
    drawPlayhead();
  }

  function drawPlayhead() {
    const second = model.get("playhead");
    if (second > shown[1] && playedTo <= shown[1] && model.get("playing")) showFrom(shown[1]);
    playedTo = second;
    playhead.hidden = second < shown[0] || second > shown[1];
    playhead.style.left = `${100 * place(second)}%`;
  }

  function show(start, end) {
    const last = model.get("seconds");
    const length = Math.min(Math.max(end - start, SHORTEST_SHOWN_SECONDS), last);
    const left = Math.min(Math.max(start, 0), last - length);
    shown = [left, left + length];
    schedule();
    settle("shown", () => { model.set("shown", shown); model.save_changes(); });
  }

  function showFrom(start) {
    show(start, start + shown[1] - shown[0]);
  }

  function zoom(factor, around = middle()) {
    const kept = Math.min(Math.max(place(around), 0), 1);
    const length = (shown[1] - shown[0]) * factor;
    show(around - kept * length, around + (1 - kept) * length);
  }

  // What a zoom keeps in its place: the boundary touched last, the playhead, the middle.
  function middle() {
    const boundary = touched && segments[touched.segment]?.[touched.edge];
    const seen = (second) => second >= shown[0] && second <= shown[1];
    return [boundary, model.get("playhead")].find(seen) ?? (shown[0] + shown[1]) / 2;
  }

  function play(seconds) {
    model.send({ kind: "play", seconds });
  }

  function limits(segment, edge) {
    return edge === "start"
      ? [0, exact(segment.end - SHORTEST_SEGMENT_SECONDS)]
      : [exact(segment.start + SHORTEST_SEGMENT_SECONDS), model.get("seconds")];
  }

  // Rounded first: a video's end is seldom a whole hundredth, and nothing lies behind it.
  function move(number, edge, second) {
    const [low, high] = limits(segments[number], edge);
    const kept = Math.min(Math.max(Math.round(100 * second) / 100, low), high);
    if (kept === segments[number][edge]) return;
    segments = segments.with(number, { ...segments[number], [edge]: kept, edited: true });
    schedule();
  }

  function tell(number) {
    const { start, end } = segments[number];
    model.send({ kind: "moved", number, start, end });
  }

  function onEdgeDown(event) {
    const handle = event.target.closest(".mmlab-moment-edge");
    if (!handle || event.button) return;
    event.stopPropagation(); // the lane below would play
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const number = Number(handle.dataset.segment);
    const from = handle.getBoundingClientRect();
    const grip = event.clientX - (handle.dataset.edge === "start" ? from.right : from.left);
    drag = { number, edge: handle.dataset.edge, grip, before: segments[number] };
  }

  function onEdgeMove(event) {
    if (!drag) return;
    const box = scale.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - drag.grip - box.left) / box.width, 0), 1);
    move(drag.number, drag.edge, shown[0] + share * (shown[1] - shown[0]));
  }

  function onEdgeUp(event) {
    if (!drag) return;
    const { number, before } = drag;
    drag = null;
    if (event.type === "pointercancel") segments = segments.with(number, before);
    else if (segments[number] !== before) tell(number);
    schedule();
  }

  function onEdgeKey(event, handle) {
    const { edge } = handle.dataset;
    const number = Number(handle.dataset.segment);
    const here = segments[number][edge];
    const step = event.shiftKey ? 1 : 0.1; // seconds
    const [low, high] = limits(segments[number], edge);
    const wanted = {
      ArrowRight: here + step, ArrowUp: here + step, ArrowLeft: here - step, ArrowDown: here - step,
      PageUp: here + 10, PageDown: here - 10, Home: low, End: high,
    }[event.key];
    if (wanted !== undefined) {
      move(number, edge, wanted);
      const second = segments[number][edge];
      if (second < shown[0] || second > shown[1]) showFrom(second - (shown[1] - shown[0]) / 2);
      settle(`moved ${number}`, () => tell(number));
    } else if (event.key === "Enter" || event.key === " ") play(here);
    else if (event.key === "Escape" && drag) onEdgeUp({ type: "pointercancel" });
    else if (event.key === "Backspace" || event.key === "Delete") model.send({ kind: "reset", number });
    else return false;
    return true;
  }

  function onKey(event) {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const handle = event.target.closest(".mmlab-moment-edge");
    const zooms = { "+": 0.5, "=": 0.5, "-": 2 };
    if (handle && onEdgeKey(event, handle)) event.preventDefault();
    else if (event.key in zooms) zoom(zooms[event.key]);
    else if (event.key === "0") show(0, model.get("seconds"));
  }

  // A name plays its segment; one that is too narrow to be seen is brought closer.
  function onName(event) {
    const name = event.target.closest(".mmlab-moment-name");
    if (!name) return;
    const segment = segments[name.nextSibling.querySelector(".mmlab-moment-edge").dataset.segment];
    const length = segment.end - segment.start;
    const narrow = length < NARROW * (shown[1] - shown[0]);
    const around = (CLOSER - 1) / 2 * length;
    if (narrow) show(segment.start - around, segment.end + around);
    else if (segment.start < shown[0] || segment.end > shown[1]) showFrom(segment.start - around);
    play(segment.start);
  }

  function onFocus(event) {
    const { edge, segment } = event.target.dataset;
    if (!edge) return;
    touched = { edge, segment };
    if (drag) return;
    const second = segments[segment][edge];
    if (second < shown[0] || second > shown[1]) showFrom(second - (shown[1] - shown[0]) / 2);
  }

  function readLanes() {
    const bytes = model.get("heat");
    const flat = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const rows = Math.max(...model.get("lanes").map((lane) => lane.heat + 1), 0);
    const length = rows ? flat.length / rows : 0;
    heats = Array.from({ length: rows }, (_, row) => flat.slice(row * length, (row + 1) * length));
    shown = model.get("shown");
    lines.replaceChildren(...model.get("lanes").map(buildMomentLane));
    parts.foot.firstChild.textContent = model.get("hint");
    readSegments();
  }

  function readSegments() {
    if (!drag) segments = model.get("segments");
    schedule();
  }

  async function readPictures() {
    const sent = model.get("pictures");
    const found = await Promise.all(sent.map(async ({ start, end, bytes }) => (
      { start, end, bitmap: await createImageBitmap(new Blob([bytes])) }
    )));
    if (sent === model.get("pictures")) pictures = found; // else newer ones are on their way
    schedule();
  }

  const onLanes = lanePointer(scale, { shown: () => shown, showFrom, zoom, play, hover: () => {} });
  stage.addEventListener("pointerdown", onEdgeDown, { capture: true });
  for (const [name, action] of Object.entries(onLanes)) {
    stage.addEventListener(name, action, { passive: false });
  }
  stage.addEventListener("pointermove", onEdgeMove);
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, onEdgeUp);
  stage.addEventListener("click", onName);
  root.addEventListener("keydown", onKey);
  root.addEventListener("focusin", onFocus);
  buildZooms(parts.zooms, {
    "−": ["Show more time", () => zoom(2)],
    "+": ["Show less time", () => zoom(0.5)],
    all: ["Show the whole video", () => show(0, model.get("seconds"))],
  });

  const listeners = {
    "change:lanes": readLanes, "change:heat": readLanes, "change:segments": readSegments,
    "change:pictures": readPictures, "change:playhead": drawPlayhead,
    "msg:custom": readSegments, // the kernel refused what was moved here
    "change:shown": () => { shown = model.get("shown"); schedule(); },
  };
  for (const [name, action] of Object.entries(listeners)) model.on(name, action);
  const sizes = new ResizeObserver(schedule);
  sizes.observe(root);
  el.append(root);
  readLanes();
  readPictures();

  return () => {
    for (const [name, action] of Object.entries(listeners)) model.off(name, action);
    sizes.disconnect();
    Object.values(settling).forEach(clearTimeout);
    cancelAnimationFrame(frame);
  };
}

export default { render };
