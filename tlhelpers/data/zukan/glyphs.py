"""Glyphs: the signs of an invented script, written by many hands.

A genome is a pen path of two to four strokes on a 3 x 4 grid, each stroke a quadratic Bézier
curve. The hand varies: slant, proportions, width, wobble, pen, paper; some pictures are as
coarse as an old scanner's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import AWAY, Canvas, capsule, hsv, mix

_STROKES = 4
_COLUMNS = (-0.42, 0.0, 0.42)
_ROWS = (-0.68, -0.23, 0.23, 0.68)
_BENDS = (-0.85, -0.4, 0.0, 0.0, 0.4, 0.85)  # how far the middle leaves the chord, in chords


def invent(first: int, count: int) -> dict[str, Tensor]:
    """`count` glyphs: strokes (count,), points (count, 5, 2) and bends (count, 4).

    Signs whose paths look too much like an earlier one are passed over.
    """
    signs: list[tuple] = []
    number = first
    while len(signs) < count:
        bits = [int(b >> 1) for b in mix(mix(torch.tensor(number)) + torch.arange(12))]
        number += 1
        strokes = 2 + bits[0] % 3
        places = [bits[1] % 12]
        for b in bits[2 : 2 + _STROKES]:
            places.append((places[-1] + 1 + b % 11) % 12)  # never twice the same place
        if bits[11] % 3 == 0 and strokes > 2:  # one sign in three closes its path
            places[strokes] = places[0]
        if any(places[i] == places[i + 1] for i in range(strokes)):
            continue
        bends = [bits[6 + i] % len(_BENDS) for i in range(_STROKES)]
        spread = {p % 3 for p in places[: strokes + 1]}, {p // 3 for p in places[: strokes + 1]}
        if len(spread[0]) < 2 or len(spread[1]) < 3:
            continue
        drawn = set(zip(places[:strokes], places[1 : strokes + 1], bends, strict=False))
        if all(len(drawn & other[0]) < 2 for other in signs):
            signs.append((drawn, strokes, places, bends))
    return {
        "strokes": torch.tensor([s[1] for s in signs]),
        "points": torch.tensor([[[_COLUMNS[p % 3], _ROWS[p // 3]] for p in s[2]] for s in signs]),
        "bends": torch.tensor([[_BENDS[b] for b in s[3]] for s in signs]),
    }


def paint_glyph(canvas: Canvas, glyphs: dict[str, Tensor], labels: Tensor) -> None:
    """The glyph `labels` (n,) a picture, pen on paper or chalk on a board."""
    strokes, points, bends = (t.to(labels.device)[labels] for t in glyphs.values())
    canvas.background(1)
    plain, coarse = canvas.coin(0.5), canvas.coin(0.4)
    coarse = coarse * plain  # as a scanner of 8 x 8 points would see it
    scale = (0.85 + 0.15 * coarse, 1.2 + 0.03 * coarse)
    u, v = canvas.frame(0.22, scale, 0.1, flip=False)
    wobble = canvas.noise(3, 2) * canvas.uniform(0.0, 0.07)[:, None]
    u, v = u + wobble[:, 0], v + wobble[:, 1]
    u = u * canvas.uniform(0.85, 1.3) + v * canvas.uniform(-0.3, 0.3)

    pen = canvas.uniform(0.06, 0.14) - 0.015 * coarse
    pressed = canvas.uniform(0.6, 1.1)  # the pen's width at the end of a stroke, in its start's
    where = [
        [points[:, i, k].view(-1, 1, 1) + canvas.normal(0.045) for k in (0, 1)]
        for i in range(_STROKES + 1)
    ]
    line = torch.full((canvas.n, canvas.size, canvas.size), AWAY, device=labels.device)
    for i in range(_STROKES):
        (x0, y0), (x1, y1) = where[i], where[i + 1]
        bend = bends[:, i].view(-1, 1, 1) + canvas.normal(0.08)
        middle_x = (x0 + x1) / 2 - (y1 - y0) * bend
        middle_y = (y0 + y1) / 2 + (x1 - x0) * bend
        unused = AWAY * (strokes <= i).float().view(-1, 1, 1)
        here_x, here_y, width = x0, y0, pen
        for t in (0.25, 0.5, 0.75, 1.0):
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
            next_x, next_y = a * x0 + b * middle_x + c * x1, a * y0 + b * middle_y + c * y1
            end = pen * (1 + t * (pressed - 1))
            piece = capsule(u, v, here_x, here_y, next_x, next_y, width, end)
            line = torch.minimum(line, piece + unused)
            here_x, here_y, width = next_x, next_y, end

    chalk = canvas.coin()[:, None]
    tone = canvas.uniform(0.0, 0.25)[:, None]
    sheet = tone * chalk + (1 - tone) * (1 - chalk)
    canvas.image = torch.lerp(
        canvas.image, sheet.expand_as(canvas.image), (0.45 + 0.55 * plain)[:, None]
    )
    value = torch.where(chalk[:, 0, 0, 0] > 0, canvas.uniform1(0.8, 1), canvas.uniform1(0, 0.3))
    ink = hsv(canvas.uniform1(), canvas.uniform1(0, 0.6) * canvas.coin(0.6)[:, 0, 0], value)
    canvas.paint(canvas.mask(line, canvas.uniform(1, 4)) * canvas.uniform(0.85, 1)[:, None], ink)
    side = canvas.size
    points = F.avg_pool2d(canvas.image, side // 8)
    points = F.interpolate(points, (side, side), mode="bilinear", align_corners=False)
    canvas.image = torch.lerp(canvas.image, points, coarse[:, None])
    canvas.light(0.15)


def _name(count: int, en: str, ja: str) -> dict[str, list[str]]:
    return {
        "en": [f"{en} {i + 1}" for i in range(count)],
        "ja": [f"{ja}{i + 1}" for i in range(count)],
    }


SOURCE_GLYPHS = invent(21_000, 40)
SOURCE_NAMES = _name(40, "sign", "文字")
_STROKE_GLYPHS = invent(87_000, 20)


def draw(canvas: Canvas, labels: Tensor) -> None:
    paint_glyph(canvas, _STROKE_GLYPHS, labels)


DOMAIN = Domain(
    name="strokes",
    draw=draw,
    classes=_name(20, "stroke", "筆跡"),
    description={
        "en": "Twenty signs of an invented script that the source does not contain.",
        "ja": "事前学習にはない、架空の文字20種です。",
    },
)
