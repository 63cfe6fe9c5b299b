// The browser's half of ClipPlayer, first part: its elements. Text is only set as textContent.

const ICONS = {
  play: "M4 2 L14 8 L4 14 Z",
  pause: "M3 2 H6.5 V14 H3 Z M9.5 2 H13 V14 H9.5 Z",
  sound: "M1 6 H4 L8 2.5 V13.5 L4 10 H1 Z M10 4.5 Q13.5 8 10 11.5 V10 Q11.8 8 10 6 Z",
  mute: "M1 6 H4 L8 2.5 V13.5 L4 10 H1 Z M10 5.5 L11 4.5 L15 10.5 L14 11.5 Z M14 4.5 L15 5.5 L11 11.5 L10 10.5 Z",
};

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function drawing(tag, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function iconButton(className) {
  const button = element("button", className, { type: "button" });
  const picture = drawing("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
  picture.append(drawing("path"));
  button.append(picture);
  return button;
}

function setButton(button, icon, label) {
  button.querySelector("path").setAttribute("d", ICONS[icon]);
  button.setAttribute("aria-label", label);
  button.title = label;
}

function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const two = (number) => String(number % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  const start = minutes < 60 ? minutes : `${Math.floor(minutes / 60)}:${two(minutes)}`;
  return `${start}:${two(whole)}`;
}

// A heading may break between what it says, but never inside a time.
function withWholeTimes(text) {
  return text.replace(/(\d)–(\d)/g, "$1\u2060–\u2060$2").replace(/(\d) s\b/g, "$1\u00a0s");
}

function buildStage() {
  const parts = {
    stage: element("div", "mmlab-stage"),
    poster: element("img", "mmlab-poster", { alt: "" }),
    video: element("video", "mmlab-video", { playsInline: true, preload: "none", tabIndex: -1 }),
    still: element("img", "mmlab-still", { alt: "" }),
    wave: element("div", "mmlab-wave"),
  };
  parts.stage.append(parts.poster, parts.video, parts.still, parts.wave);
  return parts;
}

function build() {
  const parts = {
    ...buildStage(),
    root: element("div", "mmlab-player", { role: "group", tabIndex: 0 }),
    heading: element("div", "mmlab-heading"),
    bar: element("div", "mmlab-bar"),
    play: iconButton("mmlab-play"),
    seek: element("input", "mmlab-seek", { type: "range", step: "any" }),
    segment: element("span", "mmlab-segment-now"),
    now: element("span", "mmlab-player-now"),
    end: element("span", "mmlab-player-end"),
    mute: iconButton("mmlab-mute"),
    marks: element("div", "mmlab-marks", { role: "group", ariaLabel: "Segments" }),
    caption: element("p", "mmlab-caption"),
    message: element("p", "mmlab-message", { role: "status" }),
  };
  parts.seek.setAttribute("aria-label", "Seek, in seconds of the media file");
  // JupyterLab would otherwise take J, K and the arrows for moving between cells.
  parts.root.dataset.lmSuppressShortcuts = "true";
  const times = element("span", "mmlab-player-clock");
  times.append(parts.now, parts.end);
  parts.bar.append(parts.play, parts.seek, parts.marks, parts.segment, times, parts.mute);
  const { root, heading, stage, bar, caption, message } = parts;
  root.append(heading, stage, bar, caption, message);
  return parts;
}
