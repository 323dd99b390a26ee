"""The ways of transfer compared on a learner's own texts within a budget of minutes.

First what needs no pretraining (the most frequent class, TF-IDF of words and of characters), which
is the control of everything after it; then each encoder at hand, frozen: its class names alone, k
nearest neighbours, a linear probe; then LoRA and fine-tuning of the best one while time remains.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.course.contest import Contest, curve_of
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
TFIDF_SHARE = 0.2  # of the time; its first setting is tried in any case
FIRST_ROWS = 1000  # of TF-IDF, whose time tells how many more there is time for
MOST_WEIGHTS = 1_000_000  # of a linear layer over TF-IDF: columns times classes
ORDER = (10.0, 1.0, 100.0)  # strengths, the likeliest first


class TextContest(Contest):
    """`Contest` on texts: other controls, and LoRA in place of training from scratch.

    Encoders of texts are trained by angles, which one spread for all features keeps.
    """

    own_spreads = False

    def names(self) -> list[str]:
        return [OWN, *encoders_here()]

    def use(self, names: Sequence[str]) -> None:
        self.pipelines: dict[str, tuple[float, int]] = {}  # strategy -> strength, rows
        self.bar.total = 3 * len(names) + 5
        self._guess()
        self._count_words()
        trim_memory()
        super().use(names)
        self.bar.total = len(self.contenders) + 2

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

    def _count_words(self) -> None:
        """TF-IDF of words and of characters, each with the strength that validation chooses.

        A first fit on some rows tells what all of them take; where that is too long, fewer serve.
        """
        limit = time.monotonic() + TFIDF_SHARE * self.left
        labels = self.task.train.labels
        count = len(labels)
        for place, runs in enumerate(RUNS):
            begin = time.monotonic()
            share = (limit - begin) / (len(RUNS) - place)
            rows = self.order[:FIRST_ROWS]
            best = self._fit_words(runs, ORDER[0], rows, begin)
            seconds = (time.monotonic() - begin) / len(rows)
            affordable = int(share / seconds / 2)
            if len(rows) < count and affordable > 1.5 * len(rows):
                rows = self.order[:affordable]
                best = self._fit_words(runs, ORDER[0], rows, begin)
            for strength in ORDER[1:]:
                taken = seconds * len(rows)
                if time.monotonic() + taken < begin + share:
                    best = max(best, self._fit_words(runs, strength, rows, begin), key=_accuracy)
            _, strength, model, right = best
            self.pipelines[runs] = strength, len(rows)
            self.add(TFIDF, runs, begin, right, model)
            if len(rows) < count:
                values = {"backbone": TFIDF, "some": len(rows), "all": count}
                self.remarks.append(text("report.fewer_text", **values))

    def _fit_words(
        self, runs: str, strength: float, rows: Tensor, begin: float
    ) -> tuple[float, float, nn.Module, Tensor]:
        """(accuracy, strength, network, right) on the validation part."""
        pipeline = self._pipeline(runs, strength, rows)
        model = word_counts(pipeline, runs, self.task.num_classes)
        right = self.answer(model, self.valid).argmax(1) == self.valid.labels
        return right.double().mean().item(), strength, model, right

    def _pipeline(self, runs: str, strength: float, rows: Tensor) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        counts = vectorizer(runs, MOST_WEIGHTS // self.task.num_classes)
        classifier = LogisticRegression(C=strength, max_iter=300)
        inputs, labels = self.task.train.batch(rows)
        with warnings.catch_warnings():  # few texts of many classes are no regression
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            return make_pipeline(counts, classifier).fit(inputs, labels.numpy())

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
            pipeline = self._pipeline(chosen.strategy, strength, known[rows])
            return float(pipeline.score(self.valid.inputs, wanted))

        return curve_of(self.task.train.labels[known], accuracy, self.has_grace), TFIDF


def _accuracy(tried: tuple) -> float:
    return tried[0]
