"""The one training loop. Every method that trains by gradient goes through `fit`.

A method adds a loss, a penalty or a hook, never a loop of its own. The same code runs on a
laptop's CPU, on one GPU, and on several under `accelerate launch` or `torchrun`. Losses stay on
the device: nothing waits for them before the epoch ends, apart from a look every 100 steps.

    batches.py         how data reach the device     placement.py    device, precision, layout
    preprocessing.py   what turns them into inputs   predict.py      the loop without learning
    optimizers.py      steps and learning rates      checkpoint.py   saving and going on
    processes.py       several: shares, failures     sharding.py     a model in parts
"""

from __future__ import annotations

import functools
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.arguments import (
    require_network,
    require_number,
    require_path,
    require_seed,
    require_whole,
)
from tlhelpers.runtime.device import describe
from tlhelpers.runtime.language import text
from tlhelpers.train.batches import Batch, batches_of
from tlhelpers.train.checkpoint import held_folder, identity_of, resume_run, save_run
from tlhelpers.train.history import History
from tlhelpers.train.optimizers import build_optimizer, build_schedule
from tlhelpers.train.placement import (
    Portion,
    as_precision,
    autocast,
    channels_last,
    is_short_of_memory,
    preparation,
)
from tlhelpers.train.predict import evaluate, logits_of, outputs, predict, require_labels
from tlhelpers.train.preprocessing import (
    Normalize,
    attach_preprocess,
    holds_pictures,
    preprocess_of,
)
from tlhelpers.train.processes import Processes, uses_batchnorm
from tlhelpers.train.sharding import copy_for_sharding, give_back

__all__ = ["cross_entropy", "evaluate", "fit", "logits_of", "predict"]

LOOK_EVERY = 100  # steps between two looks at whether the loss is still finite


def fit(
    model: nn.Module,
    data: Task | Split | DataLoader,
    *,
    # how long, in steps of how many examples
    epochs: int = 10,
    max_steps: int | None = None,
    batch_size: int = 64,
    micro_batch: int | None = None,
    # how a step is taken: AdamW suits most networks untuned, one cycle needs no patience
    optimizer: str | Callable[[list[dict]], Optimizer] = "adamw",
    lr: float = 1e-3,
    weight_decay: float | None = None,
    param_groups: Iterable[dict] | None = None,
    schedule: str | Callable[[int, int], float] = "one_cycle",
    warmup: float | None = None,
    clip_norm: float | None = None,
    # what is learned from
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    loss: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor] | None = None,
    penalty: Callable[[nn.Module], Tensor] | None = None,
    # which epoch is kept: the best on data that nothing was learned from
    valid: Split | DataLoader | bool | None = None,
    valid_every: int = 1,
    keep_best: bool = True,
    # where and how it computes; the seed makes it repeatable
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str | torch.dtype | None = None,
    compile: bool = False,
    sync_batchnorm: bool = False,
    # what happens beside it
    after_step: Callable[[int, nn.Module], bool | None] | None = None,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int | None = None,
    on_interrupt: str = "raise",
    progress: bool | None = None,
    title: str | None = None,
) -> History:
    """Trains `model` in place and returns how it went; the model is left in eval mode.

    data: a Task (its valid split chooses the epoch), a Split, or a DataLoader. Where a Task of
        pictures meets a model without a `preprocess`, the model gets the task's normalisation
        as its own, since `predict` will need the same.
    epochs, max_steps: `max_steps`, where given, replaces `epochs`.
    batch_size: examples a step, over all processes together; a DataLoader brings its own.
    micro_batch: at most so many at once in a process, their gradients added up (None: as many as
        the memory holds). Without BatchNorm the step stays the same.
    optimizer: "adamw", "sgd" (Nesterov, momentum 0.9) or a function of the parameter groups.
    schedule, warmup: see `build_schedule`; also a function (step, steps) -> factor.
    augment: (raw batch, generator on its device) -> batch; uint8, or floats in [0, 1].
    loss: (model, inputs, labels, rows) -> scalar mean; default cross-entropy. `inputs` are
        augmented and preprocessed, `rows` are row numbers in the split (None from a DataLoader).
    penalty: (model) -> scalar, added to the loss.
    valid: another split for choosing the epoch; False for none. valid_every: epochs between.
    keep_best: end with the weights of the epoch of highest validation accuracy (then lowest
        loss); without validation, with the last whole epoch's where the loss breaks down.
    precision: "fp32", "bf16" (autocast) or None for what the device does best.
    sync_batchnorm: in several processes BatchNorm normalises by the whole batch, as in one.
    after_step: called with the number of steps taken and the model; True ends the training, in
        all processes where one says so.
    checkpoint: a folder. Every `checkpoint_every` steps (None: every epoch) the run is saved
        there, and a run that finds its own checkpoint there goes on from it: the same initial
        weights, data, loss and settings. Batches drawn from a DataLoader cannot be skipped, so
        that such a run is saved at the end of epochs only.
    on_interrupt: what follows when Ctrl-C ended the training and what was learned was kept.
        "raise" raises KeyboardInterrupt again, with `history` and `model` on it, so that nothing
        takes a part for the whole; "keep" returns the history, marked `interrupted`.
    progress: a bar that appears after a second; None shows it where somebody may be watching.
    title: what stands before the bar, where several trainings follow each other.

    The order of the batches, augmentation and dropout follow from `seed`; the caller's random
    state is left as it was. Raises ValueError where nothing is trainable, the data are empty or
    do not fit the model, a name is unknown, or the checkpoint is another run's; StoreError where
    the checkpoint's folder or contents are unusable.
    """
    asked = SimpleNamespace(**locals())
    if on_interrupt not in ("raise", "keep"):
        raise ValueError(text("engine.unknown", what=on_interrupt, known="raise, keep"))
    run = _Run(asked)
    interrupt = run.train_all()
    if interrupt is not None and on_interrupt == "raise":
        for name, learned in (("history", run.history), ("model", model)):
            setattr(interrupt, name, learned)
        raise interrupt
    return run.history


def cross_entropy(model: nn.Module, inputs: Tensor | dict, labels: Tensor, rows: Tensor) -> Tensor:
    """The default loss of `fit`: the mean negative log-likelihood of the labels, in nats."""
    return F.cross_entropy(logits_of(model, inputs), labels)


class _Run:
    """One call of `fit`: `asked` holds its arguments, the rest how far it has come."""

    history: History
    epoch: int  # epochs completed
    taken: int  # steps taken in the epoch that is running
    losses: list[Tensor]  # of this epoch, on the device
    sizes: list[int]  # examples behind each of them
    kept: dict[str, Tensor]  # what `learned` was at its best

    def train_all(self) -> KeyboardInterrupt | None:
        """From the first step, or the last checkpoint, to the end; returns the Ctrl-C that came."""
        history, device, interrupt = self.history, self.device, None
        if self.visible:
            _announce(device, self.precision)
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            nullcontext() if self.processes.sharded else channels_last(self.model, device),
            self._bar() as self.bar,
            self._folder(),
            self.processes.batchnorm(self.model, self.asked.sync_batchnorm),
            self.processes.failing_together(self._advice),
        ):
            self._start()
            started = self.started = time.perf_counter() - history.seconds
            try:
                while not self.done:
                    self._train_epoch()
            except KeyboardInterrupt as stop:
                history.interrupted, history.stopped, interrupt = True, "interrupted", stop
                print(text("engine.interrupted", step=history.steps))
            except _LossNotFinite:
                history.stopped = "loss_not_finite"
                kept = "kept" if self.kept else "lost"
                message = text("engine.loss_not_finite", step=history.steps, steps=LOOK_EVERY)
                warnings.warn(
                    f"{message} {text(f'engine.weights_{kept}')}", RuntimeWarning, stacklevel=3
                )
            if history.best_epoch is not None or history.stopped == "loss_not_finite":
                self._restore()
            history.seconds = time.perf_counter() - started
            if self.processes.sharded:
                give_back(self.model, self.asked.model)
            self.processes.release()
        history.micro_batch = self.portion.size
        self.asked.model.eval()
        return interrupt

    def _bar(self) -> tqdm:
        return tqdm(
            total=self.total,
            desc=self.asked.title or text("engine.bar_title"),
            unit=text("engine.bar_unit"),
            delay=1,
            leave=False,
            disable=not self.visible,
        )

    @property
    def done(self) -> bool:
        steps = self.history.steps
        return self.epoch >= self.epochs or steps >= self.total or bool(self.history.stopped)

    def _train_epoch(self) -> None:
        """One pass over the data: the loop."""
        history = self.history
        self.model.train()
        seed = self.asked.seed * 1_000_003 + self.epoch
        for batch in self.batches.epoch(seed=seed, skip=self.taken):
            if batch.fewest < self.least or batch.whole < self.least_whole:
                continue  # somewhere one example alone: no variance to normalise by
            factor = self.schedule(history.steps, self.total)
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor
            self.losses.append(self._step(batch))
            self.sizes.append(batch.whole)
            self.taken += 1
            history.steps += 1
            self.bar.update()
            if self.after_step is not None:
                stop = bool(self.after_step(history.steps, self.model))
                if self.processes.any(stop):
                    history.stopped = "after_step"
            if history.steps % LOOK_EVERY == 0:
                self._look_at_losses()
            if self.saves_steps and history.steps % self.asked.checkpoint_every == 0:
                self._look_at_losses()  # a run that has broken down is not worth keeping
                self._save()
            if history.steps >= self.total or history.stopped:
                break
        self._close_epoch()

    def _step(self, batch: Batch) -> Tensor:
        """One step of the optimizer; returns its loss, still on the device."""
        while (loss := self._compute_gradients(batch)) is None:
            self.portion.halve(len(batch.labels), self.device, "engine.out_of_memory")
        if not self.settled:
            self._settle()
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.trained, self.clip_norm)
        self.optimizer.step()
        return loss

    def _compute_gradients(self, batch: Batch) -> Tensor | None:
        """The gradients of the batch, and the loss of this process's share.

        None where memory did not reach and another try may go better.
        """
        self.optimizer.zero_grad(set_to_none=True)
        processes, total = self.processes, None
        most = batch.most if self.in_lockstep else len(batch.labels) if batch.weight else 0
        pieces = -(-most // self.portion.size)
        if self.in_lockstep and not len(batch.labels):
            raise ValueError(text("engine.process_without_data"))
        if not pieces and self.settled:
            processes.take_part()
        try:
            for number, (rows, inputs, labels, weight) in enumerate(batch.pieces(pieces), 1):
                if self.augment is not None:
                    inputs = self.augment(inputs, self.generator)
                inputs = self.prepare(inputs)
                alone = number < pieces or not self.settled
                with processes.apart(alone):
                    loss = processes.call(
                        self._compute_loss, self.runner, inputs, labels, rows, weight
                    )
                    processes.backward(loss, alone)
                total = loss.detach() if total is None else total + loss.detach()
        except RuntimeError as error:
            if not is_short_of_memory(error):
                raise
            if processes.meeting or self.in_lockstep:
                half = max(1, min(self.portion.size, most) // 2)
                raise RuntimeError(text("engine.out_of_memory_late", half=half)) from error
            return None
        return torch.zeros((), device=self.device) if total is None else total

    def _compute_loss(
        self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor | None, weight: float
    ) -> Tensor:
        """The loss of some examples as part of the whole batch's."""
        with self.autocast():
            loss = self.loss(model, inputs, labels, rows)
            if self.penalty is not None:
                loss = loss + self.penalty(self.model)
            return loss * weight if weight != 1.0 else loss

    def _settle(self) -> None:
        """After the first step of several processes, which each computed alone: all agree."""
        self.portion.size = self.processes.least(self.portion.size)
        if self.processes.meet():
            self.processes.wrap(self.runner, self.optimizer, find_unused=True)
        self.settled = True

    def _look_at_losses(self) -> None:
        """The only wait for the device within an epoch."""
        broken = torch.stack(self.losses[-LOOK_EVERY:]).isfinite().logical_not().sum()
        if self.processes.sum(broken).item():
            raise _LossNotFinite

    def _close_epoch(self) -> None:
        """Reads the losses, validates, keeps the weights where they are the best so far."""
        history = self.history
        if not self.losses:
            raise ValueError(text("engine.no_examples"))
        self._look_at_losses()
        self.portion.size = self.processes.least(self.portion.size)
        self.processes.align(self.model.buffers())
        sizes = torch.tensor(self.sizes, dtype=torch.float64)
        losses = torch.stack(self.losses).cpu().double()
        total, count = self._sum(losses @ sizes, sizes.sum())
        self.epoch, self.taken, self.losses, self.sizes = self.epoch + 1, 0, [], []
        scored = self.valid is not None and (self.done or self.epoch % self.asked.valid_every == 0)
        loss, accuracy = self._validate() if scored else (math.nan, math.nan)
        history.train_loss.append(total / count)
        history.epoch_steps.append(history.steps)
        history.valid_loss.append(loss)
        history.valid_acc.append(accuracy)
        best = history.best_epoch
        if scored and (
            best is None or (accuracy, -loss) > (history.valid_acc[best], -history.valid_loss[best])
        ):
            history.best_epoch = self.epoch - 1
        if self.asked.keep_best and (self.valid is None or history.best_epoch == self.epoch - 1):
            self._keep()
        if self.visible and scored:
            now = {"loss": f"{history.train_loss[-1]:.3f}", "accuracy": f"{accuracy:.1%}"}
            self.bar.set_postfix_str(text("engine.bar_now", **now), refresh=False)
        if self.folder is not None and (self.done or not self.saves_steps):
            self._save()

    def _validate(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy on the validation split."""
        sums = torch.zeros(3, dtype=torch.float64)
        batches, compute, portion = self.valid_batches, self._compute_logits, self.valid_portion
        in_step = self.processes.sharded
        for logits, labels in outputs(self.model, batches, compute, portion, in_step):
            known = self.valid.labels if isinstance(self.valid, Split) else labels
            require_labels(known, logits.shape[1])
            loss = F.cross_entropy(logits.float(), labels, reduction="sum")
            hits = (logits.argmax(1) == labels).sum()
            sums += torch.stack([loss, hits, hits.new_tensor(len(labels))]).cpu().double()
        loss, hits, count = self._sum(*sums)
        return loss / count, hits / count

    def _sum(self, *values: Tensor) -> list[float]:
        """These numbers, summed over all processes."""
        return self.processes.sum(torch.stack(values)).tolist()

    def _compute_logits(self, raw: Any) -> Tensor:
        with self.autocast():
            return self.processes.infer(logits_of, self.model, self.prepare_valid(raw))

    def learned(self) -> dict[str, Tensor]:
        """All that training can change: trainable parameters, and buffers."""
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        return {name: value.detach() for name, value in [*named, *self.model.named_buffers()]}

    def _keep(self) -> None:
        self.kept = {name: value.clone() for name, value in self.learned().items()}

    def _restore(self) -> None:
        for name, value in self.learned().items():
            if name in self.kept:
                value.copy_(self.kept[name])

    # --- before the first step ----------------------------------------------------------------

    def __init__(self, asked: SimpleNamespace):
        _check(asked)
        self.asked, self.model = asked, asked.model
        self.processes = Processes(asked.device)
        self.augment, self.penalty = asked.augment, asked.penalty
        self.clip_norm, self.after_step = asked.clip_norm, asked.after_step
        self._choose_data()
        groups = asked.param_groups
        if self.processes.sharded:
            if self.penalty is not None:
                raise ValueError(text("engine.penalty_of_parts"))
            self.model, groups = copy_for_sharding(asked.model, groups)
        self.optimizer = build_optimizer(
            self.model, asked.optimizer, asked.lr, asked.weight_decay, groups
        )
        self.schedule = build_schedule(asked.schedule, asked.warmup)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self._place()
        self._plan()
        self.folder = (
            None if asked.checkpoint is None else require_path("checkpoint", asked.checkpoint)
        )
        self.saves_steps = self.folder and asked.checkpoint_every and self.batches.can_skip
        watched = _somebody_watches() if asked.progress is None else asked.progress
        self.visible = watched and self.processes.is_main

        self.epoch, self.taken, self.losses, self.sizes = 0, 0, [], []
        self.kept = {}
        self.history = History(
            device=str(self.device),
            precision=str(self.precision).removeprefix("torch."),
            batch_size=self.batches.batch_size or 0,
        )

    def _choose_data(self) -> None:
        """What is trained and validated on, and what the model takes it through."""
        data, model = self.asked.data, self.model
        task = data if isinstance(data, Task) else None
        self.train = task.train if task else data
        if not isinstance(self.train, Split | DataLoader):
            raise ValueError(text("engine.data_unknown", kind=type(data).__name__))
        if isinstance(self.train, Split) and not len(self.train):
            raise ValueError(text("engine.no_examples"))
        self.valid = self.asked.valid
        if not isinstance(self.valid, DataLoader):  # a stream has no length, and is none the less
            self.valid = self.valid or None
        if self.asked.valid is None and task is not None and len(task.valid):
            self.valid = task.valid
        if task and getattr(model, "preprocess", None) is None and holds_pictures(self.train):
            attach_preprocess(model, Normalize(task.mean, task.std))
        self.loss = self.asked.loss or _cross_entropy_of(self.train)

    def _place(self) -> None:
        """Model and data on the device; how they are prepared and computed there."""
        asked, model = self.asked, self.model
        device = self.device = self.processes.device
        self.precision = as_precision(asked.precision or self.processes.precision, device)
        self.autocast = autocast(device, self.precision)
        if not self.processes.sharded:
            model.to(device)
        self.portion = Portion(asked.micro_batch or asked.batch_size)
        self.batches = batches_of(self.train, device, asked.batch_size, self.processes)
        self.prepare = preparation(model, preprocess_of(model, self.train), device)
        if self.valid is not None:
            size = max(256, asked.batch_size)
            self.valid_portion = Portion(size)
            self.valid_batches = batches_of(self.valid, device, size, self.processes)
            self.prepare_valid = preparation(model, preprocess_of(model, self.valid), device)
        self.generator = torch.Generator(device).manual_seed(asked.seed + self.processes.rank)

    def _plan(self) -> None:
        """How many steps there will be, which the schedule must know."""
        asked, batches, world = self.asked, self.batches, self.processes.world
        uses = uses_batchnorm(self.model.train())
        shared = asked.sync_batchnorm and world > 1
        sharded = self.processes.sharded
        self.in_lockstep = sharded or (uses and shared)
        self.settled = world == 1 or sharded
        self.least = self.least_whole = 0
        if uses and shared:
            self.least_whole = max(2, world)
        elif uses:
            self.least = min(2, (batches.batch_size or 2 * world) // world)
        try:
            per_epoch = len(batches)
            left_out = batches.fewest_of_last < self.least or batches.last < self.least_whole
            if left_out and per_epoch > 1:
                per_epoch -= 1  # see the loop
        except TypeError:  # a stream without an end
            if asked.max_steps is None:
                raise ValueError(text("engine.length_unknown")) from None
            per_epoch = asked.max_steps
        limited = asked.max_steps is not None
        self.total = asked.max_steps if limited else asked.epochs * per_epoch
        self.epochs = math.inf if limited else asked.epochs

    def _folder(self) -> AbstractContextManager[Any]:
        """A context in which the folder of checkpoints, where there is one, is this run's."""
        return held_folder(self.folder) if self.folder and self.processes.is_main else nullcontext()

    def _start(self) -> None:
        """Everything as the first step needs it, or the step after the last checkpoint."""
        torch.manual_seed(self.asked.seed + self.processes.rank)
        self.processes.align(self.model.parameters())
        self.processes.align(self.model.buffers())
        if self.folder is not None:
            self.identity = identity_of(self)
        self.runner = torch.compile(self.model) if self.asked.compile else self.model
        self.processes.wrap(self.runner, self.optimizer)
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        if self.asked.keep_best:
            self._keep()
        if self.folder is None:
            return
        if resume_run(self, self.folder):
            self.bar.update(self.history.steps)
            if self.visible:
                print(text("checkpoint.resumed", step=self.history.steps))

    def _save(self) -> None:
        self.history.seconds = time.perf_counter() - self.started
        if self.folder is not None:
            save_run(self, self.folder)
        self.processes.wait()

    def _advice(self) -> str:
        """How a run that several processes could not finish goes on."""
        key = "engine.start_again" if self.folder is None else "engine.goes_on"
        return text(key, step=self.history.steps, folder=self.folder)


def _check(asked: SimpleNamespace) -> None:
    """Raises ValueError for what can be no length, rate or seed, or no network."""
    require_network("model", asked.model)
    require_seed(asked.seed)
    for name in ("epochs", "batch_size", "valid_every"):
        require_whole(name, getattr(asked, name), 1)
    for name in ("max_steps", "micro_batch", "checkpoint_every"):
        if getattr(asked, name) is not None:
            require_whole(name, getattr(asked, name), 1)
    require_number("lr", asked.lr)
    for name, most in (("weight_decay", math.inf), ("clip_norm", math.inf), ("warmup", 1)):
        if getattr(asked, name) is not None:
            require_number(name, getattr(asked, name), 0, most)


class _LossNotFinite(Exception):
    """The loss became NaN or infinite."""


def _cross_entropy_of(data: Split | DataLoader) -> Callable:
    """`cross_entropy` that refuses labels without an output, before a GPU stumbles over them."""
    least, highest = 0, 0  # of a DataLoader nobody knows
    if isinstance(data, Split):
        least, highest = int(data.labels.min()), int(data.labels.max())

    def loss(model: nn.Module, inputs: Tensor | dict, labels: Tensor, rows: Tensor) -> Tensor:
        logits = logits_of(model, inputs)
        if labels.ndim == 1 and labels.is_floating_point():  # with a column a class they are shares
            raise ValueError(text("engine.labels_odd", labels=f"{labels.tolist()!r:.60}"))
        if least < 0 or highest >= logits.shape[1]:
            require_labels(data.labels, logits.shape[1])
        try:
            return F.cross_entropy(logits, labels)
        except IndexError:
            require_labels(labels, logits.shape[1])
            raise

    return loss


def _somebody_watches() -> bool:
    """True in a notebook and a terminal; False in CI, and where TLHELPERS_PROGRESS=0."""
    if os.environ.get("CI") or os.environ.get("TLHELPERS_PROGRESS") == "0":
        return False
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None or sys.stderr.isatty()


@functools.cache
def _announce(device: torch.device, precision: torch.dtype) -> None:
    """Says once a process what computes, unless the lesson's first cell has said it already."""
    if "tlhelpers.runtime.session" not in sys.modules:
        print(describe(device, precision))
