"""Lesson 04: its exercises tell mistakes apart, and their numbers are those on the page."""

from statistics import mean

import pytest
import torch

from tlhelpers.course.author.reading import LESSONS, read_lesson
from tlhelpers.course.results import stored
from tlhelpers.lessons.incremental_learning import checks, figures
from tlhelpers.lessons.incremental_learning.experiments import CASES
from tlhelpers.lessons.incremental_learning.figures import Methods
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.transfer import forgetting
from tlhelpers.transfer.intervals import interval

NAN = float("nan")
PAGE = torch.tensor([[0.80, NAN, NAN], [0.90, 0.95, NAN], [0.60, 0.87, 0.99]])  # of "matrix"
PLAN = {
    "method": "nearest mean",
    "keep": ["one mean for each category"],
    "tested_on": ["old", "new"],
    "change_if": "below 85%",
    "why": "No message may be kept, and the features are good enough.",
}


def lost(R, floor=0.0, until=-1):
    falls = [R[j : until or None, j].max() - R[-1, j] for j in range(len(R) - 1)]
    return float(torch.stack(falls).clamp(min=floor).mean())


def test_the_matrix_of_the_page_gives_the_numbers_of_the_page():
    assert forgetting.average_accuracy(PAGE) == pytest.approx(0.82)
    assert forgetting.forgetting(PAGE) == pytest.approx(0.19) == lost(PAGE)
    assert forgetting.backward_transfer(PAGE) == pytest.approx(-0.14)


def test_each_mistake_in_forgetting_has_its_own_sentence(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert checks.measure_forgetting(lost) is None
    assert checks.measure_forgetting(lambda R: -forgetting.backward_transfer(R)) == text(
        "lesson04.lost_other"
    )
    assert checks.measure_forgetting(lambda R: lost(R, floor=-1.0)) == text(
        "lesson04.lost_negative"
    )
    from_the_top = checks.measure_forgetting(lambda R: R[:-1, 1].max() - R[-1, 1])
    assert from_the_top == text("lesson04.lost_nan")
    assert checks.measure_forgetting(lambda R: torch.tensor(lost(R))) is None
    of_three = checks.measure_forgetting(lambda R: lost(R) * (len(R) - 1) / 2)
    assert of_three == text("lesson04.lost_wrong", lost="0.375")
    too_late = checks.measure_forgetting(lambda R: lost(R.fill_diagonal_(0)))
    assert too_late == text("lesson04.lost_wrong", lost="0.183")
    newest_too = checks.measure_forgetting(lambda R: lost(R) * 2 / 3)
    assert newest_too == text("lesson04.lost_wrong", lost="0.167")


@pytest.mark.parametrize(
    ("best", "fell", "sentence"),
    [
        ("nearest mean", 24, None),
        ("replay", 24, "read_unknown"),
        ("LwF", 24, "read_better"),
        ("nearest mean", 28, "read_fell"),  # 88% when new minus 60% of all classes
        ("nearest mean", -24, "read_fell"),
    ],
)
def test_the_widget_is_read_at_its_last_step(monkeypatch, best, fell, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    said = checks.read_the_stream(best, fell)
    if sentence is None:
        assert said is None
    else:
        start = text(f"lesson04.{sentence}", known="", best=best, average="", fell=fell)[:12]
        assert said.startswith(start)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, None),
        ({"method": "LwF"}, None),
        ({"keep": []}, "plan_missing"),
        ({"change_if": ...}, "plan_missing"),
        ({"method": "EWC"}, "plan_way"),
        ({"method": "replay"}, "plan_rule"),
        ({"method": "all data"}, "plan_rule"),
        ({"tested_on": ["new"]}, "plan_tested"),
        ({"why": "better"}, "plan_why"),
    ],
)
def test_a_plan_keeps_the_rule_of_deletion(monkeypatch, change, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    said = checks.defend_a_plan(PLAN | change)
    plan = PLAN | change
    words = {"keys": next(iter(change), ""), "given": plan["method"]}
    known = ", ".join(checks.WAYS)
    assert said == (sentence and text(f"lesson04.{sentence}", known=known, **words))


@pytest.mark.parametrize(
    ("lang", "held", "replayed"),
    [
        ("en", "EWC (weights held), strength 0", "replay"),
        ("ja", "EWC（重みを保つ）、強さ0", "リプレイ"),
    ],
)
def test_a_row_says_that_its_remedy_is_switched_off(monkeypatch, lang, held, replayed):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    names = _names(stored("04_hard"))
    assert held in names and replayed in names
    assert not any(name.endswith("0") for name in _names(stored("04_methods")))


def _names(found):
    return [row["stream_method"] for row in Methods(found).rows()]


def test_replay_in_the_stored_fish_keeps_as_many_as_the_page_says():
    assert (CASES["fish"]["labels"], CASES["fish"]["per_class"]) == (10, 5)
    assert (CASES["surfaces"]["labels"], CASES["surfaces"]["per_class"]) == (30, 12)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_numbers_of_the_text_are_those_that_are_stored(lang):
    lesson = read_lesson(LESSONS / "source" / "04_incremental_learning.py")
    prose = {block.key: block.sources[lang] for block in lesson.blocks if block.kind == "prose"}
    real = stored("04_real")
    for name in ("clothes", "characters"):
        for way in ("kept_rows", "nearest_mean", "random", "pixels"):
            assert f"{mean(real[name][way]['5']):.0%}" in prose["exercise-c"]
    found = stored("04_scenarios")
    way = found["methods"].index("kept_rows")
    cells = (("class", "0%", "hard"), ("task", "98%", "hard"), ("domain", "86%", "scenarios-read"))
    for scenario, said, cell in cells:
        kept = mean(found["first"][found["scenarios"].index(scenario)][way])
        assert abs(kept - float(said[:-1]) / 100) < 0.0051 and said in prose[cell]
    stream = stored("04_stream")
    for way in ("replay", "lwf", "ewc", "kept_rows"):
        runs = stream["per_class"][stream["methods"].index(way)]
        assert f"{mean(mean(run[-1]) for run in runs):.0%}" in prose["stream-read"]


def test_on_surfaces_all_data_and_icarl_are_ahead_of_the_nearest_mean_and_replay_is_open():
    hard = stored("04_hard")

    def ahead(one, other):
        pairs = zip(figures.average(hard, one), figures.average(hard, other), strict=True)
        return interval([100 * (a - b) for a, b in pairs])

    assert ahead("joint", "nearest_mean").low > 3 and ahead("icarl", "nearest_mean").low > 1
    assert ahead("replay", "nearest_mean").low < 0


def test_on_surfaces_a_trained_head_gains_most_of_the_lead_and_longer_training_more():
    frozen = stored("04_frozen")["surfaces"]
    hard = stored("04_hard")
    near, joint = (figures.average(hard, way) for way in ("nearest_mean", "joint"))
    head = interval([100 * (a - b) for a, b in zip(frozen, near, strict=True)])
    eye = interval([100 * (a - b) for a, b in zip(joint, frozen, strict=True)])
    assert round(head.mean) == 7 and head.low > 0
    assert round(eye.mean) == 3 and eye.low > 0.3 and round(eye.high) == 6
    leads = stored("04_stable")["verdicts"]["joint"]
    over = {
        setting: interval([a - 100 * (b - c) for a, b, c in zip(runs, frozen, near, strict=True)])
        for setting, runs in leads.items()
    }
    longer, half = over["three_times"], over["half"]
    assert [round(x) for x in (longer.low, longer.mean, longer.high)] == [7, 11, 15]
    assert [round(-x) for x in (half.low, half.mean, half.high)] == [8, 5, 2]
    assert over["unclipped"].low > 3 and over["adamw"].low > 3


def test_on_real_pictures_replay_is_below_the_nearest_mean_on_clothes_and_open_on_characters():
    ahead = {}
    for name, curves in stored("04_real").items():
        pairs = zip(curves["replay"]["5"], curves["nearest_mean"]["5"], strict=True)
        ahead[name] = interval([a - b for a, b in pairs])
    assert ahead["clothes"].high < 0
    assert ahead["characters"].low < 0 < ahead["characters"].high


def test_replay_on_fish_is_above_95_percent_from_8_epochs_on():
    found = stored("04_epochs")
    way = found["methods"].index("replay")
    for group in ("old", "new"):
        assert all(mean(runs) > 0.95 for runs in found[group][way][1:])


def test_the_dotted_line_stands_where_the_new_fish_arrive(monkeypatch):
    pictures, batch, epochs = (90, 60), 16, 6  # the lesson's three old fish, then its two new ones
    first, second = (epochs * -(-count // batch) for count in pictures)
    trace = [(step, [0.0] * 5) for step in range(4, first + second + 1, 4)]
    monkeypatch.setattr(figures, "picture", lambda figure, alt: figure)
    for panel in figures.draw_trace(trace, "ABCDE", old=3).axes:
        assert panel.lines[-1].get_xdata()[0] == pytest.approx(first)
