"""Two sources made on purpose, to transfer badly: one knows outlines only, one paint only."""

from __future__ import annotations

import torch
from torch import Tensor

from tlhelpers.data.zukan.creatures import paint_scene
from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import Canvas, disc, hsv, shade, texture
from tlhelpers.data.zukan.surfaces import DOMAIN as SURFACES
from tlhelpers.data.zukan.surfaces import paint_surface

_LOBES = (2, 3, 4, 5, 6)
_HEIGHTS = ((0.62, "tall", "縦長"), (1.0, "round", "丸形"), (1.6, "long", "横長"))
_NUMBERS = {
    "en": ("two", "three", "four", "five", "six"),
    "ja": ("二つ", "三つ", "四つ", "五つ", "六つ"),
}
_PAINTS = {
    "en": ["red", "orange", "lime", "green", "turquoise", "blue", "violet", "pink"],
    "ja": ["赤", "だいだい", "黄緑", "緑", "青緑", "青", "紫", "ピンク"],
}


def paint_shape(canvas: Canvas, labels: Tensor) -> None:
    """A silhouette of 15 outlines; its colour, texture and place say nothing about the class."""
    paint_scene(canvas)
    u, v = canvas.frame(0.35, (0.8, 1.2), 0.16)
    height = torch.tensor([h[0] for h in _HEIGHTS], device=labels.device)[labels % 3]
    lobes = torch.tensor(_LOBES, device=labels.device)[labels // 3]
    height, lobes = height.view(-1, 1, 1) * canvas.uniform(0.93, 1.07), lobes.view(-1, 1, 1)
    size = 0.42 * canvas.uniform(0.9, 1.15) * height.clamp(max=1.25).sqrt()
    outline = size * (1 + 0.24 * torch.cos(lobes * torch.atan2(v * height, u)))
    body = (disc(u, v * height, 0.0, 0.0, 0.0) - outline) * 0.7
    hue = canvas.uniform1()
    light = hsv(hue, canvas.uniform1(0.2, 0.9), canvas.uniform1(0.55, 0.98))
    dark = hsv(canvas.uniform1(), canvas.uniform1(0.2, 0.9), canvas.uniform1(0.15, 0.5))
    marks = texture(
        canvas,
        canvas.integers(10),
        u,
        v,
        canvas.uniform(8, 18),
        canvas.uniform(0, 3.1),
        canvas.uniform(0, 6.3),
    )
    canvas.ink(body, shade(torch.lerp(light, dark, marks), u, v, 0.6))
    canvas.light()


def paint_sample(canvas: Canvas, labels: Tensor) -> None:
    """A painted surface of hue `labels`/8; its material and its damage say nothing."""
    hue = (labels / 8 + canvas.uniform1(-0.03, 0.03)) % 1
    damage = canvas.integers(SURFACES.num_classes)
    paint_surface(canvas, damage, hue=hue, saturation=(0.35, 0.9))
    canvas.light(0.3, 0.035)


SHAPES = Domain(
    name="shapes",
    draw=paint_shape,
    classes={
        "en": [f"{h[1]}, {n} lobes" for n in _NUMBERS["en"] for h in _HEIGHTS],
        "ja": [f"{h[2]}・こぶ{n}" for n in _NUMBERS["ja"] for h in _HEIGHTS],
    },
    description={
        "en": "Fifteen outlines in any colour and texture: a source that knows shape only.",
        "ja": "15種の輪郭を、さまざまな色と模様で描きます。形だけを学ばせるための事前学習用です。",
    },
)

PAINT = Domain(
    name="paint",
    draw=paint_sample,
    classes=_PAINTS,
    description={
        "en": "Eight paint colours on any surface, damaged or not: a source that ignores damage.",
        "ja": "傷の有無に関係なく、塗装の色8種を見分けます。傷を無視することを学ぶ事前学習用です。",
    },
)
