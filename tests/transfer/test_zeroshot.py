"""Classes never shown are told by their attributes, with the paper's closed form and no leaks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from tlhelpers.data.task import Split, Task
from tlhelpers.transfer.eszsl import score_eszsl, solve_attributes, solve_eszsl
from tlhelpers.transfer.generalised import (
    area_under,
    calibrate,
    generalised_zero_shot,
    margins,
    seen_and_unseen,
    seen_unseen_curve,
)
from tlhelpers.transfer.zeroshot import class_averaged_accuracy, zero_shot


class Identity(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.fc = nn.Linear(d, 2)
        self.preprocess = nn.Identity()

    def forward(self, inputs):
        return self.fc(inputs)


def make_task(classes=20, attributes=8, d=24, noise=0.5, seed=0):
    """Features are a linear image of the attributes of their class, plus noise."""
    generator = torch.Generator().manual_seed(seed)
    described = (torch.rand(classes, attributes, generator=generator) < 0.5).float()
    mixing = torch.randn(attributes, d, generator=generator)

    def split(count):
        labels = torch.arange(classes).repeat_interleave(count)
        spread = torch.randn(len(labels), d, generator=generator) * noise
        return Split(described[labels] @ mixing + spread, labels)

    names = [f"class {c}" for c in range(classes)]
    return Task(
        "described",
        split(20),
        split(5),
        split(20),
        classes={"en": names, "ja": names},
        attributes=described,
    )


def test_eszsl_is_the_closed_form_of_the_paper():
    # V = (X X^T + gamma I)^-1 X Y S^T (S S^T + lambda I)^-1, in float64 with NumPy, seed 0
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(30, 6)), np.arange(30) % 4
    signatures, gamma, lam = rng.normal(size=(4, 3)), 0.7, 0.2
    x, s = features.T, signatures.T
    y = np.where(labels[:, None] == np.arange(4), 1.0, -1.0)
    expected = (
        np.linalg.inv(x @ x.T + gamma * np.eye(6))
        @ (x @ y @ s.T)
        @ np.linalg.inv(s @ s.T + lam * np.eye(3))
    )
    found = solve_eszsl(*map(torch.tensor, (features, labels, signatures)))(gamma, lam)
    assert np.allclose(found, expected, atol=1e-6)


def test_eszsl_minimises_its_objective():
    # ||X^T V S - Y||^2 + gamma ||V S||^2 + lambda ||X^T V||^2 + gamma lambda ||V||^2
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 5, generator=generator).double()
    s = torch.randn(4, 3, generator=generator).double()
    labels, gamma, lam = torch.arange(40) % 4, 0.3, 0.8
    y = 2.0 * torch.nn.functional.one_hot(labels, 4) - 1
    v = solve_eszsl(x, labels, s)(gamma, lam).double().requires_grad_()
    objective = (
        (x @ v @ s.T - y).square().sum()
        + gamma * (v @ s.T).square().sum()
        + lam * (x @ v).square().sum()
        + gamma * lam * v.square().sum()
    )
    objective.backward()
    assert v.grad.abs().max() < 1e-4 * y.numel()


def test_accuracy_counts_every_class_alike():
    labels = torch.tensor([0] * 98 + [1] * 2)
    always_zero = torch.tensor([1.0, 0.0]).expand(100, -1)
    accuracies = class_averaged_accuracy(always_zero, labels)
    assert accuracies.tolist() == [1.0, 0.0] and accuracies.mean() == 0.5


@pytest.mark.parametrize("method", ["eszsl", "output_codes"])
def test_unseen_classes_are_recognised_by_their_description_alone(method):
    task = make_task()
    found = zero_shot(Identity(), task, n_unseen=5, seed=1, method=method)
    assert found.accuracy > 0.7 and found.chance == 0.2
    assert found.test_reads == 1 and len(found.per_class) == 5
    mixed = replace(task, attributes=task.attributes.flip(0), test_reads=0)
    assert zero_shot(Identity(), mixed, n_unseen=5, seed=1, method=method).accuracy < 0.5


def test_images_of_unseen_classes_have_no_part_in_the_learning():
    task = make_task()
    unseen = [2, 5, 11]
    spoilt = task.train.inputs.clone()
    spoilt[torch.isin(task.train.labels, torch.tensor(unseen))] = 1e6
    changed = replace(task, train=Split(spoilt, task.train.labels), test_reads=0)
    first, second = (zero_shot(Identity(), t, unseen) for t in (task, changed))
    assert torch.equal(first.predictions, second.predictions)
    assert set(first.predictions.tolist()) <= set(unseen)
    assert (first.gamma, first.lam) == (second.gamma, second.lam)


def test_what_makes_no_sense_is_refused():
    task = make_task()
    with pytest.raises(ValueError, match="described"):
        zero_shot(Identity(), replace(task, attributes=None))
    for unseen in ([3], [3, 20], list(range(16))):
        with pytest.raises(ValueError):
            zero_shot(Identity(), task, unseen)
    with pytest.raises(ValueError, match="guess"):
        zero_shot(Identity(), task, method="guess")
    gap = task.attributes.clone()
    gap[3, 1] = torch.nan
    with pytest.raises(ValueError, match="described"):
        zero_shot(Identity(), replace(task, attributes=gap))


def test_classes_that_no_description_tells_apart_are_refused_by_name():
    task = make_task()
    alike = task.attributes.clone()
    alike[7] = alike[2]
    task = replace(task, attributes=alike)
    with pytest.raises(ValueError, match=r"class 2.*class 7"):
        zero_shot(Identity(), task, [2, 5, 7])
    assert zero_shot(Identity(), task, [2, 5, 11]).chance == 1 / 3
    with pytest.raises(ValueError, match=r"class 2.*class 7"):
        generalised_zero_shot(Identity(), task, [2, 5, 11])


def test_calibrated_stacking_by_hand():
    # two seen classes, then an unseen one; the middle picture shows the unseen class
    scores = torch.tensor([[0.9, 0.1, 0.2], [0.6, 0.3, 0.5], [0.2, 0.8, 0.7]])
    is_seen, labels = torch.tensor([True, True, False]), torch.tensor([0, 2, 1])
    assert calibrate(scores, is_seen, 0.0).argmax(1).tolist() == [0, 0, 1]
    assert seen_and_unseen(scores, labels, is_seen, 0.0) == (1.0, 0.0, 0.0)
    assert calibrate(scores, is_seen, 0.15).argmax(1).tolist() == [0, 2, 2]
    told = seen_and_unseen(scores, labels, is_seen, 0.15)
    assert told == pytest.approx((0.5, 1.0, 2 / 3))
    assert margins(scores, is_seen).tolist() == pytest.approx([0.7, 0.1, 0.1])
    _, seen, unseen = seen_unseen_curve(scores, labels, is_seen)
    assert (seen[0], unseen[0], seen[-1], unseen[-1]) == (1.0, 0.0, 0.0, 1.0)


def test_the_area_is_that_below_the_curve():
    curve = ([0.0, 1.0, 2.0], [0.8, 0.6, 0.0], [0.0, 0.5, 1.0])
    assert area_under(curve) == pytest.approx(0.5 * (0.8 + 0.6) / 2 + 0.5 * 0.6 / 2)


@pytest.mark.parametrize("method", ["eszsl", "output_codes"])
def test_calibration_brings_back_unseen_classes_among_all(method):
    task = make_task(attributes=12, noise=2.5, seed=1)
    found = generalised_zero_shot(Identity(), task, n_unseen=5, seed=1, method=method)
    assert found.plain["unseen"] < 0.5 * found.unseen
    assert found.harmonic > found.plain["harmonic"] and found.delta > 0
    assert found.test_reads == 1 and 0 < found.area < 1
    again = seen_and_unseen(found.scores, found.labels, found.is_seen, found.delta)
    assert again == pytest.approx((found.seen, found.unseen, found.harmonic))


@pytest.mark.slow
def test_unseen_pictures_have_no_part_in_the_calibration():
    task = make_task(attributes=12)
    unseen = [2, 5, 11]
    parts = {}
    for name in ("train", "valid"):
        split = getattr(task, name)
        inputs = split.inputs.clone()
        inputs[torch.isin(split.labels, torch.tensor(unseen))] = 1e6
        parts[name] = Split(inputs, split.labels)
    changed = replace(task, **parts, test_reads=0)
    first, second = (generalised_zero_shot(Identity(), t, unseen) for t in (task, changed))
    assert first.delta == second.delta and torch.equal(first.scores, second.scores)


def test_seen_classes_without_validation_pictures_are_named():
    task = make_task(attributes=12)
    rows = (task.valid.labels != 4).nonzero()[:, 0]
    with pytest.raises(ValueError, match="class 4"):
        generalised_zero_shot(Identity(), replace(task, valid=task.valid.subset(rows)), [2, 5])


def test_predicted_attributes_are_ridge_regression():
    generator = torch.Generator().manual_seed(2)
    features, labels = torch.randn(30, 6, generator=generator), torch.arange(30) % 4
    signatures = torch.randn(4, 3, generator=generator)
    peer = Ridge(alpha=0.7, fit_intercept=False).fit(features, signatures[labels])
    found = solve_attributes(features, labels, signatures)(0.7, 0.0)
    assert np.allclose(found, peer.coef_.T, atol=1e-5)


@pytest.mark.parametrize("solve", [solve_eszsl, solve_attributes])
def test_wrong_shapes_and_empty_classes_are_refused(solve):
    features, labels, signatures = torch.randn(12, 5), torch.arange(12) % 4, torch.randn(4, 3)
    assert score_eszsl(features, torch.zeros(5, 3), signatures).shape == (12, 4)
    for spoilt in (
        (features[:11], labels, signatures),
        (features, labels, signatures[:3]),
        (features, labels % 3, signatures),
    ):
        with pytest.raises(ValueError):
            solve(*spoilt)
