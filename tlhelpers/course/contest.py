"""The ways of transfer compared on a learner's own photos within a budget of minutes.

Every backbone at hand gives features; k-NN and a linear probe read them. A slow one reads some of
the photos first, and more of them while time remains: it is scaled down, never left out in favour
of a worse one. What time is left goes to fine-tuning the best backbone and, where it suffices, to
the same network trained from scratch as the control. The validation part chooses; the test part is
read once. Recordings and texts take the same way (`sound_contest.py`, `text_contest.py`).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tlhelpers.course.exporting import NearestNeighbours, with_head
from tlhelpers.course.report import Contender, Report
from tlhelpers.data.folder import FolderTask
from tlhelpers.data.layout import shown
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.models.backbones import TORCHVISION, backbone, is_here
from tlhelpers.models.hub import short_name
from tlhelpers.models.surgery import replace_head, twin
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import fit, predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.finetune import FineTuneResult, fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.intervals import Interval, interval, paired, share_of
from tlhelpers.transfer.knn import vote
from tlhelpers.transfer.negative import train_from_scratch

OWN = "zukan-resnet"
NEIGHBOURS = (1, 3, 5, 11)
FEATURE_BATCH = 16  # what a large network makes of more would not fit a small computer
BATCH = 32  # examples of a training step
FIRST_SECONDS = 10.0  # the quickest backbone may take so long whatever the budget is
LEAST_PER_CLASS = 10  # training examples that the quickest backbone reads in any case
FEWEST_PER_CLASS = 3  # with time for fewer, a backbone is left out, and said to be
LEAST_VALID = 100  # validation examples, where even they would take too long
VALID_SHARE = 0.15  # of the time, which the slowest backbone may spend on validation
MOST_EPOCHS = {"fine_tune": 10, "lora": 10, "scratch": 30}
SEARCH_COST = 2.0  # trying learning rates takes as long as the training itself
ENOUGH_TUNING = 5  # epochs of fine-tuning; one that was trained less and loses has not lost
ENOUGH_EPOCHS = 15  # from scratch; a control that was trained less says nothing about transfer
LEAST_SECONDS = 5.0  # with less time left, no training is begun
CURVE = (0.125, 0.25, 0.5, 1.0)
CURVE_SEEDS = 3
SUSPICIOUS = 5  # neighbours that all carry one other label
MOST_ASKED, MOST_SUSPECTS = 4000, 12  # training examples that are asked for, and told


@dataclass
class Features:
    """What a backbone made of these rows of the training part, and of the validation part."""

    rows: Tensor  # LongTensor (n,), ascending
    train: Tensor  # (n, d)
    valid: Tensor  # (m, d)


@dataclass
class Contest:
    """One call of `try_folder`: what was tried so far."""

    task: FolderTask
    deadline: float
    seed: int
    size: int
    bar: tqdm
    own_spreads: ClassVar[bool] = True  # a probe scales each feature by its own spread
    train_options: ClassVar[dict[str, Any]] = {}  # of `fit`, where a network is trained
    valid: Split = field(init=False)  # the validation part, or as much as there is time for
    contenders: list[Contender] = field(default_factory=list)
    networks: dict[str, nn.Module] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)  # seconds for one example, forward
    heads: dict[str, tuple[nn.Linear, float, float]] = field(default_factory=dict)
    fitting: float = 0.0  # seconds that the heads of a probe took
    epochs: dict[str, int] = field(default_factory=dict)  # that each training passed
    remarks: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # backbones that there was no time for
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.valid = self.task.valid

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()

    def run(self, names: Sequence[str] | None) -> None:
        """All that the time allows; Ctrl-C ends it, and is passed on where there is no answer."""
        try:
            self.use(names or self.names())
            self.improve()
            self.train()
        except KeyboardInterrupt:
            if not self.contenders:
                raise
            self.interrupted = True
            self.remarks.insert(0, text("report.interrupted"))

    def names(self) -> list[str]:
        """The backbones that are compared where none is asked for."""
        return [OWN, *(name for name in TORCHVISION if is_here(name))]

    def add(self, name: str, strategy: str, begin: float, right: Tensor, model: nn.Module) -> None:
        """One more contender; it takes the place of one that was tried on fewer examples."""
        parameters = sum(tensor.nbytes for tensor in model.state_dict().values())
        accuracy = right.double().mean().item()
        taken = time.monotonic() - begin
        same = [c for c in self.contenders if (c.backbone, c.strategy) == (name, strategy)]
        for old in same:
            self.contenders.remove(old)
            taken += old.seconds
        entry = Contender(name, strategy, accuracy, taken, parameters / 1e6, right, model)
        self.contenders.append(entry)
        self.bar.update(not same)
        if not self.bar.disable:
            strategy = text(f"report.strategy_{strategy}")
            values = {"backbone": name, "strategy": strategy, "seconds": f"{taken:.0f}"}
            tqdm.write(text("report.tried", accuracy=f"{accuracy:.1%}", **values))

    # --- features: k-NN and probe -------------------------------------------------------------

    def use(self, names: Sequence[str]) -> None:
        """k-NN and probe on the features of each backbone, the quickest backbone first.

        One that would take more than half of the time left reads fewer training examples instead
        of staying away: the slowest is often the best.
        """
        self.bar.total = 2 * len(names) + 2
        loaded = {short_name(name): self.load(name) for name in names}
        self.costs = {name: self._measure(network) for name, network in loaded.items()}
        self._shorten_validation()
        for name in sorted(loaded, key=self.costs.__getitem__):
            rows = self._affordable(name)
            if rows is None:
                wanted = len(self.task.train) + len(self.valid)
                seconds = f"{self.costs[name] * wanted:.0f}"
                self.remarks.append(text("report.skipped", backbone=name, seconds=seconds))
                self.skipped.append(name)
                self.bar.update(2)
                continue
            self.networks[name] = loaded[name]
            self._read(name, rows)

    def load(self, name: str) -> nn.Module:
        """The backbone of this name; the course's own keep the size that they were trained for."""
        own_size = name.startswith("zukan-")
        return backbone(name, size=None if own_size else self.size)

    def _measure(self, network: nn.Module) -> float:
        """Seconds that one example takes: the quicker of two whole batches, after a first one."""
        count = len(self.task.train)
        rows = torch.arange(0, count, max(1, count // FEATURE_BATCH))[:FEATURE_BATCH]
        some = self.task.train.batch(rows)[0]
        predict(network, some[:2])
        taken = []
        for _ in range(2):
            begin = time.monotonic()
            predict(network, some)
            taken.append(time.monotonic() - begin)
        return min(taken) / len(some)

    def _shorten_validation(self) -> None:
        """All are judged on one validation part, which the slowest must have time for."""
        count = len(self.task.valid)
        affordable = int(VALID_SHARE * self.left / max(self.costs.values()))
        least = max(LEAST_VALID, 5 * self.task.num_classes)
        if (wanted := max(affordable, least)) < count:
            generator = _generator(self.seed)
            rows = rows_of_each(self.task.valid.labels, wanted / count, generator)
            self.valid = self.task.valid.subset(rows.sort().values)
            values = {"some": len(self.valid), "all": count}
            self.remarks.append(text("report.fewer_valid", **values))

    def _affordable(self, name: str) -> Tensor | None:
        """Rows of the training part that this backbone has time for; None where they are too few.

        The first one answers in any case.
        """
        cost, count = self.costs[name], len(self.task.train)
        spare = 0.5 * (self.left - cost * len(self.task.test) - 1)
        answered = self.answered
        if not answered:
            spare = max(spare, FIRST_SECONDS)
        affordable = int(spare / cost) - len(self.valid)
        least = LEAST_PER_CLASS * self.task.num_classes
        if affordable >= count:
            return torch.arange(count)
        if answered and affordable < FEWEST_PER_CLASS * self.task.num_classes:
            return None
        return self._some_of_each(affordable if answered else max(affordable, least))

    def _some_of_each(self, wanted: int) -> Tensor:
        """About so many rows of the training part, each class in its share; more add to fewer."""
        labels = self.task.train.labels
        share = min(1.0, wanted / len(labels))
        return rows_of_each(labels, share, _generator(self.seed)).sort().values

    def improve(self) -> None:
        """While time remains, the best backbone reads what it has not read yet."""
        while self.heads:
            name = self.best_backbone()
            rows, cost, count = self.features[name].rows, self.costs[name], len(self.task.train)
            spare = 0.6 * (self.left - cost * len(self.task.test) - 2 * self.fitting - 1)
            wanted = min(count, len(rows) + int(spare / cost))
            if len(rows) == count or wanted < min(count, 1.25 * len(rows)):
                return
            more = self._some_of_each(wanted)
            if len(more) <= len(rows):
                return
            self._read(name, more)

    def _read(self, name: str, rows: Tensor) -> None:
        """Features of these rows, which hold those that were read before, and what they give."""
        begin, network = time.monotonic(), self.networks[name]
        known = self.features.get(name)
        if known is None:
            train = self.features_of(network, self.task.train.subset(rows))
            valid = self.features_of(network, self.valid)
            read = len(rows) + len(valid)
        else:
            new = rows[~torch.isin(rows, known.rows)]
            features = torch.cat(
                [known.train, self.features_of(network, self.task.train.subset(new))]
            )
            train = features[torch.cat([known.rows, new]).argsort()]
            valid, read = known.valid, len(new)
        self.costs[name] = (time.monotonic() - begin) / read
        self.features[name] = Features(rows, train, valid)
        self.judge(name, begin)

    def features_of(self, network: nn.Module, split: Split) -> Tensor:
        """Features (n, d) of a split."""
        order = self.order_of(split)
        features = extract_features(network, split.subset(order), batch_size=FEATURE_BATCH)
        return features[order.argsort()]

    def order_of(self, split: Split) -> Tensor:
        """The order in which the rows of a split are read."""
        return torch.arange(len(split))

    def judge(self, name: str, begin: float) -> None:
        """k-NN and probe on the features of this backbone."""
        found, network, classes = self.features[name], self.networks[name], self.task.num_classes
        labels, wanted = self.task.train.labels[found.rows], self.valid.labels
        counts = [k for k in NEIGHBOURS if k <= len(labels)]
        answers = vote(found.train, labels, found.valid, counts, "cosine")
        right = [answer == wanted for answer in answers]
        best = max(range(len(counts)), key=lambda i: right[i].sum().item())
        model = NearestNeighbours(twin(network), found.train, labels, counts[best], classes).eval()
        self.add(name, "knn", begin, right[best], model)

        fitting = time.monotonic()
        head, chosen, _ = select_head(
            found.train,
            labels,
            found.valid,
            wanted,
            classes,
            standardize=self.own_spreads,
            seed=self.seed,
        )
        self.fitting = max(self.fitting, time.monotonic() - fitting)
        with torch.no_grad():
            right_of_head = head(found.valid).argmax(1) == wanted
        self.add(name, "probe", begin, right_of_head, with_head(network, head))
        self.heads[name] = head, chosen["learning_rate"], chosen["weight_decay"]

    @property
    def answered(self) -> bool:
        """True as soon as a backbone has answered: the first one does whatever the budget is."""
        return bool(self.heads)

    def best_backbone(self) -> str:
        """The one whose probe is best on the validation part."""
        return self.best_of(list(self.heads))

    def best_of(self, names: Sequence[str]) -> str:
        """The one of these backbones whose probe is best on the validation part."""
        probes = [c for c in self.contenders if c.strategy == "probe" and c.backbone in names]
        return max(probes, key=lambda c: c.valid_acc).backbone

    def to_train(self) -> str:
        """The backbone that is trained while time remains."""
        return self.best_backbone()

    # --- training -----------------------------------------------------------------------------

    def train(self) -> None:
        """Fine-tuning of the best backbone, and its twin from scratch where there is time for it.

        Both are planned by the time that their own steps take, and stopped when it is over.
        """
        name = self.to_train()
        plan = self.plan(name, ("fine_tune", "scratch"))
        if plan is None:
            return
        epoch, validate, end = plan
        time_left = self.left - end
        control = ENOUGH_EPOCHS * epoch + 7 * validate
        has_control = time_left - control > 2 * epoch + 7 * validate
        for_tuning = time_left - control if has_control else time_left
        most = MOST_EPOCHS["fine_tune"] * epoch + 7 * validate
        start = {"head": self.heads[name][0]}
        self.train_one("fine_tune", fine_tune, name, epoch, validate, min(most, for_tuning), start)
        if has_control:
            time_left = self.left - end
            self.train_one("scratch", train_from_scratch, name, epoch, validate, time_left, {})
        else:
            spent = 60 * math.ceil((control + most + end + self.fitting) / 60)
            self.bar.update()
            self.remarks.append(text("report.no_control", backbone=name, minutes=spent // 60 + 1))

    def plan(self, name: str, strategies: Sequence[str]) -> tuple[float, float, float] | None:
        """Seconds of an epoch (with its share of the search), of a validation, and of what comes
        after training; None, and said, where there is no time for any."""
        cost = self.costs[name]
        end = 3 * cost * len(self.task.test) + self.fitting + 1
        if self.left - end < LEAST_SECONDS:
            for strategy in strategies:
                self.no_time(strategy, name)
            return None
        seconds = self._seconds_per_example(self.networks[name])
        return SEARCH_COST * seconds * len(self.task.train), cost * len(self.valid), end

    def no_time(self, strategy: str, name: str) -> None:
        """Says that this was not tried."""
        values = {"strategy": text(f"report.strategy_{strategy}"), "backbone": name}
        self.remarks.append(text("report.no_time", **values))
        self.bar.update()

    def _seconds_per_example(self, network: nn.Module) -> float:
        """What an example costs in training: the quicker of the second and the third step."""
        rows = torch.arange(min(BATCH, len(self.task.train)))
        some = self.task.train.subset(rows)
        model = replace_head(copy.deepcopy(network), self.task.num_classes)
        times: list[float] = []

        def note(step: int, model: nn.Module) -> bool:
            times.append(time.monotonic())
            return len(times) > 2

        options = {"after_step": note, "progress": False, **self.train_options}
        fit(model, some, epochs=3, batch_size=BATCH, lr=1e-4, **options)
        steps = [after - before for before, after in pairwise(times)]
        return min(steps) / len(rows)

    def train_one(
        self,
        strategy: str,
        how: Callable[..., FineTuneResult],
        name: str,
        epoch: float,
        validate: float,
        seconds: float,
        start: dict,
    ) -> None:
        """Trains for as many epochs as fit into `seconds`; says so where not even one does."""
        begin = time.monotonic()
        fixed = 7 * validate  # of the start, of three rates, of the end
        epochs = min(MOST_EPOCHS[strategy], int((seconds - fixed) / epoch))
        if epochs < 1:
            self.no_time(strategy, name)
            return
        limit = begin + seconds - fixed / 2
        task: Task = replace(self.task, valid=self.valid)
        result = how(
            self.networks[name],
            task,
            epochs=epochs,
            batch_size=BATCH,
            valid_every=epochs,
            seed=self.seed,
            read_test=False,
            progress=False,
            after_step=lambda step, model: time.monotonic() > limit,
            **self.train_options,
            **start,
        )
        model = result.model.cpu()
        right = self.answer(model, self.valid).argmax(1) == self.valid.labels
        self.add(name, strategy, begin, right, model)
        passed = self.epochs[strategy] = len(result.history.train_loss)
        if passed < (ENOUGH_EPOCHS if strategy == "scratch" else MOST_EPOCHS[strategy]):
            values = {"strategy": text(f"report.strategy_{strategy}"), "epochs": passed}
            self.remarks.append(text("report.few_epochs", **values))

    # --- the answer ---------------------------------------------------------------------------

    def finish(self, begin: float) -> Report:
        """The winner reads the test part, and with it the two whose difference is the gain."""
        for name, found in self.features.items():
            if len(found.rows) < (count := len(self.task.train)):
                values = {"backbone": name, "some": len(found.rows), "all": count}
                self.remarks.append(text(f"report.fewer_{self.task.kind}", **values))
        chosen = max(self.contenders, key=lambda c: (c.valid_acc, -c.megabytes))
        curve, curve_of = self.curve(chosen)
        test = self.task.open_test()
        logits = self.answer(chosen.model, test)
        right = logits.argmax(1) == test.labels
        return Report(
            task=self.task,
            contenders=self.contenders,
            chosen=chosen,
            test_acc=share_of(right, getattr(test, "groups", None)),
            test_reads=self.task.test_reads,
            gain=self._gain(chosen, right, test),
            curve=curve,
            curve_backbone=curve_of,
            logits=logits,
            labels=test.labels,
            suspects=self.suspects(),
            skipped=self.skipped,
            seconds=time.monotonic() - begin,
            interrupted=self.interrupted,
            remarks=self.remarks,
        )

    def answer(self, model: nn.Module, split: Split) -> Tensor:
        """Logits (n, classes); what is read from a file is held only some at a time."""
        order = self.order_of(split)
        parts = [predict(model, split.batch(rows)[0], FEATURE_BATCH) for rows in order.split(512)]
        return torch.cat(parts)[order.argsort()]

    def suspects(self) -> list[tuple[str, str, str]]:
        """(place, label, what all neighbours say) of training examples whose label looks wrong."""
        if not self.heads:
            return []
        found = self.features[self.best_backbone()]
        features = nn.functional.normalize(found.train, dim=1)
        labels, count = self.task.train.labels[found.rows], len(found.rows)
        if count <= SUSPICIOUS + 1:
            return []
        asked = torch.randperm(count, generator=_generator(self.seed))[:MOST_ASKED]
        told: list[tuple[float, int, int]] = []
        for some in asked.split(512):
            likeness = features[some] @ features.T
            likeness[torch.arange(len(some)), some] = -2.0  # not itself
            near = likeness.topk(SUSPICIOUS)
            said = labels[near.indices]
            odd = (said == said[:, :1]).all(1) & (said[:, 0] != labels[some])
            told += [
                (near.values[at].mean().item(), int(some[at]), int(said[at, 0]))
                for at in odd.nonzero()[:, 0].tolist()
            ]
        names, places = self.task.class_names, self.task.train.paths
        return [
            (shown_name(places[row]), names[int(self.task.train.labels[row])], names[other])
            for row, other in (
                (int(found.rows[at]), other)
                for _, at, other in sorted(told, reverse=True)[:MOST_SUSPECTS]
            )
        ]

    def rivals(self) -> tuple[list[Contender], list[Contender]]:
        """The ways of transfer and the controls whose best are compared on the test part."""
        scratch = [c for c in self.contenders if c.strategy == "scratch"]
        if not scratch or self.epochs["scratch"] < ENOUGH_EPOCHS:
            return [], []
        name = scratch[0].backbone
        same = [c for c in self.contenders if c.strategy != "scratch" and c.backbone == name]
        return same, scratch

    def _gain(self, chosen: Contender, right: Tensor, test: Split) -> Interval | None:
        """Best transfer less its control, example by example on the test part.

        The test part chose neither of them; a twin that was hardly trained would flatter transfer.
        None where they are not compared, or transfer lost for want of time.
        """
        transfer, controls = self.rivals()
        if not transfer or not controls:
            return None

        def rights(contenders: list[Contender]) -> list[float]:
            best = max(contenders, key=lambda c: (c.valid_acc, -c.megabytes))
            if best is chosen:
                return right.double().tolist()
            return (self.answer(best.model, test).argmax(1) == test.labels).double().tolist()

        groups = getattr(test, "groups", None)
        gain = paired(rights(transfer), rights(controls), groups=groups)
        enough = min(ENOUGH_TUNING, MOST_EPOCHS["fine_tune"])
        was_cut_short = self.epochs.get("fine_tune", enough) < enough
        return None if gain.high < 0 and was_cut_short else gain

    def curve(self, chosen: Contender) -> tuple[list[tuple[int, Interval]], str]:
        """Validation accuracy of the best probe over the number of training examples, and whose."""
        if not self.heads:
            return [], ""
        name = self.best_backbone()
        found = self.features[name]
        _, rate, decay = self.heads[name]

        def accuracy(rows: Tensor, labels: Tensor, seed: int) -> float:
            return select_head(
                found.train[rows],
                labels[rows],
                found.valid,
                self.valid.labels,
                self.task.num_classes,
                learning_rates=(rate,),
                weight_decays=(decay,),
                standardize=self.own_spreads,
                seed=seed,
            ).chosen["valid_acc"]

        return curve_of(self.task.train.labels[found.rows], accuracy), name


def curve_of(
    labels: Tensor, accuracy: Callable[[Tensor, Tensor, int], float]
) -> list[tuple[int, Interval]]:
    """(examples, accuracy) of growing shares of each class; smaller shares are drawn several times.

    accuracy: of (rows, labels of all rows, seed).
    """
    points: list[tuple[int, Interval]] = []
    for share in CURVE:
        accuracies, count = [], 0
        for seed in range(CURVE_SEEDS if share < 1 else 1):
            rows = rows_of_each(labels, share, _generator(seed))
            count = len(rows)
            accuracies.append(accuracy(rows, labels, seed))
        if not points or count > points[-1][0]:
            points.append((count, interval(accuracies, share=True)))
    return points


def shown_name(place: Path) -> str:
    """A photo by its folder and name, a text by its file and line."""
    return shown(Path(*place.parts[-2:]))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
