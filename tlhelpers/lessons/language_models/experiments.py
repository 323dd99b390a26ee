"""Lesson 12: how far each start gets on customer enquiries, from 2 to 20 labels a class.

Also spam, within and across languages, and real texts as a check (from ../shared, no part of
the project: where it is absent, the stored numbers stay as they are).
"""

import csv
import gzip
import random
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tlhelpers.course.results import experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import real_file, real_folder
from tlhelpers.data.task import Split, Task
from tlhelpers.data.text import read_rows
from tlhelpers.models.backbones import backbone
from tlhelpers.models.language_models import without_context
from tlhelpers.models.real import encode_texts
from tlhelpers.train.engine import predict
from tlhelpers.transfer.extraction import extract_features, represent
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.intervals import interval, paired_bootstrap
from tlhelpers.transfer.logistic import draw_rows, logistic_accuracy, logistic_curves
from tlhelpers.transfer.lora import lora
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.text_baseline import tfidf_baseline

SPLITS = 10
COUNTS = (2, 5, 10, 20)
INTENTS = 10  # of Banking77: the first in the order of their names
OPENING = 200  # characters of a news article after its headline


@experiment("12_enquiries", weights=("zukan-bert", "zukan-bert-en"))
def enquiries() -> dict:
    """Accuracy on the locked test texts by count and split; English labels tried on Japanese.

    With 20 labels a class the pool is exhausted: all splits are one and the same.
    """
    networks = {name: backbone(name) for name in ("zukan-bert", "zukan-bert-en")}
    data: dict = {"labels": list(COUNTS)}
    for lang in ("en", "ja"):
        right = {
            strategy: [run_splits(strategy, networks["zukan-bert"], n, lang, lang) for n in COUNTS]
            for strategy in ("tfidf", "static", "probe")
        }
        data[lang] = {name: [means(table) for table in tables] for name, tables in right.items()}
        gaps = zip(right["probe"], right["tfidf"], strict=True)
        data[lang]["probe - tfidf"] = [gap(probed, counted) for probed, counted in gaps]
    across = {
        name: run_splits("probe", network, 20, "en", "ja") for name, network in networks.items()
    }
    data["en_to_ja"] = {name: means(table) for name, table in across.items()}
    data["en_to_ja"]["gap"] = gap(*across.values())
    return data


@experiment("12_contenders", weights=("zukan-bert",))
def contenders() -> dict:
    """What training the body gives, with ten labels a class; and paired gaps."""
    network = backbone("zukan-bert")
    data = {}
    for lang in ("en", "ja"):
        right = {
            strategy: run_splits(strategy, network, 10, lang, lang)
            for strategy in ("probe", "fine_tune", "lora", "scratch")
        }
        data[lang] = {name: means(table) for name, table in right.items()}
        data[lang]["gaps"] = {
            f"fine_tune - {other}": gap(right["fine_tune"], right[other])
            for other in ("probe", "lora", "scratch")
        }
    return data


@experiment("12_across", weights=("zukan-bert", "zukan-bert-en"))
def across() -> dict:
    """English labels on Japanese texts, ten a class; and spam within and across languages."""
    networks = {name: backbone(name) for name in ("zukan-bert", "zukan-bert-en")}
    moved = {name: run_splits("probe", net, 10, "en", "ja") for name, net in networks.items()}
    data: dict = {"enquiries": {name: means(table) for name, table in moved.items()}}
    data["enquiries"]["gap"] = gap(*moved.values())
    data["spam"] = {}
    for lang, test_lang in (("en", "en"), ("ja", "ja"), ("en", "ja")):
        right = {
            strategy: run_splits(strategy, networks["zukan-bert"], 10, lang, test_lang, "spam")
            for strategy in ("probe", "tfidf")
        }
        data["spam"][f"{lang}_to_{test_lang}"] = {
            **{name: means(table) for name, table in right.items()},
            "gap": gap(right["probe"], right["tfidf"]),
        }
    return data


@experiment("12_real", weights=("zukan-bert",))
def real() -> dict:
    """Real texts with ten labels a class: numbers only. See `data.real`."""
    texts = real_folder() / "text"
    network = backbone("zukan-bert")
    data = {}
    for name, read in (("banking77", banking77), ("sms_spam", sms_spam), ("livedoor", livedoor)):
        of_class = read(texts)
        tasks = [draw_task(name, of_class, seed) for seed in range(SPLITS)]
        data[name] = {
            "classes": len(of_class),
            "test_texts": len(tasks[0].test),
            "probe": scores(
                [probe(network, task, seed=s).test_acc for s, task in enumerate(tasks)]
            ),
            "tfidf": scores([tfidf_baseline(task).test_acc for task in tasks]),
        }
        pairs = zip(data[name]["probe"]["splits"], data[name]["tfidf"]["splits"], strict=True)
        data[name]["gap"] = scores([first - second for first, second in pairs])
    return data


def banking77(folder: Path) -> dict[str, list[str]]:
    """{intent: its enquiries}."""
    with gzip.open(folder / "en_banking77.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    chosen = sorted({row["intent"] for row in rows})[:INTENTS]
    return {name: unique(row["text"] for row in rows if row["intent"] == name) for name in chosen}


def sms_spam(folder: Path) -> dict[str, list[str]]:
    """{"ham": messages, "spam": messages}."""
    with gzip.open(folder / "en_sms_spam.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {name: unique(r["text"] for r in rows if r["label"] == name) for name in ("ham", "spam")}


def livedoor(folder: Path) -> dict[str, list[str]]:
    """{topic: headlines with the first words of the article}."""
    topics: dict[str, list[str]] = {}
    with tarfile.open(folder / "ja_livedoor_news_verbatim.tar.gz") as archive:
        for member in archive:
            topic = Path(member.name).parent.name
            if member.isfile() and topic != "text" and not member.name.endswith("LICENSE.txt"):
                _, _, headline, *body = archive.extractfile(member).read().decode().split("\n")
                topics.setdefault(topic, []).append(headline + " " + "".join(body)[:OPENING])
    return {name: unique(topics[name]) for name in sorted(topics)}


def unique(texts) -> list[str]:
    """Each text once, in an order that says nothing about where it stood."""
    kept = sorted(set(texts))
    random.Random(0).shuffle(kept)
    return kept


def draw_task(name: str, of_class: dict[str, list[str]], seed: int) -> Task:
    """10 labels and 10 validation texts a class, drawn anew by `seed`; the same 60 test texts."""
    parts: dict[str, list] = {"train": [], "valid": [], "test": []}
    for label, texts in enumerate(of_class.values()):
        rest = texts[60:]
        random.Random(seed).shuffle(rest)
        for part, drawn in (("train", rest[:10]), ("valid", rest[10:20]), ("test", texts[:60])):
            parts[part] += [(words, label) for words in drawn]
    splits = {
        part: Split([words for words, _ in rows], torch.tensor([label for _, label in rows]))
        for part, rows in parts.items()
    }
    names = list(of_class)
    return Task(name=name, classes={"en": names, "ja": names}, kind="text", **splits)


def run_splits(
    strategy: str, network: nn.Module, count: int, lang: str, test_lang: str, name="enquiries"
) -> Tensor:
    """(splits, test items): 1 where the strategy was right."""
    rows = []
    for seed in range(SPLITS):
        task = load_task(name, count, seed, lang=lang, test_lang=test_lang)
        rows.append(STRATEGIES[strategy](network, task, seed) == task.test.labels)
    return torch.stack(rows).float()


def by_tfidf(network: nn.Module, task: Task, seed: int) -> Tensor:
    return torch.from_numpy(tfidf_baseline(task).pipeline.predict(task.test.inputs))


def by_static(network: nn.Module, task: Task, seed: int) -> Tensor:
    """A linear head on the mean of the token vectors, before any attention."""
    return by_probe(without_context(network), task, seed)


def by_probe(network: nn.Module, task: Task, seed: int) -> Tensor:
    head = probe(network, task, seed=seed).head
    return head(represent(network, task.test, task)).argmax(1)


def by_fine_tuning(network: nn.Module, task: Task, seed: int) -> Tensor:
    model = fine_tune(network, task, seed=seed, read_test=False).model
    return predict(model, task.test).argmax(1)


def by_lora(network: nn.Module, task: Task, seed: int) -> Tensor:
    model = lora(network, task, seed=seed, read_test=False).model
    return predict(model, task.test).argmax(1)


def by_scratch(network: nn.Module, task: Task, seed: int) -> Tensor:
    model = train_from_scratch(network, task, seed=seed, read_test=False).model
    return predict(model, task.test).argmax(1)


STRATEGIES = {
    "tfidf": by_tfidf,
    "static": by_static,
    "probe": by_probe,
    "fine_tune": by_fine_tuning,
    "lora": by_lora,
    "scratch": by_scratch,
}


def means(right: Tensor) -> dict:
    """The accuracy of each split, as `scores` has it."""
    return scores(right.mean(1).tolist())


def scores(values: list[float]) -> dict:
    """{"mean", "low", "high", "splits"}: 95% over splits."""
    of = interval(values)
    return {"mean": of.mean, "low": of.low, "high": of.high, "splits": values}


def gap(first: Tensor, second: Tensor) -> dict:
    """The paired difference, over items and splits."""
    of = paired_bootstrap(first, second)
    return {"mean": of.mean, "low": of.low, "high": of.high}


ENCODER_LABELS, ENCODER_SEEDS = (2, 5, 10, 20), 10
ENCODER_TEXTS = 60  # of each class, for the real sets


@experiment("12_encoders")
def encoders() -> dict:
    """Real sentence encoders, frozen, beside zukan-bert and TF-IDF on the same draws of labels.

    {set: {"minilm" | "e5" | "zukan" | "tfidf": {labels a class: [accuracy a draw]}}}. The head is
    scikit-learn's logistic regression for all, its strength cross-validated on the labels.
    """
    network = backbone("zukan-bert")
    found: dict = {"unit": "draws of labelled and test texts", "seeds": ENCODER_SEEDS}
    for name, texts, labels in _encoder_sets():
        known = torch.tensor(labels)
        kinds = {encoder: encode_texts(encoder, texts) for encoder in ("minilm", "e5")}
        kinds["zukan"] = extract_features(network, texts)
        groups = torch.arange(len(texts))
        curves = logistic_curves(kinds, known, groups, ENCODER_LABELS, ENCODER_SEEDS)
        curves["tfidf"] = _tfidf_curves(texts, known)
        found[name] = {"texts": len(texts), "classes": len(known.unique()), **curves}
    return found


def _encoder_sets() -> Iterator[tuple[str, list[str], list[int]]]:
    for lang in ("en", "ja"):
        rows = [row for row in read_rows("enquiries") if row.lang == lang]
        names = sorted({row.label for row in rows})
        yield f"enquiries_{lang}", [r.text for r in rows], [names.index(r.label) for r in rows]
    folder = real_file("text")
    for name, read in {"banking77": banking77, "clinc150": clinc150, "livedoor": livedoor}.items():
        pairs = [
            (words, label)
            for label, texts in enumerate(read(folder).values())
            for words in texts[:ENCODER_TEXTS]
        ]
        yield name, [words for words, _ in pairs], [label for _, label in pairs]


def _tfidf_curves(texts: Sequence[str], labels: Tensor) -> dict[int, list[float]]:
    """n-grams of characters and of words, counted on the labelled texts; the same draws."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    found: dict[int, list[float]] = {}
    for seed in range(ENCODER_SEEDS):
        train, test = draw_rows(labels, torch.arange(len(labels)), ENCODER_LABELS, seed)
        for count, rows in train.items():
            grams = make_union(
                TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True),
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            )
            grams.fit([texts[row] for row in rows])
            counted = grams.transform(texts)
            found.setdefault(count, []).append(
                logistic_accuracy(counted, labels, rows, test, scale=False)
            )
    return found


def clinc150(folder: Path) -> dict[str, list[str]]:
    """{intent: its requests}, the first twenty intents in scope."""
    with gzip.open(folder / "en_clinc150.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    chosen = sorted({row["intent"] for row in rows} - {"oos"})[:20]
    return {name: unique(row["text"] for row in rows if row["intent"] == name) for name in chosen}
