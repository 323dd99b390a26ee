// Lesson 05's shelf for any choice of pictures, where no kernel computes it: `draw` of widget.py.
// positions: the bits picked. data: what `for_page` of widget.py gives. picture: of the first state.

(positions, data, picture) => {
  const { offered, labels, colours, cross, inner, queries, places, words } = data;
  const members = colours.map((_, c) => Array.from({ length: offered }, (_, k) => c * offered + k)
    .filter((i) => (positions.support >> i) & 1));
  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const holder = document.createElement("div");
  holder.innerHTML = picture;
  const svg = holder.querySelector("svg");
  const put = (markup) => svg.insertAdjacentHTML("beforeend", markup);
  svg.querySelectorAll(".tl-chosen").forEach((node) => node.remove());
  let says = words.empty;
  if (members.every((rows) => rows.length)) {
    // |q - p|² = |q|² - 2 q·p + p·p, where p is the mean of its members; |q|² is the same for all
    const own = members.map((rows) => mean(rows.flatMap((i) => rows.map((j) => inner[i][j % offered]))));
    const nearest = (query) => {
      const far = members.map((rows, c) => own[c] - 2 * mean(rows.map((i) => cross[query][i])));
      return far.indexOf(Math.min(...far));
    };
    const answers = queries.map((_, query) => nearest(query));
    const right = `${Math.round(100 * mean(answers.map((answer, q) => Number(answer === labels[q]))))}%`;
    const shots = members.map((rows) => rows.length).join(" + ");
    const fill = (sentence) => sentence.replace("%SHOTS%", shots).replace("%ACCURACY%", right);
    says = fill(words.says);
    svg.querySelector("text.tl-map").textContent = fill(words.accuracy);
    svg.querySelectorAll("circle").forEach((circle, query) => {
      const colour = colours[answers[query]];
      circle.setAttribute("fill", answers[query] === labels[query] ? colour : "white");
      circle.setAttribute("stroke", colour);
    });
    members.forEach((rows, c) => {
      const [x, y] = [0, 1].map((axis) => mean(rows.map((i) => places[i][axis])));
      for (const i of rows) put(`<path class="tl-chosen" d="M${x} ${y}L${places[i].join(" ")}" stroke="${colours[c]}"/>`);
      put(`<path class="tl-chosen" d="M${x} ${y - 13}l13 13l-13 13l-13 -13Z" fill="${colours[c]}" stroke="white" stroke-width="3"/>`);
    });
  } else {
    svg.querySelectorAll("circle, .tl-map").forEach((node) => node.remove());
  }
  members.forEach((rows, c) => {
    for (let i = c * offered; i < (c + 1) * offered; i++) {
      const image = svg.querySelector(`[data-toggle="${i}"]`), inside = rows.includes(i);
      image.setAttribute("opacity", inside ? 1 : 0.5);
      image.dataset.picked = inside;
      const at = ["x", "y", "width", "height"].map((name) => `${name}="${image.getAttribute(name)}"`).join(" ");
      if (inside) image.insertAdjacentHTML("afterend", `<rect class="tl-chosen" ${at} fill="none" stroke="${colours[c]}" stroke-width="4"/>`);
    }
  });
  svg.setAttribute("aria-label", says);
  return { picture: holder.innerHTML, says };
}
