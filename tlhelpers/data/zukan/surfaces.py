"""Surface inspection: is this part good, or is it scratched, dented, stained or cracked?

Five materials (brushed metal, fabric, painted plate, wood, stone) of any colour, under one
lamp. Every class has the same distractions: soft shadows, seams, rivets and specks. Drawn with
the same key, a damaged part equals the good one except where the damage lies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import Canvas, capsule, disc, hsv

OK, SCRATCH, DENT, STAIN, CRACK = range(5)
METAL, FABRIC, WOOD, STONE = range(4)  # any other number is a smooth painted plate


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint one inspected part per label (n,), 0 ok .. 4 crack."""
    paint_surface(canvas, labels)
    canvas.light(slope=0.3, grain=0.025)


def paint_surface(
    canvas: Canvas,
    labels: Tensor,
    hue: Tensor | None = None,
    saturation: tuple[float, float] = (0.0, 0.25),
) -> None:
    """Paint material, distractions and damage, without the final light.

    labels: LongTensor (n,), the kind of damage. hue: (n,) in 0..1, or None for any.
    """
    hue = canvas.uniform1() if hue is None else hue
    colour = hsv(hue, canvas.uniform1(*saturation), canvas.uniform1(0.5, 0.9))
    lamp = canvas.uniform(0, 2 * math.pi)
    canvas.scale = 1.0
    paint_material(canvas, colour)
    paint_distractions(canvas, colour, lamp)
    for kind, paint in enumerate((paint_scratch, paint_dent, paint_stain, paint_crack), start=1):
        present = (labels == kind).float().view(-1, 1, 1)
        paint(canvas, colour, lamp, present)


def brighten(canvas: Canvas, factor: Tensor) -> None:
    """Multiply the picture by a brightness (n, S, S)."""
    canvas.image = canvas.image * factor[:, None]


def turned(canvas: Canvas, angle: Tensor) -> tuple[Tensor, Tensor]:
    """The picture's coordinates seen from axes turned by `angle` (n, 1, 1): (n, S, S) each."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * canvas.x + sin * canvas.y, cos * canvas.y - sin * canvas.x


# ---- materials


def paint_material(canvas: Canvas, colour: Tensor) -> None:
    """Fill the picture with one of the five materials, its grain at any angle."""
    kind = canvas.integers(5).view(-1, 1, 1)
    across, along = turned(canvas, canvas.uniform(0, math.pi))
    lumps, specks = canvas.noise(4)[:, 0], canvas.noise(18)[:, 0]
    relief = 0.05 * lumps + 0.02 * specks
    for material, grain in (
        (METAL, brushed_metal(canvas, across)),
        (FABRIC, weave(canvas, across, along)),
        (WOOD, wood_rings(canvas, across, along, lumps)),
        (STONE, 0.085 * specks + 0.05 * lumps),
    ):
        relief = torch.where(kind == material, grain, relief)
    relief = relief * canvas.uniform(0.6, 1.5)
    canvas.image = colour * (1 + relief)[:, None] + 0.02 * lumps[:, None]


def brushed_metal(canvas: Canvas, across: Tensor) -> Tensor:
    """Fine streaks and one broad gleam."""
    streaks = torch.sin(across * canvas.uniform(38, 60) + 1.5 * torch.sin(across * 13))
    gleam = (1 - (across - canvas.uniform(-0.7, 0.7)).abs() * 1.5).clamp(min=0)
    return 0.09 * streaks + 0.16 * gleam


def weave(canvas: Canvas, across: Tensor, along: Tensor) -> Tensor:
    """Threads that pass over and under each other."""
    frequency = canvas.uniform(24, 36)
    return 0.17 * torch.sin(across * frequency) * torch.sin(along * frequency)


def wood_rings(canvas: Canvas, across: Tensor, along: Tensor, lumps: Tensor) -> Tensor:
    """Year rings that bend around the lumps of the trunk."""
    bent = across + 0.12 * torch.sin(along * canvas.uniform(1, 2.5)) + 0.05 * lumps
    rings = torch.sin(bent * canvas.uniform(13, 24))
    return 0.13 * rings * rings.abs() + 0.04 * torch.sin(bent * 55)


# ---- what every class may have


def paint_distractions(canvas: Canvas, colour: Tensor, lamp: Tensor) -> None:
    """Things that are no damage: shadow, seam, border, a row of rivets or holes, dust."""
    paint_shadow(canvas)
    paint_seam(canvas, colour)
    paint_border(canvas, colour)
    paint_rivets(canvas, colour, lamp)
    paint_specks(canvas, colour)


def paint_shadow(canvas: Canvas) -> None:
    across, _ = turned(canvas, canvas.uniform(0, math.pi))
    across = (across - canvas.uniform(-1, 1)) / canvas.uniform(0.3, 0.6)
    brighten(canvas, 1 - canvas.uniform(0, 0.4) * torch.exp(-across * across))


def paint_seam(canvas: Canvas, colour: Tensor) -> None:
    """A straight joint from edge to edge near one border."""
    place, _ = turned(canvas, canvas.uniform(0, 2 * math.pi))
    line = (place - canvas.uniform(0.75, 0.95)).abs() - 0.02
    canvas.paint(canvas.mask(line) * canvas.coin(0.3)[:, None], colour * 0.6)


def paint_border(canvas: Canvas, colour: Tensor) -> None:
    """A band along one side: another paint, or the dark bench beyond the part's edge."""
    place, _ = turned(canvas, canvas.uniform(0, 2 * math.pi))
    edge = canvas.uniform(0.55, 1.0) - place
    paint = hsv(canvas.uniform1(), canvas.uniform1(0, 0.5), canvas.uniform1(0.2, 1.0))
    bench = colour * canvas.uniform(0.1, 0.3)[:, None]
    tone = torch.where(canvas.coin()[:, None] > 0, paint, bench)
    present = canvas.coin(0.6)[:, None]
    canvas.paint(canvas.mask(edge - 0.05) * present, tone * 0.6)
    canvas.paint(canvas.mask(edge) * present, tone)


def paint_rivets(canvas: Canvas, colour: Tensor, lamp: Tensor) -> None:
    """A row along one border: rivets, small domes lit by the lamp, or drilled holes."""
    angle, gap = canvas.uniform(0, 2 * math.pi), canvas.uniform(0.45, 0.7)
    u, v = turned(canvas, angle)
    u, v = u - canvas.uniform(0.7, 0.9), v - torch.round(v / gap) * gap
    present = canvas.coin(0.5)
    dome = disc(u, v, 0.0, 0.0, canvas.uniform(0.06, 0.09))
    lit = 1 + 6.0 * (u * torch.cos(lamp - angle) + v * torch.sin(lamp - angle))
    tone = torch.where(canvas.coin(0.4) > 0, 0.15, lit)
    canvas.paint(canvas.mask(dome - 0.025) * present[:, None], colour * 0.45)
    canvas.paint(canvas.mask(dome) * present[:, None], colour * tone[:, None])


def paint_specks(canvas: Canvas, colour: Tensor) -> None:
    """A few dots of dust: two that are dark, two that are light."""
    for tone in (0.25, 1.5):
        dots = [
            disc(canvas.x, canvas.y, canvas.uniform(-1, 1), canvas.uniform(-1, 1), radius)
            for radius in (canvas.uniform(0.0, 0.045), canvas.uniform(0.0, 0.045))
        ]
        canvas.paint(canvas.mask(torch.minimum(*dots)), colour * tone)


# ---- damage: each takes the surface's colour, the lamp's angle and who has the damage (n, 1, 1)


def damage_frame(canvas: Canvas) -> tuple[Tensor, Tensor]:
    """Body coordinates of a damage: any angle, any place well inside the picture."""
    return canvas.frame(math.pi, (0.85, 1.2), 0.42)


def paint_scratch(canvas: Canvas, colour: Tensor, lamp: Tensor, present: Tensor) -> None:
    """A thin groove, nearly straight: one wall dark, the other one gleaming."""
    u, v = damage_frame(canvas)
    half, bow = canvas.uniform(0.4, 0.75), canvas.uniform(-0.2, 0.2)
    v = v + bow * u * u
    width = canvas.uniform(0.022, 0.036)
    side = 2 * canvas.coin() - 1
    gleam = (colour * 1.35 + 0.25).clamp(max=1.15)
    for offset, tone in ((side * width * 1.3, gleam), (-side * width * 0.5, colour * 0.3)):
        line = capsule(u, v - offset, -half, 0.0, half, 0.0, width, width * 0.4)
        canvas.paint(canvas.mask(line) * (0.9 * present)[:, None], tone)


def paint_dent(canvas: Canvas, colour: Tensor, lamp: Tensor, present: Tensor) -> None:
    """A crater: the wall next to the lamp lies in shadow, the far wall and its rim gleam."""
    u, v = canvas.frame(0.0, (0.85, 1.2), 0.42, flip=False)
    u, v = u / canvas.uniform(0.26, 0.42), v / canvas.uniform(0.26, 0.42)
    radius = torch.sqrt(u * u + v * v + 1e-6)
    facing = -(u * torch.cos(lamp) + v * torch.sin(lamp)) / radius
    wall = radius * radius * ((1.1 - radius) * 5).clamp(0, 1)
    rim = (1 - (radius - 1.15).abs() * 6).clamp(min=0)
    floor = (1.1 - radius).clamp(0, 1)
    depth = canvas.uniform(0.6, 0.9)
    brighten(canvas, 1 + present * (depth * facing * (wall - 0.5 * rim) - 0.2 * floor))


def paint_stain(canvas: Canvas, colour: Tensor, lamp: Tensor, present: Tensor) -> None:
    """A translucent blot with wavy outline; the liquid dried darker at its edge."""
    u, v = damage_frame(canvas)
    angle = torch.atan2(v, u)
    outline = 1 + 0.22 * torch.sin(2 * angle + canvas.uniform(0, 6.28))
    outline = outline + 0.13 * torch.sin(3 * angle + canvas.uniform(0, 6.28))
    outline = outline + 0.06 * torch.sin(7 * angle + canvas.uniform(0, 6.28))
    blot = torch.sqrt(u * u + v * v + 1e-6) - canvas.uniform(0.28, 0.45) * outline
    drop = disc(u, v, canvas.uniform(0.5, 0.7), canvas.uniform(-0.3, 0.3), 0.07)
    blot = torch.minimum(blot, drop)
    liquid = colour * hsv(canvas.uniform1(), canvas.uniform1(0.2, 0.6), canvas.uniform1(0.4, 0.7))
    strength = (present * canvas.uniform(0.5, 0.8))[:, None]
    canvas.paint(canvas.mask(blot, 2.0) * strength, liquid)
    canvas.paint(canvas.mask((blot + 0.04).abs() - 0.035, 1.5) * strength * 0.7, liquid * 0.5)


def paint_crack(canvas: Canvas, colour: Tensor, lamp: Tensor, present: Tensor) -> None:
    """A jagged dark line that thins out, and two branches that leave it at a kink."""
    u, v = damage_frame(canvas)
    half, width = canvas.uniform(0.6, 0.95), canvas.uniform(0.026, 0.042)
    tone = canvas.uniform(0.1, 0.3)[:, None]
    path, slope = zigzag(canvas, u, half)
    gap = (v - path) / torch.sqrt(1 + slope * slope)
    crack = gap.abs() - width * (1.1 - (u / half) ** 2)
    for direction in (1, -1):
        start, steep = canvas.uniform(-0.6, 0.2) * half, direction * canvas.uniform(0.8, 1.4)
        beyond, turn = u - start, slope + steep
        away = (v - path - steep * beyond).abs() / torch.sqrt(1 + turn * turn)
        middle = canvas.uniform(0.15, 0.25)
        branch = torch.maximum(away - 0.7 * width, (beyond - middle).abs() - middle)
        crack = torch.minimum(crack, branch)
    canvas.paint(canvas.mask(crack, 1.2) * present[:, None], colour * tone)


def zigzag(canvas: Canvas, u: Tensor, half: Tensor, kinks: int = 7) -> tuple[Tensor, Tensor]:
    """A broken line as height over u, and its slope; the slope changes its sign at each kink."""
    path, slope, before = torch.zeros_like(u), torch.zeros_like(u), 0.0
    for k in range(kinks):
        place = half * (2 * (k + canvas.uniform(-0.3, 0.3)) / kinks - 1)
        after = (1 if k % 2 else -1) * canvas.uniform(0.3, 1.3)
        beyond = u - place
        path = path + (after - before) * beyond.clamp(min=0)
        slope = slope + (after - before) * (beyond > 0)
        before = after
    return path, slope


DOMAIN = Domain(
    name="surfaces",
    draw=draw,
    classes={
        "en": ["ok", "scratch", "dent", "stain", "crack"],
        "ja": ["良品", "傷", "へこみ", "しみ", "ひび"],
    },
    description={
        "en": "Drawn parts of metal, fabric, painted plate, wood or stone, with or without damage.",
        "ja": "金属・布・塗装板・木・石の部品を描いた絵です。良品か、欠陥が1つあります。",
    },
)
