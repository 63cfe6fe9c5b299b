// The browser's half of RecallGrid (recall_matrix.py): a table in which each figure is a button.

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function heading(name, scope) {
  const node = element("th", "", name);
  node.scope = scope;
  return node;
}

function button(cell, measure) {
  const node = element("button", "mmlab-matrix-cell");
  node.type = "button";
  node.classList.toggle("mmlab-matrix-shared", cell.shared);
  node.style.setProperty("--mmlab-strength", `${cell.shared ? 0 : 60 * cell.strength}%`);
  const words = `${cell.query} asks for ${cell.gallery}: ${measure} ${cell.value} percent`;
  node.setAttribute("aria-label", `${words}, ${cell.interval}`);
  node.append(element("b", "", cell.value), element("small", "", cell.interval));
  return node;
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// The nearest button in the direction of an arrow; places without a figure are skipped.
function neighbour(places, at, [down, right]) {
  let [row, column] = at;
  while (row >= 0 && column >= 0 && row < places.length && column < places.length) {
    row += down;
    column += right;
    if (places[row]?.[column]) return places[row][column];
  }
  return null;
}

function header(names) {
  const line = element("tr", "");
  const columns = names.map((name) => heading(name.replaceAll("+", "+\n"), "col"));
  line.append(heading("asks ↓ for →", "col"), ...columns);
  return line;
}

function react(node, model, cell, move) {
  const direction = [cell.query, cell.gallery];
  node.dataset.direction = JSON.stringify(direction);
  node.addEventListener("click", () => {
    model.set("chosen", direction);
    model.save_changes();
  });
  node.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would move to another cell
    move(step)?.focus();
  });
}

function table(model) {
  const cells = model.get("cells");
  const measure = model.get("measure");
  const names = [...new Set(cells.flatMap((cell) => [cell.query, cell.gallery]))];
  names.sort((one, other) => one.split("+").length - other.split("+").length);
  const node = element("table", "");
  node.append(element("caption", "", `${measure} in percent, below it the 95 % interval. ` +
    "Grey: both sides hold the same modality."));
  node.createTHead().append(header(names));
  const body = node.createTBody();
  const places = names.map(() => []);
  names.forEach((query, row) => {
    const line = body.insertRow();
    line.append(heading(query, "row"));
    names.forEach((gallery, column) => {
      const box = line.insertCell();
      const cell = cells.find((one) => one.query === query && one.gallery === gallery);
      if (!cell) return;
      const pressed = button(cell, measure);
      react(pressed, model, cell, (step) => neighbour(places, [row, column], step));
      places[row][column] = pressed;
      box.append(pressed);
    });
  });
  return node;
}

function render({ model, el }) {
  el.classList.add("mmlab-matrix-grid");

  function press() {
    const chosen = JSON.stringify(model.get("chosen"));
    for (const node of el.querySelectorAll("button")) {
      node.setAttribute("aria-pressed", node.dataset.direction === chosen);
    }
  }

  function draw() {
    const focused = el.contains(document.activeElement) && document.activeElement.dataset.direction;
    el.replaceChildren(...(model.get("cells").length ? [table(model)] : []));
    press();
    const again = [...el.querySelectorAll("button")].find((n) => n.dataset.direction === focused);
    again?.focus();
  }

  model.on("change:cells", draw);
  model.on("change:chosen", press);
  draw();
  return () => {
    model.off("change:cells", draw);
    model.off("change:chosen", press);
  };
}

export default { render };
