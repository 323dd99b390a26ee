"""Lesson 12: type an enquiry, and see its class, its neighbours and the words that decided.

Blue is the frozen BERT's answer, as in the lesson's figures, and what speaks for it.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Split
from tlhelpers.models.backbones import backbone
from tlhelpers.models.surgery import features_of
from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas, percent
from tlhelpers.show.widgets.explorer import View
from tlhelpers.show.widgets.typed import Typed
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe

RESULTS = ()
LABELS = 20  # labelled texts of each class and language
WIDTH, HEIGHT = 640, 318  # the height without the words
LINE, MOST_LINES = 32, 3  # of words
MOST_WORDS = 36  # that are left out, one at a time, and shown
NEIGHBOURS = 4
SAMPLES = {  # the second one is in the other language
    "en": (
        "There is a charge on my card that I do not know",
        "身に覚えのない請求が来ました",
        "The tracking page has not moved for a week",
        "How do I charge the battery of this lamp?",
        "It was too small, can I swap it for a bigger one?",
        "ﾊﾟｽﾜｰﾄﾞを忘れて入れません😢",
        "I have had enough, close my account",
    ),
    "ja": (
        "身に覚えのない請求が来ました",
        "There is a charge on my card that I do not know",
        "追跡ページが一週間動いていません",
        "このランプの電池はどうやって充電しますか",
        "小さすぎたので、大きいものに替えられますか",
        "ﾊﾟｽﾜｰﾄﾞを忘れて入れません😢",
        "もううんざりです。会員をやめます",
    ),
}


@dataclass(frozen=True)
class Desk:
    """What answers: a network, a head trained on both languages, and the texts it learned from."""

    network: nn.Module
    head: nn.Linear
    texts: list[str]
    labels: Tensor
    features: Tensor  # (n, d), centred, of length 1
    middle: Tensor
    classes: dict[str, list[str]]

    def score(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """(log probabilities (n, classes), features (n, d)) of texts."""
        with torch.inference_mode():
            features = features_of(self.network, self.network.preprocess(texts))
            return self.head(features).log_softmax(1), features


@functools.cache
def open_desk() -> Desk:
    """Reads the labelled texts and fits the head, once; the locked test texts stay closed."""
    network = backbone("zukan-bert")
    tasks = [load_task("enquiries", per_class=LABELS, lang=lang) for lang in ("en", "ja")]
    train, valid = (_joined([getattr(task, part) for task in tasks]) for part in ("train", "valid"))
    both = replace(tasks[0], train=train, valid=valid, test=valid)
    head = probe(network, both).head
    features = extract_features(network, train.inputs)
    middle = features.mean(0)
    near = F.normalize(features - middle, dim=1)
    return Desk(network, head, train.inputs, train.labels, near, middle, tasks[0].classes)


def _joined(splits: list[Split]) -> Split:
    texts = [words for split in splits for words in split.inputs]
    return Split(texts, torch.cat([split.labels for split in splits]))


def split_words(tokenizer, words: str) -> list[tuple[int, int]]:
    """Where each word begins and ends, as the tokenizer cuts before it looks for tokens."""
    lower = "".join(c.lower() if c.isascii() else c for c in words)  # as long as `words`
    cut = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(lower)
    return [place for word, place in cut if word.strip("▁")]  # which stands for a space


def leave_one_out(desk: Desk, words: str) -> tuple[Tensor, list[str], Tensor, Tensor]:
    """(log probabilities (classes,), words, influence of each word, features (d,)).

    influence: the log probability of the class that wins, with all words, minus without this one.
    """
    places = split_words(desk.network.preprocess.tokenizer, words)[:MOST_WORDS]
    without = [words[:first] + words[last:] for first, last in places]
    scores, features = desk.score([words, *without])
    winner = scores[0].argmax()
    found = [words[first:last].strip() for first, last in places]
    return scores[0], found, scores[0, winner] - scores[1:, winner], features[0]


def build(results: Mapping[str, Mapping]) -> Typed:
    """Nothing stored is needed: the model reads what is typed."""
    samples = list(SAMPLES[language()])
    return Typed(text("widget12.title"), text("widget12.label"), draw, samples)


def draw(words: str) -> View:
    """The words coloured by what they did, the classes as bars, the nearest labelled texts."""
    words = unicodedata.normalize("NFKC", " ".join(words[:1000].split()))
    words = "".join(c for c in words if c.isprintable())
    if not words:
        return _only_say("widget12.empty")
    desk = open_desk()
    tokenizer = desk.network.preprocess.tokenizer
    tokens = tokenizer(words, truncation=True)["input_ids"][1:-1]
    if tokens.count(tokenizer.unk_token_id) > len(tokens) / 2:
        return _only_say("widget12.unknown")
    scores, found, influence, features = leave_one_out(desk, words)
    names = desk.classes[language()]
    winner = int(scores.argmax())
    strongest = shorten(found[int(influence.argmax())], 200)
    key = "widget12.says" if influence.max() > 0.05 else "widget12.says_together"
    sure = percent(scores[winner].exp().item())
    canvas = Canvas(text(key, name=names[winner], sure=sure, word=strongest), WIDTH, HEIGHT)
    top = _draw_words(canvas, found, influence)
    canvas.height += top
    _draw_classes(canvas, scores.exp(), names, top)
    near = F.normalize(features - desk.middle, dim=0)
    _draw_neighbours(canvas, desk, desk.features @ near, names, top, winner)
    return View(canvas.svg(), canvas.says)


def _only_say(key: str) -> View:
    canvas = Canvas(text(key), WIDTH, 60)
    canvas.text(12, 34, canvas.says)
    return View(canvas.svg(), canvas.says)


def _draw_words(canvas: Canvas, words: list[str], influence: Tensor) -> int:
    """Blue words spoke for the class, orange ones against it; returns where their lines end."""
    strongest = max(influence.abs().max().item(), 0.1)
    x, line = 12.0, 0
    for word, value in zip(words, influence.tolist(), strict=True):
        shown = shorten(word, 280)
        width = width_of(shown) + 10
        if x + width > WIDTH - 24:
            if line + 1 == MOST_LINES:
                canvas.text(x, 30 + LINE * line, "…")
                break
            x, line = 12.0, line + 1
        box = {"x": x, "y": 12 + LINE * line, "width": width, "height": 26, "rx": 4}
        tint = figures.BLUE if value > 0 else figures.ORANGE
        canvas.add("rect", **box, fill=tint, opacity=round(0.55 * abs(value) / strongest, 2))
        canvas.text(x + 5, 30 + LINE * line, shown)
        x += width + 3
    return LINE * (line + 1)


def _draw_classes(canvas: Canvas, shares: Tensor, names: list[str], top: int) -> None:
    """A bar for each class."""
    winner = int(shares.argmax())
    for row, (share, name) in enumerate(zip(shares.tolist(), names, strict=True)):
        y = top + 32 + 22 * row
        canvas.text(212, y + 13, name, text_anchor="end")
        canvas.add("rect", x=220, y=y, width=360 * share, height=16, fill=_tint(row == winner))
        canvas.text(226 + 360 * share, y + 13, percent(share), font_size=12)


def _draw_neighbours(
    canvas: Canvas, desk: Desk, similarity: Tensor, names: list[str], top: int, winner: int
) -> None:
    """The labelled texts whose features point the same way; blue, where the answer is theirs."""
    canvas.add("path", d=f"M12 {top + 182}H{WIDTH - 12}", stroke=figures.RULE)
    canvas.text(12, top + 204, text("widget12.near"), font_size=12)
    best = similarity.topk(NEIGHBOURS)
    for row, (value, i) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        y, label = top + 228 + 22 * row, int(desk.labels[i])
        canvas.add("rect", x=12, y=y - 12, width=12, height=14, fill=_tint(label == winner))
        canvas.text(32, y, f"{value:.2f}", font_size=12)
        canvas.text(68, y, shorten(f"{names[label]} · {desk.texts[i]}", WIDTH - 80))


def _tint(answer: bool) -> str:
    """Of the class that is the answer, and of all others."""
    return figures.BLUE if answer else figures.GREY


def width_of(words: str) -> float:
    """About how many pixels the words take at 13 pixels' height."""
    return sum(13.2 if unicodedata.east_asian_width(c) in "WFA" else 6.9 for c in words)


def shorten(words: str, width: float) -> str:
    """The words, or as many characters as fit, with an ellipsis."""
    if width_of(words) <= width:
        return words
    while width_of(words + "…") > width:
        words = words[:-1]
    return words + "…"
