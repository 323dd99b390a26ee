"""A prompt that takes the reader's prediction before the result, and never holds up a run.

In JupyterLab it is a small form; on GitHub, on paper and in a terminal the question stands there
to be answered in one's head.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.show.questions import as_html, read_number, show_number
from tlhelpers.show.widgets.page import Shown, make_page

SCRIPT = Path(__file__).with_name("prompt.js")
STYLE = Path(__file__).with_name("quiz.css")


@dataclass(repr=False)
class Prompt(Shown):
    """One question before a result: `choices`, or a number `between` two bounds.

    remember: called with the answer as it is shown, such as "60%"; may return a sentence on what
    could not be done. given: an answer from before.
    """

    ask: str
    choices: tuple[str, ...] = ()
    between: tuple[float, float] | None = None
    unit: str = ""
    remember: Callable[[str], str | None] = field(default=lambda given: None, repr=False)
    given: str | None = None

    def shown(self, value: float | str) -> str:
        """A choice as it is, a number with its unit.

        Raises ValueError where the value is none of the choices, or no number within the bounds.
        """
        if self.choices:
            if value not in self.choices:
                raise ValueError(text("prediction.no_choice", value=value))
            return str(value)
        low, high = self.between or (0, 0)
        try:
            number = read_number(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ValueError(text("prediction.out_of_bounds", low=low, high=high))
        return show_number(number) + self.unit

    def answer(self, value: float | str) -> str:
        """Keeps an answer; returns the sentence that the reader gets."""
        try:
            self.given = self.shown(value)
        except ValueError as error:
            return str(error)
        problem = self.remember(self.given)
        return " ".join(filter(None, [text("prediction.kept", given=self.given), problem]))

    @cached_property
    def widget(self) -> Any:
        """The form, an anywidget."""
        form = make_page(
            SCRIPT,
            STYLE,
            ask=as_html(self.ask),
            choices=[[choice, as_html(choice)] for choice in self.choices],
            between=list(self.between or ()),
            unit=self.unit,
            labels={name: text(f"prediction.{name}") for name in ("label", "button")},
            reply=text("prediction.kept", given=self.given) if self.given else "",
        )

        def on_message(_: object, message: dict, buffers: object) -> None:
            form.reply = self.answer(message["value"])

        form.on_msg(on_message)
        return form

    def still(self) -> dict[str, str]:
        """The question to read or print, by its media type."""
        return {"text/html": self.sheet()}

    def sheet(self) -> str:
        """The question as HTML to read or print."""
        body = (
            f"<p><strong>{html.escape(text('prediction.label'))}</strong> {as_html(self.ask)}</p>"
        )
        if self.choices:
            body += f"<ul>{''.join(f'<li>{as_html(choice)}</li>' for choice in self.choices)}</ul>"
        return body

    def __repr__(self) -> str:
        lines = [f"{text('prediction.label')} {self.ask}"]
        return "\n".join([*lines, *(f"  - {choice}" for choice in self.choices)])


@dataclass(frozen=True)
class Compared:
    """A prediction beside what came out; `predicted` is None where none was made."""

    predicted: str | None
    measured: str
    how: str = "measured"  # or "counted"

    def __repr__(self) -> str:
        same = "as_predicted" if self.predicted == self.measured else "compared"
        key = f"{self.how}_{'alone' if self.predicted is None else same}"
        return text(f"prediction.{key}", predicted=self.predicted, measured=self.measured)

    def _repr_html_(self) -> str:
        style = "border-left:.3em solid #0072B2;padding:.3em .8em;margin:.3em 0"
        return f'<div role="status" style="{style}">{html.escape(repr(self))}</div>'
