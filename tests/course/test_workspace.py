"""The learner's copies are made once, without outputs, and nothing ever overwrites them."""

import json
import os

import pytest

from tlhelpers.course import workspace
from tlhelpers.course.workspace import WorkspaceError


def notebook(*cells, **metadata) -> str:
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4})


def code(key, source, tags=()):
    output = {"output_type": "stream", "name": "stdout", "text": ["0.97\n"]}
    times = {"iopub.execute_input": "2026"}
    metadata = {"tags": list(tags), "execution": times}
    return {
        "cell_type": "code",
        "id": key,
        "source": [source],
        "metadata": metadata,
        "execution_count": 3,
        "outputs": [output],
    }


def prose(key, source, tags=()):
    return {"cell_type": "markdown", "id": key, "source": [source], "metadata": {"tags": [*tags]}}


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Two lessons in both languages, in a path with a space and Japanese characters."""
    root = tmp_path / "教材 と空白"
    monkeypatch.setattr(workspace, "ROOT", root)
    monkeypatch.setattr(workspace, "LESSONS", root / "lessons")
    monkeypatch.setattr(workspace, "WORK", root / "work")
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    for lang in ("ja", "en"):
        folder = root / "lessons" / lang
        folder.mkdir(parents=True)
        for name in ("00_start_here", "02_feature_extraction"):
            cells = prose("title", "# 題"), prose("notes", "say", ["teacher"]), code("fit", "1 + 1")
            (folder / f"{name}.ipynb").write_text(notebook(*cells), encoding="utf-8")
    return root


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def revise(root, lang="en"):
    path = root / "lessons" / lang / "02_feature_extraction.ipynb"
    path.write_text(notebook(prose("title", "# New"), code("fit", "2 + 2")), encoding="utf-8")


def test_copies_have_no_outputs_and_keep_the_cells_ids(clone):
    done = workspace.prepare("ja")
    assert [path.name for path in done.new] == [
        "00_start_here.ipynb",
        "02_feature_extraction.ipynb",
    ]
    assert done.folder == clone / "work" / "ja"
    title, fit = cells(done.new[0])
    assert (title["id"], title["source"]) == ("title", ["# 題"])
    assert (fit["id"], fit["outputs"], fit["execution_count"]) == ("fit", [], None)
    assert "execution" not in fit["metadata"]


def test_copies_name_a_kernel_so_that_jupyterlab_does_not_ask(clone):
    path = workspace.prepare("en").new[0]
    assert json.loads(path.read_text(encoding="utf-8"))["metadata"]["kernelspec"]["name"]


def test_lessons_themselves_are_not_touched(clone):
    lesson = clone / "lessons" / "ja" / "00_start_here.ipynb"
    before = lesson.read_bytes()
    workspace.prepare("ja")
    assert lesson.read_bytes() == before


def test_teachers_notes_come_in_copies_of_their_own(clone):
    workspace.prepare("en")
    done = workspace.prepare("en", teacher=True)
    assert done.folder == clone / "work" / "teacher" / "en"
    assert [cell["id"] for cell in cells(done.new[0])] == ["title", "notes", "fit"]


def test_learners_work_is_never_overwritten(clone):
    mine = workspace.prepare("en").new[1]
    mine.write_text("my answers", encoding="utf-8")
    again = workspace.prepare("en")
    assert not again.new and not again.updated
    revise(clone)
    workspace.prepare("en")
    workspace.reset("02", "en")
    assert mine.read_text(encoding="utf-8") == "my answers"


def test_changed_lesson_is_laid_beside_once(clone):
    workspace.prepare("en")
    revise(clone)
    done = workspace.prepare("en")
    assert [path.name for path in done.updated] == ["02_feature_extraction (2).ipynb"]
    assert cells(done.updated[0])[0]["source"] == ["# New"]
    assert not workspace.prepare("en").updated


def test_deleted_copy_is_made_again(clone):
    mine = workspace.prepare("en").new[0]
    mine.unlink()
    assert workspace.prepare("en").new == [mine]


@pytest.mark.parametrize(
    "asked", ["2", "02", "02_feature_extraction", "02_feature_extraction.ipynb"]
)
def test_reset_lays_a_fresh_copy_beside(clone, asked):
    workspace.prepare("en")
    first, second = workspace.reset(asked, "en"), workspace.reset(asked, "en")
    assert first.name == "02_feature_extraction (2).ipynb"
    assert second.name == "02_feature_extraction (3).ipynb"
    assert [cell["id"] for cell in cells(first)] == ["title", "fit"]


def test_reset_works_before_any_copy_was_made(clone, capsys):
    assert workspace.main(["00", "--lang", "ja"]) == 0
    assert (clone / "work" / "ja" / "00_start_here.ipynb").exists()
    assert "work/ja/00_start_here.ipynb" in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["7", "xyz", "../02", ""])
def test_unknown_lesson_names_those_that_exist(clone, asked):
    with pytest.raises(WorkspaceError, match=r"Lessons: 00, 02"):
        workspace.reset(asked, "en")


def test_incomplete_clone_is_said(clone):
    with pytest.raises(WorkspaceError, match="clone again"):
        workspace.prepare("fr")


def test_killed_copy_leaves_no_half_notebook(clone, monkeypatch):
    def die(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        workspace.prepare("en")
    assert not list((clone / "work" / "en").iterdir())


def test_record_that_was_cut_short_costs_no_copy(clone):
    mine = workspace.prepare("en").new[1]
    (mine.parent / workspace.RECORD).write_text('{"02_fea', encoding="utf-8")
    done = workspace.prepare("en")
    assert not done.new and not done.updated


@pytest.mark.parametrize(
    "damage", ["", "<<<<<<< HEAD\n{}\n", "[]", '{"cells": 3}', '{"cells": [3]}']
)
def test_a_damaged_lesson_is_named_and_the_others_are_handed_out(clone, damage):
    lesson = clone / "lessons" / "en" / "00_start_here.ipynb"
    lesson.write_text(damage, encoding="utf-8")
    done = workspace.prepare("en")
    assert [path.name for path in done.new] == ["02_feature_extraction.ipynb"]
    assert len(done.damaged) == 1
    assert "git checkout -- lessons/en/00_start_here.ipynb" in done.damaged[0]
    with pytest.raises(WorkspaceError, match=r"00_start_here\.ipynb cannot be read"):
        workspace.reset("00", "en")
