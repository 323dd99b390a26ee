"""What the exercise of lesson 15 asks for."""

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text


@exercise("15-a", hints=("lesson15.count_hint",), right="lesson15.count_right")
def count(labelled: int) -> str | None:
    """Ten classes with five labels each."""
    if labelled != 50:
        return text("lesson15.count_wrong", labelled=labelled)
    return None
