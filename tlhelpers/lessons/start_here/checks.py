"""What the exercise of lesson 00 asks for."""

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text


@exercise(
    "00-a",
    hints=("lesson00.labelled_hint_1", "lesson00.labelled_hint_2"),
    right="lesson00.labelled_right",
)
def count_labelled(labelled: int) -> str | None:
    """Ten kinds of bird with five labelled pictures each."""
    if labelled != 50:
        return text("lesson00.labelled_wrong", labelled=labelled)
    return None
