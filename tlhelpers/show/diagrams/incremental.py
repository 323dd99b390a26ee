"""New classes: means, a head that grows, replay, scenarios."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import NOTE, PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE


def _letter(
    d: Diagram, x: float, y: float, word: str, fill: str, edge: str = INK, dashed: bool = False
) -> None:
    """A class as a small square with its letter, or an output row that is random: dashed."""
    look = {"stroke_dasharray": "5 4"} if dashed else {}
    d.add("rect", x=x, y=y, width=30, height=30, rx=4, fill=fill, stroke=edge, **look)
    d.text(x + 15, y + 21, word, text_anchor="middle", font_size=NOTE)


@drawn
def new_means() -> Diagram:
    """Nearest class mean: two classes are added to the plane, and no old mean moves."""
    d = Diagram("new_means", 232)
    old = (("A", 70, 80), ("B", 190, 66), ("C", 126, 154))
    new = (("D", 252, 138), ("E", 44, 150))
    for panel, kinds in ((0, old), (1, old + new)):
        left = 24 + 370 * panel
        d.note(left, 22, f"new_means_{panel + 1}", SMALL)
        d.add("rect", x=left, y=36, width=300, height=154, rx=4, fill="white", stroke=GREY)
        for name, x, y in kinds:
            colour = GREEN if (name, x, y) in new else BLUE
            for dx, dy in ((-17, -9), (13, -15), (-8, 15), (18, 8)):
                d.add("circle", cx=left + x + dx, cy=y + dy, r=4, fill=colour, opacity=0.45)
            mean = f"M{left + x} {y - 10}l10 10l-10 10l-10 -10Z"
            d.add("path", d=mean, fill=colour, stroke=INK)
            d.text(left + x + 26, y + 5, name, font_size=NOTE)
    d.arrow(336, 113, 42)
    d.note(24, 218, "new_means_legend", SMALL)
    return d


@drawn
def grow_head() -> Diagram:
    """A head for two more classes: a new layer loses the old rows, a grown one copies them."""
    d = Diagram("grow_head", 250)
    shown = (("before", "ABC", "ABC"), ("fresh", "ABCDE", ""), ("grown", "ABCDE", "ABC"))
    for place, (key, rows, trained) in enumerate(shown):
        x = 24 + 240 * place
        d.note(x, 22, f"grow_head_{key}", SMALL)
        for row, name in enumerate(rows):
            kept = name in trained
            fill = PALE[ORANGE] if kept else "white"
            _letter(d, x + 124, 56 + 34 * row, name, fill, ORANGE, dashed=not kept)
            d.arrow(x + 94, 71 + 34 * row, 26)
        height = 34 * len(rows) - 4
        d.block(x, 56, text("diagram.grow_head_body"), width=90, height=height)
    d.block(24, 232, "", ORANGE, width=22, height=14)
    d.note(54, 244, "grow_head_kept", SMALL)
    d.block(264, 232, "", ORANGE, random=True, width=22, height=14)
    d.note(294, 244, "grow_head_random", SMALL)
    return d


@drawn
def replay() -> Diagram:
    """Replay: a small stock of old pictures is mixed with the new ones, and takes in a few."""
    d = Diagram("replay", 250)
    d.note(24, 24, "replay_new", SMALL)
    for place in range(8):
        d.photo(24 + 40 * (place % 4), 36 + 38 * (place // 4), 32)
    d.note(24, 150, "replay_stock", SMALL)
    d.add("rect", x=18, y=160, width=164, height=46, rx=6, fill=PALE[ORANGE], stroke=ORANGE)
    for place in range(3):
        d.photo(38 + 46 * place, 167, 32)
    d.arrow(192, 72, 62, 34)
    d.arrow(192, 183, 62, -38)
    d.note(268, 62, "replay_mixed", SMALL)
    for place in range(6):
        if place % 2:
            d.add(
                "rect",
                x=264 + 42 * (place % 3),
                y=88 + 42 * (place // 3),
                width=40,
                height=40,
                rx=4,
                fill=PALE[ORANGE],
            )
        d.photo(268 + 42 * (place % 3), 92 + 42 * (place // 3), 32)
    d.arrow(402, 129, 34)
    d.block(444, 106, text("diagram.replay_network"), width=130)
    d.arrow(582, 129, 24)
    d.note(614, 126, "replay_answers", SMALL)
    d.add("path", d="M330 184v42H100", fill="none", stroke=GREEN, stroke_width=1.8)
    d.arrow(100, 226, 0, -14, colour=GREEN)
    d.note(344, 226, "replay_keep", SMALL)
    return d


@drawn
def scenarios() -> Diagram:
    """Class-, task- and domain-incremental: what comes, and what is asked at the end."""
    d = Diagram("scenarios", 330)
    night = "#9AA4B5"
    for x, key in ((170, "scenarios_first"), (306, "scenarios_then"), (450, "scenarios_asked")):
        d.note(x, 22, key, SMALL)
    rows = (
        ("class", ("ABC", "DE", "ABCDE"), False),
        ("task", ("ABC", "DE", "ABC"), False),
        ("domain", ("ABC", "ABC", "ABC"), True),
    )
    for row, (key, groups, dark) in enumerate(rows):
        y = 44 + 100 * row
        d.note(20, y + 20, f"scenarios_{key}", SMALL)
        for x, group, place in zip((170, 306, 476), groups, range(3), strict=True):
            for column, name in enumerate(group):
                fill = night if dark and place == 1 else PALE[GREY]
                _letter(d, x + 34 * column, y, name, fill if place < 2 else "white")
        d.arrow(276, y + 15, 22)
        d.text(450, y + 23, "?", font_size=22)
        d.note(450, y + 54, f"scenarios_{key}_asked", SMALL)
    return d
