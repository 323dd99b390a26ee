"""`tl.claim`: a finding of the lesson, checked where it is told."""

from __future__ import annotations

from tlhelpers.runtime.language import text


def claim(sentence: str, holds: object) -> None:
    """Prints the finding with a check mark where it holds: `tl.claim("A wins", a > b)`.

    holds: anything with a truth value, such as a comparison of numbers or 0-d tensors.
    Raises AssertionError, with a sentence, where it does not hold; TypeError where the two
    arguments are in the wrong order.
    """
    if not isinstance(sentence, str) or isinstance(holds, str):
        raise TypeError(text("claim.order"))
    if not holds:
        raise AssertionError(text("claim.failed", sentence=sentence))
    print(f"✓ {sentence}")
