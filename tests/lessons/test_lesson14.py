"""Lesson 14: its folder of mistakes, its widget, its checks, and results without their data."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tlhelpers.course import results
from tlhelpers.course.author.notebook import stored_notebook
from tlhelpers.course.author.reading import lesson_sources, read_lesson
from tlhelpers.course.results import stored
from tlhelpers.data.folder import load_folder
from tlhelpers.lessons.your_own_images import experiments, widget
from tlhelpers.lessons.your_own_images import figures as lesson14
from tlhelpers.lessons.your_own_images.checks import (
    average_classes,
    find_leaks,
    plan_sorting,
    promised,
    read_the_leak,
)
from tlhelpers.lessons.your_own_images.photos import (
    COPIES,
    SHOTS,
    owners_of,
    read_photos,
    receive_photos,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.transfer.intervals import interval, paired


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def delivery(tmp_path_factory):
    return receive_photos(tmp_path_factory.mktemp("photos"))


@pytest.mark.slow
def test_the_inspection_finds_every_mistake_but_the_wrong_labels(delivery):
    found = load_folder(delivery.inbox, size=64).inspection
    assert {p.kind for p in found.left_out} == {"not_an_image", "truncated"}
    assert len(found.duplicates) == COPIES and len(found.conflicts) == 1
    assert found.imbalance > 3 and found.grouping == "names" and not found.across
    thumbs = [pair for pair in found.near_duplicates if "thumb" in "".join(pair)]
    assert len({name for pair in thumbs for name in pair if "thumb" in name}) == COPIES


def test_the_owners_that_the_lesson_moves_are_the_ones_in_the_wrong_folder(delivery):
    (cat,), (dog,) = (
        {path.stem[:4] for path in (delivery.inbox / name).glob(f"{owner}_*.jpg")}
        for name, owner in (("dog", "0767"), ("cat", "0529"))
    )
    assert (cat, dog) == ("0767", "0529")
    assert len(list((delivery.inbox / "cat").glob("0529_*.jpg"))) == SHOTS
    for unusable in ("cat/list.jpg", "dog/0104_1.jpg", "dog/0112_1.jpg"):
        assert (delivery.inbox / unusable).exists()


def test_the_other_two_folders_hold_no_mistake(delivery):
    assert len(list((delivery.more_cats / "cat").iterdir())) == 50 * SHOTS
    found = load_folder(delivery.next_month, size=64).inspection
    assert found.counts == {"cat": 100, "dog": 100}
    assert not found.left_out and not found.duplicates and not found.conflicts


def test_the_quick_way_skips_what_cannot_be_read_and_nothing_else(delivery):
    images, labels, paths = read_photos(delivery.inbox, size=32)
    files = set(delivery.inbox.glob("*/*.jpg"))
    assert {path.name for path in files - set(paths)} == {"list.jpg", "0104_1.jpg"}
    assert images.shape == (len(paths), 3, 32, 32) and images.dtype == torch.uint8
    assert [("cat", "dog")[label] for label in labels] == [path.parent.name for path in paths]


def test_a_copy_belongs_to_the_owner_of_the_photo_that_it_repeats(delivery):
    images, _, paths = read_photos(delivery.inbox)
    owners = dict(zip([path.name for path in paths], owners_of(paths, images), strict=True))
    for name, owner in owners.items():
        assert owner == name[:4] or not name[:4].isdigit()
    dogs = sorted(path for path in (delivery.inbox / "dog").iterdir())
    for copy in [path for path in dogs if path.name.startswith("IMG_")]:
        same = [p for p in dogs if p != copy and p.read_bytes() == copy.read_bytes()]
        assert {path.name[:4] for path in same} == {owners[copy.name]}
    pairs = load_folder(delivery.inbox, size=64).inspection.near_duplicates
    alike = [tuple(Path(name).name for name in pair) for pair in pairs if "thumb" in "".join(pair)]
    assert alike and all(owners[one] == owners[other] for one, other in alike)


def test_photos_are_the_same_for_everybody(delivery, tmp_path):
    again = receive_photos(tmp_path)
    photo = sorted((again.inbox / "cat").iterdir())[0].relative_to(again.inbox)
    assert (again.inbox / photo).read_bytes() == (delivery.inbox / photo).read_bytes()


def test_a_sheet_passes_over_what_cannot_be_read(delivery):
    assert "cat, dog" in lesson14.show_folder(delivery.inbox, count=2).alt
    owners, own_label = np.array(["0104", "0529", "0767"]), np.array([0.2, 0.1, 0.3])
    picture = lesson14.show_suspects(delivery.inbox, owners, own_label, 2)
    assert "2 animals" in picture.alt


@pytest.mark.parametrize("mistake", experiments.MISTAKES)
def test_only_a_split_by_photo_puts_an_animal_on_both_sides(mistake, monkeypatch):
    seen = {}
    monkeypatch.setattr(experiments, "_new_animals", lambda seed: None)
    monkeypatch.setattr(
        experiments, "_task", lambda images, labels, group, generator: seen.update(group=group)
    )
    experiments._with_mistake(mistake, 0)
    group, photos = seen["group"], 120 * SHOTS
    assert len(group) == (photos + photos // 5 if mistake == "copies" else photos)
    assert len(group.unique()) == {"scenes": photos, "copies": 120 + photos // 5}.get(mistake, 120)


def test_whole_groups_lie_in_one_part():
    group = torch.arange(20).repeat_interleave(3)
    images = group[:, None, None, None].expand(-1, 3, 4, 4)
    task = experiments._task(images, group % 2, group, torch.Generator().manual_seed(0))
    parts = [
        set(split.inputs[:, 0, 0, 0].tolist()) for split in (task.train, task.valid, task.test)
    ]
    assert sum(map(len, parts)) == 20 and list(map(len, parts)) == [12, 4, 4]


def test_the_stored_costs_say_what_the_lesson_says():
    costs = stored("14_mistakes")["knn"]
    gaps = {
        mistake: interval([s - n for s, n in zip(runs["said"], runs["new"], strict=True)])
        for mistake, runs in costs.items()
    }
    assert gaps["none"].low < 0 < gaps["none"].high
    for mistake in ("scenes", "copies", "lopsided", "light"):
        assert gaps[mistake].low > 0
    probe = stored("14_mistakes")["probe"]
    for costs_of in (costs, probe):
        for mistake in ("labels", "lopsided", "light"):
            assert paired(costs_of["none"]["new"], costs_of[mistake]["new"]).low > 0
        assert paired(costs_of["none"]["said"], costs_of["labels"]["said"]).low > 0
        for mistake in ("labels", "lopsided"):  # dim light lowers the truth most
            assert paired(costs_of[mistake]["new"], costs_of["light"]["new"]).low > 0


def test_the_other_stored_numbers_are_those_of_the_prose():
    ladder, real, hunt = stored("14_ladder"), stored("14_photos"), stored("14_suspects")
    means = {way: 100 * interval(runs).mean for way, runs in ladder.items() if way != "seconds"}
    assert (round(means["pixels"]), round(means["knn"])) == (56, 76)
    more = paired(ladder["more_tuned"], ladder["more_probe"])
    assert more.low > 0 and round(100 * more.mean) == 6
    level = paired(ladder["scratch"], ladder["probe"])
    assert level.low < 0 < level.high
    told = {"probe": 91, "fine_tune": 93, "scratch": 54}
    assert all(abs(100 * interval(real[way]).mean - value) <= 0.5 for way, value in told.items())
    assert all(a > b for a, b in zip(real["fine_tune"], real["probe"], strict=True))
    assert round(interval(hunt["found"]).mean) == 5
    no_label = stored("14_real")["averaged"]
    assert {name: round(100 * share) for name, share in no_label.items()} == {
        "all": 93,
        "cat": 87,
        "dog": 99,
    }


def test_fine_tuning_is_a_small_step_beyond_the_probe_however_it_is_trained():
    settings = stored("14_stable")["verdicts"]["fine_tune"]
    assert set(settings) == {"as_told", "half", "three_times", "unclipped", "adamw"}
    ahead = {name: interval(points) for name, points in settings.items()}
    assert {name for name, lead in ahead.items() if lead.low < 0} == {"unclipped"}


def test_scratch_stays_far_behind_on_real_photos_however_it_is_trained():
    found = stored("14_photos_stable")
    ahead = {name: interval(runs) for name, runs in found["verdicts"]["fine_tune"].items()}
    assert set(ahead) == {"as_told", "half", "three_times", "unclipped", "adamw"}
    assert min(lead.low for lead in ahead.values()) > 0
    means = [lead.mean for lead in ahead.values()]
    assert (round(min(means)), round(max(means))) == (31, 41)
    most = max(interval(runs).mean for runs in found["scratch"].values())
    assert round(100 * most) == 62


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
    assert "by animal 73%" in explorer.view().says and "<rect" in explorer.view().picture


@pytest.mark.slow
def test_a_draw_of_the_stored_leak_comes_out_again():
    draw, leak = 3, stored("14_leak")["knn"]
    found = experiments._leak_once(backbone("zukan-resnet"), experiments.READERS["knn"], 2, draw)
    assert found["by_photo"] > found["new"] + 0.05
    for way, share in found.items():
        assert share == pytest.approx(leak[way][1][draw], abs=0.03)


def test_the_answers_of_exercise_a_do_not_hang_on_the_draw():
    leak = stored("14_leak")

    def excess(reader, shots):
        at = leak["shots"].index(shots)
        pairs = zip(leak[reader]["by_photo"][at], leak[reader]["new"][at], strict=True)
        return interval([100 * (said - true) for said, true in pairs])

    assert excess("knn", 1).low < 0 < excess("knn", 1).high
    assert excess("knn", 2).low > 5
    assert 8 < excess("probe", 8).low < excess("probe", 8).high < 12


def test_the_leak_is_read_off_the_widget():
    points = promised("probe")[8]
    assert read_the_leak(2, round(points)) is None
    assert "smallest number" in read_the_leak(5, points)
    assert "linear probe" in read_the_leak(2, points + 8)
    assert "marked numbers" in read_the_leak(4, points)
    assert "should be a number" in read_the_leak(2, ...)


def mean_over(classes):
    def mean(answers, labels):
        given = classes(answers, labels)
        return torch.stack([(answers[labels == c] == c).double().mean() for c in given]).mean()

    return mean


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
    assert '"pond" is no owner' in leaks(
        lambda train, test: sorted({n.split("_")[0] for n in train} & {n[:4] for n in test})
    )
    assert "one part only" in leaks(
        lambda train, test: [o for o in both(train, train) if any(n.startswith(o) for n in test)]
    )
    plain = means(lambda answers, labels: (answers == labels).double().mean())
    assert "all photos" in plain
    for every in (lambda answers, labels: range(3), lambda answers, labels: answers.unique()):
        assert "the mean is nan in place of 0.75" in means(mean_over(every))
    assert means(mean_over(lambda answers, labels: labels.unique())) is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("group", "photo", "knows every part"),
        ("group", "camera", "knows every part"),
        ("group", "day", "should be chosen from"),
        ("order", ["fine-tuning", "probe"], "linear probe before"),
        ("order", ["magic"], "should be chosen from"),
        ("measure", "accuracy", "is rare"),
        ("test_parts", 36, "count parts"),
        ("test_parts", ..., "says nothing"),
        ("why", "yes", "Give your reasons"),
    ],
)
def test_a_plan_that_does_not_hold_together_is_told_why(key, value, said):
    plan = {
        "group": "part",
        "order": ["prior", "probe", "fine-tuning"],
        "measure": "mean of classes",
        "test_parts": 144,
        "why": "Photos of one part are alike, and the rare kind must be seen.",
    }
    assert plan_sorting(plan) is None
    assert plan_sorting(plan | {"measure": "worst class"}) is None
    assert plan_sorting(plan | {"group": "Part", "order": ["K-nn", "Probe"]}) is None
    assert plan_sorting(plan | {"test_parts": np.int64(139)}) is None
    assert said in plan_sorting(plan | {key: value})


def test_a_result_whose_data_are_missing_says_so_and_the_others_are_made(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TLHELPERS_REAL", str(tmp_path / "absent"))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    made = [e for e in results.experiments("14") if e.name in ("14_leak", "14_photos")]
    monkeypatch.setattr(results, "experiments", lambda lesson: made)
    monkeypatch.setattr(experiments, "_leak_once", lambda *_: dict.fromkeys(lesson14.WAYS, 0.5))
    assert results.main(["14"]) == 1
    said = capsys.readouterr()
    assert "no part of the project" in said.err
    assert (tmp_path / "14_leak.json").exists() and not (tmp_path / "14_photos.json").exists()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_says_what_its_run_printed_of_next_month(lang):
    lesson = read_lesson(next(iter(lesson_sources(names=["14"]))))
    (told,) = [block.sources[lang] for block in lesson.blocks if block.key == "yours"]
    (saved,) = [
        c for c in stored_notebook(lesson.notebook(lang)).cells if "report.save" in c.source
    ]
    printed = "".join(output.get("text", "") for output in saved.outputs)
    now, cats, dogs = (re.findall(r"\d+%", line) for line in printed.splitlines()[1:])
    said = told.split("**")[2].split("。両方")[0].split(": with about")[0]
    assert re.findall(r"\d+%", said) == [*cats, *dogs] and now[-1] in told.split("**")[1]
