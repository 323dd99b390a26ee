"""Cats and dogs: two classes that overlap in everything but the face.

Coat, colour, pose, collar and room are drawn from the same chances for both. What tells them apart
is the ears (but three dogs in ten have pricked ears, and some cats have folded ones), the muzzle
and nose, the eyes, whiskers and tail: a rule on any single one of them fails.
"""

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
    shade,
    texture,
    union,
)

PRICKED_DOGS = 0.3
FOLDED_CATS = 0.15
PLAIN, TABBY, SPOTTED, PATCHED = 0, 1, 3, 6  # numbers of kit.TEXTURES
COATS = [PLAIN, PLAIN, TABBY, SPOTTED, PATCHED]


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint a cat (label 0) or a dog (label 1) on each picture; labels (n,)."""
    dog = (labels == 1).float().view(-1, 1, 1)
    _room_or_garden(canvas)
    u, v = canvas.frame(rotation=0.25, scale=(0.8, 1.05), shift=0.12)
    u, v = u + 0.05, v + 0.06
    coat, tone = _coat(canvas, u, v)
    sitting = canvas.coin(0.55)
    _tail(canvas, u, v, dog, sitting, tone)
    _trunk(canvas, u, v, sitting, coat, tone)
    x, y = 0.16 + 0.14 * (1 - sitting) + canvas.normal(0.04), -0.16 + canvas.normal(0.04)
    width = 0.38 * canvas.uniform(0.92, 1.1) - 0.03 * dog
    height = 0.33 * canvas.uniform(0.92, 1.1) + 0.03 * dog
    _collar(canvas, u, v, x, y + height, width)
    _head(canvas, u - x, v - y, dog, width, height, coat, tone)
    canvas.light(slope=0.3, grain=0.03)


def _room_or_garden(canvas: Canvas) -> None:
    """A wall with floor or rug, or grass under a sky: the same for both classes."""
    canvas.background(3, hue=canvas.uniform1(), saturation=(0.05, 0.5), value=(0.4, 0.95))
    outdoors = canvas.coin()
    hue = outdoors[:, 0, 0] * canvas.uniform1(0.2, 0.38)
    hue = hue + (1 - outdoors[:, 0, 0]) * canvas.uniform1(0.0, 0.14)
    ground = hsv(hue, canvas.uniform1(0.15, 0.6), canvas.uniform1(0.35, 0.85))
    blades = torch.sin(canvas.x * 42 + canvas.uniform(0, 6.3) + 3 * canvas.y)
    planks = torch.sin(canvas.y * 26 + canvas.uniform(0, 6.3))
    grain = 1 + 0.07 * (outdoors * blades + (1 - outdoors) * planks)
    edge = canvas.uniform(0.0, 0.7) - canvas.y + 0.025 * outdoors * blades
    canvas.paint(canvas.mask(edge), ground * grain[:, None])


def _coat(canvas: Canvas, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """(coat (n, 3, S, S), tone (n, 3, 1, 1)): ginger to grey, dark to white; four patterns."""
    hue = canvas.uniform1(0.03, 0.1)
    tone = hsv(hue, canvas.uniform1(0.03, 0.65), canvas.uniform1(0.3, 0.97))
    other = hsv(hue, canvas.uniform1(0.0, 0.5), canvas.uniform1(0.1, 0.95))
    kind = torch.tensor(COATS, device=u.device)[canvas.integers(len(COATS))]
    frequency, angle = canvas.uniform(10, 16), canvas.uniform(-0.4, 0.4)
    marks = texture(canvas, kind, u, v, frequency, angle, canvas.uniform(0, 6.3))
    fur = 1 + 0.05 * (torch.sin(u * 47 + 9 * v) * torch.sin(v * 31))[:, None]
    return torch.lerp(tone, other, 0.75 * marks) * fur, tone


def _tail(canvas: Canvas, u: Tensor, v: Tensor, dog: Tensor, sitting: Tensor, tone: Tensor) -> None:
    """Long and thin or short and thick, up or down, more often so in one class than the other."""
    slim = canvas.uniform(0.035, 0.065) + 0.03 * dog * canvas.coin(0.6)
    reach = canvas.uniform(0.25, 0.45) - 0.1 * dog * canvas.coin(0.6)
    root_x, root_y = -0.5 + 0.3 * sitting, 0.4 + 0.36 * sitting
    bend_x, bend_y = root_x - 0.8 * reach, root_y - canvas.uniform(-0.08, 0.2)
    tip_x, tip_y = bend_x + canvas.normal(0.12), bend_y - reach * canvas.uniform(0.3, 1.2)
    lower = capsule(u, v, root_x, root_y, bend_x, bend_y, slim * 1.2, slim)
    upper = capsule(u, v, bend_x, bend_y, tip_x, tip_y, slim, slim)
    canvas.ink(torch.minimum(lower, upper), tone * 0.85, 0.04)


def _trunk(
    canvas: Canvas, u: Tensor, v: Tensor, sitting: Tensor, coat: Tensor, tone: Tensor
) -> None:
    """A seated body with two front legs, or a body on four legs."""
    wide = 0.52 - 0.13 * sitting
    body = ellipse(u, v, -0.1 + 0.1 * sitting, 0.47, wide, 0.23 + 0.14 * sitting)
    neck = capsule(u, v, 0.12, 0.35, 0.14 + 0.12 * (1 - sitting), 0.0, 0.22, 0.17)
    body = union(body, neck, smooth=0.15)
    legs = None
    for k, place in enumerate((0.2, 0.0, -0.32, -0.5)):
        x = place + 0.04 * sitting + canvas.normal(0.015)
        leg = capsule(u, v, x, 0.5, x, 0.86, 0.085, 0.075)
        leg = leg if k < 2 else leg + AWAY * sitting
        legs = leg if k == 0 else torch.minimum(legs, leg)
    canvas.ink(legs, tone * 0.88, 0.04)
    canvas.ink(body, shade(coat, u, v - 0.5, 0.6), 0.04)


def _collar(canvas: Canvas, u: Tensor, v: Tensor, x: Tensor, y: Tensor, width: Tensor) -> None:
    collar = ellipse(u, v, x, y - 0.02, width * 0.62, 0.1) + AWAY * canvas.coin(0.5)
    colour = hsv(canvas.uniform1(), canvas.uniform1(0.6, 0.95), canvas.uniform1(0.5, 0.95))
    canvas.ink(collar, colour, 0.03, 0.3)


def _head(
    canvas: Canvas,
    u: Tensor,
    v: Tensor,
    dog: Tensor,
    width: Tensor,
    height: Tensor,
    coat: Tensor,
    tone: Tensor,
) -> None:
    """The head around the origin of (u, v)."""
    _ears(canvas, u, v, dog, width, height, tone)
    skull = ellipse(u, v, 0.0, 0.0, width, height)
    canvas.ink(skull, shade(coat, u, v, 0.5, 0.25), 0.04)
    _eyes(canvas, u, v, dog, width)
    _muzzle(canvas, u, v, dog, tone)


def _ears(
    canvas: Canvas, u: Tensor, v: Tensor, dog: Tensor, width: Tensor, height: Tensor, tone: Tensor
) -> None:
    """Pricked, or hanging (dogs) and folded (cats); mirrored, so drawn once at |u|."""
    side = u.abs()
    length = canvas.uniform(0.2, 0.38)
    splay = canvas.uniform(0.6, 0.95)
    pricked = capsule(
        side, v, width * 0.58, -height * 0.6, width * splay, -height * 0.75 - length, 0.15, 0.015
    )
    hanging = capsule(
        side, v, width * 0.8, -height * 0.55, width * (splay + 0.2), length - 0.1, 0.08, 0.13
    )
    folded = capsule(side, v, width * 0.5, -height * 0.86, width * 0.95, -height * 0.6, 0.12, 0.05)
    up = canvas.coin(1 - FOLDED_CATS - (1 - FOLDED_CATS - PRICKED_DOGS) * dog)
    floppy = torch.lerp(folded, hanging, dog)
    ears = torch.lerp(floppy, pricked, up)
    canvas.ink(ears, tone * canvas.uniform(0.55, 0.95)[:, None], 0.04)
    pink = hsv(canvas.uniform1(0.96, 1.0), canvas.uniform1(0.2, 0.45), canvas.uniform1(0.7, 0.95))
    canvas.paint(canvas.mask(pricked + 0.075 + AWAY * (1 - up)) * 0.7, pink)


def _eyes(canvas: Canvas, u: Tensor, v: Tensor, dog: Tensor, width: Tensor) -> None:
    """Cats: mostly bright, upright pupils. Dogs: mostly dark and round."""
    radius = canvas.uniform(0.055, 0.08)
    bright = canvas.coin(0.7 - 0.5 * dog)
    bright_iris = hsv(
        canvas.uniform1(0.1, 0.45), canvas.uniform1(0.5, 0.9), canvas.uniform1(0.7, 0.95)
    )
    dark_iris = hsv(
        canvas.uniform1(0.04, 0.1), canvas.uniform1(0.4, 0.8), canvas.uniform1(0.1, 0.3)
    )
    iris = torch.lerp(dark_iris, bright_iris, bright[:, None])
    x, side = width * 0.45, u.abs()
    canvas.ink(ellipse(side, v, x, -0.05, radius * 1.1, radius), iris, 0.025, 0.15)
    slit = radius * (0.55 - 0.25 * (1 - dog) * bright)
    pupil = ellipse(side, v, x, -0.05, slit, radius * 0.85)
    black = torch.full((1, 3, 1, 1), 0.02, device=u.device)
    canvas.paint(canvas.mask(pupil), black)
    glint = disc(side, v, x - 0.02, -0.075, 0.02)
    canvas.paint(canvas.mask(glint), 1 - black)


def _muzzle(canvas: Canvas, u: Tensor, v: Tensor, dog: Tensor, tone: Tensor) -> None:
    """Muzzle, nose, mouth, a dog's tongue (sometimes), a cat's whiskers (mostly)."""
    wide = 0.125 + 0.085 * dog + canvas.normal(0.025)
    tall = 0.085 + 0.08 * dog + canvas.normal(0.018)
    y = 0.15 + 0.03 * dog
    tongue = ellipse(u, v, 0.0, y + tall, 0.06, 0.11) + AWAY * (1 - dog * canvas.coin(0.35))
    pink = hsv(canvas.uniform1(0.95, 1.0), canvas.uniform1(0.4, 0.6), canvas.uniform1(0.75, 0.95))
    canvas.ink(tongue, pink, 0.02, 0.5)
    light = torch.lerp(tone, torch.full_like(tone, 0.97), canvas.uniform(0.0, 0.8)[:, None])
    canvas.ink(ellipse(u, v, 0.0, y, wide, tall), light, 0.022, 0.5)
    dark_nose = canvas.coin(0.5 + 0.42 * dog)[:, None]
    pink_nose = hsv(
        canvas.uniform1(0.95, 1.0), canvas.uniform1(0.3, 0.5), canvas.uniform1(0.6, 0.9)
    )
    nose_width = 0.042 + 0.045 * dog + canvas.normal(0.008)
    nose = ellipse(u, v, 0.0, y - 0.55 * tall, nose_width, nose_width * 0.7)
    canvas.paint(canvas.mask(nose), pink_nose * (1 - 0.9 * dark_nose))
    mouth = torch.maximum(u.abs() - 0.012, (v - y - 0.1 * tall).abs() - 0.5 * tall)
    canvas.paint(canvas.mask(mouth) * 0.7, light * 0.2)
    side, spread = u.abs(), canvas.uniform(0.02, 0.1)
    end = canvas.uniform(0.42, 0.6)
    up = capsule(side, v, 0.1, y, end, y - spread, 0.012, 0.008)
    down = capsule(side, v, 0.1, y + 0.03, end, y + 0.05 + spread, 0.012, 0.008)
    shown = canvas.coin(0.8 - 0.75 * dog)
    whiskers = torch.minimum(up, down) + AWAY * (1 - shown)
    canvas.paint(canvas.mask(whiskers) * 0.8, torch.full((1, 3, 1, 1), 0.95, device=u.device))


DOMAIN = Domain(
    name="pets",
    draw=draw,
    classes={"en": ["cat", "dog"], "ja": ["猫", "犬"]},
    description={
        "en": "Cats and dogs with mixed coats, poses and ears: easy for people, hard for rules.",
        "ja": "毛色や姿勢がさまざまな猫と犬です。人には簡単ですが、単純な規則では分けられません。",
    },
)
