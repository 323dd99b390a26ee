"""CORAL: give the features of the source the mean and covariance of the target's.

Sun, Feng and Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016
(arXiv:1511.05547). Source features are whitened by their own covariance and coloured by the
target's; a new head learns on them, with the labels of the source, and then reads target features
as they are. "mean" moves only the mean, the control that shows what the covariance adds.

    x' = (x - m_s) (C_s + r I)^(-1/2) (C_t + r I)^(1/2) + m_t
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import head_of
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.heads import select_head

MOMENTS = ("mean", "covariance")


def coral(model: nn.Module, source: Task, pool: Split, *, seed: int = 0) -> nn.Module:
    """A copy of `model` with a head that was learned on source features moved to the target's
    mean and covariance, and chosen on validation features of the source moved alike."""
    return _new_head(model, source, pool, "covariance", seed)


def mean_alignment(model: nn.Module, source: Task, pool: Split, *, seed: int = 0) -> nn.Module:
    """As `coral`, but the source features are only moved to the target's mean."""
    return _new_head(model, source, pool, "mean", seed)


def align(features: Tensor, source: Tensor, target: Tensor, moments: str = "covariance") -> Tensor:
    """`features` (n, d), moved as the rows of `source` (m, d) must be to have the mean, or mean
    and covariance, of `target` (k, d).

    The ridge r is a hundredth of the mean variance of the target's features: few pictures do not
    span all directions. Raises ValueError for an unknown `moments` or other shapes.
    """
    if moments not in MOMENTS:
        raise ValueError(text("adaptation.moments", given=moments, known=", ".join(MOMENTS)))
    _check(source, target)
    centred = features.double() - source.double().mean(0)
    if moments == "covariance":
        ridge = 0.01 * target.double().var(0).mean()
        centred = centred @ _power(covariance(source), ridge, -0.5)
        centred = centred @ _power(covariance(target), ridge, 0.5)
    return (centred + target.double().mean(0)).to(features.dtype)


def covariance(features: Tensor) -> Tensor:
    """The covariance (d, d) of features (n, d), in float64, divided by n - 1."""
    centred = features.double() - features.double().mean(0)
    return centred.T @ centred / (len(features) - 1)


def _power(matrix: Tensor, ridge: Tensor, exponent: float) -> Tensor:
    """(matrix + ridge I) to a power, of a symmetric matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * (values.clamp_min(0) + ridge) ** exponent) @ vectors.T


def _check(source: Tensor, target: Tensor) -> None:
    wrong = source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]
    if wrong or min(len(source), len(target)) < 2:
        shapes = {"source": tuple(source.shape), "target": tuple(target.shape)}
        raise ValueError(text("adaptation.features", **shapes))


def _new_head(model: nn.Module, source: Task, pool: Split, moments: str, seed: int) -> nn.Module:
    train, valid, target = (extract_features(model, part) for part in _parts(source, pool))
    head, _, _ = select_head(
        align(train, train, target, moments),
        source.train.labels,
        align(valid, train, target, moments),
        source.valid.labels,
        source.num_classes,
        seed=seed,
    )
    adapted = copy.deepcopy(model)
    parent, name = head_of(adapted)
    setattr(parent, name, head.to(getattr(parent, name).weight.device))
    return adapted.eval()


def _parts(source: Task, pool: Split) -> tuple[Split, Split, Split]:
    return source.train, source.valid, pool
