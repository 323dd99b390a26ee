"""What the exercise of lesson 11 asks for."""

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text


@exercise("11-a", hints=("lesson11.count_hint",), right="lesson11.count_right")
def count(labelled: int) -> str | None:
    """Ten classes with five labels each."""
    if labelled != 50:
        return text("lesson11.count_wrong", labelled=labelled)
    return None
