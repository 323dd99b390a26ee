"""TENT: make the answers on target pictures sure, by BatchNorm's scale and shift alone.

Wang et al., "Tent: Fully Test-Time Adaptation by Entropy Minimization", 2021 (arXiv:2006.10726).
BatchNorm normalises each target batch by its own statistics; the entropy of the answers is lowered
by gradient steps on gamma and beta, a few thousand numbers. No label is needed, and nothing keeps
the answers right: at too high a rate the network gives one class to everything, which is sure, too.

    H = -mean_i sum_c p_ic log p_ic, p = softmax(logits)
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import unfreeze
from tlhelpers.train.engine import fit
from tlhelpers.train.predict import logits_of
from tlhelpers.transfer.adaptation.adabn import adabn, batchnorms


def tent(
    model: nn.Module,
    source: Task | None,
    pool: Split,
    *,
    lr: float = 1e-3,
    batch_size: int = 64,
    epochs: int = 1,
    seed: int = 0,
) -> nn.Module:
    """A copy of `model` after `epochs` passes over the inputs of `pool`, then AdaBN.

    source: not needed. lr: of Adam, at a constant rate, as in the paper. Raises ValueError where
    the model has no BatchNorm.
    """
    adapted = unfreeze(copy.deepcopy(model)).requires_grad_(False)
    for layer in batchnorms(adapted):
        layer.requires_grad_(True)

    def loss(network: nn.Module, inputs: Tensor, _labels: Tensor, _rows: Tensor) -> Tensor:
        return entropy(logits_of(network, inputs))

    fit(
        adapted,
        pool,
        loss=loss,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=lambda groups: torch.optim.Adam(groups, lr=lr),
        schedule=lambda _step, _steps: 1.0,
        lr=lr,
        seed=seed,
        precision="fp32",
        progress=False,
    )
    return adabn(unfreeze(adapted), source, pool, seed=seed)


def entropy(logits: Tensor) -> Tensor:
    """The mean entropy, in nats, of the softmax of logits (n, classes): 0 is sure."""
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()
