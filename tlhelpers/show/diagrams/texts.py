"""Texts: a classifier, attention, masked words."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE


@drawn
def text_classifier() -> Diagram:
    """A sentence through BERT: tokens, embeddings, layers of attention, their mean, the head."""
    d = Diagram("text_classifier", 222, 740)
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


@drawn
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


@drawn
def masked() -> Diagram:
    """Masked words: one word is hidden, BERT guesses it from both sides; no label is needed.

    The shares of the three guesses are those of `zukan-bert`.
    """
    d = Diagram("masked", 196, 540)
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
    guesses = text("diagram.masked_guesses").split("|")
    shares = [float(share) for share in text("diagram.masked_shares").split("|")]
    for row, (guess, share) in enumerate(zip(guesses, shares, strict=True)):
        y = 94 + 26 * row
        d.add("rect", x=ask + 104, y=y, width=120 * share, height=16, fill=GREEN)
        d.text(ask + 112 + 120 * share, y + 13, f"{guess} {share:.0%}", font_size=SMALL)
    d.note(ask + 104, 86, "masked_offer", SMALL)
    d.note(ask + 104, 188, "masked_answer", SMALL)
    return d
