"""A folder of the learner's own photos as a `Task`: read once, inspected, split, and kept.

`load_folder` is the door for texts, too (`own_texts.py`).

Each photo is decoded once, to a square of uint8, into one file of the cache; 20,000 of them need
no more memory than 2,000, since what is large is read back row by row. A second call with the same
files decodes nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tlhelpers.data import archive, inspection
from tlhelpers.data.digest import digest
from tlhelpers.data.inspection import Inspection
from tlhelpers.data.layout import (
    PARTS,
    FolderError,
    Labelled,
    Layout,
    Problem,
    find_layout,
    shown,
)
from tlhelpers.data.own import LEAST, SHARES, FolderTask, PlacedSplit, parts_of
from tlhelpers.data.own_texts import holds_texts, load_texts
from tlhelpers.data.photo import PhotoError, no_warnings, read_photo
from tlhelpers.data.tables import SUFFIXES as TABLES
from tlhelpers.runtime import store
from tlhelpers.runtime.arguments import require_seed, require_whole
from tlhelpers.runtime.language import LANGUAGES, text

HELD_BYTES = 384 * 2**20  # of all photos together; more are read from their file, batch by batch
VERSION = 2  # of what is stored; another number decodes anew
SIZES = range(32, 513)

__all__ = ["FolderError", "FolderTask", "load_folder"]


def load_folder(
    path: str | os.PathLike,
    size: int = 160,
    seed: int = 0,
    *,
    shares: Sequence[float] = SHARES,
    groups: str | None = "auto",
    label_from: str = "top",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    sep: str | None = None,
    encoding: str | None = None,
    progress: bool | None = None,
) -> FolderTask:
    """The photos or texts in `path` with their classes, split into train, valid and test.

    path: a folder (one folder per class; train/test folders of these; names like "cat.12.jpg"; a
        CSV with the columns file and label), a CSV file, or a zip or tar file. Texts: a table (CSV,
        TSV, JSONL, XLSX), a folder of train and test tables, or a folder per class of .txt files.
    size: pixels; the shorter side becomes `size`, and the middle square is kept.
    shares: of train, valid and test. Parts that the folder names are kept as they are; where it
        names no valid part, a quarter of train becomes it, and where no test part, a fifth.
    groups: "auto" keeps photos together whose names share a number before the last one
        ("BloodImage_00007_2"), or that lie in one folder inside their class; None does not.
    label_from: the outer ("top") or the inner folder ("leaf") names the class.
    columns: which columns of a table of texts hold the "text" (one, or several to be read one after
        the other), the "label", the "group" and the "split"; what is not named is looked for.
    sep, encoding: of such a table, where what is found by itself is wrong.
    `inspection` of the result says what was found and what was left out, and why.
    Raises FolderError where nothing can be learned from the folder.
    """
    require_whole("size", size, SIZES[0], SIZES[-1])
    require_seed(seed)
    if not _are_shares(shares):
        raise ValueError(text("folder.shares", shares=f"{shares!r:.60}"))
    if groups not in ("auto", None):
        raise ValueError(text("folder.groups_unknown", asked=f"{groups!r:.60}"))
    path = _as_path(path)
    root = _opened(path)
    if holds_texts(root, columns):
        how = {"label_from": label_from, "columns": columns, "sep": sep, "encoding": encoding}
        return load_texts(path, root, seed, shares=shares, **how)
    layout = find_layout(root, label_from)
    pixels, kept, facts, left_out = _decoded(layout, size, progress)
    return _assemble(path, root, layout, pixels, kept, facts, left_out, seed, shares, groups, size)


def _are_shares(shares: Any) -> bool:
    """True for three numbers above 0, none of them without end."""
    try:
        return len(shares) == 3 and all(0 < share < math.inf for share in shares)
    except TypeError:
        return False


def _as_path(path: Any) -> Path:
    """The path that was given. Raises FolderError for what is none, and for an empty one."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise FolderError(text("folder.no_path", given=f"{path!r:.60}"))
    return Path(os.path.expanduser(path))


def _opened(path: Path) -> Path:
    """The folder or CSV file itself, or what an archive was unpacked to."""
    if not os.path.lexists(path):
        raise FolderError(text("folder.absent", path=shown(path)))
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            raise FolderError(text("folder.unreadable", path=shown(path)))
        return path
    if archive.is_archive(path) and path.is_file():
        try:
            key = store.sha256(path)[:24]
        except OSError as error:
            raise FolderError(text("folder.unreadable", path=shown(path))) from error
        return archive.extract(path, store.cache_folder() / "unpacked" / key)
    if path.suffix.lower() in TABLES and path.is_file():
        return path
    raise FolderError(text("folder.not_a_folder", path=shown(path)))


# --- decoding, once -----------------------------------------------------------------------


def _decoded(layout: Layout, size: int, progress: bool | None):
    """(file of pixels, items that are in it, their facts, problems) from the cache or anew."""
    key = _key_of(layout.items, size)
    folder = store.cache_folder() / "folder"
    pixels, meta = folder / f"{key}.pixels", folder / f"{key}.json"
    with store.clear_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with store.clear_disk_errors(folder), store.locked(folder / key):
        facts = _read_facts(pixels, meta, size)
        if facts is None:
            _require_space(folder, len(layout.items) * 3 * size * size)
            facts = _decode_all(layout.items, size, pixels, progress)
            facts["sha256"] = store.sha256(pixels)
            store.write_atomic(meta, json.dumps(facts, ensure_ascii=True))
    kept = [layout.items[row] for row in facts["rows"]]
    left_out = [Problem(str(layout.items[row].path), *rest) for row, *rest in facts["problems"]]
    return pixels, kept, facts, left_out


def _key_of(items: list[Labelled], size: int) -> str:
    """Changes when a photo is added, removed, renamed or edited; labels do not matter."""
    digest = hashlib.blake2b(f"{VERSION}/{size}".encode(), digest_size=12)
    for item in items:
        try:
            status = os.stat(item.path)
            state = (status.st_size, status.st_mtime_ns)
        except OSError:
            state = (0, 0)
        digest.update(os.fsencode(item.path.absolute()) + repr(state).encode())
    return digest.hexdigest()


def _read_facts(pixels: Path, meta: Path, size: int) -> dict | None:
    try:
        facts = store.read_json(meta, 2**30)
        whole = pixels.stat().st_size == len(facts["rows"]) * 3 * size * size
        whole = whole and store.sha256(pixels) == facts["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        values = {"free": f"{free / 1e9:.1f}", "needed": f"{needed / 1e9:.1f}"}
        raise FolderError(text("folder.no_space", path=folder, **values))


def _decode_all(items: list[Labelled], size: int, pixels: Path, progress: bool | None) -> dict:
    """Writes the pixels of every readable photo; returns what else is known of them."""
    facts: dict = {"rows": [], "shapes": [], "digests": [], "signatures": [], "notes": []}
    facts["problems"] = []

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file, no_warnings():
            for row, photo in enumerate(_in_threads(items, size, progress)):
                if isinstance(photo, PhotoError):
                    facts["problems"].append([row, photo.kind, str(photo)])
                    continue
                file.write(photo.pixels.tobytes())
                facts["rows"].append(row)
                facts["shapes"].append([photo.width, photo.height])
                facts["digests"].append(photo.digest)
                facts["signatures"].append(photo.signature.tobytes().hex())
                if photo.note:
                    facts["notes"].append([row, photo.note])

    store.write_atomic(pixels, write)
    return facts


def _in_threads(items: list[Labelled], size: int, progress: bool | None) -> Iterator:
    """Photos or PhotoErrors in the order of the items; few are held at a time."""
    from tqdm.auto import tqdm

    def read(item: Labelled):
        try:
            return read_photo(item.path, size)
        except PhotoError as error:
            return error

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    remaining = iter(items)
    with (
        ThreadPoolExecutor(min(8, cores or 1)) as pool,
        tqdm(total=len(items), desc=text("folder.decoding"), disable=hidden, delay=1) as bar,
    ):
        while some := list(islice(remaining, 64)):
            for photo in pool.map(read, some):
                yield photo
                bar.update()


# --- from files to a task -----------------------------------------------------------------


def _assemble(
    path: Path,
    root: Path,
    layout: Layout,
    pixels: Path,
    kept: list[Labelled],
    facts: dict,
    left_out: list[Problem],
    seed: int,
    shares: Sequence[float],
    groups: str | None,
    size: int,
) -> FolderTask:
    base = root if root.is_dir() else root.parent

    def name(row: int) -> str:
        return shown(kept[row].path, base)

    found = Inspection(path=shown(path), rule=layout.rule, counts={}, remarks=layout.remarks)
    found.left_out = [
        Problem(shown(problem.path, base), problem.kind, problem.message)
        for problem in [*layout.left_out, *left_out]
    ]
    found.notes = [
        Problem(shown(layout.items[row].path, base), kind, text(f"folder.note_{kind}"))
        for row, kind in facts["notes"]
    ]
    rows = _without_copies(kept, facts["digests"], found, name)
    rows = _without_small_classes(kept, rows, found, name)
    labels = [kept[row].label for row in rows]
    classes = sorted(set(labels))
    if len(classes) < 2:
        _refuse(path, kept, classes, found)
    found.counts = {shown(label): count for label, count in sorted(Counter(labels).items())}
    found.sizes = _sizes(np.array(facts["shapes"])[rows])
    signatures = np.stack(
        [np.frombuffer(bytes.fromhex(facts["signatures"][row]), np.uint8) for row in rows]
    ).reshape(-1, 16, 16)
    pairs = inspection.near_duplicates(signatures)
    found.near_duplicates = [(name(rows[a]), name(rows[b])) for a, b in pairs]
    together = _groups([kept[row] for row in rows], labels, groups, found)
    together = inspection.join_groups(together, pairs)
    numbers = [classes.index(label) for label in labels]
    given = [kept[row].part for row in rows]
    parts = parts_of(numbers, together, given, shares, seed)
    part_of = {place: part for part, places in enumerate(parts) for place in places}
    found.across = [
        pair
        for pair, (a, b) in zip(found.near_duplicates, pairs, strict=True)
        if part_of[a] != part_of[b]
    ]
    found.splits = dict(zip(PARTS, map(len, parts), strict=True))
    _require_all_classes(path, parts, numbers, classes)
    tested = {numbers[row] for row in parts[2]}
    if len(tested) < len(classes):
        names = ", ".join(shown(name) for c, name in enumerate(classes) if c not in tested)
        found.remarks.append(text("folder.untested", classes=names))
    read = _reader(pixels, size)
    splits = [
        _split(
            read,
            f"photos-{VERSION}/{size}",
            facts["digests"],
            [rows[place] for place in part],
            torch.tensor([numbers[place] for place in part]),
            [kept[rows[place]].path for place in part],
            [together[place] for place in part],
            held=len(rows) * 3 * size * size <= HELD_BYTES,
        )
        for part in parts
    ]
    return FolderTask(
        name=shown(path.name or path.absolute().name),
        train=splits[0],
        valid=splits[1],
        test=splits[2],
        classes={lang: [shown(label) for label in classes] for lang in LANGUAGES},
        source=text("folder.source", path=shown(path)),
        inspection=found,
    )


def _without_copies(kept, digests: list[str], found: Inspection, name) -> list[int]:
    """One of each set of exact copies; none where the copies carry different labels."""
    drop: set[int] = set()
    for same in inspection.exact_copies(digests):
        names = [name(row) for row in same]
        if len({kept[row].label for row in same}) > 1:
            found.conflicts.append(names)
            drop |= set(same)
        else:
            found.duplicates.append(names)
            drop |= set(sorted(same, key=lambda row: kept[row].part != "train")[1:])
    return [row for row in range(len(kept)) if row not in drop]


def _without_small_classes(kept, rows: list[int], found: Inspection, name) -> list[int]:
    counts = Counter(kept[row].label for row in rows)
    small = {label for label, count in counts.items() if count < LEAST}
    for row in rows:
        if kept[row].label in small:
            label = shown(kept[row].label)
            message = text("folder.file_class_small", label=label, least=LEAST)
            found.left_out.append(Problem(name(row), "class_small", message))
    return [row for row in rows if kept[row].label not in small]


def _refuse(path: Path, kept: list[Labelled], classes: list[str], found: Inspection) -> None:
    """Raises the FolderError of a folder with fewer than two classes."""
    reasons = Counter(problem.kind for problem in found.left_out)
    detail = "; ".join(
        next(problem.message for problem in found.left_out if problem.kind == kind)
        for kind, _ in reasons.most_common(3)
    )
    if not kept:
        raise FolderError(text("folder.none_readable", path=shown(path), detail=detail))
    if len(kept) == 1:
        raise FolderError(text("folder.one_photo", path=shown(path)))
    small = [problem for problem in found.left_out if problem.kind == "class_small"]
    if found.conflicts:
        example = " = ".join(found.conflicts[0][:2])
        count = len(found.conflicts)
        raise FolderError(text("folder.conflicts", count=count, example=example))
    if small:
        names = sorted({item.label for item in kept} - set(classes))
        if not classes:
            raise FolderError(text("folder.too_few", path=shown(path), classes=_named(names)))
        values = {"label": shown(classes[0]), "small": _named(names), "least": LEAST}
        raise FolderError(text("folder.class_alone", path=shown(path), **values))
    label = shown(classes[0]) if classes else "-"
    raise FolderError(text("folder.one_class", path=shown(path), label=label))


def _named(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(map(shown, names[:most])) + (" ..." if len(names) > most else "")


def _sizes(shapes: np.ndarray) -> tuple[tuple[int, int], ...]:
    order = np.argsort(shapes.prod(1), kind="stable")
    return tuple(tuple(map(int, shapes[order[at]])) for at in (0, len(order) // 2, -1))


def _groups(items, labels: list[str], asked: str | None, found: Inspection) -> list:
    """One name a photo: those of one name stay in one part."""
    alone = list(range(len(items)))
    if asked is None:
        return alone
    given = [item.group or number for number, item in enumerate(items)]
    by_name = inspection.groups_by_name([item.path.stem for item in items], labels)
    if any(item.group for item in items) and inspection.enough_groups(given, labels):
        found.grouping, chosen = "given", given
    elif by_name is not None:
        found.grouping, chosen = "names", by_name
    else:
        return alone
    example, count = Counter(chosen).most_common(1)[0]
    found.groups = len(set(chosen))
    found.group_example = f"{shown(str(example))} ({count})"
    return chosen


def _require_all_classes(
    path: Path, parts: list[list[int]], labels: list[int], classes: list[str]
) -> None:
    """Every class needs training photos, and there must be some photos in every part."""
    trained = {labels[row] for row in parts[0]}
    missing = [shown(classes[c]) for c in range(len(classes)) if c not in trained]
    if missing or not all(parts):
        names = ", ".join(missing) or ", ".join(shown(label) for label in classes)
        raise FolderError(text("folder.too_few", path=shown(path), classes=names))


def _reader(pixels: Path, size: int):
    """rows -> uint8 (n, 3, size, size). Plain reads, not a map: its pages would count as memory."""
    each = 3 * size * size

    def read(rows: Iterable[int]) -> Tensor:
        rows = list(rows)
        images = torch.empty(len(rows), 3, size, size, dtype=torch.uint8)
        flat = images.view(len(rows), each).numpy()
        with open(pixels, "rb") as file:
            for place, row in enumerate(rows):
                file.seek(row * each)
                file.readinto(memoryview(flat[place]))
        return images

    return read


def _split(
    read, how: str, digests, rows: list[int], labels: Tensor, paths, groups, held: bool
) -> PlacedSplit:
    """`rows`: of the file. Held in memory, or read when asked for and named by the photos."""
    if held:
        return PlacedSplit(read(rows), labels, paths, groups)
    name = f"{how}/{digest([digests[row] for row in rows])}"
    return PlacedSplit(
        lambda asked: read(rows[at] for at in asked.tolist()), labels, paths, groups, name
    )
