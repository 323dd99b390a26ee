"""Lesson 13: its exercises tell mistakes apart, its steps do what its prose says."""

import re

import pytest
import torch
from torch.nn import functional as F

from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.data.catalog import load_task
from tlhelpers.data.sounds.frontend import LogMel, log_mel
from tlhelpers.data.sounds.words import load_words, read_clips
from tlhelpers.lessons.speech import experiments, figures, widget
from tlhelpers.lessons.speech.steps import (
    as_pictures,
    joined,
    means,
    nearness,
    only_words,
    share_right,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import ROOT
from tlhelpers.show.listening import listen
from tlhelpers.train.predict import evaluate, predict
from tlhelpers.transfer.intervals import interval

SPLIT = {"count": 10, "voices": "ana, bob, emi, ken, lee", "held": 5, "away": 1}


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda voices, away: [0], "split_two"),
        (lambda voices, away: [0, 2], "split_two"),
        (lambda voices, away: ([0], [1]), "split_rows"),
        (lambda voices, away: (range(5), range(5, 10)), "split_both"),
        (lambda voices, away: ([], range(10)), "split_away"),
    ],
)
def test_each_mistake_in_the_split_has_its_own_sentence(monkeypatch, mistake, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("13-b", {"split_by_voice": mistake})
    assert not verdict.passed
    assert verdict.message.split(":")[0] == text(f"lesson13.{sentence}", **SPLIT).split(":")[0]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda waves, rate: waves.tolist(), "list"),
        (lambda waves, rate: waves, "(2, 24) are to become (2, 12)"),
        (lambda waves, rate: waves[:, :: rate // 8000], "one sample out of 2"),
        (lambda waves, rate: waves[:, 1 :: rate // 8000], "2, 4 are to become 3; yours become 4"),
        (lambda waves, rate: waves.unfold(1, 2, 2).mean(2), "(2, 24) are to become (2, 24)"),
        (lambda waves, rate: between(waves, rate, "area").int(), "8, 1 are to become 4.5"),
        (
            lambda waves, rate: between(waves, rate, "linear"),
            "8, 1, 3 are to become 4; yours become 1",
        ),
    ],
)
def test_each_mistake_with_the_rate_has_its_own_sentence(monkeypatch, mistake, said):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("13-a", {"to_8khz": mistake})
    assert not verdict.passed and said in verdict.message


def between(waves, rate, mode):
    return F.interpolate(waves[:, None], scale_factor=8000 / rate, mode=mode)[:, 0]


def test_the_mean_of_neighbours_passes_whatever_takes_it():
    assert check("13-a", {"to_8khz": lambda waves, rate: between(waves, rate, "area")}).passed
    assert check("13-a", {"to_8khz": lambda w, r: between(w.double(), r, "area")}).passed


def test_the_mean_of_neighbours_gives_the_misread_sound_its_accuracy_back():
    """What exercise A lets a reader see: all that the wrong rate had cost comes back."""
    network, commands = backbone("zukan-speech"), load_words("commands", snr=20)
    ten = only_words(network, commands.classes["en"])
    waves, right = commands.test.inputs, commands.test.labels
    slow = waves.repeat_interleave(2, 1)
    back = slow.reshape(len(slow), -1, 2).mean(2)
    misread, mended, whole = (
        share_right(ten, log_mel(sound), right) for sound in (slow, back, waves)
    )
    assert misread < 0.5 < mended == whole


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_widget_plays_and_shows_what_is_heard(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    shown = widget.build({})
    quiet = shown.view()
    assert quiet.says.startswith(text("widget13.says_right", word="stop", answer="", sure="")[:8])
    noisy = shown.move(level=-10)
    assert noisy.picture != quiet.picture
    for view in (quiet, noisy):
        assert view.picture.count("<audio controls") == 1
        assert view.picture.count("alt=") == 1


def test_a_voice_is_answered_and_not_kept(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    clips = read_clips("commands")
    said = clips.waves[clips.words.index("stop")]
    recorder = widget.own_voice()
    assert "yes, no" in recorder.view().picture and "audio" not in recorder.view().picture
    late = torch.cat([torch.zeros(9000, dtype=torch.int16), said])  # longer than a second
    view = recorder.hear(late.numpy().tobytes())
    assert '"stop"' in view.says and view == recorder.view()
    assert "<img" in view.picture and "audio" not in view.picture
    for nothing in (b"", bytes(4000)):
        assert "Nothing was heard" in recorder.hear(nothing).says


def test_what_people_are_told_of_their_voices_is_what_is_stored():
    people = stored("13_known")
    page = (ROOT / "lessons" / "source" / "13_speech.py").read_text(encoding="utf-8")
    right, recordings = people["right"], people["recordings"]
    assert f"{recordings}件では、正解は{right}件" in page
    assert f"Of {recordings} recordings" in page and f"it is right for {right};" in page


def lead(one, other):
    """The paired difference of two rows of accuracies, in points with its interval."""
    return interval([a - b for a, b in zip(one, other, strict=True)])


def test_what_the_prose_says_of_the_stored_draws_holds():
    """Each direction that a sentence states binds the end of an interval over ten draws."""
    noisy, who, japanese = (stored(f"13_{name}") for name in ("noise", "who", "japanese"))
    assert all(lead(noisy[db]["plain"], noisy[db]["adapted"]).low > 0 for db in ("20.0", "0.0"))
    assert lead(noisy["0.0"]["augmented"], noisy["0.0"]["plain"]).low < 0
    assert lead(who["random"], who["frozen"]).low > 0.1
    assert lead(who["random"], who["tuned"]).low > 0 < lead(who["tuned"], who["frozen"]).low
    for way in ("tuned", "frozen"):
        assert lead(japanese["same"][way], japanese["same"]["scratch"]).low > 0
        assert lead(stored("13_shots")["10"][way], stored("13_shots")["10"]["scratch"]).low > 0.05
    assert all(interval(runs).high < 0.3 for runs in japanese["other"].values())


def test_only_words_answers_among_these_words_alone():
    network = backbone("zukan-speech")
    task = load_words("commands", snr=20)
    ten = only_words(network, task.classes["en"])
    assert predict(ten, task.test).shape == (len(task.test), 10)
    assert evaluate(ten, task.test) > 0.8
    by_picture = share_right(ten, log_mel(task.test.inputs), task.test.labels)
    assert by_picture == pytest.approx(evaluate(ten, task.test))
    assert network.head.out_features == 40
    assert ten.preprocess is not None
    with torch.no_grad():
        raw = ten(log_mel(task.test.inputs)).argmax(1) == task.test.labels
    assert raw.double().mean().item() == pytest.approx(0.31, abs=0.03)  # without step 5


def test_controls_see_what_the_network_sees():
    task = load_words("calls", 1)
    pictures = as_pictures(task)
    assert pictures.kind == "image" and pictures.train.inputs.shape == (5, 3, 64, 64)
    levels = LogMel()(task.train.inputs)
    assert torch.allclose(means(task.train.inputs)[:, :40], levels.mean(2))


def test_a_known_recording_is_nearest_to_itself():
    waves = load_words("calls", 2).train.inputs
    near = nearness(backbone("zukan-speech"), waves)
    assert torch.allclose(near(waves), torch.ones(len(waves)), atol=1e-4)
    assert (near(waves.flip(1)) < 0.99).all()


def test_joined_splits_keep_their_labels():
    task = load_words("calls", 1)
    both = joined(task.train, task.valid)
    assert torch.equal(both.labels, torch.cat([task.train.labels, task.valid.labels]))


def test_speakers_are_tested_on_words_that_were_not_learned():
    task = experiments.speakers(5, 0)
    assert [len(split) for split in (task.train, task.valid, task.test)] == [50, 30, 70]
    assert task.train.labels.bincount().tolist() == [5] * 10


def test_strangers_that_test_a_threshold_did_not_set_it():
    setting, testing = experiments.strangers(0)
    assert len(setting) == len(testing) == 60


def test_players_have_names_pictures_and_sound(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    sounds = listen(load_words("calls", 1))
    page = sounds.html()
    assert page.count("<audio controls") == page.count("<img ") == 5
    assert re.findall('aria-label="([a-z]+)"', page) == sounds.names
    assert len(page) < 100_000
    assert "billing" in repr(sounds)
    with pytest.raises(ValueError, match="birds"):
        listen(load_task("birds", 1, valid_per_class=1, test_per_class=1, size=48))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("draw", "names"),
    [
        ("draw_accents", ("13_accents",)),
        ("draw_who", ("13_who",)),
        ("draw_leak", ("13_leak", "13_real")),
    ],
)
def test_each_number_stands_beside_its_own_row(monkeypatch, lang, draw, names):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    drawn = []
    monkeypatch.setattr(figures, "picture", lambda figure, alt: drawn.append(figure))
    getattr(figures, draw)(*map(stored, names))
    drawn[0].draw_without_rendering()
    for axes in drawn[0].axes:
        numbers = [note for note in axes.texts if note.get_text().endswith("%")]
        assert [note.get_position()[1] for note in numbers] == list(axes.get_yticks())
        for note in numbers:
            place = note.get_window_extent()
            assert axes.bbox.x1 < place.x0 < place.x1 <= drawn[0].bbox.x1
