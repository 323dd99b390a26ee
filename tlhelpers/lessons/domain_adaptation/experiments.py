"""What lesson 08 stores: fish by day and by night, and what brings the accuracy back.

Every number is a fraction, one a seed. A seed redraws everything: the labelled pictures of the
source, from which a source network of its own is trained, the unlabelled pictures of the target,
and the test pictures of both. Target labels only ever count right answers. Nothing is chosen on
them: methods run at their papers' settings, or at all settings of a list.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor, nn

from tlhelpers.course.results import IN_EACH_DRAW, VARIED, experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import real_file, real_photos
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.data.text import read_rows
from tlhelpers.lessons.domain_adaptation.steps import (
    balanced_adabn,
    dim,
    with_shares,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import encode_texts, mobilenet
from tlhelpers.train.engine import evaluate, predict
from tlhelpers.transfer.adaptation.adabn import adabn
from tlhelpers.transfer.adaptation.adapt import METHODS
from tlhelpers.transfer.adaptation.coral import align
from tlhelpers.transfer.adaptation.label_shift import correct_priors, with_priors
from tlhelpers.transfer.adaptation.tent import entropy
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.heads import select_head

NETWORK = "zukan-resnet"
SEEDS = range(10)
LABELS = {"fish": 50, "birds": 50, "surfaces": 40}  # of each class, in the source
POOL, TEST = 50, 40  # unlabelled target pictures and test pictures a class
WAYS = ("before", "adabn", "mean", "coral")
STYLES = ("night", "faded", "sketch")
COUNTS = (2, 4, 8, 16, 32, 128, 500)  # unlabelled pictures
EPOCHS = {"fish": 5, "birds": 5, "surfaces": 15}  # of the source network's training
STABLE = {  # how the source network is trained: so many times the epochs, and other options
    "half": (0.5, {}),
    "as_told": (1, {}),
    "three_times": (3, {}),
    "unclipped": (1, {"clip_norm": None}),
    "adamw": (1, {"optimizer": "adamw", "lr": 0.001}),
}
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of one species among 100 unlabelled pictures
LIGHTS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
STREAMS = (8, 32, 128)  # pictures of a stream that the widget adapts to
DUSK = 0.5  # of the light
SWARM = 0.55  # share of one species while it swarms; the other nine share the rest
DEFECTS = 0.05  # share of each of four defects on an inspection line
SHIFTED = {  # case: what is seen, the shares of its classes, about how many pictures, the light
    "swarm": ("fish", [SWARM] + [(1 - SWARM) / 9] * 9, 300, DUSK),
    "line": ("surfaces", [1 - 4 * DEFECTS] + [DEFECTS] * 4, 240, 1.0),
    "dim_line": ("surfaces", [1 - 4 * DEFECTS] + [DEFECTS] * 4, 240, DUSK),
}
TENT_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
STRENGTHS = (0.0, 0.1, 1.0)
LABEL_COUNTS = (1, 2, 5, 10, 20)  # of each class of the target
UNLABELLED = 60  # texts of the target language
TEXT_WAYS = ("home", "before", "mean", "coral", "labels")


# --- the pieces -----------------------------------------------------------------------------


@functools.cache
def source(name: str, seed: int, times: float = 1, **other: Any) -> tuple[Task, nn.Module]:
    """The labelled task by day and a network fine-tuned on it, BatchNorm's memory included.

    times: so many times the usual epochs. other: options of `fine_tune` in place of the usual ones.
    """
    task = load_task(name, LABELS[name], seed)
    epochs = math.ceil(times * EPOCHS[name])
    options: dict[str, Any] = {"lr": 0.05, "epochs": epochs, "keep_batchnorm": False}
    options |= {"seed": seed, "read_test": False, "progress": False, **other}
    return task, fine_tune(backbone(NETWORK), task, **options).model


@functools.cache
def drawn(name: str, seed: int, style: str, per_class: int) -> Split:
    """Fresh pictures that no other use of this seed sees, all classes alike."""
    return load_task(name, per_class, seed, style=style).train


def pool(name: str, seed: int, style: str, per_class: int = POOL) -> Split:
    """Unlabelled pictures of the target; their labels are only used to make shares."""
    return drawn(name, 1000 + seed, style, per_class)


def test(name: str, seed: int, style: str, per_class: int = TEST) -> Split:
    """Test pictures of a domain."""
    return drawn(name, 2000 + seed, style, per_class)


def rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 4) for value in values]


# --- what is stored -------------------------------------------------------------------------


@experiment(
    "08_styles",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="50 + 20",
    settings=IN_EACH_DRAW,
)
def styles() -> dict:
    """Fish: {style: {"before", "adabn", "mean", "coral": [accuracy a seed]}}.

    "photo" is the source's own look.
    """
    return {style: _ways("fish", style, SEEDS) for style in ("photo", *STYLES)}


@experiment(
    "08_birds",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="50 + 20",
    settings=IN_EACH_DRAW,
)
def birds() -> dict:
    """The same for birds: other creatures, the same night."""
    return {style: _ways("birds", style, SEEDS) for style in ("photo", "night")}


def _ways(name: str, style: str, seeds: Sequence[int]) -> dict[str, list[float]]:
    ways: dict = {way: [] for way in WAYS}
    for seed in seeds:
        task, model = source(name, seed)
        _measure(ways, model, task, pool(name, seed, style), test(name, seed, style), seed)
    return {way: rounded(values) for way, values in ways.items()}


@experiment(
    "08_stable",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="40-50 + 20",
    settings=VARIED,
)
def stable() -> dict:
    """Do the verdicts survive another training of the source network?

    {"verdicts": {name: {setting: [points a draw]}}}. "drop": fish by night before by day; "adabn",
    "coral": what they bring back by night; "swarm": what AdaBN loses at dusk where one species
    swarms, "balanced": what AdaBN on equal shares gains there over the network before;
    "corrected": what corrected answers gain on the inspection line by day.
    """
    names = ("drop", "adabn", "coral", "swarm", "balanced", "corrected")
    found: dict = {name: {key: [] for key in STABLE} for name in names}
    for setting, (times, options) in STABLE.items():
        for seed in SEEDS:
            task, model = source("fish", seed, times, **options)
            ways: dict = {way: [] for way in WAYS}
            seen, unseen = pool("fish", seed, "night"), test("fish", seed, "night")
            _measure(ways, model, task, seen, unseen, seed)
            (before,) = ways["before"]
            school, school_test = (_shifted(part, "swarm", seed) for part in (pool, test))
            at_dusk = evaluate(model, school_test)
            balanced = balanced_adabn(model, school)
            line, line_test = (_shifted(part, "line", seed) for part in (pool, test))
            parts, judge = source("surfaces", seed, times, **options)
            corrected = correct_priors(judge, parts, line)
            points = {
                "drop": evaluate(model, test("fish", seed, "photo")) - before,
                "adabn": ways["adabn"][0] - before,
                "coral": ways["coral"][0] - before,
                "swarm": at_dusk - evaluate(adabn(model, None, school), school_test),
                "balanced": evaluate(balanced, school_test) - at_dusk,
                "corrected": evaluate(corrected, line_test) - evaluate(judge, line_test),
            }
            for name, gain in points.items():
                found[name][setting].append(round(100 * gain, 2))
    return {"verdicts": found}


def _shifted(part: Callable[..., Split], case: str, seed: int) -> Split:
    name, shares, count, level = SHIFTED[case]
    return dim(with_shares(part(name, seed, "photo", 200), shares, count), level)


@experiment(
    "08_pool",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="50 + 20",
    settings=VARIED,
)
def unlabelled() -> dict:
    """AdaBN on fish by night, by the number of unlabelled pictures and by the share of one species.

    {"counts", "by_count": [[accuracy a seed] a count], "shares", "by_share", "before"}.
    """
    by_count: list = [[] for _ in COUNTS]
    by_share: list = [[] for _ in SHARES]
    before = []
    for seed in SEEDS:
        _, model = source("fish", seed)
        seen, unseen = pool("fish", seed, "night", 100), test("fish", seed, "night")
        before.append(evaluate(model, unseen))
        order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed))
        for runs, count in zip(by_count, COUNTS, strict=True):
            runs.append(evaluate(adabn(model, None, seen.subset(order[:count])), unseen))
        for runs, share in zip(by_share, SHARES, strict=True):
            lopsided = with_shares(seen, [share] + [(1 - share) / 9] * 9, 100)
            runs.append(evaluate(adabn(model, None, lopsided), unseen))
    return {
        "counts": list(COUNTS),
        "by_count": [rounded(runs) for runs in by_count],
        "shares": list(SHARES),
        "by_share": [rounded(runs) for runs in by_share],
        "before": rounded(before),
    }


@experiment(
    "08_light",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="50 + 20",
    settings=VARIED,
)
def light() -> dict:
    """Fish under less and less light: {"lights", "before", "adapted": {stream: [[..] a light]}}."""
    before: list = [[] for _ in LIGHTS]
    adapted: dict = {str(count): [[] for _ in LIGHTS] for count in STREAMS}
    for seed in SEEDS:
        _, model = source("fish", seed)
        seen, unseen = pool("fish", seed, "photo"), test("fish", seed, "photo")
        order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed))
        for number, level in enumerate(LIGHTS):
            dark, dark_test = dim(seen, level), dim(unseen, level)
            before[number].append(evaluate(model, dark_test))
            for count in STREAMS:
                renewed = adabn(model, None, dark.subset(order[:count]))
                adapted[str(count)][number].append(evaluate(renewed, dark_test))
    return {
        "lights": list(LIGHTS),
        "before": [rounded(runs) for runs in before],
        "adapted": {count: [rounded(r) for r in runs] for count, runs in adapted.items()},
    }


@experiment(
    "08_shift",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="40-50 + 20",
    settings=IN_EACH_DRAW,
)
def label_shift() -> dict:
    """Other shares of the classes in the target, for fish at dusk and parts on an inspection line.

    {"fish": {light: {"even": ways, "swarm": ways}}, "surfaces": {"even": ways, "line": ways}},
    ways: {"before", "adabn", "balanced", "prior", "adabn_prior": [accuracy a seed]}.
    """
    swarm = [SWARM] + [(1 - SWARM) / 9] * 9
    line = [1 - 4 * DEFECTS] + [DEFECTS] * 4
    found: dict = {"fish": {}, "surfaces": {}}
    for level in (1.0, DUSK):
        both = {"even": [0.1] * 10, "swarm": swarm}
        found["fish"][f"{level:g}"] = {
            key: _shares("fish", shares, 300, level) for key, shares in both.items()
        }
    for key, shares in {"even": [0.2] * 5, "line": line}.items():
        found["surfaces"][key] = _shares("surfaces", shares, 240, 1.0)
    return found


def _shares(name: str, shares: Sequence[float], count: int, level: float) -> dict:
    ways: dict = {way: [] for way in ("before", "adabn", "balanced", "prior", "adabn_prior")}
    for seed in SEEDS:
        task, model = source(name, seed)
        seen, unseen = (
            dim(with_shares(part(name, seed, "photo", 200), shares, count), level)
            for part in (pool, test)
        )
        renewed = adabn(model, task, seen)
        networks = {
            "before": model,
            "adabn": renewed,
            "balanced": balanced_adabn(model, seen),
            "prior": correct_priors(model, task, seen),
            "adabn_prior": correct_priors(renewed, task, seen),
        }
        for way, network in networks.items():
            ways[way].append(evaluate(network, unseen))
    return {way: rounded(values) for way, values in ways.items()}


@experiment(
    "08_equal",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="40-50 + 20",
    settings=VARIED,
)
def equal_shares() -> dict:
    """AdaBN on equal shares of the network's own answers, where the shares have changed.

    {case: {"before", "adabn", "balanced", "prior", "known": runs}} for the cases of SHIFTED; runs:
    {"accuracy": over all test pictures, "each": mean over the classes}, one number a seed. "prior"
    and "known" are the unadapted network with its answers corrected, by shares estimated from them
    or by the true ones.
    """
    found = {}
    for case, (name, shares, _, _) in SHIFTED.items():
        equal, true = (torch.tensor(part) for part in ([1 / len(shares)] * len(shares), shares))
        runs: dict = {}
        for seed in SEEDS:
            task, model = source(name, seed)
            seen, unseen = (_shifted(part, case, seed) for part in (pool, test))
            networks = {
                "before": model,
                "adabn": adabn(model, None, seen),
                "balanced": balanced_adabn(model, seen),
                "prior": correct_priors(model, task, seen),
                "known": with_priors(model, equal, true),
            }
            for way, network in networks.items():
                runs.setdefault(way, []).append(_right_of_each(network, unseen))
        found[case] = {way: _columns(kept) for way, kept in runs.items()}
    return found


def _right_of_each(model: nn.Module, unseen: Split) -> dict[str, float]:
    right = (predict(model, unseen).argmax(1) == unseen.labels).double()
    classes = [right[unseen.labels == c].mean() for c in unseen.labels.unique()]
    return {"accuracy": right.mean().item(), "each": torch.stack(classes).mean().item()}


@experiment(
    "08_tent",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="50 + 20",
    settings=VARIED,
)
def tent_rates() -> dict:
    """TENT after three passes, over its rate: {style: {"adabn": runs, "tent": [runs a rate]}}.

    runs: {"accuracy", "entropy" of the answers, "spread" (entropy of the mean answer)}, one number
    a seed; the last two need no labels.
    """
    found: dict = {"rates": list(TENT_RATES)}
    for style in ("night", "sketch"):
        runs: dict = {"adabn": [], "tent": [[] for _ in TENT_RATES]}
        for seed in SEEDS:
            task, model = source("fish", seed)
            seen, unseen = pool("fish", seed, style), test("fish", seed, style)
            runs["adabn"].append(_signs(adabn(model, task, seen), seen, unseen))
            for kept, rate in zip(runs["tent"], TENT_RATES, strict=True):
                sure = METHODS["tent"](model, task, seen, lr=rate, epochs=3, seed=seed)
                kept.append(_signs(sure, seen, unseen))
        columns = [_columns(rows) for rows in runs["tent"]]
        found[style] = {"adabn": _columns(runs["adabn"]), "tent": columns}
    return found


def _signs(model: nn.Module, seen: Split, unseen: Split) -> dict[str, float]:
    logits = predict(model, seen)
    mean = logits.softmax(1).mean(0)
    return {
        "accuracy": evaluate(model, unseen),
        "entropy": entropy(logits).item(),
        "spread": -(mean * mean.clamp_min(1e-12).log()).sum().item(),
    }


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {key: rounded(row[key] for row in rows) for key in rows[0]}


@experiment(
    "08_training",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="50 + 20",
    settings=VARIED,
)
def training() -> dict:
    """MMD and DANN on fish by night, over their strength; 0 is the same training without them.

    {"strengths", "adabn": runs, "mmd": [runs a strength], "dann": [...]}; the strength 0 of both
    is one run.
    """
    ways: dict = {"adabn": [], "mmd": [[] for _ in STRENGTHS], "dann": [[] for _ in STRENGTHS]}
    for seed in SEEDS:
        task, model = source("fish", seed)
        seen, unseen = pool("fish", seed, "night"), test("fish", seed, "night")
        ways["adabn"].append(evaluate(adabn(model, task, seen), unseen))
        for number, strength in enumerate(STRENGTHS):
            for way in ("mmd", "dann") if strength else ("mmd",):
                options = {"strength": strength, "epochs": 3, "seed": seed}
                trained = METHODS[way](model, task, seen, **options)
                ways[way][number].append(evaluate(trained, unseen))
    ways["dann"][0] = ways["mmd"][0]
    found = {way: [rounded(runs) for runs in ways[way]] for way in ("mmd", "dann")}
    return {"strengths": list(STRENGTHS), "adabn": rounded(ways["adabn"]), **found}


@experiment(
    "08_labels",
    unit="draws of source, unlabelled and test pictures",
    seeds=10,
    labels="1-20",
    settings=VARIED,
)
def few_labels() -> dict:
    """A few labels of the target instead, on sketches of fish: {"adabn": runs, "counts", "labels":
    [runs a count]}.

    A linear head on the body after AdaBN, on so many labels a class and no validation.
    """
    found: dict = {"adabn": [], "counts": list(LABEL_COUNTS), "labels": [[] for _ in LABEL_COUNTS]}
    for seed in SEEDS:
        _, model = source("fish", seed)
        seen, unseen = pool("fish", seed, "sketch"), test("fish", seed, "sketch")
        adapted = adabn(model, None, seen)
        found["adabn"].append(evaluate(adapted, unseen))
        features, wanted = (extract_features(adapted, part) for part in (seen, unseen))
        for runs, count in zip(found["labels"], LABEL_COUNTS, strict=True):
            rows = torch.arange(10 * count)  # the classes in turn
            known, labels = features[rows], seen.labels[rows]
            head = select_head(known, labels, known, labels, seed=seed).head
            runs.append(_right(head, wanted, unseen.labels))
    labels = [rounded(runs) for runs in found["labels"]]
    return found | {"adabn": rounded(found["adabn"]), "labels": labels}


def _right(head: nn.Module, features: Tensor, labels: Tensor) -> float:
    return (head(features).argmax(1) == labels).double().mean().item()


@experiment(
    "08_texts",
    weights=("zukan-bert",),
    unit="draws of labelled and unlabelled texts",
    seeds=10,
    labels="10 + 20 English, or 5 + 5 Japanese",
    settings=IN_EACH_DRAW,
)
def texts() -> dict:
    """Learned from English texts and used on Japanese ones: {task: {reader: {way: [accuracy a
    seed]}}}.

    The readers are "letters" (TF-IDF, no pretrained network), "zukan" and "e5" (multilingual E5),
    frozen under a head that is chosen on 20 texts a class of the language it learns from. "home":
    on English texts; "before": on Japanese ones; "mean" and "coral": the same after the English
    features were moved to the moments of UNLABELLED Japanese texts ("mean" centres each language on
    its own mean); "labels": a head from five Japanese labels a class. Raises StoreError where the
    real weights are absent.
    """
    return {name: _across_languages(name) for name in ("spam", "enquiries")}


def _across_languages(name: str) -> dict[str, dict[str, list[float]]]:
    written = [row.text for row in read_rows(name)]
    place = {words: row for row, words in enumerate(written)}
    vectors = {
        "zukan": extract_features(backbone("zukan-bert"), written),
        "e5": encode_texts("e5", written),
    }
    found: dict = {"letters": {"home": [], "before": []}}
    found |= {reader: {way: [] for way in TEXT_WAYS} for reader in vectors}
    for seed in SEEDS:
        english, japanese = (load_task(name, 10, seed, lang=lang) for lang in ("en", "ja"))
        own = load_task(name, 5, seed, lang="ja", valid_per_class=5)
        pool = load_task(name, UNLABELLED // japanese.num_classes, seed, lang="ja").train
        parts = (english.train, english.valid, english.test, japanese.test)
        parts += (pool, own.train, own.valid)
        for reader, runs in found.items():
            if reader == "letters":
                read = _letters(*(part.inputs for part in parts))
            else:
                read = [vectors[reader][[place[words] for words in part.inputs]] for part in parts]
            train, valid, home, away, seen, *few = read
            right = functools.partial(_right, features=away, labels=japanese.test.labels)
            head = _head(english, train, valid, seed)
            runs["home"].append(_right(head, home, english.test.labels))
            runs["before"].append(right(head))
            if reader == "letters":
                continue
            for way, moments in (("mean", "mean"), ("coral", "covariance")):
                moved = (align(part, train, seen, moments) for part in (train, valid))
                runs[way].append(right(_head(english, *moved, seed)))
            runs["labels"].append(right(_head(own, *few, seed)))
    return {
        reader: {way: rounded(values) for way, values in runs.items()}
        for reader, runs in found.items()
    }


def _head(task: Task, train: Tensor, valid: Tensor, seed: int) -> nn.Module:
    return select_head(train, task.train.labels, valid, task.valid.labels, seed=seed).head


def _letters(first: Sequence[str], *others: Sequence[str]) -> list[Tensor]:
    """TF-IDF of up to three letters in a row, as the first texts have them: (n, d) each."""
    reader = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(first)
    return [
        torch.tensor(reader.transform(texts).toarray(), dtype=torch.float32)
        for texts in (first, *others)
    ]


# --- the real twin --------------------------------------------------------------------------


@experiment(
    "08_real",
    unit="draws of labelled and test pictures",
    seeds=10,
    labels="100 (digits), 60 + 20 (photos)",
    settings=IN_EACH_DRAW,
)
def real() -> dict:
    """Real digits of two collections, and real photos in the dark.

    {"digits": {"mnist_usps", "usps_mnist": {"source", "before", "adabn", "mean", "coral"}},
    "photos": {light: the same without "source"}}, one number a seed. Digits: our small
    network, fine-tuned on 100 digits a class of one collection. Photos: ImageNet's MobileNetV2 with
    a linear probe; its BatchNorm is measured anew on the bright photos as well, so that both
    domains are treated alike. USPS is an HDF5 file and needs the package h5py. Raises StoreError
    where there are no real data.
    """
    collections = {"mnist": _mnist(), "usps": _usps()}
    digits = {
        f"{one}_{other}": _digits(collections[one], collections[other])
        for one, other in (("mnist", "usps"), ("usps", "mnist"))
    }
    return {"digits": digits, "photos": _photos("cats_dogs")}


def _mnist() -> Split:
    """MNIST's 10,000 test digits, uint8 (n, 3, 64, 64)."""
    images, labels = (
        np.frombuffer(gzip.decompress(real_file("digits", name).read_bytes()), np.uint8, offset=at)
        for name, at in (
            ("mnist_t10k-images-idx3-ubyte.gz", 16),
            ("mnist_t10k-labels-idx1-ubyte.gz", 8),
        )
    )
    return Split(_enlarged(torch.tensor(images).view(-1, 28, 28).float()), labels.tolist())


def _usps() -> Split:
    """The 7,291 training digits of USPS, uint8 (n, 3, 64, 64)."""
    import h5py

    with h5py.File(real_file("digits", "usps.h5")) as file:
        images, labels = (torch.tensor(file["train"][key][:]) for key in ("data", "target"))
    return Split(_enlarged(images.float().view(-1, 16, 16) * 255), labels)


def _enlarged(images: Tensor) -> Tensor:
    large = nn.functional.interpolate(images[:, None], 64, mode="bilinear", align_corners=False)
    return large.clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1).contiguous()


def _parts(everything: Split, counts: Sequence[int], seed: int) -> list[Split]:
    """Disjoint parts with so many pictures of each class."""
    generator = torch.Generator().manual_seed(seed)
    order = rows_of_each(everything.labels, sum(counts), generator)
    of_class = [order[everything.labels[order] == c] for c in everything.labels.unique()]
    ends = np.cumsum([0, *counts])
    return [
        everything.subset(torch.cat([rows[start:end] for rows in of_class]))
        for start, end in itertools.pairwise(ends)
    ]


def _task(name: str, parts: Sequence[Split]) -> Task:
    names = [str(c) for c in range(int(parts[0].labels.max()) + 1)]
    return Task(name, *parts, classes={"en": names, "ja": names})


def _digits(one: Split, other: Split) -> dict:
    ways: dict = {way: [] for way in ("source", *WAYS)}
    for seed in SEEDS:
        task = _task("digits", _parts(one, (100, 20, 100), seed))
        seen, unseen = _parts(other, (50, 100), seed)
        model = fine_tune(
            backbone(NETWORK),
            task,
            lr=0.05,
            keep_batchnorm=False,
            seed=seed,
            read_test=False,
            progress=False,
        ).model
        ways["source"].append(evaluate(model, task.test))
        _measure(ways, model, task, seen, unseen, seed)
    return {way: rounded(values) for way, values in ways.items()}


def _measure(
    ways: dict, model: nn.Module, task: Task, seen: Split, unseen: Split, seed: int
) -> None:
    ways["before"].append(evaluate(model, unseen))
    for way in ("adabn", "mean", "coral"):
        ways[way].append(evaluate(METHODS[way](model, task, seen, seed=seed), unseen))


def _photos(name: str) -> dict:
    everything = real_photos(name).split
    found: dict = {}
    network = mobilenet(size=96)
    for seed in SEEDS:
        train, valid, seen, unseen = _parts(everything, (60, 20, 60, 100), seed)
        task = _task(name, (train, valid, unseen))
        model = adabn(network, task, train)
        model.classifier[-1] = probe(model, task, seed=seed, read_test=False).head
        for level in (1.0, 0.3, 0.1):
            ways = found.setdefault(f"{level:g}", {way: [] for way in WAYS})
            _measure(ways, model, task, dim(seen, level), dim(unseen, level), seed)
    return {k: {way: rounded(v) for way, v in ways.items()} for k, ways in found.items()}
