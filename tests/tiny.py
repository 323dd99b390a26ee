"""A network and a task small enough for tests: four colours of blob, told apart in seconds."""

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task


class Normalise(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return (images.float() / 255 - 0.5) / 0.25


class TinyNet(nn.Module):
    """conv1, bn1, layer1, fc on 16-pixel pictures; 12 features."""

    def __init__(self, num_classes: int = 4):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.ReLU())
        self.fc = nn.Linear(12, num_classes)
        self.preprocess = Normalise()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer1(self.bn1(self.conv1(x)).relu()).mean((2, 3)))


COLOURS = torch.tensor([[220, 40, 40], [40, 200, 60], [50, 60, 220], [210, 200, 40]])


def tiny_task(per_class: int = 12, classes: int = 4, seed: int = 0) -> Task:
    """Noisy pictures, uint8 (n, 3, 16, 16), whose mean colour is their class."""
    generator = torch.Generator().manual_seed(seed)

    def split(count: int) -> Split:
        labels = torch.arange(classes).repeat(count)
        noise = torch.randn(len(labels), 3, 16, 16, generator=generator) * 60
        images = (COLOURS[labels][:, :, None, None] + noise).clamp(0, 255).to(torch.uint8)
        return Split(images, labels)

    names = ["red", "green", "blue", "yellow"][:classes]
    parts = {"train": split(per_class), "valid": split(8), "test": split(10)}
    return Task(
        name="tiny",
        **parts,
        classes={"en": names, "ja": names},
    )
