"""What a text classifier has to beat, as networks that answer, are saved and load like the others.

Guess      the class prior: always the most frequent class
WordCounts TF-IDF and logistic regression (see `text_baseline.py`), without scikit-learn's pickles
ByNames    no label at all: the class whose name is nearest to the text, as the encoder sees both
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.models.surgery import head_of
from tlhelpers.models.weights import BackboneInfo, furnish
from tlhelpers.transfer.text_baseline import RUNS, one_form

SHARPNESS = 20.0  # of the likeness to a name, whose logits would otherwise lie between -1 and 1


class Guess(nn.Module):
    """The shares of the classes in training, whatever the text says."""

    def __init__(self, labels: Tensor, classes: int):
        super().__init__()
        shares = torch.bincount(labels, minlength=classes).clamp_min(0.5) / len(labels)
        self.register_buffer("scores", shares.log())
        furnish(self, lambda texts: {"texts": torch.zeros(len(texts))}, _info("class prior", 0))

    def forward(self, texts: Tensor) -> Tensor:
        return self.scores.expand(len(texts), -1)


class CountPreprocess:
    """Texts to the columns of the runs that they hold and what each weighs before its IDF.

    runs: "words" or "characters"; vocabulary: the run that each column counts.
    """

    def __init__(self, runs: str, vocabulary: Sequence[str]):
        from sklearn.feature_extraction.text import CountVectorizer

        analyzer, lengths = RUNS[runs]
        self.runs, self.vocabulary = runs, list(vocabulary)
        self._counter = CountVectorizer(
            analyzer=analyzer,
            ngram_range=lengths,
            preprocessor=one_form,
            vocabulary={run: column for column, run in enumerate(vocabulary)},
        )

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        counts = self._counter.transform(texts).tocsr()
        widths = np.diff(counts.indptr)
        columns = torch.zeros(len(texts), max(1, int(widths.max(initial=0))), dtype=torch.long)
        weights = torch.zeros(columns.shape)
        for row, (start, end) in enumerate(zip(counts.indptr, counts.indptr[1:], strict=False)):
            columns[row, : end - start] = torch.from_numpy(counts.indices[start:end].astype(int))
            found = torch.from_numpy(counts.data[start:end].astype(np.float32))
            weights[row, : end - start] = 1 + found.log()
        return {"columns": columns, "weights": weights}

    def __deepcopy__(self, memo: dict) -> CountPreprocess:
        return self


class WordCounts(nn.Module):
    """A linear layer over TF-IDF: columns, weights (n, runs of a text) -> logits (n, classes).

    weight (columns, classes) is summed over the runs of a text alone, so that no text is ever as
    wide as the vocabulary.
    """

    def __init__(self, preprocess: CountPreprocess, classes: int):
        super().__init__()
        columns = len(preprocess.vocabulary)
        self.register_buffer("idf", torch.ones(columns))
        self.weight = nn.Parameter(torch.zeros(columns, classes))
        self.bias = nn.Parameter(torch.zeros(classes))
        furnish(self, preprocess, _info("TF-IDF", columns))

    def forward(self, columns: Tensor, weights: Tensor) -> Tensor:
        weights = F.normalize(weights * self.idf[columns], dim=1)
        summed = F.embedding_bag(columns, self.weight, per_sample_weights=weights, mode="sum")
        return summed + self.bias


def word_counts(pipeline: Any, runs: str, classes: int) -> WordCounts:
    """A fitted pipeline of `fit_tfidf` as a network that answers the same."""
    counts, classifier = pipeline[0], pipeline[-1]
    vocabulary = sorted(counts.vocabulary_, key=counts.vocabulary_.__getitem__)
    model = WordCounts(CountPreprocess(runs, vocabulary), classes)
    weight, bias = (torch.from_numpy(a).float() for a in (classifier.coef_, classifier.intercept_))
    if len(weight) == 1:  # scikit-learn keeps one row for two classes
        weight, bias = torch.cat([0 * weight, weight]), torch.cat([0 * bias, bias])
    known = torch.from_numpy(classifier.classes_).long()
    with torch.no_grad():
        model.idf.copy_(torch.from_numpy(counts.idf_))
        model.bias.fill_(-30.0)  # a class without a text is never the answer
        model.weight[:, known], model.bias[known] = weight.T, bias
    return model.requires_grad_(False).eval()


class ByNames(nn.Module):
    """The nearest class name by cosine, both sides less their mean; nothing is learned.

    The mean of the texts needs texts, and no label: vectors of an encoder all lie in one cone, and
    without it every text is near to every name (Su et al., "Whitening Sentence Representations",
    2021, arXiv:2103.15316).
    """

    def __init__(self, body: nn.Module, centre: Tensor, names: Tensor):
        """centre: (d,), the mean of training features; names: (classes, d), of the class names."""
        super().__init__()
        self.body = body
        setattr(*head_of(body), nn.Identity())
        self.register_buffer("centre", centre)
        self.register_buffer("names", F.normalize(names - names.mean(0), dim=1))
        furnish(self, body.preprocess, body.info)

    def forward(self, **tokens: Tensor) -> Tensor:
        return self.nearest(self.body(**tokens))

    def nearest(self, features: Tensor) -> Tensor:
        """Logits (n, classes) for features (n, d) of the encoder."""
        return SHARPNESS * F.normalize(features - self.centre, dim=1) @ self.names.T


def readable(name: str) -> str:
    """A class name as words: "card_arrival" is "card arrival"."""
    return " ".join(name.replace("_", " ").replace("-", " ").split())


def _info(name: str, columns: int) -> BackboneInfo:
    return BackboneInfo(
        name=name,
        pretrained_on="",
        feature_dim=columns,
        classes={"en": [], "ja": []},
        size=0,
        parameters=0,
        licence="",
        weights_sha256=None,
    )
