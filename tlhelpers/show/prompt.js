// One question before a result. The kernel keeps the answer and says what it kept.

let made = 0;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "html") node.innerHTML = value;
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const { ask, choices, between, unit, button, label } = model.get("question");
  const id = `tl-prompt-${++made}`;
  const form = element("form", { class: "tl-quiz-form", novalidate: "" });
  let read;
  if (choices.length) {
    choices.forEach(([value, shown]) => {
      const radio = element("input", { type: "radio", name: id, value });
      form.append(element("label", {}, radio, element("span", { html: shown })));
    });
    read = () => form.querySelector("input:checked")?.value;
  } else {
    const [min, max] = between;
    const step = (max - min) / 100;
    const slider = element("input", { type: "range", min, max, step, "aria-labelledby": id });
    const value = element("output", { text: "…" });
    let chosen; // nothing is predicted before the slider was moved
    slider.addEventListener("input", () => {
      chosen = slider.value;
      value.textContent = `${chosen}${unit}`;
    });
    form.append(slider, value);
    read = () => chosen;
  }
  form.append(element("button", { type: "submit", text: button }));
  form.addEventListener("keydown", (event) => event.stopPropagation());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = read();
    if (value !== undefined) model.send({ value });
  });
  const reply = element("div", { class: "tl-quiz-reply", role: "status", "aria-live": "polite" });
  const update = () => { reply.textContent = model.get("reply"); };
  model.on("change:reply", update);
  update();
  const question = element("p", { id, html: ask });
  const legend = element("legend", { text: label });
  el.classList.add("tl-quiz");
  el.append(element("fieldset", { "aria-describedby": id }, legend, question, form, reply));
  return () => model.off("change:reply", update);
}

export default { render };
