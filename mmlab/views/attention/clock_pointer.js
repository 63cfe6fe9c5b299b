// Fifth part of the clock: what the pointer does to the lanes. `at` answers and acts:
// shown(), showFrom(start), zoom(factor, around), play(second), hover(second, event).

const DRAG_PIXELS = 4;
const ON_AXIS = ".mmlab-lane-plot, .mmlab-lane-scale";

function lanePointer(scale, at) {
  const shareUnder = (event) => {
    const box = scale.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  const secondUnder = (event) => {
    const [start, end] = at.shown();
    return start + shareUnder(event) * (end - start);
  };
  let drag = null;
  return {
    pointerdown: (event) => {
      if (event.button || !event.target.closest(ON_AXIS)) return;
      drag = { x: event.clientX, from: at.shown()[0], moved: false };
    },
    pointermove: (event) => {
      if (drag && Math.abs(event.clientX - drag.x) > DRAG_PIXELS) drag.moved = true;
      if (drag?.moved && event.buttons) {
        const [start, end] = at.shown();
        const pixels = scale.getBoundingClientRect().width;
        at.showFrom(drag.from - ((event.clientX - drag.x) / pixels) * (end - start));
      }
      const inside = event.target.closest(ON_AXIS) && !drag?.moved;
      at.hover(inside ? secondUnder(event) : null, event);
    },
    pointerup: (event) => {
      if (drag && !drag.moved) at.play(secondUnder(event));
      drag = null;
    },
    pointerleave: (event) => {
      drag = null;
      at.hover(null, event);
    },
    wheel: (event) => {
      if (event.ctrlKey || event.metaKey) at.zoom(event.deltaY > 0 ? 1.25 : 0.8, secondUnder(event));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const [start, end] = at.shown();
        at.showFrom(start + (Math.sign(event.deltaX || event.deltaY) * (end - start)) / 10);
      } else return;
      event.preventDefault();
    },
  };
}

// Which of several rows of heat lies under the pointer, and where; null where there is one row.
function rowUnder(event, rows) {
  const plot = event.target.closest(".mmlab-lane-several .mmlab-lane-plot");
  if (!plot) return null;
  const box = plot.getBoundingClientRect();
  const index = Math.floor(((event.clientY - box.top) / box.height) * rows.length);
  return rows[Math.min(Math.max(index, 0), rows.length - 1)];
}
