"""TF-IDF: the baseline for texts that is often forgotten, because nothing in it is pretrained.

Sparck Jones, "A Statistical Interpretation of Term Specificity and Its Application in
Retrieval", 1972. Runs of one to four characters are counted in every text, and rare runs weigh
more; a linear classifier reads the counts. Characters, not words, so that Japanese needs no word
boundaries and a spelling mistake costs little.

    weight(run, text) = (1 + log count) * (1 + log((1 + n) / (1 + n_run))), scaled to length 1
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.transfer.results import Result

STRENGTHS = (1.0, 10.0, 100.0)  # 1 / lambda of the L2 penalty


@dataclass
class BaselineResult(Result):
    """pipeline: the fitted scikit-learn pipeline, for a list of texts; features: its columns."""

    test_acc: float
    valid_acc: float
    strength: float
    features: int
    seconds: float
    test_reads: int
    pipeline: Any = field(repr=False)


def tfidf_baseline(task: Task, *, strengths: Sequence[float] = STRENGTHS) -> BaselineResult:
    """Fit TF-IDF of characters and logistic regression on the training split, keep the strength
    that is best on the validation split, and read the test split once.

    Raises ValueError where the inputs are no texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if task.kind != "text":
        raise ValueError(text("text_baseline.not_texts", name=task.name))
    start = time.perf_counter()
    counts = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=True, sublinear_tf=True)
    train, labels = counts.fit_transform(task.train.inputs), task.train.labels.numpy()
    tried = []
    for strength in strengths:
        classifier = LogisticRegression(C=strength, max_iter=1000).fit(train, labels)
        pipeline = make_pipeline(counts, classifier)
        tried.append((_accuracy(pipeline, task.valid), strength, pipeline))
    valid_acc, strength, pipeline = max(tried, key=lambda one: one[0])
    return BaselineResult(
        test_acc=_accuracy(pipeline, task.open_test()),
        valid_acc=valid_acc,
        strength=strength,
        features=len(pipeline[0].vocabulary_),
        seconds=time.perf_counter() - start,
        test_reads=task.test_reads,
        pipeline=pipeline,
    )


def _accuracy(pipeline: Any, split) -> float:
    return float(pipeline.score(split.inputs, split.labels.numpy()))
