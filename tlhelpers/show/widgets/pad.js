// Fields to draw in with mouse, finger or keys; strokes go to the kernel when they end.

const PAPER = "#f6f3ec", INK = "#23233c", SIDE = 256, PEN = 11, ERASER = 34; // as in pad.py
const STEP = 0.04; // how far an arrow key moves the pen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function makeField(model, { name, many }, own, isErasing) {
  const labels = model.get("labels");
  const called = (label) => `${label}: ${name}`;
  const sheet = element("canvas", {
    width: SIDE, height: SIDE, tabindex: 0, role: "application",
    "aria-label": name, "aria-describedby": `${own}-keys`,
  });
  const pen = sheet.getContext("2d");
  let stroke = null; // the one that is being drawn
  let cursor = null; // the place of the pen, while it is moved by keys

  const strokes = () => model.get("drawings")[name] ?? [];
  const trace = ({ points, erase }) => {
    const [x, y] = points[0];
    pen.strokeStyle = erase ? PAPER : INK;
    pen.lineWidth = erase ? ERASER : PEN;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(x * SIDE, y * SIDE);
    points.forEach(([px, py]) => pen.lineTo(px * SIDE, py * SIDE));
    pen.stroke();
  };
  const redraw = () => {
    pen.fillStyle = PAPER;
    pen.fillRect(0, 0, SIDE, SIDE);
    [...strokes(), ...(stroke ? [stroke] : [])].forEach(trace);
    if (!cursor) return;
    pen.beginPath();
    pen.lineWidth = 3;
    pen.strokeStyle = stroke ? "#d55e00" : "#0072b2";
    pen.arc(cursor[0] * SIDE, cursor[1] * SIDE, 12, 0, 2 * Math.PI);
    pen.stroke();
  };
  const put = (drawing) => {
    model.set("drawings", { ...model.get("drawings"), [name]: drawing });
    model.save_changes();
  };
  const begin = (point) => { stroke = { points: [point], erase: isErasing() }; redraw(); };
  const go = (point) => {
    const [x, y] = stroke.points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < 0.012) return;
    stroke.points.push(point);
    redraw();
  };
  const end = () => {
    if (!stroke) return;
    const ended = stroke;
    stroke = null;
    put([...strokes(), ended]);
  };

  const inside = (value) => Math.round(1000 * Math.min(1, Math.max(0, value))) / 1000;
  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  };
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    sheet.setPointerCapture(event.pointerId);
    cursor = null;
    begin(place(event));
  });
  sheet.addEventListener("pointermove", (event) => { if (stroke && !cursor) go(place(event)); });
  sheet.addEventListener("pointerup", end);
  sheet.addEventListener("pointercancel", end);
  sheet.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow && ![" ", "Backspace"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Backspace") return put(strokes().slice(0, -1));
    cursor ??= [0.5, 0.5];
    if (arrow) {
      cursor = cursor.map((value, axis) => inside(value + STEP * arrow[axis]));
      if (stroke) go(cursor);
    } else if (stroke) {
      end();
    } else {
      begin(cursor);
    }
    redraw();
  });
  sheet.addEventListener("blur", () => { end(); cursor = null; redraw(); });

  const button = (label, act) => {
    const node = element("button", { type: "button", "aria-label": called(label), text: label });
    node.addEventListener("click", act);
    return node;
  };
  const undo = button(labels.undo, () => put(strokes().slice(0, -1)));
  const clear = button(labels.clear, () => model.send({ field: name, clear: true }));
  const keep = button(labels.keep, () => model.send({ field: name, keep: true }));
  const ready = element("select", { "aria-label": called(labels.sample) });
  ready.append(element("option", { value: "", text: labels.choose }));
  model.get("samples").forEach((sample) => ready.append(element("option", { text: sample })));
  ready.addEventListener("change", () => {
    if (ready.value) model.send({ field: name, sample: ready.value });
    ready.value = "";
  });
  const heading = element("strong", { "aria-hidden": "true" });
  const show = () => {
    const kept = model.get("kept")[name] ?? 0;
    heading.textContent = kept ? `${name} + ${kept}` : name;
    keep.disabled = undo.disabled = !strokes().length;
    clear.disabled = !strokes().length && !kept;
    redraw();
  };
  const buttons = element("div", { class: "tl-pad-buttons" }, undo, clear, ...(many ? [keep] : []));
  return { node: element("div", { class: "tl-pad-field" }, heading, sheet, ready, buttons), show };
}

export default makePage((model, el, follow) => {
  const own = ownName(), labels = model.get("labels");
  el.classList.add("tl-explorer", "tl-pad");

  const [pen, eraser] = ["pen", "eraser"].map((tool) => element("input", { type: "radio", name: own, value: tool }));
  pen.checked = true;
  const tools = element("fieldset", {},
    element("label", {}, pen, ` ${labels.pen}`), element("label", {}, eraser, ` ${labels.eraser}`));
  const fields = model.get("fields").map((field) => makeField(model, field, own, () => eraser.checked));
  follow("drawings kept", () => fields.forEach((field) => field.show()));
  const row = element("div", { class: "tl-pad-fields" }, ...fields.map(({ node }) => node));
  const keys = element("p", { id: `${own}-keys`, class: "tl-pad-keys", text: labels.keys });
  const controls = element("div", { class: "tl-controls" }, tools);
  const title = element("p", { class: "tl-title", text: model.get("title") });
  el.append(title, controls, row, keys, ...makePicture(model, follow));
});
