// Last part: one view of a MediaDrop. It rests, records or sends; what is here, all views show.

// Only what is new, else a screen reader reads it again.
function write(line, words) {
  if (line.textContent !== words) line.textContent = words;
}

function render({ model, el }) {
  const parts = build();
  const { root, picker } = parts;
  let recording = null;
  let transfer = null;
  let asking = false; // for the microphone
  let notice = ""; // of this view; else what the kernel says is shown
  let isProblem = false; // the notice
  let gone = false;

  function draw() {
    const name = model.get("file_name");
    parts.recording.hidden = !recording;
    parts.sending.hidden = !transfer;
    parts.idle.hidden = Boolean(recording || transfer);
    parts.name.hidden = parts.remove.hidden = !name;
    parts.words.hidden = Boolean(name);
    parts.name.textContent = parts.name.title = name;
    parts.record.disabled = asking;
    write(parts.note, parts.idle.hidden ? "" : model.get("note"));
    write(parts.message, notice || (parts.idle.hidden ? "" : model.get("message")));
    parts.message.classList.toggle("mmlab-drop-problem", notice ? isProblem : true);
  }

  function say(words, problem = true) {
    [notice, isProblem] = [words, problem];
    draw();
  }

  // What was focused may be hidden now; the keyboard goes on where it makes sense.
  function focusOn(target) {
    if (root.contains(document.activeElement) || document.activeElement === document.body) {
      target.focus({ preventScroll: true });
    }
  }

  function rest() {
    recording = transfer = null;
    draw();
  }

  // `then` is where the keyboard goes on when the file was kept.
  function send(file, name, { words = "", problem = false, then = parts.remove } = {}) {
    if (file.size > model.get("most_bytes")) {
      const most = Math.round(model.get("most_bytes") / 1e6);
      return say(`${name}: Has ${Math.round(file.size / 1e6)} MB, over ${most}; cut it first.`);
    }
    transfer?.cancel();
    parts.sendingName.textContent = name;
    [notice, isProblem] = [words, problem];
    transfer = new Transfer(model, file, name, {
      moved: (share) => { parts.progress.value = share; },
      failed(why) {
        rest();
        say(why);
      },
    });
    transfer.then = then;
    draw();
    focusOn(parts.cancel);
    return undefined;
  }

  async function record() {
    if (!canRecord()) {
      return say("This page may not use a microphone: open it on localhost or over https, or choose a file.");
    }
    asking = true;
    say("Asking for the microphone …", false);
    try {
      const started = await Recording.start({ told, done, mostSeconds: model.get("most_seconds") });
      if (gone) return started.discard();
      recording = started;
      notice = "";
    } catch (error) {
      say(REFUSALS[error.name] ?? `The microphone cannot be used (${error.message}).`);
    }
    asking = false;
    draw();
    if (recording) focusOn(parts.stop);
    return undefined;
  }

  function told(seconds, level) {
    parts.time.textContent = clock(seconds);
    parts.level.style.width = `${100 * level}%`;
    parts.meter.ariaValueNow = String(Math.round(100 * level));
  }

  function done(blob, silent) {
    rest();
    const now = new Date().toLocaleTimeString("en-GB");
    const words = silent ? "Nothing was heard: is the microphone muted?" : "";
    send(blob, `recording of ${now}`, { words, problem: silent, then: parts.record });
  }

  function take(files) {
    if (recording) return say("Stop the recording first.");
    if (!files.length) return say("That is no file: drop a video or a sound from a folder.");
    const words = files.length > 1 ? `One file at a time: this is ${files[0].name}.` : "";
    return send(files[0], files[0].name, { words });
  }

  function onMessage({ kind, sender, at }) {
    if (!transfer || sender !== transfer.sender) return;
    if (kind === "more") {
      transfer.more(at);
    } else {
      if (kind === "stopped") notice = "";
      const next = kind === "kept" ? transfer.then : parts.choose;
      rest();
      focusOn(next);
    }
  }

  function onDrag(event) {
    event.preventDefault(); // else the browser opens the file
    event.stopPropagation();
    root.classList.toggle("mmlab-drop-over", event.type === "dragenter" || event.type === "dragover");
    if (event.type === "drop") take(event.dataTransfer.files);
  }

  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) root.addEventListener(kind, onDrag);
  parts.choose.addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    if (picker.files.length) take([...picker.files]);
    picker.value = ""; // so that the same file can be chosen again
  });
  parts.record.addEventListener("click", record);
  parts.stop.addEventListener("click", () => recording.stop());
  parts.discard.addEventListener("click", () => {
    recording.discard();
    rest();
    focusOn(parts.record);
  });
  parts.cancel.addEventListener("click", () => {
    transfer.cancel();
    rest();
    say("Cancelled; nothing was kept.", false);
    focusOn(parts.choose);
  });
  parts.remove.addEventListener("click", () => {
    notice = "";
    model.send({ kind: "remove" });
    focusOn(parts.choose);
  });

  function follow() {
    if (!transfer) notice = ""; // something newer is here
    draw();
  }
  model.on("msg:custom", onMessage);
  model.on("change:file_name change:note change:message", follow);
  draw();
  el.append(root);

  return () => {
    gone = true;
    model.off("msg:custom", onMessage);
    model.off("change:file_name change:note change:message", follow);
    recording?.discard();
    transfer?.cancel();
  };
}

export default { render };
