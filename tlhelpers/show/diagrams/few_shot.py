"""Few examples: an episode, prototypes in the plane, and a threshold of similarity."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import NOTE, PALE, SMALL, Diagram, drawn, plane
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION


@drawn
def episode() -> Diagram:
    """An episode: N kinds are drawn, K pictures of each are the support, others the queries."""
    d = Diagram("episode", 292)
    d.note(24, 26, "episode_pool", SMALL)
    for place in range(10):
        d.photo(24 + 46 * (place % 2), 56 + 38 * (place // 2), 32)
    d.arrow(128, 146, 40)
    d.note(148, 130, "episode_draw", SMALL, text_anchor="middle")
    d.note(184, 26, "episode_support", SMALL)
    d.note(312, 26, "episode_queries", SMALL)
    for row in range(5):
        y = 56 + 38 * row
        d.add("rect", x=184, y=y - 2, width=104, height=36, rx=5, fill=PALE[ORANGE])
        d.photo(190, y, 32)
        d.text(240, y + 21, "ABCDE"[row], font_size=NOTE)
        for place in range(4):
            x = 312 + 44 * place
            d.add("rect", x=x, y=y, width=32, height=32, rx=3, fill=PALE[GREY], stroke=INK)
            d.text(x + 16, y + 22, "?", font_size=16, text_anchor="middle")
        d.text(482, y + 18, "…", font_size=16)
    d.arrow(502, 146, 24)
    d.block(534, 116, text("diagram.episode_score"), GREEN, width=160, height=60)
    d.add("path", d="M614 182v78H63", fill="none", stroke=INK, stroke_width=1.6)
    d.arrow(63, 261, 0, -14)
    d.note(400, 280, "episode_again", SMALL, text_anchor="middle")
    return d


@drawn
def prototypes() -> Diagram:
    """Two prototypes in the plane of two features, and the squared distances of a query."""
    d = Diagram("prototypes", 250)
    left, floor, unit = 52, 212, 36
    at = plane(left, floor, unit)
    d.arrow(left, floor, 10.2 * unit)
    d.arrow(left, floor, 0, -5.2 * unit)
    d.note(left + 10 * unit, floor + 22, "feature_1", SMALL, text_anchor="end")
    d.note(left - 8, floor - 5.4 * unit, "feature_2", SMALL)
    for tick in (2, 4, 6, 8):
        d.add("path", d=f"M{left + unit * tick} {floor}v5", stroke=INK, stroke_width=1.4)
        d.text(left + unit * tick, floor + 18, str(tick), text_anchor="middle", font_size=11)
    for tick in (2, 4):
        d.add("path", d=f"M{left} {floor - unit * tick}h-5", stroke=INK, stroke_width=1.4)
        d.text(left - 16, floor - unit * tick + 4, str(tick), font_size=11)
    x, top = at(5, 4.9)
    d.add("path", d=f"M{x} {top}V{floor}", stroke=GREY, stroke_width=1.6, stroke_dasharray="3 4")
    query = at(4, 3)
    kinds = (("A", BLUE, ((1, 1), (3, 3)), (2, 2)), ("B", VERMILION, ((7, 1), (9, 3)), (8, 2)))
    for name, colour, support, mean in kinds:
        px, py = at(*mean)
        d.add("path", d=f"M{query[0]} {query[1]}L{px} {py}", stroke=INK, stroke_width=1.4)
        for point in support:
            cx, cy = at(*point)
            d.add("circle", cx=cx, cy=cy, r=7, fill=colour)
            d.add(
                "path",
                d=f"M{cx} {cy}L{px} {py}",
                stroke=colour,
                stroke_width=1.4,
                stroke_dasharray="4 3",
            )
        d.add("path", d=f"M{px} {py - 11}l11 11l-11 11l-11 -11Z", fill=colour, stroke=INK)
        d.text(px, py + 30, name, text_anchor="middle", font_size=16)
    d.add("circle", cx=query[0], cy=query[1], r=9, fill="white", stroke=INK, stroke_width=2)
    d.text(query[0], query[1] + 5, "?", text_anchor="middle", font_size=13)
    for row, key in enumerate(("plane_support", "plane_prototype", "plane_distance", "plane_line")):
        d.note(448, 40 + 56 * row, key, SMALL)
    return d


@drawn
def threshold() -> Diagram:
    """Cosine similarity to an entry, read along its direction, and what a threshold lets in."""
    d = Diagram("threshold", 256)
    left, floor, unit = 96, 216, 180
    at = plane(left, floor, unit)
    x, y = at(0.8, 0.6)
    arc = f"A{unit} {unit} 0 0 0"
    d.add("path", d=f"M{left} {floor}H{x}V{y}{arc} {left} {floor - unit}Z", fill=PALE[GREY])
    d.add("path", d=f"M{x} {floor}H{left + unit}{arc} {x} {y}Z", fill=PALE[GREEN])
    x, top = at(0.8, 0.98)
    d.add("path", d=f"M{x} {top}V{floor}", stroke=VERMILION, stroke_width=2.2)
    d.note(x + 6, top + 8, "threshold_line", SMALL)
    for number, tip in (("1", (0.96, 0.28)), ("2", (0.6, 0.8))):
        x, y = at(*tip)
        d.add("path", d=f"M{x} {y}V{floor}", stroke=GREY, stroke_width=1.4, stroke_dasharray="3 4")
        d.arrow(left, floor, x - left, y - floor)
        d.text(x + 8, y, number, font_size=NOTE)
    d.arrow(left, floor, unit, colour=BLUE)
    d.note(left + unit + 8, floor + 4, "threshold_entry", SMALL)
    for value in (0.6, 0.8, 0.96):
        x, y = at(value, 0)
        d.text(x, y + 18, f"{value:g}", text_anchor="middle", font_size=11)
    for y, key in ((56, "threshold_lengths"), (106, "threshold_yes"), (172, "threshold_no")):
        d.note(400, y, key, SMALL)
    return d
