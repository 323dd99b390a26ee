"""Spoken words as tasks: `load_words("calls", per_class=2)`.

`datasets/speech/NAME.flac` holds clips of one second each, one after the other, and `NAME.tsv` a
line for each: the word, the voice, the accent, speed and pitch. `synthesis.py` made them. A task
is split **by voice**: who is heard in training is heard neither in validation nor in the test.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tlhelpers.data.sounds.frontend import RATE
from tlhelpers.data.sounds.noise import add_noise, as_float
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.runtime.arguments import require_number, require_seed, require_whole
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import DATASETS
from tlhelpers.runtime.store import StoreError, verify

STANDARD = "standard"
NAMES = {"en-029": "caribbean", "en-gb-scotland": "scotland", "en-gb-x-gbclan": "lancaster"}
LOUDEST = 120  # dB: beyond it one of the two is nothing at all
LINE = 10.0  # dB: speech over noise on the telephone, unless asked otherwise
SHARES = {"test": 0.3, "valid": 0.2}  # of the voices; the others are learned from
PER_CLASS = {"test": 24, "valid": 8}  # at most
WORDS = {
    "calls": ("billing", "delivery", "refund", "password", "agent"),
    "calls_ja": ("請求", "配送", "返金", "解約", "予約", "変更", "確認", "住所", "電話", "担当"),
    "commands": ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"),
}
ROMAJI = {
    "請求": "seikyu",
    "配送": "haiso",
    "返金": "henkin",
    "解約": "kaiyaku",
    "予約": "yoyaku",
    "変更": "henko",
    "確認": "kakunin",
    "住所": "jusho",
    "電話": "denwa",
    "担当": "tanto",
}
LICENCE = "CC BY 4.0"


@dataclass(frozen=True)
class Clips:
    """All clips of a collection. waves: int16 (n, 8000)."""

    waves: Tensor
    words: tuple[str, ...]
    voices: tuple[str, ...]
    accents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)

    def rows(self, accent: str) -> list[int]:
        """The rows with this accent."""
        return [row for row, one in enumerate(self.accents) if one == accent]


def load_words(
    name: str,
    per_class: int = 2,
    seed: int = 0,
    *,
    accent: str | None = None,
    test_accent: str | None = None,
    split: str = "voice",
    snr: float | None = LINE,
) -> Task:
    """A task of spoken words, its waves floats (n, 8000), with the noise of a telephone line.

    name: "calls" (five words of a call centre), "calls_ja" (ten Japanese ones) or "commands" (ten
        words of the pre-training).
    seed: deals the voices anew into those to learn from, to choose with and to test on, and
        draws the recordings and the noise. accent: of all parts, "standard" unless
        asked otherwise; "commands" also has "caribbean", "scotland", "lancaster" and "japanese".
        The accents of "calls_ja" are the synthesisers: "espeak-ng", "open-jtalk".
        test_accent: of the test alone, where another.
    split: "voice"; or "random", which lets the test hear the voices of the training.
    snr: dB of speech over noise; None: no noise.
    Raises ValueError for what there is not, and where a class has too few recordings.
    """
    if name not in list(WORDS):
        raise ValueError(text("sounds.no_words", given=name, known=", ".join(WORDS)))
    require_seed(seed)
    require_whole("per_class", per_class, 1)
    if snr is not None:
        require_number("snr", snr, -LOUDEST, LOUDEST)
    clips = read_clips(name)
    accent = accent or clips.accents[0]
    for given in (accent, test_accent or accent):
        if given not in list(clips.accents):
            known = ", ".join(sorted(set(clips.accents)))
            raise ValueError(text("sounds.no_accent", given=given, name=name, known=known))
    if split not in ("voice", "random"):
        raise ValueError(text("sounds.no_split", given=split))
    words = WORDS[name]
    generator = torch.Generator().manual_seed(seed)
    parts = _deal(clips, accent, split, generator)
    if test_accent:
        heard = {clips.voices[row] for part in ("train", "valid") for row in parts[part]}
        parts["test"] = [row for row in clips.rows(test_accent) if clips.voices[row] not in heard]
    counts = {"train": per_class, **PER_CLASS}
    chosen = {}
    for part, rows in parts.items():
        labels = torch.tensor([words.index(clips.words[row]) for row in rows])
        most = int(torch.bincount(labels, minlength=len(words)).min())
        if part == "train" and most < per_class:
            raise ValueError(text("catalog.too_many", name=name, argument="per_class", most=most))
        chosen[part] = torch.tensor(rows)[rows_of_each(labels, counts[part], generator)]
    splits = {part: _spoken(clips, rows, words, snr, generator) for part, rows in chosen.items()}
    names = {"en": [ROMAJI.get(word, word) for word in words], "ja": list(words)}
    return Task(
        name=name,
        **splits,
        classes=names,
        kind="sound",
        licence=LICENCE,
        source=text("sounds.source"),
    )


def _deal(
    clips: Clips, accent: str, split: str, generator: torch.Generator
) -> dict[str, list[int]]:
    """Rows of train, valid and test: dealt by voice, or one by one in the same shares."""
    rows = clips.rows(accent)
    keys: dict[int, str | int] = {
        row: clips.voices[row] if split == "voice" else row for row in rows
    }
    groups = sorted(set(keys.values()))
    order = [groups[at] for at in torch.randperm(len(groups), generator=generator)]
    tested = round(SHARES["test"] * len(order))
    chosen_with = tested + round(SHARES["valid"] * len(order))
    dealt = {
        "train": order[chosen_with:],
        "valid": order[tested:chosen_with],
        "test": order[:tested],
    }
    return {part: [row for row in rows if keys[row] in held] for part, held in dealt.items()}


def _spoken(
    clips: Clips,
    rows: Tensor,
    words: tuple[str, ...],
    snr: float | None,
    generator: torch.Generator,
) -> Split:
    """These clips on the line."""
    waves = as_float(clips.waves[rows])
    if snr is not None:
        waves = add_noise(waves, snr, generator)
    return Split(waves, [words.index(clips.words[row]) for row in rows.tolist()])


def read_clips(name: str) -> Clips:
    """All clips of `datasets/speech/NAME`. Raises ValueError for an unknown name."""
    known = sorted(file.stem for file in speech_folder().glob("*.flac"))
    if name not in known:
        raise ValueError(text("sounds.no_words", given=name, known=", ".join(known)))
    return _read(speech_folder() / f"{name}.flac")


@functools.cache
def _read(file: Path) -> Clips:
    import soundfile

    verify(file)
    with open(file.with_suffix(".tsv"), encoding="utf-8", newline="") as opened:
        lines = list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    samples, _ = soundfile.read(file, dtype="int16")
    return Clips(
        torch.from_numpy(np.ascontiguousarray(samples)).view(len(lines), RATE),
        tuple(line["word"] for line in lines),
        tuple(line["voice"] for line in lines),
        tuple(_accent(line["accent"], file.stem) for line in lines),
    )


def _accent(language: str, name: str) -> str:
    """espeak-ng's name of a language, or the synthesiser's, in the words of a lesson."""
    if language == "ja":
        return "espeak-ng" if name == "calls_ja" else "japanese"
    return NAMES.get(language, STANDARD if language.startswith("en") else language)


def speech_folder() -> Path:
    """`datasets/speech` of the clone that this package runs from."""
    folder = DATASETS / "speech"
    if not folder.is_dir():
        raise StoreError(text("sounds.no_clone", folder=folder))
    return folder
