"""What the exercises of lesson 14 ask for."""

from collections.abc import Callable

import torch

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text


@exercise(
    "14-a",
    hints=("lesson14.leaks_hint_1", "lesson14.leaks_hint_2"),
    right="lesson14.leaks_right",
)
def find_leaks(leaked_scenes: Callable) -> str | None:
    """The scenes that have photos in both parts, by their names."""
    train = ["pond_2_1.jpg", "pond_2_2.jpg", "old_oak_10_1.jpg", "old_oak_1_4.jpg", "lake_7_1.jpg"]
    test = ["old_oak_10_2.jpg", "old_oak_10_3.jpg", "pond_2_3.jpg", "pond_20_1.jpg", "sky_7_1.jpg"]
    answer = leaked_scenes(list(train), list(test))
    if not isinstance(answer, list) or not all(isinstance(scene, str) for scene in answer):
        return text("lesson14.leaks_type", answer=repr(answer)[:60])
    if set(answer) - {"old_oak_10", "pond_2"}:
        known = {name.rsplit("_", 1)[0] for name in train + test}
        if set(answer) <= known:
            return text("lesson14.leaks_none")
        return text("lesson14.leaks_type", answer=repr(answer)[:60])
    if set(answer) != {"old_oak_10", "pond_2"}:
        return text("lesson14.leaks_missed")
    if answer != ["old_oak_10", "pond_2"] or leaked_scenes(train[:2], test[3:]) != []:
        return text("lesson14.leaks_twice")
    return None


@exercise(
    "14-b",
    hints=("lesson14.mean_hint_1", "lesson14.mean_hint_2"),
    right="lesson14.mean_right",
)
def average_classes(mean_of_classes: Callable) -> str | None:
    """The mean of the accuracies of the single classes."""
    labels = torch.tensor([0] * 90 + [1] * 8 + [2] * 2)
    answers = torch.tensor([0] * 90 + [0] * 6 + [1] * 2 + [2] * 1 + [0] * 1)
    answer = float(mean_of_classes(answers.clone(), labels.clone()))
    if abs(answer - 0.93) < 1e-4:
        return text("lesson14.mean_plain")
    if not abs(answer - (1 + 2 / 8 + 1 / 2) / 3) < 1e-4:
        return text("lesson14.mean_wrong", answer=answer)
    with_a_gap = float(mean_of_classes(torch.tensor([0, 2, 2]), torch.tensor([0, 0, 2])))
    if not abs(with_a_gap - 0.75) < 1e-4:
        return text("lesson14.mean_nan")
    return None
