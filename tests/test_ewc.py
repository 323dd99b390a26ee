"""The Fisher information of EWC: a mean of squared per-sample gradients, and the springs on it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tlhelpers.transfer.ewc import ewc_penalty, fisher_information


def problem():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()
    return model, torch.randn(10, 4, dtype=torch.float64), torch.arange(10) % 3


def one_by_one(model, inputs, labels):
    """F_k = mean over samples of (d loss_i / d w_k)^2, one backward pass a sample."""
    model.eval()
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for sample, label in zip(inputs, labels, strict=True):
        model.zero_grad()
        F.cross_entropy(model(sample[None]), label[None]).backward()
        for name, parameter in model.named_parameters():
            total[name] += parameter.grad.square() / len(inputs)
    return total


def test_it_is_the_mean_of_squared_per_sample_gradients():
    model, inputs, labels = problem()
    expected = one_by_one(model, inputs, labels)
    for name, value in fisher_information(model, inputs, labels, chunk=3).items():
        torch.testing.assert_close(value, expected[name])


def test_the_square_of_the_batch_gradient_would_be_far_smaller():
    model, inputs, labels = problem()
    right = fisher_information(model, inputs, labels)
    model.eval().zero_grad()
    F.cross_entropy(model(inputs), labels).backward()
    wrong = sum(float(p.grad.square().sum()) for p in model.parameters())
    assert wrong < 0.5 * sum(float(f.sum()) for f in right.values())


def test_it_leaves_mode_and_buffers_as_they_were():
    model, inputs, labels = problem()
    model.train()
    before = model[1].running_mean.clone()
    fisher_information(model, inputs, labels)
    assert model.training and torch.equal(before, model[1].running_mean)


def test_the_penalty_is_half_lambda_times_fisher_times_the_squared_move():
    model, inputs, labels = problem()
    fisher = fisher_information(model, inputs, labels)
    penalty = ewc_penalty(model, fisher, strength=10.0)
    assert penalty(model).item() == 0.0
    with torch.no_grad():
        model[3].weight += 0.5
    expected = 10.0 / 2 * float(fisher["3.weight"].sum()) * 0.25
    assert penalty(model).item() == pytest.approx(expected)


def test_rows_added_to_the_head_later_are_free():
    model, inputs, labels = problem()
    penalty = ewc_penalty(model, fisher_information(model, inputs, labels), strength=1.0)
    grown = nn.Linear(6, 5).double()
    with torch.no_grad():
        grown.weight[:3], grown.bias[:3] = model[3].weight, model[3].bias
    model[3] = grown
    assert penalty(model).item() == pytest.approx(0.0, abs=1e-12)


def test_samples_may_lie_elsewhere_than_the_model():
    """After training on a GPU the model lies there, and the samples do not."""
    _, inputs, labels = problem()
    with torch.device("meta"):
        away = nn.Linear(4, 3, dtype=torch.float64)
    fisher = fisher_information(away, inputs, labels)
    assert {value.device.type for value in fisher.values()} == {"meta"}


def test_a_label_too_few_is_refused():
    model, inputs, labels = problem()
    with pytest.raises(ValueError):
        fisher_information(model, inputs, labels[:-1])
