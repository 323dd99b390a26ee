"""`tl try` on recordings: every contender answers, is saved, loads, answers the same; voices."""

import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
import torch
from tqdm.auto import tqdm

from tests.barriers import barriers_of, needs_browser
from tests.tiny_sounds import RATE, encoded, recordings, wave
from tlhelpers.course import contest, sound_report, trial
from tlhelpers.course.cli import main
from tlhelpers.course.exporting import load_model, save_model
from tlhelpers.course.sound_contest import SoundContest
from tlhelpers.course.trial import try_folder
from tlhelpers.data.folder import load_folder
from tlhelpers.data.task import rows_of_each
from tlhelpers.models import speech_embedding as embedding
from tlhelpers.models.backbones import backbone
from tlhelpers.models.hearing import BANDS, hears, listener
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.intervals import Interval, share_of

REAL = Path(os.environ.get("TLHELPERS_REAL", "../shared/real")).absolute()


@pytest.fixture(autouse=True, scope="module")
def places(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_LANG", "en")
        patch.delenv("TLHELPERS_REAL", raising=False)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return recordings(tmp_path_factory.mktemp("data") / "mine", takes=4)


@pytest.fixture(scope="module")
def tried(folder):
    """With an epoch of fine-tuning, and enough of training from scratch to be a control."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contest, "MOST_EPOCHS", {"fine_tune": 1, "scratch": 1})
        patch.setattr(contest, "ENOUGH_EPOCHS", 1)
        return try_folder(folder, 5.0, ["zukan-speech", "zukan-resnet"], progress=False)


@pytest.mark.slow
def test_all_ways_are_tried_and_one_reads_the_test_once(tried):
    found = [(c.backbone, c.strategy) for c in tried.contenders]
    frozen = [(n, s) for n in (BANDS, "zukan-resnet", "zukan-speech") for s in ("knn", "probe")]
    assert found[0] == ("-", "prior")
    assert sorted(found[1:7]) == frozen  # the quickest one reads first, whichever it is
    assert {s for _, s in found[7:]} == {"fine_tune", "scratch"} and found[7][0] != BANDS
    assert tried.test_reads == 1 and tried.test_acc.n == len(tried.task.test)
    assert tried.gain is not None and tried.gain.n == len(tried.task.test)
    assert "one voice alone, which training never heard" in str(tried)


def test_what_is_saved_answers_as_what_was_tried(tried, tmp_path):
    task = tried.task
    length = task.valid.inputs.shape[1]
    for contender in tried.contenders:
        before = predict(contender.model, task.valid)
        place = tmp_path / contender.backbone / contender.strategy
        save_model(contender.model, task.classes, 0, place, "sound", samples=length)
        after = predict(load_model(place).model, task.valid)
        assert torch.allclose(after, before, atol=1e-5), contender


def test_the_scratch_twin_heard_the_same_rate(tried):
    (one,) = [c for c in tried.contenders if c.strategy == "scratch"]
    (other,) = [c for c in tried.contenders if c.strategy == "fine_tune"]
    waves = tried.task.valid.inputs
    assert torch.equal(one.model.preprocess(waves), other.model.preprocess(waves))


def test_the_course_network_reads_both_rates_alike():
    network = listener("zukan-speech")
    slow, fast = (torch.tensor(wave(True, 1, 1, rate=rate))[None].float() for rate in (8000, RATE))
    wanted = backbone("zukan-speech").preprocess(slow)
    found = network.preprocess((fast * 32767).to(torch.int16))
    assert (found - wanted).abs().mean() < 0.25


# --- the page -----------------------------------------------------------------------------


@pytest.fixture
def mistaken(tried, monkeypatch):
    """With a mistake, so that the page has something to show."""
    wrong = tried.labels.clone()
    wrong[0] = 1 - wrong[0]
    monkeypatch.setattr(tried, "labels", wrong)
    return tried


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_plays_what_was_heard_or_nothing(mistaken, monkeypatch, language):
    monkeypatch.setenv("TLHELPERS_LANG", language)
    page = mistaken.page()
    assert "http" not in re.sub(r"http://www.w3.org/\S+", "", page)
    players = re.findall(r'<audio controls [^>]*aria-label="([^"]+)"[^>]*base64,([^"]+)"', page)
    assert len(players) > 6 and all(re.fullmatch(r"\w+/\w+\.wav", name) for name, _ in players)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(players[0][1])), dtype="int16")
    assert rate == RATE and len(samples) > 4000
    place = "/".join(mistaken.task.paths["test"][0].parts[-2:])
    assert place in page
    monkeypatch.setattr(mistaken, "quotes", False)
    page = mistaken.page()
    assert "<audio" not in page and "data:audio" not in page and place in page
    assert page.count("<img") == 2  # confusion and learning curve


def test_the_classes_that_are_confused_most_are_named(tried, monkeypatch):
    labels = torch.tensor([0] * 6 + [1] * 6)
    answers = torch.tensor([0, 0, 0, 1, 1, 1] + [1] * 4 + [0] * 2)
    monkeypatch.setattr(tried, "labels", labels)
    monkeypatch.setattr(tried, "logits", torch.eye(2)[answers])
    (said,) = (step for step in tried.next_steps() if "were taken for" in step)
    assert '3 of 6 examples of "down" were taken for "up"' in said
    monkeypatch.setattr(tried, "logits", torch.eye(2)[labels])
    assert not any("were taken for" in step for step in tried.next_steps())


@pytest.mark.parametrize(("epochs", "told"), [(1, False), (5, True)])
def test_fine_tuning_that_was_cut_short_has_not_lost(tried, monkeypatch, epochs, told):
    by_name = {c.strategy: c for c in tried.contenders if c.strategy in ("fine_tune", "scratch")}
    rivals = [by_name["fine_tune"]], [by_name["scratch"]]
    lost = Interval(-0.2, -0.3, -0.1, 100)
    monkeypatch.setattr(contest, "paired", lambda *a, **k: lost)
    search = SoundContest(tried.task, time.monotonic(), 60.0, 0, 64, tqdm(disable=True))
    search.epochs = {"fine_tune": epochs, "scratch": 15}
    monkeypatch.setattr(search, "rivals", lambda: rivals)
    test = tried.task.test
    found = search._gain(by_name["scratch"], tried.labels == tried.labels, test)
    assert found == (lost if told else None)


class TestBarriers:
    pytestmark = needs_browser

    def test_nothing_in_the_page_bars_anybody(self, mistaken, tmp_path):
        assert barriers_of(mistaken.page(), tmp_path) == []


def test_players_stop_where_the_page_would_grow_too_large(tried, monkeypatch):
    rows = list(range(6))
    every = list(sound_report.players(tried.task.test, rows))
    size = len(every[0])
    monkeypatch.setattr(sound_report, "MOST_BYTES", int(2.5 * size))
    some = list(sound_report.players(tried.task.test, rows))
    assert ["<audio" in one for one in some] == [True, True, False, False, False, False]
    assert all("<small>" in one for one in some)


def test_the_interval_of_one_voice_is_about_its_recordings():
    right = torch.tensor([True] * 40 + [False] * 10)
    one, alone = share_of(right, [7] * 50), share_of(right)
    assert (one.low, one.high) == (alone.low, alone.high) and one.low < 0.7


# --- the command --------------------------------------------------------------------------


@pytest.mark.slow
def test_try_then_predict_a_folder(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["try", str(folder), "--minutes", "0", "--no-quotes"]) == 0
    page = (tmp_path / "mine-report" / "report.html").read_text("utf-8")
    assert "none of your recordings" in page and "<audio" not in page
    new = tmp_path / "new"
    (new / "deep").mkdir(parents=True)
    for number, rising in enumerate((True, False, True)):
        (new / "deep" / f"{number}.flac").write_bytes(encoded(wave(rising, 1, 50), "FLAC"))
    (new / "film.wav").write_bytes(b"\0\0\0\x20ftypisom" + bytes(60))
    (new / "words.txt").write_text("up")
    capsys.readouterr()
    assert main(["predict", "mine-report/model", "new"]) == 1
    said = capsys.readouterr()
    answers = [line.split("\t") for line in said.out.splitlines()]
    assert [name[-6:] for name, *_ in answers] == ["0.flac", "1.flac", "2.flac"]
    assert answers[0][1] == answers[2][1] and "%" in answers[0][2]
    assert "This is a video" in said.err and "3 recordings answered; 1 could not" in said.err
    done = subprocess.run(
        [sys.executable, "mine-report/model/predict.py", "new/deep/1.flac"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and answers[1][1] in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("none", "Training 24, validation 8, test 8"),
        ("1", "As you asked"),
        ("7", "gives 40 groups"),
    ],
)
def test_group_says_where_the_speaker_stands(folder, tmp_path, capsys, group, said, monkeypatch):
    monkeypatch.setattr(trial, "_try_task", lambda *a, **k: sys.exit(0))
    out = ["--out", str(tmp_path / "out")]
    with contextlib.suppress(SystemExit):
        main(["try", str(folder), "--group", group, *out])
    heard = capsys.readouterr()
    assert said in heard.out + heard.err and "names say who speaks" not in heard.out


def test_only_networks_that_hear_are_taken(folder, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    assert main(["try", str(folder), "--backbone", "zukan-bert", *out]) == 2
    assert "no network that reads recordings" in capsys.readouterr().err
    assert main(["try", str(folder), "--minutes", "0", "--export", "onnx", *out]) == 2
    assert "--export is for photos" in capsys.readouterr().err
    assert hears("zukan-resnet") and not hears("intfloat/multilingual-e5-small")


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "evil"},
        {"backbone": "../zukan-speech"},
        {"samples": 10**9},
        {"samples": "x"},
        {"kind": "smell"},
        {"form": "guess"},
    ],
    ids=str,
)
def test_a_strangers_config_of_sounds_ends_in_one_sentence(tried, tmp_path, changes):
    probe = next(c for c in tried.contenders if c.strategy == "probe")
    folder = save_model(probe.model, tried.task.classes, 0, tmp_path / "m", "sound", samples=8000)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(StoreError, match="no usable model"):
        load_model(folder)


# --- the real embedding -------------------------------------------------------------------


def test_the_embedding_has_the_shape_that_its_paper_gives():
    network = embedding.SpeechEmbedding(3).eval()
    assert sum(p.numel() for n, p in network.named_parameters() if "head" not in n) == 328_152
    waves = torch.zeros(2, 2 * RATE)
    assert network.frames(waves).shape == (2, 197, 32) and network(waves).shape == (2, 3)
    assert network(waves[:, :1000]).shape == (2, 3)  # shorter than a window


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="real recordings and weights are not here")
def test_on_real_digits_of_a_new_voice_what_was_heard_before_counts(monkeypatch):
    """10 digits of four people to learn from, 5 of each digit; a fifth chooses, a sixth tests."""
    monkeypatch.setenv("TLHELPERS_REAL", str(REAL))
    task = load_folder(REAL / "speech" / "fsdd_half.tar.gz")
    generator = torch.Generator().manual_seed(0)
    few = task.train.subset(rows_of_each(task.train.labels, 5, generator))
    valid, test = (s.subset(torch.arange(0, 250, 3)) for s in (task.valid, task.open_test()))
    accuracy = {}
    for name in (BANDS, "zukan-speech", embedding.NAME):
        parts = [extract_features(listener(name), s, 16, cache=False) for s in (few, valid, test)]
        head = select_head(parts[0], few.labels, parts[1], valid.labels, 10).head
        accuracy[name] = (head(parts[2]).argmax(1) == test.labels).float().mean().item()
    assert accuracy[embedding.NAME] > accuracy[BANDS] + 0.15, accuracy
    assert accuracy["zukan-speech"] > accuracy[BANDS], accuracy
