"""Zero-shot learning: recognise a class that was never shown, by its description alone.

Lampert, Nickisch and Harmeling, "Learning to Detect Unseen Object Classes by Between-Class
Attribute Transfer", CVPR 2009. What links a picture to a description is learned on seen classes
(`eszsl.py`), its strengths chosen on seen classes held out in turn; then classes without a single
picture are told apart.

    accuracy = mean over unseen classes of the share of their images that get the right class

Accuracy is the mean over the unseen classes, so that a class counts alike whatever its images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split, Task, require_task
from tlhelpers.runtime.arguments import is_whole, require_seed, require_whole
from tlhelpers.runtime.language import text
from tlhelpers.transfer.eszsl import METHODS, STRENGTHS
from tlhelpers.transfer.extraction import represent, span
from tlhelpers.transfer.heads import Standardizer
from tlhelpers.transfer.results import Result

FOLDS = 3  # groups of seen classes that play the unseen in turn when the strengths are chosen
ORDERS = 3  # ways to make such groups, over which the choice is averaged


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
    attributes, where two unseen classes have the same ones, or where fewer than 2 unseen or
    FOLDS * 2 seen classes remain.
    """
    unseen, seen = part_classes(task, unseen, n_unseen, seed, method)
    require_different(task, unseen)
    link = learn_link(backbone, task, seen, method, seed)
    new = task.only_classes(unseen)
    task.open_test()
    scores = link.score(link.read(new.test), unseen)
    accuracies = class_averaged_accuracy(scores, new.test.labels)
    return ZeroShotResult(
        accuracy=accuracies.mean().item(),
        chance=1 / len(unseen),
        per_class=dict(zip(new.class_names, accuracies.tolist(), strict=True)),
        method=method,
        gamma=link.gamma,
        lam=link.lam,
        test_reads=task.test_reads,
        predictions=torch.tensor(unseen)[scores.argmax(1)],
        labels=torch.tensor(unseen)[new.test.labels],
    )


def part_classes(
    task: Task, unseen: Sequence[int] | None, n_unseen: int, seed: int, method: str
) -> tuple[list[int], list[int]]:
    """(unseen, seen) class numbers; raises ValueError where a task cannot be parted so."""
    require_task(task)
    require_seed(seed)
    if task.attributes is None:
        raise ValueError(text("zeroshot.no_attributes", task=task.name))
    told = task.attributes
    if not isinstance(told, Tensor) or told.ndim != 2 or len(told) != task.num_classes:
        shape = tuple(getattr(told, "shape", ())) or type(told).__name__
        raise ValueError(text("zeroshot.attributes", shape=shape, classes=task.num_classes))
    if not torch.isfinite(told).all():
        raise ValueError(text("zeroshot.not_finite", task=task.name))
    if method not in list(METHODS):
        raise ValueError(text("zeroshot.method", method=method, known=", ".join(METHODS)))
    if unseen is None:
        require_whole("n_unseen", n_unseen, 2)
        generator = torch.Generator().manual_seed(seed)
        unseen = torch.randperm(task.num_classes, generator=generator)[:n_unseen].tolist()
    listed = unseen if isinstance(unseen, Sequence) else [unseen]
    if isinstance(unseen, str) or not all(map(is_whole, listed)):
        raise ValueError(text("zeroshot.classes", unseen=unseen, have=task.num_classes))
    chosen = sorted(set(listed))
    seen = [c for c in range(task.num_classes) if c not in chosen]
    if len(chosen) < 2 or len(seen) < 2 * FOLDS or not set(chosen) < set(range(task.num_classes)):
        raise ValueError(text("zeroshot.classes", unseen=chosen, have=task.num_classes))
    tested = torch.bincount(task.test.labels, minlength=task.num_classes)
    if missing := [task.class_names[c] for c in chosen if not tested[c]]:
        raise ValueError(text("zeroshot.untested", task=task.name, classes=", ".join(missing)))
    return chosen, seen


def require_different(task: Task, classes: Sequence[int]) -> None:
    """Raises ValueError, naming them, where two of these classes have the same attributes."""
    assert task.attributes is not None
    for one, other in combinations(classes, 2):
        if torch.equal(task.attributes[one], task.attributes[other]):
            names = [task.class_names[c] for c in (one, other)]
            raise ValueError(text("zeroshot.same", task=task.name, one=names[0], other=names[1]))


@dataclass(frozen=True)
class Link:
    """What links pictures to descriptions, learned on seen classes.

    read: features (n, r) of a split; score: of such features and class numbers, how well each
    class's description fits each picture, (n, classes).
    """

    gamma: float
    lam: float
    read: Callable[[Split], Tensor]
    score: Callable[[Tensor, Sequence[int]], Tensor]
    signatures: Tensor  # (classes of the task, a): centred on the seen ones, of length 1


def learn_link(
    backbone: nn.Module | str, task: Task, seen: Sequence[int], method: str, seed: int
) -> Link:
    """Learns on the training pictures of the seen classes; no other picture is looked at."""
    assert task.attributes is not None
    known = task.only_classes(seen)
    features = represent(backbone, known.train, task)
    if broken := int((~features.isfinite().all(1)).sum()):
        raise ValueError(text("zeroshot.features", count=broken, of=len(features)))
    standardizer = Standardizer(features)
    features = standardizer(features)
    basis = span(features)  # V lies in it: raw pixels cost no more than they must
    features = features @ basis
    told = task.attributes.float()
    signatures = F.normalize(told - told[list(seen)].mean(0), dim=1)
    labels, of_seen = known.train.labels, signatures[list(seen)]
    gamma, lam = choose_strengths(features, labels, of_seen, method, seed)
    solve, score, _ = METHODS[method]
    learned = solve(features, labels, of_seen)(gamma, lam)
    return Link(
        gamma=gamma,
        lam=lam,
        read=lambda split: standardizer(represent(backbone, split, task)) @ basis,
        score=lambda read, classes: score(read, learned, signatures[list(classes)]),
        signatures=signatures,
    )


def choose_strengths(
    features: Tensor, labels: Tensor, signatures: Tensor, method: str, seed: int = 0
) -> tuple[float, float]:
    """(gamma, lambda) that recognise held-out seen classes best, over ORDERS x FOLDS groups."""
    solve, score, lams = METHODS[method]
    grid = list(product(STRENGTHS, lams))
    accuracies = torch.zeros(len(grid))
    for fold, kept in folds_of(len(signatures), seed):
        held = torch.isin(labels, fold)
        train, truth = (
            torch.searchsorted(kept, labels[~held]),
            torch.searchsorted(fold, labels[held]),
        )
        solution = solve(features[~held], train, signatures[kept])
        for i, strengths in enumerate(grid):
            scores = score(features[held], solution(*strengths), signatures[fold])
            accuracies[i] += class_averaged_accuracy(scores, truth).mean()
    return grid[accuracies.argmax()]


def folds_of(classes: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """(held out, kept) seen classes, in rising order, of every fold of every order."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in range(ORDERS):
        for fold in torch.randperm(classes, generator=generator).chunk(FOLDS):
            held = torch.isin(torch.arange(classes), fold)
            parts.append((held.nonzero()[:, 0], (~held).nonzero()[:, 0]))
    return parts
