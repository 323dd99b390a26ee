"""Turn inputs into features with a frozen backbone, once, and keep them.

What does not change is not computed twice: features are cached by weights, preprocessing and
data (see `feature_cache.py`), and every method reads them through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import features_of, stages
from tlhelpers.runtime.arguments import require_network
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import as_data, infer, logits_of
from tlhelpers.train.preprocessing import preprocess_of, require_unit_range
from tlhelpers.transfer.feature_cache import FeatureCache, fingerprint, write_features

LARGE = 100_000  # inputs from which on features go to a file

_cache = FeatureCache()


def extract_features(
    model: nn.Module,
    data: Split | Tensor | Sequence[str],
    batch_size: int = 256,
    layer: str | None = None,
    cache: bool = True,
    *,
    preprocess: Callable | None = None,
) -> Tensor:
    """Features (n, d), float32 on the CPU, of inputs in the order given; `model` stays as it is.

    data: a split, uint8 images (n, 3, height, width), or texts. layer: the name of a stage
    (see `surgery.stages`), averaged over positions; None takes what enters the head.
    preprocess: None takes the model's own. The cache knows weights, preprocessing and data; from
    LARGE inputs on the features are a memory-mapped file.
    """
    require_network("model", model)
    data = as_data(data)
    if len(data) == 0:
        raise ValueError(text("features.empty"))
    if cache and len(data) >= LARGE:
        mapped = stream_features(model, data, batch_size, layer, preprocess=preprocess)
        return torch.from_numpy(mapped)
    preprocess = preprocess or preprocess_of(model, data)
    key = fingerprint(model, preprocess, data, layer) if cache else ""
    features = _cache.get(key)
    if features is None:
        features = torch.cat(list(_compute(model, data, batch_size, layer, preprocess)))
        if cache:
            _cache.put(key, features)
    return features.clone() if cache else features  # a change in place must not reach the cache


def stream_features(
    model: nn.Module,
    data: Split,
    batch_size: int = 256,
    layer: str | None = None,
    *,
    preprocess: Callable | None = None,
) -> np.memmap:
    """The same features as a memory map (n, d) of a file in the cache folder.

    Memory holds one batch at a time where the split draws its inputs, however many there are.
    Writing into the map changes this copy, never the file.
    """
    preprocess = preprocess or preprocess_of(model, data)
    key = fingerprint(model, preprocess, data, layer)
    path = write_features(
        key, len(data), lambda: _compute(model, data, batch_size, layer, preprocess)
    )
    return np.load(path, mmap_mode="c")


def represent(backbone: nn.Module | Tensor | str, split: Split, task: Task | None = None) -> Tensor:
    """Features (n, d) of a split: by a network, by "pixels" (the control), or as given.

    Pixels are numbers from 0 to 1, of uint8 pictures and of floats alike.
    """
    if isinstance(backbone, np.ndarray):
        backbone = torch.from_numpy(backbone)
    if isinstance(backbone, Tensor):
        if backbone.ndim != 2 or len(backbone) != len(split):
            shape = tuple(backbone.shape)
            raise ValueError(text("features.not_of_split", shape=shape, inputs=len(split)))
        return backbone.float()
    if isinstance(backbone, str) and backbone == "pixels":
        if not isinstance(split.inputs, Tensor):
            raise ValueError(text("features.no_pixels", kind=type(split.inputs).__name__))
        require_unit_range(split)
        pixels = split.inputs.flatten(1).float()
        return pixels / 255 if split.inputs.dtype == torch.uint8 else pixels
    if isinstance(backbone, str):
        raise ValueError(text("features.not_pixels", name=backbone))
    return extract_features(backbone, split, preprocess=preprocess_of(backbone, split, task))


def named(backbones: Mapping[str, nn.Module] | Sequence[nn.Module]) -> Mapping[str, nn.Module]:
    """Networks by their names; a second one of a name gets a number, so that none is lost."""
    if isinstance(backbones, Mapping):
        return backbones
    found: dict[str, nn.Module] = {}
    for network in backbones:
        require_network("backbones", network)
        info = getattr(network, "info", None)
        plain = name = type(network).__name__ if info is None else info.name
        number = 1
        while name in found:
            number += 1
            name = f"{plain} ({number})"
        found[name] = network
    return found


def span(rows: Tensor) -> Tensor:
    """Orthonormal columns (..., d, r) that span rows (..., n, d), r the smaller of n and d.

    rows @ span(rows) are the same points in r coordinates: all distances and angles stay.
    """
    return torch.linalg.qr(rows.mT).Q


def _compute(
    model: nn.Module, data: Split, batch_size: int, layer: str | None, preprocess: Any
) -> Iterator[Tensor]:
    """Features batch by batch, computed as `predict` computes."""

    def forward(model: nn.Module, inputs: Any) -> Tensor:
        return _pass(model, inputs, layer)

    answers = infer(model, data, batch_size, forward=forward, preprocess=preprocess)
    return (features for features, _ in answers)


def _pass(model: nn.Module, inputs: Any, layer: str | None) -> Tensor:
    if layer is None:
        return features_of(model, inputs)
    named = dict(stages(model))
    if layer not in named:
        raise ValueError(text("features.layer", layer=layer, known=", ".join(named)))
    stage = named[layer]  # a VGG's stage is a slice, which itself is never called
    last = stage[-1] if isinstance(stage, nn.Sequential) else stage
    seen = []
    hook = last.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    try:
        logits_of(model, inputs)
    finally:
        hook.remove()
    out = seen[-1]
    return out.mean((2, 3)) if out.ndim == 4 else out.mean(1) if out.ndim == 3 else out
