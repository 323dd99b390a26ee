"""A small ContextNet: the course's network of spoken words.

Han et al., "ContextNet: Improving convolutional neural networks for automatic speech recognition
with global context", 2020 (arXiv:2005.03191). Convolutions run along time only. Each is split into
one of every channel by itself (depthwise) and one that mixes the channels (pointwise), and
squeeze-and-excitation (Hu et al., arXiv:1709.01507) lets the whole sound turn channels up or down:

    block(x) = SiLU(SE(conv(conv(x))) + shortcut(x)),    conv = depthwise, pointwise, BatchNorm
    SE(x) = x * sigmoid(W2 SiLU(W1 mean_t(x)))

The paper has 23 blocks and transcribes sentences. Four blocks and one answer a sound do here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.sounds.frontend import MELS

CHANNELS = 96
BLOCKS = ((96, 1), (96, 2), (96, 1), (128, 2))  # (channels, stride) of each block
KERNEL = 5  # frames
SQUEEZE = 8  # times fewer channels in the middle of squeeze-and-excitation


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1 that the mean over all time decides."""

    def __init__(self, channels: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // SQUEEZE)
        self.excite = nn.Linear(channels // SQUEEZE, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, channels, frames)."""
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(x.mean(2)))))
        return x * gate[:, :, None]


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A depthwise separable convolution along time, and BatchNorm."""
    return nn.Sequential(
        nn.Conv1d(inputs, inputs, KERNEL, stride, KERNEL // 2, groups=inputs, bias=False),
        nn.Conv1d(inputs, outputs, 1, bias=False),
        nn.BatchNorm1d(outputs),
    )


class ContextBlock(nn.Module):
    """Two separable convolutions, squeeze-and-excitation, and a shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.convolutions = nn.Sequential(
            separable(inputs, outputs), nn.SiLU(), separable(outputs, outputs, stride)
        )
        self.excite = SqueezeExcite(outputs)
        self.shortcut = nn.Sequential(
            nn.Conv1d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm1d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, frames) -> (n, outputs, frames / stride)."""
        return F.silu(self.excite(self.convolutions(x)) + self.shortcut(x))


class ContextNet(nn.Module):
    """Log-mels (n, mels, frames) of any length -> scores (n, num_classes).

    Features, the input of `head`: (n, 256), the mean and the maximum of 128 channels over time.
    """

    def __init__(self, num_classes: int, mels: int = MELS):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(mels, CHANNELS, KERNEL, 2, KERNEL // 2, bias=False),
            nn.BatchNorm1d(CHANNELS),
            nn.SiLU(),
        )
        channels, blocks = CHANNELS, []
        for outputs, stride in BLOCKS:
            blocks.append(ContextBlock(channels, outputs, stride))
            channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        frames = self.blocks(self.stem(x))
        return self.head(self.dropout(torch.cat([frames.mean(2), frames.amax(2)], 1)))
