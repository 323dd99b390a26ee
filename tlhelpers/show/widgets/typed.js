// A field to type in; what is written goes to the kernel when the typing pauses.

const PAUSE = 300; // ms without a key

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

let made = 0;

function render({ model, el }) {
  const id = `tl-typed-${++made}`, labels = model.get("labels");
  el.classList.add("tl-explorer");
  // JupyterLab's one-key commands must not take the keys that type
  el.addEventListener("keydown", (event) => event.stopPropagation());

  const field = element("textarea", { id, rows: 2, style: "flex: 1 1 100%; font: inherit" });
  let waiting = 0;
  const put = () => {
    clearTimeout(waiting);
    model.set("words", field.value);
    model.save_changes();
  };
  field.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (!event.isComposing) waiting = setTimeout(put, PAUSE); // kana are still to become kanji
  });
  field.addEventListener("compositionend", () => { waiting = setTimeout(put, PAUSE); });
  field.addEventListener("change", put);

  const ready = element("select", { id: `${id}-ready` }, element("option", { value: "", text: labels.choose }));
  model.get("samples").forEach((sample) => ready.append(element("option", { text: sample })));
  ready.style.maxWidth = "30em";
  ready.addEventListener("change", () => {
    if (!ready.value) return;
    field.value = ready.value;
    ready.value = "";
    put();
  });

  const panel = element("div", { class: "tl-controls" },
    element("div", {}, element("label", { for: id, text: model.get("label") }), field),
    element("div", {}, element("label", { for: `${id}-ready`, text: labels.sample }), ready));
  const picture = element("div", { class: "tl-picture" });
  const says = element("p", { class: "tl-says", role: "status", "aria-live": "polite" });
  const redraw = () => {
    picture.innerHTML = model.get("view").picture;
    says.textContent = model.get("view").says;
  };
  const follow = () => { if (field.value !== model.get("words")) field.value = model.get("words"); };

  el.append(element("p", { class: "tl-title", text: model.get("title") }), panel, picture, says);
  model.on("change:view", redraw);
  model.on("change:words", follow);
  redraw();
  follow();
  return () => {
    clearTimeout(waiting);
    model.off("change:view", redraw);
    model.off("change:words", follow);
  };
}

export default { render };
