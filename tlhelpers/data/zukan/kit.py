"""The drawing kit: a canvas for a batch of pictures, shapes as signed distances, textures, light.

A shape is its signed distance: a tensor (n, S, S), negative inside, in the units of the picture
(-1 to 1, x to the right, y down). Everything random is a hash of (the picture's key, how many
numbers were drawn before, position), so that a picture depends on its key and on nothing else.
Iñigo Quílez's "2D distance functions" is a good introduction to drawing this way.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Scalar: TypeAlias = (
    float | Tensor
)  # one number, or one for each picture: (n, 1, 1), or (n,) where it says so
AWAY = 9.0  # `distance + AWAY * (1 - present)` switches a part off
TEXTURES = (
    "plain",
    "stripes",
    "checks",
    "dots",
    "rings",
    "zigzag",
    "blotches",
    "bricks",
    "scales",
    "waves",
)
_GOLDEN = -0x61C8864680B583EB  # 2**64 divided by the golden ratio, as a signed number


def mix(bits: Tensor) -> Tensor:
    """Scramble int64 `bits`: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    bits = (bits ^ ((bits >> 30) & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
    bits = (bits ^ ((bits >> 27) & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
    return bits ^ ((bits >> 31) & 0x1FFFFFFFF)


def combine(key: Tensor, number: Tensor | int) -> Tensor:
    """A new key (n,) from a key and a number (n,) or int."""
    step = (number + 1) * _GOLDEN
    if isinstance(step, int):  # wrap as the tensors do
        step = (step + 2**63) % 2**64 - 2**63
    return mix(key + step)


class Canvas:
    """n pictures of size x size, painted together, one 64-bit key each.

    keys: LongTensor (n,). Coordinates: `x` (1, 1, S) and `y` (1, S, 1) from -1 to 1; `pixel` is
    the width of a pixel. `image`: float (n, 3, S, S) in 0..1. Random numbers come as (n, 1, 1),
    ready to meet coordinates, or as (n,) from the methods that say so.
    """

    def __init__(self, keys: Tensor, size: int = 64, device: str | torch.device = "cpu"):
        self.keys = keys.to(device)
        self.n, self.size, self.device = len(keys), size, self.keys.device
        middle = (torch.arange(size, device=self.device) + 0.5) / size * 2 - 1
        self.x, self.y = middle.view(1, 1, size), middle.view(1, size, 1)
        self.pixel = 2 / size
        self.scale: float | Tensor = 1.0
        self.image = torch.zeros(self.n, 3, size, size, device=self.device)
        self._drawn = 0

    # random numbers

    def _next(self) -> int:
        """The row of fresh bits in `_block`, which holds the next 64 for every picture."""
        row = self._drawn % 64
        if row == 0:
            count = torch.arange(64, device=self.device).view(-1, 1) + self._drawn
            self._block = combine(self.keys, count)
            self._shares = ((self._block >> 40) & 0xFFFFFF).float() / 0x1000000
        self._drawn += 1
        return row

    def _bits(self) -> Tensor:
        """64 fresh random bits a picture, int64 (n,)."""
        row = self._next()
        return self._block[row]

    def uniform1(self, low: Scalar = 0.0, high: Scalar = 1.0) -> Tensor:
        """Uniform between low and high (numbers or (n,)), (n,)."""
        row = self._next()
        return low + (high - low) * self._shares[row]

    def uniform(self, low: Scalar = 0.0, high: Scalar = 1.0) -> Tensor:
        """Uniform between low and high (numbers or (n, 1, 1)), (n, 1, 1)."""
        row = self._next()
        return low + (high - low) * self._shares[row].view(-1, 1, 1)

    def normal(self, sd: float = 1.0) -> Tensor:
        """About normal (the sum of four uniforms), mean 0, (n, 1, 1)."""
        bits = self._bits()
        total = sum(((bits >> shift) & 0xFFFF) for shift in (0, 16, 32, 48))
        return (sd * ((total.float() / 65536) - 2) * math.sqrt(3)).view(-1, 1, 1)

    def integers(self, k: int) -> Tensor:
        """Whole numbers 0..k-1, LongTensor (n,)."""
        return ((self._bits() >> 33) & 0x7FFFFFFF) % k

    def coin(self, p: Scalar = 0.5) -> Tensor:
        """1 with probability p, else 0; (n, 1, 1)."""
        return (self.uniform() < p).float()

    def _field(self, channels: int, side: int) -> Tensor:
        """Independent noise, mean 0, sd 1, triangular: (n, channels, side, side)."""
        bits = self._bits()
        start = bits.to(torch.int32).view(-1, 1, 1, 1)
        odd = ((bits >> 32) | 1).to(torch.int32).view(-1, 1, 1, 1)
        place = torch.arange(channels * side * side, dtype=torch.int32, device=self.device)
        hashed = (place * -0x61C88647).view(1, channels, side, side) + start
        hashed ^= hashed >> 15
        hashed *= odd
        hashed ^= hashed >> 13
        hashed *= -0x3D4D51CB
        total = (hashed & 0xFFFF) + (hashed >> 16)
        return total.float().sub_(32767.0).mul_(math.sqrt(6) / 65536)

    def noise(self, cells: int, channels: int = 1) -> Tensor:
        """Smooth noise, mean 0, sd about 1, `cells` lumps across: (n, channels, S, S).

        Interpolation averages neighbours; the factors at the end give back the lost contrast.
        """
        values = self._field(channels, cells)
        if cells == self.size:
            return values
        soft = cells * 3 < self.size
        shape = (self.size, self.size)
        mode = "bicubic" if soft else "bilinear"
        return F.interpolate(values, shape, mode=mode, align_corners=False) * (1.2 if soft else 1.4)

    def grain(self) -> Tensor:
        """Sensor noise, mean 0, sd about 1, as coarse as on 64 pixels: (n, 3, S, S)."""
        speckle = self._field(3, min(self.size, 64))
        if self.size <= 64:
            return speckle
        shape = (self.size, self.size)
        return F.interpolate(speckle, shape, mode="bilinear", align_corners=False)

    # coordinates and paint

    def frame(
        self,
        rotation: float = 0.4,
        scale: tuple[float, float] = (0.8, 1.1),
        shift: float = 0.15,
        flip: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """A random pose: the coordinates (u, v) of the body at every pixel, (n, S, S) each.

        Lengths of the body are multiplied by a factor in `scale` on the canvas; masks take it
        into account from here on.
        """
        angle, factor = self.uniform(-rotation, rotation), self.uniform(*scale)
        x, y = self.x - self.uniform(-shift, shift), self.y - self.uniform(-shift, shift)
        side = self.coin() * 2 - 1 if flip else 1.0
        cos, sin = torch.cos(angle) / factor, torch.sin(angle) / factor
        self.scale = factor
        return (cos * x + sin * y) * side, cos * y - sin * x

    def mask(self, distance: Tensor, softness: Scalar = 1.0) -> Tensor:
        """How much of each pixel lies inside (distance < 0): (n, 1, S, S), 0..1.

        softness: the width of the edge, a number or (n, 1, 1). 1 is one pixel of the picture;
        more is a blur, counted in pixels of a 64-pixel picture so that it looks the same at any
        size.
        """
        if isinstance(softness, Tensor):
            edge = (softness * (2 / 64)).clamp(min=self.pixel)
        else:
            edge = self.pixel if softness <= 1 else max(self.pixel, softness * 2 / 64)
        return (distance * (-self.scale / edge)).add_(0.5).clamp_(0, 1)[:, None]

    def paint(self, mask: Tensor, colour: Tensor) -> None:
        """Lay `colour` over the picture where `mask` is 1, in place."""
        self.image = self.image.contiguous().lerp_(colour.expand_as(self.image), mask)

    def ink(
        self, distance: Tensor, colour: Tensor, width: Scalar = 0.05, darkness: float = 0.25
    ) -> None:
        """Fill the shape with `colour` inside a darker outline of `width`."""
        slope = self.scale / self.pixel
        inside = (distance * -slope).add_(0.5)
        outside = (inside + width * slope).clamp_(0, 1)
        tone = inside.clamp_(0, 1).mul_(1 - darkness).add_(darkness)
        self.paint(outside[:, None], colour * tone[:, None])

    def background(
        self,
        clutter: int = 3,
        hue: Tensor | None = None,
        saturation: tuple[float, float] = (0.1, 0.5),
        value: tuple[float, float] = (0.45, 0.95),
    ) -> None:
        """A soft gradient with cloudy noise and `clutter` blurred blobs."""
        hue = self.uniform1() if hue is None else hue
        near = hsv(hue, self.uniform1(*saturation), self.uniform1(*value))
        far_hue = (hue + self.uniform1(-0.15, 0.15)) % 1
        far = hsv(far_hue, self.uniform1(*saturation), self.uniform1(*value))
        angle = self.uniform(0, 2 * math.pi)
        slope = 0.5 + 0.5 * (torch.cos(angle) * self.x + torch.sin(angle) * self.y)
        self.image = torch.lerp(near, far, slope.clamp(0, 1)[:, None])
        self.image = self.image + (0.045 * self.noise(6) + 0.02 * self.noise(20))
        for _ in range(clutter):
            tone = hsv(
                (hue + self.uniform1(-0.3, 0.3)) % 1,
                self.uniform1(*saturation),
                self.uniform1(0.3, 0.95),
            )
            spot = ellipse(
                self.x,
                self.y,
                self.uniform(-1.1, 1.1),
                self.uniform(-1.1, 1.1),
                self.uniform(0.05, 0.4),
                self.uniform(0.05, 0.25),
                self.uniform(0, math.pi),
            )
            self.paint(self.mask(spot, 4.0) * 0.6 * self.coin(0.7)[:, None], tone)

    def light(
        self,
        slope: float = 0.25,
        grain: float = 0.03,
        gain: tuple[float, float] = (0.75, 1.15),
    ) -> None:
        """Finish as a camera would: light falls off to one side, a tint, grain; clamp to 0..1."""
        angle = self.uniform(0, 2 * math.pi)
        fall = 1 + self.uniform(0, slope) * (torch.cos(angle) * self.x + torch.sin(angle) * self.y)
        tint = 1 + 0.06 * torch.cat([self.normal() for _ in "rgb"], 1)[..., None]
        lit = (self.image * (fall * self.uniform(*gain))[:, None]).mul_(tint)
        self.image = lit.add_(self.grain().mul_(grain)).clamp_(0, 1)


# colours


def hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Colour (n, 3, 1, 1) from hue (a turn is 1), saturation and value, each (n,)."""
    sector = torch.stack([hue * 6 + k for k in (5.0, 3.0, 1.0)], 1) % 6
    dip = torch.minimum(sector, 4 - sector).clamp(0, 1)
    return (value[:, None] * (1 - saturation[:, None] * dip))[..., None, None]


def shade(
    colour: Tensor, u: Tensor, v: Tensor, radius: Scalar = 0.8, strength: float = 0.35
) -> Tensor:
    """`colour` as on a round body lit from above: (n, 3, S, S)."""
    slope = ((v * 0.8 + u * 0.3) / radius).clamp_(-1, 1)
    return colour * slope.mul_(-strength).add_(1)[:, None]


# signed distances: u, v are coordinates, all other lengths numbers or (n, 1, 1)


def _length(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + y * y).add_(1e-6).sqrt_()


def disc(u: Tensor, v: Tensor, cx: Scalar, cy: Scalar, r: Scalar) -> Tensor:
    """A disc of radius r around (cx, cy)."""
    return _length(u - cx, v - cy) - r


def ellipse(
    u: Tensor,
    v: Tensor,
    cx: Scalar,
    cy: Scalar,
    a: Scalar,
    b: Scalar,
    rotation: Tensor | None = None,
) -> Tensor:
    """An ellipse with half axes a and b, turned by `rotation`."""
    x, y = u - cx, v - cy
    if rotation is not None:
        cos, sin = torch.cos(rotation), torch.sin(rotation)
        x, y = cos * x + sin * y, cos * y - sin * x
    a, b = torch.as_tensor(a, device=x.device), torch.as_tensor(b, device=x.device)
    return (_length(x * (1 / a), y * (1 / b)) - 1) * torch.minimum(a, b)


def capsule(
    u: Tensor,
    v: Tensor,
    ax: Scalar,
    ay: Scalar,
    bx: Scalar,
    by: Scalar,
    ra: Scalar,
    rb: Scalar,
) -> Tensor:
    """A limb from (ax, ay) of radius ra to (bx, by) of radius rb."""
    dx, dy = bx - ax, by - ay
    x, y = u - ax, v - ay
    square = dx * dx + dy * dy + 1e-6
    along = (x * (dx / square) + y * (dy / square)).clamp_(0, 1)
    return _length(x - along * dx, y - along * dy) - (ra + (rb - ra) * along)


def box(
    u: Tensor, v: Tensor, cx: Scalar, cy: Scalar, a: Scalar, b: Scalar, round: Scalar = 0.0
) -> Tensor:
    """A rectangle of half sides a and b, its corners rounded by `round`."""
    x, y = (u - cx).abs() - (a - round), (v - cy).abs() - (b - round)
    outside = _length(x.clamp(min=0), y.clamp(min=0))
    return outside + torch.maximum(x, y).clamp(max=0) - round


def union(d1: Tensor, d2: Tensor, smooth: float = 0.0) -> Tensor:
    """Both shapes; `smooth` > 0 melts them together over that distance."""
    if isinstance(smooth, float) and smooth == 0:
        return torch.minimum(d1, d2)
    near = (smooth - (d1 - d2).abs()).clamp(min=0) / smooth
    return torch.minimum(d1, d2) - near * near * (smooth / 4)


# textures


def _pattern(kind: int, u: Tensor, v: Tensor, f: Tensor, phase: Tensor) -> Tensor:
    """One regular texture before its edges are sharpened: positive where it is "on"."""
    if kind == 1:
        return torch.sin(u * f + phase)
    if kind == 2:
        return torch.sin(u * (f * 0.8) + phase) * torch.sin(v * (f * 0.8) + phase) * 1.5
    if kind == 3:
        return torch.cos(u * f + phase) + torch.cos(v * f + phase) - 0.9
    if kind == 4:
        return torch.sin(torch.sqrt(u * u + v * v + 1e-5) * (f * 1.2) + phase)
    if kind == 5:
        step = (u * (f * 0.29)) % 1
        return torch.sin(v * f + phase + 3.2 * (2 * step - 1).abs())
    if kind == 7:
        row = v * (f * 0.35) + phase
        joint = torch.cos(2 * math.pi * (u * (f * 0.2) + 0.5 * (torch.floor(row) % 2))) - 0.9
        return torch.maximum(torch.cos(2 * math.pi * row) - 0.75, joint) * 3
    if kind == 8:
        row = v * (f * 0.3) + phase
        across = (u * (f * 0.3) + 0.5 * (torch.floor(row) % 2)) % 1 - 0.5
        down = row % 1
        return (torch.sqrt(across * across + (down - 0.25) ** 2 * 0.6 + 1e-6) - 0.42) * 5
    return torch.sin(v * f + phase + 1.2 * torch.sin(u * (f * 0.7) + phase))


def texture(
    canvas: Canvas,
    kind: Tensor,
    u: Tensor,
    v: Tensor,
    frequency: Scalar,
    angle: Scalar,
    phase: Scalar,
) -> Tensor:
    """The texture with the number `kind` (n,) in TEXTURES for each picture: (n, 1, S, S), 0..1."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    u, v = cos * u + sin * v, cos * v - sin * u
    frequency = torch.as_tensor(frequency, device=u.device).expand(canvas.n, 1, 1)
    phase = torch.as_tensor(phase, device=u.device).expand(canvas.n, 1, 1)
    cloud = canvas._field(1, 10)
    result = torch.zeros_like(u)
    for number, name in enumerate(TEXTURES):
        rows = (kind == number).nonzero()[:, 0]
        if name == "plain" or not len(rows):
            continue
        if name == "blotches":
            shape = (canvas.size, canvas.size)
            lumps = F.interpolate(cloud[rows], shape, mode="bicubic", align_corners=False)
            result[rows] = (0.5 + (lumps[:, 0] - 0.3) * 3).clamp(0, 1)
        else:
            on = _pattern(number, u[rows], v[rows], frequency[rows], phase[rows])
            result[rows] = (0.5 + 2.5 * on).clamp(0, 1)
    return result[:, None]
