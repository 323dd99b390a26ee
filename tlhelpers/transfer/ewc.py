"""Elastic weight consolidation: hold on to the weights that the old classes need.

Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", 2017
(arXiv:1612.00796). A weight matters where the log-likelihood of the old data is curved; the
diagonal of the Fisher information measures that, and a spring of that strength ties each weight
to its old value:

    F_k = mean over samples of (d log p(y | x) / d w_k)^2        (one gradient per sample)
    penalty = lambda / 2 * sum_k F_k (w_k - w*_k)^2

Squaring the gradient of a batch mean instead gives 1/8 to 1/100 of F and makes lambda depend on the
batch size. The labels y are the true ones: the empirical Fisher.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from tlhelpers.runtime.language import text


def fisher_information(
    model: nn.Module, inputs: Tensor, labels: Tensor, chunk: int = 8
) -> dict[str, Tensor]:
    """The diagonal of the empirical Fisher, {parameter name: tensor of its shape}.

    inputs: preprocessed, as `model` takes them, float (n, ...), on any device. labels:
    LongTensor (n,).
    The model is read in eval mode; `chunk` samples at a time share the memory.
    """
    if len(inputs) != len(labels) or len(inputs) == 0:
        raise ValueError(text("ewc.lengths", inputs=len(inputs), labels=len(labels)))
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    weights = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    fixed = {name: p.detach() for name, p in model.named_parameters() if name not in weights}
    fixed |= dict(model.named_buffers())

    def loss(trained: dict[str, Tensor], sample: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(model, (trained, fixed), (sample[None],))
        return F.cross_entropy(logits, label[None])

    gradient = vmap(grad(loss), in_dims=(None, 0, 0))
    fisher = {name: torch.zeros_like(p) for name, p in weights.items()}
    for sample, label in zip(inputs.split(chunk), labels.split(chunk), strict=True):
        for name, per_sample in gradient(weights, sample.to(device), label.to(device)).items():
            fisher[name] += per_sample.square().sum(0) / len(inputs)
    model.train(was_training)
    return fisher


def ewc_penalty(
    model: nn.Module, fisher: dict[str, Tensor], strength: float
) -> Callable[[nn.Module], Tensor]:
    """A function of the model being trained; the springs rest where `model` stands now.

    A head that grows later is held in the rows it has now.
    """
    rest = {name: p.detach().clone() for name, p in model.named_parameters() if name in fisher}

    def penalty(trained: nn.Module) -> Tensor:
        total = 0.0
        for name, parameter in trained.named_parameters():
            if name in rest:
                moved = parameter[: len(rest[name])] - rest[name]
                total = total + (fisher[name] * moved.square()).sum()
        return strength / 2 * total

    return penalty
