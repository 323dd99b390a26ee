"""Where extracted features are kept, and by what name: weights, preprocessing and data.

Small sets stay in memory, the least recently used leaving first. Large ones go row by row into
a file that is read back as a memory map, so that a million images need no gigabytes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split
from tlhelpers.runtime.store import cache_folder, write_atomic

MEMORY_BYTES = 256 * 2**20
SAMPLED = 16  # inputs that stand for a drawn split, and for the preprocessing


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
    """One name for these weights, this preprocessing and these inputs (labels do not matter).

    The preprocessing is known by what it makes of a sample of the inputs. Held inputs are
    hashed whole (about 1 GB/s); drawn ones by a sample and their labels, since what a split
    draws is settled by its labels, indices and seed.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{model}{layer}{len(data)}".encode())
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        _add(digest, name)
        _add(digest, tensor)
    rows = torch.linspace(0, len(data) - 1, min(SAMPLED, len(data))).long()
    sample, _ = data.batch(rows)
    _add(digest, preprocess(sample))
    if data.is_drawn:
        _add(digest, sample)
        _add(digest, data.labels)
    else:
        _add(digest, data.inputs)
    return digest.hexdigest()


def _add(digest, content) -> None:
    if isinstance(content, Tensor):
        digest.update(f"{content.dtype}{tuple(content.shape)}".encode())
        flat = content.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy() if flat.numel() else b"")
    elif isinstance(content, str):
        digest.update(f"{len(content)}:{content}".encode())
    elif hasattr(content, "items"):
        for name, value in content.items():
            _add(digest, name)
            _add(digest, value)
    elif isinstance(content, Sequence):
        for entry in content:
            _add(digest, entry)
    else:
        digest.update(repr(content).encode())


def write_features(key: str, count: int, batches: Callable[[], Iterable[Tensor]]) -> Path:
    """The file `features/<key>.npy` in the cache folder, written batch by batch if it is absent.

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

    return path if path.exists() else write_atomic(path, write)
