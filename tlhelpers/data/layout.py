"""Which class each photo of a folder belongs to, as its owner arranged it.

cats/... dogs/...                    one folder per class (folders inside a class: its groups)
train/cats/... test/cats/...         the same, with the parts already made
photos/cat_001.jpg dog.12.jpg        the class is the name before the number
labels.csv beside or above photos    columns file, label and, if there are, group and split
"""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tlhelpers.data.photo import SUFFIXES
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError

PARTS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
COLUMNS = {
    "file": "file filename file_name path image image_path ファイル ファイル名 画像 画像名 パス",
    "label": "label class category target species breed y ラベル クラス 分類 種類 正解",
    "group": "group patient subject session グループ 患者 被写体",
    "split": "split set part subset 分割",
}


class FolderError(StoreError):
    """A folder that nothing can be learned from. The message says why, and what to do."""


@dataclass(frozen=True)
class Problem:
    """A file that was left out, or one that was used although it is odd (see its message)."""

    path: str
    kind: str
    message: str


@dataclass(frozen=True)
class Labelled:
    """A photo and what is known of it; part: "train", "valid", "test" or "" (still to be made)."""

    path: Path
    label: str
    group: str = ""
    part: str = ""


@dataclass
class Layout:
    """What stands where. rule: the way that labels were found, a key of the catalogue."""

    rule: str
    items: list[Labelled]
    left_out: list[Problem] = field(default_factory=list)


def shown(path: Path | str, root: Path | None = None) -> str:
    """A path that any console can print, below `root` where it lies there."""
    if root is not None and Path(path).is_relative_to(root):
        path = Path(path).relative_to(root)
    return os.fsencode(path).decode("utf-8", errors="replace")


def find_layout(path: Path, label_from: str = "top") -> Layout:
    """The photos below `path` (a folder, or a CSV file) with their labels.

    label_from: of class folders in folders the outer ("top") or the inner ("leaf") name.
    Raises FolderError where there is no photo, or no two classes.
    """
    if label_from not in ("top", "leaf"):
        raise ValueError(text("folder.label_from", asked=label_from))
    if path.is_file():
        return _from_csv(path)
    root = _descend(path)
    left_out: list[Problem] = []
    files = list(_walk(path, path.resolve(), left_out))
    tables = [file for file in files if file.suffix.lower() in (".csv", ".tsv")]
    photos = [file for file in files if file.suffix.lower() in SUFFIXES]
    for file in files:
        if file.suffix.lower() not in SUFFIXES and file not in tables:
            left_out.append(_problem(file, "other"))
    if not photos:
        raise FolderError(text("folder.no_photos", path=shown(path)))
    if len(tables) == 1:
        layout = _from_csv(tables[0])
        layout.left_out += left_out
        return layout
    layout = _from_folders(root, photos, label_from)
    layout.left_out += left_out
    if len({item.label for item in layout.items}) < 2 and layout.rule == "folders":
        by_name = _from_names(photos)
        if len({item.label for item in by_name.items}) > 1:
            by_name.left_out += left_out
            return by_name
    return layout


def _problem(path: Path, kind: str, **values) -> Problem:
    return Problem(str(path), kind, text(f"folder.file_{kind}", **values))


def _descend(folder: Path) -> Path:
    """The first folder below that holds more than one folder alone, or photos."""
    while True:
        try:
            entries = [entry for entry in folder.iterdir() if not _is_hidden(entry.name)]
        except OSError:
            return folder
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
            return folder
        folder = entries[0]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in ("__macosx", "thumbs.db", "desktop.ini")


def _walk(folder: Path, root: Path, left_out: list[Problem]) -> Iterator[Path]:
    """Every regular file below, in the order of names; what leads outside is left out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        left_out.append(_problem(folder, "unreadable", reason=error.strerror))
        return
    for entry in entries:
        path = Path(entry.path)
        if _is_hidden(entry.name):
            continue
        if entry.is_symlink():
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(root) or target.is_dir():
                left_out.append(_problem(path, "link"))
                continue
        if entry.is_dir():
            yield from _walk(path, root, left_out)
        elif entry.is_symlink() and not path.exists():
            left_out.append(_problem(path, "link"))
        elif stat.S_ISREG(path.stat().st_mode):
            yield path
        else:
            left_out.append(_problem(path, "not_a_file"))


def _from_folders(root: Path, photos: list[Path], label_from: str) -> Layout:
    """Classes by folder, below train/valid/test where these are the outer folders."""
    inner = [photo.relative_to(root).parts[:-1] for photo in photos]
    outer = {parts[0].lower() for parts in inner if parts}
    parted = "train" in {PARTS.get(name) for name in outer} and outer <= set(PARTS)
    parted = parted and len(outer) > 1 and all(len(parts) > 1 for parts in inner if parts)
    layout = Layout("parts" if parted else "folders", [])
    for photo, parts in zip(photos, inner, strict=True):
        part = PARTS[parts[0].lower()] if parted and parts else ""
        names = parts[1:] if parted else parts
        if not names:
            layout.left_out.append(_problem(photo, "no_label"))
        elif label_from == "leaf":
            layout.items.append(Labelled(photo, names[-1], part=part))
        else:
            group = "/".join(names) if len(names) > 1 else ""
            layout.items.append(Labelled(photo, names[0], group, part))
    if not layout.items:
        return _from_names(photos)
    return layout


def _from_names(photos: list[Path]) -> Layout:
    layout = Layout("names", [])
    for photo in photos:
        label = class_in_name(photo.stem)
        if label:
            layout.items.append(Labelled(photo, label))
        else:
            layout.left_out.append(_problem(photo, "no_label"))
    return layout


def class_in_name(stem: str) -> str:
    """ "cat" of "cat.12", "cat_3_1" and "cat (4)", "great_pyrenees" of "great_pyrenees_17"."""
    return re.sub(r"([\s._-]*\(?\d+\)?)+$", "", stem).strip(" ._-")


def _from_csv(path: Path) -> Layout:
    rows, columns = _read_table(path)
    folder, root = path.parent, path.parent.resolve()
    layout = Layout("csv", [])
    seen: dict[Path, str] = {}
    for row in rows:
        name, label = (row[columns[key]].strip() for key in ("file", "label"))
        if not name and not label:
            continue
        file = folder / name.replace("\\", "/")
        if not Path(os.path.realpath(file)).is_relative_to(root):
            layout.left_out.append(_problem(file, "link"))
        elif not label:
            layout.left_out.append(_problem(file, "no_label"))
        elif not file.is_file():
            layout.left_out.append(_problem(file, "missing"))
        elif file in seen:
            kind = "listed_twice" if seen[file] == label else "two_labels"
            layout.left_out.append(_problem(file, kind))
        else:
            seen[file] = label
            extra = {key: row[columns[key]].strip() for key in ("group", "split") if key in columns}
            part = PARTS.get(extra.get("split", "").lower(), "")
            layout.items.append(Labelled(file, label, extra.get("group", ""), part))
    if layout.items and all(item.part for item in layout.items):
        layout.rule = "csv_parts"
    elif any(item.part for item in layout.items):
        layout.items = [Labelled(i.path, i.label, i.group) for i in layout.items]
    return layout


def _read_table(path: Path) -> tuple[list[list[str]], dict[str, int]]:
    """The rows below the header, and where each known column stands."""
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp932"):
        try:
            content = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise FolderError(text("folder.csv_encoding", path=shown(path)))
    first = content.splitlines()[0] if content.strip() else ""
    delimiter = max("\t;,", key=first.count)
    rows = [row for row in csv.reader(content.splitlines(), delimiter=delimiter) if any(row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    columns = {}
    for key, names in COLUMNS.items():
        place = next((header.index(name) for name in names.split() if name in header), None)
        if place is not None:
            columns[key] = place
    if "file" not in columns or "label" not in columns:
        raise FolderError(text("folder.csv_columns", path=shown(path), found=", ".join(header)))
    width = len(header)
    return [row + [""] * (width - len(row)) for row in rows[1:]], columns
