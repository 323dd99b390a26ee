"""The verbs of the course are called as its plan and its lessons call them."""

import inspect
import re

import pytest

import tlhelpers as tl
from tlhelpers.course import build

CALLS = {
    "fit": (("model", "task"), {"epochs": 10, "optimizer": "adamw", "lr": 1e-3}),
    "probe": (("backbone", "task"), {}),
    "fine_tune": (
        ("backbone", "task"),
        {"freeze_epochs": 1, "lr_mult": 100, "unfreeze": "gradual"},
    ),
    "incremental": (
        ("backbone", "task"),
        {"steps": [3, 2], "method": "replay", "per_class": 20},
    ),
    "adapt": (("model", "source", "target"), {"method": "dann", "strength": 1.0, "seed": 1}),
    "cluster": (("backbone", "task", 10), {"starts": 5, "seed": 1}),
    "anomaly": (("backbone", "sound", "tested"), {"method": "nearest", "k": 3, "seed": 1}),
    "continue_pretraining": (("backbone", "images"), {"epochs": 5, "seed": 1}),
    "few_shot": (("backbone", "task"), {"n_way": 5, "n_shot": 1, "episodes": 600}),
    "transferability": (("backbones", "task", ["logme", "leep", "h_score", "probe"]), {}),
    "negative_transfer_gap": (("backbone", "task"), {"seeds": 5}),
    "compare": (("backbones", "task"), {"strategies": [], "per_class": [5, 20, 100], "seeds": 3}),
}


@pytest.mark.parametrize("verb", CALLS)
def test_a_verb_takes_what_the_plan_promises(verb):
    positional, named = CALLS[verb]
    inspect.signature(getattr(tl, verb)).bind(*positional, **named)


@pytest.mark.parametrize("name", sorted(tl._PUBLIC))
def test_the_public_api_is_fully_annotated(name):
    found = getattr(tl, name)
    signature = inspect.signature(found)
    bare = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
    if not inspect.isclass(found) and signature.return_annotation is signature.empty:
        bare.append("return")
    assert not bare


@pytest.mark.parametrize("path", build.lesson_sources(), ids=lambda path: path.stem)
def test_a_lesson_names_only_what_tl_has(path):
    """In its prose as well, where no cell would fail."""
    named = set(re.findall(r"\btl\.([a-z]\w*)", path.read_text(encoding="utf-8")))
    assert named - set(tl._PUBLIC) == set()
