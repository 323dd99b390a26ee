"""Lesson 00: what its exercises say to the mistakes that people make."""

import numpy as np
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
        (0.64, 0.39, None),
        (64.0, 0.39, "fraction from 0 to 1"),
        (0.83, 0.39, "Is per_class=1"),
        (0.64, 0.325, "Is per_class=20"),  # the most that five of each kind gave in ten draws
    ],
)
def test_a_trade_of_labels_names_the_number_that_was_not_changed(with_eye, by_pixels, part):
    verdict = check("00-a", {"with_eye": with_eye, "by_pixels": by_pixels})
    assert verdict.passed if part is None else part in verdict.message


def by(distance, choose=min):
    def nearest_name(picture, labelled):
        def far(pair):
            return distance(a - b for a, b in zip(picture, pair[0], strict=True))

        return choose(labelled, key=far)[1]

    return nearest_name


def squares(differences):
    return sum(difference**2 for difference in differences)


@pytest.mark.parametrize(
    ("nearest_name", "part"),
    [
        (by(squares), None),
        (lambda picture, labelled: np.str_(by(squares)(picture, labelled)), None),
        (by(sum), "is nearer"),
        (by(lambda differences: squares([*differences][:2])), "toucan, at 36, is nearer"),
        (by(lambda differences: max(map(abs, differences))), "toucan, at 36, is nearer"),
        (lambda picture, labelled: np.array(labelled[0][0]), "Asked for is the name"),
        (by(lambda differences: sum(map(abs, differences))), "hoopoe, at 35, is nearer"),
        (by(squares, choose=max), "returns toucan, at the distance 138"),
        (lambda picture, labelled: labelled[0][1], "For the picture [8, 1, 1] it returns heron"),
        (lambda picture, labelled: 2, "Asked for is the name"),
    ],
)
def test_the_nearest_picture_is_told_from_its_neighbours(nearest_name, part):
    verdict = check("00-b", {"nearest_name": nearest_name})
    assert verdict.passed if part is None else part in verdict.message


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, None),
        ({"new_bread": ...}, "nothing about new_bread"),
        ({"compare_with": PLAN["first"]}, "are the same"),
        ({"why": "It works."}, "reasons"),
        ({"new_bread": " "}, "nothing about new_bread"),
    ],
)
def test_a_plan_is_whole_and_compares_with_something_else(change, part):
    verdict = check("00-c", {"plan": PLAN | change})
    assert verdict.passed if part is None else part in verdict.message
