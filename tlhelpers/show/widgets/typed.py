"""A field to type in: the words come from the page, a function says what a model makes of them.

As with every widget, what is shown is a plain function of the state, an error stands in the place
of the picture, and where nothing can be typed the picture of the first state stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.show.widgets.explorer import STYLE
from tlhelpers.show.widgets.page import Shown, View, make_page

SCRIPT = Path(__file__).with_name("typed.js")
LABELS = ("sample", "choose")


class Typed(Shown):
    """A widget to type in. show: called with the words -> View; samples: texts to choose from.

    It starts with the first sample.
    """

    def __init__(self, title: str, label: str, show: Callable[[str], View], samples: Sequence[str]):
        self.title, self.label, self.show, self.samples = title, label, show, list(samples)
        self.words = self.samples[0]

    def write(self, words: str) -> View:
        """Puts these words into the field, as a learner would; returns what is then shown."""
        self.words = words
        return self.view()

    def drawn(self) -> View:
        return self.show(self.words)

    @cached_property
    def widget(self) -> Any:
        """The page's side, an anywidget: `words` come from it, `view` goes to it."""
        page = make_page(
            SCRIPT,
            STYLE,
            title=self.title,
            label=self.label,
            labels={name: text(f"typed.{name}") for name in LABELS},
            samples=self.samples,
            words=self.words,
            view=self.view().state,
        )

        def on_typed(change: dict[str, Any]) -> None:
            page.view = self.write(change["new"]).state

        page.observe(on_typed, "words")
        return page
