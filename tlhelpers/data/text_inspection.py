"""What is wrong with a set of texts before anything is learned from it.

Near copies are found by MinHash (Broder, "On the Resemblance and Containment of Documents", 1997):
the share of runs of four characters that two texts have in common. Texts that agree in a band of
their smallest hashes are compared exactly, so that the cost grows with the number of texts, not
with its square.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tlhelpers.data.inspection import IMBALANCE, SMALL_CLASS, Inspection, listed, problem_lines
from tlhelpers.runtime.language import text

ALIKE = 0.8  # of the runs of two texts; above it they are near copies
RUN = 4  # characters
BANDS, IN_A_BAND = 8, 4  # P(found) at 0.8: 98%; at 0.5: 40%; at 0.3: 6%
COMPARED = 16  # texts of one band that each text is compared with
READ = 4000  # characters of a text that are compared
LONG = 4000  # characters that the networks read at most
SCRIPTS = {
    "japanese": re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]"),
    "korean": re.compile("[\uac00-\ud7a3]"),
    "chinese": re.compile("[\u4e00-\u9fff]"),
    "cyrillic": re.compile("[\u0400-\u04ff]"),
    "arabic": re.compile("[\u0600-\u06ff]"),
    "latin": re.compile("[A-Za-z\u00c0-\u024f\uff21-\uff3a\uff41-\uff5a]"),
}


@dataclass(repr=False)
class TextInspection(Inspection):
    """What a table or folder of texts holds. Its sentences quote places, never the texts."""

    columns: dict[str, str] = field(default_factory=dict)  # "text", "label", "group", "split"
    lengths: tuple[int, ...] = (0, 0, 0)  # characters: shortest, middle, longest
    cut: int = 0  # texts longer than the networks read
    scripts: dict[str, int] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """What the learner should know, one sentence each."""
        many, rule = sum(self.counts.values()), text(f"texts.rule_{self.rule}")
        lines = [text("texts.found", texts=many, classes=len(self.counts), rule=rule)]
        if self.columns:
            chosen = ", ".join(
                text(f"texts.column_{role}", name=name) for role, name in self.columns.items()
            )
            lines.append(text("texts.columns_chosen", columns=chosen))
        lines.append(text("texts.counts", counts=listed(self.counts)))
        low, middle, high = self.lengths
        lines.append(text("texts.lengths", low=low, middle=middle, high=high))
        if self.cut:
            lines.append(text("texts.cut", count=self.cut, most=LONG))
        scripts = ", ".join(
            f"{text(f'texts.script_{name}')} {count / many:.0%}"
            for name, count in sorted(self.scripts.items(), key=lambda one: -one[1])
        )
        lines.append(text("texts.scripts", scripts=scripts))
        if self.imbalance >= IMBALANCE:
            lines.append(text("texts.imbalance", times=f"{self.imbalance:.1f}"))
        small = [name for name, count in self.counts.items() if count < SMALL_CLASS]
        if small:
            lines.append(text("texts.small", classes=", ".join(small[:8]), least=SMALL_CLASS))
        lines += problem_lines(self.left_out, self.notes)
        for kind in ("duplicates", "conflicts"):
            found = getattr(self, kind)
            if found:
                extra = len(found)
                if kind == "duplicates":
                    extra = sum(len(same) - 1 for same in found)
                example = " = ".join(found[0][:2])
                lines.append(text(f"texts.{kind}", count=extra, example=example))
        if self.across:
            example = " ~ ".join(self.across[0])
            lines.append(text("texts.across", count=len(self.across), example=example))
        elif self.near_duplicates:
            example = " ~ ".join(self.near_duplicates[0])
            lines.append(text("texts.near", count=len(self.near_duplicates), example=example))
        if self.grouping:
            values = {"groups": self.groups, "example": self.group_example}
            lines.append(text("texts.grouping", **values))
        lines += self.remarks
        lines.append(text("texts.splits", **self.splits))
        return lines


def squeezed(words: str) -> str:
    """The text as all contenders read it: NFKC, small letters, one space between words."""
    return " ".join(unicodedata.normalize("NFKC", words).lower().split())


def script_of(words: str) -> str:
    """In what most of a text is written; text with kana is Japanese, whatever else it holds."""
    found = {name: len(pattern.findall(words[:READ])) for name, pattern in SCRIPTS.items()}
    if found["japanese"] and found["japanese"] + found["chinese"] >= found["latin"]:
        return "japanese"
    best = max(found, key=found.__getitem__)
    return best if found[best] else "other"


def near_duplicate_texts(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of rows whose texts (squeezed) share at least ALIKE of their runs of characters."""
    random = np.random.default_rng(0)
    factors = random.integers(1, 2**63, (BANDS * IN_A_BAND, 1), dtype=np.uint64) | np.uint64(1)
    found = [_smallest(_runs_of(words), factors) for words in texts]
    smallest = np.stack(found) if found else np.zeros((0, 1))
    pairs: set[tuple[int, int]] = set()
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        some = np.ascontiguousarray(smallest[:, band * IN_A_BAND : (band + 1) * IN_A_BAND])
        for row, key in enumerate(some):
            buckets[key.tobytes()].append(row)
        for rows in buckets.values():
            for place, row in enumerate(rows):
                pairs |= {(row, other) for other in rows[place + 1 : place + 1 + COMPARED]}

    @functools.lru_cache(1024)  # the runs of all texts would take more memory than the texts
    def runs(row: int) -> np.ndarray:
        return _runs_of(texts[row])

    return [(a, b) for a, b in sorted(pairs) if _share(runs(a), runs(b)) >= ALIKE]


def _runs_of(words: str) -> np.ndarray:
    """The numbers of the different runs of RUN characters of a text, sorted."""
    padded = words[:READ].ljust(RUN)
    codes = np.frombuffer(padded.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    mixed = np.zeros(len(codes) - RUN + 1, np.uint64)
    for place in range(RUN):
        mixed = mixed * np.uint64(0x100000001B3) + codes[place : place + len(mixed)]
    mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed * np.uint64(0xBF58476D1CE4E5B9))


def _smallest(runs: np.ndarray, factors: np.ndarray) -> np.ndarray:
    hashed = runs[None] * factors
    return (hashed ^ (hashed >> np.uint64(32))).min(1)


def _share(left: np.ndarray, right: np.ndarray) -> float:
    common = len(np.intersect1d(left, right, assume_unique=True))
    return common / (len(left) + len(right) - common)


# --- what gives the label away ------------------------------------------------------------


def telling_columns(columns: dict[str, list[str]], labels: Sequence[str]) -> list[str]:
    """The names of columns whose value tells the label, though it takes few values."""
    telling = []
    for name, cells in columns.items():
        of_value: dict[str, Counter] = defaultdict(Counter)
        for cell, label in zip(cells, labels, strict=True):
            of_value[cell.strip()][label] += 1
        if not 2 <= len(of_value) <= len(labels) / 4:
            continue
        right = sum(counts.most_common(1)[0][1] for counts in of_value.values())
        guess = Counter(labels).most_common(1)[0][1]
        if right >= 0.98 * len(labels) > 1.1 * guess:
            telling.append(name)
    return telling


def repeating_columns(columns: dict[str, list[str]]) -> list[str]:
    """Columns that look as if they named whose text it is: many values, each a few times."""
    named = []
    for name, cells in columns.items():
        filled = [cell for cell in cells if cell.strip()]
        different = len(set(filled))
        is_whose = re.search(
            r"(?i)(^|_| )(id|user|author|customer|thread|session)s?$|者|顧客", name
        )
        if is_whose and filled and len(filled) / 20 <= different <= 0.8 * len(filled):
            named.append(name)
    return named


def labels_in_texts(texts: Sequence[str], labels: Sequence[str]) -> float:
    """The share of texts in which the name of their own class stands, less that of other names.

    texts and labels squeezed. High where the label was left in the text ("[SPAM] ...").
    """
    names = sorted({label for label in labels if len(label) > 2})
    if not names or not texts:
        return 0.0
    own = other = 0.0
    for words, label in zip(texts, labels, strict=True):
        own += label in names and label in words
        other += any(name in words for name in names if name != label and name not in label)
    return (own - other) / len(texts)
