"""Zero-shot learning: recognise a class that was never shown, by its description alone.

Romera-Paredes and Torr, "An embarrassingly simple approach to zero-shot learning" (ESZSL), ICML
2015. A class is described by its attributes (a signature). A bilinear map V from features to
attributes is learned on the seen classes in closed form, with a regulariser on either side;
an image gets the unseen class whose signature fits best.

    V = (X X^T + gamma I)^-1  X Y S^T  (S S^T + lambda I)^-1,    class of x = argmax_c x^T V s_c

X: (d, n) features; Y: (n, z), 1 where the image is of the class and -1 elsewhere; S: (a, z)
signatures of the seen classes. The baseline predicts the attributes by ridge regression and takes
the nearest signature: direct attribute prediction, after Lampert et al., CVPR 2009.
Accuracy is the mean over the unseen classes, so that a class counts alike whatever its images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import represent, span
from tlhelpers.transfer.heads import Standardizer
from tlhelpers.transfer.results import Result

STRENGTHS = tuple(10.0**exponent for exponent in range(-3, 4))  # for gamma and lambda
Solution = Callable[[float, float], Tensor]
FOLDS = 3  # groups of seen classes that play the unseen in turn when the strengths are chosen


def solve_eszsl(features: Tensor, labels: Tensor, signatures: Tensor) -> Solution:
    """V (d, a) as a function of gamma and lambda, through eigenvectors of X X^T and S S^T.

    features: (n, d), labels: (n,) numbers of the rows of signatures (z, a). The decompositions
    are the cost: a whole grid of strengths takes little more than one.
    """
    _check(features, labels, signatures)
    x, s = features.double(), signatures.double()
    y = 2 * F.one_hot(labels, len(s)).double() - 1
    left, p = torch.linalg.eigh(x.T @ x)
    right, q = torch.linalg.eigh(s.T @ s)
    core = p.T @ (x.T @ y @ s) @ q
    return lambda gamma, lam: (p @ (core / torch.outer(left + gamma, right + lam)) @ q.T).float()


def score_eszsl(features: Tensor, bilinear: Tensor, signatures: Tensor) -> Tensor:
    """x^T V s_c for each image and class: (n, classes)."""
    return features @ bilinear @ signatures.T


def solve_attributes(features: Tensor, labels: Tensor, signatures: Tensor) -> Solution:
    """Ridge regression (d, a) from features to attributes as a function of gamma."""
    _check(features, labels, signatures)
    x = features.double()
    left, p = torch.linalg.eigh(x.T @ x)
    core = p.T @ (x.T @ signatures.double()[labels])
    return lambda gamma, _lam: (p @ (core / (left + gamma)[:, None])).float()


def score_attributes(features: Tensor, regression: Tensor, signatures: Tensor) -> Tensor:
    """Minus the distance between predicted attributes and signature: (n, classes)."""
    return -torch.cdist(features @ regression, signatures)


METHODS: dict[str, tuple[Callable, Callable, tuple[float, ...]]] = {
    "eszsl": (solve_eszsl, score_eszsl, STRENGTHS),
    "attributes": (solve_attributes, score_attributes, (0.0,)),
}


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
    features = represent(backbone, known.train, task)
    standardizer = Standardizer(features)
    centre = known.attributes.float().mean(0)

    def describe(attributes: Tensor) -> Tensor:
        return F.normalize(attributes.float() - centre, dim=1)

    signatures, features = describe(known.attributes), standardizer(features)
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


def _check(features: Tensor, labels: Tensor, signatures: Tensor) -> None:
    present = torch.bincount(labels, minlength=len(signatures))
    if features.ndim != 2 or len(features) != len(labels) or len(present) != len(signatures):
        shapes = [tuple(t.shape) for t in (features, labels, signatures)]
        raise ValueError(text("zeroshot.shapes", shapes=shapes))
    if (present == 0).any():
        raise ValueError(text("zeroshot.empty", classes=(present == 0).nonzero()[:, 0].tolist()))
