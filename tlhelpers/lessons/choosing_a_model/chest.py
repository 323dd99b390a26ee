"""A source for X-rays: drawn chest phantoms with other findings than those of the task `xray`.

Like that task they are drawings and no medical data. No class of the task is among these eight,
nor a picture of it: what the two share is the look of a film, ribs and lungs and all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tlhelpers.data.task import Split
from tlhelpers.data.zukan import keys_of
from tlhelpers.data.zukan.kit import Canvas, box, capsule, ellipse
from tlhelpers.data.zukan.xray import (
    SIDES,
    collar_bones,
    expose,
    heart,
    lung_fields,
    ribs,
    soft_tissue,
    spine,
    vessels,
)

FINDINGS = (
    "nothing",
    "large heart",
    "fluid, right",
    "fluid, left",
    "air at the edge",
    "wide middle",
    "tube",
    "pacemaker",
)
SIZE, TOGETHER = 64, 256  # pixels; pictures on one canvas


def draw_chests(
    per_class: int, seed: int, device: str | torch.device = "cpu", findings: int = len(FINDINGS)
) -> Split:
    """`per_class` pictures of each finding, uint8 (n, 3, 64, 64), class by class."""
    labels = torch.arange(findings).repeat_interleave(per_class)
    keys = keys_of("chest", labels, torch.arange(per_class).repeat(findings), seed)
    images = torch.empty(len(labels), 3, SIZE, SIZE, dtype=torch.uint8, device=device)
    for rows in torch.arange(len(labels)).split(TOGETHER):
        canvas = Canvas(keys[rows], SIZE, device)
        draw(canvas, labels[rows].to(canvas.device))
        images[rows.to(canvas.device)] = (canvas.image * 255 + 0.5).to(torch.uint8)
    return Split(images, labels)


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint one phantom per label (n,), a number of FINDINGS."""
    u, v = canvas.frame(0.1, (0.92, 1.08), 0.07, flip=False)
    lungs = lung_fields(canvas, u, v)
    film = soft_tissue(canvas, u, v) - canvas.uniform(0.24, 0.42) * lungs
    film = film + vessels(canvas, u, v) * lungs
    film = film + ribs(canvas, u, v) + collar_bones(canvas, u, v)
    film = film + spine(canvas, u, v) + heart(canvas, u, v)
    expose(canvas, film + _finding(canvas, u, v, lungs, labels.view(-1, 1, 1)))


def _finding(canvas: Canvas, u: Tensor, v: Tensor, lungs: Tensor, labels: Tensor) -> Tensor:
    """The brightness (n, S, S) that the finding adds."""

    def soft(shape: Tensor, edge: float = 2.5) -> Tensor:
        return canvas.mask(shape, edge)[:, 0]

    strength = canvas.uniform(0.2, 0.35)
    side = canvas.coin() * 2 - 1
    level = canvas.uniform(0.05, 0.4)
    spread = canvas.uniform(0.36, 0.46)
    oval = ellipse(u, v, 0.16, 0.36, spread * 1.25, spread, canvas.uniform(0.4, 0.8))
    fluid = [soft(level - v, 6.0) * soft(-s * u) * lungs for s in SIDES]
    edge = soft(0.66 - spread * 0.35 - side * u) * soft(v + 0.1) * lungs
    middle = soft(box(u, v, 0.0, -0.25, spread * 0.7, 0.4, 0.1), 5.0)
    bend = canvas.uniform(-0.25, 0.25)
    tube = soft(capsule(u, v, 0.0, -1.0, bend, canvas.uniform(0.1, 0.5), 0.03, 0.03), 1.5)
    case = soft(box(u, v, side * 0.55, canvas.uniform(-0.5, -0.35), 0.14, 0.1, 0.03), 1.0)
    parts = [soft(oval, 3.0), *fluid, -0.7 * edge, middle, 1.2 * tube, 1.5 * case]
    added = torch.zeros_like(u)
    for number, part in enumerate(parts, start=1):
        added = added + (labels == number) * strength * part
    return added
