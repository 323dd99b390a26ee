"""The one shape that every data set has: a `Task` with the splits train, valid and test.

A picture task, a text task and a folder of the user's own photographs look the same to
everything above this floor. Pictures are uint8 tensors (n, 3, height, width); texts are lists
of str. A split is a `torch.utils.data.Dataset`, and hands out whole batches by index, which is
what the engine uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.utils.data import Dataset

from tlhelpers.runtime.language import language, text


class Split(Dataset):
    """Inputs with their labels.

    inputs: uint8 tensor (n, 3, height, width), or a list of n str; or a function that draws
        the inputs for a LongTensor of row numbers, for data too large to hold.
    labels: LongTensor (n,), class numbers from 0.
    """

    def __init__(self, inputs: Tensor | Sequence | Callable[[Tensor], Tensor], labels: Tensor):
        self.labels = torch.as_tensor(labels, dtype=torch.long)
        self._draw = inputs if callable(inputs) else None
        self._inputs = None if callable(inputs) else inputs
        if self._inputs is not None and len(self._inputs) != len(self.labels):
            raise ValueError(
                text("task.lengths_differ", inputs=len(self._inputs), labels=len(self.labels))
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        inputs, labels = self.batch(torch.tensor([range(len(self))[index]]))
        return inputs[0], labels[0]

    @property
    def is_drawn(self) -> bool:
        """True while the inputs are drawn on demand instead of being held in memory."""
        return self._inputs is None

    def batch(self, rows: Tensor) -> tuple[Tensor | list, Tensor]:
        """The inputs and labels of these rows (LongTensor), in this order."""
        if self._inputs is None:
            return self._draw(rows), self.labels[rows]
        if isinstance(self._inputs, Tensor):
            return self._inputs[rows.to(self._inputs.device)], self.labels[rows]
        return [self._inputs[i] for i in rows.tolist()], self.labels[rows]

    @property
    def inputs(self) -> Tensor | list:
        """All inputs at once; drawn inputs are drawn once and then kept."""
        if self._inputs is None:
            self._inputs = self._draw(torch.arange(len(self)))
        return self._inputs

    def subset(self, rows: Tensor) -> Split:
        """These rows only (LongTensor), as a split of their own."""
        rows = torch.as_tensor(rows, dtype=torch.long)
        if self._inputs is None:
            draw = self._draw
            return Split(lambda asked: draw(rows[asked]), self.labels[rows])
        return Split(*self.batch(rows))


@dataclass
class Task:
    """What is to be learned: splits, names, the normalisation the inputs want, and their origin."""

    name: str
    train: Split
    valid: Split
    test: Split
    classes: dict[str, list[str]]  # {"en": [...], "ja": [...]}
    kind: str = "image"  # "image" or "text"
    attributes: Tensor | None = None  # (classes, attributes), what describes each class
    attribute_names: dict[str, list[str]] | None = None
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)  # for models without their own
    std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    licence: str = ""
    source: str = ""  # where the data comes from, one sentence
    fingerprint: str = ""  # names the data exactly; keys the feature cache
    test_reads: int = field(default=0, compare=False)  # how often the test split was evaluated

    @property
    def num_classes(self) -> int:
        return len(self.classes["en"])

    @property
    def class_names(self) -> list[str]:
        """The class names in the learner's language."""
        return self.classes[language()]

    def open_test(self) -> Split:
        """The test split, counted: a result reports how often it was read."""
        self.test_reads += 1
        return self.test

    def only_classes(self, keep: Sequence[int]) -> Task:
        """The same task with these classes only, renumbered from 0 in the order given."""
        keep = list(keep)
        if not keep or len(set(keep)) != len(keep) or not set(keep) <= set(range(self.num_classes)):
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
            fingerprint=f"{self.fingerprint}[{','.join(map(str, keep))}]",
            test_reads=0,
        )
