"""A learner's own texts as a `Task`: a table, or a folder of .txt files by class.

    enquiries.csv                  columns found by their names or by what they hold, and told
    train.csv valid.csv test.csv   in one folder: the parts
    billing/001.txt ...            one folder per class, as for photos

What each contender reads is brought to one form by the contender itself (NFKC); here a text stays
as it was written. Rows are told by file and line, never by their text.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from tlhelpers.data import inspection
from tlhelpers.data.layout import (
    COLUMNS,
    MISSING,
    PARTS,
    Labelled,
    Layout,
    Problem,
    files_below,
    layout_of_files,
    no_classes,
    one_form,
    one_spelling,
    part_in,
    shown,
    split_unused,
)
from tlhelpers.data.own import LEAST, FolderTask, PlacedSplit, parts_of, task_of
from tlhelpers.data.photo import SUFFIXES as PHOTOS
from tlhelpers.data.tables import (
    NAMES,
    SUFFIXES,
    USUAL,
    FolderError,
    Table,
    decoded,
    read_table,
    tables_among,
)
from tlhelpers.data.text_inspection import (
    LONG,
    TextInspection,
    labels_in_texts,
    near_duplicate_texts,
    repeating_columns,
    script_of,
    squeezed,
    telling_columns,
)
from tlhelpers.runtime.language import text

ROLES = ("text", "label", "group", "split")
ALIASES = {
    "text": "text texts sentence message sms body content contents review comment question query"
    " utterance description document tweet post 本文 文 テキスト 文章 内容 メッセージ"
    " コメント 質問 問い合わせ お問い合わせ 問い合わせ内容 お問い合わせ内容 レビュー 口コミ",
    "label": COLUMNS["label"] + " intent topic sentiment kind tag 意図 カテゴリ カテゴリー 種別"
    " 感情 話題 分類ラベル",
    "group": "group group_id groups グループ",
    "split": COLUMNS["split"],
}
LEAKS = 0.5  # of the texts hold the name of their class


@dataclass
class _Rows:
    """What was read, one entry a text; `others`: cells of columns that nothing was made of."""

    items: list[Labelled] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    rule: str = "table"

    def keep(self, rows: Sequence[int]) -> None:
        """Drops every other row."""
        self.items = [self.items[row] for row in rows]
        self.texts = [self.texts[row] for row in rows]
        self.others = {name: [cells[r] for r in rows] for name, cells in self.others.items()}


def holds_texts(root: Path, columns: Mapping[str, object] | None = None) -> bool:
    """True where `root` (a folder, or a table) holds texts rather than photos."""
    if columns and "text" in columns:
        return True
    if root.is_file():
        if root.suffix.lower() not in (".csv", ".tsv"):
            return root.suffix.lower() in SUFFIXES
        try:
            header = {name.lower() for name in read_table(root).header}
        except FolderError:
            return False
        if header & set(ALIASES["text"].split()):
            return True
        beside = any(file.suffix.lower() in PHOTOS for file in root.parent.iterdir())
        return not beside and not header & set(COLUMNS["file"].split())
    photos, words = files_below(root)
    return not photos and bool(words)


def load_texts(
    path: Path,
    root: Path,
    seed: int = 0,
    *,
    shares: Sequence[float],
    columns: Mapping[str, str | Sequence[str]] | None = None,
    label_from: str = "top",
    sep: str | None = None,
    encoding: str | None = None,
) -> FolderTask:
    """The texts in `root`, which `path` named, as a task; see `load_folder`."""
    read = _read(root, columns or {}, label_from, sep, encoding)
    if not read.items:
        _refuse_empty(path, read)
    found = TextInspection(path=shown(path), rule=read.rule, counts={}, columns=read.columns)
    found.left_out, found.remarks = read.left_out, read.remarks
    one, alike = one_spelling([item.label for item in read.items])
    read.items = [replace(item, label=one[item.label]) for item in read.items]
    found.remarks += alike
    if odd := no_classes([item.label for item in read.items]):
        kind, values = odd
        raise FolderError(text(f"texts.{kind}", path=shown(path), **values))
    _drop_copies(read, found)
    _drop_small_classes(read)
    labels = [item.label for item in read.items]
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise FolderError(text("texts.one_class", path=shown(path), least=LEAST))
    found.counts = {shown(label): count for label, count in sorted(Counter(labels).items())}
    plain = [squeezed(words) for words in read.texts]
    _look_at(found, read, plain, labels)
    groups, pairs = _grouped(found, read, plain, labels)
    numbers = [classes.index(label) for label in labels]
    parts = parts_of(numbers, groups, [item.part for item in read.items], shares, seed)
    _tell_parts(path, found, parts, numbers, classes, pairs, read.items)
    splits = [
        PlacedSplit(
            [read.texts[row] for row in rows],
            torch.tensor([numbers[row] for row in rows]),
            [read.items[row].path for row in rows],
            [groups[row] for row in rows],
        )
        for rows in parts
    ]
    source = text("texts.source", path=shown(path))
    return task_of(path, splits, classes, "text", source, found)


def read_texts(
    path: Path, column: Sequence[str] | None = None, usual: Sequence[str] = ()
) -> tuple[Table, list[str]]:
    """A table without labels, and the texts of its rows.

    column: which hold the texts; None takes those called as `usual`, else the one that the table is
    most likely to mean. A table of one column may lack a header. Raises FolderError.
    """
    if not os.path.lexists(path):
        raise FolderError(text("folder.absent", path=shown(path)))
    table = read_table(path)
    known = {*ALIASES["text"].split(), *usual, *(column or ())}
    if len(table.header) == 1 and table.header[0].lower() not in known:
        table = _without_header(table)
    if column is None and usual and set(usual) <= set(table.header):
        column = usual
    if column is None:
        aliases = ALIASES["text"].split()
        named = [name for name in table.header if name.lower() in aliases]
        column = named[:1] or [_text_column(path, table, [])]
    return table, _joined(table, _asked(path, table, {"text": column})["text"])


# --- reading ------------------------------------------------------------------------------


def _read(
    root: Path,
    columns: Mapping[str, str | Sequence[str]],
    label_from: str,
    sep: str | None,
    encoding: str | None,
) -> _Rows:
    if root.is_file():
        return _from_table(root, root.parent, columns, sep, encoding)
    _, words = files_below(root)
    tables = tables_among(words)
    beside = {table.parent for table in tables}
    if tables and all(file.parent in beside for file in words):  # a README.txt is no class
        read = _from_tables(root, tables, columns, sep, encoding)
        rest = sorted(set(words) - set(tables))
        message = text("folder.file_other")
        read.left_out += [Problem(shown(file, root), "other", message) for file in rest]
        return read
    layout = layout_of_files(root, [file for file in words if file not in tables], label_from)
    return _from_files(root, layout, encoding)


def _from_tables(
    root: Path,
    tables: list[Path],
    columns: Mapping[str, str | Sequence[str]],
    sep: str | None,
    encoding: str | None,
) -> _Rows:
    """All tables of a folder, whose names tell the parts where they do ("train.csv")."""
    names = {table: part_in(table.stem)[0] for table in tables}
    if len(tables) > 1 and "train" not in names.values():
        found = ", ".join(shown(table, root) for table in tables[:8])
        raise FolderError(text("texts.several_tables", path=shown(root), found=found))
    read = _Rows()
    for table in tables:
        if len(tables) > 1 and names[table] not in PARTS:
            read.left_out.append(_left_out(table, root, "file_no_part"))
            continue
        try:
            one = _from_table(table, root, columns, sep, encoding)
        except FolderError:
            if names[table] == "train" or len(tables) == 1:
                raise
            read.left_out.append(_left_out(table, root, "file_no_labels"))
            continue
        if len(tables) > 1:
            one.items = [
                Labelled(item.path, item.label, item.group, names[table]) for item in one.items
            ]
        read.items += one.items
        read.texts += one.texts
        read.left_out += one.left_out
        read.remarks += [line for line in one.remarks if line not in read.remarks]
        read.columns = read.columns or one.columns
        read.rule = "tables" if len(tables) > 1 else one.rule
    if len({item.part for item in read.items}) < 2:
        read.items = [Labelled(item.path, item.label, item.group) for item in read.items]
    return read


def _left_out(file: Path, root: Path, kind: str) -> Problem:
    return Problem(shown(file, root), kind, text(f"texts.{kind}"))


def _from_table(
    path: Path,
    root: Path,
    columns: Mapping[str, str | Sequence[str]],
    sep: str | None,
    encoding: str | None,
) -> _Rows:
    table = read_table(path, sep, encoding)
    table, chosen = _chosen_columns(path, table, columns)
    read = _Rows(columns={role: " + ".join(names) for role, names in chosen.items()})
    if table.encoding not in USUAL:
        name = NAMES.get(table.encoding, table.encoding)
        read.remarks.append(text("texts.read_as", name=shown(path.name), encoding=name))
    place = path.relative_to(root)

    def leave_out(line: int, kind: str) -> None:
        read.left_out.append(Problem(f"{shown(place)}:{line}", kind, text(f"texts.{kind}")))

    for line in table.bad:
        leave_out(line, "file_line")
    used = {name for names in chosen.values() for name in names}
    spare = [at for at, column in enumerate(table.header) if column not in used]
    cells_of = {
        role: table.column(chosen[role][0]) if role in chosen else [""] * len(table.rows)
        for role in ROLES[1:]
    }
    others: list[list[str]] = []
    for row, words in enumerate(_joined(table, chosen["text"])):
        label, part = one_form(cells_of["label"][row].strip()), part_in(cells_of["split"][row])[0]
        label = "" if label.lower() in MISSING else label
        if not words.strip() or words.strip().lower() in MISSING:
            leave_out(table.lines[row], "file_no_text")
        elif not label:
            leave_out(table.lines[row], "file_no_label")
        elif part == "unlabelled":
            leave_out(table.lines[row], "file_unlabelled")
        else:
            at = Path(f"{place}:{table.lines[row]}")
            read.items.append(Labelled(at, label, cells_of["group"][row].strip(), part))
            read.texts.append(words)
            others.append(table.rows[row])
    read.others = {table.header[at]: [cells[at] for cells in others] for at in spare}
    if not all(item.part for item in read.items):
        read.items = [Labelled(item.path, item.label, item.group) for item in read.items]
        if "split" in read.columns:
            read.remarks.append(split_unused(cells_of["split"]))
            del read.columns["split"]
    return read


def _joined(table: Table, names: Sequence[str]) -> list[str]:
    cells = [table.column(name) for name in names]
    return ["\n".join(filter(None, map(str.strip, row))) for row in zip(*cells, strict=True)]


def _from_files(root: Path, layout: Layout, encoding: str | None) -> _Rows:
    read = _Rows(rule=layout.rule, remarks=layout.remarks)
    read.left_out = [Problem(shown(p.path, root), p.kind, p.message) for p in layout.left_out]
    for item in layout.items:
        try:
            words, _ = decoded(item.path, encoding)
        except FolderError:
            read.left_out.append(_left_out(item.path, root, "file_encoding"))
            continue
        if words.strip():
            place = Path(shown(item.path, root))
            read.items.append(Labelled(place, item.label, item.group, item.part))
            read.texts.append(words)
        else:
            read.left_out.append(_left_out(item.path, root, "file_no_text"))
    return read


# --- columns ------------------------------------------------------------------------------


def _chosen_columns(
    path: Path, table: Table, columns: Mapping[str, str | Sequence[str]]
) -> tuple[Table, dict[str, list[str]]]:
    """The table (its first line taken for texts where it is no header), and {role: columns}."""
    if not _has_header(table, columns):
        table = _without_header(table)
    chosen = _asked(path, table, columns)
    taken = {name for names in chosen.values() for name in names}
    for role in ROLES:
        wanted = ALIASES[role].split()
        named = [c for c in table.header if c.lower() in wanted and c not in taken]
        if role not in chosen and named:
            chosen[role] = [min(named, key=lambda name: wanted.index(name.lower()))]
            taken.add(chosen[role][0])
    if "text" not in chosen:
        chosen["text"] = [_text_column(path, table, sorted(taken))]
        taken.add(chosen["text"][0])
    if "label" not in chosen:
        chosen["label"] = [_label_column(path, table, taken)]
    if chosen["label"][0] in table.listed:
        raise FolderError(text("texts.multi_label", path=shown(path), example="[...]"))
    return table, {role: chosen[role] for role in ROLES if role in chosen}


def _has_header(table: Table, columns: Mapping[str, str | Sequence[str]]) -> bool:
    """False where the first line is a row like the others: one of its cells is a frequent value."""
    known = {name for names in ALIASES.values() for name in names.split()}
    asked = {name for names in columns.values() for name in _as_list(names)}
    if {name.lower() for name in table.header} & known or asked & set(table.header):
        return True
    return not any(
        table.column(name).count(name) >= max(2, len(table.rows) / 200) for name in table.header
    )


def _without_header(table: Table) -> Table:
    first = [re.sub(r"^#\d+$", "", name) for name in table.header]
    names = [str(place) for place in range(1, len(first) + 1)]
    lines = [min(table.lines, default=2) - 1, *table.lines]
    return Table(names, [first, *table.rows], lines, table.bad, table.encoding, table.listed)


def _as_list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _asked(
    path: Path, table: Table, columns: Mapping[str, str | Sequence[str]]
) -> dict[str, list[str]]:
    unknown = sorted(set(columns) - set(ROLES))
    if unknown:
        raise ValueError(text("texts.roles", asked=", ".join(unknown), known=", ".join(ROLES)))
    chosen = {role: _as_list(names) for role, names in columns.items() if names}
    for names in chosen.values():
        for name in names:
            if name not in table.header:
                values = {"asked": name, "found": _named(table.header)}
                raise FolderError(text("texts.no_column", path=shown(path), **values))
    return chosen


def _named(header: Sequence[str]) -> str:
    return ", ".join(f'"{shown(name[:40])}"' for name in header[:20])


def _text_column(path: Path, table: Table, taken: Sequence[str]) -> str:
    """The column of the longest cells, where they are words and nearly all differ."""
    lengths = {}
    for name in table.header:
        cells = [cell for cell in table.column(name)[:2000] if cell.strip()]
        wordy = sum(bool(re.search(r"[^\W\d_]{2}", cell)) for cell in cells)
        if cells and name not in taken and wordy > len(cells) / 2:
            lengths[name] = sum(map(len, cells)) / len(cells)
    if not lengths:
        found = _named(table.header)
        raise FolderError(text("texts.which_text", path=shown(path), found=found))
    return max(lengths, key=lengths.__getitem__)


def _label_column(path: Path, table: Table, taken: set[str]) -> str:
    """The one column of a few values; the learner is asked where there are several or none."""
    free = [name for name in table.header if name not in taken]
    flags = [name for name in free if set(table.column(name)) == {"0", "1"}]
    marks = [sum(map(int, row)) for row in zip(*map(table.column, flags), strict=True)]
    if len(flags) > 1 and max(marks) > 1:
        raise FolderError(text("texts.multi_label", path=shown(path), example=", ".join(flags[:5])))
    few = [
        name
        for name in free
        if 2 <= len({c for c in table.column(name) if c.strip()}) <= max(2, len(table.rows) / 5)
    ]
    if len(few) != 1:
        found = _named(few or table.header)
        raise FolderError(text("texts.which_label", path=shown(path), found=found))
    return few[0]


# --- looking at the texts -----------------------------------------------------------------


def _drop_copies(read: _Rows, found: TextInspection) -> None:
    """One of each set of copies stays; none of texts that carry different labels."""
    drop: set[int] = set()
    for same in inspection.exact_copies([squeezed(words) for words in read.texts]):
        names = [str(read.items[row].path) for row in same]
        if len({read.items[row].label for row in same}) > 1:
            found.conflicts.append(names)
            drop |= set(same)
        else:
            found.duplicates.append(names)
            drop |= set(sorted(same, key=lambda row: read.items[row].part != "train")[1:])
    read.keep([row for row in range(len(read.items)) if row not in drop])


def _drop_small_classes(read: _Rows) -> None:
    counts = Counter(item.label for item in read.items)
    for item in read.items:
        if counts[item.label] < LEAST:
            message = text("texts.file_class_small", label=shown(item.label), least=LEAST)
            read.left_out.append(Problem(str(item.path), "class_small", message))
    kept = [row for row, item in enumerate(read.items) if counts[item.label] >= LEAST]
    read.keep(kept)


def _look_at(
    found: TextInspection, read: _Rows, plain: Sequence[str], labels: Sequence[str]
) -> None:
    """Lengths, scripts, and what gives the label away."""
    lengths = np.sort([len(words) for words in read.texts])
    found.lengths = tuple(int(lengths[at]) for at in (0, len(lengths) // 2, -1))
    found.cut = int((lengths > LONG).sum())
    found.scripts = dict(Counter(map(script_of, read.texts)))
    if read.others:
        names = ", ".join(f'"{shown(name[:40])}"' for name in list(read.others)[:12])
        found.remarks.append(text("texts.unused", columns=names))
    for name in telling_columns(read.others, labels):
        found.remarks.append(text("texts.telling", column=shown(name[:40])))
    for name in repeating_columns(read.others) if "group" not in read.columns else ():
        found.remarks.append(text("texts.repeating", column=shown(name[:40])))
    some = slice(None, None, 1 + len(plain) // 2000)
    share = labels_in_texts(plain[some], [squeezed(label) for label in labels[some]])
    if share >= LEAKS:
        found.remarks.append(text("texts.label_in_text", share=f"{share:.0%}"))


def _grouped(
    found: TextInspection, read: _Rows, plain: Sequence[str], labels: Sequence[str]
) -> tuple[list[int], list[tuple[int, int]]]:
    """A group number for each row: those of one group stay in one part, near copies too.

    Where near copies chain so much together that no fair split is left, they are only told.
    """
    own: list = list(range(len(labels)))
    if any(item.group for item in read.items):
        given = [item.group or row for row, item in enumerate(read.items)]
        if not inspection.enough_groups(given, labels):
            raise FolderError(text("texts.few_groups", column=read.columns.get("group", "")))
        own, found.grouping, found.groups = given, "given", len(set(given))
        example, count = Counter(given).most_common(1)[0]
        found.group_example = f"{shown(str(example))} ({count})"
    pairs = near_duplicate_texts(plain)
    places = [str(item.path) for item in read.items]
    found.near_duplicates = [(places[a], places[b]) for a, b in pairs]
    joined = inspection.join_groups(own, pairs)
    if not inspection.enough_groups(joined, labels):
        joined = inspection.join_groups(own, [])
    return joined, pairs


def _tell_parts(
    path: Path,
    found: TextInspection,
    parts: list[list[int]],
    numbers: list[int],
    classes: list[str],
    pairs: list[tuple[int, int]],
    items: Sequence[Labelled],
) -> None:
    """Sizes of the parts, and near copies across them. Raises FolderError where one lacks texts."""
    part_of = {row: part for part, rows in enumerate(parts) for row in rows}
    found.across = [
        places
        for places, (a, b) in zip(found.near_duplicates, pairs, strict=True)
        if part_of[a] != part_of[b]
    ]
    found.splits = dict(zip(PARTS, map(len, parts), strict=True))
    places = [part_of[row] for row in range(len(items))]
    found.tell_groups_across([item.group for item in items], places)
    trained = {numbers[row] for row in parts[0]}
    missing = [shown(name) for c, name in enumerate(classes) if c not in trained]
    if missing or not all(parts):
        names = ", ".join((missing or list(map(shown, classes)))[:8])
        given = missing and found.rule in ("parts", "tables", "named_parts")
        key = "folder.only_tested" if given else "texts.too_few"
        raise FolderError(text(key, path=shown(path), classes=names))
    tested = {numbers[row] for row in parts[2]}
    untested = [shown(name) for c, name in enumerate(classes) if c not in tested]
    if untested:
        found.remarks.append(text("texts.untested", classes=", ".join(untested[:8])))


def _refuse_empty(path: Path, read: _Rows) -> None:
    if not read.left_out:
        raise FolderError(text("texts.no_rows", path=shown(path)))
    kinds = Counter(problem.kind for problem in read.left_out)
    messages = {problem.kind: problem.message for problem in read.left_out}
    detail = " ".join(messages[kind] for kind, _ in kinds.most_common(3))
    raise FolderError(text("texts.none", path=shown(path), detail=detail))
