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

WIDTH = 720
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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        bundle = {"image/svg+xml": self.svg(), "text/plain": self.says}
        return bundle, {"image/svg+xml": {"alt": self.says}}

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


def _drawn(draw: Callable[[], Diagram]) -> Callable[[], Diagram]:
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


@_drawn
def body_and_head() -> Diagram:
    """One network: the locked body makes 256 features, the new head learns 10 scores from them."""
    d = Diagram("body_and_head", 164)
    left, y = 86, 52
    d.photo(24, y + 3)
    d.arrow(68, y + HIGH / 2, 14)
    span = len(STAGES) * (BLOCK + GAP) - GAP
    for place, words in enumerate(STAGES):
        d.block(left + place * (BLOCK + GAP), y, words, locked=True)
    d.arrow(left + span + 4, y + HIGH / 2, 16)
    for row in range(5):
        d.add("circle", cx=left + span + 32, cy=y + 5 + 9 * row, r=3.2, fill=BLUE)
    d.arrow(left + span + 44, y + HIGH / 2, 14)
    d.block(left + span + 62, y, text("diagram.head"), ORANGE, random=True)
    d.moves(left + span + 62 + BLOCK / 2, y + HIGH + 8, 0.5)
    d.arrow(left + span + 62 + BLOCK + 4, y + HIGH / 2, 14)
    d.note(left + span + 62 + BLOCK + 22, y + HIGH / 2 - 4, "ten_scores", SMALL)
    d.add(
        "path",
        d=f"M{left} {y - 10}v-6h{span}v6",
        fill="none",
        stroke=BLUE,
        stroke_width=1.5,
    )
    d.note(left + span / 2, y - 24, "body_is", text_anchor="middle")
    d.note(left + span / 2, y + HIGH + 34, "early_and_late", SMALL, text_anchor="middle")
    d.note(left + span + 32, y + HIGH + 34, "features", SMALL, text_anchor="middle")
    d.note(left + span + 62 + BLOCK / 2, y - 24, "head_is", text_anchor="middle")
    d.note(left + span + 62 + BLOCK / 2, y + HIGH + 34, "legend_moves", SMALL, text_anchor="middle")
    return d


@_drawn
def three_ways() -> Diagram:
    """Frozen, fine-tuned and from scratch: which blocks move."""
    d = Diagram("three_ways", 366)
    rows: tuple[tuple[str, list[float | None], bool], ...] = (
        ("frozen", [None] * 5 + [0.5], False),
        ("tuned", [0.5] * 6, False),
        ("scratch", [0.5] * 6, True),
    )
    for row, (key, rates, random) in enumerate(rows):
        y = 34 + 106 * row
        d.note(20, y - 12, key)
        d.network(20, y, rates, random=random, new_head=key != "tuned")
    y = 350
    for place, colour in ((0, BLUE), (26, ORANGE)):
        d.block(20 + place, y - 12, "", colour, width=22, height=16)
        d.block(206 + place, y - 12, "", colour, random=True, width=22, height=16)
    d.note(74, y, "legend_trained", SMALL)
    d.note(260, y, "legend_random", SMALL)
    d.padlock(398, y - 6)
    d.note(412, y, "legend_locked", SMALL)
    d.moves(560, y - 4, 0.3)
    d.note(586, y, "legend_moves", SMALL)
    return d


@_drawn
def borrow() -> Diagram:
    """The eye grows on many source pictures, and is borrowed for a target with few."""
    d = Diagram("borrow", 250)
    for row, (key, pictures, locked) in enumerate((("source", 9, False), ("target", 2, True))):
        y = 40 + 128 * row
        d.note(20, y - 18, f"borrow_{key}")
        for place in range(pictures):
            d.photo(160 - 17 * (pictures - 1 - place), y + 3 * (place % 2), 38)
        d.arrow(214, y + HIGH / 2, 34)
        d.block(256, y, text("diagram.borrow_eye"), width=180, locked=locked)
        d.arrow(444, y + HIGH / 2, 24)
        name = text(f"diagram.borrow_{key}_head")
        d.block(476, y, name, ORANGE, width=150, random=locked)
        d.arrow(632, y + HIGH / 2, 16)
        d.note(654, y + HIGH / 2 + 5, f"borrow_{key}_answer", SMALL)
    d.arrow(346, 94, 0, 66, colour=GREEN)
    d.note(362, 130, "borrow_same", SMALL)
    return d


@_drawn
def redraws() -> Diagram:
    """Five draws of pictures, one difference of two starts each, and the interval of their mean."""
    d = Diagram("redraws", 262)
    d.note(24, 24, "redraws_pictures", SMALL)
    d.note(188, 24, "redraws_both", SMALL)
    d.note(430, 24, "redraws_difference", SMALL)
    for row, gain in enumerate((23, 38, 32, 42, 30)):
        y = 36 + 30 * row
        for place in range(4):
            d.photo(24 + 26 * place, y, 22)
        d.arrow(136, y + 11, 36)
        d.block(188, y, text("diagram.redraws_tuned"), width=98, height=22)
        d.text(292, y + 16, "−", font_size=18)
        scratch = text("diagram.redraws_scratch")
        d.block(310, y, scratch, GREY, width=98, height=22, random=True)
        d.add("path", d=f"M430 {y + 11}H690", stroke=GREY, stroke_width=1)
        d.add("circle", cx=430 + 5 * gain, cy=y + 11, r=6, fill=BLUE)
    middle = 430 + 5 * 33
    d.add("path", d="M430 204H690M430 198v12", stroke=INK, stroke_width=1.5)
    d.add("path", d=f"M{middle - 45} 204h90", stroke=BLUE, stroke_width=9, opacity=0.35)
    d.add("circle", cx=middle, cy=204, r=7, fill=BLUE)
    d.text(430, 230, "0", text_anchor="middle", font_size=SMALL)
    d.note(middle, 230, "redraws_interval", SMALL, text_anchor="middle")
    return d


@_drawn
def head_first() -> Diagram:
    """First the head alone, then everything, from that head (LP-FT)."""
    d = Diagram("head_first", 226)
    d.note(20, 24, "head_first_1")
    d.network(20, 36, [None] * 5 + [0.5])
    d.note(20, 130, "head_first_2")
    d.network(20, 142, [0.5] * 6, new_head=False)
    return d


@_drawn
def rates() -> Diagram:
    """Discriminative rates: the nearer the input, the lower the learning rate."""
    d = Diagram("rates", 236)
    d.note(20, 24, "rates_one")
    d.network(20, 36, [0.45] * 6, new_head=False)
    d.note(20, 134, "rates_many")
    d.network(20, 146, [0.0, 0.1, 0.25, 0.45, 0.7, 1.0], new_head=False)
    return d


@_drawn
def gradual() -> Diagram:
    """Gradual unfreezing: one more stage an epoch, from the head towards the input."""
    d = Diagram("gradual", 306)
    for row in range(4):
        y = 26 + 70 * row
        d.text(20, y + HIGH / 2 + 5, text("diagram.epoch", number=row + 1), font_size=SMALL)
        opened = min(row, 5)
        rates = [None] * (5 - opened) + [0.5] * (opened + 1)
        d.network(100, y, rates, new_head=False, answer=False)
    return d


@_drawn
def splits() -> Diagram:
    """Training, validation and test data, and what each may be used for."""
    d = Diagram("splits", 152)
    parts = (("train", 330, BLUE), ("valid", 160, GREEN), ("test", 160, GREY))
    x = 24
    for key, width, colour in parts:
        d.block(x, 34, text(f"diagram.{key}"), colour, width=width, height=44)
        d.note(x + width / 2, 118, f"{key}_use", SMALL, text_anchor="middle")
        d.arrow(x + width / 2, 84, 0, 16)
        x += width + 10
    d.padlock(x - 10 - 80, 34)
    return d


@_drawn
def lora() -> Diagram:
    """LoRA: the weight W stays, a thin product B A beside it learns."""
    d = Diagram("lora", 236)
    y = 44
    d.block(40, y, "W", width=130, height=130, locked=True)
    d.note(105, y - 14, "lora_kept", text_anchor="middle")
    d.text(178, y + 72, "+", font_size=24)
    d.text(197, y + 70, "α/r", font_size=NOTE)
    d.block(224, y, "B", GREEN, width=26, height=130)
    d.text(260, y + 72, "×", font_size=22)
    d.block(286, y + 52, "A", GREEN, width=130, height=26)
    d.note(320, y - 14, "lora_learns", text_anchor="middle")
    d.moves(237, y + 146, 0.3)
    d.moves(351, y + 94, 0.3)
    d.text(436, y + 72, "=", font_size=26)
    d.block(470, y, "W + (α/r) BA", width=130, height=130)
    d.note(535, y - 14, "lora_sum", text_anchor="middle")
    d.note(24, 224, "lora_sizes", SMALL)
    return d


@_drawn
def springs() -> Diagram:
    """Weight decay pulls a weight to 0, L2-SP pulls it back to where pre-training left it."""
    d = Diagram("springs", 216)
    for row, (key, anchor, weight) in enumerate((("decay", 300, 560), ("l2_sp", 470, 560))):
        y = 62 + 96 * row
        d.note(20, y - 24, key)
        d.add("path", d=f"M270 {y}H690", stroke=GREY, stroke_width=1.5)
        for place, words in ((300, "0"), (470, "w₀")):
            d.add("path", d=f"M{place} {y - 7}v14", stroke=INK, stroke_width=2)
            d.text(place, y + 26, words, text_anchor="middle")
        d.spring(anchor, y, weight - anchor - 9, VERMILION, turns=9 if row == 0 else 5)
        d.add("circle", cx=weight, cy=y, r=9, fill=BLUE)
        d.text(weight, y + 26, "w", text_anchor="middle")
        d.arrow(weight + 14, y, 60, colour=GREEN)
        d.note(weight + 44, y - 12, "data_pull", SMALL, text_anchor="middle")
    return d


@_drawn
def batchnorm() -> Diagram:
    """BatchNorm's memory: in training it follows the pictures, in eval mode it only reads."""
    d = Diagram("batchnorm", 214)
    for row, key in enumerate(("train_mode", "eval_mode")):
        y = 34 + 106 * row
        d.note(20, y - 12, key)
        for place in range(3):
            d.photo(24 + 9 * place, y + 4 + 3 * place, 36)
        d.arrow(92, y + HIGH / 2, 26)
        d.block(126, y, text(f"diagram.{key}_uses"), width=250)
        if row == 0:
            d.arrow(384, y + HIGH / 2, 30, colour=VERMILION)
        else:
            d.arrow(414, y + HIGH / 2, -30)
        d.block(422, y, text("diagram.memory"), GREEN, width=250, locked=row == 1)
    d.note(547, 104, "memory_moves", SMALL, text_anchor="middle")
    return d


@_drawn
def episode() -> Diagram:
    """An episode: N kinds are drawn, K pictures of each are the support, others the queries."""
    d = Diagram("episode", 292)
    d.note(24, 26, "episode_pool", SMALL)
    for place in range(10):
        d.photo(24 + 46 * (place % 2), 56 + 38 * (place // 2), 32)
    d.arrow(128, 146, 40)
    d.note(148, 130, "episode_draw", SMALL, text_anchor="middle")
    d.note(184, 26, "episode_support", SMALL, fill=ORANGE)
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
    d.arrow(496, 146, 30)
    d.block(534, 116, text("diagram.episode_score"), GREEN, width=160, height=60)
    d.add("path", d="M614 182v78H63", fill="none", stroke=INK, stroke_width=1.6)
    d.arrow(63, 261, 0, -14)
    d.note(400, 280, "episode_again", SMALL, text_anchor="middle")
    return d


@_drawn
def prototypes() -> Diagram:
    """Two prototypes in the plane of two features, and the squared distances of a query."""
    d = Diagram("prototypes", 250)
    left, floor, unit = 52, 212, 36

    def at(x: float, y: float) -> tuple[float, float]:
        return left + unit * x, floor - unit * y

    d.arrow(left, floor, 10.2 * unit)
    d.arrow(left, floor, 0, -5.2 * unit)
    d.note(left + 10 * unit, floor + 22, "feature_1", SMALL, text_anchor="end")
    d.note(left - 8, floor - 5.4 * unit, "feature_2", SMALL)
    x, top = at(5, 4.9)
    d.add("path", d=f"M{x} {top}V{floor}", stroke=GREY, stroke_width=1.6, stroke_dasharray="3 4")
    query = at(4, 3)
    kinds = (("A", BLUE, ((1, 1), (3, 3)), (2, 2)), ("B", ORANGE, ((7, 1), (9, 3)), (8, 2)))
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
        d.note(448, 44 + 54 * row, key, SMALL)
    return d


def _letter(d: Diagram, x: float, y: float, word: str, fill: str, dashed: bool = False) -> None:
    """A class as a small square with its letter, or an output row that is random: dashed."""
    look = {"stroke_dasharray": "5 4"} if dashed else {}
    d.add("rect", x=x, y=y, width=30, height=30, rx=4, fill=fill, stroke=INK, **look)
    d.text(x + 15, y + 21, word, text_anchor="middle", font_size=NOTE)


@_drawn
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


@_drawn
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
            _letter(d, x + 124, 56 + 34 * row, name, fill, dashed=not kept)
            d.arrow(x + 94, 71 + 34 * row, 26)
        height = 34 * len(rows) - 4
        d.block(x, 56, text("diagram.grow_head_body"), width=90, height=height)
    d.block(24, 232, "", ORANGE, width=22, height=14)
    d.note(54, 244, "grow_head_kept", SMALL)
    d.block(264, 232, "", ORANGE, random=True, width=22, height=14)
    d.note(294, 244, "grow_head_random", SMALL)
    return d


@_drawn
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
    d.moves(509, 168, 0.5)
    d.arrow(582, 129, 24)
    d.note(614, 126, "replay_answers", SMALL)
    d.add("path", d="M330 184v42H100", fill="none", stroke=GREEN, stroke_width=1.8)
    d.arrow(100, 226, 0, -14, colour=GREEN)
    d.note(344, 226, "replay_keep", SMALL)
    return d


@_drawn
def scenarios() -> Diagram:
    """Class-, task- and domain-incremental: what comes, and what is asked at the end."""
    d = Diagram("scenarios", 330)
    night = "#9AA4B5"
    for x, key in ((170, "scenarios_first"), (306, "scenarios_then"), (450, "scenarios_asked")):
        d.note(x, 22, key, SMALL)
    rows = (
        ("class", ("ABC", "DE", "ABCDE"), False),
        ("task", ("ABC", "DE", "DE"), False),
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


@_drawn
def text_classifier() -> Diagram:
    """A sentence through BERT: tokens, embeddings, layers of attention, their mean, the head."""
    d = Diagram("text_classifier", 232)
    words = text("diagram.four_words").split("|")
    top, step, high = 44, 34, 26
    middle = top + 2 * step - (step - high) / 2
    d.note(62, middle - 4, "classifier_text", SMALL, text_anchor="middle")
    d.arrow(110, middle, 20)
    for row, word in enumerate(words):
        y = top + step * row
        d.add("rect", x=138, y=y, width=72, height=high, rx=4, fill=PALE[GREY], stroke=INK)
        d.text(174, y + 18, word, text_anchor="middle", font_size=SMALL)
        d.arrow(214, y + high / 2, 14)
        _vector(d, 234, y + 4, BLUE)
        d.arrow(292, y + high / 2, 14)
        d.arrow(500, y + high / 2, 14)
        _vector(d, 520, y + 4, BLUE)
    for x, number in ((312, 1), (408, 2)):
        name = text("diagram.classifier_layer", number=number)
        d.block(x, top - 4, name, width=84, height=4 * step, locked=True)
    d.arrow(578, middle, 14)
    _vector(d, 598, middle - 9, BLUE)
    d.arrow(654, middle, 10)
    d.block(668, middle - 22, text("diagram.head"), ORANGE, width=48, height=44, random=True)
    d.moves(692, middle + 38, 0.35)
    foot = top + 4 * step + 28
    for x, key in (
        (174, "classifier_tokens"),
        (262, "classifier_embeddings"),
        (402, "classifier_attention"),
        (548, "classifier_states"),
        (626, "classifier_mean"),
    ):
        d.note(x, foot, key, SMALL, text_anchor="middle")
    d.add("path", d=f"M230 {top - 14}v-6h346v6", fill="none", stroke=BLUE, stroke_width=1.5)
    d.note(403, 18, "classifier_body", text_anchor="middle")
    d.note(692, middle - 34, "classifier_answer", SMALL, text_anchor="middle")
    return d


def _vector(d: Diagram, x: float, y: float, colour: str) -> None:
    """A vector: three boxes in a row, 54 pixels wide."""
    for place in range(3):
        left = x + 18 * place
        d.add("rect", x=left, y=y, width=18, height=18, fill=PALE[colour], stroke=colour)


@_drawn
def attention() -> Diagram:
    """Attention of one word: its query meets every key, and the values mix by the weights.

    The weights are those of the last head of `zukan-bert`'s second layer.
    """
    d = Diagram("attention", 254)
    words = text("diagram.four_words").split("|")
    weights = [float(weight) for weight in text("diagram.four_weights").split("|")]
    top, step, high = 46, 44, 32
    middle = top + step * 2 - (step - high) / 2
    d.block(20, middle - 20, words[-1], ORANGE, width=96, height=40)
    d.note(68, middle + 42, "attention_asks", SMALL, text_anchor="middle")
    d.note(268, 24, "attention_keys", SMALL, text_anchor="middle")
    d.note(420, 24, "attention_weights", SMALL, text_anchor="middle")
    d.note(552, 24, "attention_values", SMALL, text_anchor="middle")
    for row, (word, weight) in enumerate(zip(words, weights, strict=True)):
        y = top + step * row
        d.add(
            "path",
            d=f"M120 {middle}C170 {middle} 170 {y + high / 2} 216 {y + high / 2}",
            fill="none",
            stroke=GREEN if weight else GREY,
            stroke_width=1.2 + 9 * weight,
        )
        d.block(220, y, word, width=96, height=high)
        d.add("rect", x=344, y=y + 8, width=104 * weight, height=16, fill=GREEN)
        d.text(352 + 104 * weight, y + 21, f"{weight:.0%}", font_size=SMALL)
        _vector(d, 525, y + 7, BLUE)
        d.add(
            "path",
            d=f"M583 {y + high / 2}C606 {y + high / 2} 602 {middle} 622 {middle}",
            fill="none",
            stroke=GREEN if weight else GREY,
            stroke_width=1.2 + 9 * weight,
        )
    d.add("circle", cx=630, cy=middle, r=9, fill="white", stroke=INK, stroke_width=2)
    d.text(630, middle + 5, "+", text_anchor="middle", font_size=16)
    _vector(d, 650, middle - 9, ORANGE)
    d.note(666, middle + 42, "attention_new", SMALL, text_anchor="middle")
    d.note(360, 244, "attention_all", SMALL, text_anchor="middle")
    return d


@_drawn
def masked() -> Diagram:
    """Masked words: one word is hidden, BERT guesses it from both sides; no label is needed."""
    d = Diagram("masked", 196)
    words = text("diagram.masked_words").split("|")
    hidden = words.index("[MASK]")
    left = 24.0
    for place, word in enumerate(words):
        width = 64 if place == hidden else 16 + 7.4 * sum(1 if ord(c) < 256 else 1.75 for c in word)
        colour = ORANGE if place == hidden else GREY
        d.add("rect", x=left, y=34, width=width, height=30, rx=4, fill=PALE[colour], stroke=INK)
        d.text(left + width / 2, 54, word, text_anchor="middle", font_size=SMALL)
        if place == hidden:
            ask = left + width / 2
        left += width + 6
    d.note(24, 20, "masked_hide", SMALL)
    d.arrow(ask, 70, 0, 24, colour=ORANGE)
    d.block(ask - 60, 100, "BERT", width=120, height=44)
    d.moves(ask, 158, 0.5)
    d.arrow(ask + 66, 122, 30)
    for row, guess in enumerate(text("diagram.masked_guesses").split("|")):
        y = 92 + 26 * row
        d.add("rect", x=ask + 104, y=y, width=(96, 40, 4)[row], height=16, fill=GREEN)
        d.text(ask + 112 + (96, 40, 4)[row], y + 13, guess, font_size=SMALL)
    d.note(ask + 104, 184, "masked_answer", SMALL)
    return d


@_drawn
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


@_drawn
def order() -> Diagram:
    """The order in which to try methods: validation data judge each step, the test comes once."""
    d = Diagram("order", 190)
    steps = (
        ("prior", GREY),
        ("pixels", GREY),
        ("knn", BLUE),
        ("probe", BLUE),
        ("turned", BLUE),
        ("tuned", VERMILION),
        ("labels", GREEN),
    )
    width, gap, y = 82, 14, 44
    for place, (key, colour) in enumerate(steps):
        x = 20 + place * (width + gap)
        d.block(x, y, "", colour, width=width, height=52)
        d.note(x + width / 2, y + 22, f"order_{key}", SMALL, text_anchor="middle")
        if place:
            d.arrow(x - gap + 1, y + 26, gap - 2)
    d.note(20, 28, "order_title")
    span = len(steps) * (width + gap) - gap
    d.add("path", d=f"M20 {y + 62}v8h{span}v-8", fill="none", stroke=GREEN, stroke_width=1.6)
    d.note(20 + span / 2, y + 90, "order_valid", text_anchor="middle")
    d.padlock(20 + span / 2 - 150, y + 118)
    d.note(20 + span / 2 - 134, y + 124, "order_test", SMALL)
    return d


@_drawn
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


@_drawn
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
    return d


@_drawn
def a_distance() -> Diagram:
    """Pictures of two domains as dots, and the classifier that tries to tell them apart."""
    d = Diagram("a_distance", 240)
    spots = ((0, 0), (34, -26), (26, 30), (-30, 22), (-26, -30), (60, 6), (4, 58), (-58, -4))
    for panel, (key, apart) in enumerate((("alike", 24), ("apart", 176))):
        left = 24 + 350 * panel
        d.note(left, 24, f"a_distance_{key}")
        d.add("rect", x=left, y=40, width=322, height=136, rx=6, fill="white", stroke=GREY)
        middle = left + 161
        for colour, shift in ((BLUE, -apart / 2), (ORANGE, apart / 2)):
            for x, y in spots:
                spot = {"cx": middle + shift + x, "cy": 104 + 0.8 * (y if shift < 0 else -y)}
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


def _fish(
    d: Diagram, x: float, y: float, long: float, colour: str, tall: float, empty: bool = False
) -> None:
    """A fish that looks to the right, its body's middle at (x, y); empty: only its outline."""
    fill = "white" if empty else colour
    tail = f"M{x - long / 2 + 4:.1f} {y:.1f}l{-long / 4:.1f} {-tall / 2:.1f}v{tall:.1f}Z"
    d.add("path", d=tail, fill=fill, stroke=colour, stroke_width=1.6)
    d.add(
        "ellipse", cx=x, cy=y, rx=long / 2, ry=tall / 2, fill=fill, stroke=colour, stroke_width=1.6
    )
    d.add("circle", cx=x + long / 4, cy=y - tall / 8, r=2.4, fill=INK if empty else "white")


@_drawn
def domains() -> Diagram:
    """Three domains: the same two kinds of fish by day with names, by night and as a sketch."""
    d = Diagram("domains", 236)
    looks = (("day", "#EAF3FA", False), ("night", "#33415C", False), ("sketch", "white", True))
    for place, (key, ground, empty) in enumerate(looks):
        x = 20 + 236 * place
        d.note(x, 26, f"domain_{key}")
        d.add("rect", x=x, y=38, width=208, height=122, rx=8, fill=ground, stroke=GREY)
        dark = key == "night"
        first, second = (INK, INK) if empty else ("#7C93B5", "#93856B") if dark else (BLUE, ORANGE)
        _fish(d, x + 68, 76, 72, first, 24, empty)
        _fish(d, x + 150, 116, 50, second, 40, empty)
        if not empty and not dark:
            d.note(x + 68, 106, "fish_a", SMALL, text_anchor="middle")
            d.note(x + 150, 152, "fish_b", SMALL, text_anchor="middle")
        d.note(x, 182, f"domain_{key}_has", SMALL)
    return d


def _bell(d: Diagram, middle: float, floor: float, spread: float, colour: str) -> None:
    """The curve of values around `middle` on a line at `floor`; spread: its pixels a deviation."""
    points = [
        (middle + spread * k / 4, floor - 30 * 2.718281828 ** (-((k / 4) ** 2) / 2))
        for k in range(-9, 10)
    ]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    d.add("path", d=f"{path}Z", fill=colour, opacity=0.25)
    d.add("path", d=path, fill="none", stroke=colour, stroke_width=2.2)


@_drawn
def day_and_night() -> Diagram:
    """One channel by day and by night, scaled by the memory of the day and by one of the night."""
    d = Diagram("day_and_night", 292)
    left, unit = 318, 30
    rows = (
        ("channel_raw", 0, ((8, 2, BLUE), (3, 1, VERMILION)), range(0, 13, 2)),
        ("channel_day", 6, ((0, 1, BLUE), (-2.5, 0.5, VERMILION)), range(-4, 5, 2)),
        ("channel_own", 6, ((0, 1, BLUE), (0, 1, VERMILION)), range(-4, 5, 2)),
    )
    for row, (key, zero, curves, ticks) in enumerate(rows):
        floor = 62 + 94 * row
        d.note(20, floor - 22, key)
        d.add("path", d=f"M{left - 6} {floor}H{left + 12 * unit + 6}", stroke=INK, stroke_width=1.4)
        for tick in ticks:
            x = left + unit * (tick + zero)
            d.add("path", d=f"M{x} {floor}v5", stroke=INK, stroke_width=1.4)
            d.text(
                x, floor + 19, f"{tick}".replace("-", "−"), text_anchor="middle", font_size=SMALL
            )
        for number, (mean, spread, colour) in enumerate(curves):
            lift = 4 * number * (row == 2)  # two curves in one place: one slightly wider
            _bell(d, left + unit * (mean + zero), floor, spread * unit + lift, colour)
    d.note(left + 8 * unit, 22, "channel_by_day", SMALL, text_anchor="middle", fill=BLUE)
    d.note(left + 3 * unit, 22, "channel_by_night", SMALL, text_anchor="middle", fill=VERMILION)
    return d


@_drawn
def cloud() -> Diagram:
    """Features of two classes: the night's cloud as it is, moved, and moved and stretched."""
    d = Diagram("cloud", 258)
    first = ((-46, 22), (-34, -10), (-58, -4), (-40, 40), (-20, 14))
    second = ((44, -20), (30, 10), (56, 6), (38, -42), (20, -14))
    steps = (("cloud_as_is", -46, 24, 0.35), ("cloud_mean", 0, 0, 0.35), ("cloud_both", 0, 0, 1.0))
    for place, (key, dx, dy, scale) in enumerate(steps):
        x, y = 124 + 236 * place, 124
        d.note(x, 26, key, text_anchor="middle")
        d.add("rect", x=x - 104, y=40, width=208, height=168, rx=8, fill="white", stroke=GREY)
        d.add("path", d=f"M{x + 12} 46L{x - 12} 202", stroke=INK, stroke_width=1.6)
        for colour, points in ((BLUE, first), (ORANGE, second)):
            for px, py in points:
                d.add("circle", cx=x + px, cy=y + py, r=6, fill=PALE[colour], stroke=colour)
            for px, py in points:
                nx, ny = x + dx + scale * px, y + dy + scale * py
                if colour == BLUE:
                    d.add("circle", cx=nx, cy=ny, r=5, fill=colour)
                else:
                    d.add("path", d=f"M{nx:.1f} {ny - 6:.1f}l6 11h-12Z", fill=colour)
    d.note(20, 236, "cloud_legend", SMALL)
    return d
