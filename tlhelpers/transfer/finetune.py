"""Fine-tuning: train a pretrained network on, all of it or its last stages, with a new head.

First the head alone, then everything: a new head starts as a linear probe of the frozen features
(LP-FT: Kumar et al., 2022, arXiv:2202.10054), so that the first steps do not tear apart what the
network knows. One learning rate, searched on the validation split, serves the whole network
unless asked otherwise; gradients are clipped, the rate warms up, BatchNorm keeps its statistics.

Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018
(arXiv:1801.06146): rates that grow from the first stage to the head (discriminative rates), and
one more stage an epoch from the top (gradual unfreezing). They divide the rate by 2.6 at every
stage downwards; here the ratio of the head's rate to the first stage's is given, so that it means
the same for a network of any number of stages:

    rate of stage i of L = lr * lr_mult^(-(L - i) / L), the head (i = L) at lr;
    2.6 a stage is lr_mult = 2.6^L

LoRA, which leaves the weights alone and learns a small change beside them, is in `lora.py`.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tlhelpers.data.task import Task, require_task
from tlhelpers.models.surgery import (
    freeze,
    freeze_batchnorm,
    head_of,
    replace_head,
    stages,
    twin,
)
from tlhelpers.models.surgery import unfreeze as unfreeze_all
from tlhelpers.runtime.arguments import require_number, require_whole
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import evaluate, fit
from tlhelpers.train.history import History
from tlhelpers.train.optimizers import optimizer_of
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.results import Result
from tlhelpers.transfer.search import Search, search

# Where nothing is asked: chosen on validation data of real photos and texts, and of the course's
# own; see tests/transfer/test_real_finetune.py. Few labels are passed more than `EPOCHS` times.
RATES = {"image": (0.002, 0.01, 0.05), "text": (5e-5, 2e-4, 1e-3), "sound": (5e-4, 2e-3, 8e-3)}
HEAD_RATES = {
    "image": 0.02,
    "text": 1e-2,
    "sound": 1e-2,
}  # of a head trained by itself
DEFAULTS = {
    "image": {"optimizer": "sgd", "batch_size": 32, "clip_norm": 1.0},
    "text": {"optimizer": "adamw", "batch_size": 16, "clip_norm": 1.0},
    "sound": {"optimizer": "adamw", "batch_size": 32, "clip_norm": 1.0},
}
EPOCHS, LEAST_STEPS = 5, 60
ABOVE_ZERO = 30.0  # added to every score where a ReLU follows the head
TRIAL = 3  # a rate is tried for one third of the steps
VALIDATIONS = 5  # in a run: validating every epoch would cost more than training


@dataclass
class FineTuneResult(Result):
    """What one fine-tuning run gave. Accuracies are fractions; `valid_acc` chose rate and epoch.

    start_acc: validation accuracy before training, of the head that it began with. search: how
    the learning rate was chosen; None where it was given. seconds: of the search and the training.
    """

    test_acc: float
    valid_acc: float
    start_acc: float
    learning_rate: float
    trainable_parameters: int
    seconds: float
    test_reads: int
    valid_loss: float = field(repr=False)
    model: nn.Module = field(repr=False)
    history: History = field(repr=False)
    search: Search | None = field(repr=False)


def fine_tune(
    backbone: nn.Module,
    task: Task,
    *,
    lr: float | None = None,
    lr_mult: float | None = None,
    body_lr: float | None = None,
    epochs: int | None = None,
    freeze_epochs: int | None = None,
    head: nn.Module | None = None,
    keep_batchnorm: bool = True,
    unfreeze: str | int = "all",
    dropout: float = 0.0,
    penalty: Callable[[nn.Module], Callable] | None = None,
    seed: int = 0,
    read_test: bool = True,
    **fit_options: Any,
) -> FineTuneResult:
    """Give a copy of `backbone` a head for `task`, fine-tune it and read the test split once.

    lr: the learning rate; None tries three on the validation split, a third of the steps each.
    lr_mult: the head learns at `lr`, the first stage so many times more slowly. body_lr: one
        rate for the whole body, in its place. Without either, one rate for all.
    epochs: None passes the training split five times, or for at least 60 steps.
    freeze_epochs: None starts from the head of a linear probe; a number, from a random head that
        is trained for so many epochs while the body is frozen (0: not at all).
    head: a trained head to start from instead, such as `probe(...).head`.
    keep_batchnorm: False lets BatchNorm's running statistics move with the new pictures.
    unfreeze: "all"; "gradual" (one more stage an epoch, from the top); or the number of stages
        counted from the head that are trained (0: the head alone).
    penalty: builds the penalty from the model that is about to be trained (see `l2_sp`); weight
        decay is then left to it.
    read_test: False while settings are still being chosen; `test_acc` is then nan.
    Other options go to `fit`; pictures are trained by SGD in batches of 32, sounds and texts by
    AdamW in batches of 32 and 16, all with gradients clipped to norm 1. With `on_interrupt="keep"`
    Ctrl-C ends the training, and what was learned is measured.

    The network is never worse on the validation split than it was with the head it began with:
    where training did not help, that one is returned. Raises ValueError for settings that do not
    go together or an impossible `unfreeze`, before anything is trained.
    """
    require_task(task)
    depth = _depth(unfreeze, len(stages(backbone)) - 1)
    if body_lr is not None and lr_mult is not None:
        raise ValueError(text("finetune.both_rates"))
    options = {**DEFAULTS[task.kind], "seed": seed, **fit_options}
    if penalty is not None:
        options.setdefault("weight_decay", 0.0)
    if lr is None:
        rates = RATES[task.kind] if body_lr is None else (HEAD_RATES[task.kind],)
    else:
        rates = (lr,)

    def prepare(model: nn.Module, lr: float) -> tuple[nn.Module, dict]:
        open_stages(model, depth)
        if keep_batchnorm:
            freeze_batchnorm(model)
        own: dict[str, Any] = {"penalty": penalty(model) if penalty else None}
        own["param_groups"] = discriminative_rates(model, lr, lr_mult or 1.0, body_lr)
        if unfreeze == "gradual":
            steps = _steps_an_epoch(task, options)
            decay = options.get("weight_decay")
            own["optimizer"] = one_more_each_epoch(options["optimizer"], steps, lr, decay)
        return model, own

    start = with_head(backbone, task, head, freeze_epochs, lr, dropout, options)
    return tune(start, task, prepare, {"lr": rates}, epochs, options, read_test)


def with_head(
    backbone: nn.Module,
    task: Task,
    head: nn.Module | None,
    freeze_epochs: int | None,
    lr: float | None,
    dropout: float,
    options: dict,
) -> nn.Module:
    """A copy of `backbone` with the head from which `fine_tune` and `lora` begin.

    It shares the weights of the body where only copies of it are trained.
    """
    set_seed(options["seed"])
    is_trained = freeze_epochs or (head is None and freeze_epochs is None and not len(task.valid))
    copied = copy.deepcopy(backbone) if is_trained else twin(backbone)
    model = replace_head(copied, task.num_classes, dropout=dropout)
    inspect.signature(fit).bind(model, task, **options)  # a name that `fit` does not know
    if head is None and freeze_epochs is None:
        if len(task.valid):
            head = probe(backbone, task, seed=options["seed"], read_test=False).head
        else:
            freeze_epochs = epochs_for(task, options["batch_size"])
    if head is not None:
        _copy_head(head, getattr(*head_of(model)))
    if freeze_epochs:
        rate = HEAD_RATES[task.kind] if lr is None else lr
        whole = {**options, "on_interrupt": "raise", "checkpoint": None}
        whole["title"] = text("finetune.bar_head")
        fit(freeze(model), task, epochs=freeze_epochs, lr=rate, **whole)
    return model


def tune(
    start: nn.Module,
    task: Task,
    prepare: Callable[..., tuple[nn.Module, dict]],
    grid: Mapping[str, Sequence],
    epochs: int | None,
    options: dict,
    read_test: bool,
    longer: int = 1,
) -> FineTuneResult:
    """Train copies of `start` with the settings of `grid` for a while, and the best to the end.

    prepare: (copy, **settings) -> (what is trained, its own options of `fit`). Never returns a
    network that is worse on the validation split than `start`. Without a validation split the
    middle of the grid is taken. longer: how many times more epochs than `epochs_for` tells.
    """
    begin = time.perf_counter()
    require_whole("batch_size", options["batch_size"], 1)
    for rate in grid["lr"]:
        require_number("lr", rate)
    if epochs is not None:
        require_whole("epochs", epochs, 1)
    else:
        epochs = longer * epochs_for(task, options["batch_size"])
    steps = options.get("max_steps") or epochs * _steps_an_epoch(task, options)
    options = {"valid_every": max(1, epochs // VALIDATIONS), **options}
    valid = options.get("valid")
    if valid is None and len(task.valid):
        valid = task.valid

    def run(settings: dict[str, Any], **length: Any) -> FineTuneResult:
        model, own = prepare(copy.deepcopy(start), **settings)
        history = fit(model, task, **{**options, **own, **length})
        return summarise(model, task, history, read_test=False)

    count = math.prod(map(len, grid.values()))
    numbers = itertools.count(1)

    def trial(**settings: Any) -> FineTuneResult:
        short = {"max_steps": math.ceil(steps / TRIAL), "valid_every": steps}
        short["title"] = text("finetune.bar_trial", number=next(numbers), count=count)
        return run(settings, **short, on_interrupt="raise", checkpoint=None)

    found = None
    if count > 1 and valid:
        found = search(trial, grid)
    settings = found.chosen if found else {name: v[len(v) // 2] for name, v in grid.items()}
    result = run(settings, epochs=epochs)
    if valid:
        result.start_acc = evaluate(start, valid)
        if result.valid_acc < result.start_acc:
            result.model = prepare(copy.deepcopy(start), **settings)[0].eval()
            result.valid_acc = result.start_acc
    if read_test:
        result.test_acc = evaluate(result.model, task.open_test())
    result.test_reads = task.test_reads
    result.learning_rate, result.search = settings["lr"], found
    result.seconds = time.perf_counter() - begin
    return result


def epochs_for(task: Task, batch_size: int) -> int:
    """How often `fine_tune` passes the training split where nothing is asked."""
    return max(EPOCHS, math.ceil(LEAST_STEPS / math.ceil(len(task.train) / batch_size)))


def summarise(model: nn.Module, task: Task, history: History, read_test: bool) -> FineTuneResult:
    """The result of a training run: validation accuracy, and the test split where it is read."""
    best = history.best_epoch
    if best is None:
        accuracy = evaluate(model, task.valid) if len(task.valid) else math.nan
    else:
        accuracy = history.valid_acc[best]
    return FineTuneResult(
        test_acc=evaluate(model, task.open_test()) if read_test else math.nan,
        valid_acc=accuracy,
        start_acc=math.nan,
        learning_rate=math.nan,
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        seconds=history.seconds,
        test_reads=task.test_reads,
        valid_loss=math.nan if best is None else history.valid_loss[best],
        model=model,
        history=history,
        search=None,
    )


def open_stages(model: nn.Module, depth: int) -> None:
    """Train the head and the last `depth` stages of the body; keep the stages below frozen."""
    body = [name for name, _ in stages(model)][:-1]
    if depth >= len(body):
        unfreeze_all(model)
    else:
        freeze(model, to=body[-1 - depth])


def discriminative_rates(
    model: nn.Module, lr: float, lr_mult: float = 1.0, body_lr: float | None = None
) -> list[dict]:
    """Parameter groups for `fit`, one a stage: from lr / lr_mult at the first to lr at the head.

    body_lr: one rate for all stages before the head. Every trainable parameter is in a group;
    what no stage holds (a class token, a position embedding, an nn.Parameter of the network's
    own) learns with the first stage.
    """
    named = stages(model)
    top = max(len(named) - 1, 1)
    depths: dict[nn.Parameter, int] = {}
    for depth, (_, part) in enumerate(named):
        for parameter in part.parameters():
            depths.setdefault(parameter, depth)
    groups: dict[int, list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(depths.get(parameter, 0), []).append(parameter)

    def rate(depth: int) -> float:
        if body_lr is not None and depth < top:
            return body_lr
        return lr * lr_mult ** ((depth - top) / top)

    return [{"params": groups[depth], "lr": rate(depth)} for depth in sorted(groups)]


def one_more_each_epoch(
    optimizer: str | Callable, steps_an_epoch: int, lr: float, weight_decay: float | None = None
) -> Callable:
    """An `optimizer` for `fit` (gradual unfreezing): the head and the last stage learn at first.

    It takes one group a stage, as `discriminative_rates` gives them. What is closed still loses
    its gradients before the step; one optimizer and one schedule serve every stage, as in ULMFiT.
    The steps taken stand beside the head's momentum, so that a checkpoint holds them.
    """

    def build(groups: list[dict]) -> torch.optim.Optimizer:
        built = optimizer_of(groups, optimizer, lr, weight_decay)

        def of_head() -> dict:
            return built.state[built.param_groups[-1]["params"][0]]

        def close(*_: Any) -> None:
            opened = 2 + of_head().get("taken", 0) // steps_an_epoch
            for group in built.param_groups[:-opened]:
                for parameter in group["params"]:
                    parameter.grad = None

        def count(*_: Any) -> None:
            of_head()["taken"] = of_head().get("taken", 0) + 1

        built.register_step_pre_hook(close)
        built.register_step_post_hook(count)
        return built

    return build


def _depth(unfreeze: str | int, body: int) -> int:
    """The number of body stages that are trained."""
    if unfreeze in ("all", "gradual"):
        return body
    if isinstance(unfreeze, int) and 0 <= unfreeze <= body:
        return unfreeze
    raise ValueError(text("finetune.unfreeze", unfreeze=unfreeze, stages=body))


def _steps_an_epoch(task: Task, options: dict) -> int:
    return -(-len(task.train) // options["batch_size"])


def _copy_head(head: nn.Module, target: nn.Module) -> None:
    """A linear head's weights into the last layer of a network, which may be a 1 x 1 convolution.

    A ReLU behind it, as in SqueezeNet, would cut off scores below 0. The same number added to the
    scores of all classes changes no probability, and keeps them above.
    """
    with torch.no_grad():
        target.weight.copy_(head.weight.reshape(target.weight.shape))
        if target.bias is not None:
            target.bias.copy_(head.bias)
            if isinstance(target, nn.Conv2d) and isinstance(head, nn.Linear):
                target.bias.add_(ABOVE_ZERO)
