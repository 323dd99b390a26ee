"""Networks of three families, and what a score sees before anything is transferred: lesson 07."""

from __future__ import annotations

from tlhelpers.show.diagrams.canvas import PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION

WIDE, LOW = 64, 32  # a layer


def _layer(d: Diagram, x: float, y: float, words: str, colour: str = BLUE) -> None:
    """A layer with its middle at x, its top at y."""
    d.block(x - WIDE / 2, y, words, colour, width=WIDE, height=LOW)


@drawn
def families() -> Diagram:
    """A piece of VGG, of Inception and of ResNet, from the input at the top to the output."""
    d = Diagram("families", 330)
    top, step = 62, 52
    for place, name in enumerate(("vgg", "inception", "resnet")):
        x = (120, 360, 590)[place]
        d.note(x, 26, f"families_{name}", text_anchor="middle", font_weight="bold")
        d.note(x, 290, f"families_{name}_idea", SMALL, text_anchor="middle")
        d.arrow(x, top - 20, 0, 16)
    for number in range(4):
        _layer(d, 120, top + step * number, "3 × 3")
        d.arrow(120, top + step * number + LOW + 2, 0, 14)
    branches = (("1 × 1", 252), ("3 × 3", 324), ("5 × 5", 396), ("", 468))
    for words, x in branches:
        d.add("path", d=f"M360 {top - 2}L{x} {top + 34}", stroke=INK, stroke_width=1.6)
        _layer(d, x, top + 36, words, BLUE if words else GREY)
        d.add("path", d=f"M{x} {top + 36 + LOW}L360 {top + 116}", stroke=INK, stroke_width=1.6)
    d.note(468, top + 57, "families_pooling", SMALL, text_anchor="middle")
    d.block(270, top + 118, "", GREEN, width=180, height=LOW)
    d.note(360, top + 139, "families_join", SMALL, text_anchor="middle")
    d.arrow(360, top + 118 + LOW + 2, 0, 14)
    x = 590
    for number in range(2):
        _layer(d, x, top + 22 + step * number, "3 × 3")
        d.arrow(x, top + 22 + step * number + LOW + 2, 0, 14 + 6 * number)
    d.add("path", d=f"M{x} {top - 2}V{top + 20}", stroke=INK, stroke_width=2.2)
    d.add("circle", cx=x, cy=top + 140, r=11, fill=PALE[GREEN], stroke=GREEN, stroke_width=2)
    d.text(x, top + 146, "+", text_anchor="middle", font_size=18)
    curve = f"M{x + 2} {top + 2}C{x + 84} {top + 8} {x + 84} {top + 134} {x + 22} {top + 140}"
    d.add("path", d=curve, stroke=GREEN, stroke_width=2.4, fill="none")
    d.arrow(x + 26, top + 139.5, -11, 0.6, colour=GREEN)
    d.note(x + 72, top + 75, "families_shortcut", SMALL, fill=GREEN)
    d.arrow(x, top + 153, 0, 18)
    return d


@drawn
def proxies() -> Diagram:
    """What k-NN sees (neighbours among the features) and what LEEP sees (a table of answers)."""
    d = Diagram("proxies", 300)
    d.note(180, 26, "proxies_knn", text_anchor="middle", font_weight="bold")
    d.note(540, 26, "proxies_leep", text_anchor="middle", font_weight="bold")
    d.add("rect", x=40, y=42, width=280, height=190, rx=8, fill="white", stroke=GREY)
    dots = ((80, 110), (128, 84), (96, 166), (212, 186), (262, 168), (276, 212), (184, 120))
    marks = ((228, 104), (262, 84), (160, 206))
    for one, other in ((dots[0], dots[1]), (dots[4], dots[5]), marks[:2]):
        _to(d, one, other, GREEN, both=True)
    for one, other in ((dots[2], dots[0]), (dots[3], dots[4])):
        _to(d, one, other, GREEN)
    for one, other in ((dots[6], marks[0]), (marks[2], dots[3])):
        _to(d, one, other, VERMILION)
    for x, y in dots:
        d.add("circle", cx=x, cy=y, r=7, fill=PALE[BLUE], stroke=BLUE, stroke_width=2)
    for x, y in marks:
        shape = f"M{x} {y - 8}l8 14h-16Z"
        d.add("path", d=shape, fill=PALE[ORANGE], stroke=ORANGE, stroke_width=2)
    d.note(180, 256, "proxies_knn_count", SMALL, text_anchor="middle")
    columns, rows = ("proxies_roof", "proxies_field"), ("proxies_brick", "proxies_moss")
    values = ((0.9, 0.1), (0.3, 0.7))
    d.note(600, 66, "proxies_target", SMALL, text_anchor="middle")
    for place, key in enumerate(columns):
        d.note(550 + 100 * place, 92, key, SMALL, text_anchor="middle")
    for line, key in enumerate(rows):
        y = 108 + 58 * line
        d.note(490, y + 30, key, SMALL, text_anchor="end")
        for place, value in enumerate(values[line]):
            x = 502 + 100 * place
            colour = GREEN if value > 0.5 else GREY
            d.add("rect", x=x, y=y, width=96, height=52, fill=PALE[colour], stroke=colour)
            d.text(x + 48, y + 32, f"{value:.0%}", text_anchor="middle", font_size=15)
    d.note(540, 256, "proxies_leep_read", SMALL, text_anchor="middle")
    return d


def _to(
    d: Diagram, start: tuple[int, int], end: tuple[int, int], colour: str, both: bool = False
) -> None:
    """An arrow from beside one point to just before another."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5
    x, y = 10 * dx / length, 10 * dy / length
    d.arrow(start[0] + x, start[1] + y, dx - 2 * x, dy - 2 * y, colour=colour, both=both)
