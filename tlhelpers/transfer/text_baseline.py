"""TF-IDF: the baseline for texts that is often forgotten, because nothing in it is pretrained.

Sparck Jones, "A Statistical Interpretation of Term Specificity and Its Application in
Retrieval", 1972 (the IDF). Runs of characters (one to four) or of words (one or two) are counted in
every text, and rare runs weigh more; a linear classifier reads the counts. Characters need no word
boundaries, which Japanese lacks, and a spelling mistake costs little; words say more where there
are any. Validation decides. Texts are brought to one form first (NFKC, small letters), as the
networks' tokenisers do: full-width letters are letters.

    weight(run, text) = (1 + log count) * (1 + log((1 + n) / (1 + n_run))), scaled to length 1
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tlhelpers.data.task import Split, Task, require_task, require_texts
from tlhelpers.runtime.language import text
from tlhelpers.transfer.results import Result

STRENGTHS = (1.0, 10.0, 100.0)  # 1 / lambda of the L2 penalty
RUNS = {"characters": ("char", (1, 4)), "words": ("word", (1, 2))}


@dataclass
class BaselineResult(Result):
    """pipeline: the fitted scikit-learn pipeline, for a list of texts; features: its columns."""

    test_acc: float
    valid_acc: float
    runs: str  # of "characters" or "words"
    strength: float
    features: int
    seconds: float
    test_reads: int
    pipeline: Any = field(repr=False)


def tfidf_baseline(task: Task, *, strengths: Sequence[float] = STRENGTHS) -> BaselineResult:
    """Fit TF-IDF and logistic regression on the training split, of characters and of words, keep
    what is best on the validation split, and read the test split once.

    Raises ValueError where the inputs are no texts.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    require_task(task)
    if task.kind != "text":
        raise ValueError(text("text_baseline.not_texts", name=task.name))
    for split in (task.train, task.valid):
        require_texts(split.inputs)
    start = time.perf_counter()
    labels = task.train.labels.numpy()
    tried = []
    for runs in RUNS:
        counts = vectorizer(runs)
        try:
            train = counts.fit_transform(task.train.inputs)
        except ValueError:  # nothing to count in this way, such as words where all have one letter
            continue
        for strength in strengths:
            classifier = LogisticRegression(C=strength, max_iter=1000).fit(train, labels)
            pipeline = make_pipeline(counts, classifier)
            tried.append((_accuracy(pipeline, task.valid), runs, strength, pipeline))
    if not tried or not any(map(str.strip, task.train.inputs)):
        raise ValueError(text("text_baseline.all_empty", name=task.name))
    valid_acc, runs, strength, pipeline = max(tried, key=lambda one: one[0])
    return BaselineResult(
        test_acc=_accuracy(pipeline, task.open_test()),
        valid_acc=valid_acc,
        runs=runs,
        strength=strength,
        features=len(pipeline[0].vocabulary_),
        seconds=time.perf_counter() - start,
        test_reads=task.test_reads,
        pipeline=pipeline,
    )


def vectorizer(runs: str, most_columns: int | None = None) -> Any:
    """scikit-learn's TF-IDF of "words" or "characters"; of more columns the most frequent stay."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    analyzer, lengths = RUNS[runs]
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=lengths,
        preprocessor=one_form,
        sublinear_tf=True,
        max_features=most_columns,
    )


def one_form(words: str) -> str:
    """The text in small letters, full-width and half-width forms as one (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", words).lower()


def _accuracy(pipeline: Any, split: Split) -> float:
    return float(pipeline.score(split.inputs, split.labels.numpy()))
