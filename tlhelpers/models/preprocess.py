"""What a network wants its pictures to be: their size, and their mean and deviation.

Every backbone carries its own: the normalisation of another model is a classic mistake, and
costs accuracy without any error message.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Preprocess(nn.Module):
    """uint8 images (n, 3, height, width), or floats in [0, 1], to what the network takes.

    size: the shorter side after resizing, in pixels; images that have it stay as they are.
    crop: the side of the square cut out of the middle afterwards; None keeps the whole image.
    mode: "bilinear" or "bicubic"; either averages over the pixels that it merges (antialias).
    """

    unit_range = True  # floats are taken to lie in [0, 1]

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        size: int | None = None,
        crop: int | None = None,
        mode: str = "bilinear",
    ):
        super().__init__()
        self.mean, self.std = tuple(mean), tuple(std)
        self.size, self.crop, self.mode = size, crop, mode
        self._constants: dict[torch.device, Tensor] = {}  # copied to each device only once

    def forward(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images.float().div_(255)
        images = self._cut(self._resize(images))
        if images.device not in self._constants:
            self._constants[images.device] = torch.tensor(
                [self.mean, self.std], device=images.device
            ).view(2, 1, 3, 1, 1)
        mean, std = self._constants[images.device]
        return (images - mean) / std

    def _resize(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if self.size is None or min(height, width) == self.size:
            return images
        scale = self.size / min(height, width)
        shape = round(height * scale), round(width * scale)
        resized = F.interpolate(images, shape, mode=self.mode, antialias=True, align_corners=False)
        return resized.clamp(0, 1) if self.mode == "bicubic" else resized  # bicubic overshoots

    def _cut(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if self.crop is None or min(height, width) < self.crop:
            return images
        top, left = (height - self.crop) // 2, (width - self.crop) // 2
        return images[..., top : top + self.crop, left : left + self.crop]

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}, size={self.size}, crop={self.crop}, {self.mode}"
