"""Files of one's own, decoded once: in threads, a few at a time, into one file of the cache.

20,000 of them need no more memory than 2,000. A second call with the same files decodes nothing.
What a kind of files (photos, recordings) is read by, and called, is its `Medium`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from tlhelpers.data.tables import FolderError
from tlhelpers.runtime import store
from tlhelpers.runtime.language import catalogue, text

KEPT = 2  # the shape of what stands in the cache; another number decodes anew


class FileProblem(ValueError):
    """A file that cannot be used. `kind`: "empty", "truncated", ..., a sentence of the room;
    `values`: what stands in that sentence."""

    room = "folder"

    def __init__(self, kind: str, **values: object):
        super().__init__(say(self.room, f"file_{kind}", **values))
        self.kind = kind
        self.values = {
            name: value if isinstance(value, int | float | str) else str(value)
            for name, value in values.items()
        }


def say(room: str, key: str, **values: object) -> str:
    """The sentence of this room, or where it has none of its own, the one said of any folder."""
    own = ".".join((room, key))
    return text(own if own in catalogue() else ".".join(("folder", key)), **values)


@dataclass(frozen=True)
class Decoded:
    """What was made of a file.

    content: the bytes that are kept; facts: numbers on the file, for the inspection; digest: of the
    file's bytes; signature: what near copies share (see `inspection.near_duplicates`), uint8
    (16, 16); notes: kinds of harmless oddities.
    """

    content: bytes
    facts: tuple[float, ...]
    digest: str
    signature: np.ndarray
    notes: tuple[str, ...] = ()


class Medium:
    """A kind of files. room: where its sentences stand; how: names exactly what is kept of a file,
    so that another way of reading decodes anew; most_bytes: that a file may become."""

    room: ClassVar[str] = "folder"
    kind: ClassVar[str] = "image"  # of the task
    suffixes: ClassVar[frozenset[str]]
    how: str
    most_bytes: int

    def say(self, key: str, **values: object) -> str:
        """A sentence on files of this kind."""
        return say(self.room, key, **values)

    def read(self, path: Path) -> Decoded:
        """What is kept of this file. Raises FileProblem."""
        raise NotImplementedError

    def quietly(self) -> AbstractContextManager:
        """Is open while files are read."""
        return nullcontext()

    def reader(self, file: Path, facts: Sequence[Sequence[float]]) -> Reader:
        """rows -> the inputs (n, ...) of these rows of what was decoded; facts: of each row."""
        raise NotImplementedError


Reader = Callable[[Iterable[int]], Tensor]


class HasPath(Protocol):
    @property
    def path(self) -> Path: ...


@dataclass(frozen=True)
class Store:
    """All that could be decoded. rows: which of the items; problems: (row, kind, sentence) of the
    others; the lists after them have an entry for each of `rows`; notes: (row, kind)."""

    file: Path
    rows: list[int]
    problems: list[tuple[int, str, str]]
    facts: list[list[float]]
    digests: list[str]
    signatures: list[str]
    notes: list[tuple[int, str]]

    def signatures_of(self, rows: Sequence[int]) -> np.ndarray:
        """uint8 (n, 16, 16)."""
        found = [np.frombuffer(bytes.fromhex(self.signatures[row]), np.uint8) for row in rows]
        return np.stack(found).reshape(-1, 16, 16)


def require_ordinary(path: Path, problem: type[FileProblem], most_bytes: int) -> None:
    """Raises `problem` for what is no file, an empty one, one too large, or one out of reach."""
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise problem("absent") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise problem("unreadable", reason=getattr(error, "strerror", error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise problem("not_a_file")
    if status.st_size == 0:
        raise problem("empty")
    if status.st_size > most_bytes:
        raise problem("too_heavy", megabytes=status.st_size // 2**20)


def decode(items: Sequence[HasPath], medium: Medium, progress: bool | None) -> Store:
    """What is made of these files, from the cache or anew. Raises FolderError, StoreError."""
    key = _key_of(items, medium)
    folder = store.private(store.cache_folder() / "folder")
    content, meta = folder / f"{key}.content", folder / f"{key}.json"
    with store.clear_disk_errors(folder), store.locked(folder / key):
        found = _known(content, meta)
        if found is None:
            _require_space(folder, len(items) * medium.most_bytes, medium)
            found = _decode_all(items, medium, content, progress)
            found["sha256"] = store.sha256(content)
            store.write_atomic(meta, json.dumps(found, ensure_ascii=True))
    del found["sha256"]
    found["problems"] = [  # in the language of this reading, not of the first
        (row, kind, medium.say(f"file_{kind}", **values)) for row, kind, values in found["problems"]
    ]
    return Store(content, **found)


def _key_of(items: Sequence[HasPath], medium: Medium) -> str:
    """Changes when a file is added, removed, renamed or edited; labels do not matter."""
    digest = hashlib.blake2b(f"{medium.how}/{KEPT}".encode(), digest_size=12)
    for item in items:
        try:
            status = os.stat(item.path)
            state = (status.st_size, status.st_mtime_ns)
        except OSError:
            state = (0, 0)
        digest.update(os.fsencode(item.path.absolute()) + repr(state).encode())
    return digest.hexdigest()


def _known(content: Path, meta: Path) -> dict[str, Any] | None:
    try:
        found = store.read_json(meta, 2**30)
        whole = store.sha256(content) == found["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def _require_space(folder: Path, needed: int, medium: Medium) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        values = {"free": f"{free / 1e9:.1f}", "needed": f"{needed / 1e9:.1f}"}
        raise FolderError(medium.say("no_space", path=folder, **values))


def _decode_all(
    items: Sequence[HasPath], medium: Medium, content: Path, progress: bool | None
) -> dict[str, Any]:
    """Writes what is kept of every readable file; returns what else is known of them."""
    found: dict[str, Any] = {
        name: [] for name in ("rows", "problems", "facts", "digests", "signatures", "notes")
    }

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file, medium.quietly():
            for row, one in enumerate(_in_threads(items, medium, progress)):
                if isinstance(one, FileProblem):
                    found["problems"].append([row, one.kind, one.values])
                    continue
                file.write(one.content)
                found["rows"].append(row)
                found["facts"].append(list(one.facts))
                found["digests"].append(one.digest)
                found["signatures"].append(one.signature.tobytes().hex())
                found["notes"] += [[row, kind] for kind in one.notes]

    store.write_atomic(content, write)
    return found


def _in_threads(
    items: Sequence[HasPath], medium: Medium, progress: bool | None
) -> Iterator[Decoded | FileProblem]:
    """Results or problems in the order of the items; few are held at a time."""
    from tqdm.auto import tqdm

    def read(item: HasPath) -> Decoded | FileProblem:
        try:
            return medium.read(item.path)
        except FileProblem as problem:
            return problem

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    remaining = iter(items)
    with (
        ThreadPoolExecutor(min(8, cores or 1)) as pool,
        tqdm(total=len(items), desc=medium.say("decoding"), disable=hidden, delay=1) as bar,
    ):
        while some := list(islice(remaining, 64)):
            for one in pool.map(read, some):
                yield one
                bar.update()
