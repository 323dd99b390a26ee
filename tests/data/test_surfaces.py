"""Surfaces, X-ray phantoms and land use: the pictures hold what their labels and cards promise."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import adaptive_avg_pool2d

from tlhelpers.data.zukan import DOMAINS, draw
from tlhelpers.data.zukan.kit import Canvas, mix
from tlhelpers.data.zukan.surfaces import OK, paint_surface
from tlhelpers.data.zukan.xray import DOMAIN as XRAY

NAMES = ("surfaces", "xray", "land_use")


def paint(paint_labels, label: int, count: int = 16, size: int = 64) -> torch.Tensor:
    """`count` pictures of one label from the same keys each time, float (count, 3, S, S)."""
    canvas = Canvas(mix(torch.arange(1, count + 1)), size)
    paint_labels(canvas, torch.full((count,), label))
    return canvas.image


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_the_same_alone_and_among_others(name):
    labels = torch.arange(6) % DOMAINS[name].num_classes
    indices = torch.arange(6) * 7
    together = draw(name, labels, indices)
    backwards = draw(name, labels.flip(0), indices.flip(0)).flip(0)
    alone = torch.cat([draw(name, labels[i : i + 1], indices[i : i + 1]) for i in range(6)])
    assert torch.equal(together, backwards)
    assert torch.equal(together, alone)


@pytest.mark.parametrize("name", NAMES)
def test_every_class_has_a_name_of_its_own_in_both_languages(name):
    domain = DOMAINS[name]
    for lang in ("en", "ja"):
        assert len(set(domain.classes[lang])) == domain.num_classes
        assert domain.description[lang]
    assert domain.classes["en"] != domain.classes["ja"]


def test_phantoms_are_declared_as_drawings():
    assert "not medical data" in XRAY.description["en"]
    assert "医療データではありません" in XRAY.description["ja"]


@pytest.mark.parametrize("size", (48, 96, 224))
@pytest.mark.parametrize("name", NAMES)
def test_other_sizes_show_the_same_scene(name, size):
    for label in range(DOMAINS[name].num_classes):
        pictures = [paint(DOMAINS[name].draw, label, 2, side) for side in (64, size)]
        assert pictures[1].shape == (2, 3, size, size)
        for one, two in zip(*pictures, strict=True):
            small = [adaptive_avg_pool2d(x, 16).flatten() for x in (one, two)]
            assert torch.corrcoef(torch.stack(small))[0, 1] > 0.9


@pytest.mark.parametrize("damage", (1, 2, 3, 4))
def test_damage_changes_a_surface_where_it_lies_and_is_plain_to_see(damage):
    good, damaged = paint(paint_surface, OK), paint(paint_surface, damage)
    change = (damaged - good).abs().amax(1)
    share = (change > 0.01).float().mean((1, 2))
    assert share.max() < 0.4  # the rest of the part stays exactly as it was
    assert share.min() > 0.005
    strongest = change.flatten(1).topk(20).values.mean(1)
    assert strongest.median() > 0.2
    assert strongest.min() > 0.06


def test_a_given_hue_colours_the_part():
    labels = torch.zeros(16, dtype=torch.long)
    canvas = Canvas(mix(torch.arange(1, 17)))
    paint_surface(canvas, labels, hue=torch.full((16,), 1 / 3), saturation=(0.6, 0.9))
    red, green, blue = canvas.image.flatten(2).median(2).values.unbind(1)
    assert (green > red).all() and (green > blue).all()


def test_a_finding_only_brightens_a_phantom():
    normal = paint(XRAY.draw, 0)
    for label in (1, 2):
        change = paint(XRAY.draw, label) - normal
        assert change.min() > -1e-6
        assert change.flatten(1).amax(1).min() > 0.05


@pytest.mark.parametrize(("name", "bar"), (("surfaces", 0.45), ("xray", 0.5), ("land_use", 0.65)))
def test_the_colour_histogram_does_not_give_the_class_away(name, bar):
    classes = DOMAINS[name].num_classes
    labels = torch.arange(classes).repeat(100)
    level = (draw(name, labels, torch.arange(100 * classes)) // 64).long()
    colour = (level[:, 0] * 16 + level[:, 1] * 4 + level[:, 2]).flatten(1)
    histogram = torch.stack([row.bincount(minlength=64) for row in colour]).div(4096).sqrt()
    half = 50 * classes
    model = LogisticRegression(C=10, max_iter=200).fit(histogram[:half], labels[:half])
    assert model.score(histogram[half:], labels[half:]) <= bar
