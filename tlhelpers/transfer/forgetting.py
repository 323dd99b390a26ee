"""What a model keeps while it learns on: four numbers from one accuracy matrix.

Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", 2017 (arXiv:1706.08840);
Chaudhry et al., "Riemannian Walk for Incremental Learning", 2018 (arXiv:1801.10112).
All are pure functions of R, float (steps, steps): R[i, j] is the accuracy on the classes that
came with step j, measured after step i. Entries above the diagonal (classes not yet met) may be
nan; only `forward_transfer` reads them. Step numbers start at 0.
"""

import torch
from torch import Tensor

from tlhelpers.runtime.language import text


def average_accuracy(accuracy: Tensor) -> float:
    """Mean accuracy over all groups of classes after the last step: mean_j R[T, j]."""
    return float(_checked(accuracy)[-1].mean())


def backward_transfer(accuracy: Tensor) -> float:
    """mean_{j<T} R[T, j] - R[j, j]: below 0 where old classes were forgotten."""
    accuracy = _checked(accuracy, steps=2)
    return float((accuracy[-1] - accuracy.diagonal())[:-1].mean())


def forward_transfer(accuracy: Tensor, untrained: Tensor) -> float:
    """mean_{j>0} R[j-1, j] - b[j]: what earlier steps give to classes not met yet.

    untrained: float (steps,), the accuracy b[j] of an untrained model on group j. Raises ValueError
    where R[j-1, j] was not measured: an output layer that grows has no answer for such classes.
    """
    accuracy = _checked(accuracy, steps=2)
    if accuracy.diagonal(1).isnan().any():
        raise ValueError(text("forgetting.not_met"))
    untrained = torch.as_tensor(untrained, dtype=accuracy.dtype)
    if untrained.shape != (len(accuracy),):
        raise ValueError(
            text("forgetting.untrained_shape", steps=len(accuracy), shape=tuple(untrained.shape))
        )
    return float((accuracy.diagonal(1) - untrained[1:]).mean())


def forgetting(accuracy: Tensor) -> float:
    """mean_{j<T} max_{j<=i<T} R[i, j] - R[T, j], floored at 0 for each group (Chaudhry et al.)."""
    accuracy = _checked(accuracy, steps=2)
    last = len(accuracy) - 1
    lost = [accuracy[j:last, j].max() - accuracy[last, j] for j in range(last)]
    return float(torch.stack(lost).clamp(min=0).mean())


def first_minus_last(accuracy: Tensor) -> float:
    """mean_{j<T} R[j, j] - R[T, j]: the other definition of forgetting, = -backward_transfer."""
    return -backward_transfer(accuracy)


def _checked(accuracy: Tensor, steps: int = 1) -> Tensor:
    accuracy = torch.as_tensor(accuracy, dtype=torch.float64)
    if accuracy.ndim != 2 or accuracy.shape[0] != accuracy.shape[1] or len(accuracy) < steps:
        raise ValueError(text("forgetting.matrix_shape", steps=steps, shape=tuple(accuracy.shape)))
    if accuracy.tril().isnan().any():
        raise ValueError(text("forgetting.matrix_gaps"))
    return accuracy
