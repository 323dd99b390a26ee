// A field to type in; what is written goes to the kernel when the typing pauses.

const PAUSE = 300; // ms without a key

export default makePage((model, el, follow) => {
  const id = ownName(), labels = model.get("labels");
  el.classList.add("tl-explorer");

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
  const title = element("p", { class: "tl-title", text: model.get("title") });
  el.append(title, panel, ...makePicture(model, follow));
  follow("words", () => {
    if (field.value !== model.get("words")) field.value = model.get("words");
  });
  return () => clearTimeout(waiting);
});
