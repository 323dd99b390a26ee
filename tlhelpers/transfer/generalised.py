"""Generalised zero-shot learning: a picture may show a seen class or an unseen one.

Told to choose among all names, a method that learned on seen classes hardly ever says an unseen
one: their scores are systematically lower. Calibrated stacking (Chao, Changpinyo, Gong and Sha,
"An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object Recognition in the
Wild", ECCV 2016, arXiv:1605.04253) takes a constant from the scores of all seen classes:

    class of x = argmax_c  f_c(x) - delta * [c is seen]

Two accuracies tell how that went, of pictures of seen classes and of unseen ones, each the mean
over its classes. What is reported is their harmonic mean H = 2 S U / (S + U), which is small when
either is (Xian, Lampert, Schiele and Akata, arXiv:1707.00600). delta is chosen on seen classes
that play the unseen in turn, on validation pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.eszsl import METHODS
from tlhelpers.transfer.results import Result
from tlhelpers.transfer.zeroshot import (
    Link,
    class_averaged_accuracy,
    folds_of,
    learn_link,
    part_classes,
    require_different,
)

STEPS = 200  # values of delta that are tried, up to the one with which no seen class is named


@dataclass
class GeneralisedResult(Result):
    """seen, unseen: class-averaged accuracies among all classes; harmonic: their harmonic mean.

    plain: the same three without calibration. area: below the curve of seen over unseen accuracy
    as delta grows (AUSUC), which depends on no choice.
    """

    seen: float
    unseen: float
    harmonic: float
    plain: dict[str, float]
    area: float
    delta: float
    method: str
    test_reads: int
    scores: Tensor = field(repr=False)  # (n, classes)
    labels: Tensor = field(repr=False)  # (n,)
    is_seen: Tensor = field(repr=False)  # (classes,)


def generalised_zero_shot(
    backbone: nn.Module | str,
    task: Task,
    unseen: Sequence[int] | None = None,
    *,
    n_unseen: int = 5,
    seed: int = 0,
    method: str = "eszsl",
) -> GeneralisedResult:
    """Learn on the seen classes of `task`, then name test pictures of all classes.

    Arguments as of `zero_shot`. Raises ValueError as it does, where any two classes have the same
    attributes, and where a seen class has no validation picture.
    """
    unseen, seen = part_classes(task, unseen, n_unseen, seed, method)
    require_different(task, range(task.num_classes))
    counts = torch.bincount(task.valid.labels, minlength=task.num_classes)[seen]
    if (counts == 0).any():
        missing = [task.class_names[c] for c, n in zip(seen, counts, strict=True) if n == 0]
        raise ValueError(text("zeroshot.unseen_alone", task=task.name, classes=", ".join(missing)))
    link = learn_link(backbone, task, seen, method, seed)
    delta = choose_delta(link, task, seen, method, seed)
    is_seen = torch.isin(torch.arange(task.num_classes), torch.tensor(seen))
    test = task.open_test()
    scores = link.score(link.read(test), range(task.num_classes))
    names = ("seen", "unseen", "harmonic")
    plain = seen_and_unseen(scores, test.labels, is_seen, 0.0)
    told = seen_and_unseen(scores, test.labels, is_seen, delta)
    return GeneralisedResult(
        *told,
        plain=dict(zip(names, plain, strict=True)),
        area=area_under(seen_unseen_curve(scores, test.labels, is_seen)),
        delta=delta,
        method=method,
        test_reads=task.test_reads,
        scores=scores,
        labels=test.labels,
        is_seen=is_seen,
    )


def calibrate(scores: Tensor, is_seen: Tensor, delta: float) -> Tensor:
    """Scores (n, classes) with delta taken from the classes that are seen, (classes,) of bool."""
    return scores - delta * is_seen.to(scores)


def harmonic_mean(seen: float, unseen: float) -> float:
    """2 S U / (S + U), and 0 where both are 0."""
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def seen_and_unseen(
    scores: Tensor, labels: Tensor, is_seen: Tensor, delta: float
) -> tuple[float, float, float]:
    """(accuracy on seen classes, on unseen ones, harmonic mean) with this delta."""
    scores = calibrate(scores, is_seen, delta)
    of_seen = is_seen[labels]
    seen, unseen = (
        class_averaged_accuracy(scores[rows], labels[rows]).mean().item()
        for rows in (of_seen, ~of_seen)
    )
    return seen, unseen, harmonic_mean(seen, unseen)


def seen_unseen_curve(
    scores: Tensor, labels: Tensor, is_seen: Tensor
) -> tuple[list[float], list[float], list[float]]:
    """(deltas, seen accuracies, unseen accuracies), from every unseen class ruled out to every
    seen one.
    """
    deltas = margins(scores, is_seen)
    edges = torch.linspace(deltas.min().item() - 1e-3, deltas.max().item() + 1e-3, STEPS)
    points = [seen_and_unseen(scores, labels, is_seen, delta) for delta in edges.tolist()]
    return edges.tolist(), [point[0] for point in points], [point[1] for point in points]


def area_under(curve: tuple[list[float], list[float], list[float]]) -> float:
    """The area below seen accuracy over unseen accuracy."""
    _, seen, unseen = (torch.tensor(values) for values in curve)
    return torch.trapezoid(seen, unseen).item()


def margins(scores: Tensor, is_seen: Tensor) -> Tensor:
    """By how much the best seen class leads over the best unseen one, for each picture (n,)."""
    return scores[:, is_seen].amax(1) - scores[:, ~is_seen].amax(1)


def choose_delta(link: Link, task: Task, seen: Sequence[int], method: str, seed: int) -> float:
    """The delta with the best harmonic mean while seen classes play the unseen in turn."""
    known = task.only_classes(seen)
    train, valid = link.read(known.train), link.read(known.valid)
    signatures = link.signatures[list(seen)]
    solve, score, _ = METHODS[method]
    parts = []
    for _held, kept in folds_of(len(seen), seed):
        rows = torch.isin(known.train.labels, kept)
        labels = torch.searchsorted(kept, known.train.labels[rows])
        learned = solve(train[rows], labels, signatures[kept])(link.gamma, link.lam)
        is_kept = torch.isin(torch.arange(len(seen)), kept)
        parts.append((score(valid, learned, signatures), is_kept))
    largest = max(margins(scores, is_kept).max().item() for scores, is_kept in parts)
    tried = torch.linspace(0, max(largest, 0.0), STEPS).tolist()
    found = [
        sum(
            seen_and_unseen(scores, known.valid.labels, is_kept, delta)[2]
            for scores, is_kept in parts
        )
        for delta in tried
    ]
    return tried[found.index(max(found))]
