"""What is wrong with a set of files before anything is learned from it, and how it is split.

Copies of one photo in two parts make a test a memory test. Exact copies are found by a digest of
the bytes, near copies (resized, recompressed, slightly cut) by a difference hash of 64 bits
(Krawetz, "Kind of Like That", 2013) and the agreement of 16 x 16 greys. What belongs together, by
name or by likeness, goes into the same part.
"""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from tlhelpers.data.decoding import say
from tlhelpers.data.layout import Labelled, Problem, shown
from tlhelpers.runtime.language import text

HASH_BITS, GREY_LEVELS = 6, 6.0  # two photos nearer than this show the same picture
_BUCKET = 64  # photos compared with each other in one bucket; more are compared in order
SMALL_CLASS, IMBALANCE = 10, 3.0
MOST_SENTENCES = 3  # on files of one kind
TINY = 8  # pixels of the shorter side, below which a photo shows no more than a colour


@dataclass(repr=False)  # shown by its sentences, which hold no path of this computer
class Inspection:
    """What a folder holds. Paths are relative to the folder."""

    path: str
    rule: str  # how labels were found: "folders", "parts", "names", "named_parts", "csv", ...
    counts: dict[str, int]  # photos used of each class
    sizes: tuple[tuple[int, int], ...] = ()  # (width, height) of the smallest, middle and largest
    left_out: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    duplicates: list[list[str]] = field(default_factory=list)
    conflicts: list[list[str]] = field(default_factory=list)  # one photo under several labels
    near_duplicates: list[tuple[str, str]] = field(default_factory=list)
    across: list[tuple[str, str]] = field(default_factory=list)  # near copies in different parts
    grouping: str = ""  # "", "given" or "names"
    groups: int = 0
    group_example: str = ""
    splits: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)  # sentences on the whole

    @property
    def imbalance(self) -> float:
        """Photos of the largest class for one of the smallest."""
        return max(self.counts.values()) / max(1, min(self.counts.values()))

    room: ClassVar[str] = "folder"  # of its sentences

    def say(self, key: str, **values: object) -> str:
        """A sentence on files of this kind."""
        return say(self.room, key, **values)

    def measure(self, facts: Sequence[Sequence[float]]) -> None:
        """Notes what the facts of all files have to say; of photos, their sizes in pixels."""
        shapes = np.array(facts, dtype=np.int64)
        order = np.argsort(shapes.prod(1), kind="stable")
        places = (0, len(order) // 2, -1)
        self.sizes = tuple((int(w), int(h)) for w, h in (shapes[order[at]] for at in places))

    def measured(self) -> list[str]:
        """The sentences on it."""
        if not self.sizes:
            return []
        low, middle, high = (f"{width} × {height}" for width, height in self.sizes)
        lines = [self.say("sizes", low=low, middle=middle, high=high)]
        if min(self.sizes[1]) < TINY:
            lines.append(self.say("tiny", least=TINY))
        return lines

    def group(self, items: Sequence[Labelled], asked: str | int | None) -> list[Hashable]:
        """One name for each file: those of one name stay in one part."""
        alone: list[Hashable] = list(range(len(items)))
        if asked is None:
            return alone
        labels = [item.label for item in items]
        given: list[Hashable] = [item.group or number for number, item in enumerate(items)]
        by_name = groups_by_name([item.path.stem for item in items], labels)
        if any(item.group for item in items):
            if enough_groups(given, labels):
                return self.grouped("given", given)
            if self.rule.startswith("csv"):
                self.remarks.append(self.say("groups_unused"))
        return alone if by_name is None else self.grouped("names", by_name)

    def grouped(self, how: str, names: Sequence[Hashable]) -> list[Hashable]:
        """Notes how the groups were found; returns them."""
        example, count = Counter(names).most_common(1)[0]
        self.grouping, self.groups = how, len(set(names))
        self.group_example = f"{shown(str(example))} ({count})"
        return list(names)

    def tell_groups_across(self, groups: Sequence[str], parts: Sequence[int]) -> None:
        """Notes the named groups that are in training and in another part too; "" is no group."""
        places = defaultdict(set)
        for group, part in zip(groups, parts, strict=True):
            places[group].add(part)
        both = sorted(group for group, found in places.items() if group and {0} < found)
        if both:
            example = shown(both[0])
            self.remarks.append(self.say("groups_across", count=len(both), example=example))

    def compare(self, groups: Sequence[Hashable], parts: Sequence[int]) -> None:
        """Looks for groups in several parts; parts: of each file. Photos need no more than that
        near copies are told."""

    def sentences(self) -> list[str]:
        """What the learner should know, one sentence each."""
        many, rule = sum(self.counts.values()), self.say(f"rule_{self.rule}")
        lines = [self.say("found", files=many, classes=len(self.counts), rule=rule)]
        lines.append(self.say("counts", counts=listed(self.counts)))
        lines += self.measured()
        if self.imbalance >= IMBALANCE:
            lines.append(self.say("imbalance", times=f"{self.imbalance:.1f}"))
        small = [name for name, count in self.counts.items() if count < SMALL_CLASS]
        if small:
            lines.append(self.say("small", classes=", ".join(small[:8]), least=SMALL_CLASS))
        lines += problem_lines(self.left_out, self.notes)
        if self.duplicates:
            extra = sum(len(copies) - 1 for copies in self.duplicates)
            example = " = ".join(self.duplicates[0][:2])
            lines.append(self.say("duplicates", count=extra, example=example))
        if self.conflicts:
            example = " = ".join(self.conflicts[0][:2])
            lines.append(self.say("conflicts", count=len(self.conflicts), example=example))
        if self.across:
            example = " ~ ".join(self.across[0])
            lines.append(self.say("across", count=len(self.across), example=example))
        elif self.near_duplicates:
            example = " ~ ".join(self.near_duplicates[0])
            lines.append(self.say("near", count=len(self.near_duplicates), example=example))
        if self.grouping:
            values = {"groups": self.groups, "example": self.group_example}
            lines.append(self.say(f"grouping_{self.grouping}", **values))
        lines += self.remarks
        lines.append(self.say("splits", **self.splits))
        return lines

    def __str__(self) -> str:
        return "\n".join(f"- {line}" for line in self.sentences())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.sentences())
        return f'<ul class="tl-inspection">{lines}</ul>'


def listed(counts: dict[str, int], most: int = 12) -> str:
    """The names with their counts, the first `most` of them."""
    parts = [f"{name} {count:,}" for name, count in list(counts.items())[:most]]
    return ", ".join(parts) + (" ..." if len(counts) > most else "")


def problem_lines(left_out: Sequence[Problem], notes: Sequence[Problem]) -> list[str]:
    """A sentence for each kind of what was left out, and of what was used with a remark."""
    lines = [_of_kind("folder.left_out", problems) for problems in _by_kind(left_out).values()]
    return lines + [_of_kind("folder.noted", problems) for problems in _by_kind(notes).values()]


def _by_kind(problems: Sequence[Problem]) -> dict[tuple[str, str], list[Problem]]:
    """Those of one sentence together; of a kind with many different sentences, all of them."""
    said: dict[str, set[str]] = defaultdict(set)
    for problem in problems:
        said[problem.kind].add(problem.message)
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        few = len(said[problem.kind]) <= MOST_SENTENCES
        kinds[problem.kind, problem.message if few else ""].append(problem)
    return kinds


def _of_kind(sentence: str, problems: list[Problem]) -> str:
    names = ", ".join(shortened(problem.path) for problem in problems[:3])
    names += " ..." if len(problems) > 3 else ""
    return text(sentence, count=len(problems), names=names, message=problems[0].message)


def shortened(name: str, most: int = 60) -> str:
    """The name with its middle left out where it is longer than `most` characters."""
    return name if len(name) <= most else f"{name[: (most - 1) // 2]}…{name[-(most // 2) :]}"


# --- copies -------------------------------------------------------------------------------


def exact_copies(digests: Sequence[str]) -> list[list[int]]:
    """Rows whose files have the same bytes, two or more each."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        rows[digest].append(row)
    return [same for same in rows.values() if len(same) > 1]


def near_duplicates(signatures: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows that show the same picture.

    signatures: uint8 (n, 16, 16), the photos as greys. Only photos that agree in an eighth of their
    hash are compared: the cost grows with n, not with its square.
    """
    if len(signatures) < 2:
        return []
    bits = _difference_hash(signatures)
    packed = np.packbits(bits, axis=1)  # (n, 8)
    greys = signatures.reshape(len(signatures), -1).astype(np.float32)
    greys -= greys.mean(1, keepdims=True)
    pairs: set[tuple[int, int]] = set()
    for block in range(packed.shape[1]):
        pairs |= _pairs_in_block(packed, greys, block)
    return sorted(pairs)


def _difference_hash(signatures: np.ndarray) -> np.ndarray:
    """(n, 64): is a cell of the 8 x 9 grid brighter than its right neighbour?"""
    columns = np.linspace(0, 16, 10).astype(int)
    rows = signatures.reshape(len(signatures), 8, 2, 16).mean(2)
    cells = np.stack([rows[..., a:b].mean(-1) for a, b in pairwise(columns)], -1)
    return (cells[..., :-1] > cells[..., 1:]).reshape(len(signatures), 64)


def _pairs_in_block(packed: np.ndarray, greys: np.ndarray, block: int) -> set[tuple[int, int]]:
    """Pairs that agree in this byte of the hash, and nearly in all the rest.

    The other bytes order each bucket, so that look-alikes stand side by side; each photo is
    compared with the next _BUCKET ones.
    """
    others = [(block + shift) % packed.shape[1] for shift in range(packed.shape[1])]
    order = np.lexsort([packed[:, column] for column in reversed(others)])
    found = set()
    for step in range(1, min(_BUCKET, len(order))):
        left, right = order[:-step], order[step:]
        same = packed[left, block] == packed[right, block]
        if not same.any():
            break
        left, right = left[same], right[same]
        distance = np.bitwise_count(packed[left] ^ packed[right]).sum(1)
        near = distance <= HASH_BITS
        left, right = left[near], right[near]
        differs = np.abs(greys[left] - greys[right]).mean(1)
        textured = greys[left].std(1) > 2 * GREY_LEVELS  # two empty walls are no copies
        keep = (differs <= GREY_LEVELS / 2) & textured
        found |= {
            (min(a, b), max(a, b))
            for a, b in zip(left[keep].tolist(), right[keep].tolist(), strict=True)
        }
    return found


# --- groups and parts ---------------------------------------------------------------------


def groups_by_name(stems: Sequence[str], labels: Sequence[str]) -> list[str] | None:
    """The start of each name, where it numbers a picture that several photos are cut from.

    "BloodImage_00007_2" is photo 2 of "BloodImage_00007". None where names do not say so, or where
    a class would be left with too few groups to split.
    """
    groups = [
        match.group(1)
        if (match := re.fullmatch(r"(.*\d.*?)[\s._-]+\(?[a-z]{0,4}\d+\)?", stem, re.I))
        else f"{label}/{number}/{stem}"  # 001 of the cats has nothing to do with 001 of the dogs
        for number, (stem, label) in enumerate(zip(stems, labels, strict=True))
    ]
    sizes = Counter(groups)
    shared = sum(size for size in sizes.values() if size > 1)
    largest = max(sizes.values())
    if shared < 0.1 * len(stems) or largest > max(2, 0.1 * len(stems)):
        return None
    return groups if enough_groups(groups, labels) else None


def enough_groups(groups: Sequence[Hashable], labels: Sequence[str], least: int = 5) -> bool:
    """True where every class has at least so many groups."""
    of_class: dict[str, set] = defaultdict(set)
    for group, label in zip(groups, labels, strict=True):
        of_class[label].add(group)
    return min(map(len, of_class.values())) >= least


def join_groups(groups: Sequence[Hashable], pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Group numbers after the groups of each pair of rows became one."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    parent = list(range(len(numbers)))

    def top(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    rows = [numbers[group] for group in groups]
    for a, b in pairs:
        parent[top(rows[a])] = top(rows[b])
    return [top(number) for number in rows]


def split_rows(
    labels: Sequence[int], groups: Sequence[int], shares: Sequence[float], seed: int
) -> list[list[int]]:
    """Rows of train, valid and test: whole groups, and each class in these shares.

    Groups are dealt out one by one, the largest first and otherwise in the order of `seed`, each to
    the part that still lacks most of the classes that it holds.
    """
    of_row = np.asarray(labels)
    classes = int(of_row.max()) + 1
    totals = np.bincount(of_row, minlength=classes)
    wanted = np.outer(shares, totals)
    if (totals >= 3).all():
        wanted = np.maximum(wanted, 1.0)
    have = np.zeros_like(wanted)
    _, numbers = np.unique(np.asarray(groups), return_inverse=True)
    members = np.argsort(numbers, kind="stable")
    bounds = np.cumsum(np.bincount(numbers))[:-1]
    buckets = np.split(members, bounds)
    order = np.random.default_rng(seed).permutation(len(buckets)).tolist()
    order = sorted(order, key=lambda number: -len(buckets[number]))
    parts: list[list[int]] = [[], [], []]
    for number in order:
        rows = buckets[number]
        held = np.bincount(of_row[rows], minlength=classes)
        lack = ((wanted - have) / np.maximum(wanted, 1e-9) * held).sum(1)
        part = int(lack.argmax())
        parts[part] += rows.tolist()
        have[part] += held
    return [sorted(part) for part in parts]
