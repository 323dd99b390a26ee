"""`tl try` and `tl predict` lose no work: places tried first, odd names, one bad photo, Ctrl-C."""

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tlhelpers.course import contest, trial
from tlhelpers.course.cli import main
from tlhelpers.course.exporting import load_model
from tlhelpers.course.trial import try_folder
from tlhelpers.data.folder import load_folder
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.store import StoreError

pytestmark = pytest.mark.slow

QUICK = ["--minutes", "0", "--backbone", "zukan-resnet", "--size", "32"]


@pytest.fixture(autouse=True, scope="module")
def places(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_LANG", "en")
        yield


def stripes(root: Path, names=("across", "down"), count=12) -> Path:
    random = np.random.default_rng(0)
    for c, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(count):
            wave = 0.5 + 0.5 * np.sin(np.arange(48) * random.uniform(0.4, 0.9))
            field = np.tile(wave, (48, 1)) if c % 2 else np.tile(wave[:, None], (1, 48))
            colour = random.uniform(80, 255, 3) + random.normal(0, 12, (48, 48, 3))
            pixels = (field[..., None] * colour).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:03}.png")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return stripes(tmp_path_factory.mktemp("data") / "stripes")


@pytest.fixture(scope="module")
def saved(folder, tmp_path_factory) -> Path:
    found = try_folder(load_folder(folder, 32), 0, ["zukan-resnet"], progress=False)
    place = tmp_path_factory.mktemp("saved")
    found.save(place)
    return place / "model"


# --- before the work ------------------------------------------------------------------------


def no_work(*arguments, **options):
    pytest.fail("the work began")


@pytest.mark.parametrize("out", ["afile", "afile/report", "x" * 300])
def test_a_place_that_cannot_hold_the_report_is_refused_first(
    folder, tmp_path, monkeypatch, capsys, out
):
    monkeypatch.setattr(trial, "load_folder", no_work)
    (tmp_path / "afile").write_text("mine")
    assert main(["try", str(folder), "--out", str(tmp_path / out)]) == 1
    assert out[:5] in capsys.readouterr().err
    assert (tmp_path / "afile").read_text() == "mine"


@pytest.mark.parametrize("minutes", ["nan", "-1", "inf"])
def test_a_budget_that_is_none_is_refused_first(folder, monkeypatch, capsys, minutes):
    monkeypatch.setattr(trial, "load_folder", no_work)
    assert main(["try", str(folder), "--minutes", minutes]) == 2
    assert "no number of minutes" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no number of minutes"):
        try_folder(folder, float(minutes))


def test_nothing_is_left_where_there_was_nothing_to_try(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["try", str(tmp_path / "nowhere")]) == 1
    assert not list(tmp_path.iterdir())


def test_the_minutes_are_those_of_the_whole_command(folder, tmp_path, monkeypatch):
    """Loading the package, reading the photos and writing the report once came on top."""
    asked = []

    def search(task, names, begin, seconds, seed, size, visible, writing, pace):
        asked.append((begin, seconds, writing))
        raise SystemExit

    monkeypatch.setattr(trial, "_try_task", search)
    monkeypatch.chdir(tmp_path)
    before = time.monotonic()
    with pytest.raises(SystemExit):
        main(["try", str(folder), "--minutes", "5", "--size", "32"])
    ((begin, seconds, writing),) = asked
    assert before <= begin < time.monotonic()
    assert seconds == 300 and writing >= trial.WRITING


# --- names ----------------------------------------------------------------------------------


def test_no_name_breaks_the_report(tmp_path, capsys):
    names = ["$x^{2$", "a$_$", "🐱 ねこ", "\x1b]0;title\x07", "x" * 200]
    root = stripes(tmp_path / "odd", names, 6)
    os.makedirs(os.fsencode(root) + b"/\xff\xfe")
    for path in (root / "a$_$").iterdir():
        picture = Image.open(path).rotate(90)
        with open(os.fsencode(root) + b"/\xff\xfe/" + os.fsencode(path.name), "wb") as file:
            picture.save(file, "PNG")
    assert main(["try", str(root), *QUICK, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "\x1b]0;" not in said.out + said.err and "Glyph" not in said.err
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") >= 3 and "could not be drawn" not in page
    assert "a$_$" in load_model(tmp_path / "out" / "model").class_names


def test_one_figure_that_fails_costs_only_itself(folder, tmp_path, monkeypatch):
    found = try_folder(load_folder(folder, 32), 0, ["zukan-resnet"], progress=False)
    monkeypatch.setattr(type(found), "confusion", lambda self: 1 / 0)
    page = found.save(tmp_path).read_text(encoding="utf-8")
    assert page.count("could not be drawn (ZeroDivisionError)") == 1 and "<img " in page


# --- the search -----------------------------------------------------------------------------


def test_ctrl_c_keeps_the_answer_so_far_and_marks_it(folder, tmp_path, monkeypatch, capsys):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(contest, "fine_tune", stopped)
    arguments = ["--minutes", "5", *QUICK[2:], "--out", str(tmp_path / "out")]
    assert main(["try", str(folder), *arguments]) == 130
    assert "You stopped the search" in capsys.readouterr().out
    assert "You stopped the search" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_ctrl_c_before_any_answer_writes_nothing(folder, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(contest, "extract_features", stopped)
    assert main(["try", str(folder), *QUICK, "--out", str(tmp_path / "out")]) == 130
    assert not (tmp_path / "out").exists()


def test_the_gain_is_measured_on_test_photos_against_the_same_network(folder, monkeypatch):
    monkeypatch.setattr(contest, "MOST_EPOCHS", {"fine_tune": 1, "scratch": 15})
    found = try_folder(load_folder(folder, 32), 5, ["zukan-shape"], progress=False)
    assert {c.backbone for c in found.contenders} == {"zukan-shape"}
    assert found.test_reads == 1 and found.gain.n == len(found.task.test)
    assert any(math.isclose(found.gain.mean * found.gain.n, k) for k in range(-9, 10))
    assert "test photos, which chose neither" in str(found)


def test_a_control_that_was_hardly_trained_claims_nothing(folder, monkeypatch):
    monkeypatch.setattr(contest, "ENOUGH_EPOCHS", 10**6)
    found = try_folder(load_folder(folder, 32), 0.3, ["zukan-resnet"], progress=False)
    assert found.gain is None and "scratch" not in {c.strategy for c in found.contenders}
    assert any("was not trained from scratch for comparison" in said for said in found.remarks)


def test_fine_tuning_ends_after_the_epochs_that_were_asked_for(folder, monkeypatch):
    asked, tune = [], contest.fine_tune
    monkeypatch.setattr(contest, "ENOUGH_EPOCHS", 10**6)
    monkeypatch.setattr(
        contest, "fine_tune", lambda *given, **o: asked.append(o["epochs"]) or tune(*given, **o)
    )
    task = load_folder(folder, 32)
    first, again = (
        try_folder(task, 1, ["zukan-resnet"], epochs=2, progress=False) for _ in range(2)
    )
    assert asked == [2, 2] and not any("for which there was time" in said for said in first.remarks)
    assert [c.valid_acc for c in first.contenders] == [c.valid_acc for c in again.contenders]
    assert "fine_tune" in {c.strategy for c in first.contenders}
    with pytest.raises(ValueError, match="epochs"):
        try_folder(task, 1, ["zukan-resnet"], epochs=0, progress=False)


def test_scratch_trains_three_times_as_long_as_fine_tuning(folder, monkeypatch):
    asked, train = [], contest.train_from_scratch

    def train_once(*given, **options):
        asked.append(options["epochs"])
        return train(*given, **options | {"epochs": 1, "valid_every": 1})

    monkeypatch.setattr(contest, "train_from_scratch", train_once)
    for epochs in (2, 6):  # two are too few to say anything about transfer
        try_folder(load_folder(folder, 32), 5, ["zukan-resnet"], epochs=epochs, progress=False)
    assert asked == [contest.ENOUGH_EPOCHS, 18]


def test_one_without_any_time_is_said_and_not_fetched_again(folder, monkeypatch):
    slow = {"zukan-resnet": 1e-4, "zukan-vgg": 1e4}
    monkeypatch.setattr(contest.Contest, "_measure", lambda self, n: slow[n.info.name])
    found = try_folder(load_folder(folder, 32), 0.1, list(slow), progress=False)
    assert found.skipped == ["zukan-vgg"]
    assert any("zukan-vgg was left out" in said for said in found.remarks)
    assert any("Fetch ImageNet weights" in step for step in found.next_steps())
    found.skipped.append("resnet18")
    assert not any("Fetch ImageNet weights" in step for step in found.next_steps())


def test_what_was_read_in_part_is_read_whole_while_time_remains(folder, monkeypatch):
    task = load_folder(folder, 32)
    monkeypatch.setattr(contest, "LEAST_PER_CLASS", 2)
    monkeypatch.setattr(contest.Contest, "_measure", lambda self, network: 1.0)  # so it seems
    found = try_folder(task, 0.5, ["zukan-resnet"], progress=False)
    whole = try_folder(task, 0, ["zukan-resnet"], progress=False)
    assert not any("read" in said for said in found.remarks)
    for strategy in ("knn", "probe"):
        (one,) = (c for c in found.contenders if c.strategy == strategy)
        (other,) = (c for c in whole.contenders if c.strategy == strategy)
        assert torch.equal(one.right, other.right)


def test_more_labels_is_open_where_the_draws_differ_more():
    from tlhelpers.course.report import Report
    from tlhelpers.transfer.intervals import Interval

    def says(half: Interval, full: float):
        found = Report.__new__(Report)
        found.curve = [(10, half), (20, Interval(full, math.nan, math.nan, 1))]
        return found.more_labels_help

    assert says(Interval(0.8, 0.79, 0.81, 3), 0.9) is True
    assert says(Interval(0.8, 0.798, 0.802, 3), 0.8) is False
    assert says(Interval(0.8, 0.7, 0.9, 3), 0.82) is None


# --- predict --------------------------------------------------------------------------------


def test_predict_expands_patterns_and_takes_folders(saved, folder, capsys):
    assert main(["predict", str(saved), f"{folder}/across/*.png"]) == 0
    said = capsys.readouterr()
    assert said.out.count("%\n") == 12 and "12 photos answered; 0 could not" in said.err
    assert main(["predict", str(saved), str(folder)]) == 0
    assert capsys.readouterr().out.count("%\n") == 24


def test_predict_says_what_means_no_photo_and_answers_the_rest(saved, folder, tmp_path, capsys):
    bad = tmp_path / "\x1b[31mbad.png"
    bad.write_text("no picture")
    asked = [str(folder / "down" / "000.png"), str(bad), f"{folder}/*.jpg", "gone.png"]
    assert main(["predict", str(saved), *asked, str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.count("%\n") == 1 and "\x1b" not in said.out + said.err
    for words in ("No file matches", "There is no such file", "This is no image", "1 photos answ"):
        assert words in said.err


# --- a model folder of a stranger -----------------------------------------------------------

CONFIGS = [
    {"backbone": "../../etc/passwd"},
    {"backbone": "*"},
    {"backbone": ["zukan-resnet"]},
    {"backbone": None},
    {"backbone": "bert-base-uncased"},
    {"backbone": "resnet18:NOTHING"},
    {"input_size": -3},
    {"input_size": "x"},
    {"input_size": 20_000},
    {"photo_size": 10**6},
    {"neighbours": 10**6},
    {"neighbours": "5"},
    {"classes": {"en": ["a", "b", "c"], "ja": ["a"]}},
    {"classes": {"en": [1, 2], "ja": [1, 2]}},
    {"classes": []},
]


def altered(saved: Path, place: Path, changes: dict) -> Path:
    for file in saved.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    (place / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    return place


@pytest.mark.parametrize("changes", CONFIGS, ids=str)
def test_the_config_of_a_stranger_ends_in_one_sentence(saved, tmp_path, changes):
    with pytest.raises(StoreError, match="no usable model"):
        load_model(altered(saved, tmp_path, changes))


def test_a_save_that_was_killed_between_its_files_answers_by_the_weights_own_config(
    saved, tmp_path
):
    """The weights are new, config.json is still the old model's, or has not come yet."""
    other = {lang: ["x", "y"] for lang in LANGUAGES}
    altered(saved, tmp_path, {"weights_sha256": "0" * 64, "classes": other})
    assert load_model(tmp_path).class_names == load_model(saved).class_names
    (tmp_path / "config.json").unlink()
    assert load_model(tmp_path).class_names == load_model(saved).class_names


def test_weights_of_another_config_that_say_nothing_themselves_are_refused(saved, tmp_path):
    from safetensors.torch import load_file, save_file

    altered(saved, tmp_path, {})
    save_file(load_file(saved / "model.safetensors"), tmp_path / "model.safetensors")
    with pytest.raises(StoreError, match="not what it should be"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", ["[" * 200_000, "null", "[]", "{}", '{"classes": 3}', "\x00"])
def test_a_config_that_is_none_ends_in_one_sentence(saved, tmp_path, content):
    altered(saved, tmp_path, {})
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(StoreError, match="no usable model"):
        load_model(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes are made otherwise on Windows")
def test_a_config_that_is_a_pipe_is_refused_at_once(saved, tmp_path):
    altered(saved, tmp_path, {})
    (tmp_path / "config.json").unlink()
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(StoreError, match="no usable model"):
        load_model(tmp_path)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(saved, tmp_path, value):
    from safetensors.torch import load_file, save_file

    altered(saved, tmp_path, {"weights_sha256": None})
    state = load_file(saved / "model.safetensors")
    name = next(name for name, tensor in state.items() if tensor.is_floating_point())
    state[name].view(-1)[0] = value
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(StoreError, match="no usable model"):
        load_model(tmp_path)
    state[name] = torch.zeros(state[name].shape, dtype=torch.int8)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(StoreError, match="no usable model"):
        load_model(tmp_path)


def test_class_names_of_a_stranger_cannot_command_the_terminal(saved, tmp_path):
    names = {lang: ["\x1b]0;x\x07a", "b\ud83d"] for lang in LANGUAGES}
    model = load_model(altered(saved, tmp_path, {"classes": names}))
    assert model.class_names == ["�]0;x�a", "b�"]
