"""Elastic weight consolidation: hold on to the weights that the old classes need.

Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", 2017
(arXiv:1612.00796). A weight matters where the answers of the network react to it; the diagonal of
the Fisher information measures that, and a spring of that strength ties each weight to its value.
After a later step another set of springs is added (the paper's form), or the springs are weakened
and move along ("online": Schwarz et al., 2018, arXiv:1805.06370).

    F_k = mean_x sum_c p(c | x) (d log p(c | x) / d w_k)^2        (one gradient per x and c)
    penalty = strength / 2 * sum over springs, k of F_k (w_k - w*_k)^2

The expectation over the network's own answers is exact for few classes, else one answer is drawn
per x. With the true labels in its place ("empirical") F is another thing: it falls with the
square of the training error, and the springs of a network that fits its pictures hold nothing
(Kunstner et al., 2019, arXiv:1905.12558; van de Ven, 2025, arXiv:2502.11756). Squaring the
gradient of a batch mean gives 1/8 to 1/100 of F and makes strength depend on the batch size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from tlhelpers.models.surgery import freeze_batchnorm
from tlhelpers.runtime.language import text
from tlhelpers.transfer.learners.base import Trained

EXACT_UP_TO = 20  # classes; above, one answer is drawn for each sample
SURE = 1e-3  # mean probability of being wrong, by the network's own account


@dataclass
class EWC(Trained):
    """strength: of the springs. online: None adds springs at each step, a number in (0, 1] is the
    share of the old Fisher that stays. still_batchnorm: freeze it after the first step.
    """

    strength: float = 1e6
    online: float | None = None
    still_batchnorm: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.springs: list[Callable[[nn.Module], Tensor]] = []
        self.fishers: list[dict[str, Tensor]] = []

    def begin(self) -> None:
        if self.known and self.still_batchnorm:
            freeze_batchnorm(self.model)

    def penalty(self, model: nn.Module) -> Tensor:
        return sum((spring(model) for spring in self.springs), torch.zeros(()))

    def end(self, step: int) -> None:
        data = self.stream.train.subset(self.stream.rows(step))
        with torch.no_grad():
            inputs = self.model.preprocess(data.inputs)
        rivals = None
        if self.stream.scenario == "task":
            rivals = (self.stream.group[: self.known] == step).nonzero()[:, 0]
        fisher = fisher_information(self.model, inputs, among=rivals, seed=self.seed)
        if self.online is not None and self.fishers:
            older = self.fishers.pop()
            self.springs.pop()
            for name, values in older.items():
                fisher[name][: len(values)] += self.online * values
        self.fishers.append(fisher)
        self.springs.append(ewc_penalty(self.model, fisher, self.strength))

    @property
    def kept_bytes(self) -> int:
        """Springs and the places where they rest."""
        values = (f for fisher in self.fishers for f in fisher.values())
        return 2 * sum(f.numel() * f.element_size() for f in values)


def fisher_information(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor | None = None,
    *,
    among: Tensor | None = None,
    seed: int = 0,
    chunk: int = 8,
) -> dict[str, Tensor]:
    """The diagonal of the Fisher information, {parameter name: tensor of its shape}.

    inputs: preprocessed, as `model` takes them, float (n, ...), on any device. labels:
    LongTensor (n,) for the empirical Fisher, None for that of the model's own answers.
    among: LongTensor, the classes that are possible; None for all. The model is read in eval
    mode; `chunk` samples at a time share the memory. Warns where the model is so sure of its
    answers that nothing is left to measure.
    """
    if len(inputs) == 0 or (labels is not None and len(inputs) != len(labels)):
        given = len(inputs) if labels is None else len(labels)
        raise ValueError(text("ewc.lengths", inputs=len(inputs), labels=given))
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    weights = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    fixed = {name: p.detach() for name, p in model.named_parameters() if name not in weights}
    fixed |= dict(model.named_buffers())

    def log_probability(trained: dict[str, Tensor], sample: Tensor, answer: Tensor) -> Tensor:
        logits = functional_call(model, (trained, fixed), (sample[None],))[0]
        logits = logits if among is None else logits[among]
        return -F.cross_entropy(logits[None], answer[None])

    gradient = vmap(grad(log_probability), in_dims=(None, 0, 0))
    fisher = {name: torch.zeros_like(p) for name, p in weights.items()}
    generator = torch.Generator().manual_seed(seed)
    doubts = []
    for part, samples in enumerate(inputs.split(chunk)):
        samples = samples.to(device)
        if labels is not None:
            answers = labels.split(chunk)[part].to(device)[None]
            shares = torch.ones_like(answers, dtype=samples.dtype)
        else:
            with torch.no_grad():
                logits = model(samples)
            chances = (logits if among is None else logits[:, among]).softmax(1)
            doubts.append(1 - chances.max(1).values)
            answers, shares = _answers(chances, generator)
        for answer, share in zip(answers, shares, strict=True):
            for name, per_sample in gradient(weights, samples, answer).items():
                weight = share.view(-1, *[1] * (per_sample.ndim - 1))
                fisher[name] += (weight * per_sample.square()).sum(0) / len(inputs)
    model.train(was_training)
    if doubts and torch.cat(doubts).mean() < SURE:
        doubt = float(torch.cat(doubts).mean())
        warnings.warn(text("ewc.vanished", doubt=f"{doubt:.1e}"), stacklevel=2)
    return fisher


def _answers(chances: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Answers to take gradients of, and their weights, both (answers a sample, n)."""
    n, classes = chances.shape
    if classes <= EXACT_UP_TO:
        return torch.arange(classes, device=chances.device)[:, None].expand(-1, n), chances.T
    drawn = torch.multinomial(chances.cpu(), 1, generator=generator).T.to(chances.device)
    return drawn, torch.ones_like(drawn, dtype=chances.dtype)


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
