"""Transferability: guess, without training, which pretrained model will serve a task best.

Five scores, higher is better for all. They see training features f_i (d,), or what the model's
own head says of each image (theta_i, probabilities of the source classes), and target labels.

    logme    mean over classes of max over alpha, beta of log p(y | F, alpha, beta) / n, the
             evidence of Bayesian linear regression (noise 1/beta, prior 1/alpha) of the 0/1
             labels y of a class on the features F
             You et al., "LogME", ICML 2021 (arXiv:2102.11005)
    leep     mean_i log sum_z P(y_i | z) theta_i(z), P(y, z) = 1/n sum_{i: y_i = y} theta_i(z)
             Nguyen et al., "LEEP", ICML 2020 (arXiv:2002.12462)
    nce      -H(Y | Z), Z the source class that the model predicts
             Tran et al., "Transferability and Hardness of Supervised Classification Tasks",
             ICCV 2019 (arXiv:1908.08142)
    h_score  tr(cov(f)^-1 cov(E[f | y]))
             Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer
             Learning", ICIP 2019
    knn      the share of images whose nearest other image has the same label
             Puigcerver et al., "Scalable Transfer Learning with Expert Models", ICLR 2021
             (arXiv:2009.13239); Renggli et al., "Which Model to Transfer?", CVPR 2022
             (arXiv:2010.06402)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Task, require_task
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import predict
from tlhelpers.transfer.extraction import named, represent
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.results import Result


def logme(features: Tensor, labels: Tensor) -> float:
    """Log maximum evidence per image. features: (n, d), labels: (n,) from 0, each class present.

    The evidence of one class y (0/1), with F = U diag(sigma) V^T of rank k, is
        d/2 log alpha - (d - k)/2 log alpha + n/2 log beta - n/2 log(2 pi)
        - 1/2 sum_{i <= k} log(alpha + beta sigma_i^2) - beta/2 ||F m - y||^2 - alpha/2 m^T m.
    The code in wide use forgets -(d - k)/2 log alpha, and its score grows with d where images are
    fewer than features. With the best m and beta inserted, only t = alpha / beta is left:
        k/2 log t - 1/2 sum_{i <= k} log(t + sigma_i^2) - n/2 log(2 pi e q(t) / n),
        q(t) = y^T y - sum_{i <= k} (u_i^T y)^2 sigma_i^2 / (t + sigma_i^2).
    """
    classes = _check(features, labels)
    f = features.double()
    n = len(f)
    u, sigma, _ = torch.linalg.svd(f, full_matrices=False)
    rank = int((sigma > sigma[0] * max(f.shape) * torch.finfo(f.dtype).eps).sum())
    squared = sigma[:rank].square()
    y = F.one_hot(labels, classes).double()
    projected = (u[:, :rank].T @ y).square()
    outside = (y.sum(0) - projected.sum(0)).clamp_min(0)  # the part of y^T y that no m can fit

    def evidence(log_t: Tensor) -> Tensor:
        """log_t: (points, classes) -> the evidence of each class at each of its points."""
        t = log_t.exp()[..., None]
        q = (projected.T * t / (t + squared)).sum(2) + outside
        shrunk = rank * log_t - (t + squared).log().sum(2)
        return (shrunk - n * (2 * math.pi * math.e * q / n).log()) / 2

    middle, reach = squared.mean().log().expand(classes), 25.0
    for _ in range(4):  # each pass looks 20 times closer around the best point of the one before
        log_t = middle + torch.linspace(-reach, reach, 101).double()[:, None]
        best = evidence(log_t).max(0)
        middle, reach = log_t.gather(0, best.indices[None])[0], reach / 20
    return (best.values.mean() / n).item()


def leep(source_probabilities: Tensor, labels: Tensor) -> float:
    """Log expected empirical prediction, at most 0.

    source_probabilities: (n, source classes), rows that sum to 1; labels: (n,).
    """
    classes = _check(source_probabilities, labels)
    theta = source_probabilities.double()
    if (theta < 0).any() or not torch.allclose(theta.sum(1), torch.ones(()).double(), atol=1e-3):
        raise ValueError(text("transferability.probabilities"))
    joint = F.one_hot(labels, classes).double().T @ theta / len(labels)
    given_source = joint / joint.sum(0).clamp_min(torch.finfo(joint.dtype).tiny)
    expected = theta @ given_source.T
    return expected[torch.arange(len(labels)), labels].log().mean().item()


def nce(source_labels: Tensor, labels: Tensor) -> float:
    """Negative conditional entropy of the target label given the predicted source label, in nats.

    source_labels: (n,) class numbers, or (n, source classes) of which the largest counts.
    """
    if source_labels.ndim == 2:
        source_labels = source_labels.argmax(1)
    return leep(F.one_hot(source_labels.long()).double(), labels)


def h_score(features: Tensor, labels: Tensor, shrinkage: bool = False) -> float:
    """Between-class variance of the whitened features, from 0 to the number of classes - 1.

    features: (n, d), labels: (n,). With fewer images than features the plain score is always at
    its maximum and says nothing. `shrinkage`: tr(cov_a(f)^-1 (1 - a) cov(E[f | y])), a and cov_a
    after Ledoit and Wolf (Ibrahim et al., "Newer is not always better", 2021, arXiv:2110.06893).
    """
    classes = _check(features, labels)
    f = features.double() - features.double().mean(0)
    means = torch.stack([f[labels == c].mean(0) for c in range(classes)])[labels]
    total, between = f.T @ f / len(f), means.T @ means / len(f)
    if not shrinkage:
        return (torch.linalg.pinv(total, hermitian=True) @ between).trace().item()
    from sklearn.covariance import ledoit_wolf

    total, amount = ledoit_wolf(f.numpy(), assume_centered=True)
    return ((1 - amount) * torch.linalg.solve(torch.from_numpy(total), between)).trace().item()


def nearest(features: Tensor, labels: Tensor) -> float:
    """Accuracy of one nearest neighbour by cosine, each image left out in turn; from 0 to 1.

    features: (n, d), labels: (n,). Needs no validation images, and no training.
    """
    _check(features, labels)
    unit = F.normalize(features.double(), dim=1)
    alike = (unit @ unit.T).fill_diagonal_(-math.inf)
    return (labels[alike.argmax(1)] == labels).double().mean().item()


@dataclass
class TransferabilityResult(Result):
    """scores: {backbone: {score: value}}, the backbone with the best first score on top."""

    scores: dict[str, dict[str, float]]
    seconds: dict[str, float] = field(repr=False)  # of each score, over all backbones

    def rows(self) -> list[dict]:
        return [{"backbone": name, **scores} for name, scores in self.scores.items()]


SCORES: dict[str, Callable[[nn.Module, Task], float]] = {
    "logme": lambda model, task: logme(represent(model, task.train, task), task.train.labels),
    "leep": lambda model, task: leep(_source_probabilities(model, task), task.train.labels),
    "nce": lambda model, task: nce(_source_probabilities(model, task), task.train.labels),
    "h_score": lambda model, task: h_score(
        represent(model, task.train, task), task.train.labels, shrinkage=True
    ),
    "knn": lambda model, task: nearest(represent(model, task.train, task), task.train.labels),
    "probe": lambda model, task: _validate_probe(model, task),
}


def transferability(
    backbones: Mapping[str, nn.Module] | Sequence[nn.Module],
    task: Task,
    scores: Sequence[str] = ("logme", "leep", "h_score"),
) -> TransferabilityResult:
    """Score every backbone on the training split of `task`; the test split stays closed.

    backbones: {name: network}, or networks that carry `.info.name`. scores: of SCORES; "leep"
    and "nce" need a network that still has the head of its source; "h_score" is the shrunk one;
    "knn" leaves each training image out in turn; "probe" is the accuracy of a linear probe on the
    validation split.
    """
    require_task(task)
    backbones = named(backbones)
    unknown = [name for name in scores if name not in SCORES]
    if unknown or not scores or not backbones:
        known = ", ".join(SCORES)
        raise ValueError(text("transferability.scores", unknown=unknown, known=known))
    table: dict[str, dict[str, float]] = {name: {} for name in backbones}
    seconds = {}
    for score in scores:
        start = time.perf_counter()
        for name, model in backbones.items():
            table[name][score] = SCORES[score](model, task)
        seconds[score] = time.perf_counter() - start
    ranked = sorted(table, key=lambda name: -table[name][scores[0]])
    return TransferabilityResult({name: table[name] for name in ranked}, seconds)


def _source_probabilities(model: nn.Module, task: Task) -> Tensor:
    """What the head of the source says of the training split: (n, source classes)."""
    return predict(model, task.train).softmax(1)


def _validate_probe(model: nn.Module, task: Task) -> float:
    train, valid = (represent(model, split, task) for split in (task.train, task.valid))
    labels, wanted = task.train.labels, task.valid.labels
    return select_head(train, labels, valid, wanted, task.num_classes).chosen["valid_acc"]


def _check(features: Tensor, labels: Tensor) -> int:
    """The number of classes; ValueError where shapes, labels or classes are wrong."""
    if features.ndim != 2 or labels.ndim != 1 or len(features) != len(labels) or len(labels) < 2:
        shapes = {"features": tuple(features.shape), "labels": tuple(labels.shape)}
        raise ValueError(text("transferability.shapes", **shapes))
    if labels.is_floating_point() or labels.min() < 0 or not features.isfinite().all():
        raise ValueError(text("transferability.values"))
    counts = torch.bincount(labels)
    if (counts > 0).sum() < 2:
        raise ValueError(text("transferability.one_class"))
    if (counts == 0).any():
        empty = (counts == 0).nonzero()[:, 0].tolist()
        raise ValueError(text("transferability.classes", classes=len(counts), empty=empty))
    return len(counts)
