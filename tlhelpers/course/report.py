"""`tl try PATH`: which way of transfer suits the learner's own photos, measured on them.

Every backbone at hand gives features once; k-NN and a linear probe read them within seconds. What
time is left goes to fine-tuning the best backbone, and to a small network trained from scratch as
the control. The validation part chooses; the test part is read once, by the winner.
"""

from __future__ import annotations

import base64
import copy
import html
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tlhelpers.course.cli import PROGRAM, Parser
from tlhelpers.course.exporting import (
    FORMATS,
    NearestNeighbours,
    export,
    load_model,
    save_model,
    with_head,
)
from tlhelpers.data.folder import FolderTask, load_folder
from tlhelpers.data.task import Split, rows_of_each
from tlhelpers.models.backbones import TORCHVISION, backbone, is_here
from tlhelpers.runtime.language import language, text
from tlhelpers.runtime.store import write_atomic
from tlhelpers.show import plots
from tlhelpers.train.engine import predict
from tlhelpers.transfer.features import extract_features
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.heads import Standardizer, choose_head, fit_heads
from tlhelpers.transfer.intervals import Interval, interval, share_of
from tlhelpers.transfer.knn import vote
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.results import Result

OWN = "zukan-resnet"
NEIGHBOURS = (1, 3, 5, 11)
TRAINING_COST = 3.0  # forward and backward against forward alone
FEATURE_BATCH = 16  # what a large network makes of more would not fit a small computer
ENOUGH_EPOCHS = 15  # from scratch, to be compared at all
LEAST_SECONDS = 5.0  # with less time left, no training is begun
CURVE = (0.125, 0.25, 0.5, 1.0)
CURVE_SEEDS = 3
MORE_LABELS_HELP = 0.01  # gained by the last doubling


@dataclass
class Contender(Result):
    """One way of transfer on one backbone; `right` says of each validation photo if it was."""

    backbone: str
    strategy: str  # "knn", "probe", "fine_tune", "scratch"
    valid_acc: float
    seconds: float
    megabytes: float
    right: Tensor = field(repr=False)
    model: nn.Module = field(repr=False)


@dataclass
class Report(Result):
    """What was tried on the photos, what won, and how far it can be trusted."""

    task: FolderTask = field(repr=False)
    contenders: list[Contender] = field(repr=False)
    chosen: Contender = field(repr=False)
    test_acc: Interval
    test_reads: int
    gain: Interval | None  # accuracy of the best transfer less that of scratch, on validation
    curve: list[tuple[int, Interval]] = field(repr=False)
    curve_backbone: str = field(repr=False)
    logits: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    seconds: float
    remarks: list[str] = field(default_factory=list, repr=False)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "backbone": c.backbone,
                "strategy": text(f"report.strategy_{c.strategy}"),
                "valid_acc": c.valid_acc,
                "seconds": round(c.seconds, 1),
                "megabytes": round(c.megabytes, 1),
            }
            for c in self.contenders
        ]

    @property
    def more_labels_help(self) -> bool | None:
        """Whether the last doubling of the labels still gained a point; None where unknown."""
        if len(self.curve) < 2:
            return None
        return self.curve[-1][1].mean - self.curve[-2][1].mean >= MORE_LABELS_HELP

    def findings(self) -> list[str]:
        """The answers, one sentence each."""
        values = {
            "strategy": text(f"report.strategy_{self.chosen.strategy}"),
            "backbone": self.chosen.backbone,
            "accuracy": f"{self.test_acc.mean:.1%}",
            "low": f"{self.test_acc.low:.1%}",
            "high": f"{self.test_acc.high:.1%}",
            "photos": self.test_acc.n,
            "seconds": f"{self.chosen.seconds:.0f}",
            "megabytes": f"{self.chosen.megabytes:.1f}",
        }
        lines = [text("report.answer", **values)]
        counts = torch.bincount(self.labels)
        lines.append(text("report.guessing", share=f"{counts.max() / counts.sum():.1%}"))
        if self.gain is None:
            lines.append(text("report.gain_unknown"))
        else:
            gain = {"points": f"{100 * self.gain.mean:+.1f}"}
            gain |= {"low": f"{100 * self.gain.low:+.1f}", "high": f"{100 * self.gain.high:+.1f}"}
            verdict = "helps" if self.gain.low > 0 else "hurts" if self.gain.high < 0 else "open"
            lines.append(text(f"report.gain_{verdict}", **gain))
        if self.more_labels_help is not None:
            (half, before), (full, now) = self.curve[-2:]
            key = "more_helps" if self.more_labels_help else "more_hardly"
            points = f"{100 * (now.mean - before.mean):+.1f}"
            lines.append(text(f"report.{key}", half=half, full=full, points=points))
        return lines

    def next_steps(self) -> list[str]:
        """What to do now, the most useful first."""
        steps = []
        if self.test_acc.n < 100:
            steps.append(text("report.next_test", photos=self.test_acc.n))
        if self.more_labels_help:
            steps.append(text("report.next_labels"))
        elif self.test_acc.mean < 0.99:
            steps.append(text("report.next_mistakes"))
        if all(c.backbone.startswith("zukan-") for c in self.contenders):
            steps.append(text("report.next_weights", program=PROGRAM))
        if self.task.inspection is not None and self.task.inspection.imbalance >= 3:
            steps.append(text("report.next_balance"))
        if not any(c.strategy == "fine_tune" for c in self.contenders):
            steps.append(text("report.next_minutes"))
        steps.append(text("report.next_new_photos"))
        return steps

    def __str__(self) -> str:
        parts = [super().__str__(), *self.remarks, *self.findings()]
        heading = text("report.next")
        return "\n".join([*parts, "", heading, *(f"- {step}" for step in self.next_steps())])

    def _repr_html_(self) -> str:
        said = [*self.remarks, *self.findings()]
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in said)
        return super()._repr_html_() + lines

    def confusion(self) -> plots.Picture:
        """The confusion matrix of the test part."""
        return plots.plot_confusion(self.labels, self.logits.argmax(1), self.task.class_names)

    def mistakes(self, most: int = 12) -> plots.Picture | None:
        """The surest wrong answers of the test part, as photos; None where there are none."""
        share, answers = self.logits.softmax(1).max(1)
        wrong = (answers != self.labels).nonzero()[:, 0]
        if not len(wrong):
            return None
        rows = wrong[share[wrong].argsort(descending=True)][:most]
        images, _ = self.task.test.batch(rows)
        names = self.task.class_names
        captions = [
            text(
                "report.mistake",
                true=_short(names[self.labels[row]]),
                answer=_short(names[answers[row]]),
                share=f"{share[row]:.0%}",
            )
            for row in rows.tolist()
        ]
        alt = text("report.mistakes_alt", count=len(rows))
        return plots.gallery(images, captions, alt, columns=4, zoom=160 / images.shape[-1])

    def learning_curve(self) -> plots.Picture | None:
        """Validation accuracy of the probe over the number of training photos."""
        if len(self.curve) < 2:
            return None
        return draw_curve(self.curve, self.curve_backbone)

    def save(self, folder: str | os.PathLike) -> Path:
        """Writes report.html and model/ into `folder`; returns the report's path."""
        folder = Path(folder).expanduser()
        save_model(
            self.chosen.model,
            self.task.classes,
            self.task.test.batch(torch.arange(1))[0].shape[-1],
            folder / "model",
            strategy=self.chosen.strategy,
            test_accuracy=self.test_acc.mean,
            test_accuracy_95=[self.test_acc.low, self.test_acc.high],
        )
        return write_atomic(folder / "report.html", page(self))


def _short(name: str, most: int = 10) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


# --- trying -------------------------------------------------------------------------------


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
    The first answer (k-NN and probe) comes however small the budget is.
    """
    begin = time.monotonic()
    deadline = begin + 60 * minutes
    visible = sys.stderr.isatty() if progress is None else progress
    if isinstance(path_or_task, (str, os.PathLike)):
        task = load_folder(path_or_task, size, seed, progress=visible)
    else:
        task = path_or_task
    run = _Trial(task, deadline, seed, size, tqdm(disable=not visible, total=0))
    with run.bar:
        run.use(backbones or [OWN, *(name for name in TORCHVISION if is_here(name))])
        run.train()
        return run.finish(begin)


@dataclass
class _Trial:
    """One call of `try_folder`: what was tried so far."""

    task: FolderTask
    deadline: float
    seed: int
    size: int
    bar: tqdm
    contenders: list[Contender] = field(default_factory=list)
    networks: dict[str, nn.Module] = field(default_factory=dict)
    features: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)  # seconds for one photo, forward
    rates: dict[str, tuple[float, float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()

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

    def use(self, names: Sequence[str]) -> None:
        """k-NN and probe on the features of each backbone, the quickest backbone first."""
        self.bar.total = 2 * len(names) + 2
        loaded = {name: self._load(name) for name in names}
        photos = len(self.task.train) + len(self.task.valid)
        costs = {name: self._measure(network) for name, network in loaded.items()}
        for name in sorted(names, key=costs.__getitem__):
            expected = costs[name] * photos
            if self.networks and expected > 0.5 * self.left:
                seconds = f"{expected:.0f}"
                self.remarks.append(text("report.skipped", backbone=name, seconds=seconds))
                self.bar.update(2)
                continue
            self._read_features(name, loaded[name])

    def _load(self, name: str) -> nn.Module:
        own_size = name.startswith("zukan-")
        return backbone(name, size=None if own_size else self.size)

    def _measure(self, network: nn.Module) -> float:
        """Seconds that one photo takes, found with a few."""
        few = self.task.train.batch(torch.arange(min(8, len(self.task.train))))[0]
        predict(network, few[:1])
        begin = time.monotonic()
        predict(network, few)
        return (time.monotonic() - begin) / len(few)

    def _read_features(self, name: str, network: nn.Module) -> None:
        task, begin = self.task, time.monotonic()
        train = extract_features(network, task.train, batch_size=FEATURE_BATCH)
        valid = extract_features(network, task.valid, batch_size=FEATURE_BATCH)
        took = time.monotonic() - begin
        self.networks[name], self.features[name] = network, (train, valid)
        self.costs[name] = took / (len(train) + len(valid))

        labels, wanted = task.train.labels, task.valid.labels
        some = [k for k in NEIGHBOURS if k <= len(train)]
        answers = vote(train, labels, valid, some, "cosine")
        right = [answer == wanted for answer in answers]
        best = max(range(len(some)), key=lambda i: right[i].sum().item())
        model = _neighbours(network, train, labels, some[best], task.num_classes)
        self.add(name, "knn", begin, right[best], model)

        standardizer = Standardizer(train)
        heads = fit_heads(standardizer(train), labels, task.num_classes, seed=self.seed)
        chosen, grid = choose_head(heads, standardizer(valid), wanted)
        self.rates[name] = grid[chosen]["learning_rate"], grid[chosen]["weight_decay"]
        head = heads.head(chosen, standardizer)
        with torch.no_grad():
            right = head(valid).argmax(1) == wanted
        self.add(name, "probe", begin, right, with_head(network, head))

    def train(self) -> None:
        """Fine-tuning of the best backbone, then a small network from scratch, as time allows."""
        probes = [c for c in self.contenders if c.strategy == "probe"]
        best = max(probes, key=lambda c: c.valid_acc).backbone
        own = self.networks[OWN] if OWN in self.networks else backbone(OWN)
        own_cost = self.costs.get(OWN) or self._measure(own)
        self._train_one(
            "fine_tune", best, self.networks[best], self.costs[best], 0.6 * self.left, most=10
        )
        self._train_one("scratch", OWN, own, own_cost, 0.8 * self.left, most=30)

    def _train_one(
        self, strategy: str, name: str, network: nn.Module, cost: float, seconds: float, most: int
    ) -> None:
        """Trains for as many epochs as fit into `seconds`; says so where not even one does."""
        begin = time.monotonic()
        epoch = TRAINING_COST * cost * len(self.task.train) + cost * len(self.task.valid)
        epochs = min(most, int(seconds / epoch) - 1)
        if epochs < 1 or seconds < LEAST_SECONDS:
            values = {"strategy": text(f"report.strategy_{strategy}"), "backbone": name}
            self.remarks.append(text("report.no_time", **values))
            self.bar.update()
            return
        limit = begin + 1.3 * seconds
        options = {
            "epochs": epochs,
            "batch_size": 32,
            "seed": self.seed,
            "read_test": False,
            "progress": False,
            "after_step": lambda step, model: time.monotonic() > limit,
        }
        how = fine_tune if strategy == "fine_tune" else train_from_scratch
        result = how(network, self.task, **options)
        model = result.model.cpu()
        right = _answer(model, self.task.valid).argmax(1) == self.task.valid.labels
        self.add(name, strategy, begin, right, model)
        passed = len(result.history.train_loss)
        if strategy == "scratch" and passed < ENOUGH_EPOCHS:
            self.remarks.append(text("report.few_epochs", epochs=passed))

    def finish(self, begin: float) -> Report:
        """The winner reads the test part; the curve reads the best features."""
        chosen = max(self.contenders, key=lambda c: (c.valid_acc, -c.megabytes))
        probes = [c for c in self.contenders if c.strategy == "probe"]
        curve_backbone = max(probes, key=lambda c: c.valid_acc).backbone
        curve = self._curve(curve_backbone)
        test = self.task.open_test()
        logits = _answer(chosen.model, test)
        right = logits.argmax(1) == test.labels
        groups = getattr(self.task, "groups", {}).get("test")
        return Report(
            task=self.task,
            contenders=self.contenders,
            chosen=chosen,
            test_acc=share_of(right, groups),
            test_reads=self.task.test_reads,
            gain=self._gain(),
            curve=curve,
            curve_backbone=curve_backbone,
            logits=logits,
            labels=test.labels,
            seconds=time.monotonic() - begin,
            remarks=self.remarks,
        )

    def _gain(self) -> Interval | None:
        """Best transfer less scratch, photo by photo on the validation part."""
        scratch = [c for c in self.contenders if c.strategy == "scratch"]
        if not scratch:
            return None
        transfer = [c for c in self.contenders if c.strategy != "scratch"]
        best = max(transfer, key=lambda c: c.valid_acc)
        return interval((best.right.double() - scratch[0].right.double()).tolist())

    def _curve(self, name: str) -> list[tuple[int, Interval]]:
        train, valid = self.features[name]
        labels, wanted = self.task.train.labels, self.task.valid.labels
        rate, decay = self.rates[name]
        points = []
        for share in CURVE:
            accuracies, count = [], 0
            for seed in range(CURVE_SEEDS if share < 1 else 1):
                rows = rows_of_each(labels, share, torch.Generator().manual_seed(seed))
                count = len(rows)
                standardizer = Standardizer(train[rows])
                heads = fit_heads(
                    standardizer(train[rows]),
                    labels[rows],
                    self.task.num_classes,
                    (rate,),
                    (decay,),
                    seed=seed,
                )
                _, grid = choose_head(heads, standardizer(valid), wanted)
                accuracies.append(grid[0]["valid_acc"])
            if not points or count > points[-1][0]:
                points.append((count, interval(accuracies)))
        return points


def _answer(model: nn.Module, split: Split) -> Tensor:
    """Logits (n, classes); photos that are read from their file are held only some at a time."""
    parts = torch.arange(len(split)).split(512)
    return torch.cat([predict(model, split.batch(rows)[0], FEATURE_BATCH) for rows in parts])


def _neighbours(network, train: Tensor, labels: Tensor, k: int, classes: int) -> nn.Module:
    return NearestNeighbours(copy.deepcopy(network), train, labels, k, classes).eval()


# --- showing ------------------------------------------------------------------------------


def draw_curve(curve: list[tuple[int, Interval]], name: str) -> plots.Picture:
    """Accuracy over the number of training photos, with the 95% interval over draws."""
    import matplotlib.pyplot as plt
    import numpy as np

    from tlhelpers.show import figures

    figures.use()
    figure, axes = plt.subplots(figsize=(5.5, 3.2))
    counts = [count for count, _ in curve]
    means = [point.mean for _, point in curve]
    axes.plot(counts, means, marker="o")
    low = np.clip([point.low for _, point in curve], 0, 1)  # a single draw has none: nan
    high = np.clip([point.high for _, point in curve], 0, 1)
    axes.fill_between(counts, low, high, alpha=0.2, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set(xlabel=text("report.training_photos"), ylabel=text("label.valid_acc"), title=name)
    alt = text("report.curve_alt", first=f"{means[0]:.0%}", last=f"{means[-1]:.0%}")
    return plots.picture(figure, alt)


STYLE = """
body { font: 16px/1.6 system-ui, "Hiragino Sans", "Yu Gothic", "Noto Sans CJK JP", sans-serif;
       max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
img { max-width: 100%; height: auto; } .answer { font-size: 1.15rem; }
table { margin: 1rem 0; } footer { margin-top: 3rem; color: #767676; font-size: .85rem; }
"""


def page(report: Report) -> str:
    """The report as one HTML page that needs no other file and no network."""
    task = report.task
    first, *answers = report.findings()
    body = [f"<h1>{_escaped(text('report.title', name=task.name))}</h1>"]
    body.append(f'<p class="answer">{_escaped(first)}</p>')
    body += [f"<p>{_escaped(line)}</p>" for line in answers]
    body += [_heading("next"), _items(report.next_steps())]
    body += [_heading("tried_heading"), Result._repr_html_(report)]
    body += [f"<p>{_escaped(line)}</p>" for line in report.remarks]
    body += [_heading("confusion"), _figure(report.confusion())]
    body += [_heading("mistakes"), _figure(report.mistakes())]
    body += [_heading("curve"), _figure(report.learning_curve())]
    if task.inspection is not None:
        body += [_heading("found"), _items(task.inspection.sentences())]
    body.append(_figure(plots.show(task, per_class=6, classes=range(min(8, task.num_classes)))))
    footer = text("report.footer", reads=report.test_reads, seconds=f"{report.seconds:.0f}")
    body.append(f"<footer>{_escaped(footer)}</footer>")
    title = _escaped(text("report.title", name=task.name))
    return (
        f'<!doctype html>\n<html lang="{language()}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _escaped(content: str) -> str:
    return html.escape(content)


def _heading(key: str) -> str:
    return f"<h2>{_escaped(text(f'report.{key}'))}</h2>"


def _items(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_escaped(line)}</li>" for line in lines) + "</ul>"


def _figure(picture: plots.Picture | None) -> str:
    if picture is None:
        return f"<p>{_escaped(text('report.nothing'))}</p>"
    content = base64.b64encode(picture.data).decode("ascii")
    alt = html.escape(picture.alt, quote=True)
    return f'<p><img src="data:{picture.mime};base64,{content}" alt="{alt}"></p>'


# --- commands -----------------------------------------------------------------------------


def main_try(arguments: list[str]) -> int:
    """`tl try PATH`."""
    parser = Parser("try")
    parser.add_argument("path", help=text("report.help_path"))
    parser.add_argument("--minutes", type=float, default=5.0, help=text("report.help_minutes"))
    parser.add_argument("--backbone", nargs="+", help=text("report.help_backbone"))
    parser.add_argument("--out", help=text("report.help_out"))
    parser.add_argument("--size", type=int, default=160, help=text("report.help_size"))
    parser.add_argument("--export", choices=FORMATS, help=text("report.help_export"))
    asked = parser.parse_args(arguments)
    try:
        task = load_folder(asked.path, asked.size, progress=True)
        print(task.inspection, flush=True)
        report = try_folder(task, asked.minutes, asked.backbone, size=asked.size, progress=True)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{report}\n")
    folder = Path(asked.out or f"{task.name}-report")
    print(text("report.saved", report=report.save(folder), model=folder / "model"))
    if asked.export:
        print(text("report.exported", path=export(folder / "model", asked.export)))
    return 0


def main_predict(arguments: list[str]) -> int:
    """`tl predict MODEL PHOTO ...`: one line a photo; status 1 where one could not be read."""
    parser = Parser("predict")
    parser.add_argument("model", help=text("report.help_model"))
    parser.add_argument("photos", nargs="+", help=text("report.help_photos"))
    asked = parser.parse_args(arguments)
    answers = load_model(asked.model).classify(asked.photos)
    for photo, answer in zip(asked.photos, answers, strict=True):
        print(photo, answer, sep="\t", file=sys.stderr if answer.problem else sys.stdout)
    return int(any(answer.problem for answer in answers))
