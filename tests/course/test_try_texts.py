"""`tl try` on texts: every contender answers, is saved, loads, and answers the same; privacy."""

import csv
import json
import subprocess
import sys

import pytest
import torch

from tests.barriers import barriers_of, needs_browser
from tests.tiny_texts import NOUNS, as_csv, rows
from tlhelpers.course import contest, report, text_contest
from tlhelpers.course.cli import main
from tlhelpers.course.exporting import load_model, save_model
from tlhelpers.course.mistakes import mistakes_table
from tlhelpers.course.text_report import deciding_words
from tlhelpers.course.trial import try_folder
from tlhelpers.data.folder import load_folder
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import predict
from tlhelpers.transfer.text_baseline import tfidf_baseline, vectorizer
from tlhelpers.transfer.text_rivals import word_counts

FULL_WIDTH = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


@pytest.fixture(autouse=True, scope="module")
def places(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_LANG", "en")
        yield


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "mine.csv"
    path.write_text(as_csv(rows(30)))
    return path


@pytest.fixture(scope="module")
def tried(table):
    """With a few epochs of LoRA and fine-tuning on top."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contest, "MOST_EPOCHS", {"lora": 1, "fine_tune": 1})
        return try_folder(table, 1.0, ["zukan-bert"], progress=False)


@pytest.mark.slow
def test_all_ways_are_tried_and_one_reads_the_test_once(tried):
    found = [(c.backbone, c.strategy) for c in tried.contenders]
    own = [("zukan-bert", s) for s in ("names", "knn", "probe", "lora", "fine_tune")]
    controls = [("-", "prior"), ("TF-IDF", "characters"), ("TF-IDF", "words")]
    assert found == [*controls, *own]
    assert tried.test_reads == 1 and tried.test_acc.n == len(tried.task.test)
    assert tried.contenders[0].valid_acc == pytest.approx(0.5)
    assert tried.gain is not None and tried.gain.n == len(tried.task.test)
    assert "against TF-IDF" in str(tried) and "test texts" in str(tried)


def test_what_is_saved_answers_as_what_was_tried(tried, tmp_path):
    task = tried.task
    for contender in tried.contenders:
        before = predict(contender.model, task.valid)
        assert torch.equal(before.argmax(1) == task.valid.labels, contender.right)
        folder = save_model(contender.model, task.classes, 0, tmp_path / contender.strategy, "text")
        after = predict(load_model(folder).model, task.valid)
        assert torch.allclose(after, before, atol=1e-5), contender.strategy


@pytest.mark.parametrize("runs", ["words", "characters"])
def test_tf_idf_as_a_network_answers_as_scikit_learn(table, runs):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    task = load_folder(table)
    pipeline = make_pipeline(vectorizer(runs), LogisticRegression(C=10))
    pipeline.fit(task.train.inputs, task.train.labels.numpy())
    texts = [*task.test.inputs, "", "nothing known", "ＩＮＶＯＩＣＥ ｶｰﾄﾞ"]
    wanted = torch.from_numpy(pipeline.predict_proba(texts)).float()
    found = predict(word_counts(pipeline, runs, 2), texts).softmax(1)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_full_width_is_read_alike_by_every_contender(tried):
    plain = tried.task.valid.inputs
    for contender in tried.contenders:
        wide = predict(contender.model, [words.translate(FULL_WIDTH) for words in plain])
        usual = predict(contender.model, plain)
        assert torch.allclose(wide, usual, atol=1e-4), contender.strategy


def test_the_words_that_decide_are_those_that_differ(table):
    task = load_folder(table)
    model = word_counts(tfidf_baseline(task).pipeline, "characters", 2)
    hits = total = 0
    for words, label in zip(task.test.inputs, task.test.labels.tolist(), strict=True):
        found = deciding_words(model, words, label)
        nouns = NOUNS[task.class_names[label]]
        hits += sum(words[start:end] in nouns for start, end, _ in found)
        total += len(found)
    assert total > 10 and hits / total > 0.8


@pytest.mark.parametrize(("lang", "control"), [("en", "test TF-IDF"), ("ja", "TF-IDF を")])
def test_a_gain_that_was_not_measured_names_its_own_control(tried, monkeypatch, lang, control):
    """It once spoke of a network trained from scratch, which texts have none of."""
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    monkeypatch.setattr(tried, "gain", None)
    assert any(control in line for line in tried.findings())


def test_an_encoder_without_time_has_not_lost(tried, monkeypatch):
    """TF-IDF was once said to beat every encoder where the best had been left out."""
    search = text_contest.TextContest(tried.task, 0.0, 1e9, 0, 0, None)
    good, bad = (next(c for c in tried.contenders if c.strategy == s) for s in ("words", "probe"))
    monkeypatch.setattr(search, "rivals", lambda: ([bad], [good]))
    worst = {good.model: 0, bad.model: 1}
    labels = tried.labels

    def answer(model, split):
        return torch.eye(2)[(labels + worst[model]) % 2]

    monkeypatch.setattr(search, "answer", answer)
    right = torch.ones(len(labels), dtype=torch.bool)
    assert search._gain(good, right, tried.task.test).high < 0
    search.skipped.append("minilm")
    assert search._gain(good, right, tried.task.test) is None
    monkeypatch.setattr(tried, "gain", None)
    monkeypatch.setattr(tried, "skipped", ["minilm"])
    assert any("there was no time for minilm" in line for line in tried.findings())


def test_the_page_marks_what_decided_or_quotes_nothing(tried, monkeypatch):
    wrong = tried.labels.clone()
    wrong[0] = 1 - wrong[0]
    monkeypatch.setattr(tried, "labels", wrong)
    words = tried.task.test.inputs[0]
    page = tried.page()
    assert "<mark>" in page and "Nothing has left this computer" in page
    assert all(word in page for word in words.split())
    assert "/".join(tried.task.test.paths[0].parts[-2:]) in page
    monkeypatch.setattr(tried, "quotes", False)
    page = tried.page()
    everything = [w for part in (tried.task.train, tried.task.test) for w in part.inputs]
    assert "quotes none of your texts" in page and "<mark>" not in page
    assert not any(words in page for words in everything)
    assert str(tried.task.test.paths[0]) in page


class TestBarriers:
    pytestmark = needs_browser

    def test_nothing_in_the_page_bars_anybody(self, tried, monkeypatch, tmp_path):
        monkeypatch.setattr(tried, "labels", 1 - tried.labels)
        assert barriers_of(tried.page(), tmp_path) == []


def test_of_many_classes_those_that_are_confused_most_are_drawn(tried, monkeypatch):
    count = 80
    labels = torch.arange(count).repeat(2)
    answers = labels.clone()
    answers[60], answers[61] = 7, 7
    names = [f"class{c}" for c in range(count)]
    monkeypatch.setattr(tried, "labels", labels)
    monkeypatch.setattr(tried, "logits", torch.nn.functional.one_hot(answers, count).float())
    monkeypatch.setattr(tried.task, "classes", {"en": names, "ja": names})
    drawn = {}
    monkeypatch.setattr(
        report.plots, "plot_confusion", lambda *given: drawn.update(given=given) or None
    )
    tried.confusion()
    true, said, shown = drawn["given"]
    assert len(shown) == report.MOST_CLASSES and {"class7", "class60", "class61"} <= set(shown)
    wrong = [
        (shown[t], shown[s]) for t, s in zip(true.tolist(), said.tolist(), strict=True) if t != s
    ]
    assert sorted(wrong) == [("class60", "class7"), ("class61", "class7")]


def test_the_most_frequent_mistake_is_drawn_whatever_else_is_confused(tried, monkeypatch):
    count = 80
    labels = torch.arange(count).repeat(3)
    answers = labels.clone()
    for away in (1, 2):  # fifty classes have more mistakes than the two of the worst pair, mixed
        answers[away * count : away * count + 50] = (torch.arange(50) + away) % 50
    answers[labels == 79] = 78
    names = [f"class{c}" for c in range(count)]
    monkeypatch.setattr(tried, "labels", labels)
    monkeypatch.setattr(tried, "logits", torch.nn.functional.one_hot(answers, count).float())
    monkeypatch.setattr(tried.task, "classes", {"en": names, "ja": names})
    drawn = []
    monkeypatch.setattr(report.plots, "plot_confusion", lambda *given: drawn.extend(given))
    tried.confusion()
    true, said, shown = drawn
    pairs = [(shown[t], shown[s]) for t, s in zip(true.tolist(), said.tolist(), strict=True)]
    assert len(shown) == report.MOST_CLASSES and pairs.count(("class79", "class78")) == 3
    assert '"class79" were taken for "class78"' in " ".join(tried.next_steps())


def test_a_long_class_name_breaks_after_its_words():
    shares = torch.tensor([[0.1, 0.9]])
    table = mistakes_table("Text", ["x"], torch.tensor([0]), [0], shares, ["pay_bill", "other"])
    assert ">pay_<wbr>bill</td>" in table


def test_a_wrong_label_is_among_those_to_check(tmp_path):
    records = rows(40)
    records[5]["label"] = "delivery"
    (tmp_path / "t.csv").write_text(as_csv(records))
    task = load_folder(tmp_path / "t.csv")
    parts = (task.train, task.valid, task.test)
    task.train = next(part for part in parts if "t.csv:7" in map(str, part.paths))
    trial = text_contest.TextContest(task, 0.0, 0.0, 0, 0, None)
    nouns = [noun for of_class in NOUNS.values() for noun in of_class]
    features = torch.tensor([[float(n in words) for n in nouns] for words in task.train.inputs])
    trial.features = {"x": contest.Features(torch.arange(len(features)), features, features)}
    trial.heads = {"x": (None, 0.0, 0.0)}
    trial.best_backbone = lambda: "x"
    assert ("t.csv:7", "delivery", "billing") in trial.suspects()


@pytest.mark.slow
def test_try_then_predict_writes_a_table_with_answers(table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quick = ["--minutes", "0", "--backbone", "zukan-bert", "--no-quotes"]
    assert main(["try", str(table), *quick]) == 0
    assert "quotes none" in (tmp_path / "mine-report" / "report.html").read_text("utf-8")
    new = rows(3, seed=9)
    new.append({"text": " ", "label": "empty"})
    content = as_csv([{"nr": n, "text": r["text"], "who": "=x"} for n, r in enumerate(new)])
    (tmp_path / "new.csv").write_bytes(content.encode("utf-16"))
    assert main(["predict", "mine-report/model", "new.csv"]) == 1
    assert "6 texts answered, 1 empty" in capsys.readouterr().out
    with open("new-answers.csv", encoding="utf-8-sig", newline="") as file:
        answers = list(csv.DictReader(file))
    assert [a["nr"] for a in answers] == list("0123456")
    right = [a["Answer"] == r["label"] for a, r in zip(answers, new, strict=True)]
    assert sum(right) >= 5 and answers[-1]["Answer"] == ""
    done = subprocess.run(
        [sys.executable, "mine-report/model/predict.py", new[0]["text"]],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and new[0]["label"] in done.stdout, done.stderr


def test_photos_alone_are_exported(table, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    assert main(["try", str(table), "--minutes", "0", "--export", "onnx", *out]) == 2
    assert "--export is for photos" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [
        {"form": "evil"},
        {"form": "words", "runs": "../x"},
        {"reading": {"pooling": "evil"}},
        {"reading": {"code": "x"}},
        {"input_size": 10**9},
    ],
    ids=str,
)
def test_a_strangers_config_of_texts_ends_in_one_sentence(tried, tmp_path, changes):
    probe = next(c for c in tried.contenders if c.strategy == "probe")
    folder = save_model(probe.model, tried.task.classes, 0, tmp_path / "model", "text")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(StoreError, match="no usable model"):
        load_model(folder)


def test_much_text_is_counted_on_fewer_rows_where_time_is_short(table, monkeypatch):
    monkeypatch.setattr(text_contest, "FIRST_ROWS", 10)
    found = try_folder(table, 0, ["zukan-bert"], progress=False)
    for runs in ("words", "characters"):
        assert any(f"TF-IDF ({runs}, logistic regression) read" in said for said in found.remarks)
    assert {"words", "characters"} <= {c.strategy for c in found.contenders}
