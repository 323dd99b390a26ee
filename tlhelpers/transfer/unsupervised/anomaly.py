"""Find what is odd, knowing only what is sound: `tl.anomaly`.

Damage, fraud and attacks are rare and always new; examples of what is sound are plenty. A detector
learns from these alone and gives every picture or text a score, the higher the odder. A fifth of
the sound examples is kept out of learning and sets the threshold: no odd example is needed for it
(Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005). With m of them,

    threshold = the ceil((m + 1)(1 - a))-th smallest score, so that at most a share a of sound
                examples raises a false alarm, on average over draws
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.arguments import (
    require_number,
    require_options,
    require_seed,
    require_whole,
)
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import as_data
from tlhelpers.transfer.extraction import represent
from tlhelpers.transfer.results import Result
from tlhelpers.transfer.unsupervised.checks import require_rows
from tlhelpers.transfer.unsupervised.moments import mahalanobis, mean_distance
from tlhelpers.transfer.unsupervised.nearest import nearest_distance
from tlhelpers.transfer.unsupervised.patches import BANK, LAYERS, patch_distances, patch_maps

METHODS = ("mean", "mahalanobis", "nearest", "patches")
HELD_OUT = 5  # one sound example in so many sets the threshold
OPTIONS: dict[str, set[str]] = {"nearest": {"k"}, "patches": {"layers", "bank"}}


@dataclass
class AnomalyResult(Result):
    """auroc: how often an odd example scores higher than a sound one, of all such pairs.

    caught, false_alarms: the shares of odd and of sound test examples above the threshold.
    alarms_at_95: the share of sound ones that one must look at to catch 95% of the odd ones. All
    four need a test split in which label 0 is sound; they are nan without odd or sound examples.
    known: sound examples that were learned from. scores: (n,). maps: (n, h, w), of patches only.
    """

    method: str
    auroc: float
    caught: float
    false_alarms: float
    alarms_at_95: float
    threshold: float
    known: int
    seconds: float
    test_reads: int
    scores: Tensor = field(repr=False)
    maps: Tensor | None = field(repr=False)


def anomaly(
    backbone: nn.Module | str,
    known: Task | Split | Tensor | Sequence[str],
    tested: Split | Tensor | Sequence[str] | None = None,
    *,
    method: str = "patches",
    false_alarms: float = 0.05,
    seed: int = 0,
    **options: Any,
) -> AnomalyResult:
    """Learn from sound pictures or texts alone, and score others by how odd they are.

    backbone: a network, or "pixels" as a control (not for patches). known: sound examples; of a
    task, the training examples of class 0, and then its test split is scored unless `tested` is
    given. method: a name of METHODS; options: k of "nearest"; layers and bank of "patches".
    false_alarms: the share of sound examples that may raise an alarm. Raises ValueError where a
    name is unknown, there are fewer than ten sound examples, or features are not finite or all
    the same.
    """
    begin = time.perf_counter()
    _check(method, false_alarms, seed, options)
    sound, asked, reads = _parts(known, tested)
    order = torch.randperm(len(sound), generator=torch.Generator().manual_seed(seed))
    held = max(1, len(sound) // HELD_OUT)
    task = known if isinstance(known, Task) else None
    features, wanted = (_describe(backbone, part, task, method, options) for part in (sound, asked))
    require_rows(features, 2 * HELD_OUT)
    if features.shape[1] != wanted.shape[1]:
        shapes = [tuple(part.batch(torch.arange(1))[0].shape[1:]) for part in (sound, asked)]
        raise ValueError(text("unsupervised.shapes", known=shapes[0], tested=shapes[1]))
    if len(wanted):
        require_rows(torch.cat([features[:1], wanted]), 1)
    score = _learn(features[order[held:]], method, seed, options)
    maps = None
    calm, scores = score(features[order[:held]]), score(wanted)
    if method == "patches":
        maps = scores
        calm, scores = (found.flatten(1).amax(1) for found in (calm, scores))
    threshold = quiet_threshold(calm, false_alarms)
    return AnomalyResult(
        method=method,
        **judge(scores, asked.labels > 0, threshold),
        threshold=threshold,
        known=len(sound) - held,
        seconds=time.perf_counter() - begin,
        test_reads=reads,
        scores=scores,
        maps=maps,
    )


def quiet_threshold(scores: Tensor, false_alarms: float) -> float:
    """The score above which at most a share `false_alarms` of sound examples lies, from the
    scores (m,) of held-out sound ones; their largest where they are too few to say."""
    rank = math.ceil((len(scores) + 1) * (1 - false_alarms))
    return scores.sort().values[min(rank, len(scores)) - 1].item()


def judge(scores: Tensor, odd: Tensor, threshold: float) -> dict[str, float]:
    """auroc, caught, false_alarms and alarms_at_95 of scores (n,), where odd (n,) is True for
    what should be found. nan where odd or sound examples are missing."""
    from sklearn.metrics import roc_auc_score

    bad, good = scores[odd], scores[~odd]
    both = len(bad) and len(good)
    if both:
        at_95 = bad.sort().values[math.floor(0.05 * len(bad))]  # 95% of the odd score as high
    return {
        "auroc": float(roc_auc_score(odd, scores)) if both else math.nan,
        "caught": _share(bad > threshold),
        "false_alarms": _share(good > threshold),
        "alarms_at_95": _share(good >= at_95) if both else math.nan,
    }


def _share(hits: Tensor) -> float:
    return hits.double().mean().item() if len(hits) else math.nan


def _check(method: str, false_alarms: float, seed: int, options: dict[str, Any]) -> None:
    require_seed(seed)
    if method not in METHODS:
        raise ValueError(text("unsupervised.method", method=method, known=", ".join(METHODS)))
    require_number("false_alarms", false_alarms, 0, 1)
    if not 0 < false_alarms < 1:
        raise ValueError(text("unsupervised.false_alarms", value=false_alarms))
    require_options(method, options, OPTIONS.get(method, set()))
    for name in ("k", "bank"):
        if name in options:
            require_whole(name, options[name], 1)


def _parts(known: Any, tested: Any) -> tuple[Split, Split, int]:
    """Sound examples, those to be scored, and how often the task's test split was read."""
    if not isinstance(known, Task):
        if tested is None:
            raise ValueError(text("unsupervised.nothing_tested"))
        return as_data(known), as_data(tested), 0
    sound = known.train.subset((known.train.labels == 0).nonzero()[:, 0])
    asked = known.open_test() if tested is None else as_data(tested)
    return sound, asked, known.test_reads


def _describe(
    backbone: nn.Module | str, split: Split, task: Task | None, method: str, options: dict
) -> Tensor:
    if method != "patches":
        return represent(backbone, split, task)
    if isinstance(backbone, str):
        raise ValueError(text("unsupervised.patches_of_pictures"))
    return patch_maps(backbone, split, options.get("layers", LAYERS))


def _learn(
    features: Tensor, method: str, seed: int, options: dict[str, Any]
) -> Callable[[Tensor], Tensor]:
    if method == "patches":
        return patch_distances(features, options.get("bank", BANK), seed)
    if method == "nearest":
        k = options.get("k", 1)
        if k > len(features):
            raise ValueError(text("unsupervised.k_too_large", k=k, different=len(features)))
        return nearest_distance(features, k)
    return mean_distance(features) if method == "mean" else mahalanobis(features)
