"""Zero-shot learning: recognise a class that was never shown, by its description alone.

Lampert, Nickisch and Harmeling, "Learning to Detect Unseen Object Classes by Between-Class
Attribute Transfer", CVPR 2009. What links a picture to a description is learned on seen classes
(`eszsl.py`), its strengths chosen on seen classes held out in turn; then classes without a single
picture are told apart.

    accuracy = mean over unseen classes of the share of their images that get the right class

Accuracy is the mean over the unseen classes, so that a class counts alike whatever its images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.eszsl import METHODS, STRENGTHS
from tlhelpers.transfer.extraction import represent, span
from tlhelpers.transfer.heads import Standardizer
from tlhelpers.transfer.results import Result

FOLDS = 3  # groups of seen classes that play the unseen in turn when the strengths are chosen


def class_averaged_accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """The accuracy of each class that occurs (classes present,); its mean is the figure."""
    right = (scores.argmax(1) == labels).double()
    return torch.stack([right[labels == c].mean() for c in labels.unique()])


@dataclass
class ZeroShotResult(Result):
    """accuracy: class-averaged over the unseen classes; per_class: {name: accuracy}."""

    accuracy: float
    chance: float
    per_class: dict[str, float]
    method: str
    gamma: float
    lam: float
    test_reads: int
    predictions: Tensor = field(repr=False)  # (n,) class numbers of the task
    labels: Tensor = field(repr=False)  # (n,)


def zero_shot(
    backbone: nn.Module | str,
    task: Task,
    unseen: Sequence[int] | None = None,
    *,
    n_unseen: int = 5,
    seed: int = 0,
    method: str = "eszsl",
) -> ZeroShotResult:
    """Learn the attributes on the seen classes of `task`, recognise the unseen ones.

    backbone: a network, or "pixels" as a control. unseen: class numbers; None draws `n_unseen` by
    seed. gamma and lambda are chosen by cross-validation over held-out *seen* classes; images of
    unseen classes are looked at once, in the test split. Raises ValueError where the task has no
    attributes, or fewer than 2 unseen or FOLDS * 2 seen classes remain.
    """
    if task.attributes is None:
        raise ValueError(text("zeroshot.no_attributes", task=task.name))
    if method not in METHODS:
        raise ValueError(text("zeroshot.method", method=method, known=", ".join(METHODS)))
    if unseen is None:
        generator = torch.Generator().manual_seed(seed)
        unseen = torch.randperm(task.num_classes, generator=generator)[:n_unseen].sort().values
    unseen = torch.as_tensor(unseen).unique().tolist()
    seen = [c for c in range(task.num_classes) if c not in unseen]
    if len(unseen) < 2 or len(seen) < 2 * FOLDS or not set(unseen) < set(range(task.num_classes)):
        raise ValueError(text("zeroshot.classes", unseen=unseen, have=task.num_classes))

    known, new = task.only_classes(seen), task.only_classes(unseen)
    told = task.attributes
    features = represent(backbone, known.train, task)
    standardizer = Standardizer(features)
    centre = told[seen].float().mean(0)

    def describe(attributes: Tensor) -> Tensor:
        return F.normalize(attributes.float() - centre, dim=1)

    signatures, features = describe(told[seen]), standardizer(features)
    basis = span(features)  # V lies in it: raw pixels cost no more than they must
    features = features @ basis
    gamma, lam = choose_strengths(features, known.train.labels, signatures, method, seed)
    solve, score, _ = METHODS[method]
    learned = solve(features, known.train.labels, signatures)(gamma, lam)
    task.open_test()
    test = standardizer(represent(backbone, new.test, task)) @ basis
    scores = score(test, learned, describe(new.attributes))
    accuracies = class_averaged_accuracy(scores, new.test.labels)
    return ZeroShotResult(
        accuracy=accuracies.mean().item(),
        chance=1 / len(unseen),
        per_class=dict(zip(new.class_names, accuracies.tolist(), strict=True)),
        method=method,
        gamma=gamma,
        lam=lam,
        test_reads=task.test_reads,
        predictions=torch.tensor(unseen)[scores.argmax(1)],
        labels=torch.tensor(unseen)[new.test.labels],
    )


def choose_strengths(
    features: Tensor, labels: Tensor, signatures: Tensor, method: str, seed: int = 0
) -> tuple[float, float]:
    """(gamma, lambda) that recognise held-out seen classes best, over FOLDS groups of them."""
    solve, score, lams = METHODS[method]
    grid = list(product(STRENGTHS, lams))
    order = torch.randperm(len(signatures), generator=torch.Generator().manual_seed(seed))
    accuracies = torch.zeros(len(grid))
    for fold in order.chunk(FOLDS):
        fold = fold.sort().values
        held = torch.isin(labels, fold)
        kept = torch.isin(torch.arange(len(signatures)), fold).logical_not().nonzero()[:, 0]
        train, truth = (
            torch.searchsorted(kept, labels[~held]),
            torch.searchsorted(fold, labels[held]),
        )
        solution = solve(features[~held], train, signatures[kept])
        for i, strengths in enumerate(grid):
            scores = score(features[held], solution(*strengths), signatures[fold])
            accuracies[i] += class_averaged_accuracy(scores, truth).mean()
    return grid[accuracies.argmax()]
