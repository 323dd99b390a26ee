"""One recording from a stranger's disk: mono, 16,000 samples a second, or a sentence why not.

What a file begins with decides what it is, not what it is called. WAV, FLAC, OGG, MP3 and AIFF are
read by libsndfile (soundfile), block by block, so that an hour takes no more memory than a minute:
its first minute is looked at, and the loudest ten seconds of that are kept. Channels are averaged,
other rates resampled (a polyphase filter, scipy). `read_recording` raises only `RecordingError`,
whose message tells the learner what to do.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tlhelpers.data.decoding import Decoded, FileProblem, Medium, Reader, require_ordinary
from tlhelpers.data.sounds.frontend import log_mel

VERSION = 1  # of what is kept of a recording; another number decodes anew
RATE = 16_000  # samples a second of every recording in a task
KEPT_SECONDS = 10  # of a recording; the loudest ones of a longer one
READ_SECONDS = 60  # of a longer one, which are looked at
LEAST_SECONDS = 0.05
RATES = range(4_000, 400_000)
SILENT = 10 ** (-60 / 20)  # the loudest sample of a recording in which nothing is heard
QUIET_DB = 40.0  # below its loudest moment, a moment counts as silence
CLIPPED, CLIPPED_SHARE, CLIPPED_RUN = 0.998, 1e-3, 3  # of full scale; of the samples; in a row
SPREADS, PICTURE_DB = 2.5, 30.0  # what the small picture of a sound spans
MOST_BYTES = 4 * 2**30
HIGH_RATE = 50_000  # above it, one recording is decoded at a time
BLOCK = 2**18  # numbers read at once, whatever the number of channels is

READABLE = frozenset((".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"))
# What is no recording to libsndfile, but is handed in as one: each gets a sentence of its own.
OTHERS = frozenset((".m4a", ".aac", ".wma", ".amr", ".caf", ".webm"))
VIDEOS = frozenset((".mp4", ".mov", ".avi", ".mkv", ".3gp", ".mpg", ".mpeg", ".wmv"))
_LARGE_ONES = threading.Lock()


class RecordingError(FileProblem):
    """A recording that cannot be used. `kind`: "empty", "silent", "video", ..."""

    room = "recordings"


@dataclass(frozen=True)
class Recording:
    """A decoded recording.

    samples: int16 (n,), mono, RATE a second, at most KEPT_SECONDS; seconds, rate, channels: of the
    file; silence: the share of time in which it is quiet; digest: of the file's bytes; signature:
    what near copies share, uint8 (16, 16); notes: kinds of harmless oddities ("stereo", "long",
    "clipped", "coarse", "loud", "gaps", "cut_off").
    """

    samples: np.ndarray
    seconds: float
    rate: int
    channels: int
    silence: float
    digest: str
    signature: np.ndarray
    notes: tuple[str, ...]


def read_recording(path: Path) -> Recording:
    """The recording in this file. Raises RecordingError."""
    require_ordinary(path, RecordingError, MOST_BYTES)
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
        _require_recording(head)
        return _decode(path)
    except RecordingError:
        raise
    except OSError as error:
        raise RecordingError("unreadable", reason=error.strerror or error) from error
    except MemoryError as error:
        raise RecordingError("too_heavy", megabytes=os.stat(path).st_size // 2**20) from error
    except Exception as error:  # libsndfile's decoders fail in many ways for a damaged file
        reason = re.sub(r"^Error opening .*?: ", "", str(error), flags=re.S)[:120]
        raise RecordingError("damaged", reason=reason) from error


# --- what it is -----------------------------------------------------------------------------


def brand_of(head: bytes) -> str:
    """What a file that begins so is: "wav", "flac", "ogg", "mp3", "aiff"; "video", or the name of
    a kind of recording that cannot be read here; "" for anything else."""
    kind, inner = head[:4], head[8:12]
    if kind in (b"RIFF", b"RIFX", b"RF64"):
        return {b"WAVE": "wav", b"AVI ": "video"}.get(inner, "")
    if kind == b"FORM" and inner in (b"AIFF", b"AIFC"):
        return "aiff"
    if kind in (b"fLaC", b"OggS"):
        return {b"fLaC": "flac", b"OggS": "ogg"}[kind]
    if head[4:8] == b"ftyp":
        return "M4A (AAC)" if inner in (b"M4A ", b"M4B ") else "video"
    if kind == b"\x1a\x45\xdf\xa3":
        return "WebM"
    if kind == b"\x30\x26\xb2\x75":
        return "WMA"
    if head[:5] == b"#!AMR":
        return "AMR"
    if kind == b"caff":
        return "CAF"
    if kind in (b"\0\0\1\xba", b"\0\0\1\xb3") or head[:3] == b"FLV":
        return "video"
    if head[:3] == b"ID3":
        return "mp3"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # the start of a frame
        layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
        if layer == 0 and version >= 2 and head[1] & 0xF0 == 0xF0:
            return "AAC"
        known = layer in (1, 2) and version != 1 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3
        return "mp3" if known else ""
    return ""


def _require_recording(head: bytes) -> None:
    brand = brand_of(head)
    if brand == "video":
        raise RecordingError("video")
    if not brand:
        raise RecordingError("not_a_recording")
    if brand not in ("wav", "flac", "ogg", "mp3", "aiff"):
        raise RecordingError("other_format", format=brand)


# --- decoding -------------------------------------------------------------------------------


def _decode(path: Path) -> Recording:
    import soundfile

    name = str(path) if sys.platform == "win32" else os.fsencode(path)
    with soundfile.SoundFile(name) as file:
        rate, channels = file.samplerate, file.channels
        if rate not in RATES:
            raise RecordingError("rate", rate=rate, least=RATES[0], most=RATES[-1])
        with _LARGE_ONES if rate > HIGH_RATE else nullcontext():
            mono, found = _read_mono(file)
            seconds = max(file.frames, len(mono)) / rate
            if file.frames > 2**60:  # a stream that does not know its length
                seconds = len(mono) / rate
            coarse = file.subtype in ("PCM_U8", "PCM_S8")
            if file.format == "WAV" and _is_cut_off(file.extra_info):
                found.append("cut_off")
            samples = _resampled(mono, rate)
    if not len(samples):
        raise RecordingError("no_samples")
    if len(samples) < LEAST_SECONDS * RATE:
        raise RecordingError("too_short", milliseconds=round(1000 * len(samples) / RATE))
    if np.abs(samples).max() < SILENT:
        if "gaps" in found:
            raise RecordingError("no_numbers")
        if seconds > READ_SECONDS:
            raise RecordingError("silent_start", minutes=round(seconds / 60))
        raise RecordingError("silent")
    notes = [
        *(["stereo"] if channels > 1 else []),
        *(["long"] if seconds > KEPT_SECONDS else []),
        *(["coarse"] if coarse else []),
        *found,
    ]
    samples = loudest(samples, KEPT_SECONDS * RATE)
    levels = np.sqrt(np.add.reduceat(samples**2, np.arange(0, len(samples), RATE // 50)) / 320)
    whole = np.round(samples * 32767).astype(np.int16)
    return Recording(
        samples=whole,
        seconds=seconds,
        rate=rate,
        channels=channels,
        silence=float((levels < levels.max() * 10 ** (-QUIET_DB / 20)).mean()),
        digest=_digest(path),
        signature=signature_of(whole),
        notes=tuple(notes),
    )


def _read_mono(file: Any) -> tuple[np.ndarray, list[str]]:
    """The mean of the channels of the first READ_SECONDS, within -1..1, and what is odd in it."""
    left, blocks = READ_SECONDS * file.samplerate, []
    gaps, clipped, count = False, 0, 0
    while left > 0:
        block = file.read(
            min(left, max(1, BLOCK // file.channels)), dtype="float32", always_2d=True
        )
        if not len(block):
            break
        if not np.isfinite(block).all():
            gaps = True
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        clipped, count = clipped + _clipped(block), count + block.size
        blocks.append(block.mean(1, dtype=np.float64).astype(np.float32))
        left -= len(block)
    mono = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    found = ["gaps"] if gaps else []
    highest = float(np.abs(mono).max(initial=0.0))
    if highest > 1.001:  # floats that are no shares of full scale
        found.append("loud")
        mono = mono / highest
    elif clipped > CLIPPED_SHARE * count:
        found.append("clipped")
    return mono.clip(-1, 1), found


def _clipped(block: np.ndarray) -> int:
    """Samples at full scale that stand in a row: (frames, channels) -> how many."""
    full = np.abs(block) >= CLIPPED
    if len(full) < CLIPPED_RUN or not full.any():
        return 0
    row = np.lib.stride_tricks.sliding_window_view(full, CLIPPED_RUN, 0).all(-1)
    return int(row.sum())


def _is_cut_off(told: str) -> bool:
    """True where libsndfile found less than the file promises; a stream's header promises 2 GB."""
    found = re.search(r"data : (\d+) \(should be (\d+)\)", told)
    return found is not None and int(found[2]) < int(found[1]) < 2**31 - 2**16


def _resampled(mono: np.ndarray, rate: int) -> np.ndarray:
    from scipy.signal import resample_poly

    if rate == RATE or not len(mono):
        return mono
    ratio = Fraction(RATE, rate).limit_denominator(1000)
    found = resample_poly(mono, ratio.numerator, ratio.denominator)
    return np.asarray(found, np.float32).clip(-1, 1)


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


# --- windows and likeness -------------------------------------------------------------------


def loudest(samples: np.ndarray, length: int) -> np.ndarray:
    """The part (length,) of samples (n,) with the most energy; all of them where they are fewer."""
    if len(samples) <= length:
        return samples
    step = RATE // 100
    energy = np.add.reduceat(samples.astype(np.float64) ** 2, np.arange(0, len(samples), step))
    total = np.concatenate([[0.0], energy.cumsum()])
    steps = length // step
    gained = total[steps:] - total[:-steps]
    start = min(int(gained.argmax()) * step, len(samples) - length)
    return samples[start : start + length]


def windowed(samples: np.ndarray, length: int) -> np.ndarray:
    """int16 (length,): the loudest part, or all of it with silence at both ends."""
    part = loudest(samples, length)
    before = (length - len(part)) // 2
    return np.pad(part, (before, length - len(part) - before))


def signature_of(samples: np.ndarray) -> np.ndarray:
    """The sound as a small picture, uint8 (16 bands, 16 times), that near copies share.

    It spans SPREADS standard deviations of loudness over time on either side of the middle, and
    PICTURE_DB below the loudest: silence at the ends, gain, format and rate do not count. On 800
    real words it found 188 of 200 copies that were coded anew, or moved and made quieter, and took
    no two takes for one.
    """
    wave = torch.from_numpy(samples)[None].float() / 32768
    wave = functional.pad(wave, (0, max(0, RATE // 10 - wave.shape[1])))
    levels = log_mel(wave, RATE, 32)[0]
    loudness = levels.exp().sum(0).sqrt()
    share, times = loudness / loudness.sum(), torch.arange(len(loudness)) + 0.5
    middle = (share * times).sum()
    spread = (share * (times - middle) ** 2).sum().sqrt().clamp_min(2)
    shades = ((levels - levels.max()) * (10 / math.log(10)) / PICTURE_DB + 1).clamp(0, 1)
    shades = shades.flip(0).view(16, 2, -1).mean(1)
    edges = (middle + spread * torch.linspace(-SPREADS, SPREADS, 17)).clamp(0, len(times))
    until = functional.pad(shades.cumsum(1), (1, 0))  # the area left of each whole time
    left = edges.floor().long().clamp(max=len(times) - 1)
    area = torch.lerp(until[:, left], until[:, left + 1], edges - left)
    picture = area.diff(dim=1) / (2 * SPREADS * spread / 16)
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


class Recordings(Medium):
    """Recordings, each at most KEPT_SECONDS of RATE samples."""

    room, kind = "recordings", "sound"
    suffixes = READABLE | OTHERS | VIDEOS
    how = f"recordings-{VERSION}"
    most_bytes = 2 * KEPT_SECONDS * RATE

    def read(self, path: Path) -> Decoded:
        """The samples; facts: how many, and the file's seconds, rate, channels and silence."""
        one = read_recording(path)
        facts = (len(one.samples), one.seconds, one.rate, one.channels, one.silence)
        return Decoded(one.samples.tobytes(), facts, one.digest, one.signature, one.notes)

    def reader(self, file: Path, facts: Sequence[Sequence[float]]) -> Reader:
        """rows -> int16 (n, samples), all of one length: see `usual_length`."""
        counts = [int(own[0]) for own in facts]
        starts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        length = usual_length(counts)

        def read(rows: Iterable[int]) -> Tensor:
            rows = list(rows)
            waves = torch.zeros(len(rows), length, dtype=torch.int16)
            with open(file, "rb") as opened:
                for place, row in enumerate(rows):
                    opened.seek(2 * starts[row])
                    samples = np.frombuffer(opened.read(2 * counts[row]), np.int16)
                    waves[place] = torch.from_numpy(windowed(samples, length).copy())
            return waves

        return read


def usual_length(counts: Sequence[int]) -> int:
    """Samples that all but the longest fiftieth fit into: whole tenths of a second, at least half a
    second."""
    tenth = RATE // 10
    fits = float(np.quantile(counts, 0.98)) if len(counts) else 0.0
    return min(KEPT_SECONDS * RATE, max(5 * tenth, int(np.ceil(fits / tenth)) * tenth))
