"""Words that people said: two public sets, where the folder of real data has them."""

from __future__ import annotations

import io
import re
import runpy
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tlhelpers.data.real import real_file
from tlhelpers.data.sounds.frontend import RATE
from tlhelpers.data.task import Split, Task
from tlhelpers.lessons.speech.steps import as_pictures, means
from tlhelpers.models.backbones import backbone
from tlhelpers.transfer.extraction import extract_features

TESTED = 200  # recordings
DIGIT = re.compile(r"(\d)_([a-z]+)_\d+\.wav$")
COMMAND = re.compile(r"([a-z]+)/([0-9a-f]+)_nohash_\d+\.wav$")


@dataclass(frozen=True)
class Said:
    """Recordings of words. waves: floats (n, 8000), each word in the middle of a second.

    labels: (n,), places in `words`.
    """

    waves: Tensor
    labels: Tensor
    speakers: list[str]
    words: list[str]


def digits() -> Said:
    """Free Spoken Digit Dataset (CC BY-SA 4.0): six people, 8 kHz."""
    return _said("fsdd_half.tar.gz", DIGIT)


def commands() -> Said:
    """300 clips of Speech Commands (CC BY 4.0, arXiv:1804.03209): 30 words, 41 people."""
    return _said("speech_commands_300.tar.gz", COMMAND)


def _said(archive: str, pattern: re.Pattern[str]) -> Said:
    found = sorted(_read(archive, pattern), key=lambda one: one[:2])
    words = sorted({word for word, _, _ in found})
    return Said(
        torch.stack([wave for _, _, wave in found]),
        torch.tensor([words.index(word) for word, _, _ in found]),
        [speaker for _, speaker, _ in found],
        words,
    )


def _read(archive: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, str, Tensor]]:
    """(word, speaker, wave of a second) of each recording."""
    import soundfile
    from scipy.signal import resample_poly

    with tarfile.open(real_file("speech", archive)) as opened:
        for member in opened:
            named = pattern.search(member.name)
            if named is None or (file := opened.extractfile(member)) is None:
                continue
            wave, rate = soundfile.read(io.BytesIO(file.read()), dtype="float32")
            wave = resample_poly(wave, RATE, rate)[:RATE]
            second = np.zeros(RATE, np.float32)
            start = (RATE - len(wave)) // 2
            second[start : start + len(wave)] = wave
            yield named[1], named[2], torch.from_numpy(second)


def features(said: Said) -> dict[str, Tensor]:
    """{kind: (n, d)}: our network of speech, Google's, our network of drawings, and means."""
    split = Split(said.waves, said.labels)
    empty = split.subset(torch.arange(1))
    pictures = as_pictures(Task("said", split, empty, empty, {"en": [], "ja": []}, kind="sound"))
    return {
        "embedding": embed(said.waves),
        "speech": extract_features(backbone("zukan-speech"), split),
        "pictures": extract_features(backbone("zukan-resnet"), pictures.train),
        "means": means(said.waves),
    }


def embed(waves: Tensor) -> Tensor:
    """Google's speech embedding (Lin et al., arXiv:2002.01322): (n, 96), the mean over windows."""
    from scipy.signal import resample_poly

    folder = ("weights", "speech_embedding")
    code = real_file(*folder, "speech_embedding.py")
    module = runpy.run_path(str(code))
    network: Callable = module["load"](str(real_file(*folder, "speech_embedding.safetensors")))
    twice = torch.from_numpy(resample_poly(waves.numpy(), 2, 1, axis=1)).float()
    with torch.no_grad():
        return torch.cat([network(some).mean(1) for some in twice.split(64)])
