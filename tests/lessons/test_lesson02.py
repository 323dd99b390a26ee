"""Lesson 02: what its exercises say to the mistakes that people make."""

import copy
import operator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tlhelpers.course.exercises import check, exercises
from tlhelpers.course.results import stored
from tlhelpers.data.catalog import load_task
from tlhelpers.models.backbones import backbone
from tlhelpers.train.engine import evaluate
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.intervals import interval

PLAN = {
    "bodies": 1,
    "mode": "eval",
    "head_kB": 41.1,
    "compare_with": ["pixels"],
    "why": "One body serves all three customers.",
}


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    exercises("02")


def ask(model, images, names, sure, *, mode=True, prepare=True, score=False, enough=operator.ge):
    if mode:
        model.eval()
    with torch.no_grad():
        scores = model(model.preprocess(images) if prepare else images)
    best, classes = (scores if score else scores.softmax(1)).max(1)
    pairs = zip(best.tolist(), classes, strict=True)
    return [names[k] if enough(p, sure) else None for p, k in pairs]


@pytest.mark.parametrize(
    ("mistake", "part"),
    [
        ({}, None),
        ({"mode": False}, "Which mode"),
        ({"prepare": False}, "Were they preprocessed"),
        ({"score": True}, "Compare the highest probability"),
        ({"enough": operator.gt}, "at least `sure` is enough"),
    ],
)
def test_a_careless_classifier_hears_what_was_forgotten(mistake, part):
    verdict = check("02-b", {"name_or_ask": lambda *given: ask(*given, **mistake)})
    assert verdict.passed if part is None else part in verdict.message


def ask_and_put_back(model, images, names, sure):
    mode = model.training
    answers = ask(model, images, names, sure)
    model.train(mode)
    return answers


def test_a_mode_may_be_put_back_or_set_on_a_copy():
    assert check("02-b", {"name_or_ask": ask_and_put_back}).passed
    of_a_copy = {"name_or_ask": lambda model, *given: ask(copy.deepcopy(model), *given)}
    assert check("02-b", of_a_copy).passed
    only_names = {"name_or_ask": lambda *given: [name for name in ask(*given) if name]}
    assert "Return one entry for each picture" in check("02-b", only_names).message


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, None),
        ({"bodies": 3}, "Three bodies"),
        ({"mode": "train"}, "other heads"),
        ({"head_kB": 10.3}, "at 4 bytes each"),
        ({"compare_with": "pixels"}, None),
        ({"compare_with": {"pixels", "scratch"}}, None),
        ({"head_kB": torch.tensor(41.12), "bodies": np.int64(1)}, None),
        ({"head_kB": "41 kB"}, "what is asked for is a number"),
        ({"mode": "eval()"}, 'Choose "eval" or "train"'),
        ({"compare_with": ["pixels", "knn"]}, "at least one baseline"),
        ({"compare_with": []}, "nothing about compare_with"),
        ({"why": "faster"}, "reasons"),
        ({"why": ...}, "nothing about why"),
    ],
)
def test_a_plan_is_held_against_what_the_lesson_measured(change, part):
    verdict = check("02-c", {"plan": PLAN | change})
    assert verdict.passed if part is None else part in verdict.message


@pytest.mark.parametrize(
    ("write", "part"),
    [
        (lambda read, x, y: (torch.cat([read(x), read(x.flip(3))]), y.repeat(2)), None),
        (lambda read, x, y: (read(torch.cat([x, x.flip(3)])), y.repeat(2)), None),
        (lambda read, x, y: (read(x), y), "saw 5 pictures instead of 10"),
        (lambda read, x, y: (torch.cat([read(x), read(x.flip(2))]), y.repeat(2)), "left and right"),
        (
            lambda read, x, y: (torch.cat([read(x), read(x.flip(3))]), y.repeat_interleave(2)),
            "keeps the label",
        ),
        (lambda read, x, y: torch.cat([read(x), read(x.flip(3))]), "Return two things"),
        (lambda read, x, y: ([read(x), read(x.flip(3))], y.repeat(2)), "Return two things"),
    ],
)
def test_mirror_images_come_once_each_with_their_labels(write, part):
    verdict = check("02-d", {"with_mirrors": write})
    assert verdict.passed if part is None else part in verdict.message


@pytest.mark.parametrize(
    ("first_layer", "best_layer", "part"),
    [
        ("layer3", "layer4", None),
        ("layer2", "layer4", "not the first layer"),
        ("layer3", "layer3", "a higher share than layer3"),
        ("fc", "layer4", "not a layer of the widget"),
    ],
)
def test_layers_are_those_of_the_widget(first_layer, best_layer, part):
    verdict = check("02-a", {"first_layer": first_layer, "best_layer": best_layer})
    assert verdict.passed if part is None else part in verdict.message


def test_what_train_mode_costs_a_real_network_is_what_the_lesson_tells():
    drift = stored("02_real")["drift"]
    pairs = zip(drift["still"], drift["drifted"], strict=True)
    lost = interval([100 * (still - drifted) for still, drifted in pairs])
    assert lost.mean == pytest.approx(24, abs=0.51) and lost.low > 0


@pytest.mark.slow
def test_random_weights_reach_what_the_lesson_tells():
    """The highest of ten: a verdict about one random body is one about its seed."""
    torch.manual_seed(5)
    untrained = backbone("zukan-resnet", pretrained=False)
    draws = [load_task("birds", 10, draw, test_per_class=25) for draw in range(3)]
    reached = interval([probe(untrained, task).test_acc for task in draws]).mean
    assert reached == pytest.approx(0.61, abs=0.02)


@pytest.mark.slow
def test_the_last_small_batch_is_what_harms_the_birds_most():
    """In train mode, each draw does better without the batch of four pictures."""
    network = backbone("zukan-resnet")
    for draw in range(3):
        task = load_task("birds", 10, draw, test_per_class=25)
        accuracies = []
        for smallest in (4, 32):  # with the last batch of each epoch, and without
            torch.manual_seed(0)
            head, body = nn.Linear(256, 10), copy.deepcopy(network).train()
            body.fc = nn.Identity()
            optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
            inputs, labels = body.preprocess(task.train.inputs), task.train.labels
            for rows in [rows for _ in range(8) for rows in torch.randperm(100).split(32)]:
                if len(rows) >= smallest:
                    with torch.no_grad():
                        features = body(inputs[rows])
                    optimizer.zero_grad()
                    F.cross_entropy(head(features), labels[rows]).backward()
                    optimizer.step()
            body.fc = head
            accuracies.append(evaluate(body.eval(), task.test))
        assert accuracies[1] > accuracies[0] + 0.02


def head_accuracy(features, labels, tested, truth, epochs):
    """What a head reaches when it is trained as the lesson trains it."""
    torch.manual_seed(0)
    head = nn.Linear(256, 10)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
    for rows in [rows for _ in range(epochs) for rows in torch.randperm(len(labels)).split(32)]:
        optimizer.zero_grad()
        F.cross_entropy(head(features[rows]), labels[rows]).backward()
        optimizer.step()
    return 100 * (head(tested).argmax(1) == truth).double().mean().item()


@pytest.mark.slow
def test_mirror_images_gain_what_exercise_d_tells():
    """8 epochs of 200 pictures are as many batches as 14 of 100."""
    network, longer, mirrored = backbone("zukan-resnet"), [], []
    for draw in range(10):
        task = load_task("birds", 10, draw, test_per_class=25)
        images, labels = task.train.inputs, task.train.labels
        plain, mirror, tested = (
            extract_features(network, some, cache=False)
            for some in (images, images.flip(3), task.test.inputs)
        )
        before = head_accuracy(plain, labels, tested, task.test.labels, 8)
        longer.append(head_accuracy(plain, labels, tested, task.test.labels, 14) - before)
        both = torch.cat([plain, mirror]), labels.repeat(2)
        mirrored.append(head_accuracy(*both, tested, task.test.labels, 8) - before)
    assert interval(longer).mean == pytest.approx(3, abs=0.5)
    assert interval(mirrored).mean == pytest.approx(5, abs=0.5)
    assert interval([a - b for a, b in zip(mirrored, longer, strict=True)]).low > 0
