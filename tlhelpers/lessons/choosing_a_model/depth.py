"""Plain and residual networks of any depth that differ in one addition and in nothing else.

He et al., "Deep Residual Learning for Image Recognition", 2016 (arXiv:1512.03385), section 4.2:
three stages of n blocks of two 3 x 3 convolutions, 6n + 2 layers in all. A shortcut that meets
a smaller and wider map takes every second pixel and pads with zeros, so that it has no weight.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 8  # channels of the first stage; the second and third have twice and four times as many


class Block(nn.Module):
    """relu(f(x) + x), or relu(f(x)) without `skip`; f is two convolutions with BatchNorm."""

    def __init__(self, channels: int, outputs: int, skip: bool):
        super().__init__()
        self.skip, self.stride = skip, 1 if channels == outputs else 2
        self.conv1 = nn.Conv2d(channels, outputs, 3, self.stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.skip:
            x = x[:, :, :: self.stride, :: self.stride]
            y = y + F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return F.relu(y)


def tower(depth: int, skip: bool, num_classes: int) -> nn.Sequential:
    """A network of `depth` layers (8, 14, 20, ...) for pictures (n, 3, height, width).

    Raises ValueError for a depth that is not 6n + 2.
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"depth {depth} is not 8, 14, 20, ...")
    stem = [nn.Conv2d(3, WIDTH, 5, stride=4, padding=2, bias=False), nn.BatchNorm2d(WIDTH)]
    layers: list[nn.Module] = [*stem, nn.ReLU()]
    channels = WIDTH
    for outputs in (WIDTH, 2 * WIDTH, 4 * WIDTH):
        for _ in range(blocks):
            layers.append(Block(channels, outputs, skip))
            channels = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
    network = nn.Sequential(*layers)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
