// Second part: recording from the microphone.

const KINDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const METER_MILLISECONDS = 100;
const METER_SAMPLES = 8192; // 0.17 s at 48 kHz: longer than the time between looks, or knocks are missed
const FAINTEST_DECIBELS = -60;
const FALL = 0.06; // of the meter in that time, so that the eye can follow
const SILENT_SHARE = 0.02; // of the meter; less than that was no sound
const REFUSALS = {
  NotAllowedError: "The browser does not let this page use the microphone: allow it beside the address, or choose a file.",
  NotFoundError: "There is no microphone here: connect one, or choose a file.",
  NotReadableError: "The microphone cannot be used: another program may have it.",
};
// What makes speech clear takes knocks and music for noise.
const AS_IT_SOUNDS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

function canRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);
}

function levelOf(analyser, samples) {
  analyser.getFloatTimeDomainData(samples);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const decibels = 20 * Math.log10(peak + 1e-6);
  return Math.min(Math.max(1 - decibels / FAINTEST_DECIBELS, 0), 1);
}

// One recording: told(seconds, level) ten times a second, then done(blob, silent) or nothing.
class Recording {
  constructor(stream, { told, done, mostSeconds }) {
    Object.assign(this, { stream, told, done, mostSeconds, level: 0, loudest: 0, chunks: [] });
    this.context = new AudioContext();
    this.analyser = new AnalyserNode(this.context, { fftSize: METER_SAMPLES });
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    this.recorder = new MediaRecorder(stream, { mimeType });
    this.recorder.addEventListener("dataavailable", ({ data }) => this.chunks.push(data));
    this.recorder.addEventListener("stop", () => this.finish());
    this.recorder.start();
    this.startedAt = performance.now();
    this.timer = setInterval(() => this.measure(), METER_MILLISECONDS);
    this.measure();
  }

  static async start(options) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_SOUNDS });
    return new Recording(stream, options);
  }

  measure() {
    const seconds = (performance.now() - this.startedAt) / 1000;
    this.level = Math.max(levelOf(this.analyser, this.samples), this.level - FALL);
    this.loudest = Math.max(this.loudest, this.level);
    this.told(seconds, this.level);
    if (seconds >= this.mostSeconds - 1) this.stop();
  }

  stop() {
    if (this.recorder.state !== "inactive") this.recorder.stop();
  }

  discard() {
    this.done = () => {};
    this.stop();
  }

  finish() {
    clearInterval(this.timer);
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
    this.done(new Blob(this.chunks, { type: this.recorder.mimeType }), this.loudest < SILENT_SHARE);
  }
}
