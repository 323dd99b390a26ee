"""What every widget and quiz shares: its page in the notebook, and what stands there without one.

A page is an anywidget made of a script and a style; `frame.js` is put before each script. Its
state is saved with the notebook by `tl lab`, so that the next day shows what was last seen.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlhelpers.runtime.language import text

FRAME = Path(__file__).with_name("frame.js")
VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class View:
    """A picture (SVG, or other HTML), and the sentence that says what it shows."""

    picture: str
    says: str

    @property
    def state(self) -> dict[str, str]:
        """The same for a page."""
        return {"picture": self.picture, "says": self.says}


def failed(error: Exception) -> View:
    """What stands in the place of the picture when something went wrong."""
    says = text("widget.failed", error=f"{type(error).__name__}: {error}")
    return View(f'<p class="tl-failed" role="alert">{html.escape(says)}</p>', "")


def make_page(script: Path, style: Path, **state: Any) -> Any:
    """An anywidget whose traits, one for each name in `state`, are those of its page, too.

    A page whose kernel is gone says so, in the learner's language.
    """
    import anywidget
    import traitlets

    source = FRAME.read_text(encoding="utf-8") + script.read_text(encoding="utf-8")
    state = {**state, "asleep": text("widget.asleep")}
    traits = {name: traitlets.Any().tag(sync=True) for name in state}
    members = {"_esm": source, "_css": style.read_text(encoding="utf-8"), **traits}
    # anywidget keeps one style sheet for each name of a class
    return type(f"{script.stem.title()}Page", (anywidget.AnyWidget,), members)(**state)


class Shown:
    """Something with a `title`, a `widget` (its page), and a `view()` where there is no page."""

    title: str
    widget: Any

    def drawn(self) -> View:
        """What the present state looks like."""
        raise NotImplementedError

    def view(self) -> View:
        """The same, and an error in its place where there is one."""
        try:
            return self.drawn()
        except Exception as error:
            return failed(error)

    def still(self) -> dict[str, str]:
        """What GitHub and paper show, by its media type."""
        picture = self.view().picture
        return {"image/svg+xml" if picture.startswith("<svg") else "text/html": picture}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        page = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {VIEW: page, **self.still(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"{self.title}: {self.view().says}"
