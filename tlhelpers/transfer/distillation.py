"""Distillation: a student learns the answers of a teacher, as a rule of a larger network.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531).
At a high temperature T the teacher's small probabilities, which say what a class resembles, count.
The gradient of the softened loss shrinks with 1/T^2, so it is multiplied by T^2 again:

    L = T^2 * KL(softmax(teacher / T) || softmax(student / T)), summed over classes, mean over rows

The teacher's answers need no label, so that every picture of the job can be learned from. Where
pictures are augmented, the teacher answers the very picture that the student sees (the "consistent"
teacher of Beyer et al., 2022, arXiv:2106.05237).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.data.digest import digest
from tlhelpers.data.task import HASHED_ROWS, Split, Task, require_task
from tlhelpers.models.surgery import replace_head
from tlhelpers.runtime.arguments import require_network, require_number
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import logits_of
from tlhelpers.train.history import History
from tlhelpers.train.placement import computing_device
from tlhelpers.train.predict import as_data, predict, require_labels
from tlhelpers.train.preprocessing import preprocess_of
from tlhelpers.transfer.finetune import DEFAULTS, tune
from tlhelpers.transfer.negative import LONGER, RATES
from tlhelpers.transfer.results import Result
from tlhelpers.transfer.search import Search

ANSWERS = ("soft", "hard")
TEMPERATURE = 4.0


@dataclass
class DistillResult(Result):
    """What one distillation gave. Accuracies are fractions; `valid_acc` chose rate and epoch.

    agreement: on how many of the test examples student and teacher say the same, right or wrong.
    examples: with and without labels, that the student saw.
    """

    test_acc: float
    teacher_acc: float
    agreement: float
    valid_acc: float
    parameters: int
    teacher_parameters: int
    examples: int
    learning_rate: float
    seconds: float
    test_reads: int
    model: nn.Module = field(repr=False)
    history: History = field(repr=False)
    search: Search | None = field(repr=False)


def distill(
    teacher: nn.Module,
    student: nn.Module,
    task: Task,
    *,
    unlabelled: Split | Tensor | Sequence[str] | None = None,
    answers: str = "soft",
    temperature: float | None = None,
    label_weight: float = 0.0,
    lr: float | None = None,
    epochs: int | None = None,
    seed: int = 0,
    read_test: bool = True,
    **fit_options: Any,
) -> DistillResult:
    """Teach a copy of `student`, with a new head, the answers of `teacher`; read the test once.

    It learns on the training examples of `task` and on `unlabelled` ones: inputs as those of the
    task, or a split, whose labels are not read.
    answers: "soft" (the teacher's probabilities) or "hard" (its most likely class).
    temperature: of soft answers; None is 4.
    label_weight: the share of the loss that goes by the labels, where there are any (0 to 1).
    lr, epochs and other options: as for `train_from_scratch`, with the same search.

    The teacher stays as it is, and answers in eval mode with its own preprocessing. Raises
    ValueError, before anything is trained, where its classes are not those of the task, the
    temperature is not above 0, or unlabelled examples are among those of the test or validation.
    """
    require_network("teacher", teacher)
    require_network("student", student)
    require_task(task)
    _check(answers, temperature, label_weight)
    train = task.train
    if unlabelled is not None:
        train = _together(task, as_data(unlabelled))
    said = predict(teacher, train)
    if said.shape[1] != task.num_classes:
        raise ValueError(
            text("distillation.classes", outputs=said.shape[1], classes=task.class_names)
        )
    if not said.isfinite().all():
        broken = int((~said.isfinite().all(1)).sum())
        raise ValueError(text("distillation.not_finite", count=broken, of=len(said)))
    require_labels(task.train.labels, task.num_classes)
    options = {**DEFAULTS[task.kind], "seed": seed, **fit_options}
    softness = (temperature or TEMPERATURE) if answers == "soft" else None
    imitate = _Imitation(said, softness, label_weight, len(task.train))
    if options.get("augment") is not None:
        listening = copy.deepcopy(teacher).to(computing_device(student)).eval()
        imitate.follow(listening, preprocess_of(teacher, train, task), options["augment"])
        options["augment"] = imitate.augment

    def prepare(model: nn.Module, lr: float) -> tuple[nn.Module, dict]:
        return model, {"lr": lr, "loss": imitate.loss}

    set_seed(seed)
    start = replace_head(copy.deepcopy(student), task.num_classes)
    grid = {"lr": RATES[task.kind] if lr is None else (lr,)}
    both = replace(task, train=train)
    found = tune(start, both, prepare, grid, epochs, options, False, LONGER)
    test_acc = teacher_acc = agreement = math.nan
    if read_test:
        test = task.open_test()
        own, theirs = (predict(model, test).argmax(1) for model in (found.model, teacher))
        pairs = ((own, test.labels), (theirs, test.labels), (own, theirs))
        test_acc, teacher_acc, agreement = ((a == b).double().mean().item() for a, b in pairs)
    return DistillResult(
        test_acc=test_acc,
        teacher_acc=teacher_acc,
        agreement=agreement,
        valid_acc=found.valid_acc,
        parameters=_size(found.model),
        teacher_parameters=_size(teacher),
        examples=len(train),
        learning_rate=found.learning_rate,
        seconds=found.seconds,
        test_reads=task.test_reads,
        model=found.model,
        history=found.history,
        search=found.search,
    )


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Scalar loss from two tensors of logits (n, classes); no gradient reaches the teacher."""
    if student.shape != teacher.shape or student.ndim != 2 or not len(student):
        raise ValueError(
            text(
                "distillation.shapes",
                student=tuple(student.shape),
                teacher=tuple(teacher.shape),
            )
        )
    _require_temperature(temperature)
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher.detach() / temperature, dim=1),
        reduction="batchmean",  # "mean" would also divide by the number of classes
        log_target=True,
    )


class _Imitation:
    """The loss of `distill`: how far the student's answers are from the teacher's.

    said: the teacher's logits (n, classes) for the rows of the split, of which the first `known`
    have labels. temperature: None for hard answers.
    """

    def __init__(self, said: Tensor, temperature: float | None, label_weight: float, known: int):
        self.said, self.temperature = said, temperature
        self.label_weight, self.known = label_weight, known
        self.asks: Callable[[], Tensor] | None = None

    def follow(self, teacher: nn.Module, prepare: Callable, augment: Callable) -> None:
        """From now on the teacher is asked about each augmented batch."""

        def augmented(raw: Any, generator: torch.Generator) -> Any:
            self.seen = augment(raw, generator)
            return self.seen

        @torch.no_grad()
        def asks() -> Tensor:
            return logits_of(teacher, prepare(self.seen))

        self.augment, self.asks = augmented, asks

    def loss(self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        self.said = self.said.to(labels.device)
        said = self.said[rows] if self.asks is None else self.asks()
        logits = logits_of(model, inputs)
        loss = self._apart(logits, said)
        known = rows < self.known
        if self.label_weight and known.any():
            own = F.cross_entropy(logits[known], labels[known])
            changed = own - self._apart(logits[known], said[known])
            loss = loss + self.label_weight * known.float().mean() * changed
        return loss

    def _apart(self, logits: Tensor, said: Tensor) -> Tensor:
        if self.temperature is None:
            return F.cross_entropy(logits, said.argmax(1))
        return distillation_loss(logits, said, self.temperature)


def _check(answers: str, temperature: float | None, label_weight: float) -> None:
    if answers not in ANSWERS:
        raise ValueError(text("distillation.answers", given=answers, known=", ".join(ANSWERS)))
    if temperature is not None:
        _require_temperature(temperature)
        if answers == "hard":
            raise ValueError(text("distillation.hard_temperature"))
    require_number("label_weight", label_weight, 0, 1)


def _require_temperature(temperature: float) -> None:
    require_number("temperature", temperature, above=True)


def _together(task: Task, unlabelled: Split) -> Split:
    """The training examples, then the unlabelled ones with a label that nothing reads."""
    kinds = [
        str(getattr(part.inputs, "dtype", type(part.inputs).__name__)).removeprefix("torch.")
        for part in (task.train, unlabelled)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(text("distillation.kinds", task=kinds[0], unlabelled=kinds[1]))
    for part, split in (("test", task.test), ("valid", task.valid)):
        shared = len(_names(unlabelled) & _names(split))
        if shared:
            raise ValueError(text(f"distillation.in_{part}", count=shared, task=task.name))
    first, second = task.train.inputs, unlabelled.inputs
    labels = torch.cat([task.train.labels, torch.zeros(len(unlabelled), dtype=torch.long)])
    if not isinstance(first, Tensor):
        return Split([*first, *second], labels)
    if first.shape[1:] != second.shape[1:]:
        shapes = {"task": tuple(first.shape[1:]), "unlabelled": tuple(second.shape[1:])}
        raise ValueError(text("distillation.sizes", **shapes))
    return Split(torch.cat([first, second]), labels)


def _names(split: Split) -> set[str]:
    """What names each example exactly."""
    parts = torch.arange(len(split)).split(HASHED_ROWS)
    return {digest(example) for rows in parts for example in split.batch(rows)[0]}


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
