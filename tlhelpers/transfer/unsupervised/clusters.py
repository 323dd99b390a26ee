"""k-means: sort examples into k clusters, each around its own mean.

Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory, 1982. It looks
for clusters S_1..S_k with the least sum of squared distances to their own mean m_c:

    sum over c, over x in S_c, of ||x - m_c||^2

Labels, where the data have any, only judge the result. The adjusted Rand index (Hubert and Arabie,
"Comparing partitions", Journal of Classification, 1985) counts pairs: 1 where the clusters are
the classes, about 0 for clusters made at random, however many.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.arguments import require_seed, require_whole
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import as_data
from tlhelpers.transfer.extraction import represent, span
from tlhelpers.transfer.results import Result
from tlhelpers.transfer.unsupervised.checks import require_rows


@dataclass
class ClusterResult(Result):
    """ari: adjusted Rand index against the labels of the data; nan where all labels are the same.

    silhouette: how much nearer an example is to its own cluster than to the next, from -1 to 1; no
    label is in it. sizes: of the clusters, the largest first. clusters: (n,), that of each example,
    0 for the largest. means: (k, d) of the features.
    """

    k: int
    ari: float
    silhouette: float
    sizes: list[int]
    seconds: float
    clusters: Tensor = field(repr=False)
    means: Tensor = field(repr=False)


def cluster(
    backbone: nn.Module | Tensor | str,
    data: Task | Split | Tensor,
    k: int,
    *,
    starts: int = 10,
    seed: int = 0,
) -> ClusterResult:
    """Sort pictures or texts into `k` clusters by k-means on their features.

    backbone: a network, "pixels" as a control, or features (n, d). data: a split, uint8 images
    (n, 3, h, w), or a task, whose training split is sorted. starts: k-means begins so many times
    from other means, and the best end is kept. Raises ValueError where k is not between 2 and the
    number of different examples, or features are not finite or all the same.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    begin = time.perf_counter()
    require_whole("k", k, 2)
    require_whole("starts", starts, 1)
    require_seed(seed)
    features, labels = read(backbone, data)
    require_rows(features, 2)
    different = len(features.unique(dim=0))
    if k > different:
        raise ValueError(text("unsupervised.k_too_large", k=k, different=different))
    points = features.double()
    if points.shape[1] > len(points):  # the same distances in fewer numbers
        points = points @ span(points)
    found = KMeans(k, n_init=starts, random_state=seed).fit(points.numpy())
    clusters = _largest_first(torch.from_numpy(found.labels_).long())
    judged = labels is not None and len(labels.unique()) > 1
    enough = k < len(features)  # a silhouette needs a cluster of two
    return ClusterResult(
        k=k,
        ari=float(adjusted_rand_score(labels, clusters)) if judged else math.nan,
        silhouette=float(silhouette_score(points.numpy(), clusters)) if enough else math.nan,
        sizes=clusters.bincount().tolist(),
        seconds=time.perf_counter() - begin,
        clusters=clusters,
        means=torch.stack([features[clusters == one].mean(0) for one in range(k)]),
    )


def read(
    backbone: nn.Module | Tensor | str, data: Task | Split | Tensor
) -> tuple[Tensor, Tensor | None]:
    """Features (n, d) and labels (n,) of a split or a task's training split; images alone have
    no labels."""
    if isinstance(data, Task):
        return represent(backbone, data.train, data), data.train.labels
    if isinstance(data, Split):
        return represent(backbone, data), data.labels
    return represent(backbone, as_data(data)), None


def _largest_first(clusters: Tensor) -> Tensor:
    """The same clusters, numbered by size; of equal ones the first example's comes first."""
    order = clusters.bincount().argsort(descending=True, stable=True)
    return order.argsort()[clusters]
