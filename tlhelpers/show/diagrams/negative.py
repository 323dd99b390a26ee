"""Transfer that harms: what a source ignores, and how far two sets lie apart."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import HIGH, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREY, INK, ORANGE, VERMILION


@drawn
def ignored() -> Diagram:
    """One eye, two jobs: it keeps the colour of a part, and throws away what inspection needs."""
    d = Diagram("ignored", 296)
    for row, key in enumerate(("sorting", "inspecting")):
        y = 46 + 146 * row
        d.note(20, y - 22, f"ignored_{key}")
        d.add("rect", x=24, y=y, width=46, height=46, rx=6, fill=VERMILION, stroke=INK)
        d.add("path", d=f"M32 {y + 10}l12 10l-5 8l14 9", fill="none", stroke=INK, stroke_width=2.6)
        d.arrow(78, y + HIGH / 2, 26)
        d.block(112, y, text("diagram.ignored_eye"), width=190, locked=row == 1)
        d.arrow(310, y + HIGH / 2, 34)
        d.add("rect", x=354, y=y + 8, width=30, height=30, rx=6, fill=VERMILION, stroke=INK)
        d.note(369, y + HIGH + 14, "ignored_colour", SMALL, text_anchor="middle")
        d.arrow(394, y + HIGH / 2, 30)
        name = text(f"diagram.ignored_{key}_head")
        d.block(432, y, name, ORANGE, width=140, random=row == 1)
        d.arrow(580, y + HIGH / 2, 22)
        d.note(610, y + HIGH / 2 + 5, f"ignored_{key}_answer")
        d.arrow(140, y + HIGH + 6, 0, 20, colour=GREY)
        d.note(207, y + HIGH + 42, "ignored_lost", SMALL, text_anchor="middle")
    return d


@drawn
def one_difference() -> Diagram:
    """Two runs that differ in the weights at the start alone; the gap is what that makes."""
    d = Diagram("one_difference", 236)
    for row, (key, random) in enumerate((("random", True), ("source", False))):
        y = 36 + 102 * row
        d.note(20, y - 14, f"one_difference_{key}")
        d.network(20, y, [0.5] * 6, random=random, answer=False)
        d.arrow(594, y + HIGH / 2, 18)
        d.text(622, y + HIGH / 2 + 6, ("80%", "65%")[row], font_size=18)
    d.add("path", d="M670 60h10v101h-10", fill="none", stroke=VERMILION, stroke_width=2.2)
    d.note(638, 106, "one_difference_gap", SMALL, text_anchor="middle", fill=VERMILION)
    d.note(20, 222, "one_difference_same", SMALL)
    d.moves(524, 218, 0.5)
    d.note(554, 222, "legend_moves", SMALL)
    return d


@drawn
def a_distance() -> Diagram:
    """Pictures of two domains as dots, and the classifier that tries to tell them apart."""
    d = Diagram("a_distance", 240)
    spots = ((0, 0), (34, -26), (26, 30), (-30, 22), (-26, -30), (60, 6), (20, 58), (-58, -4))
    for panel, (key, apart) in enumerate((("alike", 24), ("apart", 176))):
        left = 24 + 350 * panel
        d.note(left, 24, f"a_distance_{key}")
        d.add("rect", x=left, y=40, width=322, height=136, rx=6, fill="white", stroke=GREY)
        middle = left + 161
        for colour, side in ((BLUE, -1), (ORANGE, 1)):
            for x, y in spots:
                spot = {"cx": middle + side * (apart / 2 - x), "cy": 104 - side * 0.8 * y}
                d.add("circle", **spot, r=6, fill=colour, stroke=INK)
        d.add(
            "path",
            d=f"M{middle} 44V172",
            stroke=INK,
            stroke_width=1.8,
            stroke_dasharray="6 4",
        )
        d.note(left, 198, f"a_distance_{key}_value", SMALL)
    for x, colour, key in ((420, BLUE, "source"), (560, ORANGE, "target")):
        d.add("circle", cx=x, cy=224, r=6, fill=colour, stroke=INK)
        d.note(x + 14, 228, f"a_distance_{key}", SMALL)
    d.add("path", d="M24 224h34", stroke=INK, stroke_width=1.8, stroke_dasharray="6 4")
    d.note(66, 228, "a_distance_classifier", SMALL)
    return d
