"""Lesson 14: its photos, its widget, its checks, and results whose data are not in the project."""

import ast
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

import tlhelpers as tl
from tlhelpers.course import results
from tlhelpers.course.author.reading import lesson_sources, read_lesson
from tlhelpers.data.folder import load_folder
from tlhelpers.data.task import Split
from tlhelpers.lessons.your_own_images import experiments as experiments
from tlhelpers.lessons.your_own_images import figures as lesson14
from tlhelpers.lessons.your_own_images import widget
from tlhelpers.lessons.your_own_images.checks import average_classes, find_leaks
from tlhelpers.models.backbones import backbone


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))


def test_cats_and_dogs_are_drawn_where_no_photos_are_named():
    photos = lesson14.open_pets(count=3)
    assert photos.images.shape == (6, 3, 64, 64) and photos.labels.bincount().tolist() == [3, 3]
    assert photos.network.info.name == "zukan-resnet"


def test_a_folder_of_photos_takes_their_place(tmp_path, monkeypatch):
    birds = lesson14.write_photos(tmp_path / "birds", count=5)
    untrained = backbone("mobilenet_v2", pretrained=False, size=160)
    monkeypatch.setattr(lesson14, "backbone", lambda name, size: untrained)
    photos = lesson14.open_pets(birds, count=4)
    assert photos.images.shape == (20, 3, 160, 160) and photos.labels.bincount().tolist() == [4] * 5


@pytest.mark.parametrize("name", ["zukan-resnet", "resnet18", "mobilenet_v2"])
def test_pooled_maps_of_the_body_are_the_features(name):
    network = backbone(name, pretrained=False)
    with torch.no_grad():
        maps = lesson14.body_of(network)(torch.zeros(1, 3, 64, 64))
    assert maps.ndim == 4 and maps.shape[1] == network.info.feature_dim


def test_the_folder_of_birds_is_one_that_can_be_learned_from(tmp_path):
    task = load_folder(lesson14.write_photos(tmp_path / "birds", count=5), size=64)
    assert task.inspection.counts.keys() == set(task.class_names) and task.num_classes == 5
    assert sum(task.inspection.counts.values()) == 25 and not task.inspection.left_out


def test_the_widget_says_what_each_split_claims():
    leak = {"shots": [1, 5]}
    for reader in ("knn", "probe"):
        leak[reader] = {
            "by_photo": [[0.7, 0.72], [0.9, 0.92]],
            "by_scene": [[0.7, 0.7], [0.72, 0.74]],
            "new": [[0.7, 0.7], [0.71, 0.73]],
        }
    explorer = widget.build({"14_leak": leak})
    assert "by photo reports 71%" in explorer.view().says
    assert "by photo reports 91%" in explorer.move(shots=5, reader="probe").says
    assert "by scene 73%" in explorer.view().says and "<rect" in explorer.view().picture


@pytest.mark.slow
def test_the_stored_leak_is_measured_as_the_lesson_measures_it():
    """The two cells of the lesson and the experiment are written twice: once for reading."""
    lesson = read_lesson(*lesson_sources(names=["14"]))
    code = {block.key: block.code for block in lesson.blocks if block.kind == "code"}
    cells = {"tl": tl, "torch": torch, "F": F, "replace": replace, "Split": Split}
    cells["network"] = backbone("zukan-resnet")
    for key in ("augment", "leak-run"):
        (function,) = (n for n in ast.parse(code[key]).body if isinstance(n, ast.FunctionDef))
        exec(ast.unparse(function), cells)
    told = cells["test_three_ways"](seed=3, shots=2)
    assert told == experiments._leak_once(cells["network"], experiments.READERS["knn"], 2, 3)


def test_usual_mistakes_get_their_own_sentence():
    def both(train, test):
        return sorted({n.rsplit("_", 1)[0] for n in train} & {n.rsplit("_", 1)[0] for n in test})

    leaks, means = find_leaks, average_classes
    assert leaks(both) is None
    assert "one part only" in leaks(
        lambda train, test: sorted({name.rsplit("_", 1)[0] for name in train + test})
    )
    assert "missing" in leaks(lambda train, test: both(train, test)[:1])
    assert "sorted list" in leaks(lambda train, test: set(both(train, test)))
    plain = means(lambda answers, labels: (answers == labels).double().mean())
    assert "all photos" in plain
    assert "not a number" in means(
        lambda answers, labels: torch.stack(
            [(answers[labels == c] == c).double().mean() for c in range(3)]
        ).mean()
    )


def test_a_result_whose_data_are_missing_says_so_and_the_others_are_made(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TLHELPERS_REAL", str(tmp_path / "absent"))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(experiments, "_leak_once", lambda *_: dict.fromkeys(lesson14.WAYS, 0.5))
    assert results.main(["14"]) == 1
    said = capsys.readouterr()
    assert "no part of the project" in said.err
    assert (tmp_path / "14_leak.json").exists() and not (tmp_path / "14_photos.json").exists()
