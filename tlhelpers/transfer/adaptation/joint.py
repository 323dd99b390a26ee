"""Training on both domains at once: labels of the source, and a term that pulls features together.

    loss = cross-entropy(source) + strength * discrepancy(source features, target features)

`mmd.py` and `dann.py` differ in the discrepancy alone. Each domain passes the network as a batch of
its own, so that BatchNorm, where there is any, normalises each by its own statistics; at the end
they are measured on the target (`adabn.py`). What remains over AdaBN is what the discrepancy adds.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import features_of, head_of, unfreeze
from tlhelpers.train.engine import fit
from tlhelpers.train.preprocessing import attach_preprocess, preprocess_of
from tlhelpers.transfer.adaptation.adabn import adabn, remembering


class Adapting(nn.Module):
    """A network and what compares its domains, so that one optimizer trains both."""

    def __init__(self, network: nn.Module, discrepancy: nn.Module):
        super().__init__()
        self.network, self.discrepancy = network, discrepancy

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)


def train_together(
    model: nn.Module,
    source: Task,
    pool: Split,
    discrepancy: nn.Module | Callable[[Tensor, Tensor, float], Tensor],
    *,
    strength: float,
    lr: float,
    epochs: int,
    batch_size: int,
    seed: int,
) -> nn.Module:
    """A copy of `model`, trained on with labels of `source` and the inputs of `pool` alone.

    discrepancy: (source features (n, d), target features (n, d), progress in 0..1) -> scalar.
    """
    network = unfreeze(copy.deepcopy(model))
    prepare = preprocess_of(network, pool, source)
    together = attach_preprocess(Adapting(network, discrepancy), prepare)
    generator = torch.Generator().manual_seed(seed)
    steps, taken = epochs * math.ceil(len(source.train) / batch_size), 0

    def loss(both: Adapting, inputs: Tensor, labels: Tensor, _rows: Tensor) -> Tensor:
        nonlocal taken
        rows = torch.randint(len(pool), (len(labels),), generator=generator)
        other = prepare(pool.batch(rows)[0].to(inputs.device))
        features = features_of(both.network, inputs)
        apart = both.discrepancy(features, features_of(both.network, other), taken / steps)
        taken += 1
        logits = getattr(*head_of(both.network))(features)
        return F.cross_entropy(logits, labels) + strength * apart

    fit(
        together,
        source.train,
        loss=loss,
        epochs=epochs,
        batch_size=batch_size,
        optimizer="sgd",
        lr=lr,
        clip_norm=1.0,
        seed=seed,
        precision="fp32",
        progress=False,
    )
    return adabn(network, source, pool, seed=seed) if remembering(network) else network.eval()
