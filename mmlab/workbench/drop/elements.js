// The browser's half of MediaDrop, first part: its elements. Text is only set as textContent.

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function button(className, label) {
  return element("button", `mmlab-drop-button ${className}`, { type: "button", textContent: label });
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function row(className, ...children) {
  const made = element("div", `mmlab-drop-row ${className}`);
  made.append(...children);
  return made;
}

function buildRecording() {
  const parts = {
    time: element("span", "mmlab-drop-time"),
    meter: element("div", "mmlab-drop-meter", { role: "meter", ariaLabel: "Microphone level" }),
    level: element("div", "mmlab-drop-level"),
    stop: button("mmlab-drop-stop mmlab-drop-main", "Stop and use it"),
    discard: button("mmlab-drop-discard", "Discard"),
  };
  Object.assign(parts.meter, { ariaValueMin: "0", ariaValueMax: "100", ariaValueNow: "0" });
  parts.meter.append(parts.level);
  const dot = element("span", "mmlab-drop-dot", { ariaHidden: "true" });
  const { time, meter, stop, discard } = parts;
  return { ...parts, recording: row("mmlab-drop-recording", dot, time, meter, stop, discard) };
}

function buildSending() {
  const sendingName = element("span", "mmlab-drop-name");
  const progress = element("progress", "mmlab-drop-progress", { ariaLabel: "Sent", max: 1 });
  const cancel = button("mmlab-drop-cancel", "Cancel");
  const sending = row("mmlab-drop-sending", sendingName, progress, cancel);
  return { sending, sendingName, progress, cancel };
}

function build() {
  const parts = {
    root: element("div", "mmlab-drop", { role: "group", ariaLabel: "A file of your own" }),
    words: element("span", "mmlab-drop-words", { textContent: "Drop a video or a sound here" }),
    choose: button("mmlab-drop-choose", "Choose a file"),
    record: button("mmlab-drop-record", "Record sound"),
    picker: element("input", "mmlab-drop-picker", { type: "file", accept: "video/*,audio/*" }),
    name: element("span", "mmlab-drop-name mmlab-drop-here"),
    remove: button("mmlab-drop-remove", "Remove"),
    note: element("p", "mmlab-drop-note", { role: "status" }),
    message: element("p", "mmlab-drop-message", { role: "status" }),
    ...buildRecording(),
    ...buildSending(),
  };
  Object.assign(parts.picker, { hidden: true, ariaLabel: "A video or sound file" });
  const { root, words, name, remove, choose, record, picker, recording, sending } = parts;
  parts.idle = row("mmlab-drop-idle", words, name, remove, choose, record, picker);
  root.dataset.lmSuppressShortcuts = "true"; // typing here moves no cell of JupyterLab
  root.append(parts.idle, recording, sending, parts.note, parts.message);
  return parts;
}
