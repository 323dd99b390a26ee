"""Spoken words: who is heard where, what noise does, and that the shipped tables are right."""

import math
import sys

import pytest
import torch

from tlhelpers.data.sounds import synthesis
from tlhelpers.data.sounds.noise import add_noise, mask, vary
from tlhelpers.data.sounds.words import WORDS, load_words, read_clips, speech_folder
from tlhelpers.models.pretrain_speech import OLD_WORDS
from tlhelpers.runtime.store import StoreError


def voices_of(split, clips):
    """The voice of each wave of a split without noise."""
    known = {wave.numpy().tobytes(): clips.voices[row] for row, wave in enumerate(clips.waves)}
    return [known[(w * 32768).to(torch.int16).numpy().tobytes()] for w in split.inputs]


@pytest.mark.parametrize("options", [{}, {"test_accent": "japanese"}])
def test_no_voice_is_in_two_parts(options):
    name = "commands" if options else "calls"
    clips = read_clips(name)
    for seed in range(3):
        task = load_words(name, 5, seed, snr=None, **options)
        parts = [set(voices_of(s, clips)) for s in (task.train, task.valid, task.test)]
        assert all(parts)
        assert not (parts[0] & parts[2] or parts[1] & parts[2] or parts[0] & parts[1])


def test_a_random_split_lets_the_test_hear_voices_of_the_training():
    clips = read_clips("calls")
    task = load_words("calls", 30, split="random", snr=None)
    heard = set(voices_of(task.train, clips))
    assert sum(voice in heard for voice in voices_of(task.test, clips)) > 0.9 * len(task.test)


def test_a_seed_repeats_a_task_and_another_deals_other_voices():
    one, same, other = (load_words("calls", 2, seed) for seed in (0, 0, 1))
    assert torch.equal(one.train.inputs, same.train.inputs)
    assert torch.equal(one.test.inputs, same.test.inputs)
    assert not torch.equal(one.test.inputs, other.test.inputs)


def test_each_level_of_noise_has_the_same_clips():
    quiet, loud = (load_words("calls", 2, snr=snr) for snr in (None, 10.0))
    noise = loud.test.inputs - quiet.test.inputs
    ratio = quiet.test.inputs.square().mean(1) / noise.square().mean(1)
    assert torch.allclose(10 * ratio.log10(), torch.tensor(10.0), atol=0.05)
    assert torch.equal(quiet.test.labels, loud.test.labels)


def test_what_is_not_there_is_refused():
    for options, named in (
        ({"accent": "welsh"}, "welsh"),
        ({"split": "day"}, "day"),
        ({"per_class": 999}, "40"),
    ):
        with pytest.raises(ValueError, match=named):
            load_words("calls", **options)
    with pytest.raises(ValueError, match="others"):
        load_words("others")


def test_no_new_word_and_no_voice_of_a_lesson_is_in_the_pre_training():
    assert not set(WORDS["calls"]) & set(OLD_WORDS)
    assert set(WORDS["commands"]) <= set(OLD_WORDS)
    assert not set(synthesis.LESSON_VOICES) & set(synthesis.PRETRAINING_VOICES)
    for name in ("calls", "commands", "others"):
        assert set(read_clips(name).voices) <= set(synthesis.LESSON_VOICES)


@pytest.mark.parametrize("name", ["calls", "calls_ja", "commands", "others"])
def test_the_tables_say_what_the_script_would_have_said(name):
    asked = synthesis.sets()[name]
    clips = read_clips(name)
    assert list(clips.words) == [one.word for one in asked]
    assert list(clips.voices) == [one.voice for one in asked]
    assert clips.waves.shape == (len(asked), 8000)
    assert (clips.waves.abs().amax(1) > 10_000).all()


def test_the_clips_are_small():
    assert sum(file.stat().st_size for file in speech_folder().iterdir()) < 6e6


def test_noise_has_the_level_asked_for():
    waves = torch.sin(torch.arange(8000) / 5)[None].repeat(3, 1)
    levels = torch.tensor([20.0, 10.0, 0.0])
    noise = add_noise(waves, levels, torch.Generator().manual_seed(0)) - waves
    ratio = waves.square().mean(1) / noise.square().mean(1)
    assert torch.allclose(10 * ratio.log10(), levels, atol=0.01)


def test_augmented_words_are_others_each_time_and_the_same_for_one_seed():
    waves = read_clips("calls").waves[:8]
    one, same, other = (vary(waves, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(one, same) and not torch.allclose(one, other)
    assert torch.isfinite(one).all() and one.shape == waves.shape


def test_a_mask_covers_one_stripe_of_bands_and_one_of_frames():
    picture = mask(torch.ones(64, 40, 101), torch.Generator().manual_seed(0))
    bands, frames = (picture == 0).all(2).sum(1), (picture == 0).all(1).sum(1)
    assert 0 < bands.max() <= 6 and 0 < frames.max() <= 12
    share = (picture == 0).double().mean().item()
    assert math.isclose(share, 3 / 40 + 6 / 101 * (1 - 3 / 40), rel_tol=0.25)


def test_the_shipped_clips_are_what_the_synthesiser_says_today():
    pytest.importorskip("espeakng_loader", reason="the synthesiser is needed for re-making alone")
    asked = synthesis.sets()["calls"][:50]
    same = torch.from_numpy(synthesis.synthesise(asked, 1)) == read_clips("calls").waves[:50]
    assert same.all(1).double().mean() > 0.7  # some voices breathe at random


def test_a_missing_synthesiser_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    synthesis._espeak.cache_clear()
    with pytest.raises(StoreError, match="espeakng_loader"):
        synthesis.synthesise(synthesis.sets()["calls"][:1], 1)
