"""Lesson 05: draw two things and a third, and see which of the two prototypes it is nearer to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tlhelpers.models.backbones import backbone
from tlhelpers.models.surgery import features_of
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas, colour
from tlhelpers.show.widgets.explorer import View
from tlhelpers.show.widgets.pad import Drawing, Pad, render
from tlhelpers.show.widgets.photo import photo

RESULTS = ()
CLASSES, QUERY = ("A", "B"), "?"
WIDTH, FLOOR, HEIGHT = 640, 190, 250  # of the map; FLOOR is where the line through both runs
SPAN, REACH = 380, 150  # pixels between the prototypes, and above their line, at most

SAMPLES = {
    "boat": [
        [(0.1, 0.6), (0.9, 0.6), (0.7, 0.85), (0.3, 0.85), (0.1, 0.6)],
        [(0.5, 0.6), (0.5, 0.1), (0.8, 0.5), (0.5, 0.5)],
    ],
    "flower": [
        [(0.5, 0.95), (0.5, 0.5)],
        [(0.5, 0.5), (0.3, 0.4), (0.35, 0.2), (0.5, 0.1), (0.65, 0.2), (0.7, 0.4), (0.5, 0.5)],
        [(0.5, 0.8), (0.3, 0.65)],
    ],
    "house": [
        [(0.2, 0.9), (0.2, 0.45), (0.8, 0.45), (0.8, 0.9), (0.2, 0.9)],
        [(0.1, 0.5), (0.5, 0.12), (0.9, 0.5)],
        [(0.45, 0.9), (0.45, 0.65), (0.6, 0.65), (0.6, 0.9)],
    ],
    "fish": [
        [(0.1, 0.5), (0.3, 0.3), (0.55, 0.32), (0.9, 0.7), (0.9, 0.3), (0.55, 0.68)],
        [(0.55, 0.68), (0.3, 0.7), (0.1, 0.5)],
        [(0.26, 0.46), (0.28, 0.46)],
    ],
}


@dataclass(frozen=True)
class Layout:
    """Where everything stands: x along the line through the prototypes, y the distance from it.

    In this half-plane the distance of every drawing to both prototypes is the true one.
    gap: between the prototypes, A at x = 0 and B at x = gap. support: (n, 2), class by class.
    query: (2,) or None.
    """

    gap: float
    support: Tensor
    query: Tensor | None


def place(support: list[Tensor], query: Tensor | None) -> Layout:
    """support: features (k, d) of A and of B; query: features (d,)."""
    first, second = (of_class.mean(0) for of_class in support)
    gap = (second - first).norm()
    along = (second - first) / gap.clamp(min=1e-6)

    def at(features: Tensor) -> Tensor:
        x = (features - first) @ along
        y = ((features - first).square().sum(-1) - x.square()).clamp(min=0).sqrt()
        return torch.stack([x, y], -1)

    return Layout(gap.item(), at(torch.cat(support)), None if query is None else at(query))


def build(results: Mapping[str, Mapping]) -> Pad:
    """Nothing stored is needed: the network looks at what is drawn."""
    named = {name: [{"points": points} for points in paths] for name, paths in SAMPLES.items()}
    names = {name: text(f"pad.sample_{name}") for name in SAMPLES}
    return Pad(
        text("pad.title"),
        [*CLASSES, QUERY],
        draw,
        many=CLASSES,
        samples={names[name]: drawing for name, drawing in named.items()},
        start={"A": names["boat"], "B": names["flower"], QUERY: names["boat"]},
    )


def draw(drawings: dict[str, list[Drawing]]) -> View:
    """The line through both prototypes, the middle that parts them, and every drawing."""
    pictures = {name: _pictures(drawings[name]) for name in (*CLASSES, QUERY)}
    missing = [name for name in CLASSES if not len(pictures[name])]
    if missing:
        canvas = Canvas(text("pad.missing", missing=", ".join(missing)), height=HEIGHT)
        return View(canvas.svg(), canvas.says)
    features = {name: _features(images) for name, images in pictures.items() if len(images)}
    asked = features[QUERY][0] if QUERY in features else None
    found = place([features[name] for name in CLASSES], asked)
    canvas = Canvas(_say(found, [len(pictures[name]) for name in CLASSES]), height=HEIGHT)
    _draw_map(canvas, found, pictures)
    return View(canvas.svg(), canvas.says)


def _say(found: Layout, counts: list[int]) -> str:
    a, b = counts
    if found.gap < 1e-3:
        return text("pad.same")
    if found.query is None:
        return text("pad.no_query", a=a, b=b)
    x, y = found.query.tolist()
    to_a, to_b = x**2 + y**2, (x - found.gap) ** 2 + y**2
    answer = CLASSES[0] if to_a <= to_b else CLASSES[1]
    return text("pad.says", answer=answer, to_a=f"{to_a:.1f}", to_b=f"{to_b:.1f}", a=a, b=b)


def _draw_map(canvas: Canvas, found: Layout, pictures: dict[str, Tensor]) -> None:
    points = found.support if found.query is None else torch.cat([found.support, found.query[None]])
    high = max(points[:, 1].max().item(), 1e-6)
    wide = 2 * (points[:, 0] - found.gap / 2).abs().max().item()
    scale = min(SPAN / max(found.gap, 1e-6), REACH / high, (WIDTH - 80) / max(wide, 1e-6))
    middle = WIDTH / 2

    def at(x: float, y: float) -> tuple[float, float]:
        return middle + (x - found.gap / 2) * scale, FLOOR - y * scale

    for c, left in enumerate((0, middle)):
        side = {"x": left, "y": 0, "width": middle, "height": HEIGHT}
        canvas.add("rect", **side, fill=colour(c), opacity=0.08)
    canvas.add("path", d=f"M{middle} 8V{HEIGHT - 8}", stroke=figures.INK, stroke_dasharray="5 4")
    canvas.add("path", d=f"M12 {FLOOR}H{WIDTH - 12}", stroke=figures.RULE, stroke_width=2)
    ends = [at(0.0, 0.0), at(found.gap, 0.0)]
    places = [at(*point) for point in found.support.tolist()]
    owner = [c for c, name in enumerate(CLASSES) for _ in pictures[name]]
    for c, (x, y) in zip(owner, places, strict=True):
        canvas.add("path", d=f"M{x:.1f} {y:.1f}L{ends[c][0]:.1f} {FLOOR}", stroke=figures.GREY)
    asked = None if found.query is None else at(*found.query.tolist())
    for c, (x, _) in enumerate(ends):
        if asked:
            line = f"M{asked[0]:.1f} {asked[1]:.1f}L{x:.1f} {FLOOR}"
            canvas.add("path", d=line, stroke=colour(c), stroke_width=2)
        sign = f"M{x:.1f} {FLOOR}v24l11 11l-11 11l-11 -11l11 -11Z"
        canvas.add("path", d=sign, fill=colour(c), stroke=colour(c), stroke_width=2)
        canvas.text(x + 17, FLOOR + 40, CLASSES[c], fill=colour(c), font_size=15)
    support = torch.cat([pictures[name] for name in CLASSES])
    for c, picture, where in zip(owner, support, places, strict=True):
        _draw_picture(canvas, picture, where, colour(c), 40)
    if asked:
        _draw_picture(canvas, pictures[QUERY][0], asked, figures.INK, 48)
        canvas.text(asked[0] + 28, asked[1] - 12, QUERY, font_size=17)


def _draw_picture(canvas: Canvas, picture: Tensor, at: tuple, frame: str, side: int) -> None:
    box = {"x": at[0] - side / 2, "y": at[1] - side / 2, "width": side, "height": side}
    canvas.add("image", **box, href=photo(picture))
    canvas.add("rect", **box, fill="none", stroke=frame, stroke_width=2.5)


@functools.cache
def _network() -> nn.Module:
    return backbone("zukan-resnet")


def _features(images: Tensor) -> Tensor:
    """(n, d) of images uint8 (n, 3, 64, 64)."""
    with torch.inference_mode():
        return features_of(_network(), _network().preprocess(images))


def _pictures(drawings: list[Drawing]) -> Tensor:
    """What the network gets to see: uint8 (n, 3, 64, 64), without drawings that have no ink."""
    sheets = [sheet for sheet in map(render, drawings) if sheet is not None]
    small = [np.asarray(sheet.resize((64, 64), Image.Resampling.BOX)) for sheet in sheets]
    return torch.from_numpy(np.array(small, np.uint8).reshape(-1, 64, 64, 3)).permute(0, 3, 1, 2)
