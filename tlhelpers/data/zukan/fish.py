"""Fish: ten species told apart by shape, fins, pattern and the colour of the back.

As with the birds, a species is a list of features and everything else varies: the water, weeds and
bubbles, the bend of the body, the belly. Fish, coral and pebbles share the three colours, so that
colour alone does not name the species.
"""

import torch
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import AWAY, Canvas, capsule, disc, ellipse, hsv, union

FEATURES = {  # key: (English, Japanese)
    "deep": ("deep body", "高い体高"),
    "forked": ("forked tail", "二またの尾びれ"),
    "tall_fin": ("tall dorsal fin", "高い背びれ"),
    "stripes": ("stripes", "しま模様"),
    "spots": ("spots", "はん点模様"),
    "orange": ("orange back", "オレンジ色の背"),
    "blue": ("blue back", "青い背"),
    "green": ("green back", "緑色の背"),
    "big_eye": ("big eye", "大きい目"),
    "long_snout": ("long snout", "長い口先"),
}

SPECIES = [  # (English, Japanese, features)
    ("tilapia", "ティラピア", "deep tall_fin stripes green"),
    ("clownfish", "カクレクマノミ", "stripes orange"),
    ("mackerel", "サバ", "forked stripes blue"),
    ("sea bream", "マダイ", "deep forked tall_fin spots orange"),
    ("goldfish", "デメキン", "deep tall_fin orange big_eye"),
    ("sardine", "イワシ", "forked spots blue big_eye"),
    ("pike", "カワカマス", "forked spots green long_snout"),
    ("pufferfish", "フグ", "deep spots green big_eye"),
    ("sailfish", "バショウカジキ", "forked tall_fin blue long_snout"),
    ("butterflyfish", "チョウチョウウオ", "deep stripes orange long_snout"),
]

ATTRIBUTES = torch.tensor(
    [[float(name in species[2].split()) for name in FEATURES] for species in SPECIES]
)

BACK_HUES = {"orange": 0.06, "blue": 0.62, "green": 0.33}
PALE = 0.96


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint one fish of the species `labels` (n,) on each picture."""
    paint_fish(canvas, ATTRIBUTES.to(labels.device)[labels])


def paint_fish(canvas: Canvas, attributes: Tensor) -> None:
    """Paint a fish with the given 0/1 features (n, 10), in the order of `FEATURES`."""
    has = {name: attributes[:, k].view(-1, 1, 1) for k, name in enumerate(FEATURES)}
    _water(canvas)
    _reef(canvas)
    _bubbles(canvas)
    u, v = canvas.frame(rotation=0.25, scale=(0.82, 1.06), shift=0.1)
    u = u + 0.05 + 0.12 * has["long_snout"]
    v = v - 0.1 * has["tall_fin"] + canvas.uniform(-0.22, 0.22) * (u - 0.2) ** 2
    height = (0.2 + 0.17 * has["deep"]) * canvas.uniform(0.94, 1.07)
    hue = sum(has[name] * hue for name, hue in BACK_HUES.items())[:, 0, 0]
    back = _vivid(canvas, hue)
    fin = back * canvas.uniform(0.65, 0.9)[:, None]
    _tail(canvas, u, v, has, fin)
    _fins(canvas, u, v, has, height, fin)
    _body(canvas, u, v, has, height, back)
    _pectoral_fin(canvas, u, v, height, fin)
    _eye(canvas, u, v, has)
    canvas.light(slope=0.3, grain=0.02)


def _vivid(canvas: Canvas, hue: Tensor) -> Tensor:
    hue = (hue + canvas.uniform1(-0.035, 0.035)) % 1
    return hsv(hue, canvas.uniform1(0.6, 0.95), canvas.uniform1(0.5, 0.95))


def _any_back_colour(canvas: Canvas) -> Tensor:
    hues = torch.tensor(list(BACK_HUES.values()), device=canvas.x.device)
    return _vivid(canvas, hues[canvas.integers(3)])


def _water(canvas: Canvas) -> None:
    """Bright above, deep below, with a net of light (caustics) near the surface."""
    hue = canvas.uniform1(0.4, 0.68)
    top = hsv(hue, canvas.uniform1(0.15, 0.55), canvas.uniform1(0.7, 0.98))
    deep = hsv(
        hue + canvas.uniform1(-0.06, 0.06), canvas.uniform1(0.3, 0.8), canvas.uniform1(0.3, 0.85)
    )
    depth = (0.5 + 0.5 * canvas.y).expand(canvas.n, -1, canvas.size)[:, None]
    net = torch.exp(-5 * canvas.noise(9).abs()) * (1 - depth) * canvas.uniform(0.05, 0.3)[:, None]
    canvas.image = torch.lerp(top, deep, depth) + net + 0.03 * canvas.noise(5)


def _reef(canvas: Canvas) -> None:
    """Sand, coral lumps in the colours of the fish, swaying weeds."""
    for _ in range(3):
        lump = ellipse(
            canvas.x,
            canvas.y,
            canvas.uniform(-1, 1),
            canvas.uniform(0.35, 1.05),
            canvas.uniform(0.15, 0.55),
            canvas.uniform(0.12, 0.5),
        )
        rough = lump + 0.03 * torch.sin(canvas.x * 19 + canvas.uniform(0, 6.3))
        rock = 1 - 0.85 * canvas.coin(0.3)[:, None]
        there = canvas.mask(rough, 2.0) * 0.95 * canvas.coin(0.85)[:, None]
        canvas.paint(there, _any_back_colour(canvas) * rock)
    floor = canvas.uniform(0.7, 1.1) - canvas.y + 0.04 * torch.sin(canvas.x * 4)
    sand = hsv(canvas.uniform1(0.08, 0.14), canvas.uniform1(0.2, 0.45), canvas.uniform1(0.5, 0.9))
    canvas.paint(canvas.mask(floor, 2.0), sand)
    period = canvas.uniform(0.35, 0.9)
    sway = 0.07 * torch.sin(canvas.y * 5 + canvas.uniform(0, 6.3))
    across = (canvas.x + sway + canvas.uniform()) / period
    across = period * (across - torch.floor(across) - 0.5)
    weeds = torch.maximum(across.abs() - 0.04, canvas.uniform(-0.6, 0.6) - canvas.y)
    green = hsv(canvas.uniform1(0.2, 0.45), canvas.uniform1(0.4, 0.8), canvas.uniform1(0.25, 0.6))
    canvas.paint(canvas.mask(weeds + AWAY * canvas.coin(0.45), 1.5) * 0.8, green)


def _bubbles(canvas: Canvas) -> None:
    bubbles = torch.tensor(AWAY)
    for _ in range(3):
        x, y = canvas.uniform(-0.9, 0.9), canvas.uniform(-0.95, 0.5)
        ring = disc(canvas.x, canvas.y, x, y, canvas.uniform(0.04, 0.09)).abs() - 0.018
        ring = ring + AWAY * (1 - canvas.coin(0.7))
        bubbles = torch.minimum(bubbles, ring)
    canvas.paint(canvas.mask(bubbles) * 0.7, torch.full((1, 3, 1, 1), PALE, device=bubbles.device))


def _rays(across: Tensor) -> Tensor:
    """Light and dark fin rays, 0.7..1, (n, 1, S, S)."""
    return (0.85 + 0.15 * torch.cos(across))[:, None]


def _tail(canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], colour: Tensor) -> None:
    """A round fan, or a swallow tail: two pointed lobes with a notch between them."""
    beat = canvas.uniform(-0.1, 0.1)
    x, y = -(u + 0.42), v + beat * (u + 0.42)
    fan = ellipse(x, y, 0.22, 0.0, 0.22, 0.2)
    lobes = torch.maximum(y.abs() - 0.05 - 0.85 * x, x - 0.1 - 0.75 * y.abs())
    lobes = 0.8 * torch.maximum(lobes, torch.maximum(x - 0.37, -0.05 - x))
    tail = torch.lerp(fan, lobes, has["forked"])
    canvas.ink(tail, colour * _rays(y / (0.12 + x.clamp(min=0)) * 16), 0.035)


def _fins(
    canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], height: Tensor, colour: Tensor
) -> None:
    """Dorsal fin, low or like a sail, and the anal fin below."""
    rise = 0.09 + 0.3 * has["tall_fin"] + canvas.normal(0.015)
    along = (u + 0.06 + 0.25 * (v + height)) / 0.34
    crown = height * 0.75 + rise * (1 - along.abs()).clamp(min=0) ** 0.5
    dorsal = torch.maximum(-v - crown, along.abs() * 0.34 - 0.34)
    dorsal = torch.maximum(dorsal, v)
    anal = capsule(u, v, -0.12, height * 0.75, -0.26, height + 0.09, 0.1, 0.03)
    canvas.ink(torch.minimum(dorsal, anal), colour * _rays(along * 22), 0.035)


def _body(
    canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], height: Tensor, back: Tensor
) -> None:
    """Coloured back, pale belly, scales, the pattern, gill line and mouth."""
    trunk = ellipse(u, v, 0.0, 0.0, 0.5 * canvas.uniform(0.96, 1.06), height)
    snout = 0.46 + 0.36 * has["long_snout"] + canvas.normal(0.015)
    head = capsule(u, v, 0.25, 0.02, snout, 0.03, 0.13, 0.035)
    body = union(trunk, head, smooth=0.1)
    body = union(body, capsule(u, v, -0.2, 0.0, -0.5, 0.0, 0.12, 0.05), smooth=0.1)
    belly = hsv(canvas.uniform1(), canvas.uniform1(0.0, 0.3), canvas.uniform1(0.75, 0.98))
    low = (0.5 + 3.5 * (v / height - canvas.uniform(0.05, 0.45))).clamp(0, 1)
    row = torch.floor(u * 11)
    scale_u = u * 11 - row - 0.5
    scale_v = v * 11 + 0.5 * row
    scale_v = scale_v - torch.floor(scale_v) - 0.5
    scales = (scale_u + 1.6 * scale_v * scale_v).clamp(-0.5, 0.5)
    colour = torch.lerp(back, belly, 0.85 * low[:, None])
    pattern = _pattern(canvas, u, v, has) * (0.5 + 9 * (0.3 - u)).clamp(0, 1)
    tone = (1.02 - 0.16 * scales - 0.3 * v / height) * (1 - 0.9 * pattern)
    gill = disc(u, v, 0.12, 0.0, 0.13 + 0.5 * height).abs() - 0.014
    gill = torch.maximum(gill, 0.2 - u)
    mouth = torch.maximum((v - 0.045).abs() - 0.016, snout - 0.07 - u)
    canvas.ink(body, colour * tone[:, None], 0.04)
    lines = torch.maximum(torch.minimum(gill, mouth), body)
    canvas.paint(canvas.mask(lines) * 0.75, back * 0.25)


def _pattern(canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor]) -> Tensor:
    phase = canvas.uniform(0, 6.3)
    stripes = (0.5 + 3 * torch.sin(u * 19 + 2 * v + phase)).clamp(0, 1)
    dots = torch.cos(u * 22 + phase) + torch.cos(v * 22 + canvas.uniform(-0.5, 0.5))
    dots = (0.5 + 3 * (dots - 0.75)).clamp(0, 1)
    return stripes * has["stripes"] + dots * has["spots"]


def _pectoral_fin(canvas: Canvas, u: Tensor, v: Tensor, height: Tensor, colour: Tensor) -> None:
    flap = canvas.uniform(0.2, 0.9)
    fin = ellipse(u, v, 0.06, 0.3 * height + 0.05, 0.14, 0.07, torch.pi - flap)
    canvas.ink(fin, colour * _rays((v + u) * 60), 0.025)


def _eye(canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor]) -> None:
    radius = 0.06 + 0.055 * has["big_eye"]
    x, y = 0.33, -0.055
    white = disc(u, v, x, y, radius)
    pupil = canvas.mask(disc(u, v, x + 0.012, y, radius * 0.6))
    glint = canvas.mask(disc(u, v, x + 0.03, y - 0.02, radius * 0.22))
    canvas.ink(white, PALE - 0.94 * (pupil - glint), 0.02, 0.15)


DOMAIN = Domain(
    name="fish",
    draw=draw,
    classes={"en": [s[0] for s in SPECIES], "ja": [s[1] for s in SPECIES]},
    attributes=ATTRIBUTES,
    attribute_names={
        "en": [english for english, _ in FEATURES.values()],
        "ja": [japanese for _, japanese in FEATURES.values()],
    },
    description={
        "en": "Ten species of fish, each known by ten features of shape, fins, pattern and colour.",
        "ja": "10種の魚です。形、ひれ、模様、色の10の特徴で見分けられます。",
    },
)
