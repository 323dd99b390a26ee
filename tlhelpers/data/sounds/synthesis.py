"""How the course's spoken words were made, and how to make them again.

    pip install espeakng_loader pyopenjtalk-plus
    python -m tlhelpers.data.sounds.synthesis            into datasets/speech, half a minute

Two synthesisers speak. espeak-ng computes a voice by rule, from the resonances of a mouth: it has
a hundred voices and many accents. Open JTalk has one Japanese voice, with statistics learned from
a woman's recordings. Neither is a person. A clip is one word: one second at 8 kHz, as on the
telephone, with the word at a random place. The synthesisers are needed here alone.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tlhelpers.data.sounds.frontend import RATE
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError

# --- what is said, and who says it ------------------------------------------------------------


def _names(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


COMMANDS = _names("yes no up down left right on off stop go")
OLD_WORDS = _names(  # of the pre-training
    f"{' '.join(COMMANDS)} zero one two three four five six seven eight nine "
    "open close start follow learn forward back house bird cat dog tree happy bed "
    "monday friday morning water light music"
)
CALLS = _names("billing delivery refund password agent")
# The commands as a Japanese speaker reads them, and what customers of a Japanese shop ask for.
KATAKANA = dict(
    zip(
        COMMANDS,
        _names("イエス ノー アップ ダウン レフト ライト オン オフ ストップ ゴー"),
        strict=True,
    )
)
CALLS_JA = {
    "請求": "せいきゅう",
    "配送": "はいそう",
    "返金": "へんきん",
    "解約": "かいやく",
    "予約": "よやく",
    "変更": "へんこう",
    "確認": "かくにん",
    "住所": "じゅうしょ",
    "電話": "でんわ",
    "担当": "たんとう",
}
STANDARD = ("en-us", "en-gb-x-rp", "en-us-nyc", "en-gb-x-gbcwmd")
ACCENTS = {  # of the commands in the lesson
    "caribbean": "en-029",
    "scotland": "en-gb-scotland",
    "lancaster": "en-gb-x-gbclan",
    "japanese": "ja",
}
# No voice of the lesson's is heard in the pre-training. Robots, whispers and croaks are left out.
PRETRAINING_VOICES = _names(
    "Alex Andrea Annie Denis Gene Henrique Jacky Marco Mario Mike Nguyen RicishayMax Storm adam "
    "announcer antonio belinda boris david edward f1 f3 f5 gustave iven iven3 john klatt klatt3 "
    "klatt5 m1 m3 m5 m7 marcelo michel norbert paul quincy robert sandro steph steph3 travis"
)
LESSON_VOICES = _names(
    "Alicia Andy Diogo Hugo Lee Michael Reed Tweaky anika aunty benjamin caleb ed edward2 f2 f4 "
    "grandma grandpa ian iven2 iven4 kaukovalta klatt2 klatt4 klatt6 linda m2 m4 m6 m8 max miguel "
    "mike2 pablo pedro rob shelby steph2 victor zac"
)
SPEEDS, PITCHES = (130, 231), (20, 86)  # words a minute; espeak-ng's scale from 0 to 99
FULL = 0.6  # the loudest sample of a clip
STEPS = 2**8  # to each side of 0: 9 bits compress well, and no more is heard on a telephone


@dataclass(frozen=True)
class Utterance:
    """One clip: a word, and how it was said."""

    word: str  # the class
    spoken: str  # what the synthesiser reads
    voice: str
    accent: str  # espeak-ng's language, or "open-jtalk"
    speed: int
    pitch: int


def utterances(
    words: dict[str, str],
    accents: Sequence[str],
    voices: Sequence[str],
    takes: int,
    seed: int,
) -> list[Utterance]:
    """`takes` utterances of each word by each voice; accent, speed and pitch drawn for each.

    words: {class: what is read}.
    """
    rng = np.random.default_rng(seed)
    return [
        Utterance(
            word,
            spoken,
            voice,
            accents[int(rng.integers(len(accents)))],
            int(rng.integers(*SPEEDS)),
            int(rng.integers(*PITCHES)),
        )
        for _ in range(takes)
        for voice in voices
        for word, spoken in words.items()
    ]


def _plain(words: Iterable[str]) -> dict[str, str]:
    return {word: word for word in words}


def sets() -> dict[str, list[Utterance]]:
    """The collections of the lesson: {name: its utterances}."""
    some = LESSON_VOICES[::5] + LESSON_VOICES[1::5]
    accents = [
        one
        for number, (name, language) in enumerate(ACCENTS.items())
        for one in utterances(
            KATAKANA if name == "japanese" else _plain(COMMANDS),
            [language],
            LESSON_VOICES if name == "japanese" else some,
            1,
            20 + number,
        )
    ]
    sing = [
        Utterance(word, spoken, f"mei{half_tone:+d}", "open-jtalk", speed, half_tone)
        for half_tone in (-4, -2, 0, 2, 4, 6)
        for speed in (85, 100, 115)
        for word, spoken in CALLS_JA.items()
    ]
    return {
        "calls": utterances(_plain(CALLS), STANDARD, LESSON_VOICES, 2, 11),
        "commands": utterances(_plain(COMMANDS), STANDARD, LESSON_VOICES, 1, 12) + accents,
        "calls_ja": utterances(CALLS_JA, ["ja"], LESSON_VOICES, 1, 13) + sing,
        "others": utterances(_plain(OLD_WORDS[10:]), STANDARD, some[:8], 1, 14),
    }


# --- the synthesisers -------------------------------------------------------------------------


@functools.cache
def _espeak() -> tuple[ctypes.CDLL, list[np.ndarray], object]:
    """espeak-ng's library, the list that it fills with samples, and what keeps that alive."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise StoreError(text("sounds.no_synthesiser", package="espeakng_loader")) from error
    library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
    parts: list[np.ndarray] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def keep(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    synchronous = 2
    library.espeak_Initialize(synchronous, 0, espeakng_loader.get_data_path().encode(), 0)
    library.espeak_SetSynthCallback(keep)
    return library, parts, keep


def _say_espeak(one: Utterance) -> np.ndarray:
    library, parts, _ = _espeak()
    voice = f"{one.accent}+{one.voice}"
    if library.espeak_SetVoiceByName(voice.encode()):
        raise StoreError(text("sounds.no_voice", voice=voice))
    speed, pitch, utf8 = 1, 3, 1
    library.espeak_SetParameter(speed, one.speed, 0)
    library.espeak_SetParameter(pitch, one.pitch, 0)
    parts.clear()
    words = one.spoken.encode() + b"\0"
    library.espeak_Synth(words, len(words), 0, 1, 0, utf8, None, None)
    return _resampled(np.concatenate(parts) / 32768, 160, 441)  # from 22,050 a second


def _say_open_jtalk(one: Utterance) -> np.ndarray:
    try:
        import pyopenjtalk
    except ImportError as error:
        raise StoreError(text("sounds.no_synthesiser", package="pyopenjtalk-plus")) from error
    wave, _ = pyopenjtalk.tts(one.spoken, speed=one.speed / 100, half_tone=one.pitch)
    return _resampled(wave / 32768, 1, 6)  # from 48,000 a second


def _resampled(wave: np.ndarray, up: int, down: int) -> np.ndarray:
    from scipy.signal import resample_poly

    return resample_poly(wave, up, down)


def synthesise(asked: Sequence[Utterance], seed: int) -> np.ndarray:
    """Clips, int16 (n, 8000): each word trimmed, as loud as any other, at a random place.

    What is longer than a second loses its end. Raises StoreError without the synthesisers.
    """
    rng = np.random.default_rng(seed)
    clips = np.zeros((len(asked), RATE), np.int16)
    for clip, one in zip(clips, asked, strict=True):
        wave = (_say_open_jtalk if one.accent == "open-jtalk" else _say_espeak)(one)
        heard = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
        wave = wave[max(0, heard[0] - 200) : heard[-1] + 400][:RATE]
        start = rng.integers(RATE - len(wave) + 1)
        level = np.round(wave * (FULL * STEPS / np.abs(wave).max()))
        clip[start : start + len(wave)] = level * (32768 // STEPS)
    return clips


# --- the script -------------------------------------------------------------------------------


def make(folder: Path, names: Sequence[str] | None = None) -> Iterator[tuple[str, int, int]]:
    """Writes NAME.flac, its clips one after the other, and NAME.tsv, a line for each.

    Yields (name, clips, bytes). Raises StoreError without the synthesisers.
    """
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for name, asked in sets().items():
        if names and name not in names:
            continue
        clips = synthesise(asked, 1)
        file = folder / f"{name}.flac"
        soundfile.write(file, clips.ravel(), RATE, "PCM_16", compression_level=1.0)
        lines = [[field.name for field in fields(Utterance)], *map(astuple, asked)]
        table = "".join("\t".join(map(str, line)) + "\n" for line in lines)
        (folder / f"{name}.tsv").write_text(table, encoding="utf-8")
        yield name, len(clips), file.stat().st_size


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m tlhelpers.data.sounds.synthesis [--out DIR] [NAME ...]`."""
    from tlhelpers.data.sounds.words import speech_folder

    parser = argparse.ArgumentParser("python -m tlhelpers.data.sounds.synthesis")
    parser.add_argument("names", nargs="*", choices=[*sets(), []])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(argv)
    for name, count, size in make(asked.out or speech_folder(), asked.names):
        print(text("sounds.made", name=name, count=count, kilobytes=round(size / 1e3)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
