"""The ways of transfer compared on a learner's own recordings within a budget of minutes.

First what needs no pretraining (the most frequent class, means of log-mel bands), which is the
control of everything after it; then each network at hand, frozen: k nearest neighbours, a linear
probe; the course's network of speech, a real embedding where one is here, and a picture network on
the spectrograms. While time remains, the best of them is fine-tuned, and its twin trained from
scratch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn

from tlhelpers.course.contest import Contest
from tlhelpers.course.report import Contender
from tlhelpers.data.sounds.noise import vary
from tlhelpers.models.backbones import SPEECH
from tlhelpers.models.hearing import BANDS, embedding_is_here, listener
from tlhelpers.models.speech_embedding import NAME as EMBEDDING
from tlhelpers.transfer.text_rivals import Guess

PICTURES = "zukan-resnet"


class SoundContest(Contest):
    """`Contest` on recordings: other controls, and training that hears them varied."""

    train_options: ClassVar[dict[str, Any]] = {"augment": vary}

    def names(self) -> list[str]:
        return [*SPEECH, *([EMBEDDING] if embedding_is_here() else []), PICTURES]

    def use(self, names: Sequence[str]) -> None:
        """Also the means of the bands, whatever was asked for."""
        self._guess()
        super().use([BANDS, *(name for name in names if name != BANDS)])
        self.bar.total += 1

    def load(self, name: str) -> nn.Module:
        return listener(name)

    def _guess(self) -> None:
        begin, task = time.monotonic(), self.task
        model = Guess(task.train.labels, task.num_classes)
        right = self.answer(model, self.valid).argmax(1) == self.valid.labels
        self.add("-", "prior", begin, right, model)

    def answers(self, name: str) -> bool:
        """The means of the bands do not."""
        return name != BANDS

    def to_train(self) -> str:
        """The best network: the bands alone have nothing to train but their head."""
        return self.best_of([*filter(self.answers, self.heads)])

    def rivals(self) -> tuple[list[Contender], list[Contender]]:
        """Every use of a pretrained network, against what these recordings alone teach."""
        _, scratch = super().rivals()
        controls = [c for c in self.contenders if c.backbone == BANDS] + scratch
        transfer = [
            c
            for c in self.contenders
            if c.backbone in self.features and c.backbone != BANDS and c.strategy != "scratch"
        ]
        return transfer, controls
