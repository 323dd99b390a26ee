"""What turns raw inputs into what a model takes, and how a model carries it.

A model carries its own preprocessing as the attribute `preprocess`, a plain function of a batch:
uint8 pictures, floats in [0, 1] or texts in, what `forward` takes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import text

SEEN = 16  # pictures that show the range of a split of floats


class Normalize:
    """The normalisation of a task: uint8 images, or floats in [0, 1], (n, 3, height, width).

    A plain function of the batch, no module: a model that carries it keeps its state_dict.
    """

    unit_range = True  # floats are taken to lie in [0, 1]

    def __init__(self, mean: Sequence[float] = (0.5,) * 3, std: Sequence[float] = (0.25,) * 3):
        self.mean, self.std = tuple(mean), tuple(std)
        self._constants: dict = {}  # on each device once: copying them every step would wait

    def __call__(self, images: Tensor) -> Tensor:
        key = images.device, images.dtype == torch.uint8
        if key not in self._constants:
            mean, std = torch.tensor([self.mean, self.std]).view(2, 1, -1, 1, 1)
            full = 255.0 if images.dtype == torch.uint8 else 1.0
            self._constants[key] = (full * mean).to(images.device), (full * std).to(images.device)
        mean, std = self._constants[key]
        return (images - mean).div_(std)


def attach_preprocess(model: nn.Module, preprocess: Callable) -> nn.Module:
    """The model, carrying `preprocess`; where that is a module, it is none of the model's own, so
    that the weights keep their names."""
    model.__dict__["preprocess"] = preprocess
    return model


def preprocess_of(model: nn.Module, data: Split | DataLoader, task: Task | None = None) -> Callable:
    """From the raw inputs of `data` to what the model takes.

    The model's own where it carries one, else for uint8 pictures the normalisation that `task`
    wants (`Normalize()` where none is known), else the inputs as they are. What a DataLoader
    hands out as floats is taken as prepared. Raises ValueError for pictures as floats from 0 to
    255 where floats are taken to lie in [0, 1].
    """
    own = getattr(model, "preprocess", None)
    normalize = Normalize(task.mean, task.std) if task else Normalize()
    if isinstance(data, DataLoader):
        return lambda raw: (own or normalize)(raw) if _is_raw(raw) else raw
    first = _first_of(data)
    if own is None:
        if getattr(first, "dtype", None) != torch.uint8:
            return _as_they_are
        own = normalize
    if getattr(own, "unit_range", False) and isinstance(first, Tensor):
        _require_shape(first, len(data))
        _require_unit_range(first, data)
    return own


def holds_pictures(split: Split) -> bool:
    """True where the inputs are uint8 images, which nobody has normalised yet."""
    return getattr(_first_of(split), "dtype", None) == torch.uint8


def _as_they_are(inputs: Any) -> Any:
    return inputs


def _is_raw(inputs: Any) -> bool:
    return isinstance(inputs, list) or getattr(inputs, "dtype", None) == torch.uint8


def require_pictures(split: Split) -> None:
    """Raises ValueError unless these are pictures (n, 3, h, w), of bytes or from 0 to 1."""
    first = _first_of(split)
    _require_shape(first, len(split))
    _require_unit_range(first, split)


def require_unit_range(split: Split) -> None:
    """Raises ValueError for pictures as floats from 0 to 255."""
    _require_unit_range(_first_of(split), split)


def _first_of(split: Split) -> Any:
    return split.batch(torch.arange(min(1, len(split))))[0]


def _require_shape(first: Tensor, count: int) -> None:
    if first.ndim != 4 or first.shape[1] not in (1, 3):
        raise ValueError(text("engine.picture_shape", shape=(count, *first.shape[1:])))


def _require_unit_range(first: Any, split: Split) -> None:
    if isinstance(first, Tensor) and first.is_floating_point() and len(split):
        seen, _ = split.batch(torch.arange(min(SEEN, len(split))))
        if seen.max() > 2:
            raise ValueError(text("engine.floats_of_bytes", highest=f"{seen.max():.0f}"))
