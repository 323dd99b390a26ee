"""SimCLR: let a network go on learning from the target's own pictures, without a label.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020
(arXiv:2002.05709). Every picture is changed twice at random. Of all pictures in the batch, the
network must find the other view of the same one: what the two share is what it learns to see, and
what the changes destroy it learns to ignore. Over views z_i, scaled to length 1, with temperature T
and j the other view of i,

    loss = mean over i of -log( exp(z_i . z_j / T) / sum over k != i of exp(z_i . z_k / T) )

The loss reads the output of a small projection, which is thrown away afterwards. Here the body does
not start at random, as in the paper, but from pretrained weights: pre-training is continued, as
Gururangan et al., "Don't Stop Pretraining", 2020 (arXiv:2004.10964) do with texts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import head_of, unfreeze
from tlhelpers.runtime.arguments import require_network, require_number, require_whole
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import fit
from tlhelpers.train.predict import as_data
from tlhelpers.train.preprocessing import holds_pictures, require_pictures
from tlhelpers.transfer.results import Result

PROJECTED = 64  # numbers that the loss compares


@dataclass
class ContinuedResult(Result):
    """loss: of the last epoch, in nats; guessing is the logarithm of (2 x batch_size - 1)."""

    pictures: int
    epochs: int
    loss: float
    seconds: float
    model: nn.Module = field(repr=False)


def continue_pretraining(
    backbone: nn.Module,
    data: Task | Split | Tensor,
    *,
    epochs: int = 30,
    lr: float = 0.03,
    temperature: float = 0.2,
    batch_size: int = 100,
    crop: float = 0.5,
    seed: int = 0,
    progress: bool | None = None,
) -> ContinuedResult:
    """A copy of `backbone`, trained on with SimCLR on pictures whose labels are not read.

    data: uint8 images (n, 3, h, w), a split, or a task, whose training pictures are taken. crop:
    a view shows at least this share of the picture. The head of `backbone` is put back at the
    end; its body has moved. Raises ValueError for texts, fewer than two pictures, a temperature
    that is not above 0 or a crop that is not in (0, 1].
    """
    require_network("backbone", backbone)
    require_whole("batch_size", batch_size, 2)
    require_number("temperature", temperature, above=True)
    require_number("crop", crop, 0, 1, above=True)
    split = data.train if isinstance(data, Task) else as_data(data)
    if len(split) < 2:
        raise ValueError(text("unsupervised.too_few", count=len(split), least=2))
    if not holds_pictures(split):
        raise ValueError(text("unsupervised.views_of_pictures"))
    require_pictures(split)
    model = unfreeze(copy.deepcopy(backbone))
    parent, name = head_of(model)
    head = getattr(parent, name)
    width = head.weight.shape[1]
    with torch.random.fork_rng(devices=[]):
        set_seed(seed)
        setattr(parent, name, projection(width).to(head.weight.device))

    def loss(network: nn.Module, views: Tensor, _labels: Tensor, _rows: Tensor) -> Tensor:
        return nt_xent(network(views), temperature)

    history = fit(
        model,
        Split(split.inputs, torch.zeros(len(split), dtype=torch.long)),
        augment=two_views(crop),
        loss=loss,
        epochs=epochs,
        batch_size=min(batch_size, len(split)),
        optimizer="sgd",
        lr=lr,
        weight_decay=1e-4,
        clip_norm=1.0,
        seed=seed,
        precision="fp32",
        progress=progress,
    )
    setattr(parent, name, head.to(next(model.parameters()).device))  # where the rest is now
    return ContinuedResult(
        pictures=len(split),
        epochs=epochs,
        loss=history.train_loss[-1],
        seconds=history.seconds,
        model=model,
    )


def nt_xent(projected: Tensor, temperature: float = 0.2) -> Tensor:
    """The loss above, in nats, of outputs (2n, d): the views of n pictures, then the other views
    in the same order."""
    z = F.normalize(projected, dim=1)
    alike = z @ z.T / temperature
    alike = alike.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
    other = (torch.arange(len(z), device=z.device) + len(z) // 2) % len(z)
    return F.cross_entropy(alike, other)


def projection(width: int) -> nn.Module:
    """From features (n, width) to what the loss compares: two layers, as in the paper."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, PROJECTED))


def two_views(crop: float = 0.5) -> Callable[[Tensor, torch.Generator], Tensor]:
    """From a batch (n, 3, h, w) to (2n, 3, h, w): two random views of each picture.

    A view is a part of the picture, at least a share `crop` of it, enlarged, perhaps mirrored in
    either direction, a little brighter or darker, its colours a little shifted.
    """

    def views(images: Tensor, generator: torch.Generator) -> Tensor:
        return torch.cat([_view(images, crop, generator) for _ in range(2)])

    return views


def _view(images: Tensor, crop: float, generator: torch.Generator) -> Tensor:
    count, device = len(images), images.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        drawn = torch.rand(count, *shape, generator=generator, device=generator.device)
        return drawn.to(device) * (high - low) + low

    pictures = images.float() / 255 if images.dtype == torch.uint8 else images
    side = uniform(crop, 1).sqrt()
    place = torch.zeros(count, 2, 3, device=device)
    for axis in range(2):
        mirrored = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
        place[:, axis, axis] = side * mirrored
        place[:, axis, 2] = (1 - side) * uniform(-1, 1)
    grid = F.affine_grid(place, list(pictures.shape), align_corners=False)
    seen = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    seen = seen * uniform(0.8, 1.2, 3, 1, 1) + uniform(-0.1, 0.1, 1, 1, 1)
    seen = seen.clamp(0, 1)
    return (seen * 255).round().to(torch.uint8) if images.dtype == torch.uint8 else seen
