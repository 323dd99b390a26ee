"""Drawn chest phantoms: healthy-looking, with a hazy opacity, or with a round nodule.

These are drawings in the manner of an X-ray picture and no medical data: a far domain for
networks that learned from colour drawings. A part is a brightness (n, S, S) that is added to
the picture, as denser tissue makes the film brighter. Drawn with the same key, a finding
changes the picture only where it lies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import Canvas, box, capsule, disc, ellipse, hsv, union

NORMAL, OPACITY, NODULE = range(3)
SIDES = (-1, 1)  # the patient's right lung is on the left of the picture, as doctors view it


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint one phantom per label (n,), 0 normal, 1 opacity, 2 nodule."""
    u, v = canvas.frame(0.1, (0.92, 1.08), 0.07, flip=False)
    lungs = lung_fields(canvas, u, v)
    film = soft_tissue(canvas, u, v) - canvas.uniform(0.24, 0.42) * lungs
    film = film + vessels(canvas, u, v) * lungs
    film = film + ribs(canvas, u, v) + collar_bones(canvas, u, v)
    film = film + spine(canvas, u, v) + heart(canvas, u, v)
    film = film + finding(canvas, u, v, labels) * (0.25 + 0.75 * lungs)
    expose(canvas, film)


# ---- the body


def soft_tissue(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """Neck, shoulders and chest."""
    width = canvas.uniform(0.76, 0.95)
    chest = box(u, v, 0.0, 0.35, width, 1.05, 0.5)
    neck = box(u, v, 0.0, -0.9, 0.26, 0.5, 0.1)
    outline = union(chest, neck, 0.25)
    thicker_inside = (-outline).clamp(0, 0.35)
    return canvas.mask(outline, 3.0)[:, 0] * (0.42 + 0.3 * thicker_inside)


def lung_fields(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """How much of each pixel is lung, 0..1: two domes on the diaphragm, the heart's one smaller."""
    height, breadth = canvas.uniform(0.58, 0.74), canvas.uniform(0.26, 0.33)
    fields = torch.zeros_like(u)
    for side in SIDES:
        lung = ellipse(u, v, side * 0.4, 0.02, breadth, height, -side * canvas.uniform(0.08, 0.16))
        base = disc(u, v, side * 0.42, canvas.uniform(0.86, 1.04), 0.48)
        lung = torch.maximum(lung, -base)
        fields = torch.maximum(fields, canvas.mask(lung, 2.5)[:, 0])
    return fields


def vessels(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """Fine branching shadows, denser toward the root of the lung."""
    from_root = (1 - 1.6 * torch.sqrt((u.abs() - 0.18) ** 2 + 0.5 * v * v + 1e-6)).clamp(min=0)
    return canvas.uniform(0.03, 0.05) * canvas.noise(16)[:, 0] * (0.35 + from_root)


def ribs(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """Bands that fall away from the spine and turn at the chest wall."""
    arch = v + 0.75 * (u.abs() - 0.3) ** 2 - canvas.uniform(0.1, 0.2) * u.abs()
    band = torch.sin(arch * canvas.uniform(19, 23) + canvas.uniform(0, 2 * math.pi))
    cage = canvas.mask(ellipse(u, v, 0.0, 0.0, 0.76, 0.85), 3.0)[:, 0]
    return canvas.uniform(0.06, 0.11) * (band * 1.6).clamp(0, 1) * cage


def collar_bones(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    bone, rise = torch.zeros_like(u), canvas.uniform(0.05, 0.18)
    for side in SIDES:
        line = capsule(u, v, side * 0.08, -0.56, side * 0.7, -0.6 - rise, 0.045, 0.04)
        bone = torch.maximum(bone, canvas.mask(line, 2.0)[:, 0])
    return 0.13 * bone


def spine(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """A bright column, its vertebrae set off by darker discs."""
    column = canvas.mask(u.abs() - 0.1, 3.0)[:, 0]
    vertebra = torch.sin(v * 24 + canvas.uniform(0, 2 * math.pi))
    return column * (0.2 + 0.04 * vertebra)


def heart(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """A slanting oval, most of it on the picture's right, with the aorta's knob above it."""
    size = canvas.uniform(0.85, 1.25)
    oval = ellipse(u, v, 0.14, 0.36, 0.3 * size, 0.24 * size, canvas.uniform(0.4, 0.8))
    knob = disc(u, v, 0.1, -0.22, 0.13)
    return canvas.uniform(0.24, 0.32) * canvas.mask(union(oval, knob, 0.25), 3.0)[:, 0]


# ---- the findings


def finding(canvas: Canvas, u: Tensor, v: Tensor, labels: Tensor) -> Tensor:
    """What the label says, in the left or the right lung, high or low; nothing if normal."""
    side = canvas.coin() * 2 - 1
    u, v = u - side * canvas.uniform(0.38, 0.5), v - canvas.uniform(-0.36, 0.22)
    labels = labels.view(-1, 1, 1)
    return (labels == OPACITY) * opacity(canvas, u, v) + (labels == NODULE) * nodule(canvas, u, v)


def opacity(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """A haze without a clear edge, cloudy inside."""
    lumps = canvas.noise(9)[:, 0]
    spread = (u / canvas.uniform(0.24, 0.34)) ** 2 + (v / canvas.uniform(0.26, 0.42)) ** 2
    haze = (1.25 - spread + 0.25 * lumps).clamp(0, 1)
    return canvas.uniform(0.28, 0.4) * haze * (1 + 0.25 * lumps)


def nodule(canvas: Canvas, u: Tensor, v: Tensor) -> Tensor:
    """A round spot with a soft edge."""
    spot = disc(u, v, 0.0, 0.0, canvas.uniform(0.095, 0.14))
    return canvas.uniform(0.3, 0.42) * canvas.mask(spot, 2.5)[:, 0]


# ---- the film


def expose(canvas: Canvas, film: Tensor) -> None:
    """Contrast, brightness and grain of one exposure; film base blue, grey or brown; a marker."""
    film = film * canvas.uniform(0.85, 1.35) + canvas.uniform(0.0, 0.15)
    film = film.clamp(0, 1) ** canvas.uniform(0.75, 1.3)
    warm = canvas.coin()[:, 0, 0]
    base = hsv(0.6 - 0.5 * warm, canvas.uniform1(0.0, 0.3), canvas.uniform1(0.9, 1.0))
    canvas.image = base * film[:, None]
    stem = box(canvas.x, canvas.y, 0.82, -0.82, 0.025, 0.09)
    foot = box(canvas.x, canvas.y, 0.86, -0.75, 0.065, 0.025)
    marker = torch.minimum(stem, foot).expand(canvas.n, -1, -1)
    canvas.paint(canvas.mask(marker), canvas.uniform(0.6, 0.9)[:, None])
    grain = 0.7 * canvas.noise(min(canvas.size, 64)) + 0.7 * canvas.noise(24)
    canvas.image = (canvas.image + 0.025 * grain).clamp(0, 1)


DOMAIN = Domain(
    name="xray",
    draw=draw,
    classes={"en": ["normal", "opacity", "nodule"], "ja": ["正常", "陰影", "結節"]},
    description={
        "en": "Drawn phantoms of chest X-rays, not medical data: normal, hazy opacity or nodule.",
        "ja": "胸部X線写真に似せて描いた絵で、医療データではありません。正常・陰影・結節です。",
    },
)
