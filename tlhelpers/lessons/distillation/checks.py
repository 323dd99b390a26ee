"""What the exercises of lesson 11 ask for."""

from collections.abc import Callable

import torch

from tlhelpers.course.exercises import brief_parts, exercise, meant, open_parts
from tlhelpers.course.results import stored
from tlhelpers.data.catalog import load_task
from tlhelpers.lessons.distillation.widget import TEMPERATURES, shares
from tlhelpers.runtime.language import text
from tlhelpers.transfer.distillation import distillation_loss

PHOTO = 2  # the row that the exercise asks about: photo 3
HALF = 0.5


@exercise(
    "11-a", hints=("lesson11.read_hint_1", "lesson11.read_hint_2"), right="lesson11.read_right"
)
def read_the_widget(runner_up: str, below_half: float) -> str | None:
    """The second answer for a photo, and where the first one falls below half."""
    logits = stored("11_answers")["logits"][PHOTO]
    task = load_task("birds", 1, valid_per_class=1, test_per_class=1, size=48)
    order = sorted(range(len(logits)), key=lambda c: -logits[c])
    named = [
        names.index(name)
        for names in task.classes.values()
        if (name := meant(runner_up, names)) in names
    ]
    if not named:
        return text("lesson11.read_unknown", names=", ".join(task.class_names))
    if named[0] == order[0]:
        return text("lesson11.read_first", name=runner_up)
    if named[0] != order[1]:
        return text("lesson11.read_other", name=runner_up)
    if below_half not in TEMPERATURES:
        return text("lesson11.read_marks", marks=", ".join(map(str, TEMPERATURES)))
    tops = {value: max(shares(logits, value)) for value in TEMPERATURES}
    if tops[int(below_half)] >= HALF:
        return text("lesson11.read_cold", temperature=below_half)
    if any(tops[value] < HALF for value in TEMPERATURES if value < below_half):
        return text("lesson11.read_hot", temperature=below_half)
    return None


@exercise(
    "11-b", hints=("lesson11.loss_hint_1", "lesson11.loss_hint_2"), right="lesson11.loss_right"
)
def write_the_loss(soft_loss: Callable) -> str | None:
    """T^2 * KL(teacher || student), summed over classes, mean over pictures."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 5, generator=generator, dtype=torch.float64) * 3
    T = 3.0  # not the example's
    p, q = (teacher / T).softmax(1), (student / T).softmax(1)
    right = float(distillation_loss(student, teacher, T))
    terms = (p * (p / q).log()).sum(1)
    cold_p, cold_q = teacher.softmax(1), student.softmax(1)
    mistakes = {
        "no_square": terms.mean(),
        "one_factor": T * terms.mean(),
        "other_way": T**2 * (q * (q / p).log()).sum(1).mean(),
        "cold": T**2 * (cold_p * (cold_p / cold_q).log()).sum(1).mean(),
        "over_classes": T**2 * terms.mean() / 5,
        "sum": T**2 * terms.sum(),
        "only_cross": T**2 * -(p * q.log()).sum(1).mean(),
    }
    found = soft_loss(student.clone(), teacher.clone(), T)
    if not isinstance(found, torch.Tensor) or found.ndim:
        return text("lesson11.loss_kind")
    if abs(float(found) - right) < 1e-4 * abs(right):
        return None
    for mistake, value in mistakes.items():
        if abs(float(found) - float(value)) < 1e-4 * abs(float(value)):
            return text(f"lesson11.loss_{mistake}")
    return text("lesson11.loss_other", found=f"{float(found):.4f}", right=f"{right:.4f}")


@exercise(
    "11-c", hints=("lesson11.plan_hint_1", "lesson11.plan_hint_2"), right="lesson11.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("teacher", "student", "photos", "check", "why")
    if missing := open_parts(plan, keys):
        return text("lesson11.plan_missing", keys=", ".join(missing))
    if short := brief_parts(plan, keys):
        return text("lesson11.plan_short", keys=", ".join(short))
    return None
