"""How far from the mean of what is known: plain, or measured in the data's own units.

"mean" is the plainest detector there is. "mahalanobis" divides by the covariance, so that a step in
a direction in which known examples hardly differ counts for more (Rippel, Mertens and Merhof,
"Modeling the Distribution of Normal Data in Pre-Trained Deep Features for Anomaly Detection", 2020,
arXiv:2005.14140). Few examples do not give a covariance of many features; as in that paper it is
shrunk (Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
Journal of Multivariate Analysis, 2004), which a constant feature survives, too.

    mean:         s(x) = ||x - m||
    mahalanobis:  s(x) = sqrt((x - m)^T C^-1 (x - m))
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def mean_distance(known: Tensor) -> Callable[[Tensor], Tensor]:
    """From features (m, d) to scores (m,): the distance to the mean of known ones (n, d)."""
    middle = known.double().mean(0)
    return lambda features: (features.double() - middle).norm(dim=1)


def mahalanobis(known: Tensor) -> Callable[[Tensor], Tensor]:
    """From features (m, d) to scores (m,), in standard deviations of known features (n, d)."""
    from sklearn.covariance import LedoitWolf

    fitted = LedoitWolf().fit(known.double().numpy())
    middle, precision = torch.from_numpy(fitted.location_), torch.from_numpy(fitted.precision_)

    def score(features: Tensor) -> Tensor:
        apart = features.double() - middle
        return (apart @ precision * apart).sum(1).clamp_min(0).sqrt()

    return score
