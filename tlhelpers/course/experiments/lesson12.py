"""Lesson 12: how far each start gets on customer enquiries, from 2 to 20 labels a class."""

import torch
from torch import Tensor, nn

from tlhelpers.course.results import experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.language_models import without_context
from tlhelpers.train.engine import predict
from tlhelpers.transfer.bootstrap import paired_bootstrap
from tlhelpers.transfer.extraction import represent
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import FOR_TEXTS, fine_tune
from tlhelpers.transfer.negative import SCRATCH_FOR_TEXTS, train_from_scratch
from tlhelpers.transfer.results import interval
from tlhelpers.transfer.text_baseline import tfidf_baseline

ROOMS = (
    "data/text.py",
    "models/language_models.py",
    "train/engine.py",
    "transfer/features.py",
    "transfer/finetune.py",
    "transfer/negative.py",
    "transfer/text_baseline.py",
)
SPLITS = 10
COUNTS = (2, 5, 10, 20)


@experiment("12_enquiries", rooms=ROOMS, weights=("zukan-bert", "zukan-bert-en"))
def enquiries() -> dict:
    """Accuracy on the locked test texts for each count, strategy and split; and paired gaps."""
    networks = {name: backbone(name) for name in ("zukan-bert", "zukan-bert-en")}
    data: dict = {"labels": list(COUNTS), "en": {}, "ja": {}}
    for lang in ("en", "ja"):
        for strategy in ("tfidf", "static", "probe"):
            data[lang][strategy] = [
                means(run_splits(strategy, networks["zukan-bert"], count, lang, lang))
                for count in COUNTS
            ]
        right = {
            strategy: run_splits(strategy, networks["zukan-bert"], 10, lang, lang)
            for strategy in ("tfidf", "probe", "fine_tune", "scratch", "lora")
        }
        data[lang]["ten"] = {name: means(table) for name, table in right.items()}
        data[lang]["gaps"] = {
            "probe - tfidf": gap(right["probe"], right["tfidf"]),
            "fine_tune - scratch": gap(right["fine_tune"], right["scratch"]),
            "fine_tune - lora": gap(right["fine_tune"], right["lora"]),
        }
    across = {
        name: run_splits("probe", network, 20, "en", "ja") for name, network in networks.items()
    }
    data["en_to_ja"] = {name: means(table) for name, table in across.items()}
    data["en_to_ja"]["gap"] = gap(*across.values())
    return data


@experiment("12_spam", rooms=ROOMS, weights=("zukan-bert",))
def spam() -> dict:
    """Spam in each language, and an English filter on Japanese messages, with 10 labels a class."""
    network = backbone("zukan-bert")
    return {
        f"{lang}_to_{test_lang}": {
            strategy: means(run_splits(strategy, network, 10, lang, test_lang, "spam"))
            for strategy in ("tfidf", "probe")
        }
        for lang, test_lang in (("en", "en"), ("ja", "ja"), ("en", "ja"))
    }


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
    model = fine_tune(network, task, seed=seed, **FOR_TEXTS).model
    return predict(model, task.test).argmax(1)


def by_lora(network: nn.Module, task: Task, seed: int) -> Tensor:
    options = FOR_TEXTS | {"lr": 6e-3, "method": "lora"}
    model = fine_tune(network, task, seed=seed, **options).model
    return predict(model, task.test).argmax(1)


def by_scratch(network: nn.Module, task: Task, seed: int) -> Tensor:
    model = train_from_scratch(network, task, seed=seed, **SCRATCH_FOR_TEXTS).model
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
    """{"mean", "low", "high", "splits"}: 95% over splits."""
    of = interval(right.mean(1))
    return {"mean": of.mean, "low": of.low, "high": of.high, "splits": right.mean(1).tolist()}


def gap(first: Tensor, second: Tensor) -> dict:
    """The paired difference, over items and splits."""
    of = paired_bootstrap(first, second)
    return {"mean": of.mean, "low": of.low, "high": of.high}
