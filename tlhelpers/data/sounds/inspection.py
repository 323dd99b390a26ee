"""What is wrong with a set of recordings before anything is learned from it.

Copies and near copies are told as for photos (`data/inspection.py`), by a small picture of each
sound. What recordings have of their own: how long they are, at what rates they were made, how much
of them is silence, and whether one voice is heard in two parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tlhelpers.data.inspection import Inspection, groups_by_name, listed
from tlhelpers.data.layout import Labelled, shown
from tlhelpers.data.sounds import speakers
from tlhelpers.data.sounds.recording import RATE, usual_length

MUCH_SILENCE = 0.5  # of the time of a recording
SHORTEST = 8000  # samples a second below which consonants are lost


@dataclass(repr=False)
class SoundInspection(Inspection):
    """What a folder of recordings holds. Paths are relative to the folder."""

    room: ClassVar[str] = "recordings"
    seconds: tuple[float, ...] = ()  # of the shortest, middle and longest
    window: float = 0.0  # seconds of each that are listened to
    cut: int = 0  # recordings longer than that
    rates: dict[str, int] = field(default_factory=dict)  # recordings of each rate
    silent: int = 0  # recordings of which most is silence
    voices: list[Hashable] | None = field(default=None, repr=False)  # of each, where known
    heard: tuple[int, ...] = ()  # speakers in train, valid, test

    def measure(self, facts: Sequence[Sequence[float]]) -> None:
        """Lengths, rates and silence."""
        seconds = np.sort([own[1] for own in facts])
        self.seconds = tuple(float(seconds[at]) for at in (0, len(seconds) // 2, -1))
        counts = [int(own[0]) for own in facts]
        self.window = usual_length(counts) / RATE
        self.cut = int((np.array([own[1] for own in facts]) > self.window + 0.01).sum())
        rates = Counter(int(own[2]) for own in facts)
        self.rates = {f"{rate:,} Hz:": count for rate, count in sorted(rates.items())}
        self.silent = sum(own[4] > MUCH_SILENCE for own in facts)

    def measured(self) -> list[str]:
        low, middle, high = (f"{seconds:.1f}" for seconds in self.seconds)
        window = f"{self.window:.1f}"
        lines = [self.say("lengths", low=low, middle=middle, high=high, window=window)]
        if self.cut:
            lines.append(self.say("cut", count=self.cut, window=window))
        lines.append(self.say("rates", rates=listed(self.rates), rate=f"{RATE:,}"))
        if self.silent:
            lines.append(self.say("silence", count=self.silent, share=f"{MUCH_SILENCE:.0%}"))
        return lines

    def group(self, items: Sequence[Labelled], asked: str | int | None) -> list[Hashable]:
        """The speaker of each recording; else what was cut from one recording, by its name.

        asked: "auto"; None for each by itself; "folder" for the folder inside the class; or the
        place of the speaker in the names, from 1. Raises ValueError where that names no groups.
        """
        labels = [item.label for item in items]
        if asked is None:
            return list(range(len(items)))
        if asked != "auto":
            at = asked if isinstance(asked, int) else 0
            named = speakers.nth_part(items, at) if at else speakers.by_folder(items)
            known = len(set(named))
            if known == len(items) or not speakers.enough_speakers(named, labels):
                raise ValueError(self.say("groups_few", asked=asked, found=known))
            return self._by_voice("asked", named)
        how, named = self._speakers(items, labels)
        if how == "folders":
            names = ", ".join(shown(str(name)) for name in list(dict.fromkeys(named))[:3])
            self.remarks.append(self.say("outer", names=names))
        if how and speakers.enough_speakers(named, labels):
            return self._by_voice(how, named)
        if how:
            self.voices = named
            self.remarks.append(self.say("few_voices", count=len(set(named))))
            return list(range(len(items)))
        by_name = groups_by_name([item.path.stem for item in items], labels)
        if by_name is not None:
            return self.grouped("names", by_name)
        self.remarks.append(self.say("no_voices"))
        return list(range(len(items)))

    def _speakers(
        self, items: Sequence[Labelled], labels: Sequence[str]
    ) -> tuple[str, list[Hashable]]:
        """How speakers were found ("" where they were not), and that of each recording."""
        inner = speakers.by_folder(items)
        if any(item.group for item in items):
            if self.rule.startswith("csv"):
                return "given", inner
            if speakers.heard_in_several(inner, labels) >= speakers.SEVERAL:
                return "folders", inner
        place = speakers.speaker_place(items)
        return ("speakers", speakers.nth_part(items, place)) if place else ("", [])

    def _by_voice(self, how: str, names: Sequence[Hashable]) -> list[Hashable]:
        self.voices = list(names)
        return self.grouped(how, names)

    def compare(self, groups: Sequence[Hashable], parts: Sequence[int]) -> None:
        """Which voices are heard in which parts: those that the folder named may share some."""
        if self.voices is None:
            return
        of_part = [
            {voice for voice, own in zip(self.voices, parts, strict=True) if own == part}
            for part in range(3)
        ]
        self.heard = tuple(map(len, of_part))
        both = sorted(map(str, (of_part[0] | of_part[1]) & of_part[2]))
        if both and self.grouping:
            names = ", ".join(shown(name) for name in both[:5])
            self.remarks.append(self.say("voice_twice", count=len(both), names=names))
        elif self.grouping:
            train, valid, test = self.heard
            self.remarks.append(self.say("voices", train=train, valid=valid, test=test))
