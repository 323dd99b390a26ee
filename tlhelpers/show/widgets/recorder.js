// A microphone and a place for files; what is heard goes to the kernel, mono, at the model's rate.
// The sound itself is played from the page and is no part of what the notebook keeps.

export default makePage((model, el, follow) => {
  const id = ownName(), labels = model.get("labels");
  el.classList.add("tl-explorer");
  const note = element("p", { class: "tl-note", role: "status", "aria-live": "polite" });
  const own = element("audio", { controls: "", "aria-label": labels.own });
  own.hidden = true;
  const tell = (name) => {
    note.textContent = name ? labels[name] : "";
    note.hidden = !name;
  };
  tell("");

  // The browser decodes what it can play, resampled to the rate of the context.
  const hear = async (file) => {
    try {
      const context = new OfflineAudioContext(1, 1, model.get("rate"));
      const sound = await context.decodeAudioData(await file.arrayBuffer());
      const length = Math.min(sound.length, model.get("most"));
      const samples = new Int16Array(length);
      const channels = Array.from({ length: sound.numberOfChannels }, (_, c) => sound.getChannelData(c));
      for (let at = 0; at < length; at++) {
        const mean = channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length;
        samples[at] = 32767 * Math.min(1, Math.max(-1, mean));
      }
      URL.revokeObjectURL(own.src);
      own.src = URL.createObjectURL(file);
      own.hidden = false;
      tell("");
      model.send({ heard: true }, undefined, [samples.buffer]);
    } catch {
      tell("unreadable");
    }
  };

  const record = element("button", { type: "button", text: labels.record });
  let stream = null;
  const release = () => { stream?.getTracks().forEach((track) => track.stop()); stream = null; };
  record.addEventListener("click", async () => {
    record.disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const recorder = new MediaRecorder(stream), parts = [];
      recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
      const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve));
      recorder.start();
      tell("speak");
      setTimeout(() => recorder.stop(), 1000 * model.get("seconds"));
      await ended;
      await hear(new Blob(parts, { type: recorder.mimeType }));
    } catch {
      tell("no_microphone");
    } finally {
      release();
      record.disabled = false;
    }
  });

  const chosen = element("input", { type: "file", id, accept: "audio/*" });
  chosen.addEventListener("change", () => { if (chosen.files[0]) hear(chosen.files[0]); });
  el.addEventListener("dragover", (event) => event.preventDefault());
  el.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer.files[0]) hear(event.dataTransfer.files[0]);
  });

  const panel = element("div", { class: "tl-controls" }, element("div", {}, record),
    element("div", {}, element("label", { for: id, text: labels.file }), chosen));
  el.append(element("p", { class: "tl-title", text: model.get("title") }), panel, note, own,
    ...makePicture(model, follow));
  return () => { release(); URL.revokeObjectURL(own.src); };
});
