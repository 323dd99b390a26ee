"""What every learner of a stream has in common: the stream, the steps, and one way to train.

A stream brings examples in steps. What may change from step to step, and what is known when the
network is asked, makes the three scenarios of van de Ven, Tuytelaars and Tolias, "Three types of
incremental learning", Nature Machine Intelligence 2022 (doi:10.1038/s42256-022-00568-3):

    class   new classes come; the answer is one of all classes met so far
    task    new classes come; at the test it is known with which step a picture's class came
    domain  the classes stay, their pictures change (by day, by night, faded)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import grow_head, replace_head
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import fit, logits_of, predict
from tlhelpers.transfer.finetune import discriminative_rates

SCENARIOS = ("class", "task", "domain")
FIT_OPTIONS = {  # of `fit`, handed on by every method that trains
    "after_step",
    "augment",
    "clip_norm",
    "compile",
    "device",
    "max_steps",
    "optimizer",
    "precision",
    "progress",
    "schedule",
    "warmup",
    "weight_decay",
}


@dataclass
class Stream:
    """Everything that ever arrives, and when.

    steps: {"train" | "valid" | "test": LongTensor (n,)}, the step with which each row comes.
    group: LongTensor (classes,), the step with which each class comes. seen: how many classes
    are known after each step.
    """

    scenario: str
    tasks: list[Task]
    group: Tensor
    seen: list[int]

    def __post_init__(self) -> None:
        self.train = _joined([task.train for task in self.tasks])
        self.valid = _joined([task.valid for task in self.tasks])
        self.steps = {name: self._steps_of(name) for name in ("train", "valid", "test")}

    @classmethod
    def of_classes(cls, task: Task, sizes: Sequence[int], scenario: str = "class") -> Stream:
        """The first sum(sizes) classes of a task, sizes[i] of them at step i."""
        if sum(sizes) > task.num_classes or min(sizes, default=0) < 1:
            raise ValueError(text("incremental.steps", steps=list(sizes), classes=task.num_classes))
        group = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        seen = torch.tensor(sizes).cumsum(0).tolist()
        return cls(scenario, [task.only_classes(range(sum(sizes)))], group, seen)

    @classmethod
    def of_domains(cls, tasks: Sequence[Task]) -> Stream:
        """One task a step, all with the same classes."""
        names = [task.classes["en"] for task in tasks]
        if len(tasks) < 2 or any(name != names[0] for name in names):
            raise ValueError(text("incremental.domains", tasks=[task.name for task in tasks]))
        classes = tasks[0].num_classes
        group = torch.zeros(classes, dtype=torch.long)
        return cls("domain", list(tasks), group, [classes] * len(tasks))

    def rows(self, step: int) -> Tensor:
        """The training rows that come with this step."""
        return (self.steps["train"] == step).nonzero()[:, 0]

    def open_test(self) -> Split:
        """The test split of all steps; each task counts the reading."""
        return _joined([task.open_test() for task in self.tasks])

    def own_group(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits (n, classes) with those outside the group of each row's label at -inf."""
        group = self.group.to(logits.device)
        strange = group[: logits.shape[1]] != group[labels.to(logits.device)][:, None]
        return logits.masked_fill(strange, -torch.inf)

    def candidates(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits among which the answer is sought: in the task scenario the own group's."""
        return self.own_group(logits, labels) if self.scenario == "task" else logits

    def _steps_of(self, name: str) -> Tensor:
        labels = [getattr(task, name).labels for task in self.tasks]
        if self.scenario != "domain":
            return self.group[labels[0]]
        return torch.cat([torch.full_like(part, step) for step, part in enumerate(labels)])


@dataclass
class Learner:
    """Learns a stream step by step. The fields after `stream` are its options."""

    backbone: nn.Module
    stream: Stream
    seed: int = 0
    model: nn.Module = field(init=False, repr=False)  # as it stands

    scenarios: ClassVar[tuple[str, ...]] = SCENARIOS  # those in which the method means something

    @classmethod
    def options(cls) -> set[str]:
        """What can be set for this method."""
        given = {"backbone", "stream", "seed", "fit_options"}
        own = {f.name for f in fields(cls) if f.init} - given
        return own | FIT_OPTIONS if issubclass(cls, Trained) else own

    def learn(self, step: int) -> None:
        raise NotImplementedError

    def scores(self, split: Split) -> Tensor:
        """The higher, the likelier: (n, classes met so far)."""
        raise NotImplementedError

    def predict(self, split: Split) -> Tensor:
        """Class numbers, LongTensor (n,). Labels are read in the task scenario, for the group."""
        return self.stream.candidates(self.scores(split), split.labels).argmax(1)

    @property
    def kept_bytes(self) -> int:
        """What must be kept for the next step besides the network as it stands."""
        return 0


@dataclass
class Trained(Learner):
    """Trains a network by gradient at every step; a subclass says what else happens.

    lr: of the head, `lr_mult` times that of the first stage. fit_options: for `fit`.
    """

    epochs: int = 12
    batch_size: int = 32
    lr: float = 0.02
    lr_mult: float = 5.0
    fit_options: dict[str, Any] = field(default_factory=dict)

    penalty: ClassVar[Callable[..., Tensor] | None] = None  # added to the loss

    def __post_init__(self) -> None:
        self.model = copy.deepcopy(self.backbone)
        self.known = 0

    def learn(self, step: int) -> None:
        seen = self.stream.seen[step]
        self.begin()
        self.grow(seen)
        title = text("incremental.bar", step=step + 1, steps=len(self.stream.seen))
        settings = {"optimizer": "sgd", "clip_norm": 1.0, "title": title, **self.fit_options}
        fit(
            self.model,
            self.stream.train.subset(self.rows(step)),
            epochs=self.epochs,
            batch_size=self.batch_size,
            param_groups=discriminative_rates(self.model, self.lr, self.lr_mult),
            loss=self.loss,
            penalty=self.penalty,
            keep_best=False,
            seed=self.seed,
            **settings,
        )
        self.known = seen
        self.end(step)

    def begin(self) -> None:
        """Before the output layer grows."""

    def grow(self, seen: int) -> None:
        """An output layer for `seen` classes that keeps the rows of the old ones."""
        if not self.known:
            replace_head(self.model, seen)
        elif seen > self.known:
            grow_head(self.model, seen)

    def rows(self, step: int) -> Tensor:
        """The rows of the stream that are trained on."""
        return self.stream.rows(step)

    def loss(self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        """Cross-entropy over the classes met so far, as `fit` asks for it."""
        logits = self.stream.candidates(logits_of(model, inputs), labels)
        return F.cross_entropy(logits, labels)

    def end(self, step: int) -> None:
        """After the training of a step."""

    def scores(self, split: Split) -> Tensor:
        return predict(self.model, split)


def size_of(split: Split, rows: Tensor) -> int:
    """Bytes of the inputs of these rows, as they lie in memory; texts in UTF-8."""
    if not len(rows):
        return 0
    inputs, _ = split.batch(rows)
    if isinstance(inputs, Tensor):
        return inputs.numel() * inputs.element_size()
    return sum(len(line.encode()) for line in inputs)


def _joined(splits: list[Split]) -> Split:
    if len(splits) == 1:
        return splits[0]
    labels = torch.cat([split.labels for split in splits])
    inputs = [split.inputs for split in splits]
    if isinstance(inputs[0], Tensor):
        return Split(torch.cat(inputs), labels)
    return Split([line for lines in inputs for line in lines], labels)
