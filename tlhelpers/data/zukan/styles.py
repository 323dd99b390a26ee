"""Styles: the same picture as a photo, by night, as a faded print, or as a pencil sketch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.zukan.kit import Canvas, combine

STYLES = ("photo", "night", "faded", "sketch")


def apply_style(image: Tensor, keys: Tensor, style: str) -> Tensor:
    """`image`, float (n, 3, S, S) in 0..1, in `style`; keys (n,) as of the canvas."""
    if style == "photo":
        return image
    canvas = Canvas(combine(keys, STYLES.index(style)), image.shape[-1], image.device)
    canvas.image = image
    return {"night": _night, "faded": _faded, "sketch": _sketch}[style](canvas).clamp(0, 1)


def _colour(canvas: Canvas, red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue], device=canvas.device).view(1, 3, 1, 1)


def _blur(image: Tensor, radius: int) -> Tensor:
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, 1)


def _night(canvas: Canvas) -> Tensor:
    """Little light: shadows close up, what is left turns blue, and the sensor's noise shows."""
    depth, exposure = canvas.uniform(0.4, 0.75)[:, None], canvas.uniform(0.36, 0.52)[:, None]
    dark = torch.lerp(canvas.image, canvas.image * canvas.image, depth)
    return dark * exposure * _colour(canvas, 0.7, 0.87, 1.25) + 0.042 * canvas.grain()


def _faded(canvas: Canvas) -> Tensor:
    """An old print: contrast gone, a warm cast, soft edges, paper grain."""
    soft = _blur(canvas.image, max(1, canvas.size // 64))
    contrast, paper = canvas.uniform(0.4, 0.5)[:, None], canvas.uniform(0.36, 0.44)[:, None]
    return (soft * contrast + paper) * _colour(canvas, 1.05, 0.95, 0.75) + 0.025 * canvas.grain()


def _sketch(canvas: Canvas) -> Tensor:
    """Pencil on paper: dark where brightness changes, with light shading."""
    radius = max(1, canvas.size // 64)
    grey = canvas.image.mean(1, keepdim=True)
    soft = _blur(grey, radius)
    wide = F.pad(soft, (radius,) * 4, mode="replicate")
    across = wide[..., radius:-radius, 2 * radius :] - wide[..., radius:-radius, : -2 * radius]
    down = wide[..., 2 * radius :, radius:-radius] - wide[..., : -2 * radius, radius:-radius]
    edge = torch.sqrt(across * across + down * down + 1e-6) * canvas.uniform(3.0, 4.5)[:, None]
    hatch = 0.12 * (0.75 - grey).clamp(0, 1)
    paper = canvas.uniform(0.9, 0.98)[:, None]
    pencil = paper - (edge - 0.06).clamp(0, 0.8) - hatch + 0.02 * canvas.noise(20)
    return pencil.expand(-1, 3, -1, -1)
