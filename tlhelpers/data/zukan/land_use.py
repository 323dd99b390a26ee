"""Land use from above: farmland, forest, town, river, desert dunes or a solar park.

Every scene takes its colours from the same seasons, so that the pattern tells the class and the
mean colour does not. Repeated things (fields, trees, houses, panels) stand in the cells of a
grid; each cell has random numbers of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import Canvas, box, disc, hsv, mix


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint the scene of the labels (n,), which are all the same (see `Domain.group`)."""
    paint_scene = SCENES[int(labels[0])]
    canvas.scale = 1.0
    paint_scene(canvas)
    paint_haze(canvas)
    canvas.light(slope=0.25, grain=0.035, gain=(0.65, 1.2))


# ---- what all scenes share


class Season(NamedTuple):
    """The colours of one day, each (n, 3, 1, 1)."""

    plants: Tensor
    crop: Tensor
    soil: Tensor
    road: Tensor


def choose_season(canvas: Canvas) -> Season:
    """From fresh green over ripe yellow and autumn red to dry grey-brown."""

    def pick(hue: tuple, saturation: tuple, value: tuple) -> Tensor:
        return hsv(canvas.uniform1(*hue) % 1, canvas.uniform1(*saturation), canvas.uniform1(*value))

    return Season(
        plants=pick((0.03, 0.42), (0.2, 0.65), (0.35, 0.75)),
        crop=pick((0.08, 0.36), (0.25, 0.7), (0.45, 0.95)),
        soil=pick((0.03, 0.14), (0.15, 0.55), (0.4, 0.9)),
        road=pick((0.0, 1.0), (0.0, 0.12), (0.45, 0.85)),
    )


def paint_meadow(canvas: Canvas, season: Season) -> None:
    """Uneven ground: plants, with bare soil here and there."""
    bare = (0.5 + 0.6 * canvas.noise(5) + canvas.uniform(-0.5, 0.5)[:, None]).clamp(0, 1)
    canvas.image = torch.lerp(season.plants, season.soil, bare) * (1 + 0.08 * canvas.noise(20))


def paint_haze(canvas: Canvas) -> None:
    """The air between the ground and the camera."""
    air = hsv(canvas.uniform1(), canvas.uniform1(0, 0.2), canvas.uniform1(0.4, 1.0))
    canvas.image = torch.lerp(canvas.image, air, canvas.uniform(0, 0.35)[:, None])


class Cells(NamedTuple):
    """A grid: where each pixel lies in its cell (-0.5 to 0.5), and the cell's random numbers."""

    u: Tensor
    v: Tensor
    random: tuple[Tensor, Tensor, Tensor]  # each (n, S, S), 0..1, the same all over a cell


def cells(canvas: Canvas, u: Tensor, v: Tensor, stagger: float = 0.0) -> Cells:
    """Cut the plane into cells of side 1; each column is shifted by `stagger` cells more."""
    column = torch.floor(u)
    v = v + stagger * column
    row = torch.floor(v)
    salt = canvas.integers(2**31 - 1).view(-1, 1, 1)
    bits = mix((salt * 0x10001 + column.long()) * 0x10001 + row.long())
    random = tuple(((bits >> shift) & 0xFFFF).float() / 0x10000 for shift in (0, 16, 32))
    return Cells(u - column - 0.5, v - row - 0.5, random)


def sun_direction(canvas: Canvas) -> tuple[Tensor, Tensor]:
    """Where shadows fall, a unit vector."""
    angle = canvas.uniform(0, 2 * math.pi)
    return torch.cos(angle), torch.sin(angle)


def paint_trees(
    canvas: Canvas,
    u: Tensor,
    v: Tensor,
    colour: Tensor,
    size: Tensor,
    share: float | Tensor,
    sun: tuple[Tensor, Tensor],
) -> None:
    """Round crowns with shadows, at most one in each cell of side `size`; `share` have one."""
    grid = cells(canvas, u / size, v / size, stagger=0.5)
    first, second, third = grid.random
    radius = 0.28 + 0.16 * first
    leaves = 0.12 * canvas.noise(28)[:, 0]
    x = grid.u - (second - 0.5) * (0.9 - 2 * radius)
    y = grid.v - (third - 0.5) * (0.9 - 2 * radius)
    absent = ((first * 7.3 + third * 3.1) % 1 > share).float()
    crown = disc(x, y, 0.0, 0.0, radius) + absent
    shadow = disc(x - 0.12 * sun[0], y - 0.12 * sun[1], 0.0, 0.0, radius) + absent
    canvas.paint(canvas.mask(shadow * size) * 0.5, colour * 0.2)
    dome = 1 - 0.35 * (x * sun[0] + y * sun[1]) / radius
    tone = (0.75 + 0.4 * second) * dome + leaves
    canvas.paint(canvas.mask(crown * size), colour * tone[:, None])


# ---- the scenes


def paint_farmland(canvas: Canvas) -> None:
    """Fields of different crops, ploughed or sown in rows, with hedges between them."""
    season, sun = choose_season(canvas), sun_direction(canvas)
    u, v = canvas.frame(math.pi, (0.8, 1.25), 1.0)
    wide = canvas.uniform(0.6, 0.85)
    field = cells(canvas, u / wide, v / (wide * 0.8), stagger=0.37)
    crop, direction, stage = field.random
    colour = torch.lerp(season.crop, season.soil, (crop * 1.6 - 0.3).clamp(0, 1)[:, None])
    colour = torch.lerp(colour, season.plants, (stage > 0.65).float()[:, None])
    pitch = canvas.uniform(34, 46)
    rows = torch.sin(torch.where(direction > 0.5, u, v) * pitch)
    ripe = 0.75 + 0.45 * ((crop * 5.7 + stage * 3.3) % 1)
    canvas.image = colour * (ripe + 0.2 * rows * (stage < 0.8))[:, None]
    border = (torch.minimum(0.5 - field.u.abs(), 0.5 - field.v.abs()) - 0.045) * wide * 0.9
    hedge = torch.where(canvas.coin()[:, None] > 0, season.plants * 0.4, season.road)
    canvas.paint(canvas.mask(border), hedge)
    paint_trees(canvas, u, v, season.plants * 0.7, canvas.uniform(0.22, 0.3), 0.06, sun)


def paint_forest(canvas: Canvas) -> None:
    """Crown beside crown, some with a track through them."""
    season, sun = choose_season(canvas), sun_direction(canvas)
    canvas.image = season.plants * (0.4 + 0.06 * canvas.noise(12))
    u, v = canvas.frame(math.pi, (0.8, 1.25), 1.0)
    for layer in range(3):
        tone = season.plants * (0.75 + 0.2 * layer)
        tone = torch.lerp(tone, season.crop, canvas.uniform(0, 0.35)[:, None])
        size = canvas.uniform(0.3, 0.42)
        paint_trees(canvas, u + 0.13 * layer, v - 0.09 * layer, tone, size, 0.95, sun)
    bend = canvas.y + 0.15 * torch.sin(canvas.x * 3 + canvas.uniform(0, 6.28))
    track = (bend - canvas.uniform(-0.8, 0.8)).abs() - 0.05
    canvas.paint(canvas.mask(track, 1.5) * canvas.coin(0.25)[:, None] * 0.8, season.soil)


def paint_town(canvas: Canvas) -> None:
    """Houses with gabled or flat roofs and gardens, in blocks between streets."""
    season, sun = choose_season(canvas), sun_direction(canvas)
    paint_meadow(canvas, season)
    u, v = canvas.frame(math.pi, (0.85, 1.25), 1.0)
    paint_trees(canvas, u, v, season.plants * 0.8, canvas.uniform(0.2, 0.26), 0.35, sun)
    size = canvas.uniform(0.36, 0.44)
    lot = cells(canvas, u / size, v / size)
    first, second, third = lot.random
    half_u, half_v = 0.22 + 0.12 * first, 0.22 + 0.12 * second
    house = box(lot.u, lot.v, 0.0, 0.0, half_u, half_v) + (third < 0.12).float()
    shadow = box(lot.u - 0.1 * sun[0], lot.v - 0.1 * sun[1], 0.0, 0.0, half_u, half_v)
    shadow = shadow + (third < 0.12).float()
    canvas.paint(canvas.mask(shadow * size) * 0.65, season.road * 0.2)
    tile = hsv(canvas.uniform1(0, 0.12), canvas.uniform1(0.1, 0.6), canvas.uniform1(0.4, 0.9))
    slate = hsv(canvas.uniform1(), canvas.uniform1(0.05, 0.4), canvas.uniform1(0.4, 0.95))
    roof = torch.lerp(tile, slate, ((first * 9.7) % 1 > 0.5).float()[:, None])
    across = torch.where(second > 0.5, lot.u, lot.v)
    toward = torch.where(second > 0.5, sun[0], sun[1])
    gable = 1 - 0.4 * torch.sign(across) * torch.sign(toward) * (third < 0.8)
    tone = (0.7 + 0.45 * second) * gable
    canvas.paint(canvas.mask(house * size), roof * tone[:, None])
    streets(canvas, u / size, v / size, size, season.road)


def streets(canvas: Canvas, u: Tensor, v: Tensor, size: Tensor, colour: Tensor) -> None:
    """A street after every second row of houses and every third column."""
    along = ((u / 3) % 1 - 0.5).abs() * 3
    cross = ((v / 2) % 1 - 0.5).abs() * 2
    middle = torch.minimum(1.5 - along, 1 - cross)
    canvas.paint(canvas.mask((middle - 0.16) * size), colour * 0.75)
    canvas.paint(canvas.mask((middle - 0.025) * size) * 0.7, colour * 1.2)


def paint_river(canvas: Canvas) -> None:
    """A meandering river, its sand banks, and trees along it."""
    season, sun = choose_season(canvas), sun_direction(canvas)
    paint_meadow(canvas, season)
    u, v = canvas.frame(math.pi, (0.85, 1.2), 0.25)
    paint_trees(canvas, u, v, season.plants * 0.65, canvas.uniform(0.22, 0.32), 0.3, sun)
    bends, phase = canvas.uniform(2, 4), canvas.uniform(0, 2 * math.pi)
    height = canvas.uniform(0.2, 0.38)
    middle = height * torch.sin(u * bends + phase) + 0.06 * torch.sin(u * 7 + 2 * phase)
    slope = height * bends * torch.cos(u * bends + phase)
    width = canvas.uniform(0.15, 0.28) + 0.03 * torch.sin(u * 5)
    away = (v - middle) / torch.sqrt(1 + slope * slope)
    shore = away.abs() - width
    water = hsv(
        canvas.uniform1(0.38, 0.66), canvas.uniform1(0.25, 0.65), canvas.uniform1(0.35, 0.8)
    )
    muddy = torch.lerp(water, season.soil * 0.7, canvas.uniform(0, 0.35)[:, None])
    inner_bank = 0.05 + 0.05 * torch.sin(u * bends + phase) * torch.sign(away)
    canvas.paint(canvas.mask(shore - inner_bank, 1.5), season.soil * 1.15)
    current = torch.sin(away * 40 + 2 * torch.sin(u * 6 + phase))
    deep = 1.15 - 0.35 * (-shore / width).clamp(0, 1) + 0.06 * current
    canvas.paint(canvas.mask(shore), muddy * deep[:, None])


def paint_desert(canvas: Canvas) -> None:
    """Dunes: long gentle slopes in the light, short steep ones in the shade, fine ripples."""
    sand = hsv(canvas.uniform1(0.02, 0.15), canvas.uniform1(0.15, 0.6), canvas.uniform1(0.57, 0.98))
    u, v = canvas.frame(math.pi, (0.85, 1.25), 0.5)
    swell = 0.5 * canvas.noise(3)[:, 0] + 0.12 * canvas.noise(7)[:, 0]
    crests = canvas.uniform(1.5, 2.4)
    place = (v * crests + swell + canvas.uniform()) % 1
    steep = canvas.uniform(0.65, 0.78)
    in_light = 0.22 * place / steep - 0.05
    in_shade = -0.1 - canvas.uniform(0.25, 0.5) * (1 - place) / (1 - steep)
    ripples = 0.07 * torch.sin(v * 44 + 9 * swell + 1.5 * torch.sin(u * 5))
    slip_face = canvas.mask((steep - place) / crests)[:, 0]
    canvas.image = sand * (1 + torch.lerp(in_light + ripples, in_shade, slip_face))[:, None]
    shrubs = canvas.uniform(0, 0.12) - 0.06
    size = canvas.uniform(0.14, 0.2)
    paint_trees(canvas, u, v, sand * 0.5, size, shrubs, sun_direction(canvas))


def paint_solar_park(canvas: Canvas) -> None:
    """Tables of solar panels in rows, in fenced blocks with service roads between them."""
    season, sun = choose_season(canvas), sun_direction(canvas)
    paint_meadow(canvas, season)
    u, v = canvas.frame(math.pi, (0.85, 1.2), 0.3)
    paint_trees(canvas, u, v, season.plants * 0.7, canvas.uniform(0.22, 0.3), 0.25, sun)
    breadth, depth = canvas.uniform(0.7, 1.1), canvas.uniform(0.6, 0.9)
    yard = box(u, v, 0.0, 0.0, breadth + 0.12, depth + 0.12)
    canvas.paint(canvas.mask(yard), season.soil)
    canvas.paint(canvas.mask(yard.abs() - 0.02), season.road)
    pitch = canvas.uniform(0.26, 0.34)
    row = v / pitch
    inside_row = row - torch.round(row)
    road = 0.07 - (u - canvas.uniform(-0.3, 0.3)).abs()
    whole_rows = torch.round(row).abs() * pitch - (depth - 0.1)
    outside = torch.maximum(torch.maximum(u.abs() - breadth, road), whole_rows)
    table = torch.maximum(outside, (inside_row.abs() - 0.33) * pitch)
    shadow = torch.maximum(outside, ((inside_row - 0.16).abs() - 0.33) * pitch)
    canvas.paint(canvas.mask(shadow) * 0.6, season.soil * 0.3)
    paint_panels(canvas, table, u, inside_row, pitch)


def paint_panels(
    canvas: Canvas, table: Tensor, u: Tensor, inside_row: Tensor, pitch: Tensor
) -> None:
    """Dark glass that mirrors some sky, with bright frames."""
    glass = hsv(canvas.uniform1(0.55, 0.7), canvas.uniform1(0.15, 0.75), canvas.uniform1(0.25, 0.6))
    mirrored = 1 + canvas.uniform(0, 0.8) * (inside_row + 0.3) + 0.1 * torch.sin(u * 3)
    canvas.paint(canvas.mask(table), glass * mirrored[:, None])
    panel = (u / 0.17) % 1
    joint = (0.5 - (panel - 0.5).abs()) * 0.17
    middle = inside_row.abs() * pitch
    frame = torch.maximum(torch.minimum(joint, middle) - 0.012, table)
    canvas.paint(canvas.mask(frame) * 0.75, 0.5 + 0.6 * glass)


SCENES = (paint_farmland, paint_forest, paint_town, paint_river, paint_desert, paint_solar_park)

DOMAIN = Domain(
    name="land_use",
    draw=draw,
    classes={
        "en": ["farmland", "forest", "town", "river", "desert", "solar park"],
        "ja": ["農地", "森林", "市街地", "川", "砂漠", "太陽光発電所"],
    },
    description={
        "en": "Land seen from above, drawn in all seasons: the pattern tells its use.",
        "ja": "上空から見た土地を、さまざまな季節の色で描いた絵です。模様が用途を表します。",
    },
    group=lambda labels: labels,
)
