// A widget's page: controls on top, the picture below, its sentence under it, a live run.

export default makePage((model, el, follow) => {
  const own = ownName();
  el.classList.add("tl-explorer");
  const move = (name, place) => {
    if (model.get("running")) return;
    model.set("positions", { ...model.get("positions"), [name]: place });
    model.save_changes();
  };

  const makers = {
    slider({ name, label, options }) {
      const id = `${own}-${name}`;
      const input = element("input", { type: "range", id, min: 0, max: options.length - 1, step: 1 });
      const shown = element("span", { class: "tl-value", "aria-hidden": "true" }); // the slider says it itself
      input.addEventListener("input", () => move(name, Number(input.value)));
      const show = (place) => {
        input.value = place;
        input.setAttribute("aria-valuetext", options[place]);
        shown.textContent = options[place];
      };
      return [element("div", {}, element("label", { for: id, text: label }), input, shown), show];
    },
    choice({ name, label, options }) {
      const id = `${own}-${name}`;
      const entries = options.map((option, place) => element("option", { value: place, text: option }));
      const select = element("select", { id }, ...entries);
      select.addEventListener("change", () => move(name, Number(select.value)));
      const show = (place) => { select.value = String(place); };
      return [element("div", {}, element("label", { for: id, text: label }), select), show];
    },
    switch({ name, label, options }) {
      const inputs = options.map((_, place) =>
        element("input", { type: "radio", name: `${own}-${name}`, value: place }));
      const labels = options.map((option, place) => element("label", {}, inputs[place], ` ${option}`));
      inputs.forEach((input, place) => input.addEventListener("change", () => move(name, place)));
      const show = (place) => { inputs[place].checked = true; };
      return [element("fieldset", {}, element("legend", { text: label }), element("div", { class: "tl-options" }, ...labels)), show];
    },
  };
  const panel = element("div", { class: "tl-controls" });
  for (const control of model.get("controls")) {
    const [node, show] = makers[control.kind](control);
    panel.append(node);
    follow("positions", () => show(model.get("positions")[control.name]));
  }

  const [picture, says] = makePicture(model, follow, (redraw, drawn) => {
    const places = () => [...drawn.querySelectorAll("[data-set]")];
    const focused = places().indexOf(document.activeElement);
    redraw();
    for (const node of places()) {
      node.setAttribute("role", "button");
      node.setAttribute("tabindex", "0");
      if (node.dataset.picked) node.setAttribute("aria-pressed", node.dataset.picked);
    }
    if (focused >= 0) places()[focused]?.focus();
  });
  const pick = (event) => {
    const node = event.target.closest("[data-set]");
    if (!node || (event.type === "keydown" && !["Enter", " "].includes(event.key))) return;
    event.preventDefault();
    const { set, value, toggle } = node.dataset;
    move(set, toggle === undefined ? Number(value) : model.get("positions")[set] ^ (1 << toggle));
  };
  picture.addEventListener("click", pick);
  picture.addEventListener("keydown", pick);

  el.append(element("p", { class: "tl-title", text: model.get("title") }), panel, picture, says);
  if (!model.get("can_run")) return;
  const labels = model.get("labels");
  const run = element("button", { type: "button", text: labels.run });
  const stop = element("button", { type: "button", class: "tl-stop", text: labels.stop });
  run.addEventListener("click", () => model.send({ run: true }));
  stop.addEventListener("click", () => model.send({ stop: true }));
  el.append(element("div", { class: "tl-live" }, run, stop));
  follow("running", () => {
    run.disabled = panel.inert = model.get("running");
    stop.disabled = !model.get("running");
  });
});
