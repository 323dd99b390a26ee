"""Domain adaptation: each method against numbers worked by hand, and what `adapt` refuses."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.tiny import TinyNet, tiny_task
from tlhelpers.data.task import Split
from tlhelpers.train.engine import predict
from tlhelpers.transfer.adaptation.adabn import adabn
from tlhelpers.transfer.adaptation.adapt import METHODS, adapt
from tlhelpers.transfer.adaptation.coral import align, covariance
from tlhelpers.transfer.adaptation.dann import Critic, TurnGradient, fade_in
from tlhelpers.transfer.adaptation.label_shift import (
    correct_priors,
    estimate_priors,
    estimate_ratios,
    with_priors,
)
from tlhelpers.transfer.adaptation.mmd import FACTORS, mmd_loss
from tlhelpers.transfer.adaptation.tent import entropy
from tlhelpers.transfer.finetune import fine_tune


@pytest.fixture(scope="module")
def day():
    return tiny_task(24)


@pytest.fixture(scope="module")
def model(day):
    torch.manual_seed(0)
    return fine_tune(
        TinyNet(), day, epochs=10, batch_size=16, lr=0.05, keep_batchnorm=False, progress=False
    ).model


def darker(task, light=0.3, seed=5):
    """The same world at night: other pictures of the same classes, under little light."""
    fresh = tiny_task(24, seed=seed)

    def dim(split):
        return Split((split.inputs * light).to(torch.uint8), split.labels)

    parts = {name: dim(getattr(fresh, name)) for name in ("train", "valid", "test")}
    return replace(task, **parts, test_reads=0)


# --- numbers worked by hand -----------------------------------------------------------------


def test_adabn_measures_mean_and_variance_of_each_channel():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(2, 2))
    pool = Split(torch.tensor([[[[1.0, 3.0]]], [[[5.0, 7.0]]]]), [0, 0])
    layer = adabn(model, None, pool)[0]
    assert layer.running_mean.item() == pytest.approx(4.0)
    assert layer.running_var.item() == pytest.approx(20 / 3)  # (9 + 1 + 1 + 9) / (4 - 1)
    assert model[0].running_mean.item() == 0  # the model given stays as it was
    assert layer.momentum == model[0].momentum and not layer.training


def test_adabn_weighs_every_picture_alike():
    """Three pictures in batches of at most two: the third must not weigh as much as a batch."""
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2))
    pool = Split(torch.arange(130.0).view(-1, 1, 1, 1).expand(-1, 1, 2, 2), [0] * 130)
    layer = adabn(model, None, pool, batch_size=128)[0]
    assert layer.running_mean.item() == pytest.approx(64.5)  # two batches of 65


def test_aligned_features_have_the_mean_and_covariance_of_the_target():
    generator = torch.Generator().manual_seed(0)
    source, target = torch.randn(2, 400, 3, generator=generator, dtype=torch.double)
    target = target @ torch.tensor([[2.0, 1, 0], [0, 1, 0], [0, 0, 0.5]]).double() + 4
    moved = align(source, source, target)
    torch.testing.assert_close(moved.mean(0), target.mean(0))
    torch.testing.assert_close(covariance(moved), covariance(target), rtol=0.05, atol=0.05)
    shifted = align(source, source, target, "mean")
    torch.testing.assert_close(shifted.mean(0), target.mean(0))
    torch.testing.assert_close(covariance(shifted), covariance(source))


def test_mmd_loss_is_the_kernels_means():
    source, target = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [4.0]])
    points = [0.0, 1.0, 2.0, 4.0]
    width = sum((a - b) ** 2 for a in points for b in points) / 12

    def k(a, b):
        return sum(math.exp(-((a - b) ** 2) / (f * width)) for f in FACTORS) / len(FACTORS)

    within = (2 + 2 * k(0, 1)) / 4 + (2 + 2 * k(2, 4)) / 4
    across = (k(0, 2) + k(0, 4) + k(1, 2) + k(1, 4)) / 4
    assert mmd_loss(source, target).item() == pytest.approx(within - 2 * across, rel=1e-5)
    assert mmd_loss(source, source).item() == pytest.approx(0, abs=1e-6)


def test_the_gradient_turns_on_its_way_back_and_fades_in():
    features = torch.tensor([1.0, 2.0], requires_grad=True)
    (3 * TurnGradient.apply(features, 0.5)).sum().backward()
    assert features.grad.tolist() == [-1.5, -1.5]
    assert fade_in(0) == 0 and fade_in(0.5) == pytest.approx(2 / (1 + math.exp(-5)) - 1)
    assert 0.9999 < fade_in(1) < 1


def test_the_critic_that_knows_nothing_loses_one_bit():
    critic = Critic(2)
    nn.init.zeros_(critic.layers[2].weight)
    nn.init.zeros_(critic.layers[2].bias)
    assert critic(torch.zeros(3, 2), torch.ones(3, 2), 1.0).item() == pytest.approx(math.log(2))


def test_entropy_is_in_nats():
    assert entropy(torch.zeros(2, 4)).item() == pytest.approx(math.log(4))
    assert entropy(torch.tensor([[100.0, 0.0]])).item() == pytest.approx(0)
    halves = torch.tensor([[0.75, 0.25]]).log()
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert entropy(halves).item() == pytest.approx(expected)


def test_priors_by_em_reach_the_shares_that_explain_the_answers():
    answers = torch.tensor([[0.8, 0.2]] * 3 + [[0.2, 0.8]]).double()
    even = torch.tensor([0.5, 0.5]).double()
    once = estimate_priors(answers, even, steps=1)
    assert once.tolist() == pytest.approx([0.65, 0.35])
    # at the fixed point p: p = 3/4 * .8p/(.8p+.2(1-p)) + 1/4 * .2p/(.2p+.8(1-p)); p = 11/12
    assert estimate_priors(answers, even, steps=2000)[0].item() == pytest.approx(11 / 12, abs=1e-6)


def test_ratios_solve_the_confusion_matrix():
    # of class 0, 4 in 5 are called 0; of class 1, 3 in 5 are called 1; both equally common
    called = torch.tensor([0, 0, 0, 0, 1, 0, 0, 1, 1, 1])
    labels = torch.tensor([0] * 5 + [1] * 5)
    # shares 0.9 and 0.1 would call 0.9 * 0.8 + 0.1 * 0.4 = 0.76 of the target 0
    target = torch.tensor([0] * 76 + [1] * 24)
    assert estimate_ratios(called, labels, target, 2).tolist() == pytest.approx([1.8, 0.2])
    with pytest.raises(ValueError, match="confusion"):
        estimate_ratios(torch.zeros(10, dtype=torch.long), labels, target, 2)


def test_new_priors_move_the_bias_by_the_log_of_their_ratio():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    source, target = torch.tensor([0.5, 0.5]), torch.tensor([0.8, 0.2])
    moved = with_priors(model, source, target)
    step = (moved[1].bias - model[1].bias).tolist()
    assert step == pytest.approx([math.log(1.6), math.log(0.4)], rel=1e-5)


# --- what they do ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_and_leaves_model_and_labels_alone(model, day, method):
    night = darker(day)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = adapt(model, day, night, method=method, seed=1)
    assert result.method == method and result.test_reads == 1
    assert result.pictures == len(night.train) and result.gain == result.test_acc - result.before
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    scrambled = replace(night, train=Split(night.train.inputs, night.train.labels.flip(0)))
    again = adapt(model, day, scrambled, method=method, seed=1)
    assert torch.equal(predict(again.model, night.test), predict(result.model, night.test))


def test_in_the_dark_adabn_regains_what_was_lost(model, day):
    result = adapt(model, day, darker(day))
    assert result.before < 0.6 and result.test_acc > 0.9


def test_correcting_priors_turns_unsure_answers_to_the_common_class(model, day):
    counts = (54, 6, 6, 6)
    fresh = tiny_task(60, seed=7).train
    rows = [(fresh.labels == c).nonzero()[:n, 0] for c, n in enumerate(counts)]
    lopsided = fresh.subset(torch.cat(rows))
    unsure = TinyNet()
    unsure.load_state_dict(model.state_dict())
    with torch.no_grad():  # small scores: there is something to correct
        unsure.fc.weight.mul_(0.03)
        unsure.fc.bias.mul_(0.03)
    shares = [
        predict(network, lopsided).softmax(1).mean(0)[0].item()
        for network in (unsure, correct_priors(unsure, day, lopsided))
    ]
    assert shares[0] < 0.6 < 0.7 < shares[1]


def test_while_something_is_chosen_the_test_split_stays_closed(model, day):
    night = darker(day)
    result = adapt(model, day, night, read_test=False)
    assert night.test_reads == 0 and math.isnan(result.gain)
    assert result.entropy > 0


def test_adaptation_is_repeatable(model, day):
    night = darker(day)
    one, two = (adapt(model, day, night, method="dann", seed=3, epochs=1) for _ in range(2))
    assert torch.equal(predict(one.model, night.test), predict(two.model, night.test))


def test_a_network_whose_batchnorm_was_frozen_can_adapt(day):
    kept = fine_tune(TinyNet(), day, epochs=2, batch_size=16, lr=0.05, progress=False).model
    result = adapt(kept, day, darker(day))
    moved = result.model.bn1.running_mean - kept.bn1.running_mean
    assert moved.abs().max() > 0.01


# --- what adapt refuses, in one sentence ----------------------------------------------------


def without_batchnorm():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 8), nn.ReLU(), nn.Linear(8, 4))


def test_other_classes_are_named(model, day):
    names = {lang: ["blue", *day.classes[lang][1:]] for lang in ("en", "ja")}
    with pytest.raises(ValueError, match=r"same classes.*red.*blue.*only_classes"):
        adapt(model, day, replace(darker(day), classes=names))


def test_where_no_class_is_shared_nobody_is_told_to_keep_the_shared_ones(model, day):
    other = replace(darker(day), classes={"en": list("abcd"), "ja": list("abcd")})
    with pytest.raises(ValueError, match=r"share no class.*red.*tl\.probe") as raised:
        adapt(model, day, other)
    assert "only_classes" not in str(raised.value)


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_or_single_picture_target_is_refused(model, day, count):
    night = darker(day)
    few = replace(night, train=night.train.subset(torch.arange(count)))
    with pytest.raises(ValueError, match=f"has {count} picture"):
        adapt(model, day, few)


@pytest.mark.parametrize("method", ["adabn", "tent"])
def test_a_network_without_batchnorm_is_refused(day, method):
    with pytest.raises(ValueError, match=r"no BatchNorm.*coral"):
        adapt(without_batchnorm(), day, darker(day), method=method)


@pytest.mark.parametrize("method", ["coral", "dann", "mmd", "prior"])
def test_the_other_methods_need_none(day, method):
    result = adapt(without_batchnorm(), day, darker(day), method=method)
    assert 0 <= result.test_acc <= 1


def test_a_target_that_is_the_source_is_refused(model, day):
    with pytest.raises(ValueError, match="nothing to adapt to"):
        adapt(model, day, day)


def test_the_test_pictures_are_no_pool(model, day):
    night = darker(day)
    with pytest.raises(ValueError, match="flattered"):
        adapt(model, day, replace(night, train=night.test))


def test_a_model_of_other_classes_and_an_unknown_method_are_refused(day):
    with pytest.raises(ValueError, match=r"7 outputs.*4 classes"):
        adapt(TinyNet(7), day, darker(day))
    with pytest.raises(ValueError, match=r"magic.*adabn"):
        adapt(TinyNet(), day, darker(day), method="magic")


def test_an_option_that_the_method_does_not_know_is_refused(model, day):
    with pytest.raises(ValueError, match=r"'adabn' has no option strength.*batch_size\.$"):
        adapt(model, day, darker(day), method="adabn", strength=2.0)
    with pytest.raises(ValueError, match=r"'coral' has no option epochs, lr\. It takes: –"):
        adapt(model, day, darker(day), method="coral", lr=0.1, epochs=2)


def test_misshapen_features_and_answers_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 2\).*\(5, 3\)"):
        align(torch.zeros(5, 2), torch.zeros(5, 2), torch.zeros(5, 3), "covariance")
    with pytest.raises(ValueError, match="mean, covariance"):
        align(torch.zeros(5, 2), torch.zeros(5, 2), torch.zeros(5, 2), "colour")
    with pytest.raises(ValueError, match="prior above 0"):
        estimate_priors(torch.full((3, 2), 0.5), torch.tensor([1.0, 0.0]))
