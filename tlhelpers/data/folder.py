"""A folder of the learner's own photos, recordings or texts as a `Task`: `load_folder`.

Each file is decoded once (`decoding.py`), inspected, and put into a part (`own.py`). Texts have
tables and no decoding (`own_texts.py`).
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlhelpers.data import archive
from tlhelpers.data.inspection import Inspection
from tlhelpers.data.layout import FolderError, every_file, find_layout, named_in, shown
from tlhelpers.data.own import SHARES, FolderTask, assemble
from tlhelpers.data.own_texts import holds_texts, load_texts
from tlhelpers.data.photo import SUFFIXES as PHOTOS
from tlhelpers.data.photo import Photos
from tlhelpers.data.sounds.inspection import SoundInspection
from tlhelpers.data.sounds.recording import OTHERS, READABLE, Recordings
from tlhelpers.data.sounds.speakers import class_beside_speaker
from tlhelpers.data.tables import SUFFIXES as TABLES
from tlhelpers.runtime import store
from tlhelpers.runtime.arguments import is_whole, require_seed, require_whole
from tlhelpers.runtime.language import text

SIZES = range(32, 513)

__all__ = ["FolderError", "FolderTask", "load_folder"]


def load_folder(
    path: str | os.PathLike,
    size: int = 160,
    seed: int = 0,
    *,
    shares: Sequence[float] = SHARES,
    groups: str | int | None = "auto",
    label_from: str = "top",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    sep: str | None = None,
    encoding: str | None = None,
    progress: bool | None = None,
) -> FolderTask:
    """The photos, recordings or texts in `path` with their classes, split into train, valid and
    test.

    path: a folder (one folder per class; train/test folders of these; names like "cat.12.jpg"; a
        CSV with the columns file and label), a CSV file, or a zip or tar file. Texts: a table (CSV,
        TSV, JSON, JSONL, XLSX), a folder of train and test tables, or .txt files in a folder per
        class.
    size: pixels of photos; the shorter side becomes `size`, and the middle square is kept.
    shares: of train, valid and test. Parts that the folder names are kept as they are; where it
        names no valid part, a quarter of train becomes it, and where no test part, a fifth.
    groups: "auto" keeps photos together whose names share a number before the last one
        ("BloodImage_00007_2"), or that lie in one folder inside their class; None does not. Of
        recordings, those of one speaker, where names say who speaks (yes/anna/1.wav,
        7_theo_12.wav); "folder" or a number (the place in names such as 7_12_3.wav, from 1) says
        where the speaker stands.
    label_from: the outer ("top") or the inner folder ("leaf") names the class.
    columns: which columns of a table hold the "text" (one, or several to be read one after the
        other) or the "file", the "label", the "group" and the "split"; what is not named is looked
        for.
    sep, encoding: of such a table, where what is found by itself is wrong.
    `inspection` of the result says what was found and what was left out, and why.
    Raises FolderError where nothing can be learned from the folder.
    """
    require_whole("size", size, SIZES[0], SIZES[-1])
    require_seed(seed)
    if not _are_shares(shares):
        raise ValueError(text("folder.shares", shares=f"{shares!r:.60}"))
    if groups not in ("auto", "folder", None) and not _is_place(groups):
        raise ValueError(text("folder.groups_unknown", asked=f"{groups!r:.60}"))
    path = _as_path(path)
    root = _opened(path)
    form = {"columns": columns, "sep": sep, "encoding": encoding}
    how = {"seed": seed, "shares": shares, "groups": groups, "progress": progress}
    try:
        return _load(path, root, size, label_from, form, how)
    except FolderError as error:
        if not (packed := _packed_in(root)):
            raise
        found = ", ".join(packed[:4]) + (" ..." if len(packed) > 4 else "")
        raise FolderError(text("folder.packed_inside", path=shown(path), found=found)) from error


def _load(
    path: Path,
    root: Path,
    size: int,
    label_from: str,
    form: Mapping[str, Any],
    how: Mapping[str, Any],
) -> FolderTask:
    """The task in `root`, which `path` named. form: of tables; how: what `assemble` takes."""
    about: dict[str, Any] = {"path": shown(path), "counts": {}}
    if _holds_recordings(root, form["columns"]):
        layout = find_layout(root, label_from, Recordings, **form)
        layout = class_beside_speaker(layout, how["groups"])
        found: Inspection = SoundInspection(rule=layout.rule, **about)
        return assemble(path, root, layout, Recordings(), found, **how)
    if how["groups"] not in ("auto", None):
        raise ValueError(text("folder.groups_recordings", asked=how["groups"]))
    if holds_texts(root, form["columns"]):
        return load_texts(
            path, root, how["seed"], shares=how["shares"], label_from=label_from, **form
        )
    layout = find_layout(root, label_from, Photos, **form)
    found = Inspection(rule=layout.rule, **about)
    return assemble(path, root, layout, Photos(size), found, **how)


def _packed_in(root: Path) -> list[str]:
    """The archives in a folder without photos and recordings."""
    files = every_file(root) if root.is_dir() else []
    if any(file.suffix.lower() in PHOTOS | READABLE for file in files):
        return []
    return [shown(file, root) for file in files if archive.is_archive(file)]


def _holds_recordings(root: Path, columns: Mapping[str, object] | None) -> bool:
    """True where there are more recordings than photos (covers, waveforms) in a folder or table."""
    if columns and "text" in columns:
        return False
    if root.is_dir():
        names = [file.name for file in every_file(root)]
    else:
        asked = str(columns["file"]) if columns and "file" in columns else None
        names = named_in(root, asked) if root.suffix.lower() in (".csv", ".tsv") else []
    endings = Counter(os.path.splitext(name)[1].lower() for name in names)
    recordings = sum(endings[ending] for ending in READABLE | OTHERS)
    return recordings > sum(endings[ending] for ending in PHOTOS)


def _is_place(groups: Any) -> bool:
    """True for a place in a name, counted from 1."""
    return is_whole(groups) and groups > 0


def _are_shares(shares: Any) -> bool:
    """True for three numbers above 0, none of them without end."""
    try:
        return len(shares) == 3 and all(0 < share < math.inf for share in shares)
    except TypeError:
        return False


def _as_path(path: Any) -> Path:
    """The path that was given. Raises FolderError for what is none, and for an empty one."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path).strip():
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
        return archive.extract(path, store.private(store.cache_folder() / "unpacked") / key)
    if path.suffix.lower() in TABLES and path.is_file():
        return path
    raise FolderError(text("folder.not_a_folder", path=shown(path)))
