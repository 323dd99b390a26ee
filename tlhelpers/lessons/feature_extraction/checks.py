"""What the exercises of lesson 02 ask for."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tlhelpers.course.exercises import as_number, brief_parts, exercise, listed, open_parts
from tlhelpers.lessons.feature_extraction import widget
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.runtime.language import text
from tlhelpers.train.preprocessing import attach_preprocess

BASELINES = ("pixels", "untrained", "scratch")
HEAD_KB = (256 * 40 + 40) * 4 / 1000


@exercise(
    "02-a",
    hints=("lesson02.layer_hint_1", "lesson02.layer_hint_2"),
    right="lesson02.layer_right",
)
def read_shares(first_layer: str, best_layer: str) -> str | None:
    """The layers that the widget shows, by the share that it says of each."""
    shares = widget.shares()
    for layer in (first_layer, best_layer):
        if layer not in shares:
            return text("lesson02.layer_unknown", layer=layer, known=", ".join(shares))
    if first_layer != next(layer for layer, share in shares.items() if share > 0.5):
        return text("lesson02.layer_first", layer=first_layer)
    if best_layer != max(shares, key=lambda layer: shares[layer]):
        return text("lesson02.layer_best", layer=best_layer)
    return None


def make_classifier() -> nn.Module:
    """A small network whose answer depends on the mode and on the preprocessing."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.Tanh())
        model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6))
    attach_preprocess(model, Preprocess((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)))
    model.register_forward_pre_hook(lambda _model, given: given[0].float())  # unprepared pictures
    return model


@exercise("02-b", hints=("lesson02.ask_hint_1", "lesson02.ask_hint_2"), right="lesson02.ask_right")
def name_or_none(name_or_ask: Callable) -> str | None:
    """A name where the highest probability reaches `sure`, from preprocessed pictures in eval."""
    names = list("ABCDEF")
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 64, (12, 3, 64, 64), generator=generator)
    pictures = (noise + 16 * torch.arange(12).view(12, 1, 1, 1)).to(torch.uint8)
    model = make_classifier()
    with torch.no_grad():
        probabilities = model.eval()(model.preprocess(pictures)).softmax(1)
    highest, classes = probabilities.max(1)
    sure = float(highest.sort().values[5:7].mean())  # half of the pictures reach it

    learner = copy.deepcopy(model).train()
    memory = learner[1].running_mean.clone()
    answers = list(name_or_ask(learner, pictures, names, 0.0))
    when_sure = list(name_or_ask(learner, pictures, names, sure))
    for given in (answers, when_sure):
        if len(given) != len(pictures):
            return text("lesson02.ask_length", wanted=len(pictures), given=len(given))
    if not torch.equal(memory, learner[1].running_mean):
        return text("lesson02.ask_mode")
    if any(answer not in names for answer in answers):
        return text("lesson02.ask_never")
    if answers != [names[k] for k in classes.tolist()]:
        return text("lesson02.ask_names")
    pairs = zip(highest.tolist(), classes.tolist(), strict=True)
    wanted = [names[k] if share >= sure else None for share, k in pairs]
    if when_sure != wanted:
        return text("lesson02.ask_sure", sure=f"{sure:.2f}")
    with torch.no_grad():  # A and B get exactly one half each
        learner[-1].weight.zero_()
        learner[-1].bias.copy_(torch.tensor([0.0, 0.0, *[-1e9] * 4]))
    if None in list(name_or_ask(learner, pictures, names, 0.5)):
        return text("lesson02.ask_least")
    return None


@exercise(
    "02-c", hints=("lesson02.plan_hint_1", "lesson02.plan_hint_2"), right="lesson02.plan_right"
)
def plan_counter(plan: dict) -> str | None:
    """One body at rest, a head of the right size, a baseline, and reasons."""
    if missing := open_parts(plan, ("bodies", "mode", "head_kB", "compare_with", "why")):
        return text("lesson02.plan_missing", part=missing[0])
    if as_number('"bodies"', plan["bodies"]) != 1:
        return text("lesson02.plan_bodies")
    if plan["mode"] not in ("eval", "train"):
        return text("lesson02.plan_modes", given=plan["mode"])
    if plan["mode"] == "train":
        return text("lesson02.plan_mode")
    size = as_number('"head_kB"', plan["head_kB"])
    if not abs(size - HEAD_KB) <= 1.5:
        return text("lesson02.plan_size", given=f"{size:g}")
    if not set(listed(plan["compare_with"])) <= set(BASELINES):
        return text("lesson02.plan_compare", known=", ".join(BASELINES))
    if brief_parts(plan, ["why"]):
        return text("lesson02.plan_why")
    return None


@exercise(
    "02-d",
    hints=("lesson02.mirror_hint_1", "lesson02.mirror_hint_2"),
    right="lesson02.mirror_right",
)
def add_mirrors(with_mirrors: Callable) -> str | None:
    """Features of the pictures, then of their mirror images, each read once."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (5, 3, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2, 1, 0])
    seen = []

    def read(some: Tensor) -> Tensor:
        seen.append(len(some))
        return some.flatten(1).float()

    made = with_mirrors(read, images, labels)
    if not isinstance(made, tuple | list) or len(made) != 2 or isinstance(made[0], tuple | list):
        return text("lesson02.mirror_two")
    features, of_features = made
    if sum(seen) != 2 * len(images):
        return text("lesson02.mirror_passes", seen=sum(seen), wanted=2 * len(images))
    wanted = torch.cat([images, images.flip(3)]).flatten(1).float()
    if not torch.equal(torch.as_tensor(features), wanted):
        return text("lesson02.mirror_order")
    if torch.as_tensor(of_features).tolist() != labels.tolist() * 2:
        return text("lesson02.mirror_labels")
    return None
