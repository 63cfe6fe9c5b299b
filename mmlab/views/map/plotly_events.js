// What hands do on plotly's canvas. plotly's own line to Python holds one event, so that a hover
// takes the place of a click or a lasso that still waits for a busy kernel: here only a hover of
// another hover.

const LOOK_AGAIN_MS = 100;
const REACH_PIXELS = 12;

// plotly's own click comes only where its hover, which takes its time, was there before.
function placeAt(plot, event) {
  const { xaxis, yaxis } = plot._fullLayout;
  const { x, y } = plot._fullData[0];
  const box = plot.getBoundingClientRect();
  const left = event.clientX - box.left - xaxis._offset;
  const top = event.clientY - box.top - yaxis._offset;
  let found = -1;
  let least = REACH_PIXELS;
  for (let place = 0; place < x.length; place += 1) {
    const away = Math.hypot(xaxis.d2p(x[place]) - left, yaxis.d2p(y[place]) - top);
    if (away < least) [found, least] = [place, away];
  }
  return found;
}

function render({ model, el }) {
  const tell = (kind, places) => model.send({ kind }, undefined, [Int32Array.from(places).buffer]);
  const hover = (place) => {
    model.set("hovered", place);
    model.save_changes();
  };
  const events = {
    plotly_hover: ({ points }) => hover(points[0].pointNumber),
    plotly_unhover: () => hover(-1),
    plotly_selected: (found) => {
      if (!found) return;
      const kind = found.lassoPoints || found.range ? "select" : "echo";
      tell(kind, found.points.map((point) => point.pointNumber));
    },
    plotly_deselect: () => tell("echo", []),
  };
  let waiting;
  const listen = () => {
    const plot = el.parentElement?.querySelector(".js-plotly-plot");
    if (!plot?._ev?.listenerCount("plotly_selected")) {  // plotly's widget is not done yet
      waiting = setTimeout(listen, LOOK_AGAIN_MS);
      return;
    }
    for (const [name, react] of Object.entries(events)) {
      plot.removeAllListeners(name);
      plot.on(name, react);
    }
    plot.addEventListener("click", (event) => {
      const place = placeAt(plot, event);
      if (place >= 0) tell("click", [place]);
    });
  };
  listen();
  return () => clearTimeout(waiting);
}

export default { render };
