"""What lesson 09 does step by step, in its cells, its widget and its experiments."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tlhelpers.data.task import Task
from tlhelpers.data.zukan import birds, keys_of
from tlhelpers.data.zukan.kit import Canvas
from tlhelpers.runtime.language import language

STRENGTH = 100.0  # of the ridge penalty
TOGETHER = 32  # pictures on one canvas: as many as `zukan.draw` puts there
SAID = 0.8  # chance that a caption mentions what the bird has
COLOURS = [list(birds.FEATURES).index(name) for name in ("red", "yellow", "blue")]
SEPARATOR = {"en": ", ", "ja": "、"}
FRAMES = {  # how people write below a picture
    "en": ("a bird with {}", "photo of a bird: {}", "{}, seen this morning", "the bird has {}"),
    "ja": ("{}の鳥", "{}を持つ鳥の写真", "今朝見た鳥、{}", "この鳥は{}が特徴です"),
}
NEW_FRAME = {
    "en": "my grandmother painted this little creature in watercolours, {}",
    "ja": "祖母が水彩絵の具で描いた小さな生き物です、{}",
}
OTHER_WORDS = {  # what the captions call it -> what somebody else might
    "en": {
        "bill": "beak",
        "large": "big",
        "barred": "striped",
        "spotted breast": "dotted chest",
        "crest": "feathers on the head",
        "dark eye mask": "black face band",
        "thick": "stout",
    },
    "ja": {
        "くちばし": "嘴",
        "大きい体": "大型",
        "しま": "ストライプ",
        "はん点": "斑点",
        "冠羽": "頭の飾り羽",
        "太い": "ぶあつい",
        "あし": "脚",
        "翼": "羽",
    },
}


def learn_reader(
    features: Tensor, cards: Tensor, strength: float = STRENGTH
) -> Callable[[Tensor], Tensor]:
    """Reads cards (n, a) off features (n, d): ridge regression, one attribute beside another."""
    mean, spread, middle = features.mean(0), features.std(0) + 0.01, cards.mean(0)
    x = (features - mean) / spread
    gram = x.T @ x + strength * torch.eye(x.shape[1])
    weight = torch.linalg.solve(gram, x.T @ (cards - middle))
    return lambda new: (new - mean) / spread @ weight + middle


def best_fitting(readings: Tensor, card: Tensor, count: int = 10) -> Tensor:
    """Rows of the `count` readings (n, a) that are nearest to the card (a,), nearest first."""
    return (readings - card).norm(dim=1).argsort()[:count]


def without_colours(task: Task) -> Task:
    """The birds, described by the nine attributes that are no colours."""
    kept = [k for k in range(len(birds.FEATURES)) if k not in COLOURS]
    assert task.attributes is not None
    return replace(task, attributes=task.attributes[:, kept], test_reads=0)


# --- pictures with captions ------------------------------------------------------------------


@dataclass(frozen=True)
class Captioned:
    """pictures: uint8 (n, 3, 64, 64); captions: n sentences; attributes: (n, 12), of 0 and 1."""

    pictures: Tensor
    captions: list[str]
    attributes: Tensor

    def __len__(self) -> int:
        return len(self.captions)


def captioned_birds(count: int, seed: int = 0, lang: str = "") -> Captioned:
    """Birds with any features at all, each with a caption that mentions some of them.

    None of the 24 species is among them. lang: of the captions; "" is the learner's language.
    """
    generator = torch.Generator().manual_seed(seed)
    kept: list[Tensor] = []
    while len(kept) < count:
        one = (torch.rand(len(birds.FEATURES), generator=generator) < 0.4).float()
        one[COLOURS] = 0
        one[COLOURS[int(torch.randint(3, (1,), generator=generator))]] = 1
        if not (one == birds.ATTRIBUTES).all(1).any():
            kept.append(one)
    attributes, rows = torch.stack(kept), torch.arange(count)
    keys = keys_of("captioned birds", torch.zeros_like(rows), rows, seed)
    pictures = []
    for part in rows.split(TOGETHER):  # a canvas is always full, so that a picture never changes
        full = torch.cat([part, part[-1:].expand(TOGETHER - len(part))])
        canvas = Canvas(keys[full])
        birds.paint_bird(canvas, attributes[full])
        pictures.append((canvas.image.clamp(0, 1) * 255 + 0.5).to(torch.uint8)[: len(part)])
    return Captioned(torch.cat(pictures), write_captions(attributes, seed, lang), attributes)


def write_captions(attributes: Tensor, seed: int, lang: str = "") -> list[str]:
    """A sentence for each row (n, 12): most features, in any order, in one of four frames."""
    lang = lang or language()
    chance = random.Random(seed)
    captions = []
    for row in attributes:
        has = name_features(row, lang)
        said = [name for name in has if chance.random() < SAID] or has[:1]
        chance.shuffle(said)
        captions.append(chance.choice(FRAMES[lang]).format(SEPARATOR[lang].join(said)))
    return captions


def name_features(attributes: Tensor, lang: str = "") -> list[str]:
    """The words for the features that a card (12,) has."""
    names = birds.ATTRIBUTE_NAMES[lang or language()]
    return [names[k] for k in attributes.nonzero()[:, 0]]


def describe(task: Task, frame: str = "", lang: str = "") -> list[str]:
    """A sentence about each class of birds, with all its features; "" is a usual frame."""
    lang = lang or language()
    assert task.attributes is not None
    frame = frame or FRAMES[lang][0]
    return [frame.format(SEPARATOR[lang].join(name_features(row, lang))) for row in task.attributes]


def in_other_words(sentences: Sequence[str], lang: str = "") -> list[str]:
    """The same sentences with words that no caption uses."""
    lang = lang or language()
    said = []
    for sentence in sentences:
        for usual, other in OTHER_WORDS[lang].items():
            sentence = sentence.replace(usual, other)
        said.append(sentence)
    return said
