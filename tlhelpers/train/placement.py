"""Where and how a model computes: device, precision, layout, and how much of a batch at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.runtime.arguments import require_network
from tlhelpers.runtime.device import pick_device, pick_precision
from tlhelpers.runtime.language import text

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
# What torch and its libraries say where memory runs out, on a GPU and on a CPU.
SHORT_OF_MEMORY = ("out of memory", "alloc_failed", "can't allocate memory", "not enough memory")


@contextmanager
def lent_to_device(model: nn.Module) -> Iterator[torch.device]:
    """Within it a model that lies on the CPU lies on the best device; then where it lay before."""
    require_network("model", model)
    home, device = _home(model), computing_device(model)
    if device == home:
        yield device
        return
    model.to(device)
    try:
        yield device
    finally:
        model.to(home)


def computing_device(model: nn.Module) -> torch.device:
    """Where the model computes: where it lies, or from the CPU on the best device there is."""
    home = _home(model)
    return pick_device() if home.type == "cpu" else home


def _home(model: nn.Module) -> torch.device:
    return next((param.device for param in model.parameters()), torch.device("cpu"))


def as_precision(asked: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    """The precision called `asked`; None is what the device does best.

    Raises ValueError for an unknown name.
    """
    if asked is None:
        return pick_precision(device)
    if asked in PRECISIONS.values():
        return asked
    if asked not in PRECISIONS:
        raise ValueError(text("engine.unknown", what=asked, known=", ".join(PRECISIONS)))
    return PRECISIONS[asked]


def autocast(device: torch.device, precision: torch.dtype) -> Callable:
    """A function that opens the context in which the model computes."""
    if precision == torch.float32:
        return nullcontext
    return lambda: torch.autocast(device.type, precision)


@contextmanager
def channels_last(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Within it the kernels lie with the channels last, as convolutions compute fastest; after
    it with the channels first, as saving and other code expect."""
    wanted = _wants_channels_last(model, device)
    if wanted:
        model.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        if wanted:
            model.to(memory_format=torch.contiguous_format)


def preparation(model: nn.Module, preprocess: Callable, device: torch.device) -> Callable:
    """From the raw batch to the model's input, in its dtype and laid out as its convolutions
    like it."""
    dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
    dtype = next(dtypes, torch.float32)
    lay_out = _wants_channels_last(model, device)

    def prepare(raw: Any) -> Any:
        inputs = preprocess(raw)
        if isinstance(inputs, Tensor):
            if inputs.is_floating_point() and inputs.dtype != dtype:
                inputs = inputs.to(dtype)
            if lay_out and inputs.ndim == 4:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    return prepare


def _wants_channels_last(model: nn.Module, device: torch.device) -> bool:
    """True where convolutions run faster with the channels last: tensor cores, and oneDNN too.

    On one CPU core zukan-resnet trains 1.2 and zukan-inception 1.5 times as fast.
    """
    return device.type in ("cuda", "cpu") and any(isinstance(m, nn.Conv2d) for m in model.modules())


class Portion:
    """How many examples are computed at once: all that were asked for, until memory falls short."""

    def __init__(self, size: int):
        self.size = size

    def halve(self, count: int, device: torch.device, sentence: str) -> None:
        """Takes half of the `count` examples that did not fit, and says so.

        Raises RuntimeError where that was one example.
        """
        size = min(self.size, count)
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if size == 1:
            raise RuntimeError(text("engine.out_of_memory_one", device=device))
        self.size = -(-size // 2)
        print(text(sentence, size=size, half=self.size))


def is_short_of_memory(error: RuntimeError) -> bool:
    """True where the error says that memory ran out."""
    return any(words in str(error).lower() for words in SHORT_OF_MEMORY)
