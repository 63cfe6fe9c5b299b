// One view of a ClipPlayer. Several views of one player stay in step; the one that was used last
// is its owner: it sounds and tells the time, the others follow it.

const JUMP_SECONDS = {
  arrowleft: -1, arrowdown: -1, arrowright: 1, arrowup: 1, j: -5, l: 5, home: -1e9, end: 1e9,
};
const IN_STEP_SECONDS = 0.3; // a time that differs by more was set by somebody else
const LABEL_CHARACTERS = 120;

// From one card of a gallery to the next, or to the one above or below.
function moveToCard(root, key) {
  const cards = [...root.closest(".mmlab-gallery").querySelectorAll(".mmlab-player")];
  const top = cards[0].getBoundingClientRect().top;
  const columns = cards.filter((card) => card.getBoundingClientRect().top === top).length;
  const step = { arrowleft: -1, arrowright: 1, arrowup: -columns, arrowdown: columns }[key];
  cards[cards.indexOf(root) + step]?.focus();
}

function render({ model, el }) {
  const parts = build();
  const { root, video, poster, play, seek, mute } = parts;
  const id = Math.random().toString(36).slice(2);
  let generation = -1;
  let pictured = -1; // the generation whose poster was asked for
  let visible = false;
  let telling = false;
  let notice = "";
  let posterAddress = null;

  const mine = () => model.get("owner") === id;
  const span = () => [model.get("start_seconds"), model.get("end_seconds")];
  const seconds = () => (mine() ? playback.seconds : model.get("current_time"));
  const going = () => (mine() ? playback.going : model.get("playing"));
  const blank = () => Boolean(model.get("message")) && poster.hidden && parts.wave.hidden;
  const send = (request) => model.send({ ...request, generation, view: id });

  // Times go with the clip that they are of: meanwhile Python may have put another one here.
  function tell(changes) {
    telling = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.set("told", [generation, model.get("current_time"), model.get("playing")]);
    telling = false;
    model.save_changes();
    draw();
  }

  const playback = new Playback(video, parts.still, {
    ask: send,
    changed() {
      if (generation !== model.get("generation")) return;
      if (mine()) tell({ current_time: playback.seconds, playing: playback.going });
      else draw();
    },
    refused() {
      playback.pause();
      notice = "The browser plays sound after a click only: press play.";
      drawWords();
    },
  });

  function draw() {
    if (generation !== model.get("generation")) return; // drawClip is about to draw it all
    const [start, end] = span();
    const now = seconds();
    const caption = model.get("caption").slice(0, LABEL_CHARACTERS);
    seek.value = now;
    seek.setAttribute("aria-valuetext", `${now.toFixed(1)} seconds`);
    parts.now.textContent = clock(now);
    parts.end.textContent = ` / ${clock(end)}`;
    setButton(play, going() ? "pause" : "play", going() ? "Pause" : `Play: ${caption || "clip"}`);
    setButton(mute, model.get("muted") ? "mute" : "sound", model.get("muted") ? "Unmute" : "Mute");
    video.muted = model.get("muted");
    play.disabled = seek.disabled = blank() || end <= start;
    root.style.setProperty("--mmlab-share", (now - start) / Math.max(end - start, 1e-6));
    root.classList.toggle("mmlab-blank", blank());
    root.classList.toggle("mmlab-loading", playback.waiting && playback.going);
    root.classList.toggle("mmlab-stills", playback.media !== video);
    parts.segment.textContent = tellMarks(parts.marks, model.get("marks"), now);
  }

  function drawWords() {
    const words = { message: notice || model.get("message") };
    words.heading = withWholeTimes(model.get("heading"));
    words.caption = model.get("caption");
    for (const [name, text] of Object.entries(words)) {
      parts[name].textContent = text;
      parts[name].hidden = !text;
    }
    parts.heading.title = words.heading; // a card shows one line of it
    parts.caption.title = words.caption; // and three of this
    const caption = words.caption.slice(0, LABEL_CHARACTERS);
    root.setAttribute("aria-label", `${blank() ? "Clip" : "Clip player"}. ${caption}`.trim());
    draw();
  }

  function drawPictures() {
    if (posterAddress) URL.revokeObjectURL(posterAddress);
    const bytes = model.get("poster");
    posterAddress = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes])) : null;
    poster.hidden = !posterAddress;
    if (posterAddress) poster.src = posterAddress;
    else poster.removeAttribute("src");
    drawWave(parts.wave, model.get("wave"));
    root.classList.toggle("mmlab-sound", !parts.wave.hidden);
    askForPoster();
    draw();
  }

  function askForPoster() {
    const there = model.get("poster")?.byteLength || model.get("wave")?.byteLength;
    if (there || !visible || pictured === generation || generation < 1) return;
    pictured = generation;
    send({ kind: "poster" });
  }

  function drawClip() {
    generation = model.get("generation");
    notice = "";
    root.classList.remove("mmlab-started");
    [seek.min, seek.max] = span();
    playback.reset(span(), model.get("current_time"));
    drawMarks(parts.marks, model.get("marks"), span(), moveTo);
    root.classList.toggle("mmlab-marked", !parts.marks.hidden);
    parts.bar.prepend(...(parts.marks.hidden ? [play] : [seek, parts.marks]));
    drawPictures();
    drawWords();
  }

  function take() {
    if (mine()) return;
    playback.moveTo(model.get("current_time"));
    tell({ owner: id });
  }

  function start() {
    take();
    notice = "";
    drawWords();
    playback.play();
  }

  function moveTo(target) {
    const [start, end] = span();
    const bounded = Math.min(Math.max(target, start), end);
    if (model.get("playing") && !mine()) return tell({ current_time: bounded });
    take();
    playback.moveTo(bounded);
  }

  function toggle() {
    if (play.disabled) return;
    if (!going()) start();
    else if (mine()) playback.pause();
    else tell({ playing: false });
  }

  function jumpToSegment(direction) {
    const target = neighbour(model.get("marks"), seconds(), direction);
    if (target !== undefined) moveTo(target);
  }

  const KEYS = {
    " ": toggle,
    k: toggle,
    enter: () => send({ kind: "chosen" }),
    n: () => jumpToSegment(1),
    p: () => jumpToSegment(-1),
    m: () => tell({ muted: !model.get("muted") }),
  };

  function actionOf(key, target) {
    if (key.startsWith("arrow") && target === root && root.closest(".mmlab-gallery")) {
      return () => moveToCard(root, key);
    }
    if (key in JUMP_SECONDS) return () => moveTo(seconds() + JUMP_SECONDS[key]);
    return KEYS[key];
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const action = actionOf(key, event.target);
    if (!action) return; // such as Escape, which is for what the player lies in
    event.stopPropagation();
    if ((key === " " || key === "enter") && event.target.closest("button")) return;
    event.preventDefault();
    action();
  }

  function onMessage(message, buffers) {
    if (message.view) {
      if (message.view === id && message.generation === generation) {
        playback.receive(message, buffers);
      }
    } else if (mine() || !model.get("owner")) {
      if (message.kind === "play") start();
      if (message.kind === "pause") playback.pause();
      if (message.kind === "seek") moveTo(message.seconds);
    }
  }

  function followTime() {
    if (telling || generation !== model.get("generation")) return;
    const target = model.get("current_time");
    if (!mine()) draw();
    else if (Math.abs(target - playback.seconds) > IN_STEP_SECONDS) playback.moveTo(target);
  }

  function followPlaying() {
    if (telling || generation !== model.get("generation")) return;
    if (mine() && playback.going && !model.get("playing")) playback.pause();
    else draw();
  }

  poster.addEventListener("load", () => {
    const proportion = poster.naturalWidth / poster.naturalHeight;
    parts.stage.style.setProperty("--mmlab-aspect", Math.min(Math.max(proportion, 4 / 3), 16 / 9));
  });
  play.addEventListener("click", toggle);
  mute.addEventListener("click", KEYS.m);
  parts.stage.addEventListener("click", toggle);
  seek.addEventListener("input", () => moveTo(Number(seek.value)));
  root.addEventListener("click", () => send({ kind: "chosen" }));
  root.addEventListener("keydown", onKey);
  video.addEventListener("loadeddata", () => {
    root.classList.toggle("mmlab-started", video.videoWidth > 0);
  });
  const watcher = new IntersectionObserver((entries) => {
    visible = entries.at(-1).isIntersecting;
    askForPoster();
  });
  watcher.observe(root);

  const listeners = {
    "change:generation": drawClip,
    "change:poster change:wave": drawPictures,
    "change:heading change:caption change:message": drawWords,
    "change:current_time": followTime,
    "change:playing": followPlaying,
    "change:muted": draw,
    "change:owner": () => (mine() ? draw() : playback.pause()),
    "msg:custom": onMessage,
  };
  const eachListener = (act) => {
    for (const [names, action] of Object.entries(listeners)) {
      for (const name of names.split(" ")) act(name, action);
    }
  };
  eachListener((name, action) => model.on(name, action));
  drawClip();
  el.append(root);

  return () => {
    eachListener((name, action) => model.off(name, action));
    watcher.disconnect();
    if (mine()) tell({ owner: "", playing: false });
    playback.reset([0, 0], 0);
    if (posterAddress) URL.revokeObjectURL(posterAddress);
  };
}

// A page that is loaded again has no view yet that could own the player.
function initialize({ model }) {
  if (!model.get("owner")) return;
  model.set({ owner: "", playing: false });
  model.set("told", [model.get("generation"), model.get("current_time"), false]);
  model.save_changes();
}

export default { initialize, render };
