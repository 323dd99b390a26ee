"""Creatures: invented animals, each species fixed by a genome, each individual by its key.

A genome fixes what makes a species: the outline of the body, its coat, legs, ears, tail, crest
and colours. The individual varies in pose, gait, size, tint, place and light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
# kind of ears: (reach across, reach up, width at the skull, width at the tip)
EARS = (
    (0, 0, 0, 0),
    (0.06, 0.25, 0.1, 0.01),
    (0.07, 0.05, 0.11, 0.11),
    (0.12, -0.33, 0.06, 0.085),
    (0.14, 0.3, 0.02, 0.05),
)
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


@dataclass(frozen=True)
class _Individual:
    """One creature a picture. Its parts are painted by methods, from the back to the front.

    gene: of the species, each (n,); g: the same as (n, 1, 1). u, v: body coordinates of every
    pixel, u to the head and v down. Lengths are fractions of half a picture.
    """

    canvas: Canvas
    gene: dict[str, Tensor]
    g: dict[str, Tensor]
    u: Tensor
    v: Tensor
    coat: Tensor
    marking: Tensor
    pattern: Tensor
    size: Tensor  # half the length of the body
    deep: Tensor  # half its height
    height: Tensor  # length over height
    feet: Tensor  # how far they are below its middle
    gait: Tensor
    stride: Tensor
    head_x: Tensor
    head_y: Tensor
    wag: Tensor

    @classmethod
    def born(
        cls, canvas: Canvas, genomes: dict[str, Tensor], labels: Tensor, plain_hue: bool
    ) -> _Individual:
        """Draws what differs within a species: colours, size, gait, lift of the head, tail."""
        gene = {name: values.to(labels.device)[labels] for name, values in genomes.items()}
        g = {name: values.view(-1, 1, 1) for name, values in gene.items()}
        u, v = canvas.frame(0.35, (0.8, 1.12), 0.14)

        jitter = canvas.uniform1(-0.09, 0.09) if plain_hue else canvas.uniform1()
        hue = (gene["hue"] + jitter) % 1
        coat = hsv(hue, canvas.uniform1(0.45, 0.85), canvas.uniform1(0.55, 0.97))
        marking = hsv(
            (hue + gene["second_hue"] + canvas.uniform1(-0.03, 0.03)) % 1,
            canvas.uniform1(0.3, 0.8),
            canvas.uniform1(0.15, 0.42),
        )
        pattern = gene["pattern"].long() if plain_hue else canvas.integers(9)

        size = 0.4 * canvas.uniform(0.92, 1.08)
        height = g["height"] * canvas.uniform(0.92, 1.1)
        deep = size / height
        leg_length = g["leg_length"] * canvas.uniform(0.85, 1.15) * (g["legs"] > 0)
        gait, stride = canvas.uniform(0, 2 * math.pi), canvas.uniform(0.02, 0.11)
        nod, wag = canvas.normal(0.05), canvas.uniform(-0.6, 0.35)
        return cls(
            canvas=canvas,
            gene=gene,
            g=g,
            u=u,
            v=v + leg_length * 0.6,  # a body on legs stands higher
            coat=coat,
            marking=marking,
            pattern=pattern,
            size=size,
            deep=deep,
            height=height,
            feet=deep * 0.8 + leg_length,
            gait=gait,
            stride=stride,
            head_x=size * 0.85 + g["neck"] * 0.35,
            head_y=-deep * 0.45 - g["neck"] + nod,
            wag=wag,
        )

    def shadow(self) -> None:
        spot = ellipse(self.u, self.v, 0.02, self.feet + 0.03, self.size * 1.25, 0.1)
        self.canvas.paint(self.canvas.mask(spot, 7.0) * 0.5, self.coat * 0.12)

    def tail(self) -> None:
        u, v, g, width = self.u, self.v, self.g, self.g["tail_width"]
        length = g["tail"] * self.canvas.uniform(0.9, 1.1)
        base_x, base_y = -self.size * 0.75, -self.deep * 0.1
        tip_x = base_x - length * torch.cos(self.wag)
        tip_y = base_y + length * torch.sin(self.wag)
        bend_x, bend_y = (base_x + tip_x) / 2, (base_y + tip_y) / 2 + length * 0.18
        strand = union(
            capsule(u, v, base_x, base_y, bend_x, bend_y, width, width * 0.8),
            capsule(u, v, bend_x, bend_y, tip_x, tip_y, width * 0.8, width * 0.45),
        )
        tuft = disc(u, v, tip_x, tip_y, 0.085) + AWAY * (1 - g["tail_tuft"])
        strand = union(strand, tuft, 0.04)
        self.canvas.ink(strand + AWAY * (length == 0), self.coat * 0.8)

    def legs(self, near: bool) -> Tensor:
        """The outline of one side's legs; those of the far side are half a step ahead."""
        legs, slim = self.g["legs"], self.g["leg_width"]
        side = torch.full_like(self.u, AWAY)
        for i in range(3):
            has = (legs > 2 * i).float()
            place = (i - (legs / 2 - 1) / 2) * self.size * 1.5 / (legs / 2).clamp(min=1)
            x = place + (0.06 if near else -0.02)
            foot = x + self.stride * torch.sin(self.gait + 2.1 * i + math.pi * near)
            limb = capsule(self.u, self.v, x, self.deep * 0.45, foot, self.feet, slim, slim * 1.2)
            side = torch.minimum(side, limb + AWAY * (1 - has))
        return side

    def far_legs(self) -> None:
        self.canvas.ink(self.legs(near=False), self.coat * 0.55)

    def near_legs(self) -> None:
        skin = shade(self.coat * 0.82, self.u, self.v - self.feet, 0.5, 0.3)
        self.canvas.ink(self.legs(near=True), skin)

    def plates(self) -> None:
        """A crest of plates along the back."""
        saw = (((self.u / self.size + 0.75) * 3) % 1 - 0.5).abs()
        upper = -self.v - self.deep * 0.8 - 0.42 * (0.5 - saw)
        plates = torch.maximum(self.u.abs() - self.size * 0.72, upper)
        plates = torch.maximum(plates * 0.6, self.v)
        self.canvas.ink(plates + AWAY * (self.g["crest"] != 1), self.marking * 1.5 + 0.08, 0.04)

    def body(self) -> None:
        u, v, g, size, deep = self.u, self.v, self.g, self.size, self.deep
        turn = torch.atan2(v * self.height, u)
        radius = disc(u, v * self.height, 0.0, 0.0, 0.0)
        ripple = torch.sin(turn * 26 + 3 * torch.sin(turn * 5)) * g["fur"] * 0.12
        outline = size * (1 + g["lobe_depth"] * torch.cos(g["lobes"] * turn + 0.5)) + ripple
        hump = ellipse(u, v, -size * 0.25, -deep * 0.85, size * 0.42, size * 0.42)
        shape = union((radius - outline) * 0.75, hump + AWAY * (g["crest"] != 2), 0.06)
        self.canvas.ink(shape, shade(self.skin(), u * size, v, deep * 1.1, 0.42))
        gloss = ellipse(u, v, -size * 0.2, -deep * 0.55, size * 0.4, deep * 0.16)
        white = torch.ones_like(self.coat)
        self.canvas.paint(self.canvas.mask(gloss, 6.0) * 0.3, white)

    def skin(self) -> Tensor:
        """The colour of every pixel of the body: coat, markings, a pale belly, fur."""
        u, v, g, canvas = self.u, self.v, self.g, self.canvas
        marks = texture(
            canvas,
            self.pattern,
            u,
            v,
            g["pattern_frequency"] * canvas.uniform(0.87, 1.15),
            g["pattern_angle"] + canvas.uniform(-0.15, 0.15),
            canvas.uniform(0, 2 * math.pi),
        )
        hair = torch.sin(u * 34 + v * 19 + 2.5 * torch.sin(v * 14 - u * 6))
        below = (2.6 * (v / self.deep - 0.35)).clamp(0, 1)[:, None] * g["belly"][:, None]
        skin = torch.lerp(
            torch.lerp(self.coat, self.marking, marks), self.coat * 0.35 + 0.62, below
        )
        return skin * (1 + g["fur"] * hair)[:, None]

    def wing(self) -> None:
        """Folded or raised."""
        u, v, size, deep = self.u, self.v, self.size, self.deep
        tip_x, tip_y = -size * 0.85, -deep * 0.15 - self.canvas.uniform(-0.08, 0.4)
        wing = capsule(u, v, size * 0.2, -deep * 0.1, tip_x, tip_y, 0.16, 0.05)
        quills = 0.85 + 0.2 * torch.sin((v - tip_y) * 34 + u * 11)
        plumage = (self.marking * 0.7 + 0.5) * quills[:, None]
        self.canvas.ink(wing + AWAY * (1 - self.g["wing"] * self.g["head"]), plumage, 0.04)

    def neck(self) -> None:
        start = (self.size * 0.45, -self.deep * 0.3)
        neck = capsule(self.u, self.v, *start, self.head_x, self.head_y, 0.13, 0.1)
        has = self.g["head"] * (self.g["neck"] > 0)
        self.canvas.ink(neck + AWAY * (1 - has), self.coat * 0.93)

    def ears(self) -> None:
        kinds = torch.tensor(EARS, device=self.u.device)[self.gene["ears"].long()]
        across, up, start, tip = (column.view(-1, 1, 1) for column in kinds.T)
        has = self.g["head"] * (self.g["ears"] > 0)
        head = self.g["head_size"]
        for side in (-1, 1):
            x, y = self.head_x + side * head * 0.5 - 0.02, self.head_y - head * 0.6
            ear = capsule(self.u, self.v, x, y, x + side * across, y - up, start, tip)
            self.canvas.ink(ear + AWAY * (1 - has), self.coat * (0.7 if side < 0 else 0.88), 0.04)

    def head(self) -> None:
        u, v, x, y = self.u, self.v, self.head_x, self.head_y
        head, snout, missing = self.g["head_size"], self.g["snout"], AWAY * (1 - self.g["head"])
        skull = ellipse(u, v, x, y, head * 1.08, head)
        muzzle = capsule(u, v, x + 0.05, y + 0.05, x + head * 0.7 + snout, y + 0.08, 0.1, 0.05)
        skull = union(skull, muzzle + AWAY * (snout == 0), 0.05)
        self.canvas.ink(skull + missing, shade(self.coat, u - x, v - y, 0.3, 0.35))
        nose_x = x + torch.where(snout > 0, head * 0.7 + snout + 0.02, head * 0.95)
        nose = disc(u, v, nose_x, y + 0.06, 0.045) + missing
        self.canvas.paint(self.canvas.mask(nose), self.coat * 0.12)

    def eyes(self) -> None:
        """They look about; a creature without a head has one in its body."""
        u, v, canvas, has, head = self.u, self.v, self.canvas, self.g["head"], self.g["head_size"]
        eye = self.g["eye"] * torch.where(has > 0, 1.0, 1.35)
        x = torch.where(has > 0, self.head_x + head * 0.3, self.size * 0.45)
        y = torch.where(has > 0, self.head_y - head * 0.2, -self.deep * 0.3)
        look_x, look_y = canvas.uniform(-0.1, 0.45) * eye, canvas.uniform(-0.3, 0.3) * eye
        white, black = torch.ones_like(self.coat), torch.full_like(self.coat, 0.04)
        canvas.ink(disc(u, v, x, y, eye), white, 0.02)
        canvas.paint(canvas.mask(disc(u, v, x + look_x, y + look_y, eye * 0.6)), black)
        spark = disc(u, v, x + look_x - eye * 0.2, y + look_y - eye * 0.25, eye * 0.2)
        canvas.paint(canvas.mask(spark), white)


def paint_creature(
    canvas: Canvas, genomes: dict[str, Tensor], labels: Tensor, plain_hue: bool = True
) -> None:
    """One creature of genome `labels` (n,) a picture, in its scene.

    plain_hue: False makes hue and pattern random, so that only the outline tells the species.
    """
    paint_scene(canvas)
    creature = _Individual.born(canvas, genomes, labels, plain_hue)
    creature.shadow()
    creature.tail()
    creature.far_legs()
    creature.plates()
    creature.body()
    creature.near_legs()
    creature.wing()
    creature.neck()
    creature.ears()
    creature.head()
    creature.eyes()
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
