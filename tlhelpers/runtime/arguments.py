"""What a caller asks for, checked where it comes in: a sentence there, not an error far below."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
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


def require_number(
    name: str, value: Any, least: float = 0, most: float = math.inf, *, above: bool = False
) -> None:
    """Raises ValueError, naming the argument, unless it is a finite number in this range.

    above: `least` itself is too small.
    """
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if number and (least < value if above else least <= value) and value <= most:
        return
    key = "above" if above and most == math.inf else "from" if most == math.inf else "between"
    values = {"argument": name, "value": f"{value!r:.60}", "least": least, "most": most}
    raise ValueError(text(f"arguments.number_{key}", **values))


def require_options(method: str, asked: Iterable[str], known: Iterable[str]) -> None:
    """Raises ValueError, naming them, for options that this method does not have."""
    if strange := sorted(set(asked) - set(known)):
        takes = ", ".join(sorted(known)) or "–"
        raise ValueError(
            text("arguments.options", method=method, options=", ".join(strange), takes=takes)
        )


def require_path(name: str, value: Any) -> Path:
    """The path, its ~ made whole. Raises ValueError, naming the argument, for what names no place.

    An empty text is the current folder to Python, and most often a variable that was never filled.
    """
    text_like = isinstance(value, (str, os.PathLike)) and isinstance(os.fspath(value), str)
    if text_like and os.fspath(value).strip() and "\0" not in os.fspath(value):
        return Path(os.path.expanduser(value))
    raise ValueError(text("arguments.path", argument=name, value=f"{value!r:.60}"))


def require_network(name: str, value: Any) -> None:
    """Raises ValueError, naming the argument, unless it is a network of torch."""
    from torch import nn  # here: who checks a number need not wait for torch

    if not isinstance(value, nn.Module):
        raise ValueError(text("arguments.network", argument=name, value=f"{value!r:.60}"))
