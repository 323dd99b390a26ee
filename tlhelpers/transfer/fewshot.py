"""Few-shot learning: tell apart classes that were never trained on, from one or five examples.

Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", 2017 (arXiv:1703.05175).
An episode draws n_way classes, and of each n_shot labelled images and n_query images to
classify; the scores that do so are in `prototypes.py`. What is reported is the mean accuracy
over many episodes with its interval.

The features are taken as they come; `centre` subtracts a mean, that of the base classes
(Wang et al., "SimpleShot", 2019, arXiv:1911.04623).
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Task, require_task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import represent, span
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.prototypes import METHODS
from tlhelpers.transfer.results import Result

BLOCK_BYTES = 16 * 2**20  # features gathered at a time: small enough for the processor's cache


@dataclass
class FewShotResult(Result):
    """accuracy: mean over episodes with its 95% interval; accuracies: (episodes,)."""

    accuracy: Interval
    n_way: int
    n_shot: int
    n_query: int
    episodes: int
    method: str
    chance: float
    seconds: float  # on the features, without their extraction
    test_reads: int
    accuracies: Tensor = field(repr=False)


def few_shot(
    backbone: nn.Module | Tensor | str,
    task: Task,
    n_way: int = 5,
    n_shot: int = 1,
    n_query: int = 15,
    episodes: int = 600,
    method: str = "prototypes",
    seed: int = 0,
    *,
    centre: Tensor | None = None,
) -> FewShotResult:
    """Accuracy over many episodes drawn from the test split of `task`, a task of new classes.

    backbone: a network, the features (n, d) of the test split, or "pixels" as a control.
    centre: (d,), subtracted from every feature first.
    Warns where the backbone was trained on a class of the same name. Raises ValueError where an
    episode asks for more classes or images than there are, or the method is not known.
    """
    require_task(task)
    if method not in METHODS:
        raise ValueError(text("fewshot.method", method=method, known=", ".join(METHODS)))
    trained_on = getattr(getattr(backbone, "info", None), "classes", {"en": []})
    spoken = dict(zip(task.classes["en"], task.class_names, strict=True))
    if shared := [spoken[name] for name in sorted(set(trained_on["en"]) & set(spoken))]:
        warnings.warn(text("fewshot.seen", classes=", ".join(shared[:5])), stacklevel=2)
    split = task.open_test()
    features = represent(backbone, split, task)
    if centre is not None:
        features = features - centre
    start = time.perf_counter()
    if features.shape[1] > 4 * len(features):  # raw pixels: far fewer numbers say the same
        features = features @ span(features)
    rows = sample_episodes(split.labels, n_way, n_shot, n_query, episodes, seed)
    accuracies = evaluate_episodes(features, rows, n_shot, method)
    return FewShotResult(
        accuracy=interval(accuracies, share=True),
        n_way=n_way,
        n_shot=n_shot,
        n_query=n_query,
        episodes=episodes,
        method=method,
        chance=1 / n_way,
        seconds=time.perf_counter() - start,
        test_reads=task.test_reads,
        accuracies=accuracies,
    )


def sample_episodes(
    labels: Tensor, n_way: int, n_shot: int, n_query: int, episodes: int, seed: int = 0
) -> Tensor:
    """Row numbers (episodes, n_way, n_shot + n_query): distinct classes, distinct images."""
    per_class = n_shot + n_query
    classes, counts = labels.unique(return_counts=True)
    if not 2 <= n_way <= len(classes):
        raise ValueError(text("fewshot.classes", n_way=n_way, have=len(classes)))
    if min(n_shot, n_query, episodes) < 1 or per_class > counts.min():
        raise ValueError(text("fewshot.images", asked=per_class, have=int(counts.min())))
    generator = torch.Generator().manual_seed(seed)
    most = int(counts.max())
    table = torch.zeros(len(classes), most, dtype=torch.long)
    filled = torch.arange(most) < counts[:, None]
    table[filled] = labels.argsort(stable=True)
    chosen = torch.rand(episodes, len(classes), generator=generator).topk(n_way).indices
    draws = torch.rand(episodes, n_way, most, generator=generator)
    draws.masked_fill_(~filled[chosen], -1.0)
    return table[chosen].gather(2, draws.topk(per_class).indices)


def evaluate_episodes(features: Tensor, rows: Tensor, n_shot: int, method: str) -> Tensor:
    """The accuracy of each episode (episodes,); rows as `sample_episodes` gives them."""
    episodes, n_way, per_class = rows.shape
    truth = torch.arange(n_way).repeat_interleave(per_class - n_shot)
    block = max(1, BLOCK_BYTES // (n_way * per_class * features.shape[1] * 4))
    right = []
    for part in rows.split(episodes if method == "head" else block):
        images = features[part]
        scores = METHODS[method](images[:, :, :n_shot], images[:, :, n_shot:].flatten(1, 2))
        right.append((scores.argmax(2) == truth).float().mean(1))
    return torch.cat(right)
