// The browser's half of Weight (weight.py): a slider, its number, and a switch.

function element(tag, className, attributes = {}) {
  const node = document.createElement(tag);
  node.className = className;
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  return node;
}

function send(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

function render({ model, el }) {
  const root = element("div", "mmlab-weight");
  const slider = element("input", "mmlab-weight-slider", {
    type: "range", min: 0, step: 0.05,
  });
  const number = element("output", "mmlab-weight-number");
  const toggle = element("button", "mmlab-weight-switch", { type: "button", role: "switch" });
  root.append(slider, number, ...(model.get("switched") ? [toggle] : []));
  el.append(root);

  function draw() {
    const { label, value, most, on, disabled } = Object.fromEntries(
      ["label", "value", "most", "on", "disabled"].map((name) => [name, model.get(name)]),
    );
    const idle = disabled || !on;
    slider.setAttribute("aria-label", label);
    slider.max = most;
    slider.value = value;
    slider.disabled = idle;
    number.textContent = value.toFixed(2);
    toggle.textContent = on ? "on" : "off";
    toggle.setAttribute("aria-label", `${label}: asked`);
    toggle.setAttribute("aria-checked", on);
    toggle.disabled = disabled;
    root.classList.toggle("mmlab-weight-idle", idle);
  }

  slider.addEventListener("input", () => send(model, "value", Number(slider.value)));
  toggle.addEventListener("click", () => send(model, "on", !model.get("on")));
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Tab") event.stopPropagation(); // the notebook has its own use for arrows
  });
  model.on("change", draw);
  draw();
  return () => {
    model.off("change", draw);
    root.remove();
  };
}

export default { render };
