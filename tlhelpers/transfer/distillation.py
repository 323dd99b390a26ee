"""Distillation: a student learns the soft answers of a teacher.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531).
At a high temperature T the teacher's small probabilities, which say what a class resembles, count.
The gradient of the softened loss shrinks with 1/T^2, so it is multiplied by T^2 again:

    L = T^2 * KL(softmax(teacher / T) || softmax(student / T)), summed over classes, mean over rows
"""

import torch.nn.functional as F
from torch import Tensor

from tlhelpers.runtime.language import text


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Scalar loss from two tensors of logits (n, classes); no gradient reaches the teacher."""
    if student.shape != teacher.shape or student.ndim != 2:
        raise ValueError(
            text(
                "distillation.shapes",
                student=tuple(student.shape),
                teacher=tuple(teacher.shape),
            )
        )
    if temperature <= 0:
        raise ValueError(text("distillation.temperature", temperature=temperature))
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher.detach() / temperature, dim=1),
        reduction="batchmean",  # "mean" would also divide by the number of classes
        log_target=True,
    )
