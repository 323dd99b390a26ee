"""What a caller asks for, checked where it comes in: a sentence there, not an error far below."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from tlhelpers.runtime.language import text

MOST_SEED = 2**32 - 1  # scikit-learn takes no larger one


def is_whole(value: Any) -> bool:
    """True for a whole number; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raises ValueError, naming the argument, unless it is a whole number in this range."""
    if is_whole(value) and least <= value and (most is None or value <= most):
        return
    key = "arguments.whole_from" if most is None else "arguments.whole_between"
    raise ValueError(text(key, argument=name, value=f"{value!r:.60}", least=least, most=most))


def require_seed(seed: Any) -> None:
    """Raises ValueError unless every generator takes this seed."""
    require_whole("seed", seed, 0, MOST_SEED)
