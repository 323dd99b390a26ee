"""Feature extraction: the backbone stays frozen, and only what reads its features is learned.

Donahue et al., "DeCAF", 2014 (arXiv:1310.1531); Alain and Bengio, "Understanding intermediate
layers using linear classifier probes", 2016 (arXiv:1610.01644). Features are computed once and
cached, so that many heads, or none, can be tried in the time of one pass.

    probe   a linear head, its learning rate and weight decay chosen on the validation split
    knn     the class that most of the k nearest training features have; nothing is trained
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import extract_features, represent, stream_features
from tlhelpers.transfer.heads import (
    LEARNING_RATES,
    WEIGHT_DECAYS,
    Standardizer,
    check_labels,
    choose_head,
    fit_heads,
)
from tlhelpers.transfer.results import Result

__all__ = [
    "KnnResult",
    "ProbeResult",
    "extract_features",
    "fit_heads",
    "knn",
    "probe",
    "represent",
    "stream_features",
]


@dataclass
class ProbeResult(Result):
    """head: the chosen nn.Linear, for plain features; grid: one dict for every head tried.

    seconds: in all, with the extraction of features that were not in the cache.
    """

    test_acc: float
    valid_acc: float
    learning_rate: float
    weight_decay: float
    heads: int
    seconds: float
    test_reads: int
    head: nn.Linear = field(repr=False)
    grid: list[dict[str, float]] = field(repr=False)


def probe(
    backbone: nn.Module | str,
    task: Task,
    *,
    learning_rates: Sequence[float] = LEARNING_RATES,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    standardize: bool = True,
) -> ProbeResult:
    """Fit linear heads on the features of the training split, keep the best on the validation
    split, and read the test split once.

    backbone: a network, or "pixels" as a control. standardize: every feature to mean 0 and the
    same spread, as measured on the training split.
    """
    start = time.perf_counter()
    train, valid = (represent(backbone, split, task) for split in (task.train, task.valid))
    standardizer = Standardizer(train, columns=standardize)
    heads = fit_heads(
        standardizer(train),
        task.train.labels,
        task.num_classes,
        learning_rates,
        weight_decays,
        epochs,
        batch_size,
        seed,
    )
    best, grid = choose_head(heads, standardizer(valid), task.valid.labels)
    head = heads.head(best, standardizer)
    test = task.open_test()
    right = head(represent(backbone, test, task)).argmax(1) == test.labels
    return ProbeResult(
        test_acc=right.double().mean().item(),
        heads=len(grid),
        seconds=time.perf_counter() - start,
        test_reads=task.test_reads,
        head=head,
        grid=grid,
        **grid[best],
    )


@dataclass
class KnnResult(Result):
    """k: the number of neighbours that did best on the validation split."""

    test_acc: float
    valid_acc: float
    k: int
    metric: str
    seconds: float
    test_reads: int


def knn(
    backbone: nn.Module | str,
    task: Task,
    k: int | Sequence[int] = (1, 3, 5, 11),
    metric: str = "cosine",
) -> KnnResult:
    """Classify by the majority of the k nearest training features, the nearer ones on a tie.

    metric: "cosine" or "euclidean". Of several k the one that does best on the validation split is
    taken; those that pass the training split are left out. Raises ValueError for another metric,
    or where no k fits.
    """
    start = time.perf_counter()
    train = represent(backbone, task.train, task)
    candidates = [k] if isinstance(k, int) else [n for n in k if n <= len(train)]
    check_labels(train, task.train.labels, task.num_classes)
    if metric not in ("cosine", "euclidean"):
        raise ValueError(text("features.metric", metric=metric))
    if not candidates or not 1 <= min(candidates) <= max(candidates) <= len(train):
        raise ValueError(text("features.neighbours", k=k, have=len(train)))

    def accuracies(split: Split) -> list[float]:
        features = represent(backbone, split, task)
        predicted = vote(train, task.train.labels, features, candidates, metric)
        return [(p == split.labels).double().mean().item() for p in predicted]

    valid = accuracies(task.valid)
    best = max(range(len(candidates)), key=valid.__getitem__)
    test = accuracies(task.open_test())
    return KnnResult(
        test_acc=test[best],
        valid_acc=valid[best],
        k=candidates[best],
        metric=metric,
        seconds=time.perf_counter() - start,
        test_reads=task.test_reads,
    )


def vote(
    train: Tensor, labels: Tensor, features: Tensor, candidates: Sequence[int], metric: str
) -> list[Tensor]:
    """The predicted classes (m,) of features (m, d) for every k in `candidates`."""
    if metric == "cosine":  # the order of Euclidean distances between unit vectors
        train, features = F.normalize(train, dim=1), F.normalize(features, dim=1)
    predicted = [[] for _ in candidates]
    for part in features.split(1024):
        nearest = torch.cdist(part, train).topk(max(candidates), largest=False).indices
        votes = F.one_hot(labels[nearest], int(labels.max()) + 1).float()
        votes *= 1 - 1e-4 * torch.arange(votes.shape[1]).view(1, -1, 1)  # settles ties only
        for k, found in zip(candidates, predicted, strict=True):
            found.append(votes[:, :k].sum(1).argmax(1))
    return [torch.cat(found) for found in predicted]
