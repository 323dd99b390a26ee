"""Without labels: heaps of pictures, a bank of patches, and what rare damage does to alarms."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import HIGH, PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION


def _bird(d: Diagram, x: float, y: float, colour: str, long: bool = False) -> None:
    """A bird that looks to the right, its body's middle at (x, y); long: of bill."""
    tip = 15 if long else 8
    d.add("path", d=f"M{x + 12} {y - 9}l{tip} 3l{-tip} 2Z", fill=INK)
    d.add("ellipse", cx=x, cy=y, rx=11, ry=7, fill=colour, stroke=INK, stroke_width=1)
    d.add("circle", cx=x + 9, cy=y - 7, r=5, fill=colour, stroke=INK, stroke_width=1)
    d.add("path", d=f"M{x - 10} {y}l-9 -4v8Z", fill=colour, stroke=INK, stroke_width=1)


@drawn
def heaps() -> Diagram:
    """Photos without names go through a frozen body and come out as points; points form heaps."""
    d = Diagram("heaps", 244)
    kinds = ((BLUE, True), (ORANGE, False), (GREEN, False))
    for place, kind in enumerate((0, 2, 1, 1, 0, 0, 2, 1, 2)):
        colour, long = kinds[kind]
        _bird(d, 44 + 62 * (place % 3), 78 + 50 * (place // 3), colour, long)
    d.note(20, 26, "heaps_photos")
    d.arrow(212, 128, 26)
    d.block(246, 128 - HIGH / 2, "conv1 … layer4", width=120, locked=True)
    d.note(306, 92, "heaps_body", SMALL, text_anchor="middle")
    d.arrow(374, 128, 26)
    d.note(420, 26, "heaps_points")
    d.add("rect", x=420, y=44, width=280, height=168, rx=8, fill="white", stroke=GREY)
    clouds = ((480, 96, BLUE), (620, 92, ORANGE), (552, 176, GREEN))
    spots = ((-22, -10), (20, -12), (2, 22))  # as many as birds of a kind; their mean is the cross
    for x, y, colour in clouds:
        d.add("ellipse", cx=x, cy=y, rx=46, ry=33, fill=PALE[colour], stroke="none")
        for dx, dy in spots:
            d.add("circle", cx=x + dx, cy=y + dy, r=5, fill="white", stroke=INK, stroke_width=1.4)
        d.add("path", d=f"M{x - 6} {y}h12M{x} {y - 6}v12", stroke=VERMILION, stroke_width=2.6)
    d.note(420, 232, "heaps_means", SMALL, fill=VERMILION)
    return d


@drawn
def patches() -> Diagram:
    """Sound parts fill a bank of patches; a new part is as odd as its oddest patch."""
    d = Diagram("patches", 302)
    side, grid = 11, 8

    def part(x: float, y: float, cracked: bool = False) -> None:
        width = side * grid
        d.add("rect", x=x, y=y, width=width, height=width, fill="#E4E0D8", stroke=INK)
        for k in range(1, grid):
            d.add("path", d=f"M{x + side * k} {y}v{width}M{x} {y + side * k}h{width}", stroke=GREY)
        if cracked:
            d.add(
                "path",
                d=f"M{x + 46} {y + 46}l8 6l-3 6l9 7",
                stroke=INK,
                stroke_width=2.6,
                fill="none",
            )

    d.note(20, 26, "patches_sound")
    for lift in (16, 8, 0):
        part(28 + lift, 44 + 16 - lift)
    d.note(20, 186, "patches_new")
    part(28, 198, cracked=True)
    odd_x, odd_y = 28 + 4 * side, 198 + 4 * side
    around = {"width": side, "height": side, "stroke": VERMILION, "stroke_width": 3}
    d.add("rect", x=odd_x, y=odd_y, fill="none", **around)
    d.block(196, 60, text("diagram.patches_body"), width=84, height=224, locked=True)
    d.arrow(148, 96, 40)
    d.arrow(odd_x + side + 4, odd_y + side / 2, 101, 0, VERMILION)
    d.note(330, 26, "patches_bank")
    d.add("rect", x=330, y=42, width=196, height=120, rx=8, fill="white", stroke=GREY)
    d.arrow(288, 96, 34)
    spots = ((74, 40), (96, 66), (118, 34), (140, 72), (104, 46), (154, 44), (132, 54), (172, 70))
    for dx, dy in spots:
        d.add("rect", x=322 + dx, y=36 + dy, width=10, height=10, fill=BLUE, opacity=0.75)
    d.add("rect", x=352, y=138, width=12, height=12, fill=VERMILION)
    d.arrow(288, odd_y + side / 2, 63, -91, VERMILION)
    d.arrow(367, 137, 48, -23, VERMILION, both=True)
    d.note(372, 186, "patches_distance", SMALL, fill=VERMILION)
    d.arrow(536, 96, 26)
    d.note(574, 26, "patches_map")
    along_crack = {(4, 4): 9, (4, 5): 5, (5, 5): 4, (5, 4): 3, (5, 6): 3}
    for row in range(grid):
        for column in range(grid):
            shade = along_crack.get((row, column), 2 if (3 * row + 5 * column) % 7 < 2 else 1)
            d.add(
                "rect",
                x=574 + 15 * column,
                y=42 + 15 * row,
                width=15,
                height=15,
                fill=VERMILION,
                opacity=0.09 * shade,
                stroke=GREY,
            )
    d.note(574, 186, "patches_score", SMALL)
    return d


@drawn
def rare() -> Diagram:
    """Of 10,000 parts 10 are damaged: four alarms are right, four hundred are false."""
    d = Diagram("rare", 244)
    columns = (20, 178, 334)
    d.note(columns[0], 132, "rare_all")
    for y, key, colour in ((68, "bad", VERMILION), (196, "good", BLUE)):
        d.arrow(columns[0] + 104, 128, 46, (y - 128) * 0.8, GREY)
        d.note(columns[1], y - 6, f"rare_{key}", fill=colour)
        for lift, alarm in ((-24, "alarm"), (26, "quiet")):
            d.arrow(columns[1] + 98, y - 8, 50, lift * 0.8, GREY)
            shade = colour if alarm == "alarm" else GREY
            d.note(columns[2], y + lift, f"rare_{key}_{alarm}", fill=shade)
    d.note(490, 26, "rare_dots")
    for row in range(21):  # 20 rows of 20 alarms and one of 4; a dash is one
        wide = 9 * (20 if row < 20 else 4) - 3
        dashes = {"stroke": BLUE, "stroke_width": 6, "stroke_dasharray": "6 3"}
        d.add("path", d=f"M490 {46 + 9 * row}h{wide}", **dashes)
    for column, row in ((4, 3), (14, 6), (9, 12), (17, 17)):
        d.add("rect", x=489 + 9 * column, y=42 + 9 * row, width=8, height=8, fill=VERMILION)
    return d
