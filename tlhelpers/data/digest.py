"""One short name for contents of any size, the same in every process and on every computer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def digest(*contents: object) -> str:
    """32 hexadecimal digits that name these contents exactly (BLAKE2b, about 1 GB/s).

    Tensors and arrays go by dtype, shape and bytes, wherever they lie; texts by their letters;
    lists and dicts by what they hold; everything else by its `repr`. What that does not name
    (an address in memory does not) is named at random, so that it equals nothing.
    """
    hasher = hashlib.blake2b(digest_size=16)
    for content in contents:
        _add(hasher, content)
    return hasher.hexdigest()


def _add(hasher: Any, content: object) -> None:
    if isinstance(content, Tensor):
        hasher.update(f"tensor {content.dtype} {tuple(content.shape)} ".encode())
        flat = content.detach().cpu().contiguous().flatten()
        hasher.update(flat.view(torch.uint8).numpy() if flat.numel() else b"")
    elif isinstance(content, np.ndarray) and not content.dtype.hasobject:
        hasher.update(f"array {content.dtype} {content.shape} ".encode())
        hasher.update(np.ascontiguousarray(content).tobytes())
    elif isinstance(content, str):
        hasher.update(f"text {len(content)} {content}".encode("utf-8", "surrogatepass"))
    elif isinstance(content, Mapping):
        hasher.update(f"dict {len(content)} ".encode())
        for name, value in content.items():
            _add(hasher, name)
            _add(hasher, value)
    elif isinstance(content, Sequence) and not isinstance(content, bytes):
        hasher.update(f"list {len(content)} ".encode())
        if all(type(entry) is int for entry in content):  # tokens: many, and plain
            hasher.update(repr(list(content)).encode())
        else:
            for entry in content:
                _add(hasher, entry)
    else:
        name = repr(content)
        named = not isinstance(content, np.ndarray) and " at 0x" not in name
        hasher.update(f"{type(content).__name__} {name} ".encode() if named else os.urandom(16))
