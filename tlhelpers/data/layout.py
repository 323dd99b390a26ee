"""Which class each photo or recording of a folder belongs to, as its owner arranged it.

cats/... dogs/...                    one folder per class (folders inside a class: its groups)
train/cats/... test/cats/...         the same, with the parts already made (also seg_train, test1)
photos/cat_001.jpg dog.12.jpg        the class is the name before the number
labels.csv beside or above photos    columns file, label and, if there are, group and split

Names are compared in one Unicode form (NFC): a Mac writes ガ as two characters, Windows as one.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tlhelpers.data.decoding import Medium, say
from tlhelpers.data.photo import SUFFIXES, Photos
from tlhelpers.data.tables import NAMES, USUAL, FolderError, decoded, lines_of
from tlhelpers.data.tables import SUFFIXES as TABLES
from tlhelpers.runtime.console import printable
from tlhelpers.runtime.language import text

PARTS = ("train", "valid", "test")
_PART_WORDS = {
    "train": "train training trainval trn 訓練 学習 トレーニング",
    "valid": "val valid validation dev eval evaluation 検証",
    "test": "test testing tst holdout テスト 評価",
    "unlabelled": "pred predict prediction predictions unlabeled unlabelled 予測 推論",
    # what may stand beside such a word without making it a class: training_set, 訓練用データ
    "": "set data dataset images image imgs img photos photo pictures pics folder split part to for"
    " the 用 データ 画像 写真 セット",
}
_PART_OF = {word: part for part, words in _PART_WORDS.items() for word in words.split()}
_WORD = re.compile("|".join(sorted(_PART_OF, key=len, reverse=True)) + r"|[^\W\d_]+|\d+")
_PIECE = re.compile(
    r"(fold|split|part|batch|chunk|shard|subset|partition|分割|フォールド)s?[\s._-]*\d+", re.I
)
LISTS = re.compile(r"\s*[;|,、]\s*")  # between several labels in one cell
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
MISSING = {"nan", "#n/a", "<na>", "null"}  # what programs write where there is nothing
COLUMNS = {
    "file": "file filename file_name path image image_path audio audio_path wav recording"
    " ファイル ファイル名 画像 画像名 音声 音声ファイル パス",
    "label": "label class category target species breed word y ラベル クラス 分類 種類 正解 単語",
    "group": "group patient subject session speaker speaker_id client_id グループ 患者 被写体 話者",
    "split": "split set part subset 分割",
}
LONGEST_NAME = 255  # characters of a label or group: as many as a folder's name can have
# what a folder is called whose files have no label: never a class, whatever lies beside it
_NO_CLASS = {"unlabelled", "unlabeled", "unsup", "unsupervised", "no_label", "no_labels"}
_NO_CLASS |= {"_background_noise_", "未分類", "ラベルなし", "ラベル無し"}
_MASKS = {"mask", "masks", "annotation", "annotations", "segmentation", "labels", "ground_truth"}
_HIDDEN = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin"}


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
    remarks: list[str] = field(default_factory=list)  # sentences on the whole

    @property
    def classes(self) -> set[str]:
        return {item.label for item in self.items}


def shown(path: Path | str, root: Path | None = None) -> str:
    """A path or name that is safe to print, below `root` where it lies there."""
    if root is not None and Path(path).is_relative_to(root):
        path = Path(path).relative_to(root)
    return printable(str(path))


def every_file(folder: Path) -> list[Path]:
    """Every file in the folder and in those below it, in the order of names."""
    return list(_walk(folder, folder.resolve(), []))


def files_of(folder: Path, medium: type[Medium] = Photos) -> list[Path]:
    """Every photo (or recording) in the folder and in those below it, by its name, in order."""
    return [file for file in every_file(folder) if file.suffix.lower() in medium.suffixes]


def named_in(table: Path, column: str | None = None) -> list[str]:
    """The files that this table names; [] where it has no column of files."""
    try:
        content, _ = decoded(table)
    except FolderError:
        return []
    (_, first), *rows = lines_of(content)[0] or [(0, None)]
    header = [cell.strip().lower() for cell in first or []]
    wanted = [column.lower()] if column else COLUMNS["file"].split()
    known = [name for name in wanted if name in header]
    at = header.index(known[0]) if known else len(header)
    return [cells[at].strip() for _, cells in rows if cells and at < len(cells)]


def files_below(folder: Path) -> tuple[bool, list[Path]]:
    """Whether there is a photo below, and if not, every table and .txt file in order of names."""
    found = []
    for file in _walk(folder, folder.resolve(), []):
        suffix = file.suffix.lower()
        if suffix in SUFFIXES:
            return True, []
        if suffix in (".txt", *TABLES):
            found.append(file)
    return False, found


def layout_of_files(folder: Path, files: list[Path], label_from: str = "top") -> Layout:
    """The classes of these files by the folders that they lie in, as for photos."""
    return _with_one_spelling(_from_folders(_descend(folder, files), files, label_from))


def one_form(name: str) -> str:
    """The name in the one Unicode form in which names are compared."""
    return unicodedata.normalize("NFC", name)


def one_spelling(labels: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """{label: the class that it counts as}, and sentences on what looks alike.

    Names that differ only in width (ｱ and ア), in spaces or in signs that nobody sees are one
    class. Cat and cat, 1 and 1.0 stay two, as file systems tell them apart, which is said.
    """
    counts, spelled = Counter(labels), defaultdict(list)
    for label in sorted(counts):
        spelled[_bare(label)].append(label)
    one, alike, remarks = {}, defaultdict(list), []
    for form, names in spelled.items():
        chosen = form if form in names else max(names, key=lambda name: counts[name])
        one.update(dict.fromkeys(names, chosen))
        alike[str(float(form)) if _NUMBER.fullmatch(form) else form.casefold()].append(chosen)
    for key, found in (("one_spelling", spelled), ("nearly_alike", alike)):
        several = [" / ".join(map(repr, names)) for names in found.values() if len(names) > 1]
        if several:
            few = ", ".join(several[:8]) + (" ..." if len(several) > 8 else "")
            remarks.append(text(f"folder.{key}", names=printable(few)))
    return one, remarks


def no_classes(labels: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
    """(kind, what its sentence names) of labels that are no classes: lists of labels, numbers to
    predict, or as good as one for each example; None for classes."""
    counts = Counter(labels)
    several = [label for label in counts if LISTS.search(label)]
    pieces = Counter(piece for label in several for piece in set(LISTS.split(label)))
    known = sum(piece in counts or count > 1 for piece, count in pieces.items())
    rows = sum(counts[label] for label in several)
    if several and known >= 0.8 * len(pieces) and rows >= 0.01 * len(labels):
        listed = len(several) > 1 or all(piece in counts for piece in pieces)
        if listed:
            return "multi_label", {"example": shown(several[0])}
    if len(counts) > max(20, len(labels) / 3):
        is_number = all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", label) for label in counts)
        count = {"different": len(counts), "texts": len(labels), "files": len(labels)}
        return "label_numbers" if is_number else "label_ids", count | {"example": min(counts)}
    return None


def _bare(label: str) -> str:
    """The name in half-width letters and full-width kana, with single spaces and nothing hidden."""
    signs = (c for c in label if unicodedata.category(c) != "Cf")
    narrow = (
        unicodedata.normalize("NFKC", c)
        if unicodedata.decomposition(c).startswith(("<wide>", "<narrow>"))
        else c
        for c in signs
    )
    return one_form(" ".join("".join(narrow).split())) or label


def _with_one_spelling(layout: Layout) -> Layout:
    one, remarks = one_spelling([item.label for item in layout.items])
    layout.items = [replace(item, label=one[item.label]) for item in layout.items]
    layout.remarks += remarks
    return layout


def find_layout(
    path: Path,
    label_from: str = "top",
    medium: type[Medium] = Photos,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    sep: str | None = None,
    encoding: str | None = None,
) -> Layout:
    """The photos (or recordings) below `path` (a folder, or a CSV file) with their labels.

    label_from: of class folders in folders the outer ("top") or the inner ("leaf") name. columns:
    those of a table that hold its "file", "label", "group" and "split", where they are not called
    so; sep, encoding: of a table. A table decides where it is the only one that has the columns and
    names a file that exists; several, where their names tell the parts (train.csv, test.csv).
    Raises FolderError where there is no photo, nothing that could be a class, or no table to which
    the options could belong.
    """
    if label_from not in ("top", "leaf"):
        raise ValueError(text("folder.label_from", asked=label_from))
    asked = {**(columns or {}), "sep": sep, "encoding": encoding}
    unknown = sorted(set(columns or {}) - set(COLUMNS))
    if unknown:
        values = {"asked": ", ".join(map(str, unknown)), "known": ", ".join(COLUMNS)}
        raise ValueError(text("texts.roles", **values))
    form = {"columns": columns, "sep": sep, "encoding": encoding}
    if path.is_file():
        return _with_one_spelling(_from_csv(path, **form))
    left_out: list[Problem] = []
    files = list(_walk(path, path.resolve(), left_out))
    photos = [file for file in files if file.suffix.lower() in medium.suffixes]
    tables = [file for file in files if file.suffix.lower() in (".csv", ".tsv")]
    others = set(files) - set(photos) - set(tables)
    left_out += [_problem(file, "other") for file in files if file in others]
    if not photos:
        raise FolderError(_none_there(path, left_out, medium))
    layout, refused = _from_tables(path, tables, photos, form)
    if layout is None:
        for name, value in asked.items():
            if value is not None:
                raise refused or FolderError(text("folder.no_table", path=shown(path), option=name))
        layout = _from_folders(_descend(path, photos), photos, label_from, medium.kind == "sound")
        if len(layout.classes) < 2 and layout.rule == "folders":
            by_name = _from_names(photos)
            layout = by_name if len(by_name.classes) > 1 else layout
        if len(layout.classes) < 2 and refused is not None:
            raise refused
        left_out += [_problem(table, "table") for table in tables]
    layout.left_out += left_out
    return _with_one_spelling(layout)


def _none_there(path: Path, left_out: list[Problem], medium: type[Medium]) -> str:
    links = sum(problem.kind == "link" for problem in left_out)
    if links:
        return text("folder.only_links", path=shown(path), count=links)
    bare = [p for p in left_out if p.kind == "other" and not os.path.splitext(p.path)[1]]
    if bare and 2 * len(bare) > len(left_out):
        example = shown(Path(bare[0].path), path)
        return text("folder.no_suffix", path=shown(path), count=len(bare), example=example)
    return say(medium.room, "none_there", path=shown(path))


def _from_tables(
    root: Path, tables: list[Path], photos: list[Path], form: Mapping[str, Any]
) -> tuple[Layout | None, FolderError | None]:
    """The layout by the one table that fits the photos, or by those whose names tell the parts; or
    why no table does. form: `columns`, `sep` and `encoding`."""
    found, refused = [], None
    for table in tables:
        try:
            layout = _from_csv(table, **form)
        except FolderError as error:
            refused = error
            continue
        if layout.items:
            found.append((table, layout))
        else:
            refused = FolderError(text("folder.csv_no_file", path=shown(table)))
    if len(found) > 1:
        parts = [(table, layout, part_in(table.stem)[0]) for table, layout in found]
        parts = [one for one in parts if one[2] in PARTS]
        if [part for *_, part in parts].count("train") != 1:
            few = ", ".join(shown(table, root) for table, _ in found[:8])
            return None, FolderError(text("texts.several_tables", path=shown(root), found=few))
        for _, layout, part in parts if len(parts) > 1 else []:
            layout.rule = "csv_parts"
            layout.items = [replace(item, part=part) for item in layout.items]
        found = [(table, layout) for table, layout, _ in parts]
    if not found:
        return None, refused
    (_, whole), *others = found
    for _, layout in others:
        whole.items += layout.items
        whole.left_out += layout.left_out
        whole.remarks += layout.remarks
    used = {table for table, _ in found}
    listed = {item.path for item in whole.items} | {Path(p.path) for p in whole.left_out}
    whole.left_out += [_problem(photo, "not_listed") for photo in photos if photo not in listed]
    whole.left_out += [_problem(other, "table") for other in tables if other not in used]
    return whole, None


def _problem(path: Path, kind: str, **values) -> Problem:
    return Problem(str(path), kind, text(f"folder.file_{kind}", **values))


def _descend(folder: Path, photos: list[Path]) -> Path:
    """The folder in which all photos lie, or the one above, where it is a single class's."""
    places = {photo.parent for photo in photos}
    common = Path(os.path.commonpath(places)) if places else folder
    return common.parent if len(places) == 1 and common != folder else common


def _is_hidden(name: str) -> bool:
    """What systems and network disks add to folders: settings, thumbnails, what was deleted."""
    return name.startswith(".") or name.lower() in _HIDDEN


def _walk(folder: Path, root: Path, left_out: list[Problem]) -> Iterator[Path]:
    """Every regular file below, in the order of names; what leads outside is left out.

    One entry that cannot be looked at (no permission, a link in a circle, deleted meanwhile)
    never stops the others.
    """
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        try:
            if is_folder:
                with os.scandir(path) as entries:
                    names = sorted(entry.name for entry in entries if not _is_hidden(entry.name))
                waiting += [(path / name, False) for name in reversed(names)]
                continue
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                target = Path(os.path.realpath(path, strict=True))
                mode = target.stat().st_mode
                if not target.is_relative_to(root) or stat.S_ISDIR(mode):
                    left_out.append(_problem(path, "link"))
                    continue
        except OSError as error:
            kind = "link" if _is_link(path) else "unreadable"
            left_out.append(_problem(path, kind, reason=error.strerror))
            continue
        if stat.S_ISDIR(mode):
            waiting.append((path, True))
        elif stat.S_ISREG(mode):
            yield path
        else:
            left_out.append(_problem(path, "not_a_file"))


def _is_link(path: Path) -> bool:
    try:
        return stat.S_ISLNK(path.lstat().st_mode)
    except OSError:
        return False


# --- classes by folder --------------------------------------------------------------------


def _from_folders(
    root: Path, photos: list[Path], label_from: str, outer_groups: bool = False
) -> Layout:
    """Classes by folder, or by name where folders only make the parts.

    outer_groups: whether the outer folders, where the inner ones are the classes, make groups.
    """
    inner = [tuple(map(one_form, photo.relative_to(root).parts[:-1])) for photo in photos]
    placed = _take_parts(inner)
    by_name = not any(names for _, names in placed)
    layout = Layout("names" if by_name else "folders", [])
    parents = defaultdict(set)
    for photo, (part, names) in zip(photos, placed, strict=True):
        label = class_in_name(photo.stem) if by_name else (*names, "")[0]
        group = "/".join(names) if len(names) > 1 else ""
        if label_from == "leaf" and names:
            label, group = names[-1], "/".join(names[:-1]) if outer_groups else ""
            parents[label].add(names[:-1])
        if not by_name and _NO_CLASS & {name.casefold() for name in names}:
            layout.left_out.append(_problem(photo, "no_class"))
        elif part not in ("", *PARTS):
            layout.left_out.append(_problem(photo, part))
        elif not label:
            layout.left_out.append(_problem(photo, "no_label"))
        else:
            layout.items.append(Labelled(photo, label, group, part))
    merged = sorted(label for label, places in parents.items() if len(places) > 1)
    if merged:
        few = ", ".join(merged[:8]) + (" ..." if len(merged) > 8 else "")
        layout.remarks.append(text("folder.leaf_merged", count=len(merged), classes=few))
    if label_from == "top" and not outer_groups and not by_name:
        inside = defaultdict(set)
        for _, names in placed:
            inside[names[:1]].add(names[1:2])
        shared = sorted(set.intersection(*inside.values()) - {()})
        if len(inside) > 1 and len(shared) > 1:
            outer = ", ".join(name for names in sorted(inside) for name in names)
            inner = ", ".join(name for names in shared for name in names)
            values = {"outer": f"{outer:.80}", "inner": f"{inner:.80}"}
            layout.remarks.append(text("folder.same_inside", **values))
    masks = [name for name in layout.classes if name.casefold() in _MASKS]
    if masks and len(layout.classes - set(masks)) == 1:
        layout.remarks.append(text("folder.masks", classes=", ".join(sorted(layout.classes))))
    given = {item.part for item in layout.items}
    if "train" in given and len(given) > 1 and "" not in given:
        layout.rule = "named_parts" if by_name else "parts"
    else:  # photos of one part alone, or beside the parts: the parts are made anew
        layout.items = [Labelled(item.path, item.label, item.group) for item in layout.items]
    return layout


def _take_parts(inner: list[tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """(part, the folders that are left) of each photo: a part's name is never a class's.

    inner: the folders that each photo lies in. Parts may be the outer folders or stand inside the
    classes. part: also "unlabelled" (images to predict) or "no_part" (beside train and test).
    """
    placed = [("", names) for names in inner]
    depth = 0
    while depth < max((len(names) for _, names in placed), default=0):
        level = _parts_at([names for _, names in placed], depth)
        if not level:
            depth += 1
            continue
        for row, (part, names) in enumerate(placed):
            if len(names) > depth:
                found, kept = level[names[depth]]
                placed[row] = (part or found, names[:depth] + kept + names[depth + 1 :])
    return placed


def _parts_at(inner: list[tuple[str, ...]], depth: int) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What each folder's name at this depth stands for, {name: (part, what is left of it)}.

    {} where these names are no parts: "train" beside "bus" and "car" is a class like them.
    """
    names = {place[depth] for place in inner if len(place) > depth}
    read = {name: part_in(name) for name in names}
    rests: dict[str, set[str]] = defaultdict(set)
    for part, rest in read.values():
        if part:
            rests[rest].add(part)
    several = sorted(r for r, parts in rests.items() if len(parts) > 1 and "train" in parts)
    if len(several) > 1 and all(part and rest and rest in several for part, rest in read.values()):
        return {name: (part, (rest,)) for name, (part, rest) in read.items()}  # train_cats
    if several or all(part and not rest for part, rest in read.values()):
        chosen = several[0] if several else ""
        return {
            name: (part if part == "unlabelled" or (part and rest == chosen) else "no_part", ())
            for name, (part, rest) in read.items()
        }
    trains = {name for name, (part, rest) in read.items() if part == "train" and not rest}
    deep = {place[depth] for place in inner if len(place) > depth + 1}
    inside = {p[depth + 1] for p in inner if len(p) > depth + 1 and p[depth] in trains}
    if len(trains) == 1 and deep == trains and len(inside) > 1:  # train/cats, train/dogs, new/
        return {name: ("train" if name in trains else "no_part", ()) for name in names}
    pieces = [name for name in names if _PIECE.fullmatch(unicodedata.normalize("NFKC", name))]
    if len(pieces) == len(names) > 1 and deep == names:  # fold1/cats, fold2/cats: one set
        return dict.fromkeys(names, ("", ()))
    return {}


def part_in(name: str) -> tuple[str, str]:
    """The part that a name stands for and what else it says; "" where it is no part's name.

    ("train", "") of "training_set" and "Train1", ("test", "seg") of "seg_test".
    """
    plain = unicodedata.normalize("NFKC", name)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    words = _WORD.findall(spaced.casefold())
    parts = [word for word in words if _PART_OF.get(word)]
    if len(parts) != 1:
        return "", ""
    more = [word for word in words if word not in _PART_OF and not word.isdigit()]
    rest = re.sub(parts[0], "", plain, count=1, flags=re.I).strip(" ._-") if more else ""
    return _PART_OF[parts[0]], rest


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
    """ "cat" of "cat.12", "cat_3_1", "cat (4)" and "cat7", but "class1" of "class1_000"."""
    stem = one_form(stem)
    label = re.sub(r"([\s._-]+\(?\d+\)?|\s*\(\d+\))+$", "", stem)
    if label == stem:
        label = re.sub(r"\d+$", "", stem)
    label = label.strip(" ._-")
    return "" if label.isdigit() else label


# --- classes by table ---------------------------------------------------------------------


def _from_csv(
    path: Path,
    columns: Mapping[str, str | Sequence[str]] | None,
    sep: str | None,
    encoding: str | None,
) -> Layout:
    table = _read_table(path, columns or {}, sep, encoding)
    root = path.parent.resolve()
    layout = Layout("csv", [], remarks=table.remarks)
    layout.left_out += [Problem(f"{path}:{line}", "line", message) for line, message in table.bad]
    known: dict[Path, dict[str, Path]] = {}
    seen: dict[Path, str] = {}
    for row in table.rows:
        label = one_form(row["label"])
        label = "" if label.lower() in MISSING else label
        if not row["file"] and not label:
            continue
        file = path.parent / row["file"].replace("\\", "/")
        try:
            inside = Path(os.path.realpath(file)).is_relative_to(root)
            if inside and not file.is_file():
                file = _in_another_form(file, known)
            there = inside and file.is_file()
        except (OSError, ValueError):  # a name that no file can have
            inside, there = True, False
        part = part_in(row.get("split", ""))[0]
        if not inside:
            layout.left_out.append(_problem(file, "link"))
        elif not label:
            layout.left_out.append(_problem(file, "no_label"))
        elif not there:
            layout.left_out.append(_problem(file, "missing"))
        elif part == "unlabelled":
            layout.left_out.append(_problem(file, part))
        elif file in seen:
            kind = "listed_twice" if seen[file] == label else "two_labels"
            layout.left_out.append(_problem(file, kind))
        else:
            seen[file] = label
            layout.items.append(Labelled(file, label, one_form(row.get("group", "")), part))
    if layout.items and all(item.part for item in layout.items):
        layout.rule = "csv_parts"
        return layout
    said = [row["split"] for row in table.rows if "split" in row]
    if any(said):
        layout.remarks.append(split_unused(said))
    layout.items = [Labelled(i.path, i.label, i.group) for i in layout.items]
    return layout


def split_unused(cells: Sequence[str]) -> str:
    """The sentence on a column of parts that is not followed, since some cells name no part."""
    odd = Counter(shown(cell)[:20] or '""' for cell in cells if not part_in(cell)[0])
    few = ", ".join(odd) if len(odd) <= 4 else ", ".join([*odd][:4]) + " ..."
    return text("folder.split_unused", rows=odd.total(), found=few)


def _in_another_form(file: Path, known: dict[Path, dict[str, Path]]) -> Path:
    """The file whose name is the same in NFC, or the only one that is the same but for capitals or
    a missing suffix; else the path as it is."""
    folder = file.parent
    if folder not in known:
        try:
            known[folder] = _by_name(folder)
        except OSError:
            if folder == folder.parent or folder.name in ("", ".."):
                return file
            renamed = _in_another_form(folder, known)
            if renamed == folder:
                return file
            return _in_another_form(renamed / file.name, known)
    names, name = known[folder], one_form(file.name)
    return names.get(name) or names.get(name.casefold()) or file


def _by_name(folder: Path) -> dict[str, Path]:
    """Each entry by its name, and by what no other entry is called in small letters or without a
    suffix."""
    names = {one_form(name): folder / name for name in sorted(os.listdir(folder))}
    loose = defaultdict(set)
    for name in names:
        loose[name.casefold()].add(name)
        loose[os.path.splitext(name)[0].casefold()].add(name)
    return {form: names[min(few)] for form, few in loose.items() if len(few) == 1} | names


@dataclass
class _Table:
    """Rows as {column: cell} for the known columns, and the lines that could not be read."""

    rows: list[dict[str, str]]
    bad: list[tuple[int, str]]  # number of the line, sentence
    remarks: list[str]


def _read_table(
    path: Path,
    asked: Mapping[str, str | Sequence[str]],
    sep: str | None,
    codec: str | None,
) -> _Table:
    """The rows of a CSV file below its header. Raises FolderError without the two columns, and
    without one that was asked for."""
    content, encoding = decoded(path, codec)
    lines, _ = lines_of(content, sep)
    header = [cell.strip().lower() for cell in (lines[0][1] or [])] if lines else []
    found = ", ".join(cell[:40] for cell in header[:20])
    columns = {}
    for key, names in COLUMNS.items():
        wanted = names.split()
        if key in asked:
            wanted = [str(asked[key]).strip().lower()]
            if wanted[0] not in header:
                values = {"asked": asked[key], "found": found}
                raise FolderError(text("texts.no_column", path=shown(path), **values))
        if named := [name for name in wanted if name in header]:
            columns[key] = header.index(named[0])
    if "file" not in columns or "label" not in columns:
        raise FolderError(text("folder.csv_columns", path=shown(path), found=found))
    table = _Table([], [], [])
    if encoding not in USUAL:
        name = NAMES.get(encoding, encoding)
        table.remarks.append(text("folder.csv_read_as", name=path.name, encoding=name))
    for number, cells in lines[1:]:
        row = {
            key: cells[at].strip() if cells and at < len(cells) else ""
            for key, at in columns.items()
        }
        long = any(len(row.get(key, "")) > LONGEST_NAME for key in ("label", "group"))
        if cells is None or long or "\0" in "".join(row.values()):
            table.bad.append((number, text("folder.file_line")))
        else:
            table.rows.append(row)
    return table
