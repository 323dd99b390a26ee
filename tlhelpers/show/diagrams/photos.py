"""Your own photos: a leak by scene, and the order of methods."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import NOTE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION


@drawn
def leak() -> Diagram:
    """Three photos of each animal: split by photo they leak into the test, by animal not."""
    d = Diagram("leak", 296)
    colours = {"A": BLUE, "B": ORANGE, "C": GREEN, "D": VERMILION}
    rows = (
        ("by_photo", ("A1", "A2", "B1", "B3", "C2", "C3", "D1", "D3"), ("A3", "B2", "C1", "D2")),
        ("by_animal", ("A1", "A2", "A3", "B1", "B2", "B3", "C1", "C2", "C3"), ("D1", "D2", "D3")),
    )
    for row, (key, train, test) in enumerate(rows):
        y = 30 + 136 * row
        d.note(20, y - 10, f"leak_{key}")
        places = {}
        for part, x, width in ((train, 20, 420), (test, 480, 220)):
            colour = BLUE if part is train else GREY
            name = text("diagram.train" if part is train else "diagram.test")
            d.add("rect", x=x, y=y, width=width, height=84, rx=6, fill="white", stroke=colour)
            d.text(x + 10, y + 18, name, font_size=SMALL)
            for place, photo in enumerate(part):
                left = x + 10 + 45 * place
                d.add(
                    "rect",
                    x=left,
                    y=y + 32,
                    width=38,
                    height=38,
                    rx=4,
                    fill="white",
                    stroke=colours[photo[0]],
                    stroke_width=3,
                )
                d.text(left + 19, y + 56, photo, text_anchor="middle", font_size=NOTE)
                places[photo] = left + 19
        for photo in test:
            twins = [p for p in train if p[0] == photo[0]]
            if twins:
                middle = (places[twins[-1]] + places[photo]) / 2
                d.add(
                    "path",
                    d=f"M{places[twins[-1]]} {y + 72}Q{middle} {y + 116} {places[photo]} {y + 72}",
                    fill="none",
                    stroke=colours[photo[0]],
                    stroke_width=1.8,
                )
        d.note(590, y + 106, f"leak_{key}_says", SMALL, text_anchor="middle")
    return d


@drawn
def order() -> Diagram:
    """The order in which to try methods: validation data judge each step, the test comes once."""
    d = Diagram("order", 190)
    tried = ("knn", "probe", "tuned")  # by `try_folder`
    steps = (
        ("prior", GREY),
        ("pixels", GREY),
        ("knn", BLUE),
        ("probe", BLUE),
        ("turned", BLUE),
        ("tuned", VERMILION),
        ("labels", GREEN),
    )
    width, gap, y = 86, 12, 44
    for place, (key, colour) in enumerate(steps):
        x = 20 + place * (width + gap)
        d.block(x, y, "", colour, width=width, height=52)
        d.note(x + width / 2, y + 22, f"order_{key}", SMALL, text_anchor="middle")
        if key in tried:
            d.add("circle", cx=x + width / 2, cy=y, r=5, fill=INK)
        if place:
            d.arrow(x - gap + 1, y + 26, gap - 2)
    d.note(20, 24, "order_title")
    d.add("circle", cx=414, cy=20, r=5, fill=INK)
    d.note(426, 24, "order_tried", SMALL)
    span = len(steps) * (width + gap) - gap
    d.add("path", d=f"M20 {y + 62}v8h{span}v-8", fill="none", stroke=GREEN, stroke_width=1.6)
    d.note(20 + span / 2, y + 90, "order_valid", text_anchor="middle")
    d.padlock(20 + span / 2 - 150, y + 118)
    d.note(20 + span / 2 - 134, y + 124, "order_test", SMALL)
    return d
