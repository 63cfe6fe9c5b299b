// The browser's half of ClipPlayer (player.py): poster first, bytes when somebody presses play.
// Text from Python is only ever set as textContent.

const ICONS = { play: "M4 2 L14 8 L4 14 Z", pause: "M3 2 H6.5 V14 H3 Z M9.5 2 H13 V14 H9.5 Z" };
const JUMP_SECONDS = {
  arrowleft: -1, arrowdown: -1, arrowright: 1, arrowup: 1, j: -5, l: 5, home: -1e9, end: 1e9,
};

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function iconButton(className) {
  const button = element("button", className, { type: "button" });
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  picture.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  button.append(picture);
  return button;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function build() {
  const parts = {
    root: element("div", "mmlab-player", { role: "group", tabIndex: 0 }),
    heading: element("div", "mmlab-heading"),
    stage: element("div", "mmlab-stage"),
    poster: element("img", "mmlab-poster", { alt: "" }),
    video: element("video", "mmlab-video", { playsInline: true, preload: "none", tabIndex: -1 }),
    bar: element("div", "mmlab-bar"),
    play: iconButton("mmlab-play"),
    seek: element("input", "mmlab-seek", { type: "range", step: "any" }),
    clock: element("span", "mmlab-clock"),
    caption: element("p", "mmlab-caption"),
    message: element("p", "mmlab-message", { role: "status" }),
  };
  parts.seek.setAttribute("aria-label", "Seek, in seconds of the media file");
  // JupyterLab would otherwise take J, K and the arrows for moving between cells.
  parts.root.dataset.lmSuppressShortcuts = "true";
  parts.stage.append(parts.poster, parts.video);
  parts.bar.append(parts.play, parts.seek, parts.clock);
  parts.root.append(parts.heading, parts.stage, parts.bar, parts.caption, parts.message);
  return parts;
}

function render({ model, el }) {
  const parts = build();
  const { root, video, poster, play, seek } = parts;
  let mediaAddress = null;
  let posterAddress = null;
  let waiting = false;
  let offset = model.get("start_seconds"); // second 0 of the loaded media, in the file's clock

  const here = () => (mediaAddress ? offset + video.currentTime : model.get("current_time"));

  function tell(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  }

  function drawTime() {
    const seconds = Math.min(here(), model.get("end_seconds"));
    seek.value = seconds;
    seek.setAttribute("aria-valuetext", `${seconds.toFixed(1)} seconds`);
    parts.clock.textContent = `${clock(seconds)} / ${clock(model.get("end_seconds"))}`;
  }

  function drawButton() {
    const going = !video.paused && !video.ended;
    play.querySelector("path").setAttribute("d", going ? ICONS.pause : ICONS.play);
    play.setAttribute("aria-label", going ? "Pause" : `Play: ${model.get("caption") || "clip"}`);
    play.disabled = model.get("end_seconds") <= model.get("start_seconds");
    root.classList.toggle("mmlab-loading", waiting);
  }

  function drawWords() {
    for (const name of ["heading", "caption", "message"]) {
      parts[name].textContent = model.get(name);
      parts[name].hidden = !model.get(name);
    }
    root.setAttribute("aria-label", `Clip player. ${model.get("caption")}`);
    drawButton();
  }

  function drawPoster() {
    if (posterAddress) URL.revokeObjectURL(posterAddress);
    const bytes = model.get("poster");
    posterAddress = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes])) : null;
    poster.hidden = !posterAddress;
    if (posterAddress) poster.src = posterAddress;
    else poster.removeAttribute("src");
  }

  function forgetMedia() {
    video.pause();
    video.removeAttribute("src");
    video.load();
    if (mediaAddress) URL.revokeObjectURL(mediaAddress);
    mediaAddress = null;
    waiting = false;
    root.classList.remove("mmlab-started");
  }

  function drawClip() {
    forgetMedia();
    offset = model.get("start_seconds");
    seek.min = offset;
    seek.max = model.get("end_seconds");
    drawTime();
    drawWords();
  }

  async function start() {
    if (!mediaAddress) {
      waiting = true;
      model.send({ kind: "media" });
      return drawButton();
    }
    if (video.ended) video.currentTime = 0;
    try {
      await video.play();
    } catch (error) {
      // A browser refuses sound on a page nobody has clicked: the button still works.
      if (error.name !== "NotAllowedError" && error.name !== "AbortError") throw error;
    }
  }

  function receiveMedia(message, buffers) {
    if (!waiting || message.generation !== model.get("generation")) return;
    waiting = false;
    mediaAddress = URL.createObjectURL(new Blob([buffers[0]], { type: message.mime }));
    video.src = mediaAddress;
    video.currentTime = Math.max(0, model.get("current_time") - offset);
    start();
  }

  function moveTo(seconds) {
    const bounded = Math.min(Math.max(seconds, offset), model.get("end_seconds"));
    if (mediaAddress) video.currentTime = bounded - offset;
    else tell({ current_time: bounded });
    drawTime();
  }

  function toggle() {
    if (play.disabled) return;
    if (video.paused) start();
    else video.pause();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopPropagation();
    const key = event.key.toLowerCase();
    if (key === "k" || (key === " " && event.target !== play)) toggle();
    else if (key in JUMP_SECONDS) moveTo(here() + JUMP_SECONDS[key]);
    else return;
    event.preventDefault();
  }

  function onMessage(message, buffers) {
    if (message.kind === "media") receiveMedia(message, buffers);
    if (message.kind === "play") start();
    if (message.kind === "pause") video.pause();
    if (message.kind === "seek") moveTo(message.seconds);
    if (message.kind === "refused") {
      waiting = false;
      drawButton();
    }
  }

  poster.addEventListener("load", () => {
    const proportion = poster.naturalWidth / poster.naturalHeight;
    parts.stage.style.aspectRatio = Math.min(Math.max(proportion, 4 / 3), 16 / 9);
  });
  play.addEventListener("click", toggle);
  parts.stage.addEventListener("click", toggle);
  seek.addEventListener("input", () => moveTo(Number(seek.value)));
  root.addEventListener("keydown", onKey);
  video.addEventListener("loadeddata", () => {
    root.classList.toggle("mmlab-started", video.videoWidth > 0);
  });
  // Browsers fire timeupdate about four times a second: often enough for Python, not too often.
  video.addEventListener("timeupdate", () => {
    if (mediaAddress) tell({ current_time: here() });
    drawTime();
  });
  for (const name of ["play", "pause", "ended"]) {
    video.addEventListener(name, () => {
      drawButton();
      if (mediaAddress) tell({ playing: !video.paused && !video.ended });
    });
  }

  const listeners = {
    "change:generation": drawClip,
    "change:poster": drawPoster,
    "change:heading change:caption change:message": drawWords,
    "change:current_time": () => mediaAddress || drawTime(),
    "msg:custom": onMessage,
  };
  for (const [names, action] of Object.entries(listeners)) {
    for (const name of names.split(" ")) model.on(name, action);
  }
  drawPoster();
  drawClip();
  el.append(root);

  return () => {
    for (const [names, action] of Object.entries(listeners)) {
      for (const name of names.split(" ")) model.off(name, action);
    }
    forgetMedia();
    if (posterAddress) URL.revokeObjectURL(posterAddress);
  };
}

export default { render };
