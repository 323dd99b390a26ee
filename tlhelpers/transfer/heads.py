"""Linear heads on features: a whole grid of learning rates and weight decays in one computation.

A head is softmax regression, mean_i -log softmax(W f_i + b)[y_i] + weight_decay / 2 ||W||^2,
trained by stochastic gradient descent. All heads see the same batches, so that their products
with the features are one product, and twenty of them cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split
from tlhelpers.runtime.device import release_memory
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import fit
from tlhelpers.train.predict import require_labels

LEARNING_RATES = (0.3, 1.0, 3.0, 10.0, 30.0)
WEIGHT_DECAYS = (1e-5, 1e-4, 1e-3, 1e-2)
LEAST_STEPS = 150  # a small training set is passed more often than `epochs` times
JUDGED = 512  # examples whose scores by all heads are held at a time
LARGE, RELEASE_EVERY = 1 << 20, 25  # bytes of weights from which on memory is released; steps


class Standardizer:
    """Shifts and scales features (n, d) by what the training features show.

    Columns get mean 0, and one spread each (`columns`) or their own; the rows then have a mean
    squared length of 1, so that one grid of learning rates serves every d.
    """

    def __init__(self, features: Tensor, columns: bool = True):
        self.mean = features.mean(0)
        spread = features.std(0, correction=0)
        largest = spread.max().clamp_min(1e-12)
        if columns:  # a column that hardly varies must not become noise
            self.scale = spread.clamp_min(1e-3 * largest) * features.shape[1] ** 0.5
        else:
            self.scale = spread.square().sum().sqrt().clamp_min(1e-12).expand_as(spread)

    def __call__(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.scale


class Heads(nn.Module):
    """h linear heads side by side: features (n, d) -> logits (n, h, classes)."""

    preprocess = nn.Identity()

    def __init__(self, d: int, num_classes: int, grid: list[tuple[float, float]]):
        """grid: the learning rate and the weight decay of each head."""
        super().__init__()
        self.grid = grid
        self.shape = (len(grid), num_classes)
        self.weight = nn.Parameter(torch.zeros(d, len(grid) * num_classes))
        self.bias = nn.Parameter(torch.zeros(len(grid) * num_classes))
        learning_rates, weight_decays = torch.tensor(grid).T.contiguous()
        self.register_buffer("learning_rates", learning_rates)
        self.register_buffer("weight_decays", weight_decays)

    def forward(self, features: Tensor) -> Tensor:
        return torch.addmm(self.bias, features, self.weight).unflatten(1, self.shape)

    def loss(self, model: nn.Module, features: Tensor, labels: Tensor, _rows: Any) -> Tensor:
        """Sum over heads of learning rate * (cross-entropy + weight decay / 2 * ||W||^2).

        SGD is linear in the gradient: a factor before a head's loss is a learning rate of its own.
        """
        logits = model(features)
        wanted = labels[:, None].expand(-1, self.shape[0])
        entropy = F.cross_entropy(logits.mT, wanted, reduction="none").mean(0)
        norms = self.weight.unflatten(1, self.shape).square().sum((0, 2))
        return self.learning_rates @ (entropy + self.weight_decays / 2 * norms)

    def head(self, index: int, standardizer: Standardizer) -> nn.Linear:
        """Head `index` as a layer for plain features, the standardisation folded in."""
        weight = self.weight.detach().unflatten(1, self.shape)[:, index].T / standardizer.scale
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight.data = weight
        linear.bias.data = self.bias.detach().unflatten(0, self.shape)[index] - (
            weight @ standardizer.mean
        )
        return linear


def fit_heads(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    learning_rates: Sequence[float] = LEARNING_RATES,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    max_steps: int | None = None,
    after_step: Callable[[int, nn.Module], bool | None] | None = None,
) -> Heads:
    """One head for every pair of learning rate and weight decay, all in one computation.

    features: (n, d), of the scale that `Standardizer` gives; labels: (n,). max_steps,
    after_step: as in `fit`. Raises ValueError for wrong shapes or labels, and where a class has no
    example.
    """
    check_labels(features, labels, num_classes)
    grid = list(product(learning_rates, weight_decays))
    heads = Heads(features.shape[1], num_classes, grid)

    def watch(step: int, model: nn.Module) -> bool | None:
        """glibc fits no large gradient into the hole that the last one left: the heap would grow
        by hundreds of megabytes that nothing uses."""
        if heads.weight.nbytes >= LARGE and step % RELEASE_EVERY == 0:
            release_memory()
        return after_step(step, model) if after_step else None

    fit(
        heads,
        Split(features, labels),
        loss=heads.loss,
        max_steps=max_steps or usual_steps(len(labels), epochs, batch_size),
        after_step=watch,
        batch_size=batch_size,
        optimizer="sgd",
        lr=1.0,
        weight_decay=0.0,
        keep_best=False,
        seed=seed,
        precision="fp32",
        progress=False,
    )
    return heads.cpu()


def usual_steps(count: int, epochs: int = 10, batch_size: int = 64) -> int:
    """Steps of `fit_heads` on so many examples: whole epochs, and LEAST_STEPS at least."""
    steps_an_epoch = -(-count // batch_size)
    return max(epochs, -(-LEAST_STEPS // steps_an_epoch)) * steps_an_epoch


def choose_head(heads: Heads, features: Tensor, labels: Tensor) -> tuple[int, list[dict]]:
    """The head with the best accuracy on these validation features, the lower loss on a tie.

    Returns its index and, for every head, its learning rate, weight decay and accuracy.
    """
    hits, losses = [], []
    for rows in torch.arange(len(labels)).split(JUDGED):
        with torch.no_grad():
            logits = heads(features[rows])
        wanted = labels[rows, None].expand(-1, logits.shape[1])
        hits.append(logits.argmax(2) == wanted)
        losses.append(F.cross_entropy(logits.mT, wanted, reduction="none"))
    accuracy, loss = torch.cat(hits).double().mean(0), torch.cat(losses).mean(0)
    best = max(range(len(loss)), key=lambda i: (accuracy[i].item(), -loss[i].item()))
    return best, [
        {"learning_rate": rate, "weight_decay": decay, "valid_acc": value}
        for (rate, decay), value in zip(heads.grid, accuracy.tolist(), strict=True)
    ]


class SelectedHead(NamedTuple):
    """head: for plain features; chosen: its entry in `grid`, which has one for every head tried
    (learning_rate, weight_decay, valid_acc)."""

    head: nn.Linear
    chosen: dict[str, float]
    grid: list[dict[str, float]]


def select_head(
    train: Tensor,
    labels: Tensor,
    valid: Tensor,
    valid_labels: Tensor,
    num_classes: int | None = None,
    *,
    standardize: bool = True,
    **options: Any,
) -> SelectedHead:
    """A linear probe: heads for a grid of settings on features (n, d) of the training split, and
    of them the one that does best on those of the validation split.

    num_classes: None counts the classes of `labels`. standardize: as `columns` of `Standardizer`.
    Other options go to `fit_heads`, which also says what is raised.
    """
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    standardizer = Standardizer(train, columns=standardize)
    heads = fit_heads(standardizer(train), labels, num_classes, **options)
    best, grid = choose_head(heads, standardizer(valid), valid_labels)
    return SelectedHead(heads.head(best, standardizer), grid[best], grid)


def check_labels(features: Tensor, labels: Tensor, num_classes: int) -> None:
    """ValueError unless every row has one label from 0 and every class has a row."""
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        shapes = {"features": tuple(features.shape), "labels": tuple(labels.shape)}
        raise ValueError(text("features.shapes", **shapes))
    require_labels(labels, num_classes)
    empty = torch.bincount(labels, minlength=num_classes).eq(0).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(text("features.empty_classes", classes=empty))
