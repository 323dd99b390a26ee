"""The process that trains: alone on its device, or one of several under accelerate.

    torchrun --nproc-per-node 2 script.py                several CPU processes, or GPUs
    accelerate launch --num_processes 2 script.py        GPUs, as `accelerate config` has them

Both set WORLD_SIZE. Without it, a single process does without any wrapper, which would cost 1.7
times the step of a small head. With it, accelerate wraps the model, DistributedDataParallel by
default: the gradients are averaged while the backward pass goes on.

What is wrapped is not the model but a module that holds it, `Whole`, whose forward calls any
function of the model. So the loss and the penalty run inside one forward, whatever parts of the
model they call, and DistributedDataParallel sees each gradient become ready.

    memory   The first step computes without meeting the others, each process in pieces that fit
             it; then all agree on the smallest. A later failure in a forward pass is mended
             alone, too. One in the backward pass, where the others already wait, ends the run.
    unused   A parameter that the first step left without gradient in all or some processes makes
             the wrapper look for unused ones from then on, which costs a walk through each graph.
             One that only a later step leaves out counts as a gradient of 0.
    failing  A process that fails tells the others why, so that each ends with a sentence. One that
             lives and says nothing is waited for as long as `PATIENCE`.

Where accelerate is configured for FSDP, the model is sharded instead (sharding.py). Its parts are
put together while all processes compute, so that all take the same number of pieces, memory that
falls short ends the run, and `penalty` cannot be had: it would see parts of the weights.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from tlhelpers.runtime.device import pick_device
from tlhelpers.runtime.language import text

# What the libraries say where another process no longer answers.
LOST = ("connection closed", "connection reset", "connection refused", "broken pipe", "timed out",
        "timeout", "gloo", "nccl", "process group", "socket")  # fmt: skip
PATIENCE = timedelta(minutes=10)  # with a process that lives and is silent; gloo's own is 30
_log = logging.getLogger(__name__)
_runs = itertools.count()  # the same in all processes, since they call `fit` in step


class Processes:
    """Where this process stands (`rank` of `world`), and what the processes do together."""

    def __init__(self, device: str | torch.device | None = None):
        self.accelerator: Any = None  # accelerate's, where there are several processes
        self.wrapped: nn.Module | None = None
        self.rank, self.world = 0, 1
        self.device = pick_device(device)
        self.meeting = False  # True while the others may be waiting for this process's gradients
        self._find_unused = False
        self._run = next(_runs)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator
            from accelerate.utils import (
                DataLoaderConfiguration,
                DistributedDataParallelKwargs,
                InitProcessGroupKwargs,
            )

            self.accelerator = Accelerator(
                cpu=self.device.type == "cpu",
                dataloader_config=DataLoaderConfiguration(split_batches=True, even_batches=False),
                kwargs_handlers=[
                    DistributedDataParallelKwargs(
                        broadcast_buffers=False,  # they are aligned at the end of an epoch
                        gradient_as_bucket_view=True,  # no second copy of the gradients
                    ),
                    InitProcessGroupKwargs(timeout=PATIENCE),
                ],
            )
            self._require_known_wrapper()
            self.accelerator.native_amp = False  # the engine opens autocast itself
            self.device = self.accelerator.device
            self.rank = self.accelerator.process_index
            self.world = self.accelerator.num_processes

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @property
    def sharded(self) -> bool:
        """True where each process holds a part of the model."""
        return self.accelerator is not None and self.accelerator.is_fsdp2

    @property
    def precision(self) -> str | None:
        """What `accelerate launch --mixed_precision` asks for; None where it leaves that open."""
        asked = "no" if self.accelerator is None else self.accelerator.mixed_precision
        return None if asked == "no" else asked

    def _require_known_wrapper(self) -> None:
        kind = self.accelerator.distributed_type.value
        if not (kind.startswith("MULTI_") or self.accelerator.is_fsdp2):
            raise ValueError(text("engine.wrapper", kind=kind))

    # --- the model ----------------------------------------------------------------------------

    def wrap(self, model: nn.Module, optimizer: Optimizer, *, find_unused: bool = False) -> None:
        """Makes the gradients of `model` those of all processes, or shards it.

        Sharding puts other parameters into the model, and into the optimizer's groups; SGD's fused
        kernel cannot read them.
        """
        if self.accelerator is None:
            return
        if self.sharded:
            if isinstance(optimizer, torch.optim.SGD):
                for group in optimizer.param_groups:
                    group["fused"] = None
            self.wrapped, _ = self.accelerator.prepare(Whole(model), optimizer)
            return
        self._find_unused = find_unused
        self.accelerator.ddp_handler.find_unused_parameters = find_unused
        self.release()
        with warnings.catch_warnings():  # torch 2.15 renames an option, accelerate does not yet
            warnings.simplefilter("ignore", FutureWarning)
            self.wrapped = self.accelerator.prepare_model(Whole(model))

    def release(self) -> None:
        """Takes the wrapper away; the model stays as it is."""
        if self.wrapped is not None:
            self.wrapped = None
            self.accelerator.free_memory()

    def infer(self, function: Callable, model: nn.Module, *arguments: Any) -> Any:
        """`function(model, *arguments)` without learning: only shards need the wrapper for it."""
        return (self.call if self.sharded else _call)(function, model, *arguments)

    def call(self, function: Callable, model: nn.Module, *arguments: Any) -> Any:
        """`function(model, *arguments)`, where there is a wrapper through it."""
        if self.wrapped is None:
            return function(model, *arguments)
        return self.wrapped(function, *arguments)

    def apart(self, alone: bool) -> AbstractContextManager[Any]:
        """A context in which, where `alone`, gradients add up in this process only.

        Of a sharded model they always meet: whole ones would not fit.
        """
        if self.wrapped is None or not alone or self.sharded:
            return nullcontext()
        return self.accelerator.no_sync(self.wrapped)

    def backward(self, loss: Tensor, alone: bool) -> None:
        """The gradients of a loss; unless `alone`, they meet those of the other processes."""
        self.meeting = self.wrapped is not None and not alone and not self.sharded
        loss.backward()
        if self.meeting and not self._find_unused:
            left_out = [p for p in self._trainable() if p.grad is None]
            if left_out:  # the others wait for them
                _zero(left_out).backward()
        self.meeting = False

    def meet(self) -> bool:
        """Averages the gradients that were computed alone; True where some parameter had none.

        A parameter without gradient in all processes keeps none, as in one process.
        """
        parameters = self._trainable()
        used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32)
        used = self.sum(used)
        self.take_part()
        for parameter, count in zip(parameters, used.tolist(), strict=True):
            if not count:
                parameter.grad = None
        return bool((used < self.world).any())

    def take_part(self) -> None:
        """Hands in what gradients there are, of a process that has nothing (more) to compute."""
        parameters = self._trainable()
        some = parameters[:1] if self._find_unused else parameters
        self.backward(self.call(lambda model: _zero(some), self.wrapped), alone=False)

    def _trainable(self) -> list[nn.Parameter]:
        assert self.wrapped is not None
        return [parameter for parameter in self.wrapped.parameters() if parameter.requires_grad]

    def align(self, tensors: Iterable[Tensor]) -> None:
        """Overwrites the tensors with those of the first process."""
        if self.accelerator is None:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in tensors:
                tensor.copy_(broadcast(tensor.detach().to(self.device).contiguous()))

    def batchnorm(self, model: nn.Module, shared: bool) -> AbstractContextManager[None]:
        """Within it BatchNorm normalises by the whole batch where `shared`; else says it does not.

        Returns a context.
        """
        if self.accelerator is None or not uses_batchnorm(model):
            return nullcontext()
        if shared:
            return shared_batchnorm(model)
        if self.is_main:
            _log.warning(text("engine.batchnorm_processes", world=self.world))
        return nullcontext()

    # --- the data -----------------------------------------------------------------------------

    def share(self, loader: DataLoader) -> DataLoader:
        """The loader, handing each process its part of every batch."""
        return self.accelerator.prepare_data_loader(loader)

    def counts(self, *numbers: int) -> list[list[int]]:
        """These numbers of every process, by rank; the device is not waited for."""
        if self.accelerator is None:
            return [list(numbers)]
        own = torch.tensor(numbers)
        found = [torch.empty_like(own) for _ in range(self.world)]
        torch.distributed.all_gather(found, own, group=_cpu_group())
        return [values.tolist() for values in found]

    def any(self, value: bool) -> bool:
        """True where it is so in some process; the device is not waited for."""
        return any(one for (one,) in self.counts(int(value)))

    # --- numbers ------------------------------------------------------------------------------

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, elementwise."""
        if self.accelerator is None:
            return values
        return self.accelerator.reduce(values.to(self.device), "sum")

    def gather(self, values: Tensor) -> list[Tensor]:
        """The tensor of every process, by rank."""
        if self.accelerator is None:
            return [values]
        return list(self.accelerator.gather(values.to(self.device)[None]).to(values.device))

    def least(self, value: int) -> int:
        """The smallest value that any process has."""
        if self.accelerator is None:
            return value
        shared = torch.tensor(value, device=self.device)
        torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MIN)
        return int(shared)

    def wait(self) -> None:
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    # --- where one of them fails --------------------------------------------------------------

    @contextmanager
    def failing_together(self, advice: Callable[[], str]) -> Iterator[None]:
        """Within it a failure of one process ends all of them with a sentence, then `advice`.

        The one that fails leaves its reason where the others look as soon as they no longer hear
        from it, or are told to end (SIGTERM, as torchrun, Slurm and Kubernetes do).
        """
        if self.accelerator is None:
            yield
            return
        try:
            with _raising_on_sigterm():
                yield
        except _Told:
            raise SystemExit(self._explain("engine.told_to_stop", advice)) from None
        except RuntimeError as error:
            if not any(words in str(error).lower() for words in LOST):
                self._leave_reason(error)
                raise
            raise RuntimeError(self._explain("engine.process_lost", advice)) from error
        except Exception as error:
            self._leave_reason(error)
            raise

    def _leave_reason(self, error: Exception) -> None:
        with _quietly():
            _store().set(f"tlhelpers/{self._run}", f"{self.rank}\n{error}")

    def _explain(self, otherwise: str, advice: Callable[[], str]) -> str:
        """What became of the process that is missed: in its own words where it left any."""
        sentence = text(otherwise)
        with _quietly():
            if _store().check([key := f"tlhelpers/{self._run}"]):
                rank, _, reason = _store().get(key).decode().partition("\n")
                sentence = text("engine.process_failed", rank=rank, reason=reason)
        return f"{sentence} {advice()}".strip()


class Whole(nn.Module):
    """A model of which any function may be computed in one forward pass."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self._no_split_modules = getattr(model, "_no_split_modules", None)  # read by accelerate

    def forward(self, function: Callable, *arguments: Any) -> Any:
        return function(self.model, *arguments)


def _call(function: Callable, model: nn.Module, *arguments: Any) -> Any:
    return function(model, *arguments)


def _zero(parameters: list[nn.Parameter]) -> Tensor:
    """A zero that depends on all of these, with gradients of 0."""
    return torch.stack([parameter.sum().float() * 0 for parameter in parameters]).sum()


# --- BatchNorm --------------------------------------------------------------------------------


def uses_batchnorm(model: nn.Module) -> bool:
    """True where a layer normalises by the statistics of its batch, as a frozen one does not."""
    return any(isinstance(module, _BatchNorm) and module.training for module in model.modules())


@contextmanager
def shared_batchnorm(model: nn.Module) -> Iterator[None]:
    """Within it BatchNorm layers in training normalise by the batch of all processes.

    As torch.nn.SyncBatchNorm, which exists for GPUs only and would replace the layers.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for layer in layers:
        layer.forward = functools.partial(_normalise_together, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


class _SumOfAll(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        torch.distributed.all_reduce(total)
        return total


def _normalise_together(layer: _BatchNorm, inputs: Tensor) -> Tensor:
    """BatchNorm of inputs (n, channels, ...) over the n of all processes.

    Sums and squared distances are added up one after the other: in one go (mean of squares less
    square of mean) the variance would lose its digits.
    """
    if not layer.training:
        return type(layer).forward(layer, inputs)
    across = [axis for axis in range(inputs.ndim) if axis != 1]
    shape = [1, -1] + [1] * (inputs.ndim - 2)
    values = inputs if inputs.dtype == torch.float64 else inputs.float()
    count = values.new_full((1,), values.numel() / values.shape[1])
    sums = _SumOfAll.apply(torch.cat([values.sum(across), count]))
    count = sums[-1].detach()
    mean = sums[:-1] / count
    distances = values - mean.view(shape)
    variance = _SumOfAll.apply(distances.square().sum(across)) / count
    if layer.track_running_stats and layer.running_mean is not None:
        with torch.no_grad():
            layer.num_batches_tracked.add_(1)
            momentum = layer.momentum
            if momentum is None:
                momentum = 1 / layer.num_batches_tracked.item()
            layer.running_mean.lerp_(mean.to(layer.running_mean.dtype), momentum)
            unbiased = (variance * count / (count - 1)).to(layer.running_var.dtype)
            layer.running_var.lerp_(unbiased, momentum)
    normalised = distances * (variance + layer.eps).rsqrt().view(shape)
    if layer.affine:
        normalised = normalised * layer.weight.view(shape) + layer.bias.view(shape)
    return normalised.to(inputs.dtype)


# --- small things -----------------------------------------------------------------------------


class _Told(BaseException):
    """SIGTERM."""


@contextmanager
def _raising_on_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> NoReturn:
        raise _Told

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quietly() -> Iterator[None]:
    """The store may have gone down with the process that kept it."""
    try:
        yield
    except RuntimeError as error:
        _log.debug("no word from the store: %s", error)


def _store() -> Any:
    return torch.distributed.distributed_c10d._get_default_store()


@functools.cache
def _cpu_group() -> Any:
    """A group that talks over the CPU, beside the one of the GPUs."""
    if torch.distributed.get_backend() == "gloo":
        return None
    return torch.distributed.new_group(backend="gloo")
