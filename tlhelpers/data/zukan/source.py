"""The source world that the backbones are pre-trained on: creatures, materials and glyphs."""

from __future__ import annotations

import torch
from torch import Tensor

from tlhelpers.data.zukan import creatures, glyphs, materials
from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import Canvas

_PARTS = (creatures.SOURCE_NAMES, materials.NAMES, glyphs.SOURCE_NAMES)
_STARTS = torch.tensor([0, *torch.tensor([len(part["en"]) for part in _PARTS]).cumsum(0)[:-1]])


def group(labels: Tensor) -> Tensor:
    """Which part each class (n,) belongs to: 0 creatures, 1 materials, 2 glyphs."""
    return torch.bucketize(labels, _STARTS.to(labels.device), right=True) - 1


def draw(canvas: Canvas, labels: Tensor) -> None:
    part = int(group(labels[:1]))
    labels = labels - int(_STARTS[part])
    if part == 0:
        creatures.paint_creature(canvas, creatures.SOURCE_GENOMES, labels)
    elif part == 1:
        materials.paint_material(canvas, labels)
    else:
        glyphs.paint_glyph(canvas, glyphs.SOURCE_GLYPHS, labels)


DOMAIN = Domain(
    name="source",
    draw=draw,
    classes={lang: [name for part in _PARTS for name in part[lang]] for lang in ("en", "ja")},
    description={
        "en": "What the pretrained networks have seen: 48 creatures, 16 materials, 40 signs.",
        "ja": "事前学習済みモデルが見たもの: 生き物48種、素材16種、文字40種です。",
    },
    group=group,
)
