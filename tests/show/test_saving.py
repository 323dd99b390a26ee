"""A notebook that is saved keeps the states of widgets whose kernel is gone."""

import json
from types import SimpleNamespace

import pytest

from tlhelpers.course.saving import STATE, VIEW, keep_states


def notebook(shown, states):
    outputs = [{"output_type": "display_data", "data": {VIEW: {"model_id": one}}} for one in shown]
    saved = {"version_major": 2, "version_minor": 0, "state": states}
    return {
        "cells": [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}],
        "metadata": {"widgets": {STATE: saved}} if states else {},
    }


@pytest.fixture
def save(tmp_path):
    """What is saved of a notebook where another version of it lies already."""
    (tmp_path / "en").mkdir()

    def run(content, before=None):
        if before is not None:
            text = before if isinstance(before, str) else json.dumps(before)
            (tmp_path / "en" / "02.ipynb").write_text(text, encoding="utf-8")
        model = {"type": "notebook", "content": content}
        keep_states(model, "/en/02.ipynb", SimpleNamespace(root_dir=str(tmp_path)))
        return content["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})

    return run


OLD = {"a1": {"state": {"layout": "IPY_MODEL_b2"}}, "b2": {"state": {}}, "c3": {"state": {}}}


def test_what_is_shown_is_kept_with_what_it_needs_and_nothing_else(save):
    saved = save(notebook(["a1", "d4"], {"d4": {"state": {"new": 1}}}), notebook(["a1", "c3"], OLD))
    assert set(saved) == {"a1", "b2", "d4"}


def test_the_state_of_a_living_widget_is_the_new_one(save):
    saved = save(notebook(["a1"], {"a1": {"state": {"new": 1}}}), notebook(["a1"], OLD))
    assert saved == {"a1": {"state": {"new": 1}}}


@pytest.mark.parametrize("before", [None, "no notebook", "[]", '{"metadata": {"widgets": null}}'])
def test_a_first_save_and_a_damaged_file_change_nothing(save, before):
    assert save(notebook(["a1"], {}), before) == {}


def test_what_is_no_notebook_is_left_alone(save):
    model = {"type": "file", "content": "text"}
    keep_states(model, "a.txt", SimpleNamespace(root_dir="."))
    assert model == {"type": "file", "content": "text"}
