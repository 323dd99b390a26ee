// A widget's page: controls on top, the picture below, its sentence under it, a live run.

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
  const own = `tl-explorer-${++made}`;
  el.classList.add("tl-explorer");
  // JupyterLab's one-key commands must not take the keys that move a control
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const move = (name, place) => {
    model.set("positions", { ...model.get("positions"), [name]: place });
    model.save_changes();
  };

  const makers = {
    slider({ name, label, options }) {
      const id = `${own}-${name}`;
      const input = element("input", { type: "range", id, min: 0, max: options.length - 1, step: 1 });
      const shown = element("span", { class: "tl-value", "aria-hidden": "true" }); // the slider says it itself
      input.addEventListener("input", () => move(name, Number(input.value)));
      const follow = (place) => {
        input.value = place;
        input.setAttribute("aria-valuetext", options[place]);
        shown.textContent = options[place];
      };
      return [element("div", {}, element("label", { for: id, text: label }), input, shown), follow];
    },
    choice({ name, label, options }) {
      const id = `${own}-${name}`;
      const entries = options.map((option, place) => element("option", { value: place, text: option }));
      const select = element("select", { id }, ...entries);
      select.addEventListener("change", () => move(name, Number(select.value)));
      const follow = (place) => { select.value = String(place); };
      return [element("div", {}, element("label", { for: id, text: label }), select), follow];
    },
    switch({ name, label, options }) {
      const inputs = options.map((_, place) =>
        element("input", { type: "radio", name: `${own}-${name}`, value: place }));
      const labels = options.map((option, place) => element("label", {}, inputs[place], ` ${option}`));
      inputs.forEach((input, place) => input.addEventListener("change", () => move(name, place)));
      const follow = (place) => { inputs[place].checked = true; };
      return [element("fieldset", {}, element("legend", { text: label }), ...labels), follow];
    },
  };
  const controls = model.get("controls").map((control) => {
    const [node, follow] = makers[control.kind](control);
    return { node, follow: () => follow(model.get("positions")[control.name]) };
  });
  const panel = element("div", { class: "tl-controls" }, ...controls.map(({ node }) => node));

  const picture = element("div", { class: "tl-picture" });
  const says = element("p", { class: "tl-says", role: "status", "aria-live": "polite" });
  const redraw = () => {
    const places = () => [...picture.querySelectorAll("[data-set]")];
    const focused = places().indexOf(document.activeElement);
    const view = model.get("view");
    picture.innerHTML = view.picture;
    says.textContent = view.says;
    for (const node of places()) {
      node.setAttribute("role", "button");
      node.setAttribute("tabindex", "0");
    }
    if (focused >= 0) places()[focused]?.focus();
  };
  const pick = (event) => {
    const node = event.target.closest("[data-set]");
    if (!node || (event.type === "keydown" && !["Enter", " "].includes(event.key))) return;
    event.preventDefault();
    move(node.dataset.set, Number(node.dataset.value));
  };
  picture.addEventListener("click", pick);
  picture.addEventListener("keydown", pick);

  const labels = model.get("labels");
  const run = element("button", { type: "button", text: labels.run });
  const stop = element("button", { type: "button", class: "tl-stop", text: labels.stop });
  run.addEventListener("click", () => model.send({ run: true }));
  stop.addEventListener("click", () => model.send({ stop: true }));
  const enable = () => {
    run.disabled = model.get("running");
    stop.disabled = !model.get("running");
  };
  const follow = () => controls.forEach((control) => control.follow());

  el.append(element("p", { class: "tl-title", text: model.get("title") }), panel, picture, says);
  if (model.get("can_run")) el.append(element("div", { class: "tl-live" }, run, stop));
  model.on("change:view", redraw);
  model.on("change:positions", follow);
  model.on("change:running", enable);
  redraw();
  follow();
  enable();
  return () => {
    model.off("change:view", redraw);
    model.off("change:positions", follow);
    model.off("change:running", enable);
  };
}

export default { render };
