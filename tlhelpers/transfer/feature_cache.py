"""Where extracted features are kept, and by what name: weights, preprocessing and data.

Small sets stay in memory, the least recently used leaving first. Large ones go row by row into
a file that is read back as a memory map, so that a million images need no gigabytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tlhelpers.data.digest import digest
from tlhelpers.data.task import Split
from tlhelpers.runtime.device import pick_precision
from tlhelpers.runtime.store import cache_folder, write_atomic
from tlhelpers.train.placement import computing_device

MEMORY_BYTES = 256 * 2**20
SAMPLED = 16  # inputs by which a preprocessing is known


class FeatureCache:
    """Tensors by key; the least recently used leave when `limit` bytes are passed."""

    def __init__(self, limit: int = MEMORY_BYTES):
        self.limit = limit
        self.kept: OrderedDict[str, Tensor] = OrderedDict()

    def get(self, key: str) -> Tensor | None:
        if key in self.kept:
            self.kept.move_to_end(key)
        return self.kept.get(key)

    def put(self, key: str, features: Tensor) -> None:
        self.kept[key] = features
        while sum(tensor.nbytes for tensor in self.kept.values()) > self.limit:
            self.kept.popitem(last=False)


def fingerprint(model: nn.Module, preprocess: Callable, data: Split, layer: str | None) -> str:
    """One name for these weights, this preprocessing, these inputs and the precision of the
    device (labels do not matter).

    The inputs are known by the split's exact fingerprint, the preprocessing by what it makes of
    a sample of them.
    """
    weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    rows = torch.linspace(0, len(data) - 1, min(SAMPLED, len(data))).long()
    sample, _ = data.batch(rows)
    precision = str(pick_precision(computing_device(model)))
    return digest(str(model), layer, weights, preprocess(sample), data.fingerprint, precision)


def write_features(key: str, count: int, batches: Callable[[], Iterable[Tensor]]) -> Path:
    """The file `features/<key>.npy` in the cache folder, written batch by batch unless
    it is there and whole.

    Plain writes, not a map: the pages that a map has written would stay in our memory.
    """
    path = cache_folder() / "features" / f"{key}.npy"

    def write(temporary: Path) -> None:
        parts: Iterator[Tensor] = iter(batches())
        first = next(parts)
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, first.shape[1])}
        with open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(first.numpy().astype("<f4", copy=False).tobytes())
            for part in parts:
                file.write(part.numpy().astype("<f4", copy=False).tobytes())

    if not _is_whole(path, count):
        write_atomic(path, write)
    return path


def _is_whole(path: Path, count: int) -> bool:
    """True where the file is there and opens as a map of `count` rows: neither cut nor empty."""
    try:
        return len(np.load(path, mmap_mode="r")) == count
    except (OSError, ValueError, EOFError, TypeError):
        return False
