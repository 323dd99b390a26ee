"""Birds, fish, cats and dogs: the classes are what their tables say, and can be seen."""

import pytest
import torch

from tlhelpers.data.zukan import birds, fish, pets
from tlhelpers.data.zukan.kit import Canvas, combine

DESCRIBED = [birds.DOMAIN, birds.DOMAIN_24, fish.DOMAIN]
DOMAINS = [*DESCRIBED, pets.DOMAIN]
each_described = pytest.mark.parametrize("domain", DESCRIBED, ids=lambda d: d.name)
each_domain = pytest.mark.parametrize("domain", DOMAINS, ids=lambda d: d.name)
COLOURS = {"birds": ("red", "yellow", "blue"), "fish": ("orange", "blue", "green")}


def keys(n, seed=0):
    return combine(torch.arange(n) + 1000 * seed, 7)


def picture(paint, what, picture_keys, size=64):
    """Paint `what` (labels or attributes, one row a key) and return the pictures, 0..1."""
    canvas = Canvas(picture_keys, size)
    paint(canvas, what)
    return canvas.image


@each_described
def test_any_two_species_differ_in_two_features_or_more(domain):
    table = domain.attributes
    distance = (table[:, None] != table[None]).sum(2) + 9 * torch.eye(len(table), dtype=torch.long)
    assert distance.min() >= 2


@each_described
def test_every_feature_is_present_in_some_species_and_absent_in_others(domain):
    share = domain.attributes.mean(0)
    assert (share > 0).all() and (share < 1).all()


def test_each_feature_of_the_24_birds_is_left_to_learn_when_any_five_are_hidden():
    counts = birds.DOMAIN_24.attributes.sum(0)
    assert counts.min() >= 6 and counts.max() <= 24 - 6


@each_described
def test_every_species_has_exactly_one_colour(domain):
    module = fish if domain is fish.DOMAIN else birds
    colours = COLOURS["fish" if module is fish else "birds"]
    columns = [list(module.FEATURES).index(colour) for colour in colours]
    assert (domain.attributes[:, columns].sum(1) == 1).all()


def test_a_misspelt_feature_in_a_species_would_be_noticed():
    for module in (birds, fish):
        for english, _, features in module.SPECIES:
            assert set(features.split()) <= set(module.FEATURES), english


@each_domain
def test_names_are_unique_and_complete_in_both_languages(domain):
    for names in (domain.classes, domain.attribute_names or {"en": [], "ja": []}):
        for language in ("en", "ja"):
            assert len(set(names[language])) == len(names[language])
        assert len(names["en"]) == len(names["ja"])
    assert set(domain.description) == {"en", "ja"}


def test_the_tilapia_of_the_lesson_is_among_the_fish():
    row = fish.DOMAIN.classes["en"].index("tilapia")
    assert fish.DOMAIN.classes["ja"][row] == "ティラピア"


@pytest.mark.parametrize(
    ("paint", "features"),
    [(birds.paint_bird, birds.FEATURES), (fish.paint_fish, fish.FEATURES)],
    ids=["bird", "fish"],
)
def test_a_feature_changes_the_picture_of_the_same_animal(paint, features):
    """Same keys, one feature switched on: at least a patch of the size of an eye changes."""
    plain = torch.zeros(6, len(features))
    before = picture(paint, plain, keys(6))
    for column, name in enumerate(features):
        if name in ("red", "orange"):  # the hue 0, as without any colour
            continue
        changed = plain.clone()
        changed[:, column] = 1
        after = picture(paint, changed, keys(6))
        pixels = ((after - before).abs().amax(1) > 0.15).flatten(1).sum(1)
        assert pixels.min() >= 8, name


@each_domain
@pytest.mark.parametrize("size", [48, 96, 224])
def test_every_size_draws_the_same_scene(domain, size):
    labels = torch.arange(4) % domain.num_classes
    drawn = picture(domain.draw, labels, keys(4), size)
    assert drawn.shape == (4, 3, size, size)
    assert drawn.isfinite().all() and drawn.min() >= 0 and drawn.max() <= 1
    small = torch.nn.functional.adaptive_avg_pool2d(drawn, 16)
    usual = torch.nn.functional.adaptive_avg_pool2d(picture(domain.draw, labels, keys(4)), 16)
    assert (small - usual).abs().mean() < 0.03


@each_domain
def test_a_picture_does_not_depend_on_its_batch(domain):
    labels = torch.arange(8) % domain.num_classes
    together = picture(domain.draw, labels, keys(8))
    order = torch.tensor([5, 0, 3])
    apart = picture(domain.draw, labels[order], keys(8)[order])
    assert torch.equal((together[order] * 255).round(), (apart * 255).round())


@each_domain
def test_the_mean_colour_of_a_picture_does_not_name_its_class(domain):
    """Nearest class mean on the mean colour stays near chance: no shortcut by background."""
    labels = torch.arange(10 * domain.num_classes) % domain.num_classes
    train, test = (
        picture(domain.draw, labels, keys(len(labels), seed), 48).mean((2, 3)) for seed in (1, 2)
    )
    means = torch.stack([train[labels == k].mean(0) for k in range(domain.num_classes)])
    accuracy = (torch.cdist(test, means).argmin(1) == labels).float().mean()
    assert accuracy < (0.8 if domain.num_classes == 2 else 0.3)
