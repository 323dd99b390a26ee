"""Tasks by name: the same pictures for the same request, splits apart, and clear refusals."""

import tracemalloc

import pytest
import torch

from tlhelpers.data import drawn, zukan
from tlhelpers.data.catalog import list_tasks, load_task, redrawn
from tlhelpers.data.drawn import TEST_FIRST, VALID_FIRST


def pictures(split) -> set[bytes]:
    return {picture.numpy().tobytes() for picture in split.inputs}


def test_a_task_has_its_splits_names_and_origin():
    task = load_task("birds", per_class=3, valid_per_class=2, test_per_class=4)
    assert task.train.inputs.shape == (30, 3, 64, 64) and task.train.inputs.dtype == torch.uint8
    assert (len(task.train), len(task.valid), len(task.test)) == (30, 20, 40)
    assert task.train.labels.bincount().tolist() == [3] * 10
    assert task.attributes.shape == (10, len(task.attribute_names["ja"]))
    assert task.licence and task.source and task.fingerprint


def test_splits_share_no_picture():
    task = load_task("novel", per_class=4, valid_per_class=4, test_per_class=4, seed=0)
    train, valid, test = pictures(task.train), pictures(task.valid), pictures(task.test)
    assert len(train | valid | test) == 3 * 160
    assert VALID_FIRST < TEST_FIRST


def test_only_the_training_part_depends_on_seed_and_count():
    small = load_task("fish", per_class=2, seed=1, test_per_class=3)
    large = load_task("fish", per_class=4, seed=1, test_per_class=3)
    other = load_task("fish", per_class=2, seed=2, test_per_class=3)
    assert torch.equal(small.test.inputs, other.test.inputs)
    assert torch.equal(small.valid.inputs, large.valid.inputs)
    assert torch.equal(large.train.inputs[:20], small.train.inputs)
    assert not pictures(small.train) & pictures(other.train)
    assert len({small.fingerprint, large.fingerprint, other.fingerprint}) == 3


def test_chosen_classes_are_renumbered_and_drawn_as_before():
    whole = load_task("birds", per_class=2, valid_per_class=1, test_per_class=1)
    part = load_task("birds", per_class=2, valid_per_class=1, test_per_class=1, classes=[7, 2])
    assert part.classes["ja"] == [whole.classes["ja"][c] for c in (7, 2)]
    assert torch.equal(part.train.inputs[0], whole.train.inputs[7])
    assert torch.equal(part.attributes, whole.attributes[[7, 2]])
    assert part.train.labels.tolist() == [0, 1, 0, 1]


def test_a_lazy_task_is_named_without_drawing_it(monkeypatch):
    monkeypatch.setattr(drawn, "HELD_IN_MEMORY", 0)
    monkeypatch.setattr(zukan, "draw", None)  # drawing anything would fail
    one, again, other = (load_task("birds", 50, seed).train for seed in (0, 0, 1))
    assert one.is_lazy and one.fingerprint == again.fingerprint != other.fingerprint


def test_the_same_request_is_drawn_once(monkeypatch):
    first = load_task("pets", per_class=3, seed=11)
    monkeypatch.setattr(zukan, "draw", None)  # drawing again would fail
    again = load_task("pets", per_class=3, seed=11)
    assert torch.equal(first.train.inputs, again.train.inputs)
    first.open_test()
    assert again.test_reads == 0


def test_a_million_pictures_take_no_memory_until_they_are_asked_for():
    tracemalloc.start()
    task = load_task("source", per_class=10_000, valid_per_class=1, test_per_class=1)
    assert task.train.is_lazy and len(task.train) == 1_040_000
    rows = torch.tensor([0, 103, 1_039_999])
    inputs, labels = task.train.batch(rows)
    assert inputs.shape == (3, 3, 64, 64) and labels.tolist() == [0, 103, 103]
    small = load_task("source", per_class=1, valid_per_class=1, test_per_class=1)
    assert torch.equal(inputs[:2], small.train.inputs[[0, 103]])
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_real_digits_keep_their_test_part_apart():
    one, two = (load_task("digits", per_class=5, seed=seed) for seed in (0, 1))
    assert torch.equal(one.test.inputs, two.test.inputs)
    assert not torch.equal(one.train.inputs, two.train.inputs)
    everything = load_task("digits", per_class=84, valid_per_class=30, test_per_class=60)
    assert not pictures(everything.train) & pictures(everything.test)
    assert not pictures(everything.train) & pictures(everything.valid)
    assert one.train.inputs.shape == (50, 3, 64, 64)
    assert one.train.labels.bincount().tolist() == [5] * 10


@pytest.mark.parametrize("lang", ("en", "ja"))
@pytest.mark.parametrize(
    ("request_", "says"),
    (
        ({"name": "brids"}, "birds"),
        ({"name": "birds", "style": "nigth"}, "night"),
        ({"name": "birds", "source": "pubic"}, "zukan"),
        ({"name": "birds", "size": 100}, "224"),
        ({"name": "birds", "per_class": 0}, "per_class=0"),
        ({"name": "birds", "test_per_class": 2.5}, "test_per_class=2.5"),
        ({"name": "birds", "classes": [0, 10]}, "9"),
        ({"name": "birds", "classes": [1, 1]}, "9"),
        ({"name": "digits", "per_class": 85}, "84"),
    ),
)
def test_what_cannot_be_had_is_refused_in_the_learners_language(request_, says, lang, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    with pytest.raises(ValueError) as error:
        load_task(**request_)
    assert says in str(error.value)
    assert ("ください" in str(error.value)) == (lang == "ja")


@pytest.mark.parametrize(("lang", "word"), (("en", "classes"), ("ja", "クラス数")))
def test_the_catalogue_shows_every_task(lang, word, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    table = list_tasks()
    names = {entry.name for entry in table}
    assert {"birds", "fish", "pets", "digits", "source"} <= names
    for shown in (str(table), table._repr_html_()):
        assert word in shown and all(name in shown for name in names)


@pytest.mark.slow
def test_a_seed_redraws_training_validation_and_test_pictures():
    one, other = redrawn("surfaces", 2, 0), redrawn("surfaces", 2, 1)
    for part in ("train", "valid", "test"):
        assert not torch.equal(getattr(one, part).inputs, getattr(other, part).inputs)
    seen = {picture.numpy().tobytes() for picture in one.train.inputs}
    for part in (one.valid, one.test):
        fresh = {picture.numpy().tobytes() for picture in part.inputs}
        assert len(fresh) == len(part) and not seen & fresh
        seen |= fresh
    night = redrawn("surfaces", 2, 0, style="night")
    assert torch.equal(night.test.labels, one.test.labels)
    assert night.test.inputs.float().mean() < 0.7 * one.test.inputs.float().mean()
