"""Lesson 12: how far each way gets on customer enquiries, from no label at all to 20 a class.

Also English labels on Japanese texts, spam, and real encoders on real texts (from a folder of one's
own, see `data.real`: where it is absent, the stored numbers stay as they are).

The course's texts are hand-written and few. A draw chooses the labelled texts anew; the 20 texts
of each class for validation and the 40 of each class for the test stay the same.
"""

import csv
import functools
import gzip
import random
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.course.results import (
    CROSS_VALIDATED,
    FIXED,
    IN_EACH_DRAW,
    SEARCHED,
    experiment,
    stored,
)
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import real_file
from tlhelpers.data.task import Task
from tlhelpers.data.text import CLASSES, read_rows
from tlhelpers.models.backbones import backbone
from tlhelpers.models.language_models import without_context
from tlhelpers.models.real import encode_texts
from tlhelpers.train.engine import predict
from tlhelpers.transfer.extraction import extract_features, represent
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import TRIAL, FineTuneResult, epochs_for, fine_tune
from tlhelpers.transfer.intervals import paired_bootstrap
from tlhelpers.transfer.logistic import draw_rows, logistic_accuracy, logistic_curves
from tlhelpers.transfer.lora import lora
from tlhelpers.transfer.negative import LONGER, train_from_scratch
from tlhelpers.transfer.search import TUNING_SEEDS, search
from tlhelpers.transfer.text_baseline import tfidf_baseline

DRAWS = 10
COUNTS = (2, 5, 10, 20)
LABELS = 10  # of each class, where ways are compared
LANGUAGES = ("en", "ja")
TRAINED = {"fine_tune": fine_tune, "lora": lora, "scratch": train_from_scratch}
RATES = {
    "fine_tune": (5e-5, 2e-4, 1e-3, 5e-3, 2e-2),
    "lora": (5e-4, 2e-3, 8e-3, 3e-2, 1e-1),
    "scratch": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}
STABLE: dict[str, dict[str, Any]] = {  # how a body is trained in place of AdamW, clipped
    "half": {"times": 0.5},
    "as_told": {},
    "three_times": {"times": 3},
    "unclipped": {"clip_norm": None},
    "sgd": {"optimizer": "sgd"},
}
STABLE_DRAWS, SGD_RATES = 10, (0.003, 0.03, 0.3)
STABLE_WAYS = {"fine_tune": LANGUAGES, "scratch": LANGUAGES, "lora": ("en",)}  # what is asked where
BATCH = 16  # of texts, the default of the trainings
OPENING = 200  # characters of a news article after its headline
INTENTS = 10  # of Banking77: the first in the order of their names
ENCODER_TEXTS = 60  # of each class, for the real sets

Answers = Callable[[Task, int], Tensor]


@experiment(
    "12_enquiries",
    weights=("zukan-bert",),
    unit="draws of labelled texts",
    seeds=10,
    labels="2-20 + 20",
    settings=IN_EACH_DRAW,
)
def enquiries() -> dict:
    """Accuracy on the test texts by labels a class, of the frozen BERT, its static word vectors
    and TF-IDF; and paired differences.

    With 20 labels a class the pool is exhausted: all draws are one and the same.
    """
    ways = cheap_ways(backbone("zukan-bert"))
    data: dict = {"labels": list(COUNTS), "draws": DRAWS}
    for lang in LANGUAGES:
        right = {name: [judge(answer, n, lang) for n in COUNTS] for name, answer in ways.items()}
        data[lang] = {name: [shares(table) for table in tables] for name, tables in right.items()}
        for first, second in (("probe", "tfidf"), ("probe", "static"), ("static", "tfidf")):
            tables = zip(right[first], right[second], strict=True)
            data[lang][f"{first} - {second}"] = [gap(*pair) for pair in tables]
    return data


@experiment(
    "12_contenders",
    weights=("zukan-bert",),
    unit="draws of labelled texts",
    seeds=10,
    labels="10 + 20",
    settings=SEARCHED,
)
def contenders() -> dict:
    """Every way with ten labels a class, and paired differences.

    Of the networks whose body is trained the last step counts, as in `stable`.
    """
    network = backbone("zukan-bert")
    data: dict = {"labels": LABELS, "draws": DRAWS, "rates": {k: list(v) for k, v in RATES.items()}}
    for lang in LANGUAGES:
        searches = {name: stable_rate(name, lang, "as_told") for name in TRAINED}
        chosen = {name: found["chosen"]["lr"] for name, found in searches.items()}
        ways = cheap_ways(network)
        ways |= {name: by_training(name, rate) for name, rate in chosen.items()}
        right = {name: judge(way, LABELS, lang) for name, way in ways.items()}
        data[lang] = {name: shares(table) for name, table in right.items()}
        data[lang]["chosen"] = chosen
        data[lang]["gaps"] = {
            f"{first} - {second}": gap(right[first], right[second])
            for first, second in (
                ("fine_tune", "probe"),
                ("lora", "probe"),
                ("fine_tune", "scratch"),
                ("probe", "scratch"),
                ("probe", "tfidf"),
                ("probe", "static"),
            )
        }
    return data


@experiment(
    "12_stable",
    weights=("zukan-bert",),
    unit="draws of labelled texts",
    seeds=10,
    labels="10 + 20",
    settings=SEARCHED,
)
def stable() -> dict:
    """Do the order of the ways and the worth of pre-training last, however a body is trained?

    {"verdicts": {name: {setting: [points a draw]}}, "accuracy": {way: {lang: {setting: [accuracy a
    draw]}}}, "search": {way: {lang: {"as_told" | "sgd": record}}}}. "frozen_LANG": frozen before
    fine-tuned, "lora_LANG": frozen before LoRA, "pretrained_LANG": frozen before scratch. Here the
    network of the last step counts: it does not go back to the head that it began with.
    """
    data: dict = {"verdicts": {}, "accuracy": {}, "search": {}}
    named = {"fine_tune": "frozen", "lora": "lora", "scratch": "pretrained"}
    for way, languages in STABLE_WAYS.items():
        data["accuracy"][way], data["search"][way] = {}, {}
        for lang in languages:
            frozen = stored("12_contenders")[lang]["probe"][:STABLE_DRAWS]
            searches = {kind: stable_rate(way, lang, kind) for kind in ("as_told", "sgd")}
            data["search"][way][lang] = searches
            right = data["accuracy"][way][lang] = {}
            points = data["verdicts"][f"{named[way]}_{lang}"] = {}
            for setting in STABLE:
                lr = searches["sgd" if setting == "sgd" else "as_told"]["chosen"]["lr"]
                found = [last_step(way, lang, s, setting, lr=lr)[1] for s in range(STABLE_DRAWS)]
                pairs = zip(frozen, found, strict=True)
                right[setting] = found
                points[setting] = [round(100 * (still - moved), 2) for still, moved in pairs]
    return data


def stable_rate(way: str, lang: str, setting: str) -> dict:
    """The record of the search for a rate: a third of the steps, draws that are not measured."""
    rates = SGD_RATES if setting == "sgd" else RATES[way]

    def score(lr: float, seed: int) -> float:
        return last_step(way, lang, seed, setting, lr, TRIAL)[0]

    return search(score, {"lr": rates}, seeds=TUNING_SEEDS).to_dict()


def last_step(
    way: str, lang: str, draw: int, setting: str, lr: float, shorter: int = 1
) -> tuple[float, float]:
    """(validation, test) accuracy of one of TRAINED."""
    task = load_task("enquiries", LABELS, draw, lang=lang)
    run = train_to_the_end(way, task, draw, lr, setting, shorter)
    return round(run.valid_acc, 4), round(run.test_acc, 4)


def train_to_the_end(
    way: str, task: Task, draw: int, lr: float, setting: str = "as_told", shorter: int = 1
) -> FineTuneResult:
    """One of TRAINED; nothing is chosen while it lasts. shorter: so many times fewer steps."""
    options = {"times": 1, **STABLE[setting]}
    epochs = max(1, round(options.pop("times") * whole_length(task, way) / shorter))
    options |= {"lr": lr, "epochs": epochs, "seed": draw, "valid": False, "progress": False}
    return TRAINED[way](backbone("zukan-bert"), task, **options)


@experiment(
    "12_across",
    weights=("zukan-bert", "zukan-bert-en"),
    unit="draws of labelled texts",
    seeds=10,
    labels="10 + 20",
    settings=IN_EACH_DRAW,
)
def across() -> dict:
    """English labels on Japanese texts, ten a class; and spam within and across languages."""
    ways = cheap_ways(backbone("zukan-bert"))
    english = cheap_ways(backbone("zukan-bert-en"))["probe"]
    contenders = {"both": ways["probe"], "english": english, "tfidf": ways["tfidf"]}
    right = {name: judge(way, LABELS, "en", "ja") for name, way in contenders.items()}
    right["japanese_labels"] = judge(ways["probe"], LABELS, "ja")
    data: dict = {"labels": LABELS, "draws": DRAWS}
    data["enquiries"] = {name: shares(table) for name, table in right.items()}
    data["enquiries"]["gaps"] = {
        f"both - {other}": gap(right["both"], right[other])
        for other in ("english", "tfidf", "japanese_labels")
    }
    data["spam"] = {}
    for lang, test_lang in (("en", "en"), ("ja", "ja"), ("en", "ja")):
        tables = {
            name: judge(ways[name], LABELS, lang, test_lang, "spam")
            for name in ("probe", "static", "tfidf")
        }
        data["spam"][f"{lang}_to_{test_lang}"] = {
            **{name: shares(table) for name, table in tables.items()},
            "probe - tfidf": gap(tables["probe"], tables["tfidf"]),
        }
    return data


@experiment(
    "12_encoders",
    weights=("zukan-bert",),
    unit="draws of labelled and test texts",
    seeds=10,
    labels="2-20",
    settings=CROSS_VALIDATED,
)
def encoders() -> dict:
    """Real sentence encoders, frozen, beside zukan-bert and TF-IDF on the same draws of labels.

    {set: {"minilm" | "e5" | "zukan" | "tfidf": {labels a class: [accuracy a draw]}}}. The head is
    scikit-learn's logistic regression for all, its strength cross-validated on the labels alone.
    """
    return encoder_curves("enquiries_en", "enquiries_ja", "banking77", "clinc150", "livedoor")


@experiment(
    "12_spam",
    weights=("zukan-bert",),
    unit="draws of labelled and test texts",
    seeds=10,
    labels="2-20",
    settings=CROSS_VALIDATED,
)
def spam() -> dict:
    """The same on real text messages, spam or not."""
    return encoder_curves("sms_spam")


@experiment(
    "12_names", weights=("zukan-bert",), unit="texts", seeds=1, labels="none", settings=FIXED
)
def names() -> dict:
    """{set: {"classes": how many, encoder: accuracy on all texts}} without any label: a text gets
    the class whose name has the most similar embedding.
    """
    encode, found = encoder_features(), {}
    for name in ("enquiries_en", "enquiries_ja", "banking77", "clinc150"):
        texts, labels, classes = encoder_set(name)
        found[name] = {"classes": len(classes)}
        for encoder, of in encode.items():
            found[name][encoder] = nearest_name(of(texts), of(classes), torch.tensor(labels))
    return found


# --- the ways ---------------------------------------------------------------------------------


def cheap_ways(network: nn.Module) -> dict[str, Answers]:
    """Those that train no body: each answers the test texts of a task."""

    def by_probe(of: nn.Module, task: Task, draw: int) -> Tensor:
        head = probe(of, task, seed=draw, read_test=False).head
        return head(represent(of, task.test, task)).argmax(1)

    def by_tfidf(task: Task, draw: int) -> Tensor:
        return torch.from_numpy(tfidf_baseline(task).pipeline.predict(task.test.inputs))

    return {
        "tfidf": by_tfidf,
        "static": functools.partial(by_probe, without_context(network)),
        "probe": functools.partial(by_probe, network),
    }


def whole_length(task: Task, name: str) -> int:
    """The epochs of a training: as `fine_tune` and `train_from_scratch` have them by themselves."""
    return epochs_for(task, BATCH) * (LONGER if name == "scratch" else 1)


def by_training(way: str, lr: float) -> Answers:
    """Answers of a network whose body is trained."""

    def answer(task: Task, draw: int) -> Tensor:
        return predict(train_to_the_end(way, task, draw, lr).model, task.test).argmax(1)

    return answer


def judge(
    answer: Answers, count: int, lang: str, test_lang: str = "", name: str = "enquiries"
) -> Tensor:
    """(draws, test items): 1 where the answer was right."""
    rows = []
    for draw in range(DRAWS):
        task = load_task(name, count, draw, lang=lang, test_lang=test_lang or lang)
        rows.append(answer(task, draw) == task.test.labels)
    return torch.stack(rows).float()


def shares(right: Tensor) -> list[float]:
    """The accuracy of each draw."""
    return [round(share, 4) for share in right.mean(1).tolist()]


def gap(first: Tensor, second: Tensor) -> dict:
    """The paired difference with its 95% interval, over test items and draws."""
    of = paired_bootstrap(first, second)
    return {"mean": round(of.mean, 4), "low": round(of.low, 4), "high": round(of.high, 4)}


# --- real encoders ----------------------------------------------------------------------------


def encoder_curves(*sets: str) -> dict:
    """Accuracy by labels a class of each encoder and of TF-IDF, on each of the sets."""
    found: dict = {"unit": "draws of labelled and test texts", "seeds": DRAWS}
    for name in sets:
        texts, labels, classes = encoder_set(name)
        known = torch.tensor(labels)
        kinds = {encoder: of(texts) for encoder, of in encoder_features().items()}
        curves = logistic_curves(kinds, known, torch.arange(len(texts)), COUNTS, DRAWS)
        curves["tfidf"] = tfidf_curves(texts, known)
        found[name] = {"texts": len(texts), "classes": len(classes), **curves}
    return found


def encoder_features() -> dict[str, Callable[[list[str]], Tensor]]:
    """What turns texts into features (n, d), for each encoder."""
    return {
        "minilm": functools.partial(encode_texts, "minilm"),
        "e5": functools.partial(encode_texts, "e5"),
        "zukan": functools.partial(extract_features, backbone("zukan-bert")),
    }


def encoder_set(name: str) -> tuple[list[str], list[int], list[str]]:
    """(texts, the class of each, names of the classes) of the course's enquiries or a real set."""
    if name.startswith("enquiries"):
        lang = name[-2:]
        rows = [row for row in read_rows("enquiries") if row.lang == lang]
        keys = sorted({row.label for row in rows})
        classes = [CLASSES["enquiries"][key][LANGUAGES.index(lang)] for key in keys]
        return [row.text for row in rows], [keys.index(row.label) for row in rows], classes
    of_class = REAL_SETS[name](real_file("text"))
    pairs = [
        (words, label)
        for label, texts in enumerate(of_class.values())
        for words in texts[:ENCODER_TEXTS]
    ]
    classes = [key.replace("_", " ") for key in of_class]
    return [words for words, _ in pairs], [label for _, label in pairs], classes


def nearest_name(features: Tensor, names: Tensor, labels: Tensor) -> float:
    """The share of texts whose class has the name with the most similar embedding (cosine)."""
    nearest = (F.normalize(features, dim=1) @ F.normalize(names, dim=1).T).argmax(1)
    return round((nearest == labels).double().mean().item(), 4)


def tfidf_curves(texts: Sequence[str], labels: Tensor) -> dict[int, list[float]]:
    """n-grams of characters and of words, counted on the labelled texts; the same draws."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    found: dict[int, list[float]] = {}
    for seed in range(DRAWS):
        train, test = draw_rows(labels, torch.arange(len(labels)), COUNTS, seed)
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


def banking77(folder: Path) -> dict[str, list[str]]:
    """{intent: its enquiries}."""
    return of_intents(folder / "en_banking77.tsv.gz", INTENTS)


def clinc150(folder: Path) -> dict[str, list[str]]:
    """{intent: its requests}, the first twenty intents in scope."""
    return of_intents(folder / "en_clinc150.tsv.gz", 20)


def of_intents(table: Path, count: int) -> dict[str, list[str]]:
    """{intent: its texts}, the first intents of a table in the order of their names."""
    rows = read_table(table)
    chosen = sorted({row["intent"] for row in rows} - {"oos"})[:count]
    return {name: unique(row["text"] for row in rows if row["intent"] == name) for name in chosen}


def sms_spam(folder: Path) -> dict[str, list[str]]:
    """{"ham": messages, "spam": messages}."""
    rows = read_table(folder / "en_sms_spam.tsv.gz")
    return {name: unique(r["text"] for r in rows if r["label"] == name) for name in ("ham", "spam")}


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a packed table whose columns are parted by tabs."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


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


def unique(texts: Iterable[str]) -> list[str]:
    """Each text once, in an order that says nothing about where it stood."""
    kept = sorted(set(texts))
    random.Random(0).shuffle(kept)
    return kept


REAL_SETS = {
    "banking77": banking77,
    "clinc150": clinc150,
    "sms_spam": sms_spam,
    "livedoor": livedoor,
}
