"""Speech: from a wave to a word, what is inside ContextNet, and who is heard in which part."""

from __future__ import annotations

import math

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION


@drawn
def sound() -> Diagram:
    """From a wave through windows and bands to a picture, and through a network to a word."""
    d = Diagram("sound", 216)
    points = [
        (20 + 1.2 * k, 92 - 34 * math.exp(-(((k - 62) / 34) ** 2)) * math.sin(k * 0.9))
        for k in range(126)
    ]
    d.add(
        "path",
        d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points),
        fill="none",
        stroke=BLUE,
        stroke_width=1.6,
    )
    d.add("rect", x=84, y=48, width=22, height=88, fill=ORANGE, opacity=0.3)
    d.arrow(182, 92, 22)
    column = (0.1, 0.15, 0.4, 0.9, 0.5, 0.2, 0.6, 0.3, 0.1, 0.05)
    for row, strength in enumerate(column):
        d.add("rect", x=218, y=126 - 9 * row, width=76 * strength + 2, height=7, fill=ORANGE)
    d.arrow(312, 92, 22)
    for moment in range(14):
        for band in range(10):
            hill = math.exp(-(((band - 3 - moment / 7) / 1.5) ** 2)) * math.sin(
                (moment + 1) / 15 * math.pi
            )
            d.add(
                "rect",
                x=348 + 9 * moment,
                y=126 - 9 * band,
                width=8.4,
                height=8.4,
                fill=INK,
                opacity=round(0.06 + 0.9 * hill, 2),
            )
    d.add("rect", x=383.3, y=44, width=10, height=91.6, fill="none", stroke=ORANGE, stroke_width=2)
    d.arrow(482, 92, 18)
    d.block(506, 69, text("diagram.sound_network"), BLUE, width=56, locked=True)
    d.block(568, 69, text("diagram.head"), ORANGE, width=56, random=True)
    d.arrow(630, 92, 16)
    for x, steps in ((193, "①②③"), (323, "④")):  # the steps that the lesson counts
        d.text(x, 78, steps, font_size=SMALL, text_anchor="middle")
    d.note(652, 97, "sound_word")
    for x, key in ((20, "sound_wave"), (218, "sound_bands"), (348, "sound_picture")):
        d.note(x, 168, key, SMALL)
    return d


@drawn
def contextnet() -> Diagram:
    """An ordinary convolution, a separable one, and squeeze-and-excitation."""
    d = Diagram("contextnet", 258)
    side, rows, columns = 16, 5, 5

    def grid(x: float, y: float, lit: set[tuple[int, int]], colour: str) -> None:
        for row in range(rows):
            for column in range(columns):
                fill = PALE[colour] if (row, column) in lit else "white"
                edge = colour if (row, column) in lit else GREY
                place = {"x": x + side * column, "y": y + side * row}
                d.add("rect", **place, width=side, height=side, fill=fill, stroke=edge)

    everything = {(row, column) for row in range(rows) for column in range(columns)}
    d.note(24, 22, "contextnet_grid", SMALL)
    grid(24, 34, everything, BLUE)
    d.note(24, 140, "contextnet_plain", SMALL)
    grid(250, 34, {(2, column) for column in range(columns)}, ORANGE)
    d.note(250, 140, "contextnet_depth", SMALL)
    d.text(357, 80, "+", font_size=20)
    grid(396, 34, {(row, 2) for row in range(rows)}, GREEN)
    d.note(396, 140, "contextnet_point", SMALL)
    long = 132
    for row, (level, gate) in enumerate(((0.7, 1.0), (0.3, 0.25), (0.9, 0.8))):
        y = 176 + 24 * row
        d.add("rect", x=24, y=y, width=long, height=16, fill=PALE[BLUE], stroke=BLUE)
        d.arrow(166, y + 8, 26)
        d.add("rect", x=202, y=y, width=60 * level, height=16, fill=PURPLE)
        d.arrow(278, y + 8, 26)
        d.add("rect", x=316, y=y, width=long, height=16, fill=BLUE, opacity=gate)
    d.note(472, 196, "contextnet_squeeze", SMALL, fill=PURPLE)
    d.note(472, 222, "contextnet_excite", SMALL, fill=BLUE)
    return d


@drawn
def voices() -> Diagram:
    """Four voices with two recordings each, split at random and by voice."""
    d = Diagram("voices", 214)
    colours = (BLUE, ORANGE, GREEN, PURPLE)
    rows = (
        ("voices_random", 58, ((0, 1, 2, 3, 0, 1), (2, 3))),
        ("voices_voice", 138, ((0, 0, 1, 1, 2, 2), (3, 3))),
    )
    d.note(196, 26, "voices_train", SMALL)
    d.note(524, 26, "voices_test", SMALL)
    for key, y, parts in rows:
        d.note(20, y + 20, key)
        for start, part in zip((196, 524), parts, strict=True):
            for place, who in enumerate(part):
                x = start + 48 * place
                d.add("circle", cx=x + 14, cy=y + 6, r=7, fill=colours[who])
                d.add("path", d=f"M{x} {y + 34}a14 16 0 0 1 28 0Z", fill=colours[who])
        d.add("path", d=f"M500 {y - 8}v52", stroke=INK, stroke_width=1.6, stroke_dasharray="4 4")
    d.note(624, 66, "voices_leak", SMALL, fill=VERMILION)
    return d
