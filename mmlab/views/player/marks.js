// What lies on the time axis: the segments as buttons below the seek bar, and a sound's wave.

// Segments that overlap go into rows below each other.
function rowsOf(marks) {
  const ends = [];
  return marks.map((mark) => {
    let row = ends.findIndex((end) => end <= mark.start + 1e-6);
    if (row < 0) row = ends.length;
    ends[row] = mark.end;
    return row;
  });
}

function drawMarks(holder, marks, [start, end], choose) {
  const rows = rowsOf(marks);
  const percent = (seconds) => (100 * (seconds - start)) / Math.max(end - start, 1e-6);
  holder.hidden = !marks.length;
  holder.style.setProperty("--mmlab-rows", Math.max(0, ...rows) + 1);
  const buttons = marks.map((mark, index) => {
    const button = element("button", "mmlab-segment", { type: "button", textContent: mark.label });
    const left = Math.min(Math.max(percent(mark.start), 0), 100);
    const right = Math.min(Math.max(percent(mark.end), left), 100);
    Object.assign(button.style, { left: `${left}%`, width: `${right - left}%` });
    button.style.setProperty("--mmlab-row", rows[index]);
    const span = `${mark.start.toFixed(1)} to ${mark.end.toFixed(1)} s`;
    button.title = `${mark.label}, ${span}`;
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", () => choose(mark.start));
    return button;
  });
  holder.replaceChildren(...buttons);
}

// Mark the segments that hold these seconds, and give their names.
function tellMarks(holder, marks, seconds) {
  const here = marks.map((mark) => seconds >= mark.start - 1e-3 && seconds < mark.end);
  here.forEach((now, index) => holder.children[index].setAttribute("aria-current", now));
  return marks.filter((_, index) => here[index]).map((mark) => mark.label).join(", ");
}

// The start of the next segment (or the previous one, after a second into it this one's own).
function neighbour(marks, seconds, direction) {
  const starts = marks.map((mark) => mark.start);
  return direction > 0
    ? starts.find((start) => start > seconds + 0.05)
    : starts.findLast((start) => start < seconds - 1);
}

// Bars around the middle, drawn twice: pale, and in colour as far as it has played.
function drawWave(holder, bytes) {
  holder.replaceChildren();
  holder.hidden = !bytes?.byteLength;
  if (holder.hidden) return;
  const heights = new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength);
  const outline = Array.from(heights, (height, bar) => {
    const half = Math.max(height / 255, 0.02);
    return `M${bar + 0.2} ${-half}h.6v${2 * half}h-.6z`;
  }).join("");
  const view = { viewBox: `0 -1.25 ${heights.length} 2.5`, preserveAspectRatio: "none" };
  for (const name of ["mmlab-bars", "mmlab-bars mmlab-played"]) {
    const picture = drawing("svg", { ...view, class: name, "aria-hidden": "true" });
    picture.append(drawing("path", { d: outline }));
    holder.append(picture);
  }
  holder.append(element("div", "mmlab-wave-head"));
}
