"""What fills the memory: the count is right by hand, and the meter agrees with it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.tiny import TinyNet
from tlhelpers.train.memory import MemoryMeter, memory_plan


def by_hand():
    """A network whose every saved tensor can be counted: 6 -> 8 -> 2, with a tanh."""
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))


def test_the_count_is_the_one_by_hand():
    plan = memory_plan(by_hand(), torch.zeros(5, 6))
    weights = 4 * (6 * 8 + 8 + 8 * 2 + 2)
    assert (plan.parameters, plan.gradients, plan.optimizer) == (weights, weights, 2 * weights)
    # what the first layer was given, what tanh returned (given to the last layer as well), and
    # the logarithms of the probabilities, for 5 examples
    assert plan.activations == 5 * 4 * (6 + 8 + 2)
    assert plan.total == 4 * weights + plan.activations


def test_a_larger_batch_is_counted_from_a_small_one():
    network = TinyNet()
    small = memory_plan(network, torch.zeros(4, 3, 16, 16), batch_size=64)
    large = memory_plan(network, torch.zeros(64, 3, 16, 16))
    assert small.activations == pytest.approx(large.activations, rel=0.02)
    assert small.batch_size == 64 and small.fixed == large.fixed


def test_a_slice_counts_without_what_it_was_cut_from():
    many = torch.zeros(64, 6)
    whole = memory_plan(by_hand(), torch.zeros(5, 6))
    assert memory_plan(by_hand(), many[:5]) == whole


def test_what_is_frozen_has_neither_gradients_nor_an_optimizer():
    network = by_hand()
    network[0].requires_grad_(False)
    plan = memory_plan(network, torch.zeros(5, 6), optimizer="sgd")
    assert plan.gradients == plan.optimizer == 4 * (8 * 2 + 2)
    assert plan.activations < memory_plan(by_hand(), torch.zeros(5, 6)).activations


def test_bf16_makes_activations_smaller():
    pictures = torch.zeros(32, 3, 16, 16)
    full, half = (memory_plan(TinyNet(), pictures, precision=p) for p in ("fp32", "bf16"))
    assert half.each < 0.8 * full.each
    # two layers of weights in bf16 as well, which do not grow with the batch
    assert half.copies >= 2 * (8 * 3 * 9 + 12 * 8 * 9)
    assert half.at(64).activations == half.copies + 64 * half.each


def test_the_largest_batch_fits_and_one_more_does_not():
    plan = memory_plan(by_hand(), torch.zeros(5, 6))
    budget = plan.at(37).total
    assert plan.largest_batch(budget) == 37
    assert plan.largest_batch(budget - 1) == 36
    assert plan.largest_batch(plan.fixed - 1) == 0


def test_counting_leaves_the_network_as_it_was():
    network = TinyNet().eval()
    network.layer1.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pictures, state = torch.randn(4, 3, 16, 16), torch.get_rng_state()
    memory_plan(nn.Sequential(network, nn.Dropout()), pictures)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert not network.bn1.training and network.layer1.training
    assert torch.get_rng_state().equal(state)


def test_the_meter_sees_the_forward_pass_fill_the_memory_and_the_backward_pass_empty_it():
    network, pictures = TinyNet(), torch.randn(64, 3, 16, 16)
    labels = torch.arange(64) % 4
    plan = memory_plan(network, pictures)
    with MemoryMeter(network) as meter:
        loss = F.cross_entropy(network(pictures), labels)
        meter.mark("forward")
        loss.backward()
        meter.mark("backward")
    after = meter.history[meter.marks["forward"]]
    made = plan.activations - pictures.nbytes  # the pictures were there before
    assert after - plan.parameters == pytest.approx(made, rel=0.05)
    # weights, gradients and the loss are what is left
    assert meter.now - plan.parameters == pytest.approx(plan.gradients, rel=0.05)
    assert meter.peak >= after


def test_an_unknown_optimizer_and_an_empty_batch_are_refused(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    with pytest.raises(ValueError, match="adamw, sgd"):
        memory_plan(by_hand(), torch.zeros(5, 6), optimizer="adamx")
    with pytest.raises(ValueError, match="at least one example"):
        memory_plan(by_hand(), torch.zeros(0, 6))
    with pytest.raises(ValueError, match="batch_size=0"):
        memory_plan(by_hand(), torch.zeros(5, 6), batch_size=0)
