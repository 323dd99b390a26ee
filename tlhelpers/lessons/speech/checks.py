"""What the exercises of lesson 13 ask for."""

from collections.abc import Callable, Sequence

from tlhelpers.course.exercises import exercise
from tlhelpers.lessons.speech.widget import LEVELS, VOICES, WORDS, listen_to
from tlhelpers.runtime.language import text


@exercise("13-a", hints=("lesson13.ear_hint_1", "lesson13.ear_hint_2"), right="lesson13.ear_right")
def read_the_widget(misheard: Sequence[str], level_failing: int) -> str | None:
    """The words that voice 1 loses to the Japanese accent, and the noise at which "no" is lost."""
    if isinstance(misheard, str) or not set(misheard) <= set(WORDS):
        return text("lesson13.ear_words", words=", ".join(WORDS))

    def taken_for(word: str, accent: str, level: int | None) -> str:
        return listen_to(word, VOICES[0], accent, level).answers[0][0]

    wrong = {word for word in WORDS if taken_for(word, "japanese", None) != word}
    if set(misheard) - wrong:
        return text("lesson13.ear_too_many", words=", ".join(sorted(set(misheard) - wrong)))
    if wrong - set(misheard):
        return text("lesson13.ear_missing", count=len(wrong - set(misheard)))
    levels = [level for level in LEVELS if level is not None]
    if level_failing not in levels:
        return text("lesson13.ear_level_unknown", levels=", ".join(map(str, levels)))
    first = max(level for level in levels if taken_for("no", "standard", level) != "no")
    if level_failing > first:
        return text("lesson13.ear_still_right", level=level_failing)
    return text("lesson13.ear_not_first", level=level_failing) if level_failing < first else None


@exercise(
    "13-b", hints=("lesson13.split_hint_1", "lesson13.split_hint_2"), right="lesson13.split_right"
)
def split_the_voices(split_by_voice: Callable) -> str | None:
    """Rows of training and test, no voice in both, so many voices held out."""
    voices = ["ken", "emi", "ken", "bob", "emi", "ana", "bob", "ken", "ana", "lee"]
    for away in (1, 2, 3):
        parts = split_by_voice(list(voices), away)
        if not isinstance(parts, tuple | list) or len(parts) != 2:
            return text("lesson13.split_two")
        train, test = (list(part) for part in parts)
        if sorted(train + test) != list(range(len(voices))):
            return text("lesson13.split_rows", count=len(voices))
        both = {voices[row] for row in train} & {voices[row] for row in test}
        if both:
            return text("lesson13.split_both", voices=", ".join(sorted(both)))
        held = len({voices[row] for row in test})
        if held != away:
            return text("lesson13.split_away", held=held, away=away)
    return None


@exercise(
    "13-c", hints=("lesson13.plan_hint_1", "lesson13.plan_hint_2"), right="lesson13.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("recordings", "network", "split", "report", "unknown", "why")
    missing = [key for key in keys if plan.get(key) in (None, ...)]
    if missing:
        return text("lesson13.plan_missing", keys=", ".join(missing))
    short = [key for key in keys if len(str(plan[key])) < 15]
    return text("lesson13.plan_short", keys=", ".join(short)) if short else None
