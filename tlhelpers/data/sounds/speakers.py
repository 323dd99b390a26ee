"""Who speaks in a recording, where names of files and folders say so.

A voice that is heard in training and again in the test makes the test too easy: what is wanted is a
model for voices that it never heard. So recordings of one speaker stay in one part.

    yes/anna/1.wav            a folder inside the class, of a name that stands in several classes
    yes/0a7c_nohash_0.wav     a part of the name that comes back in several classes: 0a7c
    7_theo_12.wav             the same, beside the class: theo

Numbers alone count takes; only the learner can say that they count speakers (`groups=2`: the
second part of the name).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from tlhelpers.data.inspection import enough_groups
from tlhelpers.data.layout import Labelled, Layout, one_form

ENOUGH = 3  # speakers of a class: one for each part
SEVERAL = 0.5  # of the recordings are by speakers who are heard in more than one class
_TAKE = re.compile(
    r"(?i)(take|rep|repeat|trial|utt|utterance|clip|rec|recording|no|nr|n|t|v|テイク|回)?\d*"
)


def parts_of_name(stem: str) -> list[str]:
    """["7", "theo", "12"] of "7_theo_12"."""
    return [part for part in re.split(r"[\s._-]+", one_form(stem)) if part]


def nth_part(items: Sequence[Labelled], place: int) -> list[Hashable]:
    """The part of each name at this place, from 1; a name that has none is a group of its own."""
    names = [parts_of_name(item.path.stem) for item in items]
    return in_one_spelling(
        [parts[place - 1] if place <= len(parts) else n for n, parts in enumerate(names)]
    )


def by_folder(items: Sequence[Labelled]) -> list[Hashable]:
    """The folder inside its class that each file lies in, whatever the class is."""
    inner = [item.group.removeprefix(f"{item.label}/") for item in items]
    return in_one_spelling([name or number for number, name in enumerate(inner)])


def in_one_spelling(names: Sequence[Hashable]) -> list[Hashable]:
    """Ken and ken are one person, called as he first stands there."""
    first: dict[str, str] = {}
    return [
        first.setdefault(name.casefold(), name) if isinstance(name, str) else name for name in names
    ]


def speaker_place(items: Sequence[Labelled]) -> int | None:
    """At which place of the names, from 1, speakers stand; None where names do not say so."""
    names = [parts_of_name(item.path.stem) for item in items]
    usual = Counter(map(len, names)).most_common(1)[0][0] if names else 0
    rows = [row for row, parts in enumerate(names) if len(parts) == usual]
    if usual < 2 or len(rows) < 0.9 * len(items):
        return None
    best, most = None, 1
    for place in range(usual):
        values = [names[row][place].casefold() for row in rows]
        labels = [items[row].label for row in rows]
        different = len(set(values))
        if different > most and _are_speakers(values, labels):
            best, most = place + 1, different
    return best


def _are_speakers(values: Sequence[str], labels: Sequence[str]) -> bool:
    """True for words that come back, most of them in several classes, and are no takes."""
    if sum(bool(_TAKE.fullmatch(value)) for value in values) > 0.1 * len(values):
        return False
    different = len(set(values))
    return 2 <= different <= len(values) / 2 and heard_in_several(values, labels) >= SEVERAL


def heard_in_several(names: Sequence[Hashable], labels: Sequence[str]) -> float:
    """The share of recordings whose speaker is heard in more than one class."""
    classes = defaultdict(set)
    for name, label in zip(names, labels, strict=True):
        classes[name].add(label)
    return sum(len(classes[name]) > 1 for name in names) / max(1, len(names))


def enough_speakers(names: Sequence[Hashable], labels: Sequence[str]) -> bool:
    """True where every class has at least ENOUGH speakers."""
    return enough_groups(names, labels, ENOUGH)


def class_beside_speaker(layout: Layout, asked: str | int | None) -> Layout:
    """Of files named by class and speaker together (7_theo_12), the class alone: 7.

    asked: as `groups` of `load_folder`; the class is the first part of the name that is not the
    speaker. Layouts whose names hold no speaker, or whose folders tell the class, stay as they are.
    """
    if layout.rule not in ("names", "named_parts") or asked in (None, "folder"):
        return layout
    names = [parts_of_name(item.path.stem) for item in layout.items]
    firsts = [
        replace(item, label=(parts or [item.label])[0])
        for item, parts in zip(layout.items, names, strict=True)
    ]
    place = asked if isinstance(asked, int) else speaker_place(firsts)
    if place is None:
        return layout
    at = 0 if place > 1 else 1
    items = [
        replace(item, label=parts[at] if len(parts) > at else item.label)
        for item, parts in zip(layout.items, names, strict=True)
    ]
    voices = nth_part(items, place)
    labels = [item.label for item in items]
    if len(set(labels)) < 2 or not enough_speakers(voices, labels):
        return layout
    return replace(layout, rule="names_voices", items=items)
