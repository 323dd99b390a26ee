"""The ways of transfer compared on a learner's own photos within a budget of minutes.

Every backbone at hand gives features; k-NN and a linear probe read them. Photos are read a few
seconds' worth at a time with an eye on the clock, in an order whose every beginning holds all
classes: a slow backbone, or a busy machine, reads fewer of them, and more while time remains. It is
scaled down, never left out in favour of a worse one. What time is left goes to fine-tuning the best
backbone and, where it suffices, to the same network trained from scratch as the control. The
validation part chooses; the test part is read once. Of large networks only those stay in memory
that may still answer. Recordings and texts take the same way (`sound_contest.py`,
`text_contest.py`).

Pictures keep their size: on real cats and dogs MobileNetV2 was right for 95.4% with 44 training
photos of 160 pixels, which took as long as 331 of 128 (95.3%) or 1,094 of 96 (93.4%); with 93 it
was right for 96.2%, more than smaller ones reached with 1,300 (95.9% and less; five draws).
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
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
from tlhelpers.runtime.device import trim_memory
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import fit, predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.finetune import FineTuneResult, fine_tune
from tlhelpers.transfer.heads import fit_heads, select_head, usual_steps
from tlhelpers.transfer.intervals import Interval, interval, paired, share_of
from tlhelpers.transfer.knn import vote
from tlhelpers.transfer.negative import train_from_scratch

OWN = "zukan-resnet"
NEIGHBOURS = (1, 3, 5, 11)
FEATURE_BATCH = 16  # what a large network makes of more would not fit a small computer
BATCH = 32  # examples of a training step
FIRST_SECONDS = 5.0  # the quickest backbone may take so long whatever the budget is
MEASURED_SECONDS = 1.0  # a batch that takes longer is not measured again
PORTION_SECONDS = 2.0  # of reading, between two looks at the clock
GRACE, LEAST_GRACE = 0.05, 1.0  # of the budget, and seconds, that mere illustrations may overrun
LOADING_SHARE = 0.3  # of the budget; when it is over, no further backbone is loaded
# Training examples that the quickest backbone reads in any case: so many of a class, or of all
LEAST_PER_CLASS, LEAST_TRAIN = 10, 200
FEWEST_PER_CLASS = 3  # with time for fewer, a backbone is left out, and said to be
LEAST_VALID = LEAST_TEST = 100  # examples, where even they would take too long
LEAST_VALID_PER_CLASS = 2
MOST_WRITING = 0.2  # of the time, which is kept for what comes after the search
TEST_SHARE = 0.25  # of the time left, which the test part is planned to take at most
LEAST_COST = 1e-6  # seconds of an example: a clock may stand still between two looks
VALID_SHARE = 0.15  # of the time, which the slowest backbone may spend on validation
HEAD_SHARE, LEAST_HEAD_STEPS = 0.1, 50  # of the time left for the heads of a probe, at most
MOST_EPOCHS = {"fine_tune": 10, "lora": 10, "scratch": 30}
SEARCH_COST = 2.0  # trying learning rates takes as long as the training itself
ENOUGH_TUNING = 5  # epochs of fine-tuning; one that was trained less and loses has not lost
ENOUGH_EPOCHS = 15  # from scratch; a control that was trained less says nothing about transfer
LEAST_SECONDS = 5.0  # with less time left, no training is begun
LEAST_STEP = 2.0  # forward passes that a training step takes at least
VALIDATIONS = 7  # in one training: of the start, of three rates, of the end
PACE = 5  # steps whose median tells how busy the machine is
CURVE = (0.125, 0.25, 0.5, 1.0)
CURVE_SEEDS = 3
SUSPICIOUS = 5  # neighbours that all carry one other label
MOST_ASKED, MOST_SUSPECTS = 4000, 12  # training examples that are asked for, and told
LARGE = 50.0  # megabytes of a network that is kept only while it may answer


@dataclass
class Features:
    """What a backbone made of these rows of the training part, and of the validation part."""

    rows: Tensor  # LongTensor (n,), in the order of reading
    train: Tensor  # (n, d)
    valid: Tensor  # (m, d)


@dataclass(frozen=True)
class Plan:
    """Seconds that training a backbone takes."""

    step: float
    epoch: float  # with its share of the search for a rate
    validations: float  # all of one training
    end: float  # of what comes after training


@dataclass
class Contest:
    """One call of `try_folder`: what was tried so far."""

    task: FolderTask
    begin: float  # of the monotonic clock
    seconds: float  # that all may take
    seed: int
    size: int
    bar: tqdm
    writing: float = 0.0  # seconds of them that whoever asked needs afterwards
    pace: float = 1.0  # seconds that what an idle computer does in one took up to now
    own_spreads: ClassVar[bool] = True  # a probe scales each feature by its own spread
    train_options: ClassVar[dict[str, Any]] = {}  # of `fit`, where a network is trained
    work: ClassVar[float] = 1.0  # seconds of a first answer beside reading, on an idle computer
    valid: Split = field(init=False)  # the validation part, or as much as there is time for
    order: Tensor = field(init=False)  # LongTensor (n,): how the training part is read
    deadline: float = field(init=False)
    budget: float = field(init=False)  # seconds that were left when the search began
    until: float = field(init=False)  # the deadline; the first answer, where that came later
    contenders: list[Contender] = field(default_factory=list)
    networks: dict[str, nn.Module] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)  # seconds for one example, forward
    noted: set[str] = field(default_factory=set)  # backbones whose cost was seen in reading
    heads: dict[str, tuple[nn.Linear, float, float]] = field(default_factory=dict)
    fitting: float = 0.0  # seconds that the heads of a probe took
    least_fitting: float = 0.0  # that the fewest steps of them took
    epochs: dict[str, int] = field(default_factory=dict)  # that each training passed
    remarks: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # backbones that there was no time for
    interrupted: bool = False
    most_epochs: int | None = None  # of fine-tuning; three times as many from scratch

    def __post_init__(self) -> None:
        writing = min(self.writing, MOST_WRITING * self.seconds)
        self.deadline = self.until = self.begin + self.seconds - writing
        self.valid, self.budget = self.task.valid, self.left
        self.order = reading_order(self.task.train.labels, self.seed)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def has_grace(self, seconds: float = 0.0) -> bool:
        """True where there is time for something that the answer could do without."""
        return time.monotonic() + seconds < self.until + max(GRACE * self.budget, LEAST_GRACE)

    def run(self, names: Sequence[str] | None) -> None:
        """All that the time allows; Ctrl-C ends it, and is passed on where there is no answer."""
        try:
            self.use(names or self.names())
            self.improve()
            self.train()
        except KeyboardInterrupt:
            if not self.contenders:
                raise
            self._interrupt()

    def names(self) -> list[str]:
        """The backbones that are compared where none is asked for."""
        return [OWN, *(name for name in TORCHVISION if is_here(name))]

    def add(self, name: str, strategy: str, begin: float, right: Tensor, model: nn.Module) -> None:
        """One more contender; it takes the place of one that was tried on fewer examples."""
        accuracy = right.double().mean().item()
        taken = time.monotonic() - begin
        same = [c for c in self.contenders if (c.backbone, c.strategy) == (name, strategy)]
        for old in same:
            self.contenders.remove(old)
            taken += old.seconds
        entry = Contender(name, strategy, accuracy, taken, _megabytes(model), right, model)
        self.contenders.append(entry)
        self._forget()
        self.bar.update(not same)
        if not self.bar.disable:
            strategy = text(f"report.strategy_{strategy}")
            values = {"backbone": name, "strategy": strategy, "seconds": f"{taken:.0f}"}
            tqdm.write(text("report.tried", accuracy=f"{accuracy:.1%}", **values))

    def _forget(self) -> None:
        """Lets go of large networks that will not be asked: not the best of all, of the ways of
        transfer or of their controls, and not the one that is trained."""
        groups = map(_able, [self.contenders, *self.rivals()])
        best = [max(group, key=_rank) for group in groups if group]
        kept = {c.backbone for c in best} | ({self.to_train()} if self.answered else set())
        for one in self.contenders:
            is_copy = one.strategy in MOST_EPOCHS
            if one.megabytes > LARGE and (is_copy or one.backbone not in kept) and one not in best:
                one.model = None
        for name in [name for name in self.heads if name in self.networks and name not in kept]:
            if _megabytes(self.networks[name]) > LARGE:
                del self.networks[name]

    # --- features: k-NN and probe -------------------------------------------------------------

    def use(self, names: Sequence[str]) -> None:
        """k-NN and probe on the features of each backbone, the quickest backbone first.

        One that would take more than its share of the time left reads fewer training examples
        instead of staying away: the slowest is often the best.
        """
        self.bar.total = 2 * len(names) + 2
        sources, small = {short_name(name): name for name in names}, {}
        loading: dict[str, float] = {}  # seconds, of those that are loaded twice
        for name, source in sources.items():
            if any(map(self.answers, self.costs)) and self.left < (1 - LOADING_SHARE) * self.budget:
                self._skip(name)
                continue
            begin = time.monotonic()
            network = self.load(source)
            if _megabytes(network) <= LARGE:
                small[name] = network
            else:
                loading[name] = time.monotonic() - begin
            self.costs[name] = self._measure(network)
        by_cost = sorted(self.costs, key=self.costs.__getitem__)
        self._shorten_validation()
        self._tell_least(by_cost[0])
        self.before_reading()
        for place, name in enumerate(by_cost):
            share = 1 / (1 + len(by_cost) - place)  # the last one is for the best of them
            seconds = self._allowance(name, share, loading.get(name, 0.0))
            if seconds is None:
                self._skip(name)
                continue
            self.networks[name] = small.pop(name, None) or self.load(sources[name])
            self._read(name, seconds)

    def before_reading(self) -> None:
        """What comes before the first backbone reads: nothing needs it here."""

    def _tell_least(self, quickest: str) -> None:
        """Says at once where the first answer takes longer than there is time."""
        read = min(self.least_train, len(self.task.train))
        read += len(self.valid) + min(LEAST_TEST, len(self.task.test))
        still = self.costs[quickest] * read + self.work * self.pace + self.writing
        seconds = time.monotonic() - self.begin + still
        if seconds <= self.seconds:
            return
        said = text("report.too_short", minutes=f"{math.ceil(seconds / 6) / 10:g}")
        self.remarks.append(said)
        if not self.bar.disable:
            tqdm.write(said)

    def _skip(self, name: str) -> None:
        """Says that there is no time for this backbone, or was none to see how long it takes."""
        if name in self.costs:
            seconds = self.costs[name] * (len(self.task.train) + len(self.valid))
            said = text("report.skipped", backbone=name, seconds=f"{seconds:.0f}")
        else:
            said = text("report.not_loaded", backbone=name)
        self.remarks.append(said)
        self.skipped.append(name)
        self.networks.pop(name, None)
        self.bar.update(2)

    def load(self, name: str) -> nn.Module:
        """The backbone of this name; the course's own keep the size that they were trained for."""
        own_size = name.startswith("zukan-")
        return backbone(name, size=None if own_size else self.size)

    def _measure(self, network: nn.Module) -> float:
        """Seconds that one example takes: of a whole batch, the quicker of two quick ones."""
        count = len(self.task.train)
        rows = torch.arange(0, count, max(1, count // FEATURE_BATCH))[:FEATURE_BATCH]
        some = self.task.train.batch(rows)[0]
        predict(network, some[:2])
        taken: list[float] = []
        while len(taken) < 2 and sum(taken) < MEASURED_SECONDS:
            begin = time.monotonic()
            predict(network, some)
            taken.append(time.monotonic() - begin)
        return min(taken) / len(some)

    def _shorten_validation(self) -> None:
        """All are judged on one validation part, which the slowest must have time for."""
        count = len(self.task.valid)
        affordable = int(VALID_SHARE * self.left / max(self.costs.values()))
        least = max(LEAST_VALID, LEAST_VALID_PER_CLASS * self.task.num_classes)
        if (wanted := max(affordable, least)) < count:
            rows = reading_order(self.task.valid.labels, self.seed)[:wanted]
            self.valid = self.task.valid.subset(rows.sort().values)
            values = {"some": len(self.valid), "all": count}
            self.remarks.append(text("report.fewer_valid", **values))

    def ending(self, name: str) -> float:
        """Seconds that an answer of this backbone, or of the best one, still takes: heads, and the
        test part, or as much of it as fits into a part of the time left."""
        cost = max(self.costs[one] for one in {name, *self._best_so_far()})
        test = min(cost * len(self.task.test), TEST_SHARE * self.left)
        heads = min(self.fitting, max(self.least_fitting, HEAD_SHARE * self.left))
        return max(test, cost * LEAST_TEST) + 2 * heads + min(1.0, GRACE * self.left)

    def _best_so_far(self) -> set[str]:
        return {self.best_backbone()} if self.answered else set()

    def _allowance(self, name: str, share: float, loading: float) -> float | None:
        """Seconds that this backbone may read for: this share of what is left after loading it, or
        more where only that gives an answer; None where even all of it would not. The first one
        answers in any case.
        """
        spare = self.left - self.ending(name) - loading
        if not self.answered:
            return max(share * spare, FIRST_SECONDS)
        needed = self.costs[name] * (FEWEST_PER_CLASS * self.task.num_classes + len(self.valid))
        return max(share * spare, needed) if needed <= spare else None

    def improve(self) -> None:
        """While time remains, the best backbone reads what it has not read yet."""
        while self.heads:
            name = self.best_backbone()
            count, read = len(self.task.train), len(self.features[name].rows)
            spare = 0.6 * (self.left - self.ending(name))
            if read == count or read + spare / self.costs[name] < min(count, 1.25 * read):
                return
            self._read(name, spare)

    def _read(self, name: str, seconds: float) -> None:
        """Reads on where this backbone stopped, for so long or to the end, and judges it.

        One that has no time even for the validation part is left out.
        """
        begin, train, known = time.monotonic(), self.task.train, self.features.get(name)

        def spare() -> float:
            return min(begin + seconds - time.monotonic(), self.left - self.ending(name))

        if known is None:
            known, parts = Features(self.order[:0], torch.empty(0), torch.empty(0)), []
            for some in self._portions(name, torch.arange(len(self.valid)), spare):
                if self.answered and spare() <= 0:
                    return self._skip(name)
                parts.append(self._portion_of(name, self.valid, some))
            known.valid = torch.cat(parts)
        fewest = FEWEST_PER_CLASS * self.task.num_classes if self.answered else self.least_train
        least = max(fewest, len(known.rows) + 1)
        parts, count = [known.train] if len(known.rows) else [], len(known.rows)
        for some in self._portions(name, self.order[count:], spare):
            if spare() <= 0 and count >= least:
                break
            parts.append(self._portion_of(name, train, some))
            count += len(some)
        self.features[name] = Features(self.order[:count], torch.cat(parts), known.valid)
        is_first = not self.answered
        self.judge(name, begin)
        self._forget()
        trim_memory()
        if is_first:
            self.until = max(self.until, time.monotonic())

    def _portions(
        self, name: str, rows: Tensor, spare: Callable[[], float] = lambda: math.inf
    ) -> Iterator[Tensor]:
        """The rows in portions that take PORTION_SECONDS each, or what is spared of them."""
        while len(rows):
            seconds = min(PORTION_SECONDS, max(0.0, spare()))
            size = max(FEATURE_BATCH, int(seconds / self.costs[name]))
            yield rows[:size]
            rows = rows[size:]

    def _portion_of(self, name: str, split: Split, rows: Tensor) -> Tensor:
        """Features (n, d) of these rows. What they cost tells how busy the machine is now."""
        begin = time.monotonic()
        features = self.features_of(self.networks[name], split.subset(rows))
        self._note_cost(name, (time.monotonic() - begin) / len(rows))
        return features

    def _note_cost(self, name: str, cost: float) -> None:
        """A backbone that takes longer than it did tells of a machine on which all do."""
        pace = max(cost, LEAST_COST) / self.costs[name]
        others = set(self.costs) - {name} if name in self.noted else set()
        self.noted.add(name)
        for one in {name, *others}:
            self.costs[one] *= pace

    def features_of(self, network: nn.Module, split: Split) -> Tensor:
        """Features (n, d) of a split."""
        order = self.order_of(split)
        ordered = split.subset(order)
        features = extract_features(network, ordered, batch_size=FEATURE_BATCH, cache=False)
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

        steps, fitting = self._head_steps(found), time.monotonic()
        head, chosen, _ = select_head(
            found.train,
            labels,
            found.valid,
            wanted,
            classes,
            standardize=self.own_spreads,
            seed=self.seed,
            max_steps=steps,
        )
        seconds = time.monotonic() - fitting
        least = LEAST_HEAD_STEPS / (steps or usual_steps(len(labels)))
        self.fitting = max(self.fitting, seconds)
        self.least_fitting = max(self.least_fitting, min(1.0, least) * seconds)
        with torch.no_grad():
            right_of_head = head(found.valid).argmax(1) == wanted
        self.add(name, "probe", begin, right_of_head, with_head(network, head))
        self.heads[name] = head, chosen["learning_rate"], chosen["weight_decay"]

    def _head_steps(self, found: Features) -> int | None:
        """Steps for the heads of a probe where the usual ones would take too long, else None.

        With many classes twenty heads take seconds for what two classes have in a moment.
        """
        times: list[float] = []

        def note(step: int, model: nn.Module) -> bool:
            times.append(time.monotonic())
            return len(times) > 2

        classes = self.task.num_classes
        labels = torch.arange(max(2 * BATCH, classes)) % classes
        nothing = torch.zeros(len(labels), found.train.shape[1])
        fit_heads(nothing, labels, classes, after_step=note)
        pace = max(LEAST_COST, min(after - before for before, after in pairwise(times)))
        affordable = int(HEAD_SHARE * self.left / pace)
        usual = usual_steps(len(found.rows))
        return None if affordable >= usual else max(LEAST_HEAD_STEPS, affordable)

    @property
    def least_train(self) -> int:
        """Training examples that the first backbone reads in any case."""
        classes = self.task.num_classes
        return max(FEWEST_PER_CLASS * classes, min(LEAST_PER_CLASS * classes, LEAST_TRAIN))

    @property
    def answered(self) -> bool:
        """True as soon as a backbone has answered: the first one does whatever the budget is."""
        return any(map(self.answers, self.heads))

    def answers(self, name: str) -> bool:
        """False for a backbone whose answer does not say whether transfer helps."""
        return True

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
        time_left = self.left - plan.end
        control = ENOUGH_EPOCHS * plan.epoch + plan.validations
        has_control = time_left - control > 2 * plan.epoch + plan.validations
        for_tuning = time_left - control if has_control else time_left
        most = MOST_EPOCHS["fine_tune"] * plan.epoch + plan.validations
        start = {"head": self.heads[name][0]}
        self.train_one("fine_tune", fine_tune, name, plan, min(most, for_tuning), start)
        if has_control:
            self.train_one("scratch", train_from_scratch, name, plan, self.left - plan.end, {})
        else:
            spent = 60 * math.ceil((control + most + plan.end + self.fitting) / 60)
            self.bar.update()
            self.remarks.append(text("report.no_control", backbone=name, minutes=spent // 60 + 1))

    def plan(self, name: str, strategies: Sequence[str]) -> Plan | None:
        """What training this backbone takes; None, and said, where there is no time for any."""
        cost = self.costs[name]
        end = 3 * cost * len(self.task.test) + self.fitting + 1
        least = SEARCH_COST * LEAST_STEP * cost * len(self.task.train)  # of one epoch
        if self.left - end < max(LEAST_SECONDS, least):
            for strategy in strategies:
                self.no_time(strategy, name)
            return None
        seconds = self._seconds_per_example(self.networks[name])
        trim_memory()
        epoch = SEARCH_COST * seconds * len(self.task.train)
        return Plan(BATCH * seconds, epoch, VALIDATIONS * cost * len(self.valid), end)

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

        options = {"after_step": note, "progress": False, "keep_best": False, **self.train_options}
        fit(model, some, epochs=3, batch_size=BATCH, lr=1e-4, **options)
        steps = [after - before for before, after in pairwise(times)]
        return min(steps) / len(rows)

    def train_one(
        self,
        strategy: str,
        how: Callable[..., FineTuneResult],
        name: str,
        plan: Plan,
        seconds: float,
        start: dict,
    ) -> None:
        """Trains for as many epochs as fit into `seconds`; says so where not even one does."""
        begin = time.monotonic()
        most = MOST_EPOCHS[strategy]
        if asked := self.most_epochs:
            from_nothing = max(ENOUGH_EPOCHS, 3 * asked)  # what knows nothing learns for longer
            most = min(most, from_nothing if strategy == "scratch" else asked)
        epochs = min(most, int((seconds - plan.validations) / plan.epoch))
        if epochs < 1:
            self.no_time(strategy, name)
            return
        last = deque([begin], maxlen=PACE + 1)

        def is_over(step: int, model: nn.Module) -> bool:
            """Where the machine has grown busy, what comes after takes longer, too."""
            last.append(now := time.monotonic())
            steps = [after - before for before, after in pairwise(last)]
            pace = max(1.0, statistics.median(steps) / plan.step)
            still = pace * plan.validations / 2
            return now + still > begin + seconds or self.left < still + pace * plan.end

        task: Task = replace(self.task, valid=self.valid)
        result = how(
            self.networks[name],
            task,
            epochs=epochs,
            batch_size=BATCH,
            valid_every=epochs,
            keep_best=False,  # there is but one validation, at the end
            seed=self.seed,
            read_test=False,
            progress=False,
            after_step=is_over,
            **self.train_options,
            **start,
        )
        model = result.model.cpu()
        right = self.answer(model, self.valid).argmax(1) == self.valid.labels
        passed = self.epochs[strategy] = len(result.history.train_loss)
        self.add(name, strategy, begin, right, model)
        if passed < (ENOUGH_EPOCHS if strategy == "scratch" else most):
            values = {"strategy": text(f"report.strategy_{strategy}"), "epochs": passed}
            self.remarks.append(text("report.few_epochs", **values))

    # --- the answer ---------------------------------------------------------------------------

    def finish(self) -> Report:
        """The winner reads the test part, and with it the two whose difference is the gain.

        What only illustrates the answer is left out where the time is over, or at Ctrl-C.
        """
        for name, found in self.features.items():
            if len(found.rows) < (count := len(self.task.train)):
                values = {"backbone": name, "some": len(found.rows), "all": count}
                self.remarks.append(text(f"report.fewer_{self.task.kind}", **values))
        chosen = max(_able(self.contenders), key=_rank)
        test, logits = self._answer_test(chosen)
        right = logits.argmax(1) == test.labels
        gain: Interval | None = None
        curve: list[tuple[int, Interval]] = []
        curve_backbone, suspects = "", []
        try:
            gain = self._gain(chosen, right, test)
            if self.has_grace():
                curve, curve_backbone = self.curve(chosen)
                suspects = self.suspects()
        except KeyboardInterrupt:
            self._interrupt()
        return Report(
            task=replace(self.task, test=test),
            contenders=self.contenders,
            chosen=chosen,
            test_acc=share_of(right, getattr(test, "groups", None)),
            test_reads=self.task.test_reads,
            gain=gain,
            curve=curve,
            curve_backbone=curve_backbone,
            logits=logits,
            labels=test.labels,
            suspects=suspects,
            skipped=self.skipped,
            seconds=time.monotonic() - self.begin,
            interrupted=self.interrupted,
            remarks=self.remarks,
        )

    def _answer_test(self, chosen: Contender) -> tuple[Split, Tensor]:
        """The test part, or as much of it as there is time for, and the logits of the winner.

        Ctrl-C ends the search, and does not give up the answer for a last second.
        """
        whole, name = self.task.open_test(), chosen.backbone
        order, parts, count = reading_order(whole.labels, self.seed), [], 0
        self.costs.setdefault(name, PORTION_SECONDS / len(whole))
        for some in self._portions(name, order):
            end = time.monotonic() + self.costs[name] * len(some)
            if count >= LEAST_TEST and end > self.until:
                break
            begin = time.monotonic()
            try:
                logits = self.answer(chosen.model, whole.subset(some))
            except KeyboardInterrupt:
                self._interrupt()
                logits = self.answer(chosen.model, whole.subset(some))
            parts.append(logits)
            self._note_cost(name, (time.monotonic() - begin) / len(some))
            count += len(some)
        rows = order[:count].sort()
        if count < len(whole):
            values = {"some": count, "all": len(whole)}
            self.remarks.append(text("report.fewer_test", **values))
        return whole.subset(rows.values), torch.cat(parts)[rows.indices]

    def _interrupt(self) -> None:
        if not self.interrupted:
            self.interrupted = True
            self.remarks.insert(0, text("report.interrupted"))

    def answer(self, model: nn.Module | None, split: Split) -> Tensor:
        """Logits (n, classes); what is read from a file is held only some at a time."""
        assert model is not None  # see `_able`
        order = self.order_of(split)
        parts = [predict(model, split.batch(rows)[0], FEATURE_BATCH) for rows in order.split(512)]
        return torch.cat(parts)[order.argsort()]

    def suspects(self) -> list[tuple[str, str, str]]:
        """(place, label, what all neighbours say) of training examples whose label looks wrong."""
        places = getattr(self.task.train, "paths", None)  # a task of the catalogue has none
        if not self.heads or places is None:
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
        names = self.task.class_names
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
        None where they are not compared, for want of time or of a control, or where transfer lost
        for want of time.
        """
        groups = self.rivals()
        if not all(groups):
            return None
        best = [max(_able(group), key=_rank) for group in groups]
        cost = sum(self.costs.get(one.backbone, 0.0) for one in best if one is not chosen)
        if not self.has_grace(cost * len(test)):
            return None

        def rights(one: Contender) -> list[float]:
            if one is chosen:
                return right.double().tolist()
            return (self.answer(one.model, test).argmax(1) == test.labels).double().tolist()

        transfer, control = map(rights, best)
        gain = paired(transfer, control, groups=getattr(test, "groups", None))
        enough = min(ENOUGH_TUNING, MOST_EPOCHS["fine_tune"])
        was_cut_short = self.epochs.get("fine_tune", enough) < enough or self.skipped
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

        labels = self.task.train.labels[found.rows]
        return curve_of(labels, accuracy, self.has_grace, self.fitting), name


def curve_of(
    labels: Tensor,
    accuracy: Callable[[Tensor, Tensor, int], float],
    has_time: Callable[[float], bool] = lambda seconds: True,
    for_one: float = 0.0,
) -> list[tuple[int, Interval]]:
    """(examples, accuracy) of growing shares of each class; smaller shares are drawn several times.

    accuracy: of (rows, labels of all rows, seed). has_time: whether there is time for a point that
    takes so many seconds; the curve ends where there is none. for_one: seconds of a fit with all
    examples, until the first point tells them.
    """
    points: list[tuple[int, Interval]] = []
    for share in CURVE:
        seeds = range(CURVE_SEEDS if share < 1 else 1)
        if not has_time(len(seeds) * share * for_one):
            break
        begin, accuracies, count = time.monotonic(), [], 0
        for seed in seeds:
            rows = rows_of_each(labels, share, _generator(seed))
            count = len(rows)
            accuracies.append(accuracy(rows, labels, seed))
        for_one = (time.monotonic() - begin) / len(seeds) / share
        if not points or count > points[-1][0]:
            points.append((count, interval(accuracies, share=True)))
    return points


def reading_order(labels: Tensor, seed: int) -> Tensor:
    """All rows, mixed, each class in its share from the start: one of each first."""
    mixed = torch.randperm(len(labels), generator=_generator(seed))
    place = torch.empty(len(labels))
    for number in labels.unique():
        rows = mixed[labels[mixed] == number]
        place[rows] = torch.arange(len(rows)) / len(rows)
    return mixed[place[mixed].argsort(stable=True)]


def shown_name(place: Path) -> str:
    """A photo by its folder and name, a text by its file and line."""
    return shown(Path(*place.parts[-2:]))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _rank(contender: Contender) -> tuple[float, float]:
    """Better on the validation part; of equals the smaller."""
    return contender.valid_acc, -contender.megabytes


def _able(contenders: Sequence[Contender]) -> list[Contender]:
    """Those whose networks are still in memory."""
    return [contender for contender in contenders if contender.model is not None]


def _megabytes(network: nn.Module) -> float:
    return sum(tensor.nbytes for tensor in network.state_dict().values()) / 1e6
