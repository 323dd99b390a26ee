"""The ways of transfer compared on a learner's own texts within a budget of minutes.

First what needs no pretraining (the most frequent class, TF-IDF of words and of characters), which
is the control of everything after it; then each encoder at hand, frozen: its class names alone, k
nearest neighbours, a linear probe; then LoRA and fine-tuning of the best one while time remains.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tlhelpers.course.contest import (
    FEATURE_BATCH,
    LEAST_COST,
    LEAST_PER_CLASS,
    Contest,
    curve_of,
)
from tlhelpers.course.report import Contender
from tlhelpers.data.task import Split
from tlhelpers.models.backbones import backbone
from tlhelpers.models.hub import encoders_here
from tlhelpers.models.surgery import twin
from tlhelpers.runtime.device import trim_memory
from tlhelpers.runtime.language import text
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.intervals import Interval
from tlhelpers.transfer.lora import lora, merged
from tlhelpers.transfer.text_baseline import RUNS, vectorizer
from tlhelpers.transfer.text_rivals import ByNames, Guess, readable, word_counts

OWN = "zukan-bert"
TFIDF = "TF-IDF"
TFIDF_SHARE = 0.2  # of the time; its first steps on a few texts are taken in any case
FIRST_ROWS, FIRST_CHARACTERS = 1000, 200_000  # whose time tells how many more there is time for
FIRST_STEPS, MOST_STEPS = 10, 300  # of its solver
MOST_WEIGHTS = 1_000_000  # of a linear layer over TF-IDF: columns times classes
STRENGTHS = (10.0, 1.0, 100.0)  # strengths, the likeliest first


class TextContest(Contest):
    """`Contest` on texts: other controls, and LoRA in place of training from scratch.

    Encoders of texts are trained by angles, which one spread for all features keeps.
    """

    own_spreads = False
    work = 4.0

    def names(self) -> list[str]:
        return [OWN, *encoders_here()]

    def use(self, names: Sequence[str]) -> None:
        self.pipelines: dict[str, tuple[float, int]] = {}  # strategy -> strength, rows
        super().use(names)
        self.bar.total = len(self.contenders) + 2

    def before_reading(self) -> None:
        """What needs no pretraining is the control of all that comes after it."""
        self._guess()
        self._count_words()
        trim_memory()

    def load(self, name: str) -> nn.Module:
        return backbone(name)

    def order_of(self, split: Split) -> Tensor:
        """Short texts first: a batch is as wide as its longest text."""
        lengths = torch.tensor([len(words) for words in split.inputs], dtype=torch.long)
        return lengths.argsort(stable=True)

    # --- without pretraining ------------------------------------------------------------------

    def _guess(self) -> None:
        begin, task = time.monotonic(), self.task
        model = Guess(task.train.labels, task.num_classes)
        right = self.answer(model, self.valid).argmax(1) == self.valid.labels
        self.add("-", "prior", begin, right, model)

    def _shorten_validation(self) -> None:
        """Counting reads a long text to its end, and may take longer than any encoder. It is timed
        at the second time: the first one loads what counts."""
        some = self.task.train.subset(self.order[:FEATURE_BATCH])
        for _ in range(2):
            begin = time.monotonic()
            with suppress(ValueError):  # nothing in them to count
                vectorizer("characters").fit_transform(some.inputs)
            self.costs[TFIDF] = max((time.monotonic() - begin) / len(some), LEAST_COST)
        super()._shorten_validation()

    def _count_words(self) -> None:
        """TF-IDF of words and of characters: a first answer of a few texts, then of as many as
        there is time for, with the strength that validation chooses."""
        limit = time.monotonic() + TFIDF_SHARE * self.left
        count = len(self.task.train)
        for place, runs in enumerate(RUNS):
            begin = time.monotonic()
            until = begin + (limit - begin) / (len(RUNS) - place)
            rows = self.order[: self._few()]
            strengths = STRENGTHS if len(rows) == count else STRENGTHS[:1]
            try:
                seconds = self._enter_words(runs, rows, strengths, begin, until)
            except ValueError:  # nothing to count in this way, such as words in rows of signs
                self.bar.update()
                continue
            cost = max(seconds, LEAST_COST) / len(rows)
            affordable = min(count, int((until - time.monotonic()) / cost / 2))
            if affordable > 1.5 * len(rows) or affordable == count > len(rows):
                rows = self.order[:affordable]
                self._enter_words(runs, rows, STRENGTHS, begin, until)
            if len(rows) < count:
                strategy = text(f"report.strategy_{runs}")
                name = text("report.of_strategy", backbone=TFIDF, strategy=strategy)
                values = {"backbone": name, "some": len(rows), "all": count}
                self.remarks.append(text("report.fewer_text", **values))

    def _few(self) -> int:
        """Training texts that are counted in a second or so, however long they are."""
        characters = 0
        for number, row in enumerate(self.order[:FIRST_ROWS].tolist()):
            characters += len(self.task.train.inputs[row])
            if characters > FIRST_CHARACTERS and number >= LEAST_PER_CLASS:
                return number
        return min(FIRST_ROWS, len(self.order))

    def _enter_words(
        self, runs: str, rows: Tensor, strengths: Sequence[float], begin: float, until: float
    ) -> float:
        """The best of these strengths on these rows, of those that there is time to try; the
        seconds that the rows themselves took with one strength."""
        counting = time.monotonic()
        counts = vectorizer(runs, MOST_WEIGHTS // self.task.num_classes)
        inputs, labels = self.task.train.batch(rows)
        train = counts.fit_transform(inputs)
        seconds = time.monotonic() - counting
        valid = counts.transform(self.valid.inputs)
        wanted, best, taken = self.valid.labels.numpy(), None, 0.0
        for strength in strengths:
            fitting = time.monotonic()
            if best is not None and fitting + taken > until:
                break
            classifier = fitted_until(train, labels.numpy(), strength, until)
            taken = time.monotonic() - fitting
            accuracy = classifier.score(valid, wanted)
            if best is None or accuracy > best[0]:
                best = accuracy, strength, classifier
        assert best is not None  # the first strength is tried in any case
        _, strength, classifier = best
        model = word_counts((counts, classifier), runs, self.task.num_classes)
        asked = time.monotonic()
        right = self.answer(model, self.valid).argmax(1) == self.valid.labels
        cost = (time.monotonic() - asked) / len(self.valid)
        self.costs[TFIDF] = max(self.costs[TFIDF], cost)
        self.pipelines[runs] = strength, len(rows)
        self.add(TFIDF, runs, begin, right, model)
        return seconds + taken

    # --- encoders -----------------------------------------------------------------------------

    def judge(self, name: str, begin: float) -> None:
        """Class names alone, then what labels add."""
        found, network = self.features[name], self.networks[name]
        words = [readable(label) for label in self.task.class_names]
        names = self.features_of(network, Split(words, torch.arange(len(words))))
        model = ByNames(twin(network), found.train.mean(0), names).eval()
        right = model.nearest(found.valid).argmax(1) == self.valid.labels
        self.add(name, "names", begin, right, model)
        super().judge(name, begin)

    def train(self) -> None:
        """LoRA, then fine-tuning, of the best encoder, each in half of the time that is left."""
        name = self.best_backbone()
        plan = self.plan(name, ("lora", "fine_tune"))
        if plan is None:
            return
        start = {"head": self.heads[name][0]}
        for strategy, how, share in (("lora", lora, 0.5), ("fine_tune", fine_tune, 1.0)):
            seconds = share * (self.left - plan.end)
            self.train_one(strategy, how, name, plan, seconds, start)
            tried = self.contenders[-1]
            if tried.strategy == "lora" and tried.model is not None:
                tried.model = merged(tried.model)

    # --- the answer ---------------------------------------------------------------------------

    def rivals(self) -> tuple[list[Contender], list[Contender]]:
        """Every use of an encoder, against TF-IDF, in which nothing is pretrained."""
        controls = [c for c in self.contenders if c.backbone == TFIDF]
        transfer = [c for c in self.contenders if c.backbone in self.features]
        return transfer, controls

    def curve(self, chosen: Contender) -> tuple[list[tuple[int, Interval]], str]:
        """Of TF-IDF where it won, else of the best probe."""
        if chosen.backbone != TFIDF:
            return super().curve(chosen)
        strength, count = self.pipelines[chosen.strategy]
        known = self.order[:count]
        wanted = self.valid.labels.numpy()

        def accuracy(rows: Tensor, labels: Tensor, seed: int) -> float:
            counts = vectorizer(chosen.strategy, MOST_WEIGHTS // self.task.num_classes)
            train = counts.fit_transform(self.task.train.batch(known[rows])[0])
            classifier = fitted_until(train, labels[rows].numpy(), strength, self.until)
            return float(classifier.score(counts.transform(self.valid.inputs), wanted))

        labels = self.task.train.labels[known]
        return curve_of(labels, accuracy, self.has_grace, chosen.seconds), TFIDF


def fitted_until(train: Any, labels: np.ndarray, strength: float, until: float) -> Any:
    """Logistic regression on sparse counts (n, columns), which is given up at a moment.

    scikit-learn's solver cannot be stopped. It takes a few steps, which tells what one costs, and
    goes on from there, until it converges, by half of what fits into the time left: each stop
    costs it its memory of the slope, and a machine may grow busy.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=strength, max_iter=FIRST_STEPS, warm_start=True)
    steps = 0
    while True:
        begin, asked = time.monotonic(), classifier.max_iter
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            # few texts of many classes are no regression
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            classifier.fit(train, labels)
        taken = max(1, int(classifier.n_iter_.max()))
        steps += taken
        cost = max(time.monotonic() - begin, LEAST_COST) / taken
        affordable = int((until - time.monotonic()) / cost / 2)
        if taken < asked or steps >= MOST_STEPS or affordable < FIRST_STEPS:
            return classifier
        classifier.max_iter = min(affordable, MOST_STEPS - steps)
