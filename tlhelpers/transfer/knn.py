"""k nearest neighbours: the class that most of the k nearest training features have.

Cover and Hart, "Nearest Neighbor Pattern Classification", IEEE Transactions on Information
Theory, 1967. Nothing is trained: what is measured is the features alone. k is chosen on the
validation split, and the nearer neighbours decide a tie.

    class of x = argmax_c sum over the k nearest x_i of [y_i = c]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split, Task, require_task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import represent
from tlhelpers.transfer.heads import check_labels
from tlhelpers.transfer.results import Result

DISTANCES = 2**22  # held at a time, 16 MB: many photos must not need more memory than few


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
    require_task(task)
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
    predicted: list[list[Tensor]] = [[] for _ in candidates]
    classes = int(labels.max()) + 1
    for part in features.split(max(1, DISTANCES // len(train))):
        nearest = torch.cdist(part, train).topk(max(candidates), largest=False).indices
        for k, found in zip(candidates, predicted, strict=True):
            found.append(count_votes(labels[nearest[:, :k]], classes).argmax(1))
    return [torch.cat(found) for found in predicted]


def count_votes(near: Tensor, classes: int) -> Tensor:
    """The votes (m, classes) of the neighbours' classes near (m, k), the nearest first.

    Each nearer neighbour counts 0.0001 more, which settles ties only.
    """
    weights = 1 - 1e-4 * torch.arange(near.shape[1], device=near.device)
    return (F.one_hot(near, classes) * weights[:, None]).sum(1)
