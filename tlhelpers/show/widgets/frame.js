// What stands before every page's script: elements, names, a picture, and how a page falls asleep.

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
const ownName = () => `tl-${++made}`; // two views of a widget must not share names

// The picture of `model`, and its sentence. around: called with what redraws, and the picture.
function makePicture(model, follow, around = (redraw) => redraw()) {
  const picture = element("div", { class: "tl-picture" });
  const says = element("p", { class: "tl-says", role: "status", "aria-live": "polite" });
  const redraw = () => {
    const view = model.get("view");
    picture.innerHTML = view.picture;
    says.textContent = view.says;
  };
  follow("view", () => around(redraw, picture));
  return [picture, says];
}

// A page. build: called with the model, the element to fill, and follow(names, act), which acts
// now and whenever one of the model's values changes.
function makePage(build) {
  function render({ model, el }) {
    const followed = [];
    const follow = (names, act) => {
      const events = names.split(" ").map((name) => `change:${name}`).join(" ");
      model.on(events, act);
      followed.push([events, act]);
      act();
    };
    // JupyterLab's one-key commands must not take the keys that move a control or type
    el.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") el.closest(".jp-Cell")?.focus(); // back to where one-key commands work
    });
    const end = build(model, el, follow);

    const fallAsleep = () => {
      if (el.classList.contains("tl-asleep")) return;
      el.classList.add("tl-asleep");
      el.querySelectorAll("input, select, textarea, button").forEach((node) => { node.disabled = true; });
      el.querySelectorAll("[tabindex]").forEach((node) => node.removeAttribute("tabindex"));
      el.prepend(element("p", { class: "tl-note", role: "status", text: model.get("asleep") }));
    };
    // Jupyter's widgets mark what has lost its kernel with this class. A kernel that died of itself,
    // or was exchanged, they leave unmarked.
    const isGone = () => el.classList.contains("jupyter-widgets-disconnected");
    const watch = new MutationObserver(() => { if (isGone()) fallAsleep(); });
    watch.observe(el, { attributeFilter: ["class"] });
    if (isGone()) fallAsleep();
    const session = model.widget_manager?.context?.sessionContext;
    const listen = (_, status) => {
      if (["autorestarting", "restarting", "dead", "terminating"].includes(status)) fallAsleep();
    };
    session?.statusChanged?.connect(listen);
    session?.kernelChanged?.connect(fallAsleep);

    return () => {
      end?.();
      watch.disconnect();
      session?.statusChanged?.disconnect(listen);
      session?.kernelChanged?.disconnect(fallAsleep);
      followed.forEach(([events, act]) => model.off(events, act));
    };
  }
  return { render };
}

