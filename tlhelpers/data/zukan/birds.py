"""Birds: ten or twenty-four species told apart by named features, as in a field guide.

A species is a list of features (long bill, blue wing, crest, ...). Everything else changes from
picture to picture: posture, body colour, plumage, perch, sky. Wing, tail and crest carry the
species' colour; red, yellow and blue also occur behind every bird (berries, far flowers), and
several species share each colour, so that the colours of a picture alone do not give it away.
"""

import functools

import torch
from torch import Tensor

from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import AWAY, Canvas, capsule, disc, ellipse, hsv, union

FEATURES = {  # key: (English, Japanese)
    "long_bill": ("long bill", "長いくちばし"),
    "thick_bill": ("thick bill", "太いくちばし"),
    "large": ("large body", "大きい体"),
    "long_tail": ("long tail", "長い尾"),
    "red": ("red wing", "赤い翼"),
    "yellow": ("yellow wing", "黄色い翼"),
    "blue": ("blue wing", "青い翼"),
    "crest": ("crest", "冠羽"),
    "long_legs": ("long legs", "長いあし"),
    "wing_bars": ("barred wing", "翼のしま"),
    "spots": ("spotted breast", "胸のはん点"),
    "eye_mask": ("dark eye mask", "目のまわりの黒い帯"),
}

SPECIES = [  # (English, Japanese, features); the first ten are the domain "birds"
    ("kingfisher", "カワセミ", "long_bill blue spots"),
    ("wagtail", "セキレイ", "long_tail yellow wing_bars"),
    ("waxwing", "レンジャク", "red crest eye_mask"),
    ("heron", "アオサギ", "long_bill large blue crest long_legs"),
    ("canary", "カナリア", "thick_bill yellow"),
    ("woodpecker", "アカゲラ", "long_bill red wing_bars spots"),
    ("azure magpie", "オナガ", "large long_tail blue eye_mask"),
    ("hoopoe", "ヤツガシラ", "long_bill yellow crest wing_bars"),
    ("scarlet ibis", "ショウジョウトキ", "long_bill large red long_legs"),
    ("toucan", "オオハシ", "long_bill thick_bill large yellow eye_mask"),
    ("cardinal", "コウカンチョウ", "thick_bill long_tail red crest eye_mask"),
    ("macaw", "コンゴウインコ", "thick_bill large long_tail red"),
    ("cockatiel", "オカメインコ", "thick_bill long_tail yellow crest"),
    ("hornbill", "サイチョウ", "long_bill thick_bill large long_tail yellow crest"),
    ("flamingo", "フラミンゴ", "thick_bill large red long_legs"),
    ("blue tit", "アオガラ", "blue wing_bars eye_mask"),
    ("rock thrush", "イソヒヨドリ", "blue wing_bars spots"),
    ("snipe", "タシギ", "long_bill yellow long_legs wing_bars spots"),
    ("roadrunner", "ミチバシリ", "long_bill long_tail yellow crest long_legs spots"),
    ("blue jay", "アオカケス", "large long_tail blue crest wing_bars eye_mask"),
    ("bee-eater", "ハチクイ", "long_bill long_tail blue eye_mask"),
    ("redshank", "アカアシシギ", "long_bill red long_legs spots"),
    ("crested kingfisher", "ヤマセミ", "long_bill thick_bill large blue crest spots"),
    ("crossbill", "イスカ", "thick_bill red wing_bars"),
]

ATTRIBUTES = torch.tensor(
    [[float(name in species[2].split()) for name in FEATURES] for species in SPECIES]
)

WING_HUES = {"red": 0.0, "yellow": 0.14, "blue": 0.6}
PALE = 0.96


def draw(canvas: Canvas, labels: Tensor) -> None:
    """Paint one bird of the species `labels` (n,) on each picture."""
    paint_bird(canvas, ATTRIBUTES.to(labels.device)[labels])


def paint_bird(canvas: Canvas, attributes: Tensor) -> None:
    """Paint a bird with the given 0/1 features (n, 12), in the order of `FEATURES`."""
    has = {name: attributes[:, k].view(-1, 1, 1) for k, name in enumerate(FEATURES)}
    foot = 0.43 + 0.36 * has["long_legs"] + canvas.normal(0.02)
    _scenery(canvas)
    u, v = _place(canvas, has, foot)
    _perch(canvas, u, v, foot)
    _legs(canvas, u, v, foot)
    u, v = _lean(canvas, u, v)
    coat = _coat_colours(canvas)
    wing = _wing_colour(canvas, has)
    _tail(canvas, u, v, has, wing)
    _head_and_body(canvas, u, v, has, coat, wing)
    _wing(canvas, u, v, has, wing)
    canvas.light(slope=0.2, grain=0.02, gain=(0.86, 1.12))


def _scenery(canvas: Canvas) -> None:
    """Sky or foliage, out-of-focus flowers in any of the three wing colours, reeds."""
    canvas.background(1, hue=canvas.uniform1(), saturation=(0.05, 0.35), value=(0.3, 1.0))
    for _ in range(2):
        x, y = canvas.uniform(-1, 1), canvas.uniform(-1, 1)
        spot = disc(canvas.x, canvas.y, x, y, canvas.uniform(0.08, 0.2))
        flower = canvas.mask(spot, 5.0) * 0.45 * canvas.coin(0.5)[:, None]
        canvas.paint(flower, _any_wing_colour(canvas))
    sway = canvas.uniform(-0.15, 0.15) * canvas.y
    spacing = canvas.uniform(3.0, 6.0)
    blade = (torch.sin((canvas.x + sway) * spacing + canvas.uniform(0, 6.3)).abs()) / spacing
    top = canvas.uniform(-0.5, 0.6) - canvas.y
    reeds = torch.maximum(blade - 0.03, top) + AWAY * (1 - canvas.coin(0.35))
    canvas.paint(
        canvas.mask(reeds, 1.5) * 0.7,
        hsv(canvas.uniform1(0.2, 0.36), canvas.uniform1(0.2, 0.5), canvas.uniform1(0.4, 0.75)),
    )


def _fraction(x: Tensor) -> Tensor:
    """x minus the whole number below it, 0..1 (much faster than `torch.remainder` on a CPU)."""
    return x - torch.floor(x)


def _any_wing_colour(canvas: Canvas) -> Tensor:
    hue = torch.tensor(list(WING_HUES.values()), device=canvas.x.device)[canvas.integers(3)]
    return _vivid(canvas, hue)


def _vivid(canvas: Canvas, hue: Tensor) -> Tensor:
    hue = (hue + canvas.uniform1(-0.025, 0.025)) % 1
    return hsv(hue, canvas.uniform1(0.72, 0.98), canvas.uniform1(0.68, 0.98))


def _place(canvas: Canvas, has: dict[str, Tensor], foot: Tensor) -> tuple[Tensor, Tensor]:
    """Body coordinates: the whole bird centred whatever its bill, tail and legs."""
    u, v = canvas.frame(rotation=0.18, scale=(0.9, 1.06), shift=0.15)
    size = 0.78 + 0.31 * has["large"] + canvas.normal(0.02)
    canvas.scale = canvas.scale * size
    centre = 0.06 + 0.18 * has["long_bill"] - 0.25 * has["long_tail"]
    middle = 0.5 * (foot - 0.5)
    return u / size + centre, v / size + middle


def _perch(canvas: Canvas, u: Tensor, v: Tensor, foot: Tensor) -> None:
    """A branch with leaves and berries, a rock, a bent reed or open ground below the feet."""
    kind = canvas.integers(4).view(-1, 1, 1)
    v = v - foot - canvas.uniform(-0.1, 0.1) * u
    branch = (v - 0.07).abs() - canvas.uniform(0.05, 0.08)
    rock = ellipse(u, v, canvas.normal(0.1), 0.62, canvas.uniform(0.8, 1.3), 0.6)
    reed = (v - 0.04 - 0.12 * u * u).abs() - 0.035
    ground = -v + 0.03 * torch.sin(u * 5 + canvas.uniform(0, 6.3))
    shapes = [d + AWAY * (kind != k) for k, d in enumerate((branch, rock, reed, ground))]
    hues = torch.tensor([0.07, 0.6, 0.25, 0.2], device=u.device)
    saturations = torch.tensor([0.5, 0.1, 0.4, 0.35], device=u.device)
    k = kind[:, 0, 0]
    colour = hsv(
        hues[k] + canvas.uniform1(-0.03, 0.03),
        saturations[k] + canvas.uniform1(-0.08, 0.1),
        canvas.uniform1(0.35, 0.65),
    )
    lit = 1.1 - 0.4 * v.clamp(0, 0.8) + 0.04 * torch.sin(u * 9 + v * 7)
    canvas.ink(functools.reduce(torch.minimum, shapes), colour * lit[:, None], 0.02, 0.75)
    period = canvas.uniform(0.4, 0.75)
    cell = (u + canvas.uniform()) / period
    side = 4 * (_fraction(0.5 * torch.floor(cell)) - 0.25)  # leaves alternate up and down
    x, y = period * (_fraction(cell) - 0.5), (v - 0.05) * side
    leaves = ellipse(x, y, 0.0, 0.06, 0.15, 0.065, canvas.uniform(0.2, 0.9))
    berries = disc(x, y, 0.1, -0.12, canvas.uniform(0.05, 0.09))
    green = hsv(canvas.uniform1(0.2, 0.38), canvas.uniform1(0.3, 0.7), canvas.uniform1(0.35, 0.7))
    bare = AWAY * (kind == 1)
    canvas.ink(leaves + bare + AWAY * canvas.coin(0.4), green, 0.02, 0.75)
    canvas.ink(berries + bare + AWAY * canvas.coin(0.6), _any_wing_colour(canvas), 0.02, 0.75)


def _legs(canvas: Canvas, u: Tensor, v: Tensor, foot: Tensor) -> None:
    side = (u - 0.06).abs()  # two legs, mirrored
    ankle = 0.08 + canvas.normal(0.015)
    leg = capsule(side, v, 0.07, 0.25, ankle, foot, 0.032, 0.022)
    toes = capsule(side, v, ankle, foot, ankle + 0.1, foot, 0.025, 0.02)
    colour = hsv(canvas.uniform1(0.02, 0.12), canvas.uniform1(0.5, 0.9), canvas.uniform1(0.6, 0.95))
    canvas.ink(torch.minimum(leg, toes), colour, 0.025, 0.35)


def _lean(canvas: Canvas, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Turn the body about the hips: crouched to upright."""
    lean = canvas.uniform(-0.08, 0.2)
    cos, sin = torch.cos(lean), torch.sin(lean)
    return cos * u - sin * (v - 0.25), cos * (v - 0.25) + sin * u + 0.25


def _coat_colours(canvas: Canvas) -> tuple[Tensor, Tensor]:
    """(back, belly): any brown, buff or grey, so that the body says nothing about the species."""
    hue, value = canvas.uniform1(0.04, 0.14), canvas.uniform1(0.45, 0.9)
    back = hsv(hue, canvas.uniform1(0.05, 0.45), value)
    belly_hue = hue + canvas.uniform1(-0.03, 0.03)
    return back, hsv(belly_hue, canvas.uniform1(0.03, 0.25), (value + 0.25).clamp(max=0.98))


def _wing_colour(canvas: Canvas, has: dict[str, Tensor]) -> Tensor:
    return _vivid(canvas, sum(has[name] * hue for name, hue in WING_HUES.items())[:, 0, 0])


def _tail(canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], wing: Tensor) -> None:
    length = 0.14 + 0.54 * has["long_tail"] + canvas.normal(0.02)
    angle = canvas.uniform(-0.05, 0.4)
    cos, sin = torch.cos(angle), torch.sin(angle)
    along, across = -(cos * (u + 0.3) - sin * (v - 0.14)), cos * (v - 0.14) + sin * (u + 0.3)
    width = 0.085 + 0.04 * along
    tail = torch.maximum(across.abs() - width, torch.maximum(along - 0.14 - length, -along))
    feathers = 0.8 + 0.2 * torch.cos(across / width * 9)
    canvas.ink(tail, wing * 0.85 * feathers[:, None], 0.035)


def _head_and_body(
    canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], coat: Tensor, wing: Tensor
) -> None:
    hx, hy = 0.38 + canvas.normal(0.02), -0.28 + canvas.normal(0.03)
    _crest(canvas, u, v, has, hx, hy, wing)
    _bill(canvas, u, v, has, hx, hy)
    length, depth = 0.46 * canvas.uniform(0.95, 1.06), 0.3 * canvas.uniform(0.92, 1.1)
    torso = ellipse(u, v, 0.0, 0.06, length, depth, torch.full_like(hx, -0.2))
    body = union(torso, disc(u, v, hx, hy, 0.2), smooth=0.12)
    mask = capsule(u, v, hx + 0.19, hy - 0.01, hx - 0.15, hy - 0.05, 0.045, 0.075)
    bare = 1 - 0.9 * canvas.mask(mask + AWAY * (1 - has["eye_mask"]))
    canvas.ink(body, _plumage(canvas, u, v, has, coat) * bare, 0.04)
    _eye(canvas, u, v, hx + 0.06, hy - 0.04)


def _plumage(canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], coat: Tensor) -> Tensor:
    """Back colour melting into the belly, rows of scallops, shading, spots on the breast."""
    low = (0.5 + 2.6 * (v - 0.02 + 0.25 * u)).clamp(0, 1)
    row = v * 10 + canvas.uniform()
    across = _fraction(u * 8 + 0.5 * torch.floor(row)) - 0.5
    scallops = _fraction(row + 2.4 * across * across)
    tone = 0.86 + 0.2 * scallops - 0.3 * (v - 0.1).clamp(min=0)
    dots = torch.cos(u * 27) + torch.cos(v * 27 + canvas.uniform(0, 6.3))
    dots = (0.5 + 3.0 * (dots - 0.6)).clamp(0, 1) * (4 * (u + 0.2)).clamp(0, 1)
    dots = dots * (6 * (v + 0.18)).clamp(0, 1) * has["spots"]
    tone = tone * (1 - 0.88 * dots)
    return torch.lerp(coat[0], coat[1], low[:, None]) * tone[:, None]


def _crest(
    canvas: Canvas,
    u: Tensor,
    v: Tensor,
    has: dict[str, Tensor],
    hx: Tensor,
    hy: Tensor,
    wing: Tensor,
) -> None:
    raised = canvas.uniform(-0.05, 0.1)
    crest = None
    for k in range(3):
        tip_x, tip_y = hx - 0.38 + 0.17 * k + raised, hy - 0.34 - 0.08 * k - raised
        feather = capsule(u, v, hx - 0.06 + 0.03 * k, hy - 0.12, tip_x, tip_y, 0.07, 0.035)
        crest = feather if crest is None else torch.minimum(crest, feather)
    canvas.ink(crest + AWAY * (1 - has["crest"]), wing, 0.035)


def _bill(
    canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], hx: Tensor, hy: Tensor
) -> None:
    thick = has["thick_bill"]
    length = 0.14 + 0.36 * has["long_bill"] + 0.05 * thick + canvas.normal(0.015)
    x, y, droop = hx + 0.14, hy + 0.03, canvas.normal(0.025)
    tip_x, tip_y = x + 0.05 + length, y + (0.04 + droop) * (1 + thick)
    bill = capsule(u, v, x, y, tip_x, tip_y, 0.05 + 0.12 * thick, 0.012 + 0.02 * thick)
    hue = canvas.uniform1(0.04, 0.13)
    colour = hsv(hue, canvas.uniform1(0.3, 0.95), canvas.uniform1(0.55, 0.98))
    mouth = y + 0.01 + (u - x) * droop
    lower = (0.5 + (v - mouth) * 25).clamp(0, 1)
    canvas.ink(bill, colour * (1 - 0.35 * lower)[:, None], 0.03)


def _eye(canvas: Canvas, u: Tensor, v: Tensor, x: Tensor, y: Tensor) -> None:
    white = disc(u, v, x, y, 0.066)
    pupil = disc(u, v, x + 0.01, y, 0.046)
    glint = disc(u, v, x + 0.025, y - 0.02, 0.014)
    canvas.paint(canvas.mask(white), PALE - 0.94 * (canvas.mask(pupil) - canvas.mask(glint)))


def _wing(canvas: Canvas, u: Tensor, v: Tensor, has: dict[str, Tensor], colour: Tensor) -> None:
    """The folded wing: shoulder, coverts, flight feathers with dark edges, bars."""
    x, y = 0.09 + canvas.normal(0.02), -0.03 + canvas.normal(0.015)
    angle = canvas.uniform(0.12, 0.42)
    along = -(torch.cos(angle) * (u - x) - torch.sin(angle) * (v - y))
    across = torch.cos(angle) * (v - y) + torch.sin(angle) * (u - x)
    zero = torch.zeros_like(x)
    wing = capsule(along, across, zero, zero, 0.6 * canvas.uniform(0.95, 1.08), 0.03, 0.21, 0.05)
    flight = (5 * (along - 0.2 + 0.8 * across)).clamp(0, 1)
    feathers = torch.cos(across * 55 - along * 16)
    coverts = torch.cos(along * 38 + 10 * across * across)
    tone = 1.04 - flight * (0.2 - 0.18 * feathers) + (1 - flight) * 0.08 * coverts
    bars = (0.5 + 3 * torch.sin(along * 23 + 6 * across + canvas.uniform(0, 6.3))).clamp(0, 1)
    tone = tone * (1 - 0.92 * bars * has["wing_bars"])
    canvas.ink(wing, colour * tone[:, None], 0.03)


ATTRIBUTE_NAMES = {
    "en": [english for english, _ in FEATURES.values()],
    "ja": [japanese for _, japanese in FEATURES.values()],
}
DOMAIN = Domain(
    name="birds",
    draw=draw,
    classes={"en": [s[0] for s in SPECIES[:10]], "ja": [s[1] for s in SPECIES[:10]]},
    attributes=ATTRIBUTES[:10],
    description={
        "en": "Ten species of birds, each known by features such as a long bill or a blue wing.",
        "ja": "10種の鳥です。長いくちばしや青い翼などの特徴で見分けられます。",
    },
    attribute_names=ATTRIBUTE_NAMES,
)
DOMAIN_24 = Domain(
    name="birds24",
    draw=draw,
    classes={"en": [s[0] for s in SPECIES], "ja": [s[1] for s in SPECIES]},
    attributes=ATTRIBUTES,
    description={
        "en": "Twenty-four species of birds described by twelve features, for zero-shot learning.",
        "ja": "12の特徴で記述された24種の鳥です。ゼロショット学習に使います。",
    },
    attribute_names=ATTRIBUTE_NAMES,
)
