"""What the exercises of lesson 09 ask for."""

from collections.abc import Callable

import torch

from tlhelpers.course.exercises import brief_parts, exercise, meant, open_parts
from tlhelpers.data.zukan import fish
from tlhelpers.lessons.zero_shot.widget import TILAPIA, found_by, photos_and_readings, toggled
from tlhelpers.runtime.language import language, text

CARD = sum(1 << k for k, tick in enumerate(fish.ATTRIBUTES[TILAPIA].tolist()) if tick)
ORANGE = list(fish.FEATURES).index("orange")


@exercise(
    "09-a", hints=("lesson09.card_hint_1", "lesson09.card_hint_2"), right="lesson09.card_right"
)
def read_the_widget(needless: str, mistaken: str) -> str | None:
    """The tick that may go, and the fish that a wrong colour finds."""
    features = [words[language() == "ja"] for words in fish.FEATURES.values()]
    needless = meant(needless, features)
    ticked = [k for k in range(len(features)) if CARD >> k & 1]
    if needless not in [features[k] for k in ticked]:
        return text("lesson09.needless_unknown", names=", ".join(features[k] for k in ticked))
    without = {k: count(toggled(CARD, k), TILAPIA) for k in ticked}
    taken = features.index(needless)
    if without[taken] < max(without.values()):
        return text("lesson09.needless_needed", name=needless, count=without[taken])
    names = fish.DOMAIN.classes[language()]
    mistaken = meant(mistaken, names)
    if mistaken not in names:
        return text("lesson09.mistaken_unknown", names=", ".join(names))
    wrong = toggled(CARD, ORANGE)
    counts = [count(wrong, c) for c in range(len(names))]
    if counts[names.index(mistaken)] < max(counts):
        found = counts[names.index(mistaken)]
        return text("lesson09.mistaken_few", name=mistaken, count=found)
    return None


def count(card: int, species: int) -> int:
    """How many of the photos that the card finds show the species."""
    photos, _ = photos_and_readings("pretrained")
    return int((photos.labels[found_by(card)] == species).sum())


@exercise(
    "09-b",
    hints=("lesson09.answer_hint_1", "lesson09.answer_hint_2"),
    right="lesson09.answer_right",
)
def calibrate_and_answer(answer: Callable) -> str | None:
    """Calibrated stacking: a constant is taken from the scores of seen classes."""
    scores = torch.tensor([[0.9, 0.1, 0.74], [0.6, 0.3, 0.46], [0.2, 0.8, 0.7], [0.4, 0.1, 0.45]])
    is_seen = torch.tensor([True, True, False])
    given = scores.clone()
    given_numbers = answer(scores, is_seen, 0.15)
    try:
        answers = torch.as_tensor(given_numbers)
    except (TypeError, ValueError, RuntimeError):
        return text("lesson09.answer_shape")
    if answers.shape != (4,) or answers.is_floating_point():
        return text("lesson09.answer_shape")
    if not torch.equal(scores, given):
        return text("lesson09.answer_changed")
    if answers.tolist() == scores.argmax(1).tolist():
        return text("lesson09.answer_plain")
    if answers.tolist() == (scores - 0.15 * (~is_seen).float()).argmax(1).tolist():
        return text("lesson09.answer_turned")
    if answers.tolist() != [0, 2, 2, 2]:
        return text("lesson09.answer_wrong", answers=", ".join(map(str, answers.tolist())))
    others = torch.as_tensor(answer(scores, ~is_seen, 0.15))
    without = torch.as_tensor(answer(scores, is_seen, 0.0))
    if answers.tolist() in (others.tolist(), without.tolist()):
        return text("lesson09.answer_fixed")
    return None


@exercise(
    "09-c", hints=("lesson09.plan_hint_1", "lesson09.plan_hint_2"), right="lesson09.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("link", "test", "all_names", "labels", "why")
    if missing := open_parts(plan, keys):
        return text("lesson09.plan_missing", keys=", ".join(missing))
    if short := brief_parts(plan, keys):
        return text("lesson09.plan_short", keys=", ".join(short))
    return None
