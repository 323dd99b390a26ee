"""What the exercises of lesson 15 ask for."""

from collections.abc import Callable

import torch

from tlhelpers.course.exercises import brief_parts, exercise, meant, open_parts
from tlhelpers.course.results import stored
from tlhelpers.lessons.scaling_up.widget import BATCHES, GB, memory
from tlhelpers.runtime.language import text

CARD = 4  # GB
WAYS = ("DDP", "ZeRO-1", "FSDP")
KINDS = ("parameters", "gradients", "optimizer", "activations")


@exercise(
    "15-a", hints=("lesson15.read_hint_1", "lesson15.read_hint_2"), right="lesson15.read_right"
)
def read_the_widget(largest: int, most_of_minilm: str) -> str | None:
    """The largest batch of MobileNetV2 below 4 GB, and what fills the memory of MiniLM at 4."""
    networks = stored("15_cpu")
    if largest not in BATCHES:
        return text("lesson15.batch_unknown", batches=", ".join(map(str, BATCHES)))
    needed = {
        batch: sum(memory(networks["mobilenet_v2"], batch, "fp32", 1, "copied").values())
        for batch in BATCHES
    }
    if needed[largest] >= CARD * GB:
        return text("lesson15.batch_over", batch=largest)
    if largest != max(batch for batch, size in needed.items() if size < CARD * GB):
        return text("lesson15.batch_under", batch=largest)
    most_of_minilm = meant(most_of_minilm, KINDS)
    if most_of_minilm not in KINDS:
        return text("lesson15.kind_unknown", kinds=", ".join(KINDS))
    sizes = memory(networks["minilm"], 4, "fp32", 1, "copied")
    if most_of_minilm != max(sizes, key=lambda kind: sizes[kind]):
        return text("lesson15.kind_smaller", kind=text(f"memory.{most_of_minilm}"))
    return None


@exercise(
    "15-b", hints=("lesson15.once_hint_1", "lesson15.once_hint_2"), right="lesson15.once_right"
)
def count_each_once(accuracy_of: Callable) -> str | None:
    """The accuracy over processes whose shares overlap and differ in size."""
    tensor = torch.tensor
    plain = [(tensor([0, 2]), tensor([1.0, 0.0])), (tensor([1, 3]), tensor([1.0, 1.0]))]
    doubled = [(tensor([0, 2]), tensor([1.0, 0.0])), (tensor([0, 1]), tensor([1.0, 0.0]))]
    empty = [(tensor([0, 1]), tensor([1.0, 0.0])), (tensor([]).long(), tensor([]))]
    uneven = [(tensor([0, 1, 2]), tensor([1.0, 1.0, 1.0])), (tensor([3]), tensor([0.0]))]
    for answers, wanted, sentence in (
        (plain, 3 / 4, "once_plain"),
        (uneven, 3 / 4, "once_uneven"),
        (doubled, 1 / 3, "once_doubled"),
        (empty, 1 / 2, "once_empty"),
    ):
        given = accuracy_of(answers)
        try:
            value = float(given)
        except (TypeError, ValueError):
            return text("lesson15.once_kind")
        if not abs(value - wanted) < 1e-6:
            return text(f"lesson15.{sentence}", given=f"{value:.3f}", wanted=f"{wanted:.3f}")
    return None


@exercise(
    "15-d", hints=("lesson15.share_hint_1", "lesson15.share_hint_2"), right="lesson15.share_right"
)
def share_out(gigabytes: Callable, choice: str) -> str | None:
    """The bytes of one device in three ways of sharing, and the least sharing that fits."""
    every = ["parameters", "gradients", "optimizer"]
    cases: list[tuple[str, float, int, list[str], float]] = [
        ("ddp", 7e9, 8, [], 112.0),
        ("zero", 7e9, 8, ["optimizer"], 63.0),
        ("fsdp", 7e9, 8, every, 14.0),
        ("few", 1e9, 2, ["optimizer"], 12.0),
    ]
    for name, weights, gpus, shared, wanted in cases:
        given = gigabytes(weights, gpus, shared)
        try:
            value = float(given)
        except (TypeError, ValueError):
            return text("lesson15.share_kind")
        if not abs(value - wanted) < 1e-6 * wanted:
            return text(f"lesson15.share_{name}", given=f"{value:.4g}", wanted=f"{wanted:g}")
    choice = meant(choice, WAYS)
    if choice not in WAYS:
        return text("lesson15.share_choice")
    if choice == "DDP":
        return text("lesson15.share_over", choice=choice)
    return text("lesson15.share_more", choice=choice) if choice == "FSDP" else None


@exercise(
    "15-c", hints=("lesson15.plan_hint_1", "lesson15.plan_hint_2"), right="lesson15.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("memory", "speed", "machines", "check", "cost")
    if missing := open_parts(plan, keys):
        return text("lesson15.plan_missing", keys=", ".join(missing))
    if short := brief_parts(plan, keys):
        return text("lesson15.plan_short", keys=", ".join(short))
    return None
