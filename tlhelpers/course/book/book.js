// The stand-in for the kernel: values as a widget's page knows them, answers from a record.

(() => {
  const read = (typed) => {
    const plain = typed.normalize("NFKC").trim().replace(/%$/, "").replaceAll(" ", "");
    const number = plain.replace(/,(?=\d{3}\b)/g, "").replace(",", ".");
    return number === "" ? NaN : Number(number);
  };
  const show = (number) => Number.isInteger(number)
    ? number.toLocaleString("en-US") : String(Number(number.toPrecision(4)));

  // The view of a state; where none is kept, what the lesson's own script draws, or the last picture
  // with a word on it.
  const view = (record, values, model, key) => {
    const kept = record.views[key];
    const media = window.tlMedia?.[record.media] ?? record.media;
    const drawn = (letters) => [...letters].map((k) => record.pieces[k.codePointAt(0) - 256]).join("")
      .replace(/tl-media:(\d+)/g, (_, k) => media[k]);
    const composed = () => ({ ...values.view,
      ...window.tlComposers[record.composer](values.positions, record.data, drawn(record.views[record.first].picture)) });
    model.put("view", kept
      ? { ...kept, picture: drawn(kept.picture) }
      : record.composer ? composed() : { ...values.view, says: record.needs });
  };

  const answers = {
    explorer: (record, values, model) => view(record, values, model, Object.values(values.positions).join("/")),
    typed: (record, values, model) => {
      model.put("words", values.words);
      view(record, values, model, values.words);
    },
    pad: (record, values, model, { field, sample, keep }) => {
      if (field && !keep) model.put("drawings", { ...values.drawings, [field]: record.drawn[field][sample ?? ""] });
      else model.put("drawings", values.drawings);
      const at = Object.entries(values.drawings).map(([name, strokes]) => {
        const same = ([, ready]) => JSON.stringify(ready) === JSON.stringify(strokes);
        return Object.entries(record.drawn[name]).find(same)?.[0] ?? "?";
      });
      view(record, values, model, keep ? "?" : at.join("/"));
    },
    prompt: (record, values, model, { value }) => {
      model.put("reply", record.kept.replace("%GIVEN%", `${value}${values.unit}`));
    },
    quiz: (record, values, model, { key, value, run }) => {
      if (run) return model.put("printed", { ...values.printed, [key]: record.printed[key] });
      const judged = record.judged[key];
      let said;
      if (judged.options) said = judged.options[Number(value)];
      else {
        const number = read(value);
        said = Number.isNaN(number) ? record.unread
          : (judged.bounds.find(([low, high]) => low <= number && number <= high)?.[2] ?? judged.other);
        said = { ...said, headline: said.headline.replace("%GIVEN%", show(number)) };
      }
      model.put("feedback", { ...values.feedback, [key]: { ...said, given: value } });
      if (said.right && !values.done.includes(key)) model.put("done", [...values.done, key]);
    },
  };

  function bringToLife(el) {
    const record = window.tlRecords?.[el.dataset.record];
    if (!record) return;
    const values = { ...record.state };
    const heard = [];
    const model = {
      get: (name) => values[name],
      set: (name, value) => { values[name] = value; },
      put: (name, value) => {
        values[name] = value;
        heard.filter(([events]) => events.includes(`change:${name}`)).forEach(([, act]) => act());
      },
      save_changes: () => {
        answers[record.kind](record, values, model, {});
        if (values.positions) model.put("positions", values.positions);
      },
      send: (message) => answers[record.kind](record, values, model, message),
      on: (events, act) => heard.push([events.split(" "), act]),
      off: () => {},
    };
    if (record.views) answers[record.kind](record, values, model, {});
    el.replaceChildren();
    window.tlPages[record.kind].render({ model, el });
  }

  // A deeper section is closed until it is wanted; what leads into it, and paper, opens it.
  function fold(marker) {
    const section = marker.closest("section");
    const heading = section?.querySelector("h2, h3, h4");
    if (!heading || section.querySelector(":scope > details.tl-deeper")) return;
    const details = document.createElement("details");
    details.className = "tl-deeper";
    const summary = document.createElement("summary");
    const rest = [...section.childNodes].filter((node) => node !== heading);
    summary.append(heading);
    details.append(summary, ...rest.filter((node) => node !== summary));
    section.append(details);
  }
  const openTo = () => {
    const goal = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = goal; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    goal?.querySelector(":scope > details.tl-deeper")?.setAttribute("open", "");
    goal?.scrollIntoView();
  };

  // from a USB stick no page may read another one: results of a search then stand without excerpts
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-record]").forEach(bringToLife);
    document.querySelectorAll(".tl-deeper-mark").forEach(fold);
    // what scrolls must be reached by the keyboard; the theme's captions lack their level
    document.querySelectorAll(".highlight pre, .output pre, .table-wrapper, .math-wrapper").forEach((node) => { node.tabIndex = 0; });
    document.querySelectorAll("p.caption[role=heading]").forEach((node) => node.setAttribute("aria-level", "2"));
    document.querySelectorAll("aside.toc-drawer").forEach((node) => node.setAttribute("aria-label", node.innerText.split("\n")[0]));
    if (location.hash) openTo();
    window.addEventListener("hashchange", openTo);
    let closed = [];
    window.addEventListener("beforeprint", () => {
      closed = [...document.querySelectorAll("details.tl-deeper:not([open])")];
      closed.forEach((node) => { node.open = true; });
    });
    window.addEventListener("afterprint", () => closed.forEach((node) => { node.open = false; }));
    for (const link of document.querySelectorAll("a.tl-other-language")) {
      link.addEventListener("click", () => { link.hash = location.hash; });
    }
  });
})();
