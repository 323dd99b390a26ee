// The form of a quiz: one fieldset a question. Answers go to the kernel, which judges them.

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

let made = 0;

function makeQuestion(model, question, number, count) {
  const labels = model.get("labels");
  const id = `tl-question-${++made}`; // two views of a quiz must not share their radio buttons
  const legend = element("legend", {}, `${labels.question} ${number}/${count}`);
  const ask = element("p", { id: `${id}-ask`, html: question.ask });
  const field = element("fieldset", { "aria-describedby": `${id}-ask` }, legend, ask);
  const mark = element("span", { class: "tl-quiz-mark" });
  legend.append(" ", mark);
  if (question.code) field.append(element("pre", {}, element("code", { text: question.code })));

  let read;
  const form = element("form", { class: "tl-quiz-form", novalidate: "" });
  if (question.kind === "choice") {
    question.options.forEach((option, place) => {
      const radio = element("input", { type: "radio", name: id, value: place });
      const label = element("label", {}, radio, element("span", { html: option }));
      form.append(label);
    });
    read = () => form.querySelector("input:checked")?.value;
  } else {
    const input = element("input", {
      type: "text", inputmode: "decimal", size: 10, autocomplete: "off",
      "aria-label": labels.number, "aria-describedby": `${id}-ask`,
    });
    form.append(input, element("span", { text: question.unit }));
    read = () => input.value.trim();
  }
  const name = question.kind === "predict" ? labels.answer_predict : labels.answer;
  form.append(element("button", { type: "submit", class: "tl-quiz-answer", text: name }));
  // JupyterLab listens for keys in a notebook; what is typed here is meant for this form
  form.addEventListener("keydown", (event) => event.stopPropagation());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = read();
    if (value !== undefined && value !== "") model.send({ key: question.key, value });
  });

  const reply = element("div", { class: "tl-quiz-reply", role: "status", "aria-live": "polite" });
  field.append(form, reply);
  const update = () => {
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
  };
  model.on("change:feedback change:printed change:done", update);
  update();
  return [field, () => model.off("change:feedback change:printed change:done", update)];
}

function render({ model, el }) {
  const questions = model.get("questions");
  el.classList.add("tl-quiz");
  const fields = questions.map((q, place) => makeQuestion(model, q, place + 1, questions.length));
  const state = element("p", { class: "tl-quiz-state", role: "status" });
  const count = () => {
    state.textContent = `${model.get("labels").state} ${model.get("done").length}/${questions.length}`;
  };
  model.on("change:done", count);
  count();
  el.append(...fields.map(([field]) => field), state);
  return () => {
    model.off("change:done", count);
    fields.forEach(([, stop]) => stop());
  };
}

export default { render };
