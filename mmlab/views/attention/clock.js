// Last part of the clock: what the pointer, the keys and Python do to it.
// Hovering draws at once from what is here; the kernel hears only of what is chosen.

const SHORTEST_SHOWN = 0.5; // seconds
const SETTLE_MILLISECONDS = 150;
const SPEAK_MILLISECONDS = 500; // what is only pointed at is read out when the pointer rests
const STEPS_ACROSS = 40; // arrow keys
const BETWEEN_TICKS = 400; // milliseconds that the playhead may run ahead of the player's word

// The player in the same page, so that a click plays though the kernel is busy. Where there is
// none, or none that this front end finds, the kernel passes the word on.
async function findPlayer(model) {
  const id = model.get("player_id");
  return (id && (await model.widget_manager?.get_model(id).catch(() => null))) || null;
}

function render({ model, el }) {
  const parts = build();
  const { root, words, lanes, scale, playhead, cursor } = parts;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  let data = readData(model);
  let shown = model.get("shown");
  let pictures = {}; // name of a lane -> its pictures, whole ones first
  let hovered = { row: null, second: null, under: null, place: [0, 0] };
  let player = null;
  let told = { second: 0, at: 0 };
  let frame = 0;
  let running = 0;
  let settling = 0;
  let speaking = 0;

  const place = (second) => (second - shown[0]) / Math.max(shown[1] - shown[0], 1e-6);
  const chosenRow = () => hovered.row ?? model.get("chosen");
  const chosenSecond = () => hovered.second ?? model.get("second");

  function tell(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  }

  function schedule() {
    frame ||= requestAnimationFrame(() => { frame = 0; draw(); });
  }

  function rowsShown() {
    const every = data.words.map((_, row) => row).filter((row) => row !== data.whole);
    return model.get("every_word") && every.length ? every : [chosenRow()];
  }

  function draw() {
    const rows = rowsShown();
    parts.legend.hidden = !truthShown(data, rows).length;
    data.lanes.forEach((lane, index) => {
      const line = lanes.children[index];
      if (!lane.tokens.length) drawImages(line, lane, pictures[lane.name] ?? [], place);
      else if (rows[0] in data.words) drawHeat(line, data, lane, rows, place, chosenRow());
      line.lastChild.setAttribute("aria-label", tellLane(data, lane, chosenRow()));
    });
    drawTicks(scale, data, shown, place);
    drawWords();
    drawSecond();
    drawPlayhead();
  }

  function drawWords() {
    const second = chosenSecond();
    const totals = second === null ? [] : wordsAt(data, second);
    const most = Math.max(...totals.filter((_, row) => row !== data.whole), 0);
    for (const button of words.children) {
      const row = Number(button.dataset.row);
      const share = row === data.whole || !most ? 0 : (totals[row] ?? 0) / most;
      button.lastChild.style.width = `${100 * share}%`;
      button.setAttribute("aria-pressed", String(row === model.get("chosen")));
      button.classList.toggle("mmlab-word-shown", row === chosenRow());
      button.tabIndex = row === model.get("chosen") ? 0 : -1; // one stop; the arrows do the rest
    }
  }

  function drawSecond() {
    const second = chosenSecond();
    const inside = second !== null && second >= shown[0] && second <= shown[1];
    cursor.hidden = !inside;
    cursor.style.left = `${100 * place(second ?? 0)}%`;
    const [start, end] = model.get("span");
    const value = second ?? start;
    scale.setAttribute("aria-valuemin", start);
    scale.setAttribute("aria-valuemax", end);
    scale.setAttribute("aria-valuenow", value);
    scale.setAttribute("aria-valuetext", withUnit(data, timeText(data, value)));
    const row = hovered.under ?? chosenRow();
    const lines = [tellWord(data, row), tellTruth(data, row), second === null ? "" : tellSecond(data, second)];
    say(model.get("message") || lines.filter(Boolean).join(" "));
    drawRowName();
  }

  // To be seen at once; read out at a choice, or when the pointer rests.
  function say(text) {
    if (parts.told.textContent === text) return;
    parts.told.textContent = text;
    const pointing = hovered.row !== null || hovered.second !== null;
    clearTimeout(speaking);
    speaking = setTimeout(() => { parts.spoken.textContent = text; }, pointing ? SPEAK_MILLISECONDS : 0);
  }

  function drawRowName() {
    const { under } = hovered;
    parts.row.hidden = under === null || !(under in data.words);
    if (parts.row.hidden) return;
    parts.row.textContent = wordText(data, under);
    const box = parts.over.getBoundingClientRect();
    const [left, top] = [hovered.place[0] - box.left, hovered.place[1] - box.top];
    const beside = left > box.width / 2 ? "translate(calc(-100% - 10px), -50%)" : "translate(10px, -50%)";
    Object.assign(parts.row.style, { left: `${left}px`, top: `${top}px`, transform: beside });
  }

  // The player tells its time four times a second; in between the playhead runs on by itself.
  function drawPlayhead() {
    const going = model.get("playing") && !still;
    const ahead = going ? Math.min(performance.now() - told.at, BETWEEN_TICKS) / 1000 : 0;
    const second = Math.min(told.second + ahead, model.get("span")[1]);
    if (going && second > shown[1] && told.second >= shown[0]) showFrom(shown[1]);
    playhead.hidden = second < shown[0] || second > shown[1];
    playhead.style.left = `${100 * place(second)}%`;
    if (going) running ||= requestAnimationFrame(() => { running = 0; drawPlayhead(); });
  }

  function hear() {
    told = { second: model.get("playhead"), at: performance.now() };
    drawPlayhead();
  }

  function show(start, end) {
    const [first, last] = model.get("span");
    const length = Math.min(Math.max(end - start, SHORTEST_SHOWN), last - first);
    const left = Math.min(Math.max(start, first), last - length);
    shown = [left, left + length];
    schedule();
    clearTimeout(settling);
    settling = setTimeout(() => tell({ shown }), SETTLE_MILLISECONDS);
  }

  function showFrom(start) {
    show(start, start + shown[1] - shown[0]);
  }

  function zoom(factor, around = hovered.second ?? model.get("second") ?? (shown[0] + shown[1]) / 2) {
    const kept = Math.min(Math.max(place(around), 0), 1);
    const length = (shown[1] - shown[0]) * factor;
    show(around - kept * length, around + (1 - kept) * length);
  }

  function choose(second) {
    const [start, end] = model.get("span");
    const bounded = Math.min(Math.max(second, start), end);
    if (bounded < shown[0] || bounded > shown[1]) showFrom(bounded - (shown[1] - shown[0]) / 2);
    tell({ second: bounded });
    return bounded;
  }

  function play(second) {
    const seconds = choose(second);
    if (!player) return model.send({ kind: "play", seconds });
    player.trigger("msg:custom", { kind: "seek", seconds }, []);
    player.trigger("msg:custom", { kind: "play" }, []);
  }

  async function readPictures() {
    const found = {};
    const sent = model.get("pictures");
    for (const { name, start, end, bytes } of sent) {
      const bitmap = await createImageBitmap(new Blob([bytes]));
      (found[name] ??= []).push({ start, end, bitmap });
    }
    if (sent === model.get("pictures")) pictures = found; // else newer ones are on their way
    schedule();
  }

  function readAll() {
    data = readData(model);
    hovered = { ...hovered, row: null, second: null, under: null };
    words.replaceChildren(...data.words.map((_, row) => buildWord(data, row)));
    lanes.replaceChildren(...data.lanes.map(buildLane));
    root.classList.toggle("mmlab-clock-empty", !data.lanes.length);
    words.hidden = data.words.length < 2;
    schedule();
  }

  function previewWord(event) {
    const button = event.target.closest?.(".mmlab-word");
    hovered.row = button && event.type !== "focusout" ? Number(button.dataset.row) : null;
    schedule();
  }

  function moveAmongWords(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...words.children];
    if (!step || !all.includes(event.target)) return;
    event.preventDefault();
    all[(all.indexOf(event.target) + step + all.length) % all.length].focus();
  }

  function onScaleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = model.get("second") ?? shown[0]; // wherever the pointer rests
    const step = (shown[1] - shown[0]) / STEPS_ACROSS;
    const [start, end] = model.get("span");
    const actions = {
      ArrowRight: () => choose(here + step), ArrowUp: () => choose(here + step),
      ArrowLeft: () => choose(here - step), ArrowDown: () => choose(here - step),
      PageDown: () => choose(here - 10 * step), PageUp: () => choose(here + 10 * step),
      Home: () => choose(start), End: () => choose(end),
      Enter: () => play(here), " ": () => play(here),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => show(start, end),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    hovered.second = hovered.under = null;
    actions[event.key]();
    schedule();
  }

  const onLanes = lanePointer(scale, {
    shown: () => shown,
    showFrom,
    zoom,
    play,
    hover: (second, event) => {
      hovered.second = second;
      hovered.under = second === null ? null : rowUnder(event, rowsShown());
      hovered.place = [event.clientX, event.clientY];
      schedule();
    },
  });
  for (const [name, action] of Object.entries(onLanes)) {
    parts.stage.addEventListener(name, action, { passive: false });
  }
  for (const name of ["pointerover", "pointerleave", "focusin", "focusout"]) {
    words.addEventListener(name, previewWord);
  }
  words.addEventListener("keydown", moveAmongWords);
  words.addEventListener("click", (event) => {
    const button = event.target.closest(".mmlab-word");
    if (button) tell({ chosen: Number(button.dataset.row) });
  });
  scale.addEventListener("keydown", onScaleKey);
  root.addEventListener("keydown", (event) => event.stopPropagation());
  buildZooms(parts.zooms, {
    "−": ["Show more seconds", () => zoom(2)],
    "+": ["Show fewer seconds", () => zoom(0.5)],
    all: ["Show all seconds", () => show(...model.get("span"))],
  });

  const listeners = {
    "change:words change:lanes": readAll,
    "change:weights change:seconds change:truth change:span": () => { data = readData(model); schedule(); },
    "change:pictures": readPictures,
    "change:chosen change:second change:every_word change:message": schedule,
    "change:shown": () => { shown = model.get("shown"); schedule(); },
    "change:playhead change:playing": hear,
  };
  const everyListener = Object.entries(listeners)
    .flatMap(([names, action]) => names.split(" ").map((name) => [name, action]));
  for (const [name, action] of everyListener) model.on(name, action);
  const sizes = new ResizeObserver(schedule);
  sizes.observe(root);
  el.append(root);
  readAll();
  readPictures();
  hear();
  findPlayer(model).then((found) => { player = found; });

  return () => {
    for (const [name, action] of everyListener) model.off(name, action);
    sizes.disconnect();
    clearTimeout(settling);
    clearTimeout(speaking);
    cancelAnimationFrame(frame);
    cancelAnimationFrame(running);
  };
}

export default { render };
