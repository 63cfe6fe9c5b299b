// Third part of the clock: the document's elements.

const SMALLEST_TEXT = 11; // pixels

function element(tag, className, properties = {}) {
  const { textContent, ...others } = properties;
  const node = document.createElement(tag);
  node.className = className;
  if (textContent) node.textContent = textContent;
  for (const [name, value] of Object.entries(others)) node.setAttribute(name, value);
  return node;
}

function buildWord(data, row) {
  const button = element("button", "mmlab-word", { type: "button", "data-row": row, tabindex: -1 });
  const whole = row === data.whole;
  button.append(
    element("span", "mmlab-word-text", { textContent: wordText(data, row) }),
    element("span", "mmlab-word-heat", { "aria-hidden": "true" }),
  );
  button.classList.toggle("mmlab-word-whole", whole);
  return button;
}

function buildLane(lane) {
  const line = element("div", "mmlab-lane");
  const label = element("div", "mmlab-lane-label", { textContent: lane.label });
  const plot = element("div", "mmlab-lane-plot", { role: "img" });
  const canvas = element("canvas", lane.tokens.length ? "mmlab-heat" : "mmlab-lane-image");
  plot.append(canvas);
  line.append(label, plot);
  return line;
}

// What a lane is and from where to where its heat goes; beside several rows stand their words.
function labelLane(line, data, lane, rows, rowHeight, chosen) {
  const label = line.firstChild;
  const name = element("div", "mmlab-lane-name", { textContent: lane.label });
  const [low, high] = lane.scale(rows[0]).map((weight) => amount(data, weight));
  const whose = rows[0] === data.whole ? "" : "words: "; // a faint word is faint beside the others
  name.append(element("small", "", { textContent: `${whose}${low} to ${high}` }));
  label.replaceChildren(name);
  line.classList.toggle("mmlab-lane-several", rows.length > 1);
  if (rows.length < 2 || rowHeight < SMALLEST_TEXT) return;
  const words = element("div", "mmlab-lane-words", { "aria-hidden": "true" });
  for (const row of rows) {
    const word = element("div", "", { textContent: data.words[row] });
    word.style.height = `${rowHeight}px`;
    word.classList.toggle("mmlab-lane-word-chosen", row === chosen);
    words.append(word);
  }
  label.append(words);
}

function build() {
  const parts = {
    root: element("div", "mmlab-clock", { role: "group", "aria-label": "Words over seconds" }),
    words: element("div", "mmlab-words", { role: "group", "aria-label": "Whose heat: arrows move, Enter chooses" }),
    stage: element("div", "mmlab-clock-stage"),
    lanes: element("div", "mmlab-clock-lanes"),
    axis: element("div", "mmlab-lane mmlab-lane-axis"),
    scale: element("div", "mmlab-lane-scale", { role: "slider", tabindex: 0 }),
    over: element("div", "mmlab-clock-over"),
    playhead: element("div", "mmlab-playhead"),
    cursor: element("div", "mmlab-cursor"),
    foot: element("div", "mmlab-clock-foot"),
    row: element("div", "mmlab-clock-row"),
    told: element("p", "mmlab-clock-told", { "aria-hidden": "true" }),
    spoken: element("p", "mmlab-clock-spoken", { role: "status" }),
    legend: element("p", "mmlab-clock-legend", { textContent: "true seconds, as the corpus knows them" }),
    zooms: element("div", "mmlab-zooms", { role: "group", "aria-label": "Zoom the seconds" }),
  };
  parts.scale.setAttribute("aria-label", "Second: arrows move, Enter plays, + and - zoom, 0 shows all");
  parts.zooms.title = "Ctrl and the wheel zoom too; dragging moves along";
  parts.root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys rest in here
  parts.over.append(parts.cursor, parts.playhead, parts.row);
  parts.axis.append(element("div", "mmlab-lane-label"), parts.scale);
  parts.stage.append(parts.lanes, parts.axis, parts.over);
  parts.foot.append(parts.told, parts.zooms);
  parts.root.append(parts.words, parts.stage, parts.legend, parts.foot, parts.spoken);
  return parts;
}

// Buttons beside each other; what each does stands in its label.
function buildZooms(holder, actions) {
  for (const [text, [name, action]] of Object.entries(actions)) {
    const button = element("button", "mmlab-zoom", { type: "button", textContent: text, title: name });
    button.setAttribute("aria-label", name);
    button.addEventListener("click", action);
    holder.append(button);
  }
}
