"""Creatures: invented animals, each species fixed by a genome, each individual by its key.

A genome fixes what makes a species: the outline of the body, its coat, legs, ears, tail, crest
and colours. The individual varies in pose, gait, size, tint, place and light.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import (
    AWAY,
    Canvas,
    capsule,
    disc,
    ellipse,
    hsv,
    mix,
    shade,
    texture,
    union,
)

# gene -> the values it can take
GENES = {
    "lobes": (2, 3, 4, 5, 6),
    "lobe_depth": (0.0, 0.0, 0.1, 0.2),
    "height": (0.7, 1.0, 1.4),  # of the body: tall, round, long
    "pattern": (0, 1, 2, 3, 4, 5, 6, 8),  # a number in TEXTURES
    "pattern_frequency": (9.0, 15.0),
    "pattern_angle": (0.0, 0.8, 1.57),
    "fur": (0.0, 0.0, 0.16),
    "belly": (0, 0, 1),
    "legs": (0, 2, 4, 6),
    "leg_length": (0.16, 0.34),
    "leg_width": (0.04, 0.075),
    "head": (0, 1, 1, 1),
    "neck": (0.0, 0.0, 0.3),
    "head_size": (0.17, 0.23),
    "snout": (0.0, 0.14, 0.3),
    "ears": (0, 1, 2, 3, 4),  # none, pointed, round, hanging, feelers
    "tail": (0.0, 0.28, 0.5),
    "tail_width": (0.03, 0.09),
    "tail_tuft": (0, 0, 1),
    "crest": (0, 0, 1, 2),  # none, plates along the back, a hump
    "wing": (0, 0, 0, 1),
    "eye": (0.055, 0.08),
    "hue": (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875),
    "second_hue": (0.0, 0.15, 0.5),
}
_TELLING = ("lobes", "height", "pattern", "legs", "head", "ears", "tail", "crest", "wing", "hue")
_ROMAN = "mo fu ri ku ta no pi ru sa me go ra ki bo ne to yu ha mi zo re wa ko da"
_KANA = "モフリクタノピルサメゴラキボネトユハミゾレワコダ"
_SYLLABLES = list(zip(_ROMAN.split(), _KANA, strict=True))


def breed(first: int, count: int) -> dict[str, Tensor]:
    """`count` genomes, {gene: float (count,)}, from the numbers `first`, `first` + 1, ...

    A genome that differs from an earlier one in fewer than four telling genes is passed over.
    """
    kept: list[list[int]] = []
    number = first
    while len(kept) < count:
        bits = mix(mix(torch.tensor(number)) + torch.arange(len(GENES)))
        choice = [int(b >> 1) % len(v) for b, v in zip(bits, GENES.values(), strict=True)]
        telling = [i for i, gene in enumerate(GENES) if gene in _TELLING]
        if all(sum(choice[i] != other[i] for i in telling) >= 4 for other in kept):
            kept.append(choice)
        number += 1
    return {
        gene: torch.tensor([float(values[choice[i]]) for choice in kept])
        for i, (gene, values) in enumerate(GENES.items())
    }


def name_species(first: int, count: int) -> dict[str, list[str]]:
    """`count` different invented names of three syllables, in both languages."""
    names: dict[str, str] = {}
    number = first
    while len(names) < count:
        bits = mix(torch.arange(3) + 8 * number)
        picked = [_SYLLABLES[int(b >> 1) % len(_SYLLABLES)] for b in bits]
        if len({roman for roman, _ in picked}) == len(picked):
            roman, kana = ("".join(part) for part in zip(*picked, strict=True))
            names.setdefault(roman.capitalize(), kana)
        number += 1
    return {"en": list(names), "ja": list(names.values())}


def paint_scene(canvas: Canvas) -> None:
    """A place: sky or wall, in three of four pictures with ground, ridges and tufts of grass."""
    hue = canvas.uniform1()
    canvas.background(2, hue=hue)
    horizon = canvas.uniform(0.0, 0.65) + canvas.uniform(0.02, 0.12) * torch.sin(
        canvas.x * canvas.uniform(1.5, 4) + canvas.uniform(0, 6.3)
    )
    ground_hue = (hue + canvas.uniform1(0.1, 0.9)) % 1
    ground = hsv(ground_hue, canvas.uniform1(0.12, 0.45), canvas.uniform1(0.35, 0.85))
    blades = torch.sin(canvas.x * 37 + 9 * torch.sin(canvas.y * 5)) * torch.sin(canvas.y * 23)
    depth = 0.92 + 0.16 * (canvas.y - horizon) + 0.07 * blades * canvas.coin(0.6)
    below = canvas.mask(horizon - canvas.y, 2.0) * canvas.coin(0.75)[:, None]
    canvas.paint(below, ground * depth[:, None])


def paint_creature(
    canvas: Canvas, genomes: dict[str, Tensor], labels: Tensor, plain_hue: bool = True
) -> None:
    """One creature of genome `labels` (n,) a picture, in its scene.

    plain_hue: False makes hue and pattern random, so that only the outline tells the species.
    """
    gene = {name: values.to(labels.device)[labels] for name, values in genomes.items()}
    g = {name: values.view(-1, 1, 1) for name, values in gene.items()}
    paint_scene(canvas)
    u, v = canvas.frame(0.35, (0.8, 1.12), 0.14)

    # colours of this individual
    jitter = canvas.uniform1(-0.09, 0.09) if plain_hue else canvas.uniform1()
    hue = (gene["hue"] + jitter) % 1
    coat = hsv(hue, canvas.uniform1(0.45, 0.85), canvas.uniform1(0.55, 0.97))
    marking = hsv(
        (hue + gene["second_hue"] + canvas.uniform1(-0.03, 0.03)) % 1,
        canvas.uniform1(0.3, 0.8),
        canvas.uniform1(0.15, 0.42),
    )
    pattern = gene["pattern"].long() if plain_hue else canvas.integers(9)

    # posture: stretch, gait, lift of the head, swing of the tail
    size = 0.4 * canvas.uniform(0.92, 1.08)
    height = g["height"] * canvas.uniform(0.92, 1.1)
    deep = size / height  # half the height of the body
    legs, leg_length = g["legs"], g["leg_length"] * canvas.uniform(0.85, 1.15)
    lifted = leg_length * (legs > 0) * 0.6
    v = v + lifted  # a body on legs stands higher
    gait, stride = canvas.uniform(0, 2 * math.pi), canvas.uniform(0.02, 0.11)
    nod, wag = canvas.normal(0.05), canvas.uniform(-0.6, 0.35)
    feet = deep * 0.8 + leg_length * (legs > 0)

    shadow = ellipse(u, v, 0.02, feet + 0.03, size * 1.25, 0.1)
    canvas.paint(canvas.mask(shadow, 7.0) * 0.5, coat * 0.12)

    # tail
    tail = g["tail"] * canvas.uniform(0.9, 1.1)
    base_x, base_y = -size * 0.75, -deep * 0.1
    tip_x, tip_y = base_x - tail * torch.cos(wag), base_y + tail * torch.sin(wag)
    bend_x, bend_y = (base_x + tip_x) / 2, (base_y + tip_y) / 2 + tail * 0.18
    width = g["tail_width"]
    strand = union(
        capsule(u, v, base_x, base_y, bend_x, bend_y, width, width * 0.8),
        capsule(u, v, bend_x, bend_y, tip_x, tip_y, width * 0.8, width * 0.45),
    )
    strand = union(strand, disc(u, v, tip_x, tip_y, 0.085) + AWAY * (1 - g["tail_tuft"]), 0.04)
    canvas.ink(strand + AWAY * (tail == 0), coat * 0.8)

    # legs: those of the far side darker and half a step ahead
    for near in (0, 1):
        side = torch.full_like(u, AWAY)
        for i in range(3):
            has = (legs > 2 * i).float() if i else (legs > 0).float()
            place = (i - (legs / 2 - 1) / 2) * size * 1.5 / (legs / 2).clamp(min=1)
            x = place + (0.06 if near else -0.02)
            step = stride * torch.sin(gait + 2.1 * i + math.pi * near)
            slim = g["leg_width"]
            limb = capsule(u, v, x, deep * 0.45, x + step, feet, slim, slim * 1.2)
            side = torch.minimum(side, limb + AWAY * (1 - has))
        if near:
            near_legs = side
        else:
            canvas.ink(side, coat * 0.55)

    # crest of plates along the back
    saw = (((u / size + 0.75) * 3) % 1 - 0.5).abs()
    plates = torch.maximum(u.abs() - size * 0.72, -v - deep * 0.8 - 0.42 * (0.5 - saw))
    plates = torch.maximum(plates * 0.6, v)
    canvas.ink(plates + AWAY * (g["crest"] != 1), marking * 1.5 + 0.08, 0.04)

    # body
    turn = torch.atan2(v * height, u)
    radius = disc(u, v * height, 0.0, 0.0, 0.0)
    ripple = torch.sin(turn * 26 + 3 * torch.sin(turn * 5)) * g["fur"] * 0.12
    outline = size * (1 + g["lobe_depth"] * torch.cos(g["lobes"] * turn + 0.5)) + ripple
    body = (radius - outline) * 0.75
    hump = ellipse(u, v, -size * 0.25, -deep * 0.85, size * 0.42, size * 0.42)
    body = union(body, hump + AWAY * (g["crest"] != 2), 0.06)
    marks = texture(
        canvas,
        pattern,
        u,
        v,
        g["pattern_frequency"] * canvas.uniform(0.87, 1.15),
        g["pattern_angle"] + canvas.uniform(-0.15, 0.15),
        canvas.uniform(0, 2 * math.pi),
    )
    hair = torch.sin(u * 34 + v * 19 + 2.5 * torch.sin(v * 14 - u * 6))
    below = (2.6 * (v / deep - 0.35)).clamp(0, 1)[:, None] * g["belly"][:, None]
    skin = torch.lerp(torch.lerp(coat, marking, marks), coat * 0.35 + 0.62, below)
    skin = skin * (1 + g["fur"] * hair)[:, None]
    canvas.ink(body, shade(skin, u * size, v, deep * 1.1, 0.42))
    gloss = ellipse(u, v, -size * 0.2, -deep * 0.55, size * 0.4, deep * 0.16)
    canvas.paint(canvas.mask(gloss, 6.0) * 0.3, torch.ones_like(coat))
    canvas.ink(near_legs, shade(coat * 0.82, u, v - feet, 0.5, 0.3))

    # wing, folded or raised
    tip_x, tip_y = -size * 0.85, -deep * 0.15 - canvas.uniform(-0.08, 0.4)
    wing = capsule(u, v, size * 0.2, -deep * 0.1, tip_x, tip_y, 0.16, 0.05)
    quills = 0.85 + 0.2 * torch.sin((v - tip_y) * 34 + u * 11)
    plumage = (marking * 0.7 + 0.5) * quills[:, None]
    canvas.ink(wing + AWAY * (1 - g["wing"] * g["head"]), plumage, 0.04)

    # head
    has = g["head"]
    head_x = size * 0.85 + g["neck"] * 0.35
    head_y = -deep * 0.45 - g["neck"] + nod
    head = g["head_size"]
    neck = capsule(u, v, size * 0.45, -deep * 0.3, head_x, head_y, 0.13, 0.1)
    canvas.ink(neck + AWAY * (1 - has * (g["neck"] > 0)), coat * 0.93)
    ears = g["ears"]
    for side in (-1, 1):
        x, y = head_x + side * head * 0.5 - 0.02, head_y - head * 0.6
        # (reach across, reach up, width at the skull, width at the tip) of each kind
        none, pointed, round_ear = (0, 0, 0, 0), (0.06, 0.25, 0.1, 0.01), (0.07, 0.05, 0.11, 0.11)
        hanging, feelers = (0.12, -0.33, 0.06, 0.085), (0.14, 0.3, 0.02, 0.05)
        kinds = torch.tensor([none, pointed, round_ear, hanging, feelers], device=u.device)
        across, up, start, tip = (column.view(-1, 1, 1) for column in kinds[gene["ears"].long()].T)
        ear = capsule(u, v, x, y, x + side * across, y - up, start, tip)
        canvas.ink(ear + AWAY * (1 - has * (ears > 0)), coat * (0.7 if side < 0 else 0.88), 0.04)
    skull = ellipse(u, v, head_x, head_y, head * 1.08, head)
    muzzle = capsule(
        u,
        v,
        head_x + 0.05,
        head_y + 0.05,
        head_x + head * 0.7 + g["snout"],
        head_y + 0.08,
        0.1,
        0.05,
    )
    skull = union(skull, muzzle + AWAY * (g["snout"] == 0), 0.05)
    canvas.ink(skull + AWAY * (1 - has), shade(coat, u - head_x, v - head_y, 0.3, 0.35))
    nose_x = head_x + torch.where(g["snout"] > 0, head * 0.7 + g["snout"] + 0.02, head * 0.95)
    nose = disc(u, v, nose_x, head_y + 0.06, 0.045) + AWAY * (1 - has)
    canvas.paint(canvas.mask(nose), coat * 0.12)

    # eyes look about; a creature without a head has one in its body
    eye = g["eye"] * torch.where(has > 0, 1.0, 1.35)
    eye_x = torch.where(has > 0, head_x + head * 0.3, size * 0.45)
    eye_y = torch.where(has > 0, head_y - head * 0.2, -deep * 0.3)
    look_x, look_y = canvas.uniform(-0.1, 0.45) * eye, canvas.uniform(-0.3, 0.3) * eye
    white, black = torch.ones_like(coat), torch.full_like(coat, 0.04)
    canvas.ink(disc(u, v, eye_x, eye_y, eye), white, 0.02)
    canvas.paint(canvas.mask(disc(u, v, eye_x + look_x, eye_y + look_y, eye * 0.6)), black)
    spark = disc(u, v, eye_x + look_x - eye * 0.2, eye_y + look_y - eye * 0.25, eye * 0.2)
    canvas.paint(canvas.mask(spark), white)
    canvas.light()


SOURCE_GENOMES = breed(11_000, 48)
NOVEL_GENOMES = breed(77_000, 40)
SOURCE_NAMES = name_species(11_000, 48)
_NOVEL_NAMES = name_species(77_000, 40)


def draw(canvas: Canvas, labels: Tensor) -> None:
    paint_creature(canvas, NOVEL_GENOMES, labels)


DOMAIN = Domain(
    name="novel",
    draw=draw,
    classes=_NOVEL_NAMES,
    description={
        "en": "Forty invented creatures that the pretrained networks have never seen.",
        "ja": "事前学習では一度も見せていない、40種の架空の生き物です。",
    },
)
