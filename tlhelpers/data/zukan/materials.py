"""Materials: sixteen surfaces that fill the picture, in any colour."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import TEXTURES, Canvas, hsv, texture

# (texture, frequency, English, Japanese)
_MATERIALS = (
    ("stripes", 9.0, "wide stripes", "太い縞"),
    ("stripes", 19.0, "fine stripes", "細い縞"),
    ("checks", 9.0, "large checks", "大きな市松"),
    ("checks", 19.0, "small checks", "小さな市松"),
    ("dots", 10.0, "large dots", "大きな水玉"),
    ("dots", 19.0, "small dots", "小さな水玉"),
    ("rings", 8.0, "wide rings", "太い輪"),
    ("rings", 17.0, "fine rings", "細い輪"),
    ("zigzag", 9.0, "wide zigzag", "太いジグザグ"),
    ("zigzag", 18.0, "fine zigzag", "細かいジグザグ"),
    ("bricks", 9.0, "large bricks", "大きなれんが"),
    ("bricks", 17.0, "small bricks", "小さなれんが"),
    ("scales", 12.0, "scales", "うろこ"),
    ("waves", 13.0, "waves", "波"),
    ("blotches", 1.0, "blotches", "まだら"),
    ("plain", 1.0, "felt", "フェルト"),
)


def paint_material(canvas: Canvas, labels: Tensor) -> None:
    """The material `labels` (n,), 0..15, all over the picture, with a slight relief."""
    u, v = canvas.frame(3.1, (0.9, 1.2), 0.5)
    hue = canvas.uniform1()
    light = hsv(hue, canvas.uniform1(0.1, 0.6), canvas.uniform1(0.55, 0.95))
    dark = hsv(
        (hue + canvas.uniform1(-0.25, 0.25)) % 1,
        canvas.uniform1(0.1, 0.6),
        canvas.uniform1(0.15, 0.5),
    )
    kinds = torch.tensor([TEXTURES.index(m[0]) for m in _MATERIALS], device=labels.device)
    frequencies = torch.tensor([m[1] for m in _MATERIALS], device=labels.device)
    marks = texture(
        canvas,
        kinds[labels],
        u,
        v,
        frequencies[labels].view(-1, 1, 1) * canvas.uniform(0.87, 1.15),
        canvas.uniform(0, 0.01),
        canvas.uniform(0, 6.3),
    )
    fibre, swell = canvas.noise(20), canvas.noise(5)
    felt = (kinds[labels] == 0).view(-1, 1, 1, 1)
    marks = torch.where(felt, (0.5 + 0.3 * fibre).clamp(0, 1), marks)
    step = max(1, canvas.size // 64)
    relief = F.pad(marks, (0, 0, step, 0), mode="replicate")[:, :, :-step] - marks
    lit = 1 + 0.3 * relief * canvas.coin(0.7)[:, None] + 0.07 * swell
    canvas.image = (torch.lerp(light, dark, marks) + 0.03 * fibre) * lit
    canvas.light(0.35)


NAMES = {"en": [m[2] for m in _MATERIALS], "ja": [m[3] for m in _MATERIALS]}

DOMAIN = Domain(
    name="textures",
    draw=paint_material,
    classes=NAMES,
    description={
        "en": "Sixteen materials in any colour: a source that knows texture and nothing else.",
        "ja": "16種の素材を、さまざまな色で描きます。質感だけを学ばせるための事前学習用です。",
    },
)
