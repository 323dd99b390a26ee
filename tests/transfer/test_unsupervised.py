"""Clusters, what is odd, and SimCLR: numbers worked by hand, and what each refuses."""

import math

import pytest
import torch
from torch import nn

from tests.tiny import TinyNet, tiny_task
from tlhelpers.data.task import Split
from tlhelpers.transfer.unsupervised.anomaly import anomaly, judge, quiet_threshold
from tlhelpers.transfer.unsupervised.clusters import cluster
from tlhelpers.transfer.unsupervised.moments import mahalanobis, mean_distance
from tlhelpers.transfer.unsupervised.nearest import nearest_distance
from tlhelpers.transfer.unsupervised.patches import patch_distances, patch_maps
from tlhelpers.transfer.unsupervised.simclr import continue_pretraining, nt_xent, two_views


@pytest.fixture(scope="module")
def task():
    return tiny_task(24)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return TinyNet().eval()


# --- clusters -------------------------------------------------------------------------------


def test_heaps_are_found_numbered_by_size_and_judged_by_pairs():
    points = torch.tensor([[0.0], [0.2], [9.0], [9.2], [9.4], [9.6]])
    found = cluster(points, Split(torch.zeros(6, 1), [1, 1, 0, 0, 0, 1]), 2)
    assert found.clusters.tolist() == [1, 1, 0, 0, 0, 0] and found.sizes == [4, 2]
    torch.testing.assert_close(found.means, torch.tensor([[9.3], [0.1]]))
    # pairs together in both 1 + 3 = 4, in heaps 6 + 1 = 7, in classes 3 + 3 = 6, of 15
    by_chance = 7 * 6 / 15
    assert found.ari == pytest.approx((4 - by_chance) / ((7 + 6) / 2 - by_chance))


def test_fewer_numbers_keep_all_distances(task):
    """Pixels have more numbers than there are pictures; the heaps must not change by that."""
    from sklearn.cluster import KMeans

    pixels = task.train.inputs.flatten(1).double() / 255
    plain = KMeans(4, n_init=10, random_state=0).fit(pixels.numpy())
    found = cluster("pixels", task, 4)
    assert found.ari == 1.0  # four colours
    pairs = torch.from_numpy(plain.labels_)[:, None] == torch.from_numpy(plain.labels_)
    assert torch.equal(pairs, found.clusters[:, None] == found.clusters)


def test_images_without_labels_are_sorted_and_not_judged(task, network):
    found = cluster(network, task.train.inputs, 4)
    assert math.isnan(found.ari) and found.silhouette > 0 and sum(found.sizes) == len(task.train)
    assert "adjusted Rand index" in str(found)


@pytest.mark.parametrize(
    ("features", "k", "says"),
    [
        (torch.randn(5, 3), 9, "only 5 different"),
        (torch.randn(5, 3), 1, "k=1"),
        (torch.tensor([[0.0], [0.0], [1.0]]), 3, "only 2 different"),
        (torch.ones(6, 3), 2, "the same"),
        (torch.tensor([[0.0], [1.0], [math.nan]]), 2, "row 2"),
        (torch.tensor([[0.0], [math.inf], [1.0]]), 2, "row 1"),
        (torch.randn(1, 3), 2, "1 examples"),
    ],
)
def test_what_cannot_be_sorted_is_said(features, k, says):
    split = Split(torch.zeros(len(features), 1), torch.zeros(len(features), dtype=torch.long))
    with pytest.raises(ValueError, match=says):
        cluster(features, split, k)


def test_one_constant_feature_among_others_does_no_harm():
    points = torch.tensor([[0.0, 7.0], [0.1, 7.0], [5.0, 7.0], [5.1, 7.0]])
    assert cluster(points, Split(torch.zeros(4, 1), [0, 0, 1, 1]), 2).ari == 1.0


# --- what is odd ----------------------------------------------------------------------------


def test_distances_are_those_of_the_formulas():
    known = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 2.0]])  # mean (2, 1)
    asked = torch.tensor([[2.0, 4.0], [5.0, 0.0]])
    torch.testing.assert_close(mean_distance(known)(asked), torch.tensor([3.0, 10**0.5]).double())
    torch.testing.assert_close(nearest_distance(known)(asked), torch.tensor([8**0.5, 1.0]))
    two = torch.tensor([8**0.5, (1 + 5**0.5) / 2])
    torch.testing.assert_close(nearest_distance(known, 2)(asked), two)


def test_mahalanobis_counts_in_the_units_of_the_data():
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(4000, 2, generator=generator) * torch.tensor([10.0, 0.5])
    far, odd = mahalanobis(known)(torch.tensor([[10.0, 0.0], [0.0, 5.0]])).tolist()
    assert far == pytest.approx(1, rel=0.1)
    assert odd == pytest.approx(9, rel=0.1)  # ten, less what the shrinkage takes
    constant = torch.cat([known, torch.full((4000, 1), 3.0)], 1)
    assert mahalanobis(constant)(constant[:1]).isfinite().all()


def test_the_oddest_patch_speaks_for_its_place():
    known = torch.zeros(4, 2, 3, 3)
    asked = torch.zeros(1, 2, 3, 3)
    asked[0, :, 1, 2] = torch.tensor([3.0, 4.0])
    found = patch_distances(known)(asked)
    assert found.shape == (1, 3, 3) and found[0, 1, 2] == 5 and found.sum() == 5


def test_maps_of_layers_are_brought_to_the_size_of_the_first(network, task):
    maps = patch_maps(network, task.test, ("conv1", "layer1"))
    assert maps.shape == (len(task.test), 8 + 12, 8, 8)
    picture = network.preprocess(task.test.inputs)
    plain = nn.functional.avg_pool2d(network.conv1(picture), 3, 1, 1)
    torch.testing.assert_close(maps[:, :8], plain)


def test_a_threshold_needs_sound_examples_only():
    calm = torch.arange(1.0, 100)  # 99 of them
    assert quiet_threshold(calm, 0.05) == 95  # the 95th of 100 places: at most 5% lie above
    assert quiet_threshold(calm[:5], 0.05) == 5  # too few to say: the largest


def test_a_judgement_counts_pairs_and_shares():
    scores, odd = torch.tensor([1.0, 2, 3, 4, 5]), torch.tensor([False, False, True, False, True])
    found = judge(scores, odd, threshold=3.5)
    assert found["auroc"] == pytest.approx(5 / 6)  # 3 beats 1 and 2, 5 beats all three
    assert found["caught"] == 0.5 and found["false_alarms"] == pytest.approx(1 / 3)
    assert found["alarms_at_95"] == pytest.approx(1 / 3)  # to catch both, 4 is looked at as well
    nothing = judge(scores, torch.zeros(5, dtype=torch.bool), 3.5)
    assert math.isnan(nothing["auroc"]) and nothing["false_alarms"] == 0.4


@pytest.mark.parametrize("method", ["mean", "mahalanobis", "nearest", "patches"])
def test_other_colours_are_odd_where_red_is_sound(method, network, task):
    options = {"layers": ("layer1",)} if method == "patches" else {}
    found = anomaly(network, task, method=method, **options)
    assert found.auroc > 0.95 and found.caught > 0.9 and found.test_reads
    assert found.known == 20 and len(found.scores) == len(task.test)
    assert (found.maps is not None) == (method == "patches")


def test_no_odd_example_is_read_to_learn_from(network, task):
    """Whatever the other classes look like, learning and threshold stay the same."""
    red = task.train.subset((task.train.labels == 0).nonzero()[:, 0])
    alone = anomaly(network, red, task.test, method="nearest")
    among = anomaly(network, task, method="nearest")
    assert alone.threshold == among.threshold and torch.equal(alone.scores, among.scores)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": "oracle"}, "oracle"),
        ({"method": "mean", "bank": 3}, "bank"),
        ({"false_alarms": 1.5}, "false_alarms"),
        ({"method": "patches", "layers": ("layer9",)}, "layer9"),
        ({"method": "nearest", "k": 50}, "k is 50"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_asked_is_said(given, says, network, task):
    with pytest.raises(ValueError, match=says):
        anomaly(network, task, **{"method": "nearest", **given})


def test_what_cannot_be_learned_from_is_said(network, task):
    with pytest.raises(ValueError, match="1 examples"):
        anomaly(network, task.train.inputs[:1], task.test, method="mean")
    with pytest.raises(ValueError, match="the same"):
        anomaly(network, task.train.inputs[:1].expand(20, -1, -1, -1), task.test, method="mean")
    broken = TinyNet().eval()
    nn.init.constant_(broken.layer1[0].weight, math.nan)
    with pytest.raises(ValueError, match="NaN"):
        anomaly(broken, task, method="nearest")
    with pytest.raises(ValueError, match="`tested`"):
        anomaly(network, task.train.inputs)
    with pytest.raises(ValueError, match="pictures"):
        anomaly("pixels", task, method="patches")


# --- SimCLR ---------------------------------------------------------------------------------


def test_the_contrastive_loss_is_the_papers():
    """Two pictures, four views: views of one agree (cosine 1), of two are at right angles."""
    views = torch.tensor([[1.0, 0], [0, 2.0], [3.0, 0], [0, 1.0]])
    expected = -math.log(math.exp(2) / (math.exp(2) + 2 * math.exp(0)))
    assert nt_xent(views, temperature=0.5).item() == pytest.approx(expected)


def test_two_views_are_two_changes_of_the_same_pictures(task):
    images = task.train.inputs[:8]
    views = two_views(0.5)(images, torch.Generator().manual_seed(0))
    assert views.shape == (16, 3, 16, 16) and views.dtype == torch.uint8
    assert not torch.equal(views[:8], views[8:])
    apart = torch.cdist(*(part.float().mean((2, 3)) for part in (views[:8], images)))
    assert (apart.argmin(1).remainder(4) == torch.arange(8) % 4).all()  # the colour is still told


def test_pretraining_goes_on_without_labels_and_leaves_the_given_network_alone(network, task):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = continue_pretraining(network, task, epochs=3, batch_size=32, progress=False)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(found.model.fc.weight, network.fc.weight)  # its head is back
    assert not torch.equal(found.model.conv1.weight, network.conv1.weight)
    mixed = Split(task.train.inputs, task.train.labels.flip(0))
    again = continue_pretraining(network, mixed, epochs=3, batch_size=32, progress=False)
    assert torch.equal(again.model.conv1.weight, found.model.conv1.weight)
    assert found.loss < math.log(2 * 32 - 1)


@pytest.mark.parametrize(
    ("given", "says"),
    [({"temperature": 0}, "temperature"), ({"crop": 0}, "crop"), ({"crop": 1.5}, "crop")],
)
def test_what_cannot_be_contrasted_is_said(given, says, network, task):
    with pytest.raises(ValueError, match=says):
        continue_pretraining(network, task, **given)


def test_one_picture_or_texts_cannot_be_contrasted(network, task):
    with pytest.raises(ValueError, match="1 examples"):
        continue_pretraining(network, task.train.inputs[:1])
    with pytest.raises(ValueError, match="pictures"):
        continue_pretraining(network, Split(["a", "b", "c"], [0, 0, 0]))
