// Starts the slides. Words that would not fit are set smaller, down to what the last row can read.

(() => {
  const LARGE = 30, SMALL = 21; // pixels of 720
  const fit = (slide) => {
    const body = slide?.querySelector(".tl-body");
    for (let size = LARGE; body && body.scrollHeight > body.clientHeight + 1 && size >= SMALL; size--) {
      body.style.fontSize = `${size}px`;
    }
  };
  Reveal.on("ready", ({ currentSlide }) => fit(currentSlide));
  Reveal.on("slidechanged", ({ currentSlide }) => fit(currentSlide));
  Reveal.on("pdf-ready", () => document.querySelectorAll(".slides section").forEach(fit));
  Reveal.initialize({
    width: 1280, height: 720, margin: 0.03, hash: true, slideNumber: true, center: false,
    transition: "none", display: "flex", plugins: [RevealNotes],
  });
})();
