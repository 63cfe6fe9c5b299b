// Third part: sending a file in pieces. The kernel asks for each of them, so that none piles up.

class Transfer {
  constructor(model, file, name, { moved, failed }) {
    Object.assign(this, { model, file, moved, failed, going: true });
    this.sender = Math.random().toString(36).slice(2);
    this.tell({ kind: "begin", name, bytes: file.size });
    this.moved(0);
  }

  tell(content, buffers = []) {
    this.model.send({ ...content, sender: this.sender }, undefined, buffers);
  }

  // The kernel has what lies before `at`.
  async more(at) {
    this.moved(this.file.size ? at / this.file.size : 1);
    if (at >= this.file.size) return this.tell({ kind: "end" });
    const piece = this.file.slice(at, at + this.model.get("piece_bytes"));
    try {
      const bytes = await piece.arrayBuffer();
      if (this.going) this.tell({ kind: "piece" }, [bytes]);
    } catch {
      this.cancel(); // a folder, or a file that has changed since
      this.failed("The browser cannot read that: drop a file, not a folder.");
    }
  }

  cancel() {
    this.going = false;
    this.tell({ kind: "cancel" });
  }
}
