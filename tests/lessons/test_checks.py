"""What holds for the checks of all lessons."""

import math
import typing
from collections.abc import Callable

import pytest

from tlhelpers.course.exercises import Exercise, check, exercises
from tlhelpers.course.syllabus import lessons

NAN = {Callable: lambda *_given, **_named: math.nan, float: math.nan}


def kinds(asked: Exercise) -> dict[str, object]:
    found = typing.get_type_hints(asked.judge)
    del found["return"]
    return {name: typing.get_origin(kind) or kind for name, kind in found.items()}


ASKED = {name: kinds(one) for number in lessons() for name, one in exercises(number).items()}
ALL_NAN = [name for name, asked in ASKED.items() if set(asked.values()) <= {*NAN}]


@pytest.mark.parametrize("name", ALL_NAN)
def test_a_nan_is_never_right(name, monkeypatch, tmp_path):
    """Every comparison with it is False: `abs(nan - x) > 0.1` lets it pass."""
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    assert not check(name, {part: NAN[kind] for part, kind in ASKED[name].items()}).passed
