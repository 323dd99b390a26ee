"""A yardstick from outside the course: scikit-learn's logistic regression on frozen features.

Its strength is cross-validated on the labels it learns from, so that "five labels a class" are
five: no validation example helps. The real twins use it, with one grid for all kinds of features.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def logistic_accuracy(
    features: Tensor | csr_matrix,
    labels: Tensor,
    train: Tensor,
    test: Tensor,
    *,
    scale: bool = True,
) -> float:
    """The accuracy on the rows `test` of a classifier that learned from the rows `train`.

    features: (n, d), standardised by the training rows unless `scale` is False, as for a sparse
    matrix of counts. With fewer than two labels of a class the strength is 1, since nothing is
    left to choose by.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = labels[train]
    folds = min(5, int(known.unique(return_counts=True)[1].min()))
    scaler = StandardScaler() if scale else "passthrough"
    reader = make_pipeline(scaler, LogisticRegression(C=1.0, max_iter=200))
    rows = features.numpy() if isinstance(features, Tensor) else features
    if folds > 1:
        cut = StratifiedKFold(folds, shuffle=True, random_state=0)
        reader = GridSearchCV(reader, {"logisticregression__C": STRENGTHS}, cv=cut)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reader.fit(rows[train.numpy()], known.numpy())
    right = reader.predict(rows[test.numpy()]) == labels[test].numpy()
    return round(float(np.mean(right)), 4)


def draw_rows(
    labels: Tensor, groups: Tensor, counts: Sequence[int], seed: int, test_share: float = 0.3
) -> tuple[dict[int, Tensor], Tensor]:
    """({labels a class: training rows}, test rows), both drawn anew by `seed`.

    Whole groups go to one side. The training rows of a smaller count are among those of a larger;
    a count that a class cannot give is left out.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(int(groups.max()) + 1, generator=generator)
    held = order[groups] < order.quantile(test_share)
    mixed = torch.randperm(len(labels), generator=generator)
    of_class = [mixed[~held[mixed] & (labels[mixed] == c)] for c in labels.unique()]
    most = min(len(rows) for rows in of_class)
    train = {n: torch.cat([rows[:n] for rows in of_class]) for n in counts if n <= most}
    return train, held.nonzero()[:, 0]


def logistic_curves(
    kinds: dict[str, Tensor], labels: Tensor, groups: Tensor, counts: Sequence[int], seeds: int
) -> dict[str, dict[int, list[float]]]:
    """{kind of features: {labels a class: one accuracy a seed}}, all on the same draws of rows."""
    found: dict[str, dict[int, list[float]]] = {kind: {} for kind in kinds}
    for seed in range(seeds):
        train, test = draw_rows(labels, groups, counts, seed)
        for kind, features in kinds.items():
            for count, rows in train.items():
                accuracy = logistic_accuracy(features, labels, rows, test)
                found[kind].setdefault(count, []).append(accuracy)
    return found
