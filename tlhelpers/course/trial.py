"""`tl try PATH`: which way of transfer suits the learner's own photos, measured on them.

Every backbone at hand gives features once; k-NN and a linear probe read them within seconds. What
time is left goes to fine-tuning the best backbone and, where it suffices, to the same network
trained from scratch as the control. The validation part chooses; the test part is read once.
"""

from __future__ import annotations

import copy
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from numbers import Real
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tlhelpers.course.cli import Parser
from tlhelpers.course.exporting import FORMATS, NearestNeighbours, export, with_head
from tlhelpers.course.report import Contender, Report
from tlhelpers.data.archive import SUFFIXES as ARCHIVES
from tlhelpers.data.folder import FolderTask, load_folder
from tlhelpers.data.layout import shown
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.models.backbones import LOADERS, TORCHVISION, backbone, is_here, is_picture_network
from tlhelpers.models.surgery import replace_head
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError, clear_disk_errors, write_atomic
from tlhelpers.train.engine import fit, predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.intervals import Interval, interval, paired, share_of
from tlhelpers.transfer.knn import vote
from tlhelpers.transfer.negative import train_from_scratch

OWN = "zukan-resnet"
NEIGHBOURS = (1, 3, 5, 11)
FEATURE_BATCH = 16  # what a large network makes of more would not fit a small computer
BATCH = 32  # photos of a training step
LEAST_PER_CLASS = 10  # training photos, where a backbone gets only some of them
MOST_EPOCHS = {"fine_tune": 10, "scratch": 30}
SEARCH_COST = 2.0  # trying learning rates takes as long as the training itself
ENOUGH_EPOCHS = 15  # from scratch; a control that was trained less says nothing about transfer
LEAST_SECONDS = 5.0  # with less time left, no training is begun
CURVE = (0.125, 0.25, 0.5, 1.0)
CURVE_SEEDS = 3


def try_folder(
    path_or_task: str | os.PathLike | FolderTask,
    minutes: float = 5.0,
    backbones: Sequence[str] | None = None,
    *,
    size: int = 160,
    seed: int = 0,
    progress: bool | None = None,
) -> Report:
    """Compare the ways of transfer on a folder of photos within a budget of minutes.

    backbones: names; None takes the course's own and those whose weights are here. size: pixels
    that photos are cut to. progress: a bar and a line for each result; None where somebody looks.
    The first answer (k-NN and probe) comes however small the budget is. Ctrl-C ends the search:
    the best so far answers, and the report is marked `interrupted`. Raises ValueError for a budget
    that is no number of minutes, and for a task that is no task of pictures.
    """
    begin = time.monotonic()
    _require_minutes(minutes)
    visible = sys.stderr.isatty() if progress is None else progress
    names = _names_of(backbones)
    if isinstance(path_or_task, Task):
        task = path_or_task
    else:
        task = load_folder(path_or_task, size, seed, progress=visible)
    if task.kind != "image":
        raise ValueError(text("report.images_only", name=task.name, kind=task.kind))
    trial = Trial(task, begin + 60 * minutes, seed, size, tqdm(disable=not visible, total=0))
    with trial.bar:
        trial.search(names or [OWN, *(name for name in TORCHVISION if is_here(name))])
        return trial.finish(begin)


def _require_minutes(minutes: float) -> None:
    if not isinstance(minutes, Real) or not 0 <= minutes < math.inf:
        raise ValueError(text("report.minutes", minutes=f"{minutes!r:.60}"))


def _names_of(backbones: Sequence[str] | str | None) -> list[str]:
    """Each name once. Raises ValueError for a network that reads no pictures."""
    names = [backbones] if isinstance(backbones, str) else list(dict.fromkeys(backbones or ()))
    for name in names:
        if not isinstance(name, str) or (name in LOADERS and not is_picture_network(name)):
            raise ValueError(text("report.no_picture_network", name=f"{name!r:.60}"))
    return names


@dataclass
class Trial:
    """One call of `try_folder`: what was tried so far."""

    task: FolderTask
    deadline: float
    seed: int
    size: int
    bar: tqdm
    contenders: list[Contender] = field(default_factory=list)
    networks: dict[str, nn.Module] = field(default_factory=dict)
    features: dict[str, tuple[Split, Tensor, Tensor]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)  # seconds for one photo, forward
    heads: dict[str, tuple[nn.Linear, float, float]] = field(default_factory=dict)
    fitting: float = 0.0  # seconds that the heads of a probe took
    epochs: dict[str, int] = field(default_factory=dict)  # that each training passed
    remarks: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()

    def search(self, names: Sequence[str]) -> None:
        """All that the time allows; Ctrl-C ends it, and is passed on where there is no answer."""
        try:
            self.use(names)
            self.train()
        except KeyboardInterrupt:
            if not self.heads:
                raise
            self.interrupted = True
            self.remarks.insert(0, text("report.interrupted"))

    def add(self, name: str, strategy: str, begin: float, right: Tensor, model: nn.Module) -> None:
        parameters = sum(tensor.nbytes for tensor in model.state_dict().values())
        accuracy = right.double().mean().item()
        taken = time.monotonic() - begin
        entry = Contender(name, strategy, accuracy, taken, parameters / 1e6, right, model)
        self.contenders.append(entry)
        self.bar.update()
        if not self.bar.disable:
            strategy = text(f"report.strategy_{strategy}")
            values = {"backbone": name, "strategy": strategy, "seconds": f"{taken:.0f}"}
            tqdm.write(text("report.tried", accuracy=f"{accuracy:.1%}", **values))

    # --- features: k-NN and probe -------------------------------------------------------------

    def use(self, names: Sequence[str]) -> None:
        """k-NN and probe on the features of each backbone, the quickest backbone first.

        One that would take more than half of the time left reads fewer training photos instead
        of staying away: the slowest is often the best.
        """
        self.bar.total = 2 * len(names) + 2
        loaded = {name: self._load(name) for name in names}
        costs = {name: self._measure(network) for name, network in loaded.items()}
        train, valid = self.task.train, self.task.valid
        for name in sorted(names, key=costs.__getitem__):
            rows = torch.arange(len(train))
            affordable = int(0.5 * self.left / costs[name]) - len(valid)
            if self.heads and affordable < len(train):
                share = max(0, affordable) / len(train)
                rows = rows_of_each(train.labels, share, _generator(self.seed)).sort().values
                if affordable < LEAST_PER_CLASS * self.task.num_classes:
                    seconds = f"{costs[name] * (len(train) + len(valid)):.0f}"
                    self.remarks.append(text("report.skipped", backbone=name, seconds=seconds))
                    self.bar.update(2)
                    continue
                values = {"backbone": name, "some": len(rows), "all": len(train)}
                self.remarks.append(text("report.fewer_photos", **values))
            self._read_features(name, loaded[name], rows)

    def _load(self, name: str) -> nn.Module:
        own_size = name.startswith("zukan-")
        return backbone(name, size=None if own_size else self.size)

    def _measure(self, network: nn.Module) -> float:
        """Seconds that one photo takes: the quicker of two whole batches, after a first one."""
        some = self.task.train.batch(torch.arange(min(FEATURE_BATCH, len(self.task.train))))[0]
        predict(network, some[:2])
        taken = []
        for _ in range(2):
            begin = time.monotonic()
            predict(network, some)
            taken.append(time.monotonic() - begin)
        return min(taken) / len(some)

    def _read_features(self, name: str, network: nn.Module, rows: Tensor) -> None:
        task, begin = self.task, time.monotonic()
        some = task.train if len(rows) == len(task.train) else task.train.subset(rows)
        train = extract_features(network, some, batch_size=FEATURE_BATCH)
        valid = extract_features(network, task.valid, batch_size=FEATURE_BATCH)
        self.costs[name] = (time.monotonic() - begin) / (len(train) + len(valid))
        self.networks[name], self.features[name] = network, (some, train, valid)

        labels, wanted = some.labels, task.valid.labels
        counts = [k for k in NEIGHBOURS if k <= len(train)]
        answers = vote(train, labels, valid, counts, "cosine")
        right = [answer == wanted for answer in answers]
        best = max(range(len(counts)), key=lambda i: right[i].sum().item())
        body = copy.deepcopy(network)
        model = NearestNeighbours(body, train, labels, counts[best], task.num_classes).eval()
        self.add(name, "knn", begin, right[best], model)

        fitting, classes = time.monotonic(), task.num_classes
        head, chosen, _ = select_head(train, labels, valid, wanted, classes, seed=self.seed)
        self.fitting = max(self.fitting, time.monotonic() - fitting)
        with torch.no_grad():
            right = head(valid).argmax(1) == wanted
        self.add(name, "probe", begin, right, with_head(network, head))
        self.heads[name] = head, chosen["learning_rate"], chosen["weight_decay"]

    # --- training -----------------------------------------------------------------------------

    def train(self) -> None:
        """Fine-tuning of the best backbone, and its twin from scratch where there is time for it.

        Both are planned by the time that their own steps take, and stopped when it is over.
        """
        name, task = self._best_backbone(), self.task
        network, cost = self.networks[name], self.costs[name]
        validate = cost * len(task.valid)
        end = 3 * cost * len(task.test) + self.fitting + 1  # what is to be done after training
        time_left = self.left - end
        if time_left < LEAST_SECONDS:
            for strategy in MOST_EPOCHS:
                self._no_time(strategy, name)
            return
        epoch = SEARCH_COST * self._seconds_per_photo(network) * len(task.train)
        time_left = self.left - end
        control = ENOUGH_EPOCHS * epoch + 7 * validate
        has_control = time_left - control > 2 * epoch + 7 * validate
        for_tuning = time_left - control if has_control else time_left
        most = MOST_EPOCHS["fine_tune"] * epoch + cost * len(task.train) + 7 * validate
        self._train_one("fine_tune", name, epoch, validate, min(most, for_tuning))
        if has_control:
            self._train_one("scratch", name, epoch, validate, self.left - end)
        else:
            spent = 60 * math.ceil((control + most + end + self.fitting) / 60)
            self.bar.update()
            self.remarks.append(text("report.no_control", backbone=name, minutes=spent // 60 + 1))

    def _best_backbone(self) -> str:
        probes = [c for c in self.contenders if c.strategy == "probe"]
        return max(probes, key=lambda c: c.valid_acc).backbone

    def _no_time(self, strategy: str, name: str) -> None:
        values = {"strategy": text(f"report.strategy_{strategy}"), "backbone": name}
        self.remarks.append(text("report.no_time", **values))
        self.bar.update()

    def _seconds_per_photo(self, network: nn.Module) -> float:
        """What a photo costs in training: the quicker of the second and the third step."""
        rows = torch.arange(min(BATCH, len(self.task.train)))
        some = self.task.train.subset(rows)
        model = replace_head(copy.deepcopy(network), self.task.num_classes)
        times: list[float] = []

        def note(step: int, model: nn.Module) -> bool:
            times.append(time.monotonic())
            return len(times) > 2

        fit(model, some, epochs=3, batch_size=BATCH, lr=1e-4, after_step=note, progress=False)
        steps = [after - before for before, after in pairwise(times)]
        return min(steps) / len(rows)

    def _train_one(
        self, strategy: str, name: str, epoch: float, validate: float, seconds: float
    ) -> None:
        """Trains for as many epochs as fit into `seconds`; says so where not even one does."""
        begin = time.monotonic()
        fixed = 7 * validate  # of the start, of three rates, of the end
        epochs = min(MOST_EPOCHS[strategy], int((seconds - fixed) / epoch))
        if epochs < 1:
            self._no_time(strategy, name)
            return
        limit = begin + seconds - fixed / 2
        how = fine_tune if strategy == "fine_tune" else train_from_scratch
        result = how(
            self.networks[name],
            self.task,
            epochs=epochs,
            batch_size=BATCH,
            valid_every=epochs,
            seed=self.seed,
            read_test=False,
            progress=False,
            after_step=lambda step, model: time.monotonic() > limit,
        )
        model = result.model.cpu()
        right = _answer(model, self.task.valid).argmax(1) == self.task.valid.labels
        self.add(name, strategy, begin, right, model)
        passed = self.epochs[strategy] = len(result.history.train_loss)
        if passed < (ENOUGH_EPOCHS if strategy == "scratch" else MOST_EPOCHS[strategy]):
            values = {"strategy": text(f"report.strategy_{strategy}"), "epochs": passed}
            self.remarks.append(text("report.few_epochs", **values))

    # --- the answer ---------------------------------------------------------------------------

    def finish(self, begin: float) -> Report:
        """The winner reads the test part, and with it the two whose difference is the gain."""
        chosen = max(self.contenders, key=lambda c: (c.valid_acc, -c.megabytes))
        best = self._best_backbone()
        curve = self._curve(best)
        test = self.task.open_test()
        logits = _answer(chosen.model, test)
        right = logits.argmax(1) == test.labels
        return Report(
            task=self.task,
            contenders=self.contenders,
            chosen=chosen,
            test_acc=share_of(right, getattr(test, "groups", None)),
            test_reads=self.task.test_reads,
            gain=self._gain(chosen, right, test),
            curve=curve,
            curve_backbone=best,
            logits=logits,
            labels=test.labels,
            seconds=time.monotonic() - begin,
            interrupted=self.interrupted,
            remarks=self.remarks,
        )

    def _gain(self, chosen: Contender, right: Tensor, test: Split) -> Interval | None:
        """Best transfer less its twin from scratch, photo by photo on the test part.

        The test part chose neither of them; a twin that was hardly trained would flatter transfer.
        """
        scratch = [c for c in self.contenders if c.strategy == "scratch"]
        if not scratch or self.epochs["scratch"] < ENOUGH_EPOCHS:
            return None
        same = [
            c
            for c in self.contenders
            if c.strategy != "scratch" and c.backbone == scratch[0].backbone
        ]
        transfer = max(same, key=lambda c: (c.valid_acc, -c.megabytes))

        def rights(contender: Contender) -> Tensor:
            if contender is chosen:
                return right.double()
            return (_answer(contender.model, test).argmax(1) == test.labels).double()

        return paired(rights(transfer).tolist(), rights(scratch[0]).tolist())

    def _curve(self, name: str) -> list[tuple[int, Interval]]:
        some, train, valid = self.features[name]
        labels, wanted = some.labels, self.task.valid.labels
        _, rate, decay = self.heads[name]
        points: list[tuple[int, Interval]] = []
        for share in CURVE:
            accuracies, count = [], 0
            for seed in range(CURVE_SEEDS if share < 1 else 1):
                rows = rows_of_each(labels, share, _generator(seed))
                count = len(rows)
                found = select_head(
                    train[rows],
                    labels[rows],
                    valid,
                    wanted,
                    self.task.num_classes,
                    learning_rates=(rate,),
                    weight_decays=(decay,),
                    seed=seed,
                )
                accuracies.append(found.chosen["valid_acc"])
            if not points or count > points[-1][0]:
                points.append((count, interval(accuracies, share=True)))
        return points


def _answer(model: nn.Module, split: Split) -> Tensor:
    """Logits (n, classes); photos that are read from their file are held only some at a time."""
    parts = torch.arange(len(split)).split(512)
    return torch.cat([predict(model, split.batch(rows)[0], FEATURE_BATCH) for rows in parts])


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- the command --------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """`tl try PATH`. Status 130 where Ctrl-C ended it; the report is written all the same."""
    parser = Parser("try")
    parser.add_argument("path", help=text("report.help_path"))
    parser.add_argument("--minutes", type=float, default=5.0, help=text("report.help_minutes"))
    parser.add_argument("--backbone", nargs="+", help=text("report.help_backbone"))
    parser.add_argument("--out", help=text("report.help_out"))
    parser.add_argument("--size", type=int, default=160, help=text("report.help_size"))
    parser.add_argument("--export", choices=FORMATS, help=text("report.help_export"))
    asked = parser.parse_args(arguments)
    folder = (
        Path(os.path.expanduser(asked.out)) if asked.out else Path(_name_of(asked.path) + "-report")
    )
    try:
        _require_minutes(asked.minutes)
        _require_writable(folder)
        task = load_folder(asked.path, asked.size, progress=True)
        print(task.inspection, flush=True)
        report = try_folder(task, asked.minutes, asked.backbone, size=asked.size, progress=True)
        print(f"\n{report}\n")
        print(text("report.saved", report=report.save(folder), model=folder / "model"))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        with suppress(OSError):  # made by `_require_writable`, and nothing came into it
            folder.rmdir()
    if asked.export:
        print(text("report.exported", path=export(folder / "model", asked.export)))
    return 130 if report.interrupted else 0


def _name_of(path: str) -> str:
    """What the report is named after: the folder, or the archive without its ending."""
    name = shown(Path(os.path.expanduser(path)).resolve().name)
    ending = next((end for end in ARCHIVES if name.lower().endswith(end)), "")
    return name.removesuffix(name[len(name) - len(ending) :]) if ending else name


def _require_writable(folder: Path) -> None:
    """Raises StoreError where the results could not be written: before the work, not after."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise StoreError(text("report.out_is_a_file", path=folder))
    with clear_disk_errors(folder):
        write_atomic(folder / ".writable", "")
        (folder / ".writable").unlink()
