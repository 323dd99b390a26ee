"""Two ways to keep fine-tuning from doing harm: stay near the start, or drop weak directions.

L2-SP: Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with
Convolutional Networks", 2018 (arXiv:1802.01483). Weight decay pulls towards the pretrained weights
w0 instead of towards zero; the new head is decayed as usual:

    penalty = alpha / 2 * ||w - w0||^2 + beta / 2 * ||w_head||^2

It is in place of the optimizer's own weight decay: `fine_tune(penalty=l2_sp)` sets that to 0, and
so should who calls `fit` (weight_decay=0).

BSS: Chen et al., "Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for
Safe Transfer Learning", NeurIPS 2019. The features of a batch (n, d) have singular values
s_1 >= s_2 >= ...; the smallest carry what does not transfer, and are pushed to zero:

    penalty = eta * sum of the k smallest s_i^2
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.models.surgery import features_of, head_of


def l2_sp(model: nn.Module, alpha: float = 0.01, beta: float = 0.01) -> Callable:
    """A penalty(model) for `fit`; the start w0 is where the body of `model` stands now."""
    head = _head(model)
    of_head = {id(p) for p in head.parameters()}
    start = {
        name: p.detach().clone()
        for name, p in model.named_parameters()
        if id(p) not in of_head and p.requires_grad
    }

    def penalty(trained: nn.Module) -> Tensor:
        body, top = 0.0, 0.0
        for name, parameter in trained.named_parameters():
            if name in start:
                start[name] = start[name].to(parameter.device)  # moves at the first step only
                body = body + (parameter - start[name]).square().sum()
            elif parameter.requires_grad:
                top = top + parameter.square().sum()
        return alpha / 2 * body + beta / 2 * top

    return penalty


def spectral_shrinkage(features: Tensor, k: int = 1) -> Tensor:
    """Sum of the k smallest squared singular values of one batch of features (n, d)."""
    return torch.linalg.svdvals(features.float())[-k:].square().sum()


def bss_loss(eta: float = 0.001, k: int = 1) -> Callable:
    """A loss(model, inputs, labels, rows) for `fit`: cross-entropy plus eta * shrinkage.

    The features are what enters the head, which must be a linear layer.
    """

    def loss(trained: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        features = features_of(trained, inputs)
        logits = _head(trained)(features)
        return F.cross_entropy(logits, labels) + eta * spectral_shrinkage(features, k)

    return loss


def _head(model: nn.Module) -> nn.Module:
    return getattr(*head_of(model))
