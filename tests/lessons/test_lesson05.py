"""Lesson 05: its numbers on the shelf and at the door, and what its exercises say to mistakes."""

import itertools
import re

import pytest
import torch
from torch.nn import functional as F

import tlhelpers as tl
from tlhelpers.course.exercises import check, exercises
from tlhelpers.lessons.few_shot import figures as lesson05
from tlhelpers.lessons.few_shot import widget
from tlhelpers.runtime.places import LESSONS

SOURCE = (LESSONS / "source" / "05_few_shot.py").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    exercises("05")


def largest(strangers, entries):
    return (F.normalize(strangers, dim=1) @ F.normalize(entries, dim=1).T).amax(1)


def choose_threshold(strangers, entries, let_in):
    return largest(strangers, entries).quantile(1 - let_in)


def of_every_pair(strangers, entries, let_in):
    return (F.normalize(strangers, dim=1) @ F.normalize(entries, dim=1).T).quantile(1 - let_in)


@pytest.mark.parametrize(
    ("choose", "part"),
    [
        (choose_threshold, None),
        (of_every_pair, "A stranger needs only one entry"),
        (lambda s, e, let_in: choose_threshold(s, e, 1 - let_in), "needs a lower threshold"),
        (lambda s, e, let_in: (s @ e.T).amax(1).quantile(1 - let_in), "direction only"),
        (lambda s, e, let_in: choose_threshold(s, e, let_in / 2), "It should be 5%"),
        (lambda s, e, let_in: of_every_pair(s, e, let_in / len(e)), "It should be 5%"),
        (lambda s, e, let_in: choose_threshold(s, e, torch.tensor([let_in])), None),
        (lambda s, e, let_in: (F.normalize(s) @ e.T).amax(1).quantile(1 - let_in), "direction"),
        (lambda s, e, let_in: largest(s, e), "what is asked for is a number"),
    ],
)
def test_a_threshold_for_the_whole_guide_is_told_from_its_neighbours(choose, part):
    verdict = check("05-b", {"choose_threshold": choose})
    assert verdict.passed if part is None else part in verdict.message


def test_the_text_says_what_one_picture_of_the_shelf_changes():
    shelf = widget.fill_shelf()
    names = tl.load_task("birds", 1).only_classes(widget.BIRDS).class_names
    assert names[2] == "toucan"  # those of the shelf are of the language that asked first

    def share_right(kind=0, picture=0):
        members = [torch.tensor([8 * row + picture * (row == kind)]) for row in range(3)]
        answers = widget.classify(shelf.support, members, shelf.queries)[1]
        return (answers == shelf.labels).double().mean().item()

    best = max(itertools.product(range(3), range(8)), key=lambda exchange: share_right(*exchange))
    told = re.search(r"best exchange, the sixth toucan .* (\d+%) into (\d+%)", SOURCE)
    assert best == (2, 5)
    assert [f"{share_right():.0%}", f"{share_right(*best):.0%}"] == list(told.groups())


def test_the_solution_says_what_the_mended_door_lets_in():
    network = tl.backbone("zukan-resnet")
    birds, fish = (
        tl.load_task(name, 1, valid_per_class=1, test_per_class=count)
        for name, count in (("birds", 40), ("fish", 20))
    )
    features = tl.extract_features(network, birds.test)
    kinds = torch.stack([features[birds.test.labels == kind] for kind in range(10)])
    unit, swimmers = F.normalize(kinds, dim=2), tl.extract_features(network, fish.test)
    entries = F.normalize(unit[5:, :5].mean(1), dim=1)
    own = unit[5:, 10:] @ entries[:, :, None]
    guide = {False: (entries, [0, 1, 2, 3, 4])}
    guide[True] = torch.cat([entries, unit[1:2, :5].mean(1)]), [0, 2, 3, 4]  # with the wagtail
    found = []
    for registered, others in guide.values():
        threshold = choose_threshold(unit[others].flatten(0, 1), registered, 0.05)
        fish_in = (largest(swimmers, registered) >= threshold).sum().item()
        found += [f"{(own >= threshold).float().mean():.0%}", str(fish_in)]
    told = re.search(
        r"fish (\d+) get in .*? (\d+%) get in .*? (\d+%) of the guide's own .*? (\d+) fish",
        SOURCE,
        re.S,
    )
    assert found == [told[2], told[1], told[3], told[4]]
    strict = choose_threshold(unit[:5].flatten(0, 1), entries, 0.05)
    still_in = (largest(unit[:5].flatten(0, 1), entries) >= strict).view(5, 40).any(1)
    assert [birds.class_names[kind] for kind in still_in.nonzero()[:, 0]] == ["wagtail"]


def test_the_roc_figure_draws_the_line_and_the_points_that_the_text_names(monkeypatch):
    drawn = []
    monkeypatch.setattr(lesson05, "picture", lambda figure, alt: drawn.append(figure))
    same, other = torch.linspace(0.4, 1, 50), torch.linspace(0, 0.6, 50)
    lesson05.draw_roc({1: (same, other), 5: (same, other)})
    lines = drawn[0].axes[0].lines
    points = [line.get_xydata()[0] for line in lines if line.get_marker() == "o"]
    assert len(points) == 2 and all(abs(x + y - 1) < 0.03 for x, y in points)
    assert any(line.get_xydata().tolist() == [[0, 1], [1, 0]] for line in lines)


def test_the_text_says_what_other_settings_make_of_the_lead():
    found = tl.stored("05_stable")["verdicts"]["characters"]
    near, far = (tl.interval(found[f"{by}, 1-shot, 128 px"]) for by in ("prototypes", "cosine"))
    told = re.search(r"shrinks to ([\d.]+) points, and by cosine .* loss of (\d+\.\d)", SOURCE)
    assert [f"{near.mean:.1f}", f"{-far.mean:.1f}"] == list(told.groups())
    assert near.low > 0 > far.high


def test_no_mark_hides_the_interval_of_real_characters(monkeypatch):
    drawn = []
    monkeypatch.setattr("tlhelpers.show.twins.picture", lambda figure, alt: drawn.append(figure))
    lesson05.draw_real(tl.stored("05_real"))
    lines = drawn[0].axes[0].lines
    caps = [line for line in lines if line.get_marker() == "|"]
    marks = [line for line in lines if line.get_marker() in ("o", "D", "s", "^")]
    assert len(caps) == len(marks) == 16
    assert all(cap.get_markersize() > 2 * marks[0].get_markersize() for cap in caps)


def test_the_legend_names_the_two_eyes_as_the_text_does(monkeypatch):
    drawn = []
    monkeypatch.setattr("tlhelpers.show.twins.picture", lambda figure, alt: drawn.append(figure))
    lesson05.draw_real(tl.stored("05_real"))
    legend = {words.get_text() for words in drawn[0].legends[0].get_texts()}
    (told,) = re.findall(r"compare two eyes:\n#\n# - (\S+) .*\n# - .*`(\S+)`", SOURCE)
    assert set(told) < legend
