"""Ways to feed a network pictures that it was not made for, none of which raises an error.

Each takes uint8 pictures (n, 3, height, width) and returns what the network would be given. What is
right for the course's networks: 64 pixels, red first, (value - 0.5) / 0.25 of values in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F


def normalise(pictures: Tensor) -> Tensor:
    """As in pre-training: from 0..255 to 0..1, then mean 0.5 and spread 0.25."""
    return (pictures.float() / 255 - 0.5) / 0.25


MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "right": normalise,
    "blue_first": lambda pictures: normalise(pictures.flip(1)),
    "grey": lambda pictures: normalise(
        pictures.float().mean(1, keepdim=True).expand(-1, 3, -1, -1)
    ),
    "plain": lambda pictures: pictures.float() / 255,
    "scale": lambda pictures: (pictures.float() - 0.5) / 0.25,
    "half_size": lambda pictures: F.avg_pool2d(normalise(pictures), 2),
}
