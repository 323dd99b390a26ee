"""What cannot be meant is refused where it comes in, by a sentence that names it."""

import errno
import importlib
import json
import math
import os

import numpy as np
import pytest
from PIL import Image

from tlhelpers.course import cli, progress
from tlhelpers.course.cli import main
from tlhelpers.course.exporting import export, load_model
from tlhelpers.course.trial import try_folder
from tlhelpers.data.catalog import load_task
from tlhelpers.data.folder import load_folder
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import fit


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (root / name).mkdir(parents=True)
        for i in range(6):
            pixels = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


SEEDS = [{"seed": value} for value in ("a", 1.5, None, -1, 2**70, True, math.nan)]
PER_CLASS = [{"per_class": value} for value in (0, 2.0, "3", None)]
FOLDER = [{"size": value} for value in (64.0, "64", None, 5, math.nan)]
FOLDER += [{"shares": value} for value in (None, "abc", (1, 1), (1, 1, math.nan), (1, 1, math.inf))]
FOLDER += [{"groups": value} for value in ("x", 5)]
NETWORK = [{"size": value} for value in (0, -3, "x", 10**7, 64.5)]
NETWORK += [{"num_classes": value} for value in (0, -1, 1.5, "3", 10**9)]
NETWORK += [{"weights": value} for value in ("", "/", "a\0b", 5, "/absent.safetensors")]
NETWORK += [{"fallback": value} for value in ("x", "", 3)]
TRIAL = [{"minutes": value} for value in ("x", None, math.nan, math.inf, -1)]
TRIAL += [{"backbones": value} for value in (["zukan-bert"], [None], "nope", ["bert-base-uncased"])]


def named(error, options) -> bool:
    (value,) = options.values()
    one = value[0] if isinstance(value, list) else value
    return str(one).replace("\0", "\\x00") in str(error.value)


@pytest.mark.parametrize("options", SEEDS + PER_CLASS, ids=str)
def test_load_task_refuses(options):
    with pytest.raises(ValueError) as error:
        load_task("birds", **options)
    assert named(error, options)


@pytest.mark.parametrize("options", SEEDS + FOLDER, ids=str)
def test_load_folder_refuses(photos, options):
    with pytest.raises(ValueError) as error:
        load_folder(photos, **options)
    assert named(error, options)


BLANK = [
    ["try", ""],
    ["try", "photos", "--out", " "],
    ["predict", "", "x.png"],
    ["predict", "model", " "],
    ["predict", "model", "a.csv", "--out", ""],
    ["progress", "--html", ""],
    ["progress", "--export", ""],
    ["progress", "--merge", ""],
    ["reset", ""],
    ["pretrain", "zukan-resnet", "--out", ""],
    ["mirror", "make", ""],
    ["fetch", ""],
    ["book", "--out", ""],
    ["slides", "03", "--out", " "],
    ["build", ""],
    ["results", ""],
    ["room", "--names", ""],
]


@pytest.mark.parametrize("line", BLANK, ids=" ".join)
def test_an_empty_argument_is_no_folder_and_nothing_is_done(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(line)
    assert "is empty" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_separator_may_be_a_tab_and_a_name_nothing(tmp_path, capsys):
    (tmp_path / "texts.csv").write_text("text\tlabel\n", encoding="utf-8")
    place = str(tmp_path / "texts.csv")
    assert main(["try", place, "--sep", "\t", "--out", str(tmp_path / "out")]) == 1
    assert main(["progress", "--export", str(tmp_path / "x.json"), "--name", ""]) == 0
    assert "is empty" not in capsys.readouterr().err


@pytest.mark.parametrize("path", ["", " ", None, b"/tmp", "a\0b"], ids=repr)
@pytest.mark.parametrize(
    "work",
    [
        load_model,
        progress.export,
        lambda path: export(path, "torch"),
        lambda path: fit(backbone("zukan-resnet"), None, checkpoint=path or ""),
        lambda path: backbone(path),
    ],
    ids=["load_model", "progress.export", "export", "fit", "backbone"],
)
def test_an_empty_path_is_not_the_current_folder(work, path, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError):
        work(path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    "path", [None, 3, b"/tmp", "", " ", "a\0b", "~nobody-is-called-this/x", {}, []]
)
def test_what_is_no_path_is_no_folder(path):
    for load in (load_folder, try_folder):
        with pytest.raises(StoreError, match=r"path|nothing at"):
            load(path)


def test_a_name_that_begins_with_a_tilde_is_a_name(photos, monkeypatch):
    photos.with_name("~photos").symlink_to(photos)
    monkeypatch.chdir(photos.parent)
    assert load_folder("~photos", 32, progress=False).num_classes == 2


@pytest.mark.parametrize("options", NETWORK, ids=str)
def test_backbone_refuses(options):
    for name in ("zukan-resnet", "squeezenet1_1"):
        with pytest.raises((ValueError, StoreError)) as error:
            backbone(name, **options)
        assert named(error, options)


@pytest.mark.parametrize("name", [None, 3, b"resnet18", ["resnet18"], "RESNET18", "x\0"])
def test_a_name_that_is_none_gets_names_that_are(name):
    with pytest.raises(ValueError, match=r"no network called .*Did you mean .*resnet"):
        backbone(name)


@pytest.mark.parametrize("options", SEEDS + TRIAL, ids=str)
def test_try_refuses_before_it_works(photos, monkeypatch, options):
    with pytest.raises(ValueError) as error:
        try_folder(photos, **{"minutes": 0, "backbones": ["zukan-resnet"], "size": 32} | options)
    assert named(error, options)


@pytest.mark.parametrize(
    ("command", "module", "worker"),
    [
        (["slides", "02"], "tlhelpers.course.book.slides", "make_slides"),
        (["book"], "tlhelpers.course.book.command", "_build_language"),
        (["mirror", "make"], "tlhelpers.course.mirror", "make_mirror"),
        (["bench", "--gpu"], "tlhelpers.course.bench_gpu", "run"),
        (["pretrain", "zukan-small"], "tlhelpers.course.pretraining", "pretrain"),
        (["pretrain", "zukan-gpt"], "tlhelpers.course.pretraining", "pretrain_text"),
        (["pretrain", "zukan-speech"], "tlhelpers.course.pretraining", "pretrain_speech"),
    ],
    ids=str,
)
def test_a_place_that_holds_nothing_is_refused_before_the_work(
    command, module, worker, tmp_path, monkeypatch, capsys
):
    file = tmp_path / "file"
    file.write_text("mine")
    work = importlib.import_module(module)
    monkeypatch.setattr(work, worker, lambda *_, **__: pytest.fail("the work was begun"))
    for place in (file, file / "below"):
        out = [str(place), "--lesson", "02"] if command[0] == "mirror" else ["--out", str(place)]
        assert main([*command, *out]) == 1
        said = capsys.readouterr()
        assert "file" in said.err and "Errno" not in said.err and "Traceback" not in said.err
    assert file.read_text() == "mine" and os.listdir(tmp_path) == ["file"]


def test_what_a_disk_refuses_is_a_sentence_and_a_mistake_of_ours_is_none(monkeypatch, capsys):
    def refuse(code):
        def command(arguments):
            raise OSError(code, os.strerror(code), *(["/x/y"] if code else []))

        monkeypatch.setattr(cli, "_run", command)

    for code, said in ((errno.ENOSPC, "full"), (errno.EROFS, "/x/y"), (errno.ELOOP, "/x/y")):
        refuse(code)
        assert main(["api"]) == 1
        told = capsys.readouterr().err
        assert said in told and "Errno" not in told
    refuse(0)
    with pytest.raises(OSError):
        main(["api"])


def test_no_name_of_a_learner_reaches_the_terminal_as_a_command(tmp_path, capsys):
    learner = {"name": "\x1b]0;evil\x07\x1b[31mA", "exercises": {}, "quizzes": {}, "id": "1"}
    (tmp_path / "a.json").write_text(json.dumps(learner))
    assert main(["progress", "--merge", str(tmp_path), "--certificates"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert "\x1b" not in (tmp_path / "certificates.html").read_text("utf-8")
