"""Episodes are drawn fairly, scored by the papers' formulas, and refused where they cannot be."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tlhelpers.data.task import Split, Task
from tlhelpers.transfer.fewshot import few_shot, sample_episodes
from tlhelpers.transfer.prototypes import METHODS


def make_task(images_per_class=(40,) * 8, d=12, gap=1.0, seed=0):
    """A task whose test inputs are Gaussian clusters; its classes have these many images."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(images_per_class)).repeat_interleave(torch.tensor(images_per_class))
    labels = labels[torch.randperm(len(labels), generator=generator)]
    centres = torch.randn(len(images_per_class), d, generator=generator) * gap
    inputs = centres[labels] + torch.randn(len(labels), d, generator=generator)
    numbers = range(len(images_per_class))
    names = {"en": [f"novel {c}" for c in numbers], "ja": [f"新種{c}" for c in numbers]}
    split = Split(inputs, labels)
    return Task("novel", split, split, split, classes=names)


def class_of_query(method, support, query):
    """The papers' formulas in float64, one query at a time. support: (n_way, n_shot, d)."""
    support, query = support.double(), query.double()
    if method == "prototypes":
        scores = [-((query - images.mean(0)) ** 2).sum() for images in support]
    elif method == "cosine":
        means = [images.mean(0) for images in support]
        scores = [query @ mean / (query.norm() * mean.norm()) for mean in means]
    else:
        scores = [-min(((query - image) ** 2).sum() for image in images) for images in support]
    return max(range(len(scores)), key=scores.__getitem__)


@pytest.mark.parametrize("method", ["prototypes", "cosine", "nearest"])
@pytest.mark.parametrize("n_shot", [1, 3])
def test_batched_episodes_equal_the_formula_query_by_query(method, n_shot):
    task = make_task()
    features = task.test.inputs
    found = few_shot(features, task, 4, n_shot, 5, episodes=12, method=method, seed=3)
    rows = sample_episodes(task.test.labels, 4, n_shot, 5, episodes=12, seed=3)
    expected = []
    for episode in features[rows]:
        support, queries = episode[:, :n_shot], episode[:, n_shot:]
        right = [
            class_of_query(method, support, queries[c, i]) == c for c in range(4) for i in range(5)
        ]
        expected.append(sum(right) / len(right))
    assert torch.allclose(found.accuracies, torch.tensor(expected), atol=1e-6)


def test_an_episode_has_distinct_classes_and_distinct_images_of_them():
    labels = make_task((7, 20, 9, 30, 8)).test.labels
    rows = sample_episodes(labels, n_way=3, n_shot=2, n_query=5, episodes=300, seed=1)
    classes = labels[rows]
    assert (classes == classes[:, :, :1]).all()
    assert all(len(set(episode)) == 3 for episode in classes[:, :, 0].tolist())
    assert all(len(set(images)) == 7 for images in rows.flatten(0, 1).tolist())
    share = torch.bincount(classes[:, :, 0].flatten(), minlength=5) / 900
    assert (share - 0.2).abs().max() < 0.05
    assert len(rows.unique()) == len(labels)


def test_the_seed_settles_the_episodes():
    task = make_task()
    first, same, other = (few_shot(task.test.inputs, task, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.accuracies, same.accuracies)
    assert not torch.equal(first.accuracies, other.accuracies)


def test_the_interval_is_over_episodes():
    task = make_task()
    found = few_shot(task.test.inputs, task, episodes=600).accuracy
    assert found.n == 600 and found.low < found.mean < found.high
    assert few_shot(task.test.inputs, task, episodes=60).accuracy.high - found.mean > (
        found.high - found.mean
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_where_classes_differ_and_guesses_where_they_do_not(method):
    easy, hopeless = make_task(gap=3.0), make_task(gap=0.0)
    options = {"n_shot": 5, "n_query": 10, "episodes": 100, "method": method}
    assert few_shot(easy.test.inputs, easy, **options).accuracy.mean > 0.97
    assert few_shot(hopeless.test.inputs, hopeless, **options).accuracy.mean < 0.25


def test_a_trained_head_is_as_good_as_prototypes_with_many_shots():
    task = make_task(gap=0.8)
    head, prototypes = (
        few_shot(task.test.inputs, task, n_shot=20, episodes=100, method=method).accuracy.mean
        for method in ("head", "prototypes")
    )
    assert abs(head - prototypes) < 0.05


def test_raw_pixels_are_a_control_and_a_network_reads_the_test_split_once():
    labels = torch.arange(5).repeat_interleave(20)
    images = (labels * 40).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous()
    split = Split(images, labels)
    names = [str(c) for c in range(5)]
    task = Task("grey", split, split, split, classes={"en": names, "ja": names})
    result = few_shot("pixels", task, episodes=20)
    assert result.accuracy.mean == 1.0 and result.chance == 0.2
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.Linear(8, 2))
    assert few_shot(network, task, episodes=20).test_reads == 2


def test_centring_brings_the_angles_back():
    task = make_task()
    far = task.test.inputs + 50.0
    centre = torch.full((12,), 50.0)
    plain = few_shot(task.test.inputs, task, method="cosine").accuracies
    centred = few_shot(far, task, method="cosine", centre=centre).accuracies
    assert (centred - plain).abs().mean() < 1e-3
    assert not torch.equal(few_shot(far, task, method="cosine").accuracies, plain)


@pytest.mark.parametrize(("lang", "name"), [("en", "novel 3"), ("ja", "新種3")])
def test_classes_that_the_backbone_was_trained_on_are_named(lang, name, monkeypatch):
    """The trap: base and novel classes that overlap; named in the learner's language."""
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    task = make_task()
    backbone = nn.Sequential(nn.Linear(12, 12), nn.Linear(12, 2))
    backbone.preprocess = nn.Identity()
    backbone.info = SimpleNamespace(classes={"en": ["cat", "novel 3"], "ja": ["猫", "新種3"]})
    with pytest.warns(UserWarning, match=name):
        few_shot(backbone, task, episodes=5)


@pytest.mark.parametrize(
    "options",
    [
        {"n_way": 9},
        {"n_way": 1},
        {"n_shot": 30, "n_query": 11},
        {"n_shot": 0},
        {"n_query": 0},
        {"episodes": 0},
        {"method": "matching"},
    ],
)
def test_what_cannot_be_drawn_is_refused(options):
    task = make_task()
    with pytest.raises(ValueError, match=r"[0-9]|matching"):
        few_shot(task.test.inputs, task, **options)


def test_features_of_another_split_are_refused():
    task = make_task()
    with pytest.raises(ValueError):
        few_shot(task.test.inputs[1:], task)
