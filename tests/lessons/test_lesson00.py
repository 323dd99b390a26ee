"""Lesson 00: what its exercises say to the mistakes that people make."""

import pytest

from tlhelpers.course.exercises import check, exercises

PLAN = {
    "first": "few-shot learning with prototypes",
    "compare_with": "the nearest pixels",
    "tested_on": "other loaves at the till",
    "new_bread": "add it, and keep a few photos of the others",
    "why": "Five labels are few, and bread is related to photographs.",
}


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    exercises("00")


@pytest.mark.parametrize(
    ("with_eye", "by_pixels", "part"),
    [
        (0.54, 0.39, None),
        (54.0, 0.39, "fraction from 0 to 1"),
        (0.87, 0.39, "Is per_class=1"),
        (0.54, 0.31, "Is per_class=20"),
    ],
)
def test_a_trade_of_labels_names_the_number_that_was_not_changed(with_eye, by_pixels, part):
    verdict = check("00-a", {"with_eye": with_eye, "by_pixels": by_pixels})
    assert verdict.passed if part is None else part in verdict.message


def shared(answers, truth):
    return sum(answer == name for answer, name in zip(answers, truth, strict=True)) / len(truth)


@pytest.mark.parametrize(
    ("share_right", "part"),
    [
        (shared, None),
        (lambda answers, truth: round(len(truth) * shared(answers, truth)), "that is how many"),
        (lambda answers, truth: 1 - shared(answers, truth), "it returns 0.0"),
        (lambda answers, truth: len(set(answers) & set(truth)) / len(truth), "it returns 0.75"),
    ],
)
def test_a_share_is_told_from_a_count_from_its_rest_and_from_common_names(share_right, part):
    verdict = check("00-b", {"share_right": share_right})
    assert verdict.passed if part is None else part in verdict.message


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, None),
        ({"new_bread": ...}, "nothing about new_bread"),
        ({"compare_with": PLAN["first"]}, "are the same"),
        ({"why": "It works."}, "reasons"),
    ],
)
def test_a_plan_is_whole_and_compares_with_something_else(change, part):
    verdict = check("00-c", {"plan": PLAN | change})
    assert verdict.passed if part is None else part in verdict.message
