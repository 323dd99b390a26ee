"""`tl try` compares, chooses on validation, reads the test part once, and saves what it chose."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.barriers import barriers_of, needs_browser
from tlhelpers.course import exporting
from tlhelpers.course.cli import main
from tlhelpers.course.exporting import NearestNeighbours, export, load_model, save_model
from tlhelpers.course.trial import try_folder
from tlhelpers.data.folder import load_folder
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import LANGUAGES, catalogue
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import predict

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def places(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_LANG", "en")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Stripes across and stripes down, in random colours."""
    root = tmp_path_factory.mktemp("data") / "stripes"
    random = np.random.default_rng(0)
    for name in ("across", "down"):
        (root / name).mkdir(parents=True)
        for i in range(24):
            wave = 0.5 + 0.5 * np.sin(np.arange(64) * random.uniform(0.4, 0.9))
            field = np.tile(wave, (64, 1)) if name == "down" else np.tile(wave[:, None], (1, 64))
            colour = random.uniform(80, 255, 3) + random.normal(0, 12, (64, 64, 3))
            pixels = (field[..., None] * colour).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{name}_{i}.png")
    return root


@pytest.fixture(scope="module")
def tried(folder):
    task = load_folder(folder, size=64)
    found = try_folder(task, minutes=0.3, backbones=["zukan-resnet"], progress=False)
    return found


def test_strategies_are_compared_and_the_winner_reads_the_test_once(tried):
    strategies = [contender.strategy for contender in tried.contenders]
    assert strategies[:2] == ["knn", "probe"]
    assert tried.test_reads == tried.task.test_reads == 1
    best = max(contender.valid_acc for contender in tried.contenders)
    assert tried.chosen.valid_acc == best
    assert tried.test_acc.n == len(tried.task.test) == 10
    assert tried.test_acc.low <= tried.test_acc.mean <= tried.test_acc.high
    rows = tried.rows()
    assert len(rows) == len(tried.contenders) and rows[0]["megabytes"] > 1
    assert "What to do next" in str(tried) and "zukan-resnet" in str(tried)


def test_a_budget_of_nothing_still_gives_the_first_answer(folder):
    task = load_folder(folder, size=64)
    found = try_folder(task, minutes=0, backbones=["zukan-resnet"], progress=False)
    assert [contender.strategy for contender in found.contenders] == ["knn", "probe"]
    assert found.gain is None and len(found.remarks) == 3
    assert "Even a first answer takes longer" in found.remarks[0]


def test_the_page_is_one_file_in_the_learners_language(tried, monkeypatch):
    for lang in LANGUAGES:
        monkeypatch.setenv("TLHELPERS_LANG", lang)
        page = tried.page()
        assert f'<html lang="{lang}">' in page and page.count("<img ") >= 2
        assert not re.search(r'(src|href)="(?!data:)', page)
        assert "http" not in re.sub(r"data:[^\"]*", "", page)
        assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img [^>]+>", page))
        assert catalogue()["report.next"][lang] in page


def test_a_screen_reader_finds_the_contents_and_words_are_the_readers(tried, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    page = tried.page()
    assert page.count("<main>") == page.count("</main>") == 1
    assert ">方法</th>" in page and "strategy" not in page
    quick = dataclasses.replace(tried, chosen=dataclasses.replace(tried.chosen, seconds=0.04))
    assert "0.1 秒" in quick.findings()[0]


class TestBarriers:
    pytestmark = needs_browser

    def test_nothing_in_the_page_bars_anybody(self, tried, tmp_path):
        assert barriers_of(tried.page(), tmp_path) == []


def test_the_page_says_which_files_the_mistakes_are(tried, monkeypatch):
    answers = tried.logits.argmax(1)
    wrong = answers.clone()
    wrong[:2] = 1 - wrong[:2]
    monkeypatch.setattr(tried, "labels", wrong)
    page, paths = tried.page(), tried.task.test.paths
    places = ["/".join(path.parts[-2:]) for path in paths]
    assert all(place in page for place in places[:2])
    assert not any(place in page for place in places[2:])


def test_options_of_a_command_stay_in_one_line(tried, monkeypatch):
    monkeypatch.setattr(
        tried, "remarks", ["Give --minutes <to> use --minutes 0.6 or --no-quotes 15."]
    )
    given = "<code>--minutes 0.6</code> or <code>--no-quotes 15</code>."
    assert f"<li>Give <code>--minutes</code> &lt;to&gt; use {given}</li>" in tried.page()


def test_names_in_the_page_are_text_and_never_markup(tried, monkeypatch):
    monkeypatch.setattr(tried.task, "name", "<script>alert(1)</script>")
    assert "<script>" not in tried.page()


def test_the_saved_model_answers_as_the_one_that_was_chosen(tried, folder, tmp_path):
    page = tried.save(tmp_path / "out")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    saved = load_model(tmp_path / "out" / "model")
    paths = tried.task.paths["test"]
    answers = saved.classify(paths)
    shares = predict(tried.chosen.model, tried.task.test).softmax(1)
    assert [a.name for a in answers] == [tried.task.class_names[c] for c in shares.argmax(1)]
    found = torch.tensor([a.probability for a in answers])
    assert torch.allclose(found, shares.max(1).values, atol=1e-4)
    config = json.loads((tmp_path / "out" / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["classes"]["ja"] == ["across", "down"] and config["photo_size"] == 64
    lines = (tmp_path / "out" / "model" / "predict.py").read_text().splitlines()
    assert len(lines) <= 12


def test_predict_answers_each_photo_and_tells_what_it_cannot_read(tried, tmp_path, capsys):
    tried.save(tmp_path)
    good = str(tried.task.paths["test"][0])
    (tmp_path / "bad.jpg").write_text("no picture")
    status = main(["predict", str(tmp_path / "model"), good, str(tmp_path / "bad.jpg")])
    said = capsys.readouterr()
    assert status == 1 and good in said.out and "%" in said.out
    assert "This is no image" in said.err and "bad.jpg" in said.err
    assert main(["predict", str(tmp_path), good]) == 1
    assert "no usable model" in capsys.readouterr().err


def test_predict_py_runs_on_its_own(tried, tmp_path):
    tried.save(tmp_path)
    command = [sys.executable, str(tmp_path / "model" / "predict.py")]
    done = subprocess.run(
        [*command, str(tried.task.paths["test"][0])], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"(across|down)\t[\d.]+%", done.stdout)


def test_nearest_neighbours_are_saved_and_vote_alike(tried, tmp_path):
    contender = next(c for c in tried.contenders if c.strategy == "knn")
    assert isinstance(contender.model, NearestNeighbours)
    task = tried.task
    before = predict(contender.model, task.valid)
    assert torch.equal(before.argmax(1) == task.valid.labels, contender.right)
    save_model(contender.model, task.classes, 64, tmp_path)
    assert torch.allclose(predict(load_model(tmp_path).model, task.valid), before, atol=1e-5)


def test_the_export_agrees_with_the_model(tried, tmp_path):
    tried.save(tmp_path)
    program = torch.export.load(export(tmp_path / "model", "torch")).module()
    photos = tried.task.test.batch(torch.arange(5))[0]
    expected = predict(tried.chosen.model, photos).softmax(1)
    assert torch.allclose(program(photos), expected, atol=1e-4)


def test_onnx_without_its_packages_says_what_to_install(tried, tmp_path, monkeypatch):
    tried.save(tmp_path)
    monkeypatch.setattr(exporting.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match="pip install onnx onnxscript"):
        export(tmp_path / "model", "onnx")
    with pytest.raises(ValueError, match="torch, onnx"):
        export(tmp_path / "model", "tflite")


def test_weights_of_another_network_and_pickles_are_refused(tried, tmp_path):
    tried.save(tmp_path)
    model = tmp_path / "model"
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["classes"] = {lang: ["a", "b", "c"] for lang in LANGUAGES}
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(StoreError, match="no usable model"):
        load_model(model)
    (model / "model.safetensors").write_bytes(b"\x80\x04cposix\nsystem\n")
    with pytest.raises(StoreError):
        load_model(model)


def test_try_writes_a_report_and_a_model(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--minutes", "0", "--backbone", "zukan-resnet", "--size", "64"]
    assert main(["try", str(folder), *arguments]) == 0
    assert "48 photos of 2 classes" in capsys.readouterr().out
    assert (tmp_path / "stripes-report" / "report.html").is_file()
    assert (tmp_path / "stripes-report" / "model" / "model.safetensors").is_file()
    assert main(["try", str(tmp_path / "nowhere")]) == 1
    assert "There is nothing at" in capsys.readouterr().err
    assert main(["try", str(folder), "--backbone", "resnet81"]) == 2
    assert "resnet81" in capsys.readouterr().err


def test_the_head_of_the_probe_is_the_head_of_the_model():
    network = backbone("zukan-resnet")
    head = torch.nn.Linear(256, 3)
    model = exporting.with_head(network, head)
    photos = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    from tlhelpers.transfer.extraction import extract_features

    with torch.no_grad():
        expected = head(extract_features(network, photos))
    assert torch.allclose(predict(model, photos), expected, atol=1e-4)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_explains_its_words_and_says_what_was_not_measured(tried, monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    page = dataclasses.replace(tried, curve=[]).page()
    sentences = catalogue()
    for name in ("pretrained", "knn", "probe", "parts", "interval"):
        assert page.count(sentences[f"report.word_{name}"][lang]) == 1
    assert sentences["report.word_tfidf"][lang] not in page
    _, curve = page.split(sentences["report.curve"][lang])
    assert sentences["report.no_curve"][lang] in re.sub("</?code>", "", curve.split("<h2")[0])
