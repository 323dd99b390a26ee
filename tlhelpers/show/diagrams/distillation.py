"""A small student of a large teacher, and answers that a temperature softens."""

from __future__ import annotations

import math

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import HIGH, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE

SCORES = (8.0, 4.0, 0.0)  # kingfisher, woodpecker, canary: those of the lesson's own example


@drawn
def teacher_student() -> Diagram:
    """The same photos without names go to both; the student learns to answer as the teacher."""
    d = Diagram("teacher_student", 262)
    for place in range(3):
        d.photo(24 + 9 * place, 106 + 9 * place, 44)
    d.note(20, 196, "photos_unnamed", SMALL)
    d.arrow(98, 118, 46, -46)
    d.arrow(98, 146, 46, 46)
    d.note(158, 26, "teacher", SMALL)
    d.block(158, 36, text("diagram.large_body"), BLUE, width=236, height=56, locked=True)
    d.block(402, 36, text("diagram.head"), ORANGE, width=62, height=56, locked=True)
    d.note(158, 158, "student", SMALL)
    d.block(158, 168, text("diagram.small_body"), BLUE, width=74, height=HIGH - 8, random=True)
    d.block(240, 168, text("diagram.head"), ORANGE, width=62, height=HIGH - 8, random=True)
    d.moves(230, 222, 0.5)
    d.arrow(470, 64, 30)
    d.arrow(308, 187, 192)
    _bars(d, 512, 92, (0.55, 0.3, 0.15), BLUE)
    _bars(d, 512, 214, (0.4, 0.22, 0.38), GREY)
    d.note(616, 68, "answers_teacher", SMALL)
    d.note(616, 190, "answers_student", SMALL)
    d.arrow(556, 102, 0, 46, GREEN)
    d.note(572, 130, "like_this", SMALL, fill=GREEN)
    return d


@drawn
def soft_answers() -> Diagram:
    """Three scores as a label and as probabilities at temperature 1 and 4."""
    d = Diagram("soft_answers", 226)
    panels = (("label", (1.0, 0.0, 0.0)), ("cold", softened(1.0)), ("warm", softened(4.0)))
    for place, (key, shares) in enumerate(panels):
        x = 28 + 234 * place
        d.note(x, 26, f"soft_{key}")
        d.add("path", d=f"M{x} 172h196", stroke=INK)
        for bar, share in enumerate(shares):
            left, high = x + 8 + 66 * bar, 110 * share
            colour = (BLUE, ORANGE, GREEN)[bar]
            d.add("rect", x=left, y=172 - high, width=46, height=high, fill=colour)
            d.text(left + 23, 166 - high, f"{share:.0%}", text_anchor="middle", font_size=SMALL)
            d.note(left + 23, 190, f"soft_bird_{bar}", SMALL, text_anchor="middle")
    return d


def softened(temperature: float) -> tuple[float, ...]:
    """The softmax of SCORES / temperature."""
    powers = [math.exp(score / temperature) for score in SCORES]
    return tuple(power / sum(powers) for power in powers)


def _bars(
    d: Diagram, x: float, floor: float, shares: tuple[float, ...], colour: str, high: float = 60
) -> None:
    """Three bars beside each other, on a line."""
    for place, share in enumerate(shares):
        top = floor - high * share / max(shares)
        left = x + 28 * place
        d.add("rect", x=left, y=top, width=22, height=floor - top, fill=colour)
    d.add("path", d=f"M{x - 4} {floor}h90", stroke=INK)
