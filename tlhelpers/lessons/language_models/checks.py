"""What the exercises of lesson 12 ask for."""

from collections.abc import Callable
from difflib import SequenceMatcher
from numbers import Integral

import torch

from tlhelpers.course.exercises import brief_parts, exercise, meant, open_parts
from tlhelpers.lessons.language_models.widget import open_desk, split_words
from tlhelpers.runtime.language import language, text

PLAN = {  # the answers that a plan may hold
    "model": ("English encoder", "translate first", "multilingual encoder"),
    "body": ("frozen", "fine-tune", "LoRA"),
    "spam": ("TF-IDF", "encoder"),
}
BUDGET = 100  # Japanese texts that may be labelled
PARTICLES = {*"をがはにのでともへや"}


@exercise(
    "12-a", hints=("lesson12.flip_hint_1", "lesson12.flip_hint_2"), right="lesson12.flip_right"
)
def flip_with_one_word(before: str, after: str) -> str | None:
    """Two enquiries that differ in one word and land in different classes."""
    desk = open_desk()
    tokenizer = desk.network.preprocess.tokenizer
    found = [
        [words[first:last].lower() for first, last in split_words(tokenizer, words)]
        for words in (before, after)
    ]
    if not all(found):
        return text("lesson12.flip_empty")
    old, new = found
    changes = [c for c in SequenceMatcher(None, old, new).get_opcodes() if c[0] != "equal"]
    changed = sum(max(end - start, last - first) for _, start, end, first, last in changes)
    if len(changes) == 1:
        _, start, end, first, last = changes[0]
        sides = old[start:end], new[first:last]
        apart = [piece for side in sides for piece in side[1:] if piece[0].isspace()]
        if not apart and PARTICLES.isdisjoint(sides[0] + sides[1]):
            changed = 1  # one word, such as 支払い or don't, may be cut in several pieces
    if changed == 0:
        return text("lesson12.flip_same")
    if changed > 1:
        return text("lesson12.flip_many", count=changed)
    names = desk.classes[language()]
    first, second = (names[row] for row in desk.score([before, after])[0].argmax(1))
    if first == second:
        return text("lesson12.flip_stays", name=first)
    return None


@exercise(
    "12-b",
    hints=("lesson12.attend_hint_1", "lesson12.attend_hint_2"),
    right="lesson12.attend_right",
)
def attend_without_padding(attend: Callable) -> str | None:
    """softmax(q k^T / sqrt(d)) v over the tokens whose mask is 1; q, k: (5, 4), v: (5, 3)."""
    generator = torch.Generator().manual_seed(12)
    q, k, v = (torch.randn(5, size, generator=generator) for size in (4, 4, 3))
    mask = torch.tensor([1, 1, 1, 0, 0])
    found = attend(q.clone(), k.clone(), v.clone(), mask.clone())
    if not isinstance(found, torch.Tensor) or found.shape != v.shape:
        given = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        return text("lesson12.attend_shape", shape=given, wanted=tuple(v.shape))

    def mixed(scores: torch.Tensor) -> torch.Tensor:
        return scores.softmax(1) @ v

    scores = q @ k.T / q.shape[1] ** 0.5
    closed = scores.masked_fill(mask == 0, -torch.inf)
    mistakes = {
        "lesson12.attend_padding": mixed(scores),
        "lesson12.attend_zero_score": mixed(scores * mask),
        "lesson12.attend_after": scores.softmax(1) * mask @ v,
        "lesson12.attend_scale": mixed(closed * q.shape[1] ** 0.5),
        "lesson12.attend_length": mixed(closed * q.shape[1] ** 0.5 / 32**0.5),
        "lesson12.attend_inverted": mixed(scores.masked_fill(mask == 1, -torch.inf)),
        "lesson12.attend_nan": torch.full_like(v, torch.nan),
        "lesson12.attend_rows": mixed(scores.masked_fill((mask == 0)[:, None], -torch.inf)),
    }
    if torch.allclose(found.float(), mixed(closed), atol=1e-5):
        return None
    for key, wrong in mistakes.items():
        if torch.allclose(found.float(), wrong, atol=1e-5, equal_nan=True):
            return text(key)
    return text("lesson12.attend_wrong")


@exercise(
    "12-c", hints=("lesson12.plan_hint_1", "lesson12.plan_hint_2"), right="lesson12.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan without a contradiction; how good it is, the rubric says."""
    keys = (*PLAN, "train", "test", "why")
    if missing := open_parts(plan, keys):
        return text("lesson12.plan_missing", keys=", ".join(missing))
    for key, known in PLAN.items():
        if meant(plan[key], known) not in known:
            return text("lesson12.plan_unknown", key=key, given=plan[key], known=", ".join(known))
    if meant(plan["model"], PLAN["model"]) == "English encoder":
        return text("lesson12.plan_language")
    train, test = plan["train"], plan["test"]
    whole = all(isinstance(count, Integral) and count >= 0 for count in (train, test))
    if not whole or train + test > BUDGET:
        return text("lesson12.plan_budget", budget=BUDGET, train=train, test=test)
    if test == 0:
        return text("lesson12.plan_tested")
    if brief_parts(plan, ["why"]):
        return text("lesson12.plan_why")
    return None
