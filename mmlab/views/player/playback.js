// What plays: pieces of the clip in a <video>, one after the other, or stills by a clock of ours.
// Everything here speaks in seconds of the media file.

const NEAR_SECONDS = 15; // so long before a piece ends, the next one is asked for
const SETTLE_MILLISECONDS = 150; // a slider that is being dragged asks for nothing
const TICK_MILLISECONDS = 250;
const SLACK = 0.05;

// Pictures that follow each other like those of a <video>, with the same methods and events.
class Stills extends EventTarget {
  constructor(picture) {
    super();
    Object.assign(this, { picture, addresses: [], from: [], length: 0, paused: true, place: 0 });
  }

  load(buffers, from, length) {
    this.unload();
    this.addresses = buffers.map((bytes) => URL.createObjectURL(new Blob([bytes])));
    Object.assign(this, { from, length });
    this.currentTime = 0;
  }

  unload() {
    this.pause();
    this.addresses.forEach((address) => URL.revokeObjectURL(address));
    this.addresses = [];
    this.picture.removeAttribute("src");
  }

  get currentTime() {
    return this.place;
  }

  set currentTime(seconds) {
    this.place = Math.min(Math.max(seconds, 0), this.length);
    const shown = this.from.findLastIndex((start) => start <= this.place + 1e-3);
    const address = this.addresses[Math.max(shown, 0)];
    if (address && this.picture.src !== address) this.picture.src = address;
    this.dispatchEvent(new Event("timeupdate"));
  }

  get ended() {
    return this.place >= this.length;
  }

  async play() {
    this.paused = false;
    let before = performance.now();
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      const now = performance.now();
      this.currentTime = this.place + (now - before) / 1000;
      before = now;
      if (this.place < this.length) return;
      this.pause();
      this.dispatchEvent(new Event("ended"));
    }, TICK_MILLISECONDS);
  }

  pause() {
    clearInterval(this.timer);
    this.paused = true;
  }
}

class Playback {
  // ask(request) sends a request to Python; changed() is called when anything is to be redrawn,
  // refused() when the browser will not start without a click.
  constructor(video, picture, { ask, changed, refused }) {
    Object.assign(this, { video, stills: new Stills(picture), ask, changed, refused });
    this.media = video;
    this.reset([0, 0], 0);
    for (const media of [video, this.stills]) {
      media.addEventListener("timeupdate", () => media === this.media && this.onTime());
      media.addEventListener("ended", () => media === this.media && this.onEnd());
    }
    video.addEventListener("pause", () => this.onPause());
    video.addEventListener("error", () => {
      if (this.piece && this.media === video && video.error) this.request("stills");
    });
  }

  reset(span, at) {
    clearTimeout(this.timer);
    this.stills.unload();
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    for (const piece of [this.piece, this.next]) if (piece) URL.revokeObjectURL(piece.address);
    Object.assign(this, { span, at, media: this.video, going: false, waiting: false });
    Object.assign(this, { piece: null, next: null, asked: null });
  }

  get seconds() {
    const seconds = this.piece ? this.piece.start + this.media.currentTime : this.at;
    return Math.min(seconds, this.span[1]); // a last frame may reach a little further
  }

  has(piece, seconds) {
    const atEnd = piece?.end >= this.span[1] - SLACK;
    return piece && seconds >= piece.start - SLACK && (seconds < piece.end || atEnd);
  }

  play() {
    if (this.seconds >= this.span[1] - SLACK) this.moveTo(this.span[0]);
    this.going = true;
    if (this.piece) this.run();
    else if (!this.waiting) this.request("media");
    this.changed();
  }

  pause() {
    this.going = false;
    this.media.pause();
    this.changed();
  }

  moveTo(seconds) {
    const [start, end] = this.span;
    this.at = Math.min(Math.max(seconds, start), end);
    if (this.has(this.piece, this.at)) {
      this.media.currentTime = this.at - this.piece.start;
    } else if (this.piece || this.waiting) {
      this.drop();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.request("media"), SETTLE_MILLISECONDS);
    }
    this.changed();
  }

  // Leave the loaded piece, its last picture still on show.
  drop() {
    const left = this.piece;
    this.piece = null;
    this.waiting = true;
    this.media.pause();
    if (left) URL.revokeObjectURL(left.address);
  }

  request(kind, ahead = false) {
    if (kind === "stills") this.drop();
    this.waiting ||= !ahead;
    this.asked = ahead ? this.piece.end : null;
    this.ask({ kind, ahead, seconds: ahead ? this.piece.end : this.at });
    this.changed();
  }

  receive(message, buffers) {
    if (message.kind === "refused") {
      this.waiting = this.going = false;
    } else if (message.kind === "stills") {
      this.showStills(message, buffers);
    } else {
      const address = URL.createObjectURL(new Blob([buffers[0]], { type: message.mime }));
      this.keep({ start: message.start, end: message.end, address });
    }
    this.changed();
  }

  // A piece is what somebody waits for, the next one, or (after another seek) of no use.
  keep(piece) {
    if (this.waiting && this.has(piece, this.at)) this.load(piece);
    else if (this.piece && Math.abs(piece.start - this.piece.end) < SLACK) this.next = piece;
    else URL.revokeObjectURL(piece.address);
  }

  load(piece) {
    Object.assign(this, { piece, waiting: false, asked: null, media: this.video });
    if (this.next !== piece && this.next) URL.revokeObjectURL(this.next.address);
    this.next = null;
    this.video.src = piece.address;
    this.video.currentTime = Math.max(0, this.at - piece.start);
    if (this.going) this.run();
  }

  showStills(message, buffers) {
    const [start, end] = this.span;
    this.stills.load(buffers, message.at.map((second) => second - start), end - start);
    Object.assign(this, { media: this.stills, waiting: false, piece: { start, end } });
    this.stills.currentTime = this.at - start;
    if (this.going) this.run();
  }

  async run() {
    try {
      await this.media.play();
    } catch (error) {
      // What cannot be played also fires "error"; an abort is our own next load.
      if (error.name === "NotAllowedError") this.refused();
    }
  }

  onTime() {
    if (!this.piece) return;
    this.at = this.seconds;
    const { end } = this.piece;
    const near = end - this.at < NEAR_SECONDS && end < this.span[1] - SLACK;
    if (this.going && near && !this.next && this.asked !== end) this.request("media", true);
    this.changed();
  }

  // Events come a moment late: meanwhile somebody may have moved on, or pressed play again.
  onEnd() {
    if (!this.piece || !this.media.ended) return;
    const { end } = this.piece;
    this.at = end;
    if (end >= this.span[1] - SLACK) this.going = false;
    else if (this.next) this.moveOn();
    else this.waitForNext();
    this.changed();
  }

  moveOn() {
    URL.revokeObjectURL(this.piece.address);
    this.load(this.next);
  }

  waitForNext() {
    const underWay = this.asked === this.piece.end;
    this.drop();
    if (!underWay) this.request("media");
  }

  // The browser's own media keys pause too; the end of a piece also does, without our wish.
  onPause() {
    const resting = this.video.paused && !this.video.ended;
    if (this.media !== this.video || !this.piece || !resting || !this.going) return;
    this.going = false;
    this.changed();
  }
}
