"""What the exercises of lesson 02 ask for."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from tlhelpers.course.exercises import exercise
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.runtime.language import text
from tlhelpers.train.preprocessing import attach_preprocess


@exercise(
    "02-a",
    hints=("lesson02.count_hint_1", "lesson02.count_hint_2"),
    right="lesson02.count_right",
)
def count_parameters(count_trained: Callable) -> str | None:
    """The values in parameters with `requires_grad`, of any network."""
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    model.requires_grad_(False)
    model[2].requires_grad_(True)
    answer = count_trained(model)
    if answer == sum(p.numel() for p in model.parameters()):
        return text("lesson02.count_all")
    if answer == 2:
        return text("lesson02.count_layers")
    if answer != 8 or count_trained(model.requires_grad_(False)) != 0:
        return text("lesson02.count_wrong", answer=answer)
    return None


def make_classifier() -> nn.Module:
    """A small network whose answer depends on the mode and on the preprocessing."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.Tanh())
        model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6))
    attach_preprocess(model, Preprocess((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)))
    return model


@exercise(
    "02-b",
    hints=("lesson02.classify_hint_1", "lesson02.classify_hint_2"),
    right="lesson02.classify_right",
)
def name_pictures(classify: Callable) -> str | None:
    """A name from the list, from a preprocessed batch of one, in eval mode."""
    names = list("ABCDEF")
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 64, (12, 3, 64, 64), generator=generator)
    pictures = (noise + 16 * torch.arange(12).view(12, 1, 1, 1)).to(torch.uint8)
    model = make_classifier()
    with torch.no_grad():
        wanted = model.eval()(model.preprocess(pictures)).argmax(1).tolist()
    learner = copy.deepcopy(model).train()
    before = copy.deepcopy(learner[1].running_mean)
    answers = [classify(learner, picture, names) for picture in pictures]
    if any(answer not in names for answer in answers):
        return text("lesson02.classify_not_name", answer=repr(answers[0]))
    if learner.training or not torch.equal(before, learner[1].running_mean):
        return text("lesson02.classify_mode")
    if answers != [names[k] for k in wanted]:
        return text("lesson02.classify_normalise")
    return None
