"""What is known of a learner's own examples: the place and the group of each, and their parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from tlhelpers.data import inspection
from tlhelpers.data.inspection import Inspection
from tlhelpers.data.layout import PARTS
from tlhelpers.data.task import Split, Task

SHARES = (0.6, 0.2, 0.2)  # of train, valid and test
LEAST = 3  # examples of a class: one for each part


class PlacedSplit(Split):
    """A split that knows the place (a file, or a line of a table) and the group of each row."""

    def __init__(
        self,
        inputs: Tensor | Sequence | Callable[[Tensor], Tensor],
        labels: Tensor,
        paths: Sequence[Path],
        groups: Sequence[int],
        name: str = "",
    ):
        super().__init__(inputs, labels, name)
        self.paths, self.groups = list(paths), list(groups)

    def subset(self, rows: Tensor) -> PlacedSplit:
        """These rows only (LongTensor), with their files and groups."""
        kept = torch.as_tensor(rows).tolist()
        some = copy.copy(self)
        some.__dict__.update(super().subset(rows).__dict__)
        some.paths, some.groups = [self.paths[r] for r in kept], [self.groups[r] for r in kept]
        return some


@dataclass
class FolderTask(Task):
    """A task made of files. inspection: what was found in the folder, whatever was chosen of it."""

    inspection: Inspection | None = field(default=None, compare=False)

    @property
    def paths(self) -> dict[str, list[Path]]:
        """The file of each row, by part."""
        return {part: getattr(self, part).paths for part in PARTS}

    @property
    def groups(self) -> dict[str, list[int]]:
        """The number of each row's group, by part: rows of one group are alike."""
        return {part: getattr(self, part).groups for part in PARTS}


def parts_of(
    labels: list[int], groups: list[int], given: list[str], shares: Sequence[float], seed: int
) -> list[list[int]]:
    """Rows of train, valid and test; parts that the folder names are kept."""
    total = sum(shares)
    if not all(given):
        return inspection.split_rows(labels, groups, [share / total for share in shares], seed)
    parts = {name: [row for row, part in enumerate(given) if part == name] for name in PARTS}

    def take(share: float, rows: list[int]) -> tuple[list[int], list[int]]:
        some = [labels[row] for row in rows]
        split = inspection.split_rows(
            some, [groups[row] for row in rows], (1 - share, share, 1e-9), seed
        )
        return [rows[at] for at in split[0] + split[2]], [rows[at] for at in split[1]]

    if not parts["test"]:
        parts["train"], parts["test"] = take(0.2, parts["train"])
    if not parts["valid"]:
        parts["train"], parts["valid"] = take(0.25, parts["train"])
    return [sorted(parts[name]) for name in PARTS]
