"""T^2 * KL with "batchmean", against the formula written out in float64."""

import pytest
import torch

from tlhelpers.transfer.distillation import distillation_loss


def by_hand(student, teacher, temperature):
    """T^2 / n * sum_i sum_c p_ic (log p_ic - log q_ic), p from the teacher, q from the student."""
    p = (teacher / temperature).softmax(1)
    q = (student / temperature).softmax(1)
    return temperature**2 * (p * (p.log() - q.log())).sum() / len(student)


def logits(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 5, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_the_loss_is_the_formula(temperature):
    expected = by_hand(logits(0), logits(1), temperature)
    torch.testing.assert_close(distillation_loss(logits(0), logits(1), temperature), expected)


def test_the_gradient_keeps_its_size_at_high_temperatures():
    sizes = []
    for temperature in (20.0, 80.0):
        student = logits(0).requires_grad_()
        distillation_loss(student, logits(1), temperature).backward()
        sizes.append(float(student.grad.norm()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)  # without T^2 it would fall 16 times


def test_no_gradient_reaches_the_teacher():
    teacher = logits(1).requires_grad_()
    distillation_loss(logits(0).requires_grad_(), teacher).backward()
    assert teacher.grad is None


def test_logits_of_different_shapes_and_a_zero_temperature_are_refused():
    with pytest.raises(ValueError):
        distillation_loss(logits(0)[:, :3], logits(1))
    with pytest.raises(ValueError):
        distillation_loss(logits(0), logits(1), temperature=0)
