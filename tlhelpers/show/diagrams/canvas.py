"""Ideas, drawn: one hand for every schematic picture of the course.

    tl.diagram("three_ways")     frozen, fine-tuned, from scratch: what moves
    tl.list_diagrams()           every one that there is

One grammar holds for all of them. A filled block carries pretrained weights, a dashed one random
weights. A padlock means that nothing in the block moves; a double arrow below it, that it learns,
and the longer the arrow, the higher its learning rate. Blue is the body, orange is the head,
green is what is added or found.

A diagram is SVG: crisp on a projector and on paper. It is a white card with dark ink, as every
figure is, so that it reads the same in a light and in a dark JupyterLab and on GitHub, where a
picture cannot know its surroundings. Its words are in `sentences.toml`, its alt text as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION
from tlhelpers.show.widgets.chart import Canvas

WIDTH, SVG = 720, "image/svg+xml"
PALE = {
    BLUE: "#D6E8F4",
    ORANGE: "#FBE8C3",
    GREEN: "#D3EEE4",
    VERMILION: "#F9DECF",
    GREY: "#EEEEEE",
}
STAGES = ("conv1", "layer1", "layer2", "layer3", "layer4")
BLOCK, HIGH, GAP = 74, 46, 12  # one block of a network, in pixels
SMALL, NOTE = 12, 14


class Diagram(Canvas):
    """A schematic picture; the notebook shows it, a terminal prints its alt text."""

    def __init__(self, name: str, height: int, width: int = WIDTH):
        super().__init__(text(f"diagram.{name}_alt"), width, height)
        self.name = name

    def __repr__(self) -> str:
        return self.says

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from tlhelpers.show.plots import Picture  # brings torch

        return Picture(self.says, self.svg().encode(), SVG)._repr_mimebundle_()

    def note(self, x: float, y: float, key: str, /, size: int = NOTE, **attributes: Any) -> None:
        """The sentence diagram.`key`, one line below another where it holds line breaks."""
        for line, words in enumerate(text(f"diagram.{key}").split("\n")):
            self.text(x, y + 1.35 * size * line, words, font_size=size, **attributes)

    def block(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = BLUE,
        *,
        width: float = BLOCK,
        height: float = HIGH,
        random: bool = False,
        locked: bool = False,
    ) -> None:
        """A block of weights with its name; random: dashed and empty; locked: with a padlock."""
        self.add(
            "rect",
            x=x,
            y=y,
            width=width,
            height=height,
            rx=6,
            fill="white" if random else PALE[colour],
            stroke=colour,
            stroke_width=2,
            stroke_dasharray="5 4" if random else None,
        )
        middle = x + width / 2
        self.text(middle, y + height / 2 + 5, words, text_anchor="middle", font_size=SMALL)
        if locked:
            self.padlock(middle, y + height)

    def padlock(self, x: float, y: float) -> None:
        """A closed padlock, its middle at (x, y)."""
        d = f"M{x - 5:.1f} {y - 2:.1f}v-4a5 5 0 0 1 10 0v4"
        self.add("path", d=d, fill="none", stroke=INK, stroke_width=2.2)
        self.add("rect", x=x - 8, y=y - 3, width=16, height=12, rx=2, fill=INK)
        self.add("circle", cx=x, cy=y + 3, r=1.8, fill="white")

    def arrow(
        self, x: float, y: float, dx: float, dy: float = 0, colour: str = INK, both: bool = False
    ) -> None:
        """An arrow from (x, y) over (dx, dy); both: a point at either end."""
        length = (dx * dx + dy * dy) ** 0.5
        ux, uy = dx / length, dy / length
        self.add(
            "path",
            d=f"M{x:.1f} {y:.1f}l{dx:.1f} {dy:.1f}",
            stroke=colour,
            stroke_width=2.2,
            fill="none",
        )
        tips = [(x + dx, y + dy, 1)] + ([(x, y, -1)] if both else [])
        for tip_x, tip_y, way in tips:
            back_x, back_y = tip_x - 7 * ux * way, tip_y - 7 * uy * way
            self.add(
                "path",
                d=f"M{tip_x:.1f} {tip_y:.1f}L{back_x - 4 * uy:.1f} {back_y + 4 * ux:.1f}"
                f"L{back_x + 4 * uy:.1f} {back_y - 4 * ux:.1f}Z",
                fill=colour,
            )

    def moves(self, x: float, y: float, rate: float, colour: str = VERMILION) -> None:
        """The double arrow of what learns, around (x, y); rate from 0 to 1 is its length."""
        reach = 9 + 26 * rate
        self.arrow(x - reach, y, 2 * reach, colour=colour, both=True)

    def photo(self, x: float, y: float, side: float = 40) -> None:
        """What goes in: a picture with a hill and a sun."""
        self.add("rect", x=x, y=y, width=side, height=side, rx=3, fill="white", stroke=INK)
        self.add(
            "path",
            d=f"M{x + 1:.1f} {y + side - 1:.1f}l{0.35 * side:.1f} {-0.45 * side:.1f}"
            f"l{0.22 * side:.1f} {0.2 * side:.1f}l{0.2 * side:.1f} {-0.3 * side:.1f}"
            f"L{x + side - 1:.1f} {y + side - 1:.1f}Z",
            fill=GREY,
        )
        self.add("circle", cx=x + 0.3 * side, cy=y + 0.28 * side, r=0.1 * side, fill=ORANGE)

    def spring(self, x: float, y: float, length: float, colour: str, turns: int = 9) -> None:
        """A spring from (x, y) to the right (or, with a negative length, to the left)."""
        step = length / (2 * turns + 2)
        path = f"M{x:.1f} {y:.1f}h{step:.1f}l{step / 2:.1f} -7"
        path += "".join(f"l{step:.1f} {14 if turn % 2 == 0 else -14}" for turn in range(2 * turns))
        rest = x + length
        self.add("path", d=f"{path}L{rest:.1f} {y:.1f}", fill="none", stroke=colour, stroke_width=2)

    def network(
        self,
        x: float,
        y: float,
        rates: Sequence[float | None],
        *,
        random: bool = False,
        new_head: bool = True,
        answer: bool = True,
    ) -> None:
        """A picture, five stages, the head. rates: of the six blocks, None for frozen.

        random: the body starts from random weights; new_head: the head does.
        """
        self.photo(x, y + 3)
        self.arrow(x + 44, y + HIGH / 2, 14)
        x += 62
        names = [*STAGES, text("diagram.head")]
        for place, (words, rate) in enumerate(zip(names, rates, strict=True)):
            head = place == len(STAGES)
            colour = ORANGE if head else BLUE
            left = x + place * (BLOCK + GAP)
            self.block(
                left, y, words, colour, random=new_head if head else random, locked=rate is None
            )
            if rate is not None:
                self.moves(left + BLOCK / 2, y + HIGH + 14, rate)
        if answer:
            end = x + 6 * (BLOCK + GAP) - GAP
            self.arrow(end + 4, y + HIGH / 2, 16)
            self.note(end + 26, y + HIGH / 2 + 5, "answer", SMALL)


_known: dict[str, Callable[[], Diagram]] = {}


def plane(left: float, floor: float, unit: float) -> Callable[[float, float], tuple[float, float]]:
    """Where a point lies on the card: the origin at (left, floor), `unit` pixels a unit."""
    return lambda x, y: (left + unit * x, floor - unit * y)


def drawn(draw: Callable[[], Diagram]) -> Callable[[], Diagram]:
    _known[draw.__name__.strip("_")] = draw
    return draw


def diagram(name: str) -> Diagram:
    """The schematic picture of this name, in the learner's language.

    Raises ValueError, with the names that there are, for any other.
    """
    if name not in _known:
        raise ValueError(text("diagram.unknown", name=name, known=", ".join(_known)))
    return _known[name]()


def list_diagrams() -> list[str]:
    """The names that `diagram` knows."""
    return list(_known)
