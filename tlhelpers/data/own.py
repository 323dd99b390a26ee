"""A learner's own examples as a `Task`: the place and the group of each, and their parts.

`assemble` makes one of decoded files (photos, recordings); `own_texts.py` does of texts.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from tlhelpers.data import inspection
from tlhelpers.data.decoding import Medium, Reader, Store, decode
from tlhelpers.data.digest import digest
from tlhelpers.data.inspection import Inspection
from tlhelpers.data.layout import PARTS, FolderError, Labelled, Layout, Problem, no_classes, shown
from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import LANGUAGES

SHARES = (0.6, 0.2, 0.2)  # of train, valid and test
LEAST = 3  # examples of a class: one for each part
HELD_BYTES = 384 * 2**20  # of all inputs together; more are read from their file, batch by batch


class PlacedSplit(Split):
    """A split that knows the place (a file, or a line of a table) and the group of each row."""

    def __init__(
        self,
        inputs: Tensor | Sequence | Callable[[Tensor], Tensor],
        labels: Tensor,
        paths: Sequence[Path],
        groups: Sequence[int],
        name: str = "",
    ):
        super().__init__(inputs, labels, name)
        self.paths, self.groups = list(paths), list(groups)

    def subset(self, rows: Tensor) -> PlacedSplit:
        """These rows only (LongTensor), with their files and groups."""
        kept = torch.as_tensor(rows).tolist()
        some = copy.copy(self)
        some.__dict__.update(super().subset(rows).__dict__)
        some.paths, some.groups = [self.paths[r] for r in kept], [self.groups[r] for r in kept]
        return some


@dataclass
class FolderTask(Task):
    """A task made of files. inspection: what was found in the folder, whatever was chosen of it."""

    inspection: Inspection | None = field(default=None, compare=False)

    @property
    def paths(self) -> dict[str, list[Path]]:
        """The file of each row, by part."""
        return {part: getattr(self, part).paths for part in PARTS}

    @property
    def groups(self) -> dict[str, list[int]]:
        """The number of each row's group, by part: rows of one group are alike."""
        return {part: getattr(self, part).groups for part in PARTS}


def task_of(
    path: Path,
    splits: Sequence[PlacedSplit],
    labels: Sequence[str],
    kind: str,
    source: str,
    found: Inspection,
) -> FolderTask:
    """The task that was found at `path`. splits: train, valid and test; labels: of its classes."""
    train, valid, test = splits
    return FolderTask(
        name=shown(path.name or path.absolute().name),
        train=train,
        valid=valid,
        test=test,
        classes={lang: [shown(label) for label in labels] for lang in LANGUAGES},
        kind=kind,
        source=source,
        inspection=found,
    )


def parts_of(
    labels: list[int], groups: list[int], given: list[str], shares: Sequence[float], seed: int
) -> list[list[int]]:
    """Rows of train, valid and test; parts that the folder names are kept."""
    total = sum(shares)
    if not all(given):
        return inspection.split_rows(labels, groups, [share / total for share in shares], seed)
    parts = {name: [row for row, part in enumerate(given) if part == name] for name in PARTS}

    def take(share: float, rows: list[int]) -> tuple[list[int], list[int]]:
        some = [labels[row] for row in rows]
        split = inspection.split_rows(
            some, [groups[row] for row in rows], (1 - share, share, 1e-9), seed
        )
        return [rows[at] for at in split[0] + split[2]], [rows[at] for at in split[1]]

    if not parts["test"]:
        parts["train"], parts["test"] = take(0.2, parts["train"])
    if not parts["valid"]:
        parts["train"], parts["valid"] = take(0.25, parts["train"])
    return [sorted(parts[name]) for name in PARTS]


# --- from files to a task -----------------------------------------------------------------


def assemble(
    path: Path,
    root: Path,
    layout: Layout,
    medium: Medium,
    found: Inspection,
    seed: int,
    shares: Sequence[float],
    groups: str | int | None,
    progress: bool | None,
) -> FolderTask:
    """The files of `layout`, decoded, inspected and split. found: to be filled in.

    path: as the learner gave it; root: the folder or table that it means. Raises FolderError where
    nothing can be learned.
    """
    base = root if root.is_dir() else root.parent
    if layout.rule != "folders" and (odd := no_classes([item.label for item in layout.items])):
        kind, values = odd
        raise FolderError(found.say(kind, path=shown(path), **values))
    decoded = decode(layout.items, medium, progress)
    kept = [layout.items[row] for row in decoded.rows]

    def name(row: int) -> str:
        return shown(kept[row].path, base)

    left_out = [Problem(str(layout.items[row].path), *why) for row, *why in decoded.problems]
    found.remarks += layout.remarks
    found.left_out = [
        Problem(shown(problem.path, base), problem.kind, problem.message)
        for problem in [*layout.left_out, *left_out]
    ]
    found.notes = [
        Problem(shown(layout.items[row].path, base), kind, medium.say(f"note_{kind}"))
        for row, kind in decoded.notes
    ]
    rows = _without_copies(kept, decoded.digests, found, name)
    rows = _without_small_classes(kept, rows, found, name)
    labels = [kept[row].label for row in rows]
    classes = sorted(set(labels))
    if len(classes) < 2:
        _refuse(path, kept, classes, found)
    found.counts = {shown(label): count for label, count in sorted(Counter(labels).items())}
    found.measure([decoded.facts[row] for row in rows])
    pairs = inspection.near_duplicates(decoded.signatures_of(rows))
    found.near_duplicates = [(name(rows[a]), name(rows[b])) for a, b in pairs]
    own = found.group([kept[row] for row in rows], groups)
    together = inspection.join_groups(own, pairs)
    numbers = [classes.index(label) for label in labels]
    parts = parts_of(numbers, together, [kept[row].part for row in rows], shares, seed)
    part_of = {place: part for part, places in enumerate(parts) for place in places}
    found.across = [
        pair
        for pair, (a, b) in zip(found.near_duplicates, pairs, strict=True)
        if part_of[a] != part_of[b]
    ]
    found.splits = dict(zip(PARTS, map(len, parts), strict=True))
    _require_all_classes(path, parts, numbers, classes, found)
    places = [part_of[place] for place in range(len(rows))]
    if layout.rule.startswith("csv") and groups is not None:
        found.tell_groups_across([kept[row].group for row in rows], places)
    found.compare(own, places)
    tested = {numbers[place] for place in parts[2]}
    if len(tested) < len(classes):
        names = ", ".join(shown(name) for c, name in enumerate(classes) if c not in tested)
        found.remarks.append(medium.say("untested", classes=names))
    read = medium.reader(decoded.file, decoded.facts)
    splits = [
        _split(
            read,
            medium,
            decoded,
            [rows[place] for place in part],
            torch.tensor([numbers[place] for place in part]),
            [kept[rows[place]].path for place in part],
            [together[place] for place in part],
            held=len(rows) * medium.most_bytes <= HELD_BYTES,
        )
        for part in parts
    ]
    source = medium.say("source", path=shown(path))
    return task_of(path, splits, classes, medium.kind, source, found)


def _without_copies(
    kept: Sequence[Labelled],
    digests: Sequence[str],
    found: Inspection,
    name: Callable[[int], str],
) -> list[int]:
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


def _without_small_classes(
    kept: Sequence[Labelled], rows: list[int], found: Inspection, name: Callable[[int], str]
) -> list[int]:
    counts = Counter(kept[row].label for row in rows)
    small = {label for label, count in counts.items() if count < LEAST}
    for row in rows:
        if kept[row].label in small:
            label = shown(kept[row].label)
            message = found.say("file_class_small", label=label, least=LEAST)
            found.left_out.append(Problem(name(row), "class_small", message))
    return [row for row in rows if kept[row].label not in small]


def _refuse(
    path: Path, kept: Sequence[Labelled], classes: Sequence[str], found: Inspection
) -> None:
    """Raises the FolderError of a folder with fewer than two classes."""
    reasons = Counter(problem.kind for problem in found.left_out)
    detail = "; ".join(
        next(problem.message for problem in found.left_out if problem.kind == kind)
        for kind, _ in reasons.most_common(3)
    )
    if not kept:
        raise FolderError(found.say("none_readable", path=shown(path), detail=detail))
    if len(kept) == 1:
        raise FolderError(found.say("one_alone", path=shown(path)))
    small = [problem for problem in found.left_out if problem.kind == "class_small"]
    if found.conflicts:
        example = " = ".join(found.conflicts[0][:2])
        count = len(found.conflicts)
        raise FolderError(found.say("conflicts", count=count, example=example))
    if small:
        names = sorted({item.label for item in kept} - set(classes))
        if not classes:
            raise FolderError(found.say("too_few", path=shown(path), classes=_named(names)))
        values = {"label": shown(classes[0]), "small": _named(names), "least": LEAST}
        raise FolderError(found.say("class_alone", path=shown(path), **values))
    label = shown(classes[0]) if classes else "-"
    raise FolderError(found.say("one_class", path=shown(path), label=label))


def _named(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(map(shown, names[:most])) + (" ..." if len(names) > most else "")


def _require_all_classes(
    path: Path,
    parts: Sequence[Sequence[int]],
    labels: Sequence[int],
    classes: Sequence[str],
    found: Inspection,
) -> None:
    """Every class needs training examples, and there must be some in every part."""
    trained = {labels[row] for row in parts[0]}
    missing = [shown(classes[c]) for c in range(len(classes)) if c not in trained]
    if missing or not all(parts):
        given = missing and found.rule in ("parts", "csv_parts", "named_parts")
        names = missing or [shown(label) for label in classes]
        key = "only_tested" if given else "too_few"
        raise FolderError(found.say(key, path=shown(path), classes=_named(names)))


def _split(
    read: Reader,
    medium: Medium,
    decoded: Store,
    rows: list[int],
    labels: Tensor,
    paths: Sequence[Path],
    groups: Sequence[int],
    held: bool,
) -> PlacedSplit:
    """`rows`: of the file. Held in memory, or read when asked for and named by the files."""
    if held:
        return PlacedSplit(read(rows), labels, paths, groups)
    name = f"{medium.how}/{digest([decoded.digests[row] for row in rows])}"
    return PlacedSplit(
        lambda asked: read(rows[at] for at in asked.tolist()), labels, paths, groups, name
    )
