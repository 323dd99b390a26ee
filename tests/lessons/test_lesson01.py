"""Lesson 01: its exercises tell mistakes apart, and its stored results say what its words say."""

from math import nan
from statistics import mean, stdev

import numpy as np
import pytest

from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.course.syllabus import lessons
from tlhelpers.lessons.why_transfer import figures
from tlhelpers.runtime.language import text
from tlhelpers.transfer.intervals import interval, paired

PLAN = {
    "start": "frozen",
    "baseline": "pixels",
    "test_labels": 100,
    "stop_if": "no better than pixels",
    "why": "Five labels are too few to move the body.",
}


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("minutes_saved", 5, "saved_one_kind"),
        ("minutes_saved", 100, "saved_not_less"),
        ("gain", -60.0, "control_sign"),
        ("gain", 0.0, "control_far"),
        ("plan", PLAN | {"why": "because"}, "plan_why"),
    ],
)
def test_each_mistake_gets_the_sentence_that_is_about_it(name, answer, sentence):
    exercise = {"minutes_saved": "01-a", "gain": "01-b", "plan": "01-c"}[name]
    verdict = check(exercise, {name: answer})
    assert not verdict.passed
    assert text(f"lesson01.{sentence}", gain="0") in verdict.message


@pytest.mark.parametrize(
    "fault",
    [
        {"start": "guess"},
        {"test_labels": 10},
        {"test_labels": "200"},
        {"test_labels": nan},
        {"stop_if": ...},
    ],
)
def test_a_plan_with_a_hole_is_sent_back(fault):
    assert check("01-c", {"plan": PLAN}).passed
    assert check("01-c", {"plan": PLAN | {"test_labels": np.int64(200)}}).passed
    assert not check("01-c", {"plan": PLAN | fault}).passed


def test_a_fraction_in_place_of_points_is_named():
    verdict = check("01-b", {"gain": 0.6})
    assert not verdict.passed
    assert text("lesson01.control_share", gain="0.60") in verdict.message


def test_what_the_lesson_says_of_its_stored_results():
    steps = stored("01_steps")
    for length in steps["scratch"]:
        assert paired(steps["fine_tune"]["60"], steps["scratch"][length]).low > 0
    fall = paired(steps["scratch"]["60"], steps["scratch"]["600"])
    assert fall.low > 0 and round(100 * fall.mean) == 11
    heights = [mean(runs) for runs in steps["scratch"].values()]
    assert heights == sorted(heights[:3]) + sorted(heights[3:], reverse=True)
    assert round(100 * max(heights)) == round(100 * heights[2]) == 66
    for length in list(steps["scratch"])[1:]:
        assert set(steps["train"][f"scratch, {length} steps"]) == {1.0}
    assert 0 < mean(steps["fine_tune"]["180"]) - mean(steps["fine_tune"]["60"]) < 0.01
    assert mean(steps["fine_tune"]["10"]) > 0.8
    borrowed, fresh = steps["shift"]["fine_tune_5"], steps["shift"]["scratch_15"]
    for style in ("night", "sketch"):
        of = paired(borrowed[style], fresh[style])
        assert of.low < 0 < of.high
    faded, ordinary = (paired(borrowed[style], fresh[style]) for style in ("faded", "photo"))
    assert [round(100 * end) for end in (faded.low, faded.mean, faded.high)] == [1, 5, 10]
    assert ordinary.high < 0
    shares = [(borrowed[style], fresh[style]) for style in ("photo", "faded")]
    assert [round(100 * mean(of)) for pair in shares for of in pair] == [90, 94, 20, 15]
    settings = stored("01_stable")["verdicts"]["fine_tune"]
    assert {"half", "three_times", "unclipped", "adamw"} < set(settings)
    assert min(interval(points).low for points in settings.values()) > 0
    adamw = interval(settings["adamw"])
    best = paired(steps["fine_tune"]["60"], steps["scratch"]["60"])
    assert [round(100 * best.mean), round(adamw.mean)] == [25, 15]
    pets = stored("01_pets")
    above = paired(pets["scratch"][-1], pets["probe"][-1])
    assert above.low > 0 and round(100 * above.mean) == 5
    at_200 = [round(100 * mean(pets[start][-1])) for start in ("probe", "fine_tune", "scratch")]
    assert at_200 == [86, 92, 92]
    birds = stored("01_birds")
    leads = [paired(*of) for of in zip(birds["fine_tune"], birds["scratch"], strict=True)]
    at_five = leads[birds["labels"].index(5)]
    assert [round(100 * end) for end in (at_five.low, at_five.mean, at_five.high)] == [26, 31, 35]
    assert round(100 * (at_five.high - at_five.mean), 1) == 4.6
    five = birds["labels"].index(5)
    gains = [a - b for a, b in zip(birds["fine_tune"][five], birds["scratch"][five], strict=True)]
    assert round(100 * stdev(gains), 1) == 6.4
    assert sum(not at_five.low < gain < at_five.high for gain in gains) == 4
    assert [round(100 * leads[birds["labels"].index(n)].mean) for n in (5, 20)] == [31, 3]
    rates = birds["tuning"][five]["scratch"], steps["tuning"]["scratch, 60 steps"]
    assert [tuned["chosen"]["lr"] for tuned in rates] == [0.1, 0.3]
    moved = paired(birds["fine_tune"][five], birds["probe"][five])
    assert moved.low < 0 < moved.high


def test_the_diagram_of_draws_shows_the_ten_that_were_measured():
    drawn = figures.draw_redraws(stored("01_birds")).svg()
    assert drawn.count("−") == 10
    assert all(f">{gain}<" in drawn for gain in ("22.8", "38.7", "27.1"))


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(
    ("kind", "slug"),
    [
        ("unsupervised", "unsupervised_transfer"),
        ("transductive", "domain_adaptation"),
        ("zero_shot", "zero_shot"),
        ("few_shot", "few_shot"),
        ("inductive", "fine_tuning"),
    ],
)
def test_the_map_names_the_lesson_of_every_kind_of_transfer(monkeypatch, language, kind, slug):
    monkeypatch.setenv("TLHELPERS_LANG", language)
    number = next(one.number for one in lessons().values() if one.slug == slug)
    assert number in text(f"lesson01.about_{kind}")
