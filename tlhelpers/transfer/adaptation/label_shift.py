"""Label shift: the pictures look as before, but the classes come in other shares.

Where only p(class) has changed, a trained model needs no new eye: its answers are corrected for
the new shares (the priors), and these can be estimated without labels.

    p_target(y|x) proportional to p_source(y|x) * pi_target(y) / pi_source(y)

Saerens, Latinne and Decaestecker, Neural Computation 2002: the new priors by expectation and
maximisation, i.e. the mean of the corrected answers again and again (`estimate_priors`). Lipton,
Wang and Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", 2018
(arXiv:1802.03916): the ratios w from the confusion matrix on validation data of the source,
C w = mu, where C_ij is the share of examples of class j that are called i, and mu_i the share of
target examples that are called i (`estimate_ratios`).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import head_of
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import predict

LEAST_PRIOR = 1e-3  # no class is ruled out by an estimate


def correct_priors(
    model: nn.Module, source: Task, pool: Split, *, steps: int = 100, seed: int = 0
) -> nn.Module:
    """A copy of `model` whose head is shifted by log(pi_target / pi_source).

    pi_source: the shares in the training labels of `source`; pi_target: estimated by EM from the
    inputs of `pool`. seed: not needed.
    """
    counts = torch.bincount(source.train.labels, minlength=source.num_classes).double()
    shares = counts / counts.sum()
    priors = estimate_priors(predict(model, pool).double().softmax(1), shares, steps=steps)
    return with_priors(model, shares, priors)


def estimate_priors(answers: Tensor, source: Tensor, *, steps: int = 100) -> Tensor:
    """The priors (classes,) of the target, by EM from answers (n, classes) that sum to 1.

    source: (classes,), the priors under which the model was trained.
    """
    if answers.ndim != 2 or source.shape != answers.shape[1:] or not (source > 0).all():
        shapes = {"answers": tuple(answers.shape), "priors": source.tolist()}
        raise ValueError(text("adaptation.priors", **shapes))
    priors = source.clone()
    for _ in range(steps):
        weighted = answers * (priors / source)
        priors = (weighted / weighted.sum(1, keepdim=True)).mean(0)
    return priors


def estimate_ratios(called: Tensor, labels: Tensor, called_target: Tensor, classes: int) -> Tensor:
    """w (classes,) = pi_target / pi_source, by the confusion matrix of the source.

    called, labels: (n,), what validation examples of the source were called and are;
    called_target: (m,), what target examples were called. Negative ratios are set to 0. Raises
    ValueError where the confusion matrix cannot be inverted.
    """
    joint = torch.zeros(classes, classes, dtype=torch.double)
    joint.index_put_((called, labels), torch.tensor(1.0 / len(labels)).double(), accumulate=True)
    shares = torch.bincount(called_target, minlength=classes).double() / len(called_target)
    if torch.linalg.matrix_rank(joint) < classes:
        raise ValueError(text("adaptation.confusion", classes=classes))
    return torch.linalg.solve(joint, shares).clamp_min(0)


def with_priors(model: nn.Module, source: Tensor, target: Tensor) -> nn.Module:
    """A copy of `model` with log(target / source), both (classes,), added to its head's bias."""
    adapted = copy.deepcopy(model)
    head = getattr(*head_of(adapted))
    shift = target.clamp_min(LEAST_PRIOR).log() - source.clamp_min(LEAST_PRIOR).log()
    with torch.no_grad():
        head.bias.add_(shift.to(head.bias))
    return adapted.eval()
