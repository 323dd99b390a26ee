"""What `tl try` found on a learner's photos, recordings or texts: the answer, how far it holds,
what next.

The search itself is in `contest.py`. The page is one HTML file that needs no network.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.course.cli import PROGRAM
from tlhelpers.course.exporting import save_model
from tlhelpers.course.mistakes import mistakes_table
from tlhelpers.course.sound_report import examples_table, players
from tlhelpers.course.text_report import quoted
from tlhelpers.data.folder import FolderTask
from tlhelpers.data.inspection import shortened
from tlhelpers.data.layout import shown as shown_path
from tlhelpers.data.sounds.inspection import SoundInspection
from tlhelpers.models.hearing import BANDS
from tlhelpers.models.speech_embedding import NAME as EMBEDDING
from tlhelpers.runtime.arguments import require_path
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import write_atomic
from tlhelpers.runtime.table import as_html, shown
from tlhelpers.show import plots
from tlhelpers.show.page import Section, page
from tlhelpers.transfer.intervals import Interval
from tlhelpers.transfer.results import Result

MORE_LABELS_HELP = 0.01  # gained by the last doubling
FEWEST_CONFUSED, CONFUSED_SHARE = 3, 1 / 3  # mistakes of one kind, and of the class, to be told
EXPLAINED = {BANDS: "bands", EMBEDDING: "embedding", "zukan-speech": "speech"}
EXPLAINED |= {"zukan-resnet": "pictures"}
WORDS_ALWAYS = ("pretrained", "parts", "interval")
# Words that the page explains where they occur, in the order in which a reader needs them.
WORDS = (
    *("pretrained", "tfidf", "names", "knn", "probe"),
    *("lora", "fine_tune", "scratch", "parts", "interval"),
)
MOST_CLASSES = 25  # of a confusion matrix; one of 151 took seven gigabytes to draw


@dataclass
class Contender(Result):
    """One way of transfer on one backbone; `right` says of each validation example if it was."""

    backbone: str
    strategy: str  # "knn", "probe", "fine_tune", "scratch"; see `report.strategy_...`
    valid_acc: float
    seconds: float
    megabytes: float
    right: Tensor = field(repr=False)
    model: nn.Module | None = field(repr=False)  # None: a large one that was let go


@dataclass
class Report(Result):
    """What was tried on the learner's examples, what won, and how far it can be trusted."""

    task: FolderTask = field(repr=False)
    contenders: list[Contender] = field(repr=False)
    chosen: Contender = field(repr=False)
    test_acc: Interval
    test_reads: int
    gain: Interval | None  # of the best transfer over its control, on the test part
    curve: list[tuple[int, Interval]] = field(repr=False)
    curve_backbone: str = field(repr=False)
    logits: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    seconds: float
    suspects: list[tuple[str, str, str]] = field(default_factory=list, repr=False)
    skipped: list[str] = field(default_factory=list, repr=False)  # backbones without time for them
    quotes: bool = field(default=True, repr=False)  # whether the page may show texts and voices
    interrupted: bool = False  # stopped by the learner: what there was until then
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
        """Whether the last doubling of the labels still gained a point; None where unknown.

        Unknown, too, where the draws of half the labels differ by more than the doubling gained.
        """
        if len(self.curve) < 2:
            return None
        (_, half), (_, full) = self.curve[-2:]
        gained, spread = full.mean - half.mean, (half.high - half.low) / 2
        if spread > abs(gained - MORE_LABELS_HELP):
            return None
        return gained >= MORE_LABELS_HELP

    def findings(self) -> list[str]:
        """The answers, one sentence each."""
        values = {
            "strategy": text(f"report.strategy_{self.chosen.strategy}"),
            "backbone": self.chosen.backbone,
            "accuracy": f"{self.test_acc.mean:.1%}",
            "low": f"{self.test_acc.low:.1%}",
            "high": f"{self.test_acc.high:.1%}",
            "photos": self.test_acc.n,
            "seconds": shown(max(self.chosen.seconds, 0.1), "seconds"),
            "megabytes": f"{self.chosen.megabytes:.1f}",
        }
        lines = [text(f"report.answer_{self.task.kind}", **values), *self._voices()]
        counts = torch.bincount(self.labels)
        lines.append(text("report.guessing", share=f"{counts.max() / counts.sum():.1%}"))
        if self.gain is None and self.skipped:
            lines.append(text("report.gain_skipped", names=", ".join(self.skipped)))
        elif self.gain is None:
            lines.append(text(f"report.gain_unknown_{self.task.kind}"))
        else:
            gain = {"points": f"{100 * self.gain.mean:+.1f}"}
            gain |= {"low": f"{100 * self.gain.low:+.1f}", "high": f"{100 * self.gain.high:+.1f}"}
            verdict = "helps" if self.gain.low > 0 else "hurts" if self.gain.high < 0 else "open"
            lines.append(text(f"report.gain_{verdict}_{self.task.kind}", **gain))
        if len(self.curve) > 1:
            (half, before), (full, now) = self.curve[-2:]
            keys = {True: "helps", False: "hardly", None: "open"}
            key = keys[self.more_labels_help]
            points = f"{100 * (now.mean - before.mean):+.1f}"
            lines.append(
                text(f"report.more_{key}_{self.task.kind}", half=half, full=full, points=points)
            )
        return lines

    def _voices(self) -> list[str]:
        """How many voices the test of recordings heard, and whether training knew them."""
        found = getattr(self.task, "inspection", None)
        if not isinstance(found, SoundInspection):
            return []
        if not found.grouping or not found.heard:
            return [text("report.voices_unknown")]
        if found.heard[2] == 1:
            return [text("report.voices_one")]
        return [text("report.voices_new", count=found.heard[2])]

    def next_steps(self) -> list[str]:
        """What to do now, the most useful first."""
        kind, steps = self.task.kind, []
        if self.test_acc.n < 100:
            steps.append(text(f"report.next_test_{kind}", photos=self.test_acc.n))
        if self.more_labels_help:
            steps.append(text(f"report.next_labels_{kind}"))
        elif self.test_acc.mean < 0.99:
            steps.append(text(f"report.next_mistakes_{kind}"))
        steps += self._confused()
        probed = {c.backbone for c in self.contenders if c.strategy == "probe"}
        ours = (*probed, *self.skipped)
        if all(name.startswith("zukan-") or name == BANDS for name in ours):
            steps.append(text(f"report.next_weights_{kind}", program=PROGRAM))
        found = getattr(self.task, "inspection", None)
        if found is not None and found.imbalance >= 3:
            steps.append(text(f"report.next_balance_{kind}"))
        if self.chosen.strategy in ("words", "characters"):
            steps.append(text("report.vocabulary"))
        if not any(c.strategy == "fine_tune" for c in self.contenders):
            minutes = max(15, 3 * math.ceil(self.seconds / 60))
            steps.append(text("report.next_minutes", minutes=minutes))
        steps.append(text(f"report.next_new_{kind}"))
        steps.append(text(f"report.next_predict_{kind}", program=PROGRAM))
        return steps

    def _confused(self) -> list[str]:
        """The two classes that are confused most, where that is no matter of a few examples."""
        answers, classes = self.logits.argmax(1), self.task.num_classes
        wrong = answers != self.labels
        pairs = self.labels[wrong] * classes + answers[wrong]
        counts = torch.bincount(pairs, minlength=1)
        count, (true, answer) = int(counts.max()), divmod(int(counts.argmax()), classes)
        total = int((self.labels == true).sum())
        if count < FEWEST_CONFUSED or count < CONFUSED_SHARE * total:
            return []
        names = [shortened(self.task.class_names[c], 40) for c in (true, answer)]
        values = {"count": count, "total": total, "true": names[0], "answer": names[1]}
        return [text("report.next_confused", **values)]

    def notes(self) -> list[str]:
        return [*self.remarks, *self.findings()]

    def __str__(self) -> str:
        steps = (f"- {step}" for step in self.next_steps())
        return "\n".join([super().__str__(), "", text("report.next"), *steps])

    def confusion(self) -> plots.Picture:
        """The confusion matrix of the test part; of many classes, those that are confused most."""
        answers, names = self.logits.argmax(1), self.task.class_names
        if len(names) <= MOST_CLASSES:
            return plots.plot_confusion(self.labels, answers, names)
        wrong = answers != self.labels
        pairs = self.labels[wrong] * len(names) + answers[wrong]
        kinds, counts = pairs.unique(return_counts=True)
        worst = kinds[counts.argsort(descending=True, stable=True)].tolist()
        paired = (c for pair in worst for c in divmod(pair, len(names)))
        ordered = list(dict.fromkeys([*paired, *range(len(names))]))  # the worst pair first
        kept = torch.tensor(sorted(ordered[:MOST_CLASSES]))
        among = torch.isin(self.labels, kept) & torch.isin(answers, kept)
        place = torch.zeros(len(names), dtype=torch.long)
        place[kept] = torch.arange(len(kept))
        return plots.plot_confusion(
            place[self.labels[among]], place[answers[among]], [names[c] for c in kept.tolist()]
        )

    def _surest_wrong(self, most: int) -> Tensor:
        """Rows of the test part, the surest first."""
        share, answers = self.logits.softmax(1).max(1)
        wrong = (answers != self.labels).nonzero()[:, 0]
        return wrong[share[wrong].argsort(descending=True)][:most]

    def mistakes(self, most: int = 12) -> plots.Picture | Markup | None:
        """The surest wrong answers of the test part, as photos, recordings or texts; None without
        any."""
        rows = self._surest_wrong(most)
        if not len(rows):
            return None
        shares = self.logits.softmax(1)
        share, answers = shares.max(1)
        test, names = self.task.test, self.task.class_names
        if self.task.kind != "image":
            told = rows.tolist()
            if self.task.kind == "sound":
                cells, heading = players(test, told, self.quotes), "report.column_heard"
            else:
                cells = quoted(self.chosen.model, test, told, answers, self.quotes)
                heading = "report.column_said"
            heading = text(heading if self.quotes else "report.column_place")
            return Markup(mistakes_table(heading, cells, test.labels, told, shares, names))
        images, _ = test.batch(rows)
        captions = [
            text(
                "report.mistake",
                true=shortened(names[self.labels[row]], 10),
                answer=shortened(names[answers[row]], 10),
                share=f"{share[row]:.0%}",
            )
            for row in rows.tolist()
        ]
        alt = text("report.mistakes_alt_image", count=len(rows))
        return plots.gallery(images, captions, alt, columns=4, zoom=160 / images.shape[-1])

    def _mistaken(self) -> list[str]:
        """What the percentages are, and of photos where the mistakes lie, to mend their labels."""
        rows = self._surest_wrong(12).tolist()
        lines = [text("report.mistakes_share")] if rows else []
        paths = getattr(self.task.test, "paths", None)  # a task of the catalogue has none
        if rows and paths and self.task.kind == "image":
            places = ", ".join(shown_path("/".join(paths[row].parts[-2:])) for row in rows)
            lines.append(text("report.mistakes_places", places=places))
        return lines

    def learning_curve(self) -> plots.Picture | None:
        """Validation accuracy of the probe over the number of training photos."""
        if len(self.curve) < 2:
            return None
        counts = [count for count, _ in self.curve]
        return plots.plot_label_curve(counts, [p for _, p in self.curve], self.curve_backbone)

    def save(self, folder: str | os.PathLike) -> Path:
        """Writes report.html and model/ into `folder`; returns the report's path."""
        folder = require_path("folder", folder)
        assert self.chosen.model is not None  # the winner is never let go
        pixels, facts = 0, {}
        if self.task.kind == "text":
            facts = {"columns": self._columns()}
        else:
            length = self.task.test.batch(torch.arange(1))[0].shape[-1]
            if self.task.kind == "sound":
                facts = {"samples": length}
            else:
                pixels = length
        save_model(
            self.chosen.model,
            self.task.classes,
            pixels,
            folder / "model",
            self.task.kind,
            strategy=self.chosen.strategy,
            test_accuracy=self.test_acc.mean,
            test_accuracy_95=[self.test_acc.low, self.test_acc.high],
            **facts,
        )
        return write_atomic(folder / "report.html", self.page())

    def page(self) -> str:
        """The report as one HTML page that needs no other file and no network."""
        task = self.task
        first, *answers = self.findings()
        found = getattr(task, "inspection", None)

        def photos() -> plots.Picture:
            return plots.show(task, per_class=6, classes=range(min(8, task.num_classes)))

        suspects = [
            text("report.suspect", place=place, label=label, other=other)
            for place, label, other in self.suspects
        ]
        several = [text("report.confusion_read")]
        if task.num_classes > MOST_CLASSES:
            several.append(text("report.some_classes", some=MOST_CLASSES, all=task.num_classes))
        shows = ""
        if task.kind == "image":
            shows = _figure(photos)
        elif task.kind == "sound" and self.quotes:
            shows = _figure(lambda: Markup(examples_table(task)))
        known = []
        if task.kind != "sound" and any(c.backbone.startswith("zukan-") for c in self.contenders):
            known = [text("report.about_course")]
        elif task.kind == "sound":
            names = {c.backbone for c in self.contenders} & set(EXPLAINED)
            known = [text(f"report.about_{EXPLAINED[name]}") for name in sorted(names)]
        private = [] if task.kind == "image" else [self._privacy()]
        hint = f"<p>{html.escape(text('report.suspects_hint'))}</p>" if suspects else ""
        sections = [
            Section(text("report.next"), lines=self.next_steps()),
            Section(
                text(f"report.mistakes_{task.kind}"),
                _figure(self.mistakes),
                [*self._mistaken(), *private],
            ),
            Section(text("report.suspects"), hint, suspects or [text("report.nothing")]),
            Section(text("report.confusion"), _figure(self.confusion), several),
            self._curve_section(),
            Section(text("report.tried_heading"), as_html(self.rows()), [*known, *self.remarks]),
            Section(text(f"report.found_{task.kind}"), shows, found.sentences() if found else []),
            Section(text("report.words_heading"), lines=self._words()),
        ]
        footer = text(
            "report.footer", reads=self.test_reads, seconds=shown(self.seconds, "seconds")
        )
        title = text(f"report.title_{task.kind}", name=task.name)
        return page(title, [first, *answers], sections, footer)

    def _curve_section(self) -> Section:
        """The learning curve, or that there was no time for one."""
        heading = text("report.curve")
        if len(self.curve) < 2:
            return Section(heading, lines=[text("report.no_curve")])
        return Section(heading, _figure(self.learning_curve), [text("report.curve_read")])

    def _words(self) -> list[str]:
        """What the words of the page mean, for readers who never took the course."""
        tried = {c.strategy for c in self.contenders}
        if tried & {"words", "characters"}:
            tried.add("tfidf")
        known = [name for name in WORDS if name in tried or name in WORDS_ALWAYS]
        return [text(f"report.word_{name}") for name in known]

    def _columns(self) -> list[str]:
        """The columns that the texts stood in."""
        found = getattr(self.task, "inspection", None)
        columns = found.columns.get("text", "") if found else ""
        return columns.split(" + ") if columns else []

    def _privacy(self) -> str:
        """What the page shows of the learner's texts or recordings."""
        if self.task.kind == "sound":
            return text("report.players" if self.quotes else "report.no_players")
        count = len(self._surest_wrong(12)) if self.quotes else 0
        return text("report.quotes", count=count) if count else text("report.no_quotes")


@dataclass
class Markup:
    """HTML in the place of a picture."""

    content: str

    def html(self) -> str:
        return self.content


def _figure(draw: Callable[[], plots.Picture | Markup | None]) -> str:
    """The figure as HTML; whatever fails in one figure, the rest of the report is written."""
    try:
        picture = draw()
    except Exception as error:
        return f"<p>{html.escape(text('report.no_figure', reason=type(error).__name__))}</p>"
    return f"<p>{html.escape(text('report.nothing'))}</p>" if picture is None else picture.html()
