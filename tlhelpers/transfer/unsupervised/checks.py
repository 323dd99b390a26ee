"""What every method here asks of its numbers, said in a sentence before anything is computed."""

from __future__ import annotations

from torch import Tensor

from tlhelpers.runtime.language import text


def require_rows(features: Tensor, least: int) -> Tensor:
    """The features (n, ...), given back. Raises ValueError where there are fewer than `least`
    rows, a value is not finite, or all rows are the same."""
    if len(features) < least:
        raise ValueError(text("unsupervised.too_few", count=len(features), least=least))
    broken = (~features.flatten(1).isfinite().all(1)).nonzero()[:, 0]
    if len(broken):
        values = {"count": len(broken), "first": int(broken[0])}
        raise ValueError(text("unsupervised.not_finite", **values))
    if (features == features[:1]).all():
        raise ValueError(text("unsupervised.constant", count=len(features)))
    return features
