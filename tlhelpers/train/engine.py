"""The one training loop. Every method that trains by gradient goes through `fit`.

A method adds a loss, a penalty or a hook, never a loop of its own. The same code runs on a
laptop's CPU, on one GPU, and on several under `accelerate launch` or `torchrun`. Losses stay on
the device: nothing waits for them before the epoch ends, apart from a look every 100 steps.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from tlhelpers.data.digest import digest
from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.device import describe, pick_precision
from tlhelpers.runtime.language import text
from tlhelpers.train.batches import (
    Batch,
    LoaderBatches,
    Normalize,
    SplitBatches,
    batches_of,
    holds_pictures,
    preprocessing,
)
from tlhelpers.train.checkpoint import load_checkpoint, save_checkpoint
from tlhelpers.train.history import History
from tlhelpers.train.optimizers import build_optimizer, build_schedule
from tlhelpers.train.processes import Processes, uses_batchnorm

LOOK_EVERY = 100  # steps between two looks at whether the loss is still finite
# What torch and its libraries say where memory runs out, on a GPU and on a CPU.
SHORT_OF_MEMORY = ("out of memory", "alloc_failed", "can't allocate memory", "not enough memory")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def fit(
    model: nn.Module,
    data: Task | Split | DataLoader,
    *,
    epochs: int = 10,
    max_steps: int | None = None,
    batch_size: int = 64,
    optimizer: str | Callable[[list[dict]], Optimizer] = "adamw",
    lr: float = 1e-3,
    weight_decay: float | None = None,
    param_groups: Iterable[dict] | None = None,
    schedule: str | Callable[[int, int], float] = "one_cycle",
    warmup: float | None = None,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    loss: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor] | None = None,
    penalty: Callable[[nn.Module], Tensor] | None = None,
    clip_norm: float | None = None,
    after_step: Callable[[int, nn.Module], bool | None] | None = None,
    valid: Split | DataLoader | bool | None = None,
    valid_every: int = 1,
    keep_best: bool = True,
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str | torch.dtype | None = None,
    compile: bool = False,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int | None = None,
    progress: bool | None = None,
) -> History:
    """Trains `model` in place and returns how it went; the model is left in eval mode.

    data: a Task (its valid split chooses the epoch), a Split, or a DataLoader.
    epochs, max_steps: `max_steps`, where given, replaces `epochs`.
    batch_size: examples a step, over all processes together.
    optimizer: "adamw", "sgd" (Nesterov, momentum 0.9) or a function of the parameter groups.
    schedule, warmup: see `build_schedule`; also a function (step, steps) -> factor.
    augment: (raw batch, generator on its device) -> batch; uint8, or floats in [0, 1].
    loss: (model, inputs, labels, rows) -> scalar mean; default cross-entropy. `inputs` are
        augmented and preprocessed, `rows` are row numbers in the split (None from a DataLoader).
    penalty: (model) -> scalar, added to the loss.
    after_step: called with the number of steps taken; True ends the training.
    valid: another split for choosing the epoch; False for none. valid_every: epochs between.
    keep_best: end with the weights of the epoch of highest validation accuracy (then lowest
        loss); without validation, with the last whole epoch's where the loss breaks down.
    precision: "fp32", "bf16" (autocast) or None for what the device does best.
    checkpoint: a folder. Every `checkpoint_every` steps (None: every epoch) the run is saved
        there, and a run that finds its own checkpoint there goes on from it. Batches drawn from a
        DataLoader cannot be skipped, so that such a run is saved at the end of epochs only.
    progress: a bar that appears after a second; None shows it where somebody may be watching.

    The order of the batches, augmentation and dropout follow from `seed`; the caller's random
    state is left as it was. Ctrl-C ends the training and keeps what was learned.
    Raises ValueError where nothing is trainable, the data are empty or a name is unknown.
    """
    task = data if isinstance(data, Task) else None
    train = task.train if task else data
    if not isinstance(train, Split | DataLoader):
        raise ValueError(text("engine.data_unknown", kind=type(data).__name__))
    if isinstance(train, Split) and not len(train):
        raise ValueError(text("engine.no_examples"))
    if valid is None and task is not None and len(task.valid):
        valid = task.valid
    if task is not None and getattr(model, "preprocess", None) is None and holds_pictures(train):
        model.preprocess = Normalize(task.mean, task.std)  # `predict` will need the same

    run = _Run(
        model=model,
        train=train,
        valid=valid or None,
        epochs=epochs,
        max_steps=max_steps,
        batch_size=batch_size,
        optimizer=build_optimizer(model, optimizer, lr, weight_decay, param_groups),
        schedule=build_schedule(schedule, warmup),
        augment=augment,
        loss=loss or cross_entropy,
        penalty=penalty,
        clip_norm=clip_norm,
        after_step=after_step,
        valid_every=valid_every,
        keep_best=keep_best,
        seed=seed,
        processes=Processes(device),
        precision=precision,
        compile=compile,
        folder=None if checkpoint is None else Path(checkpoint),
        save_every=checkpoint_every,
        visible=_somebody_watches() if progress is None else progress,
    )
    run.identity = {
        "optimizer": _name(optimizer),
        "schedule": _name(schedule),
    }
    return run.train_all()


def predict(
    model: nn.Module,
    split_or_inputs: Split | DataLoader | Tensor | list[str],
    batch_size: int = 256,
    *,
    precision: str | torch.dtype | None = None,
) -> Tensor:
    """The logits (n, classes) of every example, in order, as float32 on the CPU.

    The inputs are preprocessed as in `fit`. The model computes in eval mode where it lies.
    """
    data = split_or_inputs
    if not isinstance(data, Split | DataLoader):
        data = Split(data, torch.zeros(len(data), dtype=torch.long))
    outputs = [logits for logits, _ in _infer(model, data, batch_size, precision)]
    return torch.cat(outputs).float().cpu()


def evaluate(model: nn.Module, split: Split | DataLoader, batch_size: int = 256) -> float:
    """The model's accuracy (a fraction) on a split."""
    hits = [(logits.argmax(1) == labels) for logits, labels in _infer(model, split, batch_size)]
    return torch.cat(hits).double().mean().item()


def logits_of(model: nn.Module, inputs: Tensor | dict) -> Tensor:
    """Calls the model on a preprocessed batch; (n, classes), whatever the model wraps them in."""
    output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    return output if isinstance(output, Tensor) else output.logits


def cross_entropy(model: nn.Module, inputs: Tensor | dict, labels: Tensor, rows: Tensor) -> Tensor:
    """The default loss of `fit`: the mean negative log-likelihood of the labels, in nats."""
    return F.cross_entropy(logits_of(model, inputs), labels)


@dataclass
class _Run:
    """One call of `fit`: what was asked, and how far it has come."""

    model: nn.Module
    train: Split | DataLoader
    valid: Split | DataLoader | None
    epochs: float
    max_steps: int | None
    batch_size: int
    optimizer: Optimizer
    schedule: Callable[[int, int], float]
    augment: Callable | None
    loss: Callable
    penalty: Callable | None
    clip_norm: float | None
    after_step: Callable | None
    valid_every: int
    keep_best: bool
    seed: int
    processes: Processes
    precision: str | torch.dtype | None
    compile: bool
    folder: Path | None
    save_every: int | None
    visible: bool
    identity: dict = field(default_factory=dict)  # what a checkpoint must have been made with
    epoch: int = 0  # epochs completed
    taken: int = 0  # steps taken in the epoch that is running
    losses: list[Tensor] = field(default_factory=list)  # of this epoch, on the device
    sizes: list[int] = field(default_factory=list)
    kept: dict[str, Tensor] = field(default_factory=dict)  # what `_learned` was at its best
    history: History = field(default_factory=History)

    def __post_init__(self):
        device = self.device = self.processes.device
        self.visible = self.visible and self.processes.is_main
        self.precision = _as_precision(self.precision, device)
        self.autocast = _autocast(device, self.precision)
        self.model.to(device)
        self.micro_batch = self.batch_size
        self.batches = batches_of(self.train, device, self.batch_size, self.processes)
        self.prepare = _preparation(self.model, self.train, device)
        if self.valid is not None:
            size = max(256, self.batch_size)
            self.valid_batches = batches_of(self.valid, device, size, self.processes)
            self.prepare_valid = _preparation(self.model, self.valid, device)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.generator = torch.Generator(device).manual_seed(self.seed + self.processes.rank)
        self.has_batchnorm = uses_batchnorm(self.model.train())
        self.saves_steps = self.folder and self.save_every and self.batches.can_skip
        self._plan()

    def _plan(self) -> None:
        """How many steps there will be, which the schedule must know."""
        try:
            per_epoch = len(self.batches)
            if self.has_batchnorm and self.batches.last_is_single and per_epoch > 1:
                per_epoch -= 1  # see the loop
        except TypeError:  # a stream without an end
            if self.max_steps is None:
                raise ValueError(text("engine.length_unknown")) from None
            per_epoch = self.max_steps
        self.total = self.max_steps if self.max_steps is not None else self.epochs * per_epoch
        if self.max_steps is not None:
            self.epochs = math.inf

    def train_all(self) -> History:
        """From the first step, or the last checkpoint, to the end."""
        history, device = self.history, self.device
        history.device, history.batch_size = str(device), self.batch_size
        history.precision = str(self.precision).removeprefix("torch.")
        if self.visible:
            _announce(device, self.precision)
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            _channels_last(self.model, device),
            tqdm(total=self.total, delay=1, leave=False, disable=not self.visible) as self.bar,
        ):
            torch.manual_seed(self.seed + self.processes.rank)
            self.processes.start(self.model)
            self.runner = torch.compile(self.model) if self.compile else self.model
            if self.keep_best:
                self._keep()
            if self.folder is not None:
                self._resume()
            self.started = time.perf_counter() - history.seconds
            try:
                while not self.done:
                    self._train_epoch()
            except KeyboardInterrupt:
                history.interrupted, history.stopped = True, "interrupted"
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
            history.seconds = time.perf_counter() - self.started
        history.micro_batch = self.micro_batch
        self.model.eval()
        return history

    @property
    def done(self) -> bool:
        steps = self.history.steps
        return self.epoch >= self.epochs or steps >= self.total or bool(self.history.stopped)

    def _train_epoch(self) -> None:
        """One pass over the data: the loop."""
        history = self.history
        self.model.train()
        for batch in self.batches.epoch(seed=self.seed * 1_000_003 + self.epoch, skip=self.taken):
            if self.has_batchnorm and batch.whole < min(2 * self.processes.world, self.batch_size):
                continue  # somewhere one example alone: no variance to normalise by
            factor = self.schedule(history.steps, self.total)
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor
            self.losses.append(self._step(batch))
            self.sizes.append(batch.whole)
            self.taken += 1
            history.steps += 1
            self.bar.update()
            if self.after_step is not None and self.after_step(history.steps, self.model):
                history.stopped = "after_step"
            if history.steps % LOOK_EVERY == 0:
                self._look_at_losses()
            if self.saves_steps and history.steps % self.save_every == 0:
                self._look_at_losses()  # a run that has broken down is not worth keeping
                self._save()
            if history.steps >= self.total or history.stopped:
                break
        self._close_epoch()

    def _step(self, batch: Batch) -> Tensor:
        """One step of the optimizer; returns its loss, still on the device."""
        while (loss := self._compute_gradients(batch)) is None:
            self._halve_batch(len(batch.labels))
        self.processes.average_gradients(self.trained)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.trained, self.clip_norm)
        self.optimizer.step()
        return loss

    def _compute_gradients(self, batch: Batch) -> Tensor | None:
        """The gradients of this process's share, and its loss; None where memory did not reach.

        Nothing in here waits for other processes, so that one of them can fail and try again.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total = None
        try:
            for rows, inputs, labels, weight in batch.pieces(self.micro_batch):
                if self.augment is not None:
                    inputs = self.augment(inputs, self.generator)
                inputs = self.prepare(inputs)
                with self.autocast():
                    loss = self.loss(self.runner, inputs, labels, rows)
                    if self.penalty is not None:
                        loss = loss + self.penalty(self.model)
                    if weight != 1.0:
                        loss = loss * weight
                loss.backward()
                total = loss.detach() if total is None else total + loss.detach()
        except RuntimeError as error:
            if not any(words in str(error).lower() for words in SHORT_OF_MEMORY):
                raise
            return None
        return total

    def _halve_batch(self, count: int) -> None:
        size = min(self.micro_batch, count)
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if size == 1:
            raise RuntimeError(text("engine.out_of_memory_one", device=self.device))
        self.micro_batch = -(-size // 2)
        print(text("engine.out_of_memory", size=size, half=self.micro_batch))

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
        self.micro_batch = self.processes.least(self.micro_batch)
        self.processes.align(self.model.buffers())
        sizes = torch.tensor(self.sizes, dtype=torch.float64)
        losses = torch.stack(self.losses).cpu().double()
        total, count = self._sum(losses @ sizes, sizes.sum())
        self.epoch, self.taken, self.losses, self.sizes = self.epoch + 1, 0, [], []
        scored = self.valid is not None and (self.done or self.epoch % self.valid_every == 0)
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
        if self.keep_best and (self.valid is None or history.best_epoch == self.epoch - 1):
            self._keep()
        if self.visible and scored:
            self.bar.set_postfix(loss=history.train_loss[-1], valid_acc=accuracy, refresh=False)
        if self.folder is not None and (self.done or not self.saves_steps):
            self._save()

    def _validate(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy on the validation split."""
        sums = torch.zeros(3, dtype=torch.float64)
        for logits, labels in _outputs(
            self.model, self.valid_batches, self.prepare_valid, self.autocast
        ):
            loss = F.cross_entropy(logits.float(), labels, reduction="sum")
            hits = (logits.argmax(1) == labels).sum()
            sums += torch.stack([loss, hits, hits.new_tensor(len(labels))]).cpu().double()
        loss, hits, count = self._sum(*sums)
        return loss / count, hits / count

    def _sum(self, *values: Tensor) -> list[float]:
        """These numbers, summed over all processes."""
        return self.processes.sum(torch.stack(values)).tolist()

    def _learned(self) -> dict[str, Tensor]:
        """All that training can change: trainable parameters, and buffers."""
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        return {name: value.detach() for name, value in [*named, *self.model.named_buffers()]}

    def _keep(self) -> None:
        self.kept = {name: value.clone() for name, value in self._learned().items()}

    def _restore(self) -> None:
        for name, value in self._learned().items():
            if name in self.kept:
                value.copy_(self.kept[name])

    def _identity(self) -> dict:
        """What two runs must share for one to go on where the other stopped."""
        shapes = [[name, list(value.shape)] for name, value in self.model.state_dict().items()]
        held = isinstance(self.train, Split)
        return self.identity | {
            "data": digest(self.train.fingerprint, self.train.labels) if held else None,
            "seed": self.seed,
            "steps": self.total,
            "batch_size": self.batch_size,
            "lr": self.rates,
            "examples": len(self.train) if isinstance(self.train, Split) else None,
            "model": hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:16],
        }

    def _save(self) -> None:
        """Everything that the rest of the run depends on, to a checkpoint."""
        self.history.seconds = time.perf_counter() - self.started
        if self.processes.is_main:
            tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
            tensors |= {f"kept.{name}": value for name, value in self.kept.items()}
            tensors |= {f"random.{name}": g() for name, (g, _) in self._random_states().items()}
            if self.losses:
                tensors["losses"] = torch.stack(self.losses)
            scalars = {}
            for number, state in self.optimizer.state_dict()["state"].items():
                for name, value in state.items():
                    if isinstance(value, Tensor):
                        tensors[f"optimizer.{number}.{name}"] = value
                    else:
                        scalars[f"{number}.{name}"] = value
            position = {"epoch": self.epoch, "taken": self.taken, "sizes": self.sizes}
            state = {
                "identity": self._identity(),
                "position": position,
                "micro_batch": self.micro_batch,
                "history": self.history.to_dict(),
                "optimizer": scalars,
            }
            save_checkpoint(self.folder, self.history.steps, tensors, state)
        self.processes.wait()

    def _resume(self) -> None:
        """Goes to where the newest whole checkpoint was made, if there is one."""
        found = load_checkpoint(self.folder)
        if found is None:
            return
        tensors, state = found
        mine, theirs = self._identity(), state["identity"]
        differing = [name for name in mine if mine[name] != theirs.get(name)]
        if differing:
            names = ", ".join(differing)
            raise ValueError(text("checkpoint.other_run", folder=self.folder, differing=names))
        for name, value in self.model.state_dict().items():
            value.copy_(tensors[f"model.{name}"])
        self.kept = {
            name: value.clone().copy_(tensors[f"kept.{name}"])
            for name, value in self._learned().items()
            if f"kept.{name}" in tensors
        }
        for name, (_, set_state) in self._random_states().items():
            if f"random.{name}" in tensors:
                set_state(tensors[f"random.{name}"])
        if self.processes.rank:  # the saved state is the first process's
            seed = self.seed + self.processes.rank + 7919 * state["history"]["steps"]
            torch.manual_seed(seed)
            self.generator.manual_seed(seed)
        self._load_optimizer(tensors, state["optimizer"])
        if "losses" in tensors:
            self.losses = list(tensors["losses"].to(self.device))
        self.sizes = state["position"]["sizes"]
        self.epoch, self.taken = state["position"]["epoch"], state["position"]["taken"]
        self.micro_batch = state["micro_batch"]
        history = self.history
        for name, value in state["history"].items():
            setattr(history, name, value)
        history.resumed_from = history.steps
        self.bar.update(history.steps)
        if self.visible:
            print(text("checkpoint.resumed", step=history.steps))

    def _load_optimizer(self, tensors: dict[str, Tensor], scalars: dict) -> None:
        loaded: dict[int, dict] = {}
        for key, value in {
            **{k.removeprefix("optimizer."): v for k, v in tensors.items() if "optimizer." in k},
            **scalars,
        }.items():
            number, name = key.split(".", 1)
            loaded.setdefault(int(number), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": loaded, "param_groups": groups})
        for param, state in self.optimizer.state.items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == param.shape:
                    # fused kernels walk both in memory order, so the layouts must agree
                    state[name] = torch.empty_like(param).copy_(value)

    def _random_states(self) -> dict[str, tuple[Callable, Callable]]:
        """Every generator that the run draws from: how to read its state and how to set it."""
        states = {
            "cpu": (torch.get_rng_state, torch.set_rng_state),
            "augment": (self.generator.get_state, self.generator.set_state),
        }
        if self.device.type == "cuda":
            states["cuda"] = (
                lambda: torch.cuda.get_rng_state(self.device),
                lambda state: torch.cuda.set_rng_state(state, self.device),
            )
        if (own := getattr(self.train, "generator", None)) is not None:
            states["loader"] = (own.get_state, own.set_state)
        return states


class _LossNotFinite(Exception):
    """The loss became NaN or infinite."""


def _infer(
    model: nn.Module,
    data: Split | DataLoader,
    batch_size: int,
    precision: str | torch.dtype | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(logits, labels) of each batch in order, computed where the model lies."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    autocast = _autocast(device, _as_precision(precision, device))
    batches = batches_of(data, device, batch_size)
    return _outputs(model, batches, _preparation(model, data, device), autocast)


def _outputs(
    model: nn.Module,
    batches: SplitBatches | LoaderBatches,
    prepare: Callable,
    autocast: Callable,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(logits, labels) of each batch, in eval mode; every module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for batch in batches.epoch():
            if batch.weight:
                with torch.no_grad(), autocast():
                    logits = logits_of(model, prepare(batch.inputs))
                yield logits, batch.labels
    finally:
        for module, mode in modes:
            module.training = mode


def _as_precision(asked: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    if asked is None:
        return pick_precision(device)
    if asked in PRECISIONS.values():
        return asked
    if asked not in PRECISIONS:
        raise ValueError(text("engine.unknown", what=asked, known=", ".join(PRECISIONS)))
    return PRECISIONS[asked]


def _autocast(device: torch.device, precision: torch.dtype) -> Callable:
    """A function that opens the context in which the model computes."""
    if precision == torch.float32:
        return nullcontext
    return lambda: torch.autocast(device.type, precision)


def _wants_channels_last(model: nn.Module, device: torch.device) -> bool:
    """True where convolutions run faster with the channels last: tensor cores, and oneDNN too.

    On one CPU core zukan-resnet trains 1.2 and zukan-inception 1.5 times as fast.
    """
    return device.type in ("cuda", "cpu") and any(isinstance(m, nn.Conv2d) for m in model.modules())


@contextmanager
def _channels_last(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Within it the model's kernels lie as they compute fastest; after it as everybody expects."""
    wanted = _wants_channels_last(model, device)
    if wanted:
        model.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        if wanted:
            model.to(memory_format=torch.contiguous_format)


def _preparation(model: nn.Module, data: Split | DataLoader, device: torch.device) -> Callable:
    """From the raw batch to the model's input, laid out as its convolutions like it."""
    prepare = preprocessing(model, data)
    if not _wants_channels_last(model, device):
        return prepare

    def prepare_and_lay_out(raw):
        inputs = prepare(raw)
        if isinstance(inputs, Tensor) and inputs.ndim == 4:
            return inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    return prepare_and_lay_out


def _name(choice: str | Callable) -> str:
    """A name for what was chosen, the same in the next process."""
    return choice if isinstance(choice, str) else getattr(choice, "__qualname__", "function")


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
