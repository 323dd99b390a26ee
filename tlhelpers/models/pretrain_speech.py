"""How zukan-speech was made, and how to make it again.

    pip install espeakng_loader
    tl pretrain zukan-speech            five minutes on a laptop's CPU

espeak-ng says 40 words in 44 voices (`data/sounds/synthesis.py`), none of which a lesson uses. A
small ContextNet learns to tell the words apart through noise, other talkers and other microphones
(`data/sounds/noise.py`). It writes zukan-speech.safetensors (half precision), .json and .md.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.sounds import noise
from tlhelpers.data.sounds.frontend import MELS, RATE, LogMel
from tlhelpers.data.sounds.synthesis import (
    LESSON_VOICES,
    OLD_WORDS,
    PRETRAINING_VOICES,
    STANDARD,
    synthesise,
    utterances,
)
from tlhelpers.data.task import Split
from tlhelpers.models.cards import SpeechCard, weights_folder
from tlhelpers.models.speech import ContextNet
from tlhelpers.models.weights import halve, store_halved
from tlhelpers.runtime import device as devices
from tlhelpers.runtime import store
from tlhelpers.train.engine import fit
from tlhelpers.train.predict import evaluate
from tlhelpers.train.preprocessing import attach_preprocess


@dataclass(frozen=True)
class SpeechRecipe:
    """What is trained on what, and how: AdamW, a one-cycle rate, smoothed labels."""

    takes: int = 5  # of each word by each voice
    epochs: int = 14
    lr: float = 4e-3
    warmup: float = 0.15
    batch_size: int = 64
    smoothing: float = 0.05
    seed: int = 0


SPEECH_RECIPES = {"zukan-speech": SpeechRecipe()}
TRAIN_SEED, TEST_SEED, NOISE_SEED = 700_001, 700_003, 700_004
TEST_SNR = 15.0  # dB, of the accuracy that the card states


def pretrain_speech(
    name: str,
    out: str | Path | None = None,
    *,
    resume: bool = True,
    recipe: SpeechRecipe | None = None,
    voices: tuple[Sequence[str], Sequence[str]] = (PRETRAINING_VOICES, LESSON_VOICES[::4]),
    device: str | None = None,
    progress: bool | None = None,
) -> SpeechCard:
    """Makes the weights called `name` and their card, in the folder `out`.

    out: None is the course's own folder. voices: to learn from, and to test on.
    resume: go on from a run that was stopped. Raises StoreError without the synthesiser.
    """
    recipe = recipe or SPEECH_RECIPES[name]
    out = weights_folder() if out is None else Path(out)
    place = devices.pick_device(device)

    started = time.perf_counter()
    train = spoken(voices[0], recipe.takes, TRAIN_SEED)
    seconds_speaking = time.perf_counter() - started

    devices.set_seed(recipe.seed)
    model = attach_preprocess(ContextNet(len(OLD_WORDS)), LogMel())
    checkpoint = store.cache_folder() / "pretrain" / name
    if not resume:
        shutil.rmtree(checkpoint, ignore_errors=True)
    stripes = torch.Generator().manual_seed(recipe.seed)

    def guess_masked(model: nn.Module, pictures: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        scores = model(noise.mask(pictures, stripes))
        return F.cross_entropy(scores, labels, label_smoothing=recipe.smoothing)

    history = fit(
        model,
        train,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        lr=recipe.lr,
        warmup=recipe.warmup,
        augment=noise.vary,
        loss=guess_masked,
        seed=recipe.seed,
        device=place,
        checkpoint=checkpoint,
        checkpoint_every=100,
        progress=progress,
    )

    halve(model)
    test = spoken(voices[1], 1, TEST_SEED)
    generator = torch.Generator().manual_seed(NOISE_SEED)
    test = Split(noise.add_noise(test.inputs, TEST_SNR, generator), test.labels)
    accuracy = evaluate(model, test)

    card = SpeechCard(
        name=name,
        recipe=asdict(recipe),
        seconds=round(history.seconds, 1),
        device=devices.describe(place, devices.pick_precision(place)),
        words=list(OLD_WORDS),
        rate=RATE,
        mels=MELS,
        clips=len(train),
        accuracy=round(accuracy, 4),
        seconds_speaking=round(seconds_speaking, 1),
        **store_halved(model, out / f"{name}.safetensors"),
    )
    card.write(out / f"{name}.json", out / f"{name}.md")
    shutil.rmtree(checkpoint, ignore_errors=True)
    return card


def spoken(voices: Sequence[str], takes: int, seed: int) -> Split:
    """The old words by these voices, int16 waves (n, 8000)."""
    asked = utterances({word: word for word in OLD_WORDS}, STANDARD, voices, takes, seed)
    labels = [OLD_WORDS.index(one.word) for one in asked]
    return Split(torch.from_numpy(synthesise(asked, seed)), torch.tensor(labels))
