"""Stamps: which code and which weights a stored result was made with.

A result in `datasets/results` carries the stamp of the moment it was made. `tl build --check`
compares it with the stamp of today, so that no lesson shows numbers of weights that are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tlhelpers.runtime.places import DATASETS, PACKAGE

ROOMS = ("data", "models", "train", "transfer")


def stamp(rooms: Iterable[str] = ROOMS, weights: Iterable[str] | None = None) -> dict[str, str]:
    """{"code": ..., "weights": ...}: 12 hexadecimal digits each.

    rooms: what the result depends on, as folders or files under `tlhelpers` ("data",
    "transfer/features.py"). weights: the names of the networks it uses; None: all that the
    project ships.
    """
    names = ["*"] if weights is None else list(weights)
    patterns = [p for name in names for p in (f"**/{name}.safetensors", f"**/{name}/*.safetensors")]
    files = {file for pattern in patterns for file in DATASETS.glob(pattern)}
    return {"code": code_hash(rooms), "weights": _hash(DATASETS, sorted(files))}


def code_hash(rooms: Iterable[str] = ("",)) -> str:
    """The hash of the Python files and catalogues of these rooms; by default of the package."""
    files = set()
    for room in rooms:
        place = PACKAGE / room
        found = [place] if place.is_file() else [*place.rglob("*.py"), *place.rglob("*.toml")]
        if not found:
            raise FileNotFoundError(f"tlhelpers has no room or file named {room!r}")
        files.update(found)
    return _hash(PACKAGE, sorted(files), newlines=True)


def _hash(base: Path, files: list[Path], newlines: bool = False) -> str:
    """A hash of names and contents; `newlines`: the same for Windows' line ends."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(file.relative_to(base).as_posix().encode() + b"\0")
        digest.update(content.replace(b"\r\n", b"\n") if newlines else content)
    return digest.hexdigest()[:12]
