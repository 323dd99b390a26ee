"""What fills the memory while a network trains: counted before, and measured during a step.

    plan = memory_plan(network, images, optimizer="adamw")    # four kinds of bytes
    plan.largest_batch(4 * 10**9)                             # examples that 4 GB hold

    with MemoryMeter(network) as meter:                       # the same, seen from inside a step
        loss = F.cross_entropy(network(images), labels)
        meter.mark("forward")
        loss.backward()

Counted are the tensors of PyTorch. What a kernel borrows while it runs, and what the driver of a
GPU keeps for itself (some hundred MB), come on top.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from tlhelpers.runtime.arguments import require_network, require_number, require_whole
from tlhelpers.runtime.language import text
from tlhelpers.train.placement import as_precision, autocast
from tlhelpers.train.predict import logits_of

OPTIMIZER_COPIES = {"adamw": 2, "sgd": 1}  # numbers kept for each trained weight
MB = 10**6


@dataclass(frozen=True)
class MemoryPlan:
    """The memory of one training step, in bytes."""

    parameters: int  # weights and buffers, trained or not
    gradients: int  # one number for each trained weight
    optimizer: int  # what the optimizer remembers of each trained weight
    copies: int  # what the forward pass keeps whatever the batch: weights in another precision
    each: int  # activations: what it keeps of one example for the backward pass
    batch_size: int

    @property
    def fixed(self) -> int:
        """The bytes that do not depend on the batch."""
        return self.parameters + self.gradients + self.optimizer + self.copies

    @property
    def activations(self) -> int:
        """All that the forward pass keeps for the backward pass."""
        return self.copies + self.each * self.batch_size

    @property
    def total(self) -> int:
        """All four at once: an upper bound, as gradients grow while activations are let go."""
        return self.fixed + self.each * self.batch_size

    def at(self, batch_size: int) -> MemoryPlan:
        """The plan for another batch."""
        require_whole("batch_size", batch_size, 1)
        return replace(self, batch_size=batch_size)

    def largest_batch(self, budget: float) -> int:
        """How many examples a step may hold within `budget` bytes; 0 where not even one fits."""
        require_number("budget", budget)
        return max(0, int((budget - self.fixed) // max(1, self.each)))

    def __str__(self) -> str:
        kinds = ("parameters", "gradients", "optimizer", "activations", "total")
        rows = [(text(f"memory.{kind}"), getattr(self, kind) / MB) for kind in kinds]
        title = text("memory.title", batch=self.batch_size)
        return "\n".join([title, *(f"{size:10,.1f} MB  {name}" for name, size in rows)])


def memory_plan(
    model: nn.Module,
    inputs: Tensor | dict,
    *,
    batch_size: int | None = None,
    optimizer: str = "adamw",
    precision: str | torch.dtype = "fp32",
) -> MemoryPlan:
    """Counts what training `model` on batches like `inputs` keeps in memory.

    inputs: a preprocessed batch (n, ...), or a dict of such tensors; few examples will do, as the
    plan is made for `batch_size` (None: n). Activations are counted by two forward passes in
    training mode, of n and of 2 n examples: the sum of all tensors that autograd saves for the
    backward pass, each storage once, parameters left out. precision: "fp32", or "bf16" for
    autocast. The model is left as it was. Raises ValueError for an unknown optimizer or precision,
    or a batch below 1.
    """
    require_network("model", model)
    if optimizer not in list(OPTIMIZER_COPIES):
        known = ", ".join(OPTIMIZER_COPIES)
        raise ValueError(text("engine.unknown", what=optimizer, known=known))
    given = inputs if isinstance(inputs, dict) else {"": inputs}
    counts = {len(one) if isinstance(one, Tensor) and one.ndim else 0 for one in given.values()}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(text("memory.inputs", value=f"{inputs!r:.60}"))
    first, count = next(iter(given.values())), counts.pop()
    asked = count if batch_size is None else batch_size
    require_whole("batch_size", asked, 1)
    open_autocast = autocast(first.device, as_precision(precision, first.device))

    def saved(times: int) -> int:
        # copied, as a slice would be counted with all that it was cut from
        batch: Any = {name: torch.cat([value] * times) for name, value in given.items()}
        with open_autocast():
            return _saved_bytes(model, batch if isinstance(inputs, dict) else batch[""])

    with _undisturbed(model):
        once, twice = saved(1), saved(2)
    each = (twice - once) // count
    trained = _bytes(p for p in model.parameters() if p.requires_grad)
    return MemoryPlan(
        parameters=_bytes([*model.parameters(), *model.buffers()]),
        gradients=trained,
        optimizer=OPTIMIZER_COPIES[optimizer] * trained,
        copies=max(0, once - each * count),
        each=each,
        batch_size=asked,
    )


def _saved_bytes(model: nn.Module, inputs: Tensor | dict) -> int:
    """What autograd saves of a forward pass in training mode and of the loss after it."""
    own = {_storage(parameter) for parameter in model.parameters()}
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in own:
            saved[_storage(tensor)] = tensor.detach()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        logits_of(model.train(), inputs).float().log_softmax(-1)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


class MemoryMeter(TorchDispatchMode):
    """Within it, `history` grows by the bytes of all tensors alive after each operation.

    It starts from the weights of `model` and what else is named in `held` (such as the state of an
    optimizer), and follows every tensor that is made, until it is let go. Watching costs time: it
    is for looking at a few steps, not for training.
    """

    def __init__(self, model: nn.Module, *held: Tensor):
        super().__init__()
        require_network("model", model)
        self.now = _bytes([*model.parameters(), *model.buffers(), *held])
        self.history = [self.now]
        self.marks: dict[str, int] = {}
        self._known = {_storage(t) for t in [*model.parameters(), *model.buffers(), *held]}

    @property
    def peak(self) -> int:
        """The most bytes that were alive at once."""
        return max(self.history)

    def mark(self, name: str) -> None:
        """Remembers that a phase of this name ends here."""
        self.marks[name] = len(self.history) - 1

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, Tensor) and _storage(tensor) not in self._known:
                self._follow(tensor.untyped_storage())
        self.history.append(self.now)
        return made

    def _follow(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        self._known.add(place)
        self.now += size

        def let_go() -> None:
            self._known.discard(place)
            self.now -= size

        weakref.finalize(storage, let_go)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Afterwards the model's modes and buffers, and the random state, are what they were."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
            for buffer, before in buffers:
                buffer.data.copy_(before)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _storage(tensor: Tensor) -> int:
    """What two tensors share that lie in the same memory."""
    return tensor.untyped_storage()._cdata
