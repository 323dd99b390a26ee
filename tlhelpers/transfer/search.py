"""The one search for settings: a grid, tried on tuning seeds, judged by validation data alone.

A comparison is fair where every contender was tuned alike, and it is credible where that is on
record. `search(...).to_dict()` is that record: the grid, every score, the choice, and the settings
whose choice lies at an end of what was tried (there the grid should be wider).

    found = search(train, {"lr": (0.002, 0.01, 0.05), "lr_mult": (1, 10)}, seeds=(100, 101))
    train(seed=0, **found.chosen)     # seeds that are measured are never tuned on
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.transfer.results import Result

TUNING_SEEDS = (100, 101)  # of experiments; what is measured has seeds from 0
# How a fine-tuned network and its scratch twin are tuned wherever they are compared.
FINE_TUNE_GRID = {"lr": (0.002, 0.01, 0.05), "lr_mult": (1, 10)}
SCRATCH_GRID = {"lr": (0.01, 0.03, 0.1, 0.3), "clip_norm": (1.0, None)}


@dataclass
class Search(Result):
    """What was tried, what it gave and what was chosen.

    grid: {setting: values}; runs: one dict a combination (the settings, `valid_acc` and
    `valid_loss`, means over `seeds`; None where a loss is unknown); at_edge: settings of three
    and more numbers whose smallest or largest was chosen.
    """

    grid: dict[str, list]
    seeds: list[int]
    runs: list[dict[str, Any]]
    chosen: dict[str, Any]
    valid_acc: float
    at_edge: list[str]

    def rows(self) -> list[dict[str, Any]]:
        return self.runs


def search(
    train: Callable[..., Any], grid: Mapping[str, Sequence], *, seeds: Sequence[int] = ()
) -> Search:
    """Try every combination of `grid` and choose by validation accuracy, then by lower loss.

    train: called with one value of each setting (and `seed`, where seeds are given); it returns
    a result that has `valid_acc` and `valid_loss`, or a number to be made as large as possible.
    It must leave the test split alone: pass it `read_test=False`. Raises ValueError where there is
    nothing to try.
    """
    grid = {name: list(values) for name, values in grid.items()}
    if not all(grid.values()):
        empty = ", ".join(name for name, values in grid.items() if not values)
        raise ValueError(text("search.nothing", settings=empty))
    runs = []
    for values in product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        found = [train(**settings, seed=s) for s in seeds] or [train(**settings)]
        accuracies, losses = zip(*map(_score, found), strict=True)
        means = {"valid_acc": _mean(accuracies), "valid_loss": _mean(losses)}
        runs.append(settings | means)
    best = max(runs, key=lambda run: (run["valid_acc"], -run["valid_loss"]))
    chosen = {name: best[name] for name in grid}
    for run in runs:
        if math.isinf(run["valid_loss"]):  # which JSON cannot hold
            run["valid_loss"] = None
    return Search(
        grid={name: list(values) for name, values in grid.items()},
        seeds=list(seeds),
        runs=runs,
        chosen=chosen,
        valid_acc=best["valid_acc"],
        at_edge=[name for name, values in grid.items() if _is_edge(chosen[name], values)],
    )


def _score(found: Any) -> tuple[float, float]:
    """(accuracy, loss); a run that broke down is worse than every other."""
    accuracy = getattr(found, "valid_acc", found)
    loss = getattr(found, "valid_loss", 0.0)
    return (-1.0 if math.isnan(accuracy) else accuracy), (math.inf if math.isnan(loss) else loss)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _is_edge(value: Any, values: Sequence[Any]) -> bool:
    numbers = all(isinstance(v, int | float) for v in values)
    return numbers and len(values) > 2 and value in (min(values), max(values))
