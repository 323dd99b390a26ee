"""Borrow, freeze, fine-tune: what moves in a network, and how fast."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import (
    BLOCK,
    GAP,
    HIGH,
    NOTE,
    PALE,
    SMALL,
    STAGES,
    Diagram,
    drawn,
)
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION


@drawn
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


@drawn
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


@drawn
def borrow() -> Diagram:
    """The eye grows on many source pictures, and is borrowed for a target with few."""
    return _lend("borrow")


@drawn
def first_idea() -> Diagram:
    """The same for a reader who knows none of the field's words yet."""
    return _lend("first_idea")


def _lend(name: str) -> Diagram:
    d = Diagram(name, 250)
    for row, (key, pictures, locked) in enumerate((("source", 9, False), ("target", 2, True))):
        y = 40 + 128 * row
        d.note(20, y - 18, f"{name}_{key}")
        for place in range(pictures):
            d.photo(160 - 17 * (pictures - 1 - place), y + 3 * (place % 2), 38)
        d.arrow(214, y + HIGH / 2, 34)
        d.block(256, y, text(f"diagram.{name}_eye"), width=180, locked=locked)
        d.arrow(444, y + HIGH / 2, 24)
        head = text(f"diagram.{name}_{key}_head")
        d.block(476, y, head, ORANGE, width=150, random=locked)
        d.arrow(632, y + HIGH / 2, 16)
        d.note(654, y + HIGH / 2 + 5, f"{name}_{key}_answer", SMALL)
    d.arrow(346, 94, 0, 66, colour=GREEN)
    d.note(362, 130, f"{name}_same", SMALL)
    return d


@drawn
def two_ways() -> Diagram:
    """A name for a picture: that of the nearest of the 50, by the borrowed eye or by pixels."""
    d = Diagram("two_ways", 244)
    for row, key in enumerate(("eye", "pixels")):
        y = 40 + 116 * row
        d.note(20, y - 18, f"two_ways_{key}")
        d.photo(24, y + 3)
        d.arrow(72, y + HIGH / 2, 26)
        d.note(622, y + HIGH / 2 + 5, "two_ways_answer", SMALL)
        d.arrow(588, y + HIGH / 2, 24)
        d.block(418, y, text("diagram.two_ways_nearest"), GREY, width=162)
        for place in range(5):
            d.photo(446 + 22 * place, y + 56, 18)
    d.block(106, 40, text("diagram.first_idea_eye"), width=130, locked=True)
    d.arrow(244, 63, 26)
    for dot in range(5):
        d.add("circle", cx=290, cy=45 + 9 * dot, r=3.2, fill=BLUE)
    d.note(304, 67, "two_ways_numbers", SMALL)
    d.arrow(384, 63, 26)
    d.note(106, 183, "two_ways_raw", SMALL)
    d.arrow(262, 179, 148)
    return d


@drawn
def head_first() -> Diagram:
    """First the head alone, then everything, from that head (LP-FT)."""
    d = Diagram("head_first", 226)
    d.note(20, 24, "head_first_1")
    d.network(20, 36, [None] * 5 + [0.5])
    d.note(20, 130, "head_first_2")
    d.network(20, 142, [0.5] * 6, new_head=False)
    return d


@drawn
def rates() -> Diagram:
    """Discriminative rates: the nearer the input, the lower the learning rate."""
    d = Diagram("rates", 236)
    d.note(20, 24, "rates_one")
    d.network(20, 36, [0.45] * 6, new_head=False)
    d.note(20, 134, "rates_many")
    d.network(20, 146, [0.0, 0.1, 0.25, 0.45, 0.7, 1.0], new_head=False)
    return d


@drawn
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


@drawn
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


@drawn
def lora() -> Diagram:
    """LoRA: the weight W stays, a thin product B A beside it learns."""
    d = Diagram("lora", 236, 690)
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


@drawn
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


@drawn
def batchnorm() -> Diagram:
    """BatchNorm's memory: a batch of mean 10 moves it in train(), and leaves it in eval()."""
    d = Diagram("batchnorm", 246)
    for row, mode in enumerate(("train_mode", "eval_mode")):
        y, training = 40 + 122 * row, row == 0
        d.note(20, y - 18, mode)
        for place in range(3):
            d.photo(24 + 9 * place, y - 2 + 3 * place, 34)
        d.note(64, y + 58, "batch_mean", SMALL, text_anchor="middle")
        d.arrow(92, y + HIGH / 2, 26)
        d.block(126, y, "", width=232)
        d.note(242, y + 19, f"{mode}_uses", SMALL, text_anchor="middle")
        d.arrow(364 if training else 414, y + HIGH / 2, 50 if training else -50)
        left, unit, line = 452, 22, y + HIGH / 2
        d.add("path", d=f"M{left} {line}h{10 * unit}", stroke=INK, stroke_width=1.5)
        for value in range(11):
            d.add("path", d=f"M{left + unit * value} {line - 4}v8", stroke=INK, stroke_width=1)
        for value in (0, 10):
            d.text(left + unit * value, line + 24, str(value), text_anchor="middle", font_size=12)
        d.photo(left + 10 * unit - 10, line - 30, 20)
        if training:
            d.add("circle", cx=left, cy=line, r=8, fill="white", stroke=GREEN, stroke_width=2)
            d.add("path", d=f"M{left} {line - 14}q11 -14 18 -1", fill="none", stroke=VERMILION)
            d.add("path", d=f"M{left + 20} {line - 10}l-6 -4l6 -4Z", fill=VERMILION)
        d.add("circle", cx=left + unit * training, cy=line, r=8, fill=GREEN)
        if not training:
            d.padlock(left - 22, line - 2)
        d.note(left + 34, line - 14, "memory_moves" if training else "memory_rests", SMALL)
    return d


@drawn
def head_by_hand() -> Diagram:
    """Two channels become two features, their means, and a head makes one score of them."""
    d = Diagram("head_by_hand", 196)
    cell, middle = 25, 106
    for place, key in ((85, "two_channels"), (228, "features_are"), (438, "one_class")):
        d.note(place, 20, key, SMALL, text_anchor="middle")
    for row, (values, weight) in enumerate((((0, 2, 1, 1), "3"), ((4, 1, 2, 1), "−1"))):
        y = 58 + 72 * row
        for place, value in enumerate(values):
            at = {"x": 60 + cell * (place % 2), "y": y + cell * (place // 2)}
            shade = PALE[BLUE] if value < 2 else BLUE
            d.add("rect", **at, width=cell, height=cell, fill=shade, stroke="white")
            ink = INK if value < 2 else "white"
            x = at["x"] + cell / 2
            d.text(x, at["y"] + 17, str(value), text_anchor="middle", font_size=SMALL, fill=ink)
        d.arrow(120, y + cell, 68)
        d.note(152, y + cell - 8, "mean", SMALL, text_anchor="middle")
        mean = sum(values) // len(values)
        d.block(196, y + 4, f"{mean}", width=64, height=42)
        d.arrow(268, y + cell, 72, 22 - 44 * row)
        d.text(310, y + cell - 2 + 16 * row, f"× {weight}", text_anchor="middle", font_size=SMALL)
    d.block(350, middle - HIGH / 2, "3 × 1 − 1 × 2 + 0.5", ORANGE, width=176, random=True)
    d.moves(438, middle + HIGH / 2 + 12, 0.5)
    d.note(438, middle + HIGH / 2 + 34, "legend_moves", SMALL, text_anchor="middle")
    d.arrow(534, middle, 40)
    d.note(586, middle + 5, "score_is")
    return d
