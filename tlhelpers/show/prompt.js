// One question before a result. The kernel keeps the answer and says what it kept.

export default makePage((model, el, follow) => {
  const [choices, unit, labels] = ["choices", "unit", "labels"].map((name) => model.get(name));
  const id = ownName();
  const form = element("form", { class: "tl-quiz-form", novalidate: "" });
  let chosen; // nothing is predicted before a choice is made or the slider is moved
  if (choices.length) {
    for (const [value, html] of choices) {
      const radio = element("input", { type: "radio", name: id, value });
      radio.addEventListener("change", () => { chosen = value; });
      form.append(element("label", {}, radio, element("span", { html })));
    }
  } else {
    const [min, max] = model.get("between");
    const step = (max - min) / 100;
    const slider = element("input", { type: "range", min, max, step, "aria-labelledby": id });
    const value = element("output", { text: "…" });
    slider.addEventListener("input", () => {
      chosen = slider.value;
      value.textContent = `${chosen}${unit}`;
    });
    form.append(slider, value);
  }
  form.append(element("button", { type: "submit", text: labels.button }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen !== undefined) model.send({ value: chosen });
  });
  const reply = element("div", { class: "tl-quiz-reply", role: "status", "aria-live": "polite" });
  follow("reply", () => { reply.textContent = model.get("reply"); });
  const legend = element("legend", { text: labels.label });
  const ask = element("p", { id, html: model.get("ask") });
  el.classList.add("tl-quiz");
  el.append(element("fieldset", { "aria-describedby": id }, legend, ask, form, reply));
});
