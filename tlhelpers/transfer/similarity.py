"""How alike are two domains, or two networks? Three measures on features.

    cka               ||Y^T X||_F^2 / (||X^T X||_F ||Y^T Y||_F), X and Y centred
                      Kornblith et al., "Similarity of Neural Network Representations
                      Revisited", 2019 (arXiv:1905.00414), linear kernel
    mmd               mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k Gaussian
                      Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, lemma 6
    proxy_a_distance  2 (1 - 2 err), err of a classifier that tells the two domains apart
                      Ben-David et al., "Analysis of Representations for Domain Adaptation",
                      NIPS 2006

CKA compares two networks on the *same* inputs; the other two compare two sets of inputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tlhelpers.runtime.language import text


def cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment, 0 to 1; 1: equal up to rotation and a common scale.

    x: (n, d1), y: (n, d2), row i of both from the same input. Raises ValueError where the
    numbers of rows differ, or one side does not vary.
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 2:
        raise ValueError(text("similarity.rows", x=tuple(x.shape), y=tuple(y.shape)))
    x, y = (features.double() - features.double().mean(0) for features in (x, y))
    if len(x) < max(x.shape[1], y.shape[1]):  # the same three norms, from the smaller matrices
        k, m = x @ x.T, y @ y.T
        cross, within = (k * m).sum(), k.norm() * m.norm()
    else:
        cross, within = (y.T @ x).square().sum(), (x.T @ x).norm() * (y.T @ y).norm()
    if within == 0:
        raise ValueError(text("similarity.constant"))
    return (cross / within).item()


def mmd(x: Tensor, y: Tensor, sigma: float | None = None, unbiased: bool = True) -> float:
    """Squared maximum mean discrepancy with k(a, b) = exp(-||a - b||^2 / (2 sigma^2)).

    x: (n, d), y: (m, d). sigma: None takes the median distance between two different points of
    the pooled sample. unbiased: leaves k(x_i, x_i) out of the means; the estimate has mean 0 for
    equal distributions and may be below 0. Otherwise the biased one, which never is.
    """
    _check_domains(x, y)
    n, pooled = len(x), torch.cat([x, y]).double()
    squared = torch.cdist(pooled, pooled).square()
    if sigma is None:
        upper = torch.triu_indices(len(pooled), len(pooled), offset=1)
        sigma = squared[upper[0], upper[1]].sqrt().median().item()
    if sigma <= 0:
        raise ValueError(text("similarity.sigma", sigma=sigma))
    kernel = (-squared / (2 * sigma**2)).exp()
    across = kernel[:n, n:].mean()
    return (_mean(kernel[:n, :n], unbiased) + _mean(kernel[n:, n:], unbiased) - 2 * across).item()


def _mean(kernel: Tensor, unbiased: bool) -> Tensor:
    n = len(kernel)
    return (kernel.sum() - kernel.trace()) / (n * (n - 1)) if unbiased else kernel.mean()


def proxy_a_distance(x: Tensor, y: Tensor, folds: int = 5, seed: int = 0) -> float:
    """2 (1 - 2 err), err from cross-validated logistic regression on standardised features.

    About 0 where the domains cannot be told apart (chance may push it below), 2 where they always
    can. x: (n, d), y: (m, d); the error counts both domains alike, whatever n and m.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _check_domains(x, y, least=folds)
    features = torch.cat([x, y]).numpy()
    domain = np.repeat([0, 1], [len(x), len(y)])
    classifier = LogisticRegression(max_iter=1000, class_weight="balanced")
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    told = cross_val_predict(
        make_pipeline(StandardScaler(), classifier), features, domain, cv=split
    )
    error = 1 - balanced_accuracy_score(domain, told)
    return float(2 * (1 - 2 * error))


def _check_domains(x: Tensor, y: Tensor, least: int = 2) -> None:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < least:
        raise ValueError(
            text("similarity.domains", x=tuple(x.shape), y=tuple(y.shape), least=least)
        )
