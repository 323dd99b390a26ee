"""What the exercise of lesson 13 asks for."""

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text


@exercise("13-a", hints=("lesson13.count_hint",), right="lesson13.count_right")
def count(labelled: int) -> str | None:
    """Ten classes with five labels each."""
    if labelled != 50:
        return text("lesson13.count_wrong", labelled=labelled)
    return None
