"""The one shape that every data set has: a `Task` with the splits train, valid and test.

A picture task, a text task and a folder of the user's own photographs look the same to
everything above this floor. Pictures are uint8 tensors (n, 3, height, width); texts are lists
of str. A split is a `torch.utils.data.Dataset`, and hands out whole batches by index, which is
what the engine uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from tlhelpers.data.digest import digest
from tlhelpers.runtime.arguments import is_whole
from tlhelpers.runtime.language import said, text

HASHED_ROWS = 256  # of a lazy split, held at a time


class Split(Dataset):
    """Inputs with their labels.

    inputs: uint8 tensor (n, 3, height, width), or a list of n str; or a function that reads or
        draws the inputs for a LongTensor of row numbers, for data too large to hold.
    labels: LongTensor (n,), class numbers from 0.
    name: of such a function, exactly what it gives: functions of one name give the same.
    Raises ValueError where there is not one whole number for each input.
    """

    def __init__(
        self,
        inputs: Tensor | Sequence | Callable[[Tensor], Tensor],
        labels: Tensor | Sequence[int],
        name: str = "",
    ):
        labels = torch.as_tensor(labels)
        if labels.ndim != 1 or not torch.equal(labels, labels.long().to(labels.dtype)):
            raise ValueError(text("task.labels_odd", shape=tuple(labels.shape)))
        self.labels = labels.long()
        self._draw: Any = inputs if callable(inputs) else None
        self._name = name if callable(inputs) else ""
        self._inputs: Any = None if callable(inputs) else inputs
        if self._inputs is not None and len(self._inputs) != len(self.labels):
            raise ValueError(
                text("task.lengths_differ", inputs=len(self._inputs), labels=len(self.labels))
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, Tensor]:
        inputs, labels = self.batch(torch.tensor([range(len(self))[index]]))
        return inputs[0], labels[0]

    @property
    def is_lazy(self) -> bool:
        """True while the inputs are read or drawn on demand instead of being held in memory."""
        return self._inputs is None

    @property
    def fingerprint(self) -> str:
        """Names the inputs exactly, in their order; the labels do not count.

        Inputs in memory are hashed whole. Lazy ones go by their name; where they have none, all
        of them are read once, some rows at a time, and hashed.
        """
        if self._inputs is not None:
            return digest(self._inputs)
        if self._name:
            return digest(self._name, len(self))
        parts = torch.arange(len(self)).split(HASHED_ROWS)
        return digest("lazy", *(digest(self._draw(rows)) for rows in parts))

    def batch(self, rows: Tensor) -> tuple[Any, Tensor]:
        """The inputs and labels of these rows (LongTensor), in this order."""
        if self._inputs is None:
            return self._draw(rows), self.labels[rows]
        if isinstance(self._inputs, Tensor):
            return self._inputs[rows.to(self._inputs.device)], self.labels[rows]
        return [self._inputs[i] for i in rows.tolist()], self.labels[rows]

    @property
    def inputs(self) -> Any:
        """All inputs, a tensor or a list of str; lazy inputs are read once and then kept."""
        if self._inputs is None:
            self._inputs = self._draw(torch.arange(len(self)))
        return self._inputs

    def subset(self, rows: Tensor) -> Split:
        """These rows only (LongTensor), as a split of their own."""
        rows = torch.as_tensor(rows, dtype=torch.long)
        if self._inputs is None:
            draw = self._draw
            name = self._name and f"{self._name}[{digest(rows)}]"
            return Split(lambda asked: draw(rows[asked]), self.labels[rows], name)
        return Split(*self.batch(rows))


def require_texts(inputs: Sequence) -> None:
    """Raises ValueError, naming the first row that is none, unless these are texts."""
    for row, one in enumerate(inputs):
        if not isinstance(one, str):
            kind, value = type(one).__name__, " ".join(repr(one).split())[:40]
            values = {"row": row, "count": len(inputs), "kind": kind, "value": value}
            raise ValueError(text("task.not_texts", **values))


@dataclass
class Task:
    """What is to be learned: splits, names, the normalisation the inputs want, and their origin."""

    name: str
    train: Split
    valid: Split
    test: Split
    classes: dict[str, list[str]]  # {"en": [...], "ja": [...]}
    kind: str = "image"  # "image", "text" or "sound"
    attributes: Tensor | None = None  # (classes, attributes), what describes each class
    attribute_names: dict[str, list[str]] | None = None
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)  # for models without their own
    std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    licence: str = ""
    source: str = ""  # where the data comes from, one sentence
    test_reads: int = field(default=0, compare=False)  # how often the test split was evaluated

    @property
    def num_classes(self) -> int:
        return len(self.classes["en"])

    @property
    def fingerprint(self) -> str:
        """Names the examples of all splits and their labels exactly."""
        splits = (self.train, self.valid, self.test)
        return digest(*((split.fingerprint, split.labels) for split in splits))

    @property
    def class_names(self) -> list[str]:
        """The class names in the learner's language."""
        return said(self.classes)

    def open_test(self) -> Split:
        """The test split, counted: a result reports how often it was read."""
        self.test_reads += 1
        return self.test

    def only_classes(self, keep: Sequence[int]) -> Task:
        """The same task with these classes only, renumbered from 0 in the order given."""
        keep = list(keep)
        known = all(is_whole(one) and 0 <= one < self.num_classes for one in keep)
        if not keep or not known or len(set(keep)) != len(keep):
            raise ValueError(text("task.classes_unknown", keep=keep, last=self.num_classes - 1))
        number = torch.full((self.num_classes,), -1)
        number[keep] = torch.arange(len(keep))

        def narrow(split: Split) -> Split:
            rows = (number[split.labels] >= 0).nonzero()[:, 0]
            kept = split.subset(rows)
            kept.labels = number[kept.labels]
            return kept

        names = {lang: [names[c] for c in keep] for lang, names in self.classes.items()}
        return replace(
            self,
            train=narrow(self.train),
            valid=narrow(self.valid),
            test=narrow(self.test),
            classes=names,
            attributes=None if self.attributes is None else self.attributes[keep],
            test_reads=0,
        )


def require_task(value: Any) -> None:
    """Raises ValueError unless this is a task; a part of one is told what it is."""
    if not isinstance(value, Task):
        key = "task.a_part" if isinstance(value, Split) else "task.no_task"
        raise ValueError(text(key, value=f"{value!r:.60}"))


def rows_of_each(labels: Tensor, count: float, generator: torch.Generator) -> Tensor:
    """Rows of `count` examples of each class that occurs, class by class, in an order mixed by
    `generator`.

    labels: (n,). count: a number; or a share (a float), which takes at least one of each. With one
    seed, a larger count adds to the rows of a smaller one. A class that has fewer gives all.
    """
    order = torch.randperm(len(labels), generator=generator)
    of_class = [order[labels[order] == number] for number in labels.unique()]
    counts = [count if isinstance(count, int) else max(1, round(count * len(r))) for r in of_class]
    return torch.cat([rows[:some] for rows, some in zip(of_class, counts, strict=True)])
