"""The learners of incremental learning: eight ways to meet new classes and keep the old.

Eight ways to learn a stream of class groups with one growing output layer, from the usual
mistake to the upper bound. Each is a `Learner` that differs in a few lines, so that two of
them can be read side by side:

    new_head      a fresh nn.Linear at every step: the rows of the old classes are thrown away
    kept_rows     the old rows are copied, but only new data is shown
    replay        kept rows, and `per_class` exemplars of each old class are shown again
    lwf           kept rows, and the old model's answers are distilled (Li and Hoiem, 2016,
                  arXiv:1606.09282): CE(new classes) + strength * T^2 KL(old model || model)
    ewc           kept rows, and the weights the old classes need are held (see ewc.py)
    icarl         replay of herded exemplars, answers by the nearest exemplar mean
                  (Rebuffi et al., 2017, arXiv:1611.07725)
    nearest_mean  no training: the nearest class mean of the frozen backbone's features
    joint         all data of all classes at every step: the upper bound

lwf and ewc freeze BatchNorm after the first step, because neither holds its running statistics.
Where these may move, both learn the new classes worse (stored result 04_batchnorm).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import freeze_batchnorm, grow_head, replace_head
from tlhelpers.train.engine import fit, logits_of, predict
from tlhelpers.transfer.distillation import distillation_loss
from tlhelpers.transfer.ewc import ewc_penalty, fisher_information
from tlhelpers.transfer.exemplars import class_means, herd, nearest_mean
from tlhelpers.transfer.features import extract_features
from tlhelpers.transfer.finetune import discriminative_rates


@dataclass
class Settings:
    """How each step is trained; the same for every method."""

    per_class: int = 20
    epochs: int = 12
    lr: float = 0.02
    lr_mult: float = 5.0
    batch_size: int = 32
    strength: float = 1.0
    temperature: float = 2.0
    seed: int = 0
    watch: int = 0
    options: dict = field(default_factory=dict)


class Learner:
    """Shows each group of classes in turn; a subclass says what else happens."""

    def __init__(self, backbone: nn.Module, task: Task, settings: Settings):
        self.backbone = backbone
        self.model = copy.deepcopy(backbone)
        self.task = task
        self.settings = settings
        self.known = 0
        self.kept_bytes = 0
        self.trace: list[tuple[int, list[float]]] = []

    def learn(self, rows: Tensor, seen: int) -> None:
        """Learn training rows of new classes; from now on there are `seen` classes."""
        self.model = self.grow(seen)
        self.train(self.task.train.subset(rows))
        self.known = seen

    def grow(self, seen: int) -> nn.Module:
        return replace_head(self.model, seen)

    def train(self, data: Split, loss=None, penalty=None) -> None:
        s = self.settings
        history = fit(
            self.model,
            data,
            epochs=s.epochs,
            batch_size=s.batch_size,
            optimizer="sgd",
            param_groups=discriminative_rates(self.model, s.lr, s.lr_mult),
            loss=loss,
            penalty=penalty,
            clip_norm=1.0,
            keep_best=False,
            seed=s.seed,
            **{"after_step": self._watch if s.watch else None, **s.options},
        )
        history.pass_interrupt_on()

    def predict(self, split: Split) -> Tensor:
        """The class among those met so far, LongTensor (n,)."""
        return predict(self.model, split).argmax(1)

    def _watch(self, step: int, model: nn.Module) -> None:
        if step % self.settings.watch == 0:
            was_training = model.training
            right = self.predict(self.task.valid) == self.task.valid.labels
            model.train(was_training)
            done = (self.trace[-1][0] if self.trace else 0) + self.settings.watch
            self.trace.append((done, by_class(right, self.task.valid.labels)))


class NewHead(Learner):
    """The base class as it stands: every step starts with a fresh output layer."""


class KeptRows(Learner):
    def grow(self, seen: int) -> nn.Module:
        return grow_head(self.model, seen) if self.known else replace_head(self.model, seen)


class Replay(KeptRows):
    def __init__(self, *args):
        super().__init__(*args)
        self.memory = torch.empty(0, dtype=torch.long)

    def learn(self, rows: Tensor, seen: int) -> None:
        again = self.memory.repeat(max(1, len(rows) // max(len(self.memory), 1)))
        super().learn(torch.cat([rows, again]), seen)
        self.memory = torch.cat([self.memory, *self.choose(rows)])
        self.kept_bytes = _bytes_of(self.task.train, self.memory)

    def choose(self, rows: Tensor) -> list[Tensor]:
        """`per_class` exemplars of each new class, drawn at random."""
        labels, generator = self.task.train.labels[rows], _generator(self.settings.seed)
        chosen = []
        for c in labels.unique():
            of_class = rows[labels == c]
            order = torch.randperm(len(of_class), generator=generator)
            chosen.append(of_class[order[: self.settings.per_class]])
        return chosen


class ICaRL(Replay):
    def choose(self, rows: Tensor) -> list[Tensor]:
        labels = self.task.train.labels[rows]
        features = extract_features(self.model, self.task.train.subset(rows), cache=False)
        count = self.settings.per_class
        return [
            rows[labels == c][herd(features[labels == c], min(count, int((labels == c).sum())))]
            for c in labels.unique()
        ]

    def predict(self, split: Split) -> Tensor:
        if not len(self.memory):
            return super().predict(split)
        kept = self.task.train.subset(self.memory)
        features = extract_features(self.model, kept, cache=False)
        means = class_means(features, kept.labels, int(kept.labels.max()) + 1)
        return nearest_mean(extract_features(self.model, split, cache=False), means)


class LwF(KeptRows):
    def learn(self, rows: Tensor, seen: int) -> None:
        self.old = copy.deepcopy(self.model).eval() if self.known else None
        super().learn(rows, seen)
        self.kept_bytes = sum(p.numel() * p.element_size() for p in self.model.parameters())

    def train(self, data: Split, loss=None, penalty=None) -> None:
        if self.old is None:
            return super().train(data)
        known, s = self.known, self.settings
        freeze_batchnorm(self.model)

        def keep_old_answers(model, inputs, labels, rows):
            logits = logits_of(model, inputs)
            with torch.no_grad():
                before = logits_of(self.old, inputs)
            kept = distillation_loss(logits[:, :known], before, s.temperature)
            return F.cross_entropy(logits[:, known:], labels - known) + s.strength * kept

        super().train(data, loss=keep_old_answers)


class EWC(KeptRows):
    def __init__(self, *args):
        super().__init__(*args)
        self.penalties = []

    def learn(self, rows: Tensor, seen: int) -> None:
        if self.known:
            freeze_batchnorm(self.model)
        super().learn(rows, seen)
        data = self.task.train.subset(rows)
        with torch.no_grad():
            inputs = self.model.preprocess(data.inputs)
        fisher = fisher_information(self.model, inputs, data.labels)
        self.penalties.append(ewc_penalty(self.model, fisher, self.settings.strength))
        self.kept_bytes += 2 * sum(f.numel() * f.element_size() for f in fisher.values())

    def train(self, data: Split, loss=None, penalty=None) -> None:
        held = list(self.penalties)
        super().train(data, penalty=(lambda m: sum(p(m) for p in held)) if held else None)


class NearestMean(Learner):
    def __init__(self, *args):
        super().__init__(*args)
        self.means = torch.empty(0)

    def learn(self, rows: Tensor, seen: int) -> None:
        data = self.task.train.subset(rows)
        features = extract_features(self.backbone, data)
        new = class_means(features, data.labels - self.known, seen - self.known)
        self.means = torch.cat([self.means.reshape(-1, new.shape[1]), new])
        self.kept_bytes = self.means.numel() * self.means.element_size()
        self.known = seen

    def predict(self, split: Split) -> Tensor:
        return nearest_mean(extract_features(self.backbone, split), self.means)


class Joint(Learner):
    def __init__(self, *args):
        super().__init__(*args)
        self.rows = torch.empty(0, dtype=torch.long)

    def learn(self, rows: Tensor, seen: int) -> None:
        self.kept_bytes = _bytes_of(self.task.train, self.rows)
        self.rows = torch.cat([self.rows, rows])
        super().learn(self.rows, seen)

    def grow(self, seen: int) -> nn.Module:
        return replace_head(copy.deepcopy(self.backbone), seen)


METHODS = {
    "new_head": NewHead,
    "kept_rows": KeptRows,
    "replay": Replay,
    "lwf": LwF,
    "ewc": EWC,
    "icarl": ICaRL,
    "nearest_mean": NearestMean,
    "joint": Joint,
}
# Chosen on the validation split of fish (stored result 04_strengths); the others have none.
STRENGTH = {"lwf": 1.0, "ewc": 1e6}


def by_class(right: Tensor, labels: Tensor) -> list[float]:
    """The share of right answers (n,) in each class that occurs, in the order of the classes."""
    return [float(right[labels == c].float().mean()) for c in labels.unique()]


def _bytes_of(split: Split, rows: Tensor) -> int:
    if not len(rows):
        return 0
    inputs, _ = split.batch(rows)
    if isinstance(inputs, Tensor):
        return inputs.numel() * inputs.element_size()
    return sum(len(t.encode()) for t in inputs)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
