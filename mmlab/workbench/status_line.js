// One line of text that screen readers follow.
function render({ model, el }) {
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  const draw = () => {
    line.textContent = model.get("words");
    line.className = `mmlab-status-words${model.get("problem") ? " mmlab-status-problem" : ""}`;
    line.hidden = !line.textContent;
  };
  model.on("change:words change:problem", draw);
  el.append(line);
  draw();
  return () => model.off("change:words change:problem", draw);
}

export default { render };
