"""How alike are two domains, or two networks? Three measures on features.

    cka               HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K = X X^T, L = Y Y^T
                      Kornblith et al., "Similarity of Neural Network Representations
                      Revisited", 2019 (arXiv:1905.00414), linear kernel; HSIC estimated without
                      bias (Song et al., JMLR 2012; Nguyen et al., 2021, arXiv:2010.15327)
    mmd               mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k Gaussian
                      Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, lemma 6
    proxy_a_distance  2 (1 - 2 err), err of a classifier that tells the two domains apart
                      Ben-David et al., "Analysis of Representations for Domain Adaptation",
                      NIPS 2006

CKA compares two networks on the *same* inputs; the other two compare two sets of inputs. An MMD
has a scale of its own, set by its kernel: compare values of one sigma (`kernel_width`), or how
far each lies above what shuffled domains give (`mmd_score`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tlhelpers.runtime.language import text


def cka(x: Tensor, y: Tensor, debiased: bool = True) -> float:
    """Linear centred kernel alignment; 1: equal up to rotation and a common scale, 0: unrelated.

    x: (n, d1), y: (n, d2), row i of both from the same input, n at least 4. debiased: with HSIC
    estimated without bias, so that unrelated features give about 0, on either side of it.
    Otherwise the plain estimate, which for unrelated features is far above 0 unless n is much
    larger than d (independent Gaussians, n = 208, d = 256: 0.55). Raises ValueError where the
    numbers of rows differ, or one side does not vary.
    """
    k, m = _aligned(x, y, _centre_unbiased if debiased else _centre)
    return ((k * m).sum() / (k.norm() * m.norm())).item()


def _aligned(x: Tensor, y: Tensor, centre: Callable) -> tuple[Tensor, Tensor]:
    """The two centred kernels (n, n), in float64; their inner product is proportional to HSIC."""
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 4:
        raise ValueError(text("similarity.rows", x=tuple(x.shape), y=tuple(y.shape)))
    kernels = []
    for features in (x, y):
        features = features.double() - features.double().mean(0)
        if not features.any():
            raise ValueError(text("similarity.constant"))
        kernels.append(centre(features @ features.T))
    return kernels[0], kernels[1]


def _centre(kernel: Tensor) -> Tensor:
    """H K H, H = I - 1 1^T / n."""
    return kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()


def _centre_unbiased(kernel: Tensor) -> Tensor:
    """U-centring: the diagonal is left out, and the rows of what remains sum to 0.

    The inner product of two such kernels is n (n - 3) HSIC_1, equation 5 of Song et al.
    """
    n = len(kernel)
    kernel = kernel.clone().fill_diagonal_(0)
    rows = kernel.sum(0) / (n - 2)
    whole = kernel.sum() / ((n - 1) * (n - 2))
    return (kernel - rows - rows[:, None] + whole).fill_diagonal_(0)


def kernel_width(*samples: Tensor) -> float:
    """The median distance between two different points of all samples (n, d) together."""
    pooled = torch.cat(samples).double()
    upper = torch.triu_indices(len(pooled), len(pooled), offset=1)
    return torch.cdist(pooled, pooled)[upper[0], upper[1]].median().item()


def mmd(x: Tensor, y: Tensor, sigma: float | None = None, unbiased: bool = True) -> float:
    """Squared maximum mean discrepancy with k(a, b) = exp(-||a - b||^2 / (2 sigma^2)).

    x: (n, d), y: (m, d). sigma: None takes the median distance of this pair, so that values of
    several pairs cannot be ranked; give them one sigma. unbiased: leaves k(x_i, x_i) out of the
    means; the estimate has mean 0 for equal distributions and may be below 0. Otherwise the
    biased one, which never is.
    """
    kernel = _gaussian(x, y, sigma)
    first = torch.zeros(1, len(kernel), dtype=torch.double, device=kernel.device)
    first[:, : len(x)] = 1
    return _discrepancy(kernel, first, unbiased).item()


def mmd_score(x: Tensor, y: Tensor, *, permutations: int = 500, seed: int = 0) -> float:
    """How many standard deviations the MMD lies above that of shuffled domains.

    About 0 for equal distributions, whatever the kernel, n and m: values of several pairs of the
    same n and m can be ranked. x: (n, d), y: (m, d).
    """
    kernel = _gaussian(x, y, None)
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(permutations + 1, len(kernel), generator=generator).argsort(1)
    order[0] = torch.arange(len(kernel))
    first = (order < len(x)).double().to(kernel.device)
    found = _discrepancy(kernel, first, unbiased=True)
    return ((found[0] - found[1:].mean()) / found[1:].std()).item()


def _gaussian(x: Tensor, y: Tensor, sigma: float | None) -> Tensor:
    _check_domains(x, y)
    sigma = kernel_width(x, y) if sigma is None else sigma
    if sigma <= 0:
        raise ValueError(text("similarity.sigma", sigma=sigma))
    pooled = torch.cat([x, y]).double()
    return (-torch.cdist(pooled, pooled).square() / (2 * sigma**2)).exp()


def _discrepancy(kernel: Tensor, first: Tensor, unbiased: bool) -> Tensor:
    """One MMD for each row of `first` (times, n + m), which is 1 at the points of domain one."""
    second = 1 - first
    n, m = first.sum(1), second.sum(1)
    across = ((first @ kernel) * second).sum(1) / (n * m)
    within = []
    for members, count in ((first, n), (second, m)):
        total = ((members @ kernel) * members).sum(1)
        if unbiased:
            within.append((total - members @ kernel.diagonal()) / (count * (count - 1)))
        else:
            within.append(total / count**2)
    return within[0] + within[1] - 2 * across


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
