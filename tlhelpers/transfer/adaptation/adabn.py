"""AdaBN: let BatchNorm measure the new domain, and leave every weight as it is.

Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", 2016
(arXiv:1603.04779). BatchNorm normalises a channel by the mean and variance that it remembers from
training. In the dark both are wrong. Measured again on unlabelled target pictures they are right,
and nothing has to be learned:

    y = gamma (x - mean_target) / sqrt(var_target + eps) + beta

The statistics are the averages over equally large batches in random order, so that each batch
holds the classes of the pool in the pool's own shares.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import infer, logits_of

BatchNorm = nn.modules.batchnorm._BatchNorm


def adabn(
    model: nn.Module, source: Task | None, pool: Split, *, batch_size: int = 256, seed: int = 0
) -> nn.Module:
    """A copy of `model` whose BatchNorm statistics come from the inputs of `pool` (n, 3, h, w).

    source: not needed. batch_size: at most so many inputs are averaged over at a time. Raises
    ValueError where the model has no BatchNorm with running statistics.
    """
    adapted = copy.deepcopy(model)
    layers = batchnorms(adapted)
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over batches
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pool), generator=generator)
    size = math.ceil(len(pool) / math.ceil(len(pool) / batch_size))  # no small batch at the end

    def measure(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        for layer in batchnorms(network):
            layer.training = True
        return logits_of(network, inputs)

    for _ in infer(adapted, pool.subset(order), size, "fp32", forward=measure):
        pass
    for layer, old in zip(layers, batchnorms(model), strict=True):
        layer.momentum = old.momentum
    return adapted.eval()


def batchnorms(model: nn.Module) -> list[nn.Module]:
    """The BatchNorm layers that remember statistics. Raises ValueError where there is none."""
    found = remembering(model)
    if not found:
        raise ValueError(text("adaptation.no_batchnorm", network=type(model).__name__))
    return found


def remembering(model: nn.Module) -> list[nn.Module]:
    """The layers of BatchNorm that keep running statistics; there may be none."""
    return [
        layer
        for layer in model.modules()
        if isinstance(layer, BatchNorm) and layer.running_mean is not None
    ]
