"""One table: backbones x strategies x labels per class, with 95% intervals over seeds.

Kornblith, Shlens and Le, "Do Better ImageNet Models Transfer Better?", 2019 (arXiv:1805.08974),
compare this way: every contender gets the same labels, and the same validation split chooses its
settings: a probe among twenty heads, a trained network among the learning rates of its grid, which
it then follows for a least number of steps (scratch for three times as many). The test split is
read once for each run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import torch
from torch import nn

from tlhelpers.data.task import Task, require_task, rows_of_each
from tlhelpers.runtime.arguments import require_seed, require_whole
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import named
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.knn import knn
from tlhelpers.transfer.lora import lora
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.results import Result


def few_labels(task: Task, per_class: int, seed: int = 0) -> Task:
    """`task` with `per_class` training examples of each class, drawn by `seed`.

    Smaller sets are parts of larger ones of the same seed. Raises ValueError where a class
    has fewer.
    """
    require_task(task)
    require_whole("per_class", per_class, 1)
    require_seed(seed)
    labels = task.train.labels
    counts = torch.bincount(labels, minlength=task.num_classes)
    if per_class < 1 or int(counts.min()) < per_class:
        raise ValueError(text("compare.few", asked=per_class, have=int(counts.min())))
    rows = rows_of_each(labels, per_class, torch.Generator().manual_seed(seed))
    return replace(task, train=task.train.subset(rows), test_reads=0)


STRATEGIES: dict[str, Callable[[nn.Module, Task, int], float]] = {
    "knn": lambda backbone, task, seed: knn(backbone, task).test_acc,
    "probe": lambda backbone, task, seed: probe(backbone, task, seed=seed).test_acc,
    "fine_tune": lambda backbone, task, seed: fine_tune(backbone, task, seed=seed).test_acc,
    "lora": lambda backbone, task, seed: lora(backbone, task, seed=seed).test_acc,
    "scratch": lambda backbone, task, seed: train_from_scratch(backbone, task, seed=seed).test_acc,
}


@dataclass
class Comparison(Result):
    """runs: one dict a run (backbone, strategy, per_class, seed, test_acc)."""

    runs: list[dict] = field(repr=False)
    test_reads: int

    def summary(self) -> dict[tuple[str, str, int], Interval]:
        """{(backbone, strategy, per_class): mean and 95% interval over seeds}."""
        cells: dict[tuple[str, str, int], list[float]] = {}
        for row in self.runs:
            key = (row["backbone"], row["strategy"], row["per_class"])
            cells.setdefault(key, []).append(row["test_acc"])
        return {key: interval(values, share=True) for key, values in cells.items()}

    def rows(self) -> list[dict]:
        return [
            {"backbone": name, "strategy": strategy, "per_class": count, "test_acc": accuracy}
            for (name, strategy, count), accuracy in self.summary().items()
        ]


def compare(
    backbones: Mapping[str, nn.Module] | Sequence[nn.Module],
    task: Task,
    strategies: Sequence[str] = ("probe", "fine_tune", "scratch"),
    per_class: Sequence[int] = (5, 20, 100),
    seeds: int = 3,
) -> Comparison:
    """Run every strategy with every backbone at every number of labels, `seeds` times.

    backbones: {name: network}, or networks, called by their `.info.name` or their class. `task`
    must hold at least max(per_class) training examples a class. Ctrl-C leaves the table of the
    runs that were finished. Raises ValueError for an unknown strategy.
    """
    require_task(task)
    backbones = named(backbones)
    unknown = [name for name in strategies if name not in STRATEGIES]
    if unknown:
        known = ", ".join(STRATEGIES)
        raise ValueError(text("compare.strategy", unknown=", ".join(unknown), known=known))
    runs: list[dict] = []
    tasks: list[Task] = []
    try:
        for count, seed in product(per_class, range(seeds)):
            tasks.append(few_labels(task, count, seed))
            for (name, network), strategy in product(backbones.items(), strategies):
                accuracy = STRATEGIES[strategy](network, tasks[-1], seed)
                runs.append(
                    {
                        "backbone": name,
                        "strategy": strategy,
                        "per_class": count,
                        "seed": seed,
                        "test_acc": accuracy,
                    }
                )
    except KeyboardInterrupt:
        if not runs:
            raise
        print(text("compare.interrupted", runs=len(runs)))
    return Comparison(runs=runs, test_reads=sum(labelled.test_reads for labelled in tasks))
