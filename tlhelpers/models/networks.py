"""The course's own networks: three families, small enough to train in minutes on a laptop.

They are torchvision's classes with fewer channels, so that what is learned on them (module
names, where the head is, what a stage is) holds for the large ones without a change. Pictures
come in at 64 x 64; any size from 48 up works.

He et al., Deep Residual Learning for Image Recognition, 2016 (arXiv:1512.03385).
Simonyan and Zisserman, Very Deep Convolutional Networks, 2015 (arXiv:1409.1556).
Szegedy et al., Going Deeper with Convolutions, 2015 (arXiv:1409.4842).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torchvision.models.googlenet import BasicConv2d, GoogLeNet, Inception, InceptionAux
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.vgg import VGG, make_layers


def zukan_resnet(num_classes: int) -> ResNet:
    """A residual network: one block a stage, 16 to 256 channels, 1.0 million parameters.

    The stem (5 x 5 convolution and pooling) divides the resolution by 4: 64 pixels become
    16, 8, 4 and 2 in layer1 to layer4. Features: (n, 256).
    """
    return residual(num_classes, (24, 48, 96, 256))


def zukan_small(num_classes: int) -> ResNet:
    """The same with 16 to 64 channels, 0.1 million parameters: what fits a small device.

    Features: (n, 64).
    """
    return residual(num_classes, (16, 24, 32, 64))


def residual(num_classes: int, channels: Sequence[int]) -> ResNet:
    """One residual block a stage, with so many channels in layer1 to layer4."""
    with torch.device("meta"):  # every layer is replaced: do not fill torchvision's large ones
        network = ResNet(BasicBlock, [1, 1, 1, 1])
    network.conv1 = nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2, bias=False)
    network.bn1 = nn.BatchNorm2d(16)
    network.inplanes = 16  # torchvision's own counter: the channels that enter the next stage
    for stage, width in enumerate(channels, start=1):
        layer = network._make_layer(BasicBlock, width, blocks=1, stride=1 + (stage > 1))
        setattr(network, f"layer{stage}", layer)
    network.fc = nn.Linear(channels[-1], num_classes)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def zukan_vgg(num_classes: int) -> VGG:
    """Plain 3 x 3 convolutions and pooling, 16 to 256 channels, 1.3 million parameters.

    Features: (n, 256), the input of the last layer of `classifier`.
    """
    layers = [16, "M", 32, "M", 64, "M", 128, "M", 256, 256, "M"]
    with torch.device("meta"):  # do not fill torchvision's classifier, a hundred times larger
        network = VGG(nn.Identity(), init_weights=False)
    network.features = make_layers(layers, batch_norm=True)
    network.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    network.classifier = nn.Sequential(
        nn.Linear(256 * 2 * 2, 256),
        nn.ReLU(inplace=True),
        nn.Dropout(0.2),
        nn.Linear(256, num_classes),
    )
    return network


def zukan_inception(num_classes: int) -> GoogLeNet:
    """GoogLeNet with all its nine blocks and half its channels, 1.4 million parameters.

    Without the auxiliary heads. Features: (n, 512).
    """

    def half_conv(inputs: int, outputs: int, **options: Any) -> BasicConv2d:
        return BasicConv2d(inputs if inputs == 3 else inputs // 2, outputs // 2, **options)

    def half_inception(*channels: int) -> Inception:
        return Inception(*(count // 2 for count in channels))

    network = GoogLeNet(
        num_classes,
        aux_logits=False,
        init_weights=False,
        blocks=[half_conv, half_inception, InceptionAux],
    )
    network.fc = nn.Linear(512, num_classes)
    return network


# The names by which cards of weights know these networks.
ARCHITECTURES = {
    "zukan_resnet": zukan_resnet,
    "zukan_small": zukan_small,
    "zukan_vgg": zukan_vgg,
    "zukan_inception": zukan_inception,
}
