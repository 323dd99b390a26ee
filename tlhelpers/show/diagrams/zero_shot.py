"""Classes without a picture: a card, the plane of cards, two towers."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import PALE, SMALL, Diagram, drawn, plane
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION


@drawn
def description() -> Diagram:
    """A photo is read into a card, line by line, and set beside the card that somebody wrote."""
    d = Diagram("description", 226)
    d.photo(18, 70, 84)
    d.note(60, 176, "card_photo", SMALL, text_anchor="middle")
    d.arrow(108, 112, 20)
    d.block(134, 84, text("diagram.card_body"), width=84, height=58, locked=True)
    d.arrow(222, 112, 20)
    d.block(248, 84, text("diagram.card_reader"), ORANGE, width=84, height=58)
    d.moves(290, 166, 0.35)
    d.arrow(336, 112, 20)
    lines = text("diagram.card_lines").split("|")
    d.note(414, 28, "card_read", text_anchor="middle")
    d.note(622, 28, "card_written", text_anchor="middle")
    read_and_written = zip(lines, (1.3, 0.6, 0.4, 0.0), (1, 1, 0, 0), strict=True)
    for row, (name, read, card) in enumerate(read_and_written):
        y = 46 + 36 * row
        d.add("rect", x=362, y=y, width=104, height=24, fill="white", stroke=GREY)
        d.add("rect", x=362, y=y, width=min(80 * read, 104), height=24, fill=PALE[ORANGE])
        d.text(414, y + 17, f"{read:.1f}", text_anchor="middle", font_size=SMALL)
        d.text(514, y + 17, name, text_anchor="middle", font_size=SMALL)
        fill = PALE[GREEN] if card else "white"
        d.add("rect", x=570, y=y, width=104, height=24, fill=fill, stroke=GREEN)
        d.text(622, y + 17, "✓" if card else "–", text_anchor="middle", font_size=SMALL)
    d.note(518, 212, "card_compare", SMALL, text_anchor="middle")
    return d


@drawn
def signatures() -> Diagram:
    """Cards as corners of a plane: two known fish, one never shown, and the reading of a photo."""
    d = Diagram("signatures", 300)
    left, bottom, unit = 150, 240, 170
    place = plane(left, bottom, unit)
    d.arrow(left - 20, bottom, 1.45 * unit)
    d.arrow(left, bottom + 20, 0, -1.45 * unit)
    d.note(left + 1.3 * unit, bottom + 24, "plane_across", SMALL, text_anchor="middle")
    d.note(left - 12, 26, "plane_up", SMALL, text_anchor="end")
    for value in (0, 1):
        d.text(left + unit * value + 6, bottom + 18, str(value), font_size=SMALL)
        d.text(left - 32, bottom - unit * value + 4, str(value), font_size=SMALL)
    reading = place(0.9, 0.7)
    cards = (("plane_clown", 0, 1, BLUE), ("plane_puffer", 1, 0, BLUE), ("plane_new", 1, 1, GREEN))
    for key, across, up, colour in cards:
        x, y = place(across, up)
        d.add(
            "path",
            d=f"M{reading[0]:.1f} {reading[1]:.1f}L{x:.1f} {y:.1f}",
            stroke=GREEN if colour == GREEN else GREY,
            stroke_width=2,
            stroke_dasharray=None if colour == GREEN else "5 4",
        )
        dashed = "4 3" if colour == GREEN else None
        look = {"fill": PALE[colour], "stroke": colour, "stroke_width": 2.5}
        d.add("circle", cx=x, cy=y, r=10, stroke_dasharray=dashed, **look)
        d.note(x + 16, y - 12, key, SMALL)
    x, y = reading
    d.add(
        "path", d=f"M{x - 8:.1f} {y - 8:.1f}l16 16m0 -16l-16 16", stroke=VERMILION, stroke_width=3
    )
    d.note(x - 14, y + 22, "plane_reading", SMALL, text_anchor="end", fill=VERMILION)
    d.note(470, 150, "plane_sums", SMALL)
    return d


@drawn
def two_towers() -> Diagram:
    """A batch of three pairs: every picture meets every caption, and the diagonal has to win."""
    d = Diagram("two_towers", 320)
    captions = text("diagram.towers_captions").split("|")
    d.note(76, 24, "towers_captions_are", SMALL, text_anchor="middle")
    for row, words in enumerate(captions):
        d.text(76, 48 + 18 * row, words, text_anchor="middle", font_size=SMALL)
    d.arrow(156, 62, 16)
    d.block(178, 40, text("diagram.towers_text"), ORANGE, width=96, height=44)
    d.moves(226, 98, 0.35)
    d.arrow(280, 62, 130)
    cell, left, top = 58, 440, 92
    for row in range(3):
        y = top + cell * row
        d.photo(24 + 48 * row, 190)
        d.text(left - 14, y + 34, f"{row + 1}", text_anchor="end", font_size=SMALL)
        d.text(
            left + cell * row + 29, top - 10, f"{row + 1}", text_anchor="middle", font_size=SMALL
        )
        for column in range(3):
            own = row == column
            d.add(
                "rect",
                x=left + cell * column,
                y=y,
                width=cell - 4,
                height=cell - 4,
                rx=4,
                fill=PALE[GREEN] if own else PALE[GREY],
                stroke=GREEN if own else GREY,
                stroke_width=2,
            )
            words = "↑" if own else "↓"
            at = {"text_anchor": "middle", "font_size": 22, "fill": GREEN if own else INK}
            d.text(left + cell * column + 27, y + 35, words, **at)
    d.note(92, 254, "towers_pictures", SMALL, text_anchor="middle")
    d.arrow(176, 210, 12)
    d.block(190, 188, text("diagram.card_body"), width=78, height=44, locked=True)
    d.arrow(268, 210, 12)
    d.block(286, 188, text("diagram.towers_map"), ORANGE, width=70, height=44)
    d.moves(321, 246, 0.35)
    d.arrow(362, 210, 48)
    d.note(left + 87, 58, "towers_columns", SMALL, text_anchor="middle")
    d.note(left + 87, 290, "towers_own", SMALL, text_anchor="middle", fill=GREEN)
    d.note(left + 87, 310, "towers_others", SMALL, text_anchor="middle")
    return d
