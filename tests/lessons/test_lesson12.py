"""Lesson 12: its exercises tell mistakes apart, and its pictures show what the model computes."""

import math
import re
from itertools import combinations

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM

from tlhelpers.course.author.reading import LESSONS, read_lesson
from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.lessons.language_models import experiments, figures, widget
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.show.figures import BLUE, GREY, INK, ORANGE
from tlhelpers.transfer.intervals import interval

PLAN = {
    "model": "multilingual encoder",
    "body": "frozen",
    "spam": "encoder",
    "train": 0,
    "test": 100,
    "why": "With few labels, moving the body gains little.",
}

WAYS = ("tfidf", "static", "probe")


def scores_of(q, k):
    return q @ k.T / q.shape[1] ** 0.5


def close(q, k, mask):
    return scores_of(q, k).masked_fill(mask == 0, -torch.inf)


@pytest.mark.parametrize(
    ("attend", "sentence"),
    [
        (lambda q, k, v, mask: scores_of(q, k).softmax(1) @ v, "attend_padding"),
        (lambda q, k, v, mask: (scores_of(q, k) * mask).softmax(1) @ v, "attend_zero_score"),
        (lambda q, k, v, mask: scores_of(q, k).softmax(1) * mask @ v, "attend_after"),
        (
            lambda q, k, v, mask: (q @ k.T).masked_fill(mask == 0, -torch.inf).softmax(1) @ v,
            "attend_scale",
        ),
        (
            lambda q, k, v, mask: (
                (q @ k.T / 32**0.5).masked_fill(mask == 0, -torch.inf).softmax(1) @ v
            ),
            "attend_length",
        ),
        (
            lambda q, k, v, mask: (
                scores_of(q, k).masked_fill(mask[:, None] == 0, -torch.inf).softmax(1) @ v
            ),
            "attend_rows",
        ),
        (lambda q, k, v, mask: close(q, k, 1 - mask).softmax(1) @ v, "attend_inverted"),
        (lambda q, k, v, mask: close(q, k, mask).softmax(0) @ v, "attend_nan"),
        (lambda q, k, v, mask: (-close(q, k, mask)).softmax(1) @ v, "attend_nan"),
        (lambda q, k, v, mask: close(q, k, mask).softmax(1), "attend_shape"),
        (lambda q, k, v, mask: v, "attend_wrong"),
        (lambda q, k, v, mask: close(q, k, mask).softmax(1) @ v, "attend_right"),
    ],
)
def test_each_mistake_in_attention_has_its_own_sentence(monkeypatch, attend, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("12-b", {"attend": attend})
    assert verdict.passed == (sentence == "attend_right")
    given = {"shape": (5, 5), "wanted": (5, 3)}
    assert text(f"lesson12.{sentence}", **given) in repr(verdict)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("I want to cancel my order", "I want to cancel my order", "flip_same"),
        ("I want to cancel my order", "Where is my parcel now", "flip_many"),
        ("I want to cancel my order", "I wish to cancel my order", "flip_stays"),
        ("", "I want to cancel my order", "flip_empty"),
        ("I want to cancel my order", "I want to return my order", "flip_right"),
        ("注文をキャンセルしたい", "注文を返品したい", "flip_right"),
        ("支払いを確認したい", "配送を確認したい", "flip_right"),
        ("I return the lamp", "I don't return the lamp", "flip_stays"),
        ("商品が届かない", "商品を返したい", "flip_many"),
        ("会員をやめて返品したい", "注文を確認して返品したい", "flip_many"),
    ],
)
def test_only_one_word_that_moves_an_enquiry_passes(monkeypatch, before, after, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("12-a", {"before": before, "after": after})
    assert verdict.passed == (sentence == "flip_right")
    start = text(f"lesson12.{sentence}", count=4, name="Cancellation and complaints")
    assert start[-30:] in repr(verdict)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"why": ...}, "plan_missing"),
        ({"body": "melted"}, "plan_unknown"),
        ({"model": "English encoder"}, "plan_language"),
        ({"train": 30, "test": 71}, "plan_budget"),
        ({"train": 100, "test": 0}, "plan_tested"),
        ({"model": "translate first"}, "plan_right"),
        ({"model": "Multilingual encoder", "body": "lora", "spam": "tf-idf"}, "plan_right"),
        ({"model": "english encoder"}, "plan_language"),
        ({"train": np.int64(20), "test": np.int64(80)}, "plan_right"),
        ({"why": "because"}, "plan_why"),
        ({}, "plan_right"),
    ],
)
def test_a_plan_is_whole_before_the_rubric_judges_it(monkeypatch, change, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("12-c", {"plan": PLAN | change})
    assert verdict.passed == (sentence == "plan_right")
    known = ", ".join(("frozen", "fine-tune", "LoRA"))
    given = {"keys": "why", "key": "body", "given": "melted", "known": known}
    given |= {"budget": 100, "train": 30, "test": 71}
    assert text(f"lesson12.{sentence}", **given) in repr(verdict)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_diagram_of_attention_shows_the_models_own_weights(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    network = backbone("zukan-bert")
    words = text("diagram.four_words").split("|")
    sentence = (" " if lang == "en" else "").join(words)
    batch = network.preprocess([sentence])
    read = network.preprocess.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    layer = network.encoder.encoder.layer[1].attention.self
    with torch.no_grad():
        x = network.encoder(**batch, output_hidden_states=True).hidden_states[1][0]
        q, k = (part(x)[:, -32:] for part in (layer.query, layer.key))
    weights = (q @ k.T / 32**0.5).softmax(1)[-2]
    shown = dict(zip(words, text("diagram.four_weights").split("|"), strict=True))
    found = {word.strip("▁"): weight.item() for word, weight in zip(read, weights, strict=True)}
    assert {word: f"{found[word]:.2f}" for word in words} == shown
    (lesson,) = [read_lesson(path) for path in (LESSONS / "source").glob("12_*.py")]
    (page,) = [block.sources[lang] for block in lesson.blocks if block.key == "attention-how"]
    scores = (q @ k.T / 32**0.5)[-2]
    looked = {word.strip("▁"): score.item() for word, score in zip(read, scores, strict=True)}
    assert all(f"| {looked[word]:.2f} |" in page for word in words if float(shown[word]))
    assert f"{sum(math.exp(score) for score in looked.values()):.3g}" in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_diagram_of_masked_words_shows_the_models_own_guesses(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    network = backbone("zukan-bert")
    tokenizer = network.preprocess.tokenizer
    guesser = AutoModelForMaskedLM.from_pretrained(tokenizer.name_or_path, dtype=torch.float32)
    words = text("diagram.masked_words").split("|")
    sentence = " ".join(words) + "." if lang == "en" else "".join(words) + "。"
    batch = network.preprocess([sentence])
    hidden = batch["input_ids"] == tokenizer.mask_token_id
    mark = "▁" if lang == "en" else ""
    guesses = [mark + guess for guess in text("diagram.masked_guesses").split("|")]
    ids = tokenizer.convert_tokens_to_ids(guesses)
    with torch.no_grad():
        found = guesser.eval()(**batch).logits[hidden][0, ids].softmax(0)
    shown = text("diagram.masked_shares").split("|")
    assert [f"{share:.2f}" for share in found.tolist()] == shown


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_figure_draws_what_is_stored(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    trained, across = stored("12_contenders"), stored("12_across")
    drawn = [
        figures.draw_win(trained, {"probe": 0.6}),
        figures.draw_ways(trained),
        figures.draw_curves(stored("12_enquiries")),
        figures.draw_across(across, {"both": 0.6}),
        figures.draw_spam(across, stored("12_spam")),
        figures.draw_names(stored("12_names")),
        figures.draw_encoders(stored("12_encoders")),
        figures.draw_more_encoders(stored("12_encoders")),
    ]
    assert len({picture.alt for picture in drawn}) == len(drawn)
    assert all(len(picture.data) > 10_000 for picture in drawn)


def test_one_mark_is_one_model_in_all_figures():
    assert (
        dict(zip(("color", "marker"), figures.REAL_LOOKS["zukan_bert"], strict=True))
        == (figures.LOOKS["probe"])
    )
    drawn = [figures.REAL_LOOKS[kind] for kind in ("zukan_bert", "minilm", "e5", "tfidf")]
    assert len({colour for colour, _ in drawn}) == len({marker for _, marker in drawn}) == 4


@pytest.mark.parametrize(
    ("lang", "weather", "name", "told"),
    [
        ("en", "Will it rain tomorrow?", "Delivery", '"{0}" goes to {1} with {2}'),
        ("ja", "今日はいい天気ですね", "返品・交換", "「{0}」は、{2}の確率で「{1}」"),
    ],
)
def test_the_widget_sorts_the_weather_as_the_page_says(monkeypatch, lang, weather, name, told):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    (lesson,) = [read_lesson(path) for path in (LESSONS / "source").glob("12_*.py")]
    (page,) = [block.sources[lang] for block in lesson.blocks if block.key == "exercise-a"]
    desk = widget.open_desk()
    scores = desk.score([weather])[0][0]
    assert desk.classes[lang][scores.argmax()] == name
    share = f"{scores.exp().max().item():.0%}"
    assert told.format(weather, name, share) in page


def test_in_the_widget_blue_is_the_answer_and_what_speaks_for_it():
    picture = widget.draw("今日はいい天気ですね").picture
    fills = re.findall('<rect [^>]*fill="(#[0-9A-F]{6})"', picture)
    words, bars = fills[: -6 - widget.NEIGHBOURS], fills[-6 - widget.NEIGHBOURS :][:6]
    assert set(words) <= {BLUE, ORANGE} and sorted(bars) == sorted([BLUE] + 5 * [GREY])
    assert set(fills[-widget.NEIGHBOURS :]) <= {BLUE, GREY} and INK not in fills


def test_most_of_the_gain_comes_with_context_and_none_without_pretraining():
    for lang in LANGUAGES:
        runs = stored("12_contenders")[lang]
        means = {way: sum(runs[way]) / len(runs[way]) for way in (*WAYS, "scratch")}
        assert means["probe"] - means["static"] > 2 * (means["static"] - means["tfidf"])
        assert means["scratch"] == min(means.values())


def test_the_page_says_what_pretraining_and_a_moved_body_are_worth():
    (lesson,) = [read_lesson(path) for path in (LESSONS / "source").glob("12_*.py")]
    pages = {block.key: block.sources for block in lesson.blocks if block.kind == "prose"}
    gaps = {lang: stored("12_contenders")[lang]["gaps"] for lang in LANGUAGES}
    lead = {lang: round(100 * of["probe - tfidf"]["mean"]) for lang, of in gaps.items()}
    assert f"gets {lead['en']} points more than TF-IDF" in pages["win-read"]["en"]
    assert f"TF-IDFより{lead['ja']}ポイント高い" in pages["win-read"]["ja"]
    moved = [[of[f"{way} - probe"] for of in gaps.values()] for way in ("fine_tune", "lora")]
    assert all(gap["low"] < 0 < gap["high"] for way in moved for gap in way)
    assert "with LoRA or fine-tuning, gains nothing certain here" in pages["ways-read"]["en"]
    assert (
        "LoRAやファインチューニングでさらに学習しても、ここでは、はっきりした効果は"
        in pages["ways-read"]["ja"]
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_intervals_of_a_moved_body_are_the_stored_ones(lang):
    (lesson,) = [read_lesson(path) for path in (LESSONS / "source").glob("12_*.py")]
    (page,) = [block.sources[lang] for block in lesson.blocks if block.key == "deeper-sure"]
    for texts in LANGUAGES:
        for way in ("fine_tune", "lora"):
            gap = stored("12_contenders")[texts]["gaps"][f"{way} - probe"]
            low, high = (f"{100 * gap[end]:.1f}".replace("-", "−") for end in ("low", "high"))
            assert f"{low} to {high}" in page or f"{low}〜{high}" in page
            assert f"{abs(100 * gap['mean']):.1f}" in page


def test_other_trainings_are_told_as_they_came_out():
    (lesson,) = [read_lesson(path) for path in (LESSONS / "source").glob("12_*.py")]
    (pages,) = [block.sources for block in lesson.blocks if block.key == "deeper-sure"]
    page, japanese = (pages[lang] for lang in ("en", "ja"))
    found = {
        verdict: {setting: interval(points) for setting, points in settings.items()}
        for verdict, settings in stored("12_stable")["verdicts"].items()
    }
    ahead = [round(f.mean) for lang in LANGUAGES for f in found[f"pretrained_{lang}"].values()]
    tuned = [round(-f.mean) for lang in LANGUAGES for f in found[f"frozen_{lang}"].values()]
    assert f"leads training from scratch by {min(ahead)} to {max(ahead)} points" in page
    assert f"stays {min(tuned)} to {max(tuned)} points above" in page
    assert f"ゼロからの学習を{min(ahead)}〜{max(ahead)}ポイント上回" in japanese
    assert f"凍結より{min(tuned)}〜{max(tuned)}ポイント高い" in japanese


def test_no_mark_of_the_names_hides_another(monkeypatch):
    monkeypatch.setattr(figures, "picture", lambda figure, _alt: figure)
    (axes,) = figures.draw_names(stored("12_names")).axes
    marks = [line.get_xydata()[0] for line in axes.lines if line.get_linestyle() == "None"]
    apart = [abs(a[1] - b[1]) > 0.2 or abs(a[0] - b[0]) > 0.03 for a, b in combinations(marks, 2)]
    assert len(marks) == 12 and all(apart)


def test_the_nearest_name_is_the_class():
    names = torch.eye(3)
    texts = torch.tensor([[9.0, 1.0, 0.0], [0.1, 0.2, 0.0], [1.0, 0.0, 0.5]])
    assert experiments.nearest_name(texts, names, torch.tensor([0, 1, 2])) == pytest.approx(0.6667)


def test_real_texts_stand_once_and_in_no_order():
    kept = experiments.unique(["b", "a", "b", *map(str, range(20))])
    assert len(kept) == 22 == len(set(kept)) and kept != sorted(kept)


@pytest.mark.slow
def test_a_real_set_has_its_classes(real):
    texts, labels, classes = experiments.encoder_set("banking77")
    assert len(texts) == len(labels) == 600 and len(classes) == max(labels) + 1 == 10


def test_only_the_labelled_texts_differ_between_draws():
    seen = []

    def know_all(task, draw):
        seen.append(task)
        return task.test.labels

    right = experiments.judge(know_all, 2, "en")
    assert right.shape == (experiments.DRAWS, 240) and right.all()
    assert len({tuple(task.train.inputs) for task in seen}) == experiments.DRAWS
    assert len({tuple(task.valid.inputs) for task in seen}) == 1


def test_attention_in_the_lesson_is_what_transformers_computes():
    """The three lines of the page, on all four heads, give the layer's own output."""
    (lesson,) = [read_lesson(path) for path in (LESSONS / "source").glob("12_*.py")]
    code = {block.key: block.code for block in lesson.blocks if block.kind == "code"}
    network = backbone("zukan-bert")
    here = {
        "torch": torch,
        "network": network,
        "bert": network.encoder,
        "tokenizer": network.preprocess.tokenizer,
        "lesson12": figures,
    }
    exec(code["attention-code"], here)
    layer = network.encoder.encoder.layer[1].attention.self
    with torch.no_grad():
        found = layer(here["x"][None])[0][0]
    assert torch.allclose(found[:, -32:], here["new"], atol=1e-5)
