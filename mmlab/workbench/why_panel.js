// The browser's half of WhyPanel (why_panel.py): bars of shares, words, and seconds that play.

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

// Where 0 lies, and how long a share is, in percent of a bar's track that all rows have in common.
function scaleOf(values) {
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const length = Math.max(high - low, 1e-9);
  return { zero: (-100 * low) / length, percent: (value) => (100 * value) / length };
}

function drawBar(value, colour, scale) {
  const track = element("div", "mmlab-why-track");
  const bar = element("div", value < 0 ? "mmlab-why-bar mmlab-why-less" : "mmlab-why-bar");
  bar.style.left = `${scale.zero + Math.min(0, scale.percent(value))}%`;
  bar.style.width = `${Math.abs(scale.percent(value))}%`;
  bar.style.setProperty("--mmlab-colour", colour);
  const zero = element("div", "mmlab-why-zero");
  zero.style.left = `${scale.zero}%`;
  track.append(bar, zero);
  return track;
}

function headCell(text, className = "") {
  const cell = element("th", className, text);
  cell.scope = "col";
  return cell;
}

function tableRow(row, scale) {
  const line = element("tr", "");
  const name = element("th", "mmlab-why-name", row.name);
  name.scope = "row";
  const place = element("td", "mmlab-why-place");
  place.append(drawBar(row.value, row.colour, scale));
  line.append(name, place, element("td", "mmlab-why-number", row.share));
  line.append(element("td", "mmlab-why-number", row.without));
  return line;
}

function drawTable(table, total, scale) {
  const node = element("table", "mmlab-why-table");
  const head = element("tr", "");
  head.append(headCell(table.title, "mmlab-why-title"), element("td", ""));
  head.append(headCell("share", "mmlab-why-number"), headCell("without it", "mmlab-why-number"));
  const sum = element("tr", "mmlab-why-sum");
  const name = element("th", "mmlab-why-name", "Score");
  name.scope = "row";
  sum.append(name, element("td", ""), element("td", "mmlab-why-number", total), element("td", ""));
  node.append(head, ...table.rows.map((row) => tableRow(row, scale)), sum);
  return node;
}

function drawWords(part) {
  const root = element("div", "mmlab-why-words");
  root.append(element("h4", "", `Words of ${part.part}: the score that is lost without each`));
  const list = element("ul", "");
  const scale = scaleOf(part.words.map((word) => word.value));
  for (const word of part.words) {
    const item = element("li", "");
    item.append(element("span", "mmlab-why-word", word.name));
    item.append(drawBar(word.value, "var(--mmlab-text)", scale));
    item.append(element("span", "mmlab-why-number", word.share));
    list.append(item);
  }
  root.append(list);
  return root;
}

// One piece of a lane can be reached by Tab, the arrow keys move within the lane.
function moveWithin(buttons, event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const next = buttons[buttons.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function pieceButton(piece, lane, most, span, play) {
  const button = element("button", piece.value < 0 ? "mmlab-why-less" : "");
  const words = `${lane.name}, ${piece.name}: ${piece.share}. Play from here.`;
  button.type = "button";
  button.title = words;
  button.setAttribute("aria-label", words);
  button.style.left = `${(100 * (piece.start - span[0])) / (span[1] - span[0])}%`;
  button.style.width = `${(100 * (piece.end - piece.start)) / (span[1] - span[0])}%`;
  button.style.setProperty("--mmlab-colour", lane.colour);
  button.style.setProperty("--mmlab-heat", `${Math.round((100 * Math.abs(piece.value)) / most)}%`);
  button.addEventListener("click", () => play(piece.start));
  return button;
}

function drawLane(lane, most, span, play) {
  const line = element("div", "mmlab-why-lane");
  const plot = element("div", "mmlab-why-pieces");
  const buttons = lane.pieces.map((piece) => pieceButton(piece, lane, most, span, play));
  buttons.forEach((button, number) => { button.tabIndex = number ? -1 : 0; });
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", `${lane.name}: seconds`);
  plot.addEventListener("keydown", (event) => moveWithin(buttons, event));
  plot.append(...buttons);
  line.append(element("span", "mmlab-why-lane-name", lane.name), plot);
  return line;
}

function drawLanes(lanes, play) {
  const root = element("div", "mmlab-why-seconds");
  const pieces = lanes.flatMap((lane) => lane.pieces);
  if (!pieces.length) return root;
  const span = [Math.min(...pieces.map((p) => p.start)), Math.max(...pieces.map((p) => p.end))];
  const most = Math.max(...pieces.map((piece) => Math.abs(piece.value)), 1e-9);
  const ends = element("div", "mmlab-why-ends");
  ends.append(...span.map((second) => element("span", "", `${second.toFixed(1)} s`)));
  root.append(element("h4", "", "Seconds of the clip: the score that is lost without each"));
  root.append(...lanes.map((lane) => drawLane(lane, most, span, play)), ends);
  const strongest = pieces.reduce((best, piece) => (piece.value > best.value ? piece : best));
  const told = `Strongest: ${strongest.name}, ${strongest.share}. `;
  const legend = "Full: lost most. Striped: the score would be higher without it. Click to play.";
  root.append(element("p", "mmlab-why-legend", told + legend));
  return root;
}

function drawReasons(reasons, play) {
  const sentences = element("ul", "mmlab-why-sentences");
  sentences.append(...reasons.sentences.map((sentence) => element("li", "", sentence)));
  const rows = reasons.tables.flatMap((table) => table.rows);
  const scale = scaleOf(rows.map((row) => row.value));
  return [
    element("h3", "", reasons.title),
    element("small", "mmlab-why-clip", reasons.clip),
    element("p", "mmlab-why-question", reasons.question),
    ...reasons.tables.map((table) => drawTable(table, reasons.total, scale)),
    sentences,
    ...reasons.words.map(drawWords),
    drawLanes(reasons.lanes, play),
  ];
}

function render({ model, el }) {
  const root = element("div", "mmlab-why-bars");
  root.setAttribute("aria-live", "polite");

  function draw() {
    const reasons = model.get("reasons");
    const play = (seconds) => model.send({ kind: "play", seconds });
    const greeting = element("p", "", model.get("greeting"));
    root.replaceChildren(...(reasons.title ? drawReasons(reasons, play) : [greeting]));
  }

  model.on("change:reasons", draw);
  draw();
  el.append(root);
  return () => model.off("change:reasons", draw);
}

export default { render };
