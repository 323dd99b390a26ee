"""ESZSL: a bilinear map from features to attributes, in closed form.

Romera-Paredes and Torr, "An embarrassingly simple approach to zero-shot learning", ICML 2015. A
class is described by its attributes (a signature). The map V is learned on the seen classes with
a regulariser on either side; an image gets the unseen class whose signature fits best.

    V = (X X^T + gamma I)^-1  X Y S^T  (S S^T + lambda I)^-1,    class of x = argmax_c x^T V s_c

X: (d, n) features; Y: (n, z), 1 where the image is of the class and -1 elsewhere; S: (a, z)
signatures of the seen classes; `zero_shot` centres them and scales them to length 1, which the
paper does not. The baseline predicts the attributes by ridge regression and takes the nearest
signature: semantic output codes, after Palatucci et al., "Zero-shot Learning with Semantic Output
Codes", NIPS 2009. (Direct attribute prediction, Lampert et al., CVPR 2009, multiplies the
probabilities of single attributes instead.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from tlhelpers.runtime.language import text

STRENGTHS = tuple(10.0**exponent for exponent in range(-3, 6))  # for gamma and lambda
Solution = Callable[[float, float], Tensor]


def solve_eszsl(features: Tensor, labels: Tensor, signatures: Tensor) -> Solution:
    """V (d, a) as a function of gamma and lambda, through eigenvectors of X X^T and S S^T.

    features: (n, d), labels: (n,) numbers of the rows of signatures (z, a). The decompositions
    are the cost: a whole grid of strengths takes little more than one.
    """
    _check(features, labels, signatures)
    x, s = features.double(), signatures.double()
    y = 2 * F.one_hot(labels, len(s)).double() - 1
    left, p = torch.linalg.eigh(x.T @ x)
    right, q = torch.linalg.eigh(s.T @ s)
    core = p.T @ (x.T @ y @ s) @ q
    return lambda gamma, lam: (p @ (core / torch.outer(left + gamma, right + lam)) @ q.T).float()


def score_eszsl(features: Tensor, bilinear: Tensor, signatures: Tensor) -> Tensor:
    """x^T V s_c for each image and class: (n, classes)."""
    return features @ bilinear @ signatures.T


def solve_attributes(features: Tensor, labels: Tensor, signatures: Tensor) -> Solution:
    """Ridge regression (d, a) from features to attributes as a function of gamma."""
    _check(features, labels, signatures)
    x = features.double()
    left, p = torch.linalg.eigh(x.T @ x)
    core = p.T @ (x.T @ signatures.double()[labels])
    return lambda gamma, _lam: (p @ (core / (left + gamma)[:, None])).float()


def score_attributes(features: Tensor, regression: Tensor, signatures: Tensor) -> Tensor:
    """Minus the distance between predicted attributes and signature: (n, classes)."""
    return -torch.cdist(features @ regression, signatures)


METHODS: dict[str, tuple[Callable, Callable, tuple[float, ...]]] = {
    "eszsl": (solve_eszsl, score_eszsl, STRENGTHS),
    "output_codes": (solve_attributes, score_attributes, (0.0,)),
}


def _check(features: Tensor, labels: Tensor, signatures: Tensor) -> None:
    present = torch.bincount(labels, minlength=len(signatures))
    if features.ndim != 2 or len(features) != len(labels) or len(present) != len(signatures):
        shapes = [tuple(t.shape) for t in (features, labels, signatures)]
        raise ValueError(text("zeroshot.shapes", shapes=shapes))
    if (present == 0).any():
        raise ValueError(text("zeroshot.empty", classes=(present == 0).nonzero()[:, 0].tolist()))
