"""What the exercises of lesson 14 ask for."""

from collections.abc import Callable
from numbers import Real

import torch

from tlhelpers.course.exercises import as_number, brief_parts, exercise, listed, meant, open_parts
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text
from tlhelpers.transfer.intervals import interval

TOO_MUCH, READING = 5, 2  # points; what may be misread in the picture
PLAN = ("group", "order", "measure", "test_parts", "why")
GROUPS = ("photo", "part", "camera")
METHODS = ("prior", "pixels", "k-NN", "probe", "augmentation", "fine-tuning", "more labels")
MEASURES = ("accuracy", "mean of classes", "worst class")
HALF, EXPECTED = 0.05, 0.9  # of exercise C: 90% ± 5 points
PARTS = (130, 170)  # 1.96² · 0.9 · 0.1 / 0.05² = 138, or 144 with 2 in place of 1.96


def promised(reader: str) -> dict[int, float]:
    """Points by which a split by photo exceeds new scenes, by photos of each scene."""
    leak = stored("14_leak")
    means = {
        way: [interval(runs).mean for runs in leak[reader][way]] for way in ("by_photo", "new")
    }
    pairs = zip(leak["shots"], means["by_photo"], means["new"], strict=True)
    return {shots: 100 * (said - true) for shots, said, true in pairs}


@exercise(
    "14-a", hints=("lesson14.read_hint_1", "lesson14.read_hint_2"), right="lesson14.read_right"
)
def read_the_leak(shots: int, points: float) -> str | None:
    """The fewest photos of a scene that promise 5 points too much, and the probe's 8."""
    too_much = promised("knn")
    if shots not in too_much:
        return text("lesson14.read_shots", known=", ".join(map(str, too_much)))
    first = next(count for count, excess in too_much.items() if excess >= TOO_MUCH)
    if shots != first:
        return text("lesson14.read_first", shots=shots, excess=f"{too_much[shots]:.0f}")
    if not isinstance(points, int | float) or isinstance(points, bool):
        return text("lesson14.read_points_type", given=repr(points)[:40])
    most = max(too_much)
    if not abs(points - promised("probe")[most]) <= READING:
        return text("lesson14.read_points", points=f"{points:g}", shots=most)
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
    said = "mean_of_classes(answers, labels)"
    answer = as_number(said, mean_of_classes(answers.clone(), labels.clone()))
    if abs(answer - 0.93) < 1e-4:
        return text("lesson14.mean_plain")
    if not abs(answer - (1 + 2 / 8 + 1 / 2) / 3) < 1e-4:
        return text("lesson14.mean_wrong", answer=answer)
    answers, labels = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2])  # nothing of class 1
    answer = as_number(said, mean_of_classes(answers, labels))
    if not abs(answer - 0.75) < 1e-4:
        return text("lesson14.mean_gap", answer=answer)
    return None


@exercise(
    "14-c", hints=("lesson14.plan_hint_1", "lesson14.plan_hint_2"), right="lesson14.plan_right"
)
def plan_sorting(plan: dict) -> str | None:
    """What stays together, an order of methods, a measure, enough test parts, and reasons."""
    if missing := open_parts(plan, PLAN):
        return text("lesson14.plan_missing", key=missing[0])
    group, measure = meant(plan["group"], GROUPS), meant(plan["measure"], MEASURES)
    if group not in GROUPS:
        return text("lesson14.plan_known", key="group", known=", ".join(GROUPS))
    if group != "part":
        return text("lesson14.plan_photo")
    order = [meant(way, METHODS) for way in listed(plan["order"])]
    if not all(way in METHODS for way in order):
        return text("lesson14.plan_known", key="order", known=", ".join(METHODS))
    if "probe" not in order or ("fine-tuning" in order[: order.index("probe")]):
        return text("lesson14.plan_probe")
    if measure not in MEASURES:
        return text("lesson14.plan_known", key="measure", known=", ".join(MEASURES))
    if measure == "accuracy":
        return text("lesson14.plan_measure")
    parts = plan["test_parts"]
    if not isinstance(parts, Real) or not PARTS[0] <= parts <= PARTS[1]:
        return text("lesson14.plan_parts", given=parts)
    if brief_parts(plan, ["why"]):
        return text("lesson14.plan_why")
    return None


@exercise(
    "14-d",
    hints=("lesson14.leaks_hint_1", "lesson14.leaks_hint_2"),
    right="lesson14.leaks_right",
)
def find_leaks(leaked_owners: Callable) -> str | None:
    """The owners who have photos in both parts, by their names."""
    train = ["pond_2_1.jpg", "pond_2_2.jpg", "0417_1.jpg", "0041_4.jpg", "0700_1.jpg"]
    test = ["0417_2.jpg", "0417_3.jpg", "pond_2_3.jpg", "pond_20_1.jpg", "0007_1.jpg"]
    answer = leaked_owners(list(train), list(test))
    if not isinstance(answer, list) or not all(isinstance(owner, str) for owner in answer):
        return text("lesson14.leaks_type", answer=repr(answer)[:60])
    known = {name.rsplit("_", 1)[0] for name in train + test}
    if strange := sorted(set(answer) - known):
        return text("lesson14.leaks_name", name=strange[0])
    if set(answer) - {"0417", "pond_2"}:
        return text("lesson14.leaks_none")
    if set(answer) != {"0417", "pond_2"}:
        return text("lesson14.leaks_missed")
    if answer != ["0417", "pond_2"]:
        return text("lesson14.leaks_twice")
    return text("lesson14.leaks_none") if leaked_owners(train[:2], test[3:]) else None
