"""Every experiment and every promised figure runs, in small: what it returns has the stored shape.

Tasks have two pictures a class, and each way of training runs once, for one epoch: the numbers mean
nothing here.
"""

import functools
import inspect
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from tlhelpers.course import measure
from tlhelpers.course.results import experiments
from tlhelpers.data.catalog import redrawn
from tlhelpers.data.task import Task
from tlhelpers.lessons.domain_adaptation.steps import with_shares
from tlhelpers.models.pretrain import pretrain
from tlhelpers.runtime.store import StoreError
from tlhelpers.transfer import intervals
from tlhelpers.transfer.adaptation.dann import dann
from tlhelpers.transfer.adaptation.mmd import mmd_training
from tlhelpers.transfer.adaptation.tent import tent
from tlhelpers.transfer.distillation import distill
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.incremental import incremental
from tlhelpers.transfer.knn import knn
from tlhelpers.transfer.lora import lora
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.unsupervised.simclr import continue_pretraining
from tlhelpers.transfer.zeroshot import zero_shot

SMALL = {"per_class": 2, "valid_per_class": 2, "size": 48}
FEW = {
    "SPLITS": 8,
    "COUNTS": (2,),
    "SEEDS": range(1),
    "FEW_SEEDS": range(1),
    "WIDE_SEEDS": range(1),
    "STABLE_DRAWS": 1,
    "TUNING": (100,),
    "EPOCHS": (4,),
    "LENGTH": 3,
    "DRAWS": 1,
    "MISTAKE_DRAWS": 1,
    "TESTED": 2,
    "VALID": 2,
    "TEST": 2,
    "JOBS": ("birds", "xray"),
    "STARTS": range(1),
    "STABLE_SEEDS": range(1),
    "FAMILIES": ("zukan-resnet",),
    "PROBED": 1,
    "SOURCE_PICTURES": 208,
    "SOURCE_EPOCHS": 1,
    "DEEP_LABELS": 4,
    "DEEP_EPOCHS": 2,
    "DEEP_TUNING": 1,
    "DEEP_RUNS": 2,
    "DEEP_RATES": (0.1,),
    "LETTERS": 600,
    "REAL_NETWORKS": ("squeezenet1_1",),
    "KS": (2, 3),
    "DRAWINGS": 24,
    "TARGETS": ("surfaces", "sounds"),
    "LIGHTS": (1.0, 0.5),
    "DIRT": (0.0, 0.1),
    "SOUND_COUNTS": (10, 20),
    "LABELS": 12,
}
MOST = 20  # pictures of a class where test pictures are cut out of the training ones
AT_ONCE = (probe, knn, zero_shot)  # without epochs
TRAINERS = (fine_tune, lora, train_from_scratch, incremental, distill, continue_pretraining)
TRAINERS += (mmd_training, dann, tent, *AT_ONCE)
# What runs elsewhere, since it needs more than two pictures a class: {experiment: its test}.
ELSEWHERE = {"14_leak": "lessons/test_lesson14.py"}
ELSEWHERE |= {f"15_{it}": "lessons/test_lesson15.py" for it in ("cpu", "gpu", "speed", "curves")}
EXPERIMENTS = [pytest.param(e, id=e.name) for e in experiments() if e.name not in ELSEWHERE]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_REAL", str(tmp_path / "absent"))
    monkeypatch.setenv("TLHELPERS_PROGRESS", "0")


@pytest.fixture
def small(monkeypatch):
    """small(module): the module with little data, one epoch, one seed."""

    def shrink(module):
        def load(name, per_class=2, seed=0, **options):
            if "lang" in options:
                return original(name, 2, seed, **options)
            if hasattr(module, "TESTED") or hasattr(module, "TEST"):
                # which cut their test pictures out of the training ones
                return original(name, min(per_class, MOST), seed, **options, size=48)
            tested = 20 if options.get("test_per_class", 0) > 40 else 6  # few_shot needs that many
            few = {
                "per_class": 10 if per_class == 40 else min(per_class, 2),
                "test_per_class": tested,
            }  # so do 05's
            return original(name, seed=seed, **{**options, **SMALL, **few})

        def draw(name, per_class, seed, **options):
            tested = 20 if options.get("test", 0) == 60 else 2  # few_shot needs that many
            return redrawn(name, 2, seed, **{**options, "valid": 2, "test": tested, "size": 48})

        monkeypatch.setattr(intervals, "LEAST_SPLITS", 1)  # a bootstrap over one seed shows nothing
        original = getattr(module, "load_task", None)
        if original:
            monkeypatch.setattr(module, "load_task", load)
        for name in ("redrawn", "_redrawn"):
            drawn = getattr(module, name, None)
            if drawn is redrawn or isinstance(drawn, functools.partial):
                monkeypatch.setattr(module, name, draw)
        if hasattr(module, "with_shares"):
            monkeypatch.setattr(module, "with_shares", with_few)
        for case in getattr(module, "CASES", {}).values():
            monkeypatch.setitem(case, "labels", case["per_class"])  # all of them are kept
        for train in TRAINERS:
            if hasattr(module, train.__name__):
                monkeypatch.setattr(module, train.__name__, briefly(train))
        for table in [one for one in vars(module).values() if isinstance(one, dict)]:
            for name, train in table.items():
                if isinstance(train, functools.partial) and train.func in TRAINERS:
                    brief = functools.partial(briefly(train.func), *train.args, **train.keywords)
                    monkeypatch.setitem(table, name, brief)
                elif callable(train) and train in TRAINERS:
                    monkeypatch.setitem(table, name, briefly(train))
        if hasattr(module, "pretrain"):
            monkeypatch.setattr(module, "pretrain", pretrain_briefly)
        few = {n: v for n, v in FEW.items() if isinstance(getattr(module, n, None), type(v))}
        shorter = {id(getattr(module, n)): v for n, v in few.items() if not isinstance(v, int)}
        for name, value in few.items():
            least = min(value, getattr(module, name)) if isinstance(value, int) else value
            monkeypatch.setattr(module, name, least)
        for function in filter(inspect.isfunction, vars(module).values()):  # seeds=SEEDS
            held = tuple(shorter.get(id(one), one) for one in function.__defaults__ or ())
            monkeypatch.setattr(function, "__defaults__", held or None)
        return module

    return shrink


def briefly(train):
    """One epoch; asked again for such a run, the result of the first: only its shape counts."""
    held = {}

    @functools.wraps(train)
    def run(*arguments, **options):
        named = [a for a in arguments if isinstance(a, str)] + [options.get("method")]
        named += [type(a).__name__ for a in arguments if isinstance(a, nn.Module)]
        sizes = [(a.name, a.num_classes) for a in arguments if isinstance(a, Task)]
        key = str((named, sizes, sorted(options)))
        if key not in held:
            if train not in AT_ONCE and "nearest_mean" not in named:
                options["epochs"] = 1
            held[key] = train(*arguments, **options)
        return held[key]

    return run


def with_few(split, shares, count):
    return with_shares(split, shares, count // 6)


def pretrain_briefly(name, folder, *, recipe, **options):
    return pretrain(name, folder, recipe=replace(recipe, per_class=8, epochs=1), **options)


@pytest.mark.parametrize("one", EXPERIMENTS)
def test_an_experiment_returns_what_its_stored_result_holds(one, small):
    small(sys.modules[one.make.__module__])
    try:
        made = one.make()
    except StoreError as absent:
        assert "TLHELPERS_REAL" in str(absent)
        pytest.skip("needs real data: it says so")
    stored = json.loads(one.path.read_text(encoding="utf-8"))["data"]
    # a record that today's code adds, such as how settings were chosen, may not be stored yet
    assert json.loads(json.dumps(made)).keys() >= stored.keys()


def test_no_experiment_is_without_a_run():
    assert ELSEWHERE.keys() <= {one.name for one in experiments()}
    for name, file in ELSEWHERE.items():
        called = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
        topic = name.partition("_")[2]
        assert re.search(rf"experiments\._?{topic}", called), f"{file} does not run {name}"


@pytest.mark.parametrize("name", measure._GROUPS)
def test_a_group_of_promised_figures_is_measured(name, small):
    bars = list(small(measure)._GROUPS[name](range(1)))
    path = measure.RESULTS / f"bars_{name}.json"
    stored = json.loads(path.read_text(encoding="utf-8"))["data"]
    either = ("frozen above", "tuned above")  # whichever is better is set beside scratch
    for made, held in zip(bars, stored, strict=True):
        assert made.name.replace(*either) == held["name"].replace(*either)
