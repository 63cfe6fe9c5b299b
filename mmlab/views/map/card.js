// The card of the point under the pointer. All words reach the page through textContent.

function picture(model, trait, type, className) {
  const image = document.createElement("img");
  image.className = className;
  image.alt = "";
  let address = "";
  const draw = async () => {
    const bytes = model.get(trait);
    const next = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes], { type })) : "";
    const before = address;
    address = next;
    if (next) await decoded(next);
    if (address === next) image.toggleAttribute("hidden", !next);
    if (address === next && next) image.src = next;
    if (before) URL.revokeObjectURL(before);
  };
  draw();
  model.on(`change:${trait}`, draw);
  const leave = () => {
    model.off(`change:${trait}`, draw);
    if (address) URL.revokeObjectURL(address);
  };
  return { image, leave };
}

// The old picture stays until the new one can be drawn at once.
async function decoded(address) {
  const waiting = new Image();
  waiting.src = address;
  await waiting.decode().catch(() => undefined);
}

function render({ model, el }) {
  const poster = picture(model, "poster", "image/jpeg", "mmlab-card-poster");
  const wave = picture(model, "wave", "image/png", "mmlab-card-wave");
  const words = document.createElement("div");
  const heading = document.createElement("div");
  const caption = document.createElement("div");
  words.className = "mmlab-card-words";
  heading.className = "mmlab-card-heading";
  caption.className = "mmlab-card-caption";
  words.append(heading, caption, wave.image);
  el.append(poster.image, words);

  const write = () => {
    heading.textContent = model.get("heading");
    caption.textContent = model.get("caption");
  };
  write();
  model.on("change:heading", write);
  model.on("change:caption", write);
  return () => {
    poster.leave();
    wave.leave();
    model.off("change:heading", write);
    model.off("change:caption", write);
  };
}

export default { render };
