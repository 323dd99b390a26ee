// The form of a quiz: one fieldset a question. Answers go to the kernel, which judges them.

function makeQuestion(model, follow, question, number, count) {
  const labels = model.get("labels");
  const id = ownName();
  const legend = element("legend", {}, `${labels.question} ${number}/${count}`);
  const ask = element("p", { id: `${id}-ask`, html: question.ask });
  const field = element("fieldset", { "aria-describedby": `${id}-ask` }, legend, ask);
  const mark = element("span", { class: "tl-quiz-mark" });
  legend.append(" ", mark);
  if (question.code) field.append(element("pre", {}, element("code", { text: question.code })));

  const given = model.get("feedback")[question.key]?.given; // before the page was opened again
  let read;
  const form = element("form", { class: "tl-quiz-form", novalidate: "" });
  if (question.kind === "choice") {
    for (const { place, html } of question.options) {
      const radio = element("input", { type: "radio", name: id, value: place });
      radio.checked = String(place) === given;
      form.append(element("label", {}, radio, element("span", { html })));
    }
    read = () => form.querySelector("input:checked")?.value;
  } else {
    const input = element("input", {
      type: "text", inputmode: "decimal", size: 10, autocomplete: "off",
      "aria-label": labels.number, "aria-describedby": `${id}-ask`,
    });
    input.value = given ?? "";
    form.append(input, element("span", { class: "tl-quiz-unit", text: question.unit }));
    read = () => input.value.trim();
  }
  const name = question.kind === "predict" ? labels.answer_predict : labels.answer;
  form.append(element("button", { type: "submit", class: "tl-quiz-answer", text: name }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = read();
    if (value !== undefined && value !== "") model.send({ key: question.key, value });
  });

  const reply = element("div", { class: "tl-quiz-reply", role: "status", "aria-live": "polite" });
  field.append(form, reply);
  follow("feedback printed done", () => {
    const done = model.get("done").includes(question.key);
    mark.textContent = done ? `✓ ${labels.done}` : "";
    const feedback = model.get("feedback")[question.key];
    reply.className = "tl-quiz-reply";
    reply.replaceChildren();
    if (!feedback) return;
    const kind = { true: "right", false: "wrong", null: "unread" }[String(feedback.right)];
    reply.classList.add(`tl-quiz-${kind}`);
    reply.append(element("strong", { html: feedback.headline }), element("p", { html: feedback.why }));
    if (question.code && feedback.right !== null) {
      const run = element("button", { type: "button", text: labels.run });
      run.addEventListener("click", () => model.send({ key: question.key, run: true }));
      const printed = model.get("printed")[question.key];
      reply.append(run);
      if (printed !== undefined) reply.append(element("pre", { text: printed }));
    }
  });
  return field;
}

export default makePage((model, el, follow) => {
  const questions = model.get("questions");
  el.classList.add("tl-quiz");
  const state = element("p", { class: "tl-quiz-state", role: "status" });
  follow("done", () => {
    state.textContent = `${model.get("labels").state} ${model.get("done").length}/${questions.length}`;
  });
  el.append(...questions.map((q, place) => makeQuestion(model, follow, q, place + 1, questions.length)), state);
});
