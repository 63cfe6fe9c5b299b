// The saved page's stand-in for the kernel: it holds the traits and plays the clip.
// clock.py's module stands above this one in the same script.

function bytesOf(base64) {
  const text = atob(base64);
  return new DataView(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
}

function pageModel(state, play) {
  const heard = new Map();
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      for (const action of heard.get(`change:${name}`) ?? []) action();
    },
    on: (name, action) => heard.set(name, [...(heard.get(name) ?? []), action]),
    off: (name, action) => heard.set(name, (heard.get(name) ?? []).filter((one) => one !== action)),
    save_changes() {},
    send: (message) => play(message.seconds),
  };
}

const page = JSON.parse(document.getElementById("clock-state").textContent);
const video = document.querySelector("video");
const state = { ...page.state, seconds: bytesOf(page.seconds) };
state.pictures = page.pictures.map((picture) => ({ ...picture, bytes: bytesOf(picture.bytes) }));
const start = state.span[0];
const model = pageModel(state, (seconds) => {
  if (!video) return;
  video.currentTime = seconds - start;
  video.play();
});

const choice = document.querySelector("select");
const worths = document.querySelector(".mmlab-deletion");

function tableRow(cells, tag) {
  const row = document.createElement("tr");
  for (const text of cells) {
    const cell = Object.assign(document.createElement(tag), { textContent: text });
    if (tag === "th") cell.scope = "col";
    row.append(cell);
  }
  return row;
}

// Beside the clock: links and deletion test of the heat and the word that are chosen.
function tellBeside() {
  const found = page.weightings[choice.value].links[state.chosen];
  const table = document.createElement("table");
  table.createCaption().textContent = found.title;
  table.createTHead().append(tableRow(page.head, "th"));
  table.createTBody().append(...found.cells.map((cells) => tableRow(cells, "td")));
  document.querySelector(".mmlab-links").replaceChildren(table);
  const wanted = `${choice.selectedIndex} ${state.chosen}`;
  const measured = [...worths.children].filter((one) => one.dataset.of);
  for (const one of measured) one.hidden = one.dataset.of !== wanted;
  const note = worths.querySelector(":scope > p");
  if (note) note.hidden = measured.some((one) => !one.hidden);
}

function weigh() {
  const { rows, whole, unit, weights } = page.weightings[choice.value];
  Object.assign(state, { whole, unit, weights: bytesOf(weights) });
  if (state.chosen >= rows.length) state.chosen = 0;
  model.set("words", rows);
  tellBeside();
}
model.on("change:chosen", tellBeside);
choice.addEventListener("change", weigh);
document.querySelector("input")?.addEventListener("change", (event) => {
  model.set("every_word", event.target.checked);
});
video?.addEventListener("timeupdate", () => model.set("playhead", start + video.currentTime));
for (const name of ["play", "pause", "ended"]) {
  video?.addEventListener(name, () => model.set("playing", !video.paused && !video.ended));
}
weigh();
render({ model, el: document.getElementById("clock") });
