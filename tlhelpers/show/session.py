"""`tl.setup()`, the first cell of each lesson."""

from __future__ import annotations

from tlhelpers.runtime.session import prepare


def setup(seed: int = 0) -> None:
    """Makes a notebook ready: Japanese fonts in figures, seed and threads; prints one line."""
    from tlhelpers.show import figures  # matplotlib loads here

    figures.use()
    print(prepare(seed))
