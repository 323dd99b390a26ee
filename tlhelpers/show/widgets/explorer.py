"""The frame of every widget: controls, a picture that follows them, and a run that can be stopped.

What a widget does is a plain function from the values of its controls to a `View`; it is tested as
such, without a browser. The page (`explorer.js`) only shows controls and pictures. An error is
shown where the picture would stand. Where nothing can be moved, on GitHub or on paper, the
picture of the first state stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tlhelpers.runtime.language import language, text
from tlhelpers.show.widgets.chart import headed
from tlhelpers.show.widgets.page import Shown, View, failed, make_page

SCRIPT, STYLE = (Path(__file__).with_name(f"explorer.{kind}") for kind in ("js", "css"))
FRAMES = 4  # pictures a second that a live run shows at most
REMEMBERED = 400  # views that are kept, so that a state comes back at once
_one_run = threading.Lock()  # live runs train on the same few cores
_asked: Explorer | None = None  # whose live run was asked for last


@dataclass(frozen=True)
class Control:
    """Something to move. options: (label, value) of each position; `value` is where it starts.

    kind: "slider", "choice" (a menu) or "switch" (radio buttons in a row).
    """

    name: str
    label: str
    options: Sequence[tuple[str, object]]
    value: object = None
    kind: str = "slider"

    @property
    def start(self) -> int:
        """The position at which it starts."""
        values = [value for _, value in self.options]
        return 0 if self.value is None else values.index(self.value)


# A live run: called with the values of the controls and `watch`, which shows a view and
# returns True when the learner wants it to stop. It returns the last view.
Run = Callable[[dict, Callable[[View], bool]], View]


@dataclass(repr=False)
class Explorer(Shown):
    """A widget. draw: called with the values of the controls by name, returns a View.

    run: what "run it live" does, if anything. picks: names of further values, which a click on
    the picture sets (an element with data-set="name" data-value="3", or data-toggle="3" for one bit
    of it), with their first values.

    beyond: of what is clicked, for pages without a kernel, where there are too many states to keep:
    the name of a script in the lesson's folder that draws any of them, and what gives its data.
    """

    title: str
    controls: list[Control]
    draw: Callable[..., View]
    run: Run | None = None
    picks: dict[str, int] = field(default_factory=dict)
    beyond: tuple[str, Callable[[], dict[str, Any]]] | None = None

    def __post_init__(self) -> None:
        self.positions = {control.name: control.start for control in self.controls} | self.picks
        self._views: dict[tuple, View] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def values(self) -> dict:
        """The values of the controls, and what was picked."""
        chosen = {c.name: c.options[self.positions[c.name]][1] for c in self.controls}
        return chosen | {name: self.positions[name] for name in self.picks}

    def drawn(self) -> View:
        state = (language(), *self.positions.items())
        if state not in self._views:
            if len(self._views) >= REMEMBERED:
                self._views.clear()
            self._views[state] = self.draw(**self.values)
        return self._views[state]

    def still(self) -> dict[str, str]:
        """The picture under its title and what the controls are set to: paper shows no controls."""
        view = self.view()
        if not self.controls or not view.picture.startswith("<svg"):
            return super().still()
        chosen = [
            text("widget.setting", label=c.label, value=c.options[self.positions[c.name]][0])
            for c in self.controls
        ]
        return {"image/svg+xml": headed(view.picture, view.says, self.title, chosen)}

    def move(self, **values: Any) -> View:
        """Puts controls to these values, as a learner would; returns what is then shown."""
        for control in self.controls:
            if control.name in values:
                wanted = [value for _, value in control.options]
                self.positions[control.name] = wanted.index(values[control.name])
        self.positions |= {name: values[name] for name in self.picks if name in values}
        return self.view()

    # --- live runs ---

    def start(self, show: Callable[[View], object], ended: Callable[[], object]) -> None:
        """Starts a live run in a thread. One that is under way in this kernel is stopped first.

        show: called with each view. ended: called once, when the run is over.
        """
        global _asked
        if _asked is not None:
            _asked.stop()
        _asked = self
        stop = self._stop = threading.Event()
        run = self.run or (lambda values, watch: self.view())
        shown_at = 0.0

        def watch(view: View) -> bool:
            nonlocal shown_at
            if time.monotonic() - shown_at > 1 / FRAMES:
                shown_at = time.monotonic()
                show(view)
            return stop.is_set()

        def work() -> None:
            try:
                with _one_run:
                    show(self.view() if stop.is_set() else run(self.values, watch))
            except Exception as error:
                show(failed(error))
            finally:
                ended()

        show(View(self.view().picture, text("widget.starting")))
        self._thread = threading.Thread(target=work, name=f"live run: {self.title}", daemon=True)
        self._thread.start()

    def stop(self, wait: float | None = None) -> None:
        """Ends the live run at its next step; `wait` seconds for that, if given."""
        self._stop.set()
        if wait is not None and self._thread is not None:
            self._thread.join(wait)

    # --- in the notebook ---

    @cached_property
    def widget(self) -> Any:
        """The page's side, an anywidget: `positions` come from it, `view` goes to it."""
        controls = [
            {"name": c.name, "label": c.label, "kind": c.kind, "options": [o[0] for o in c.options]}
            for c in self.controls
        ]
        page = make_page(
            SCRIPT,
            STYLE,
            title=self.title,
            controls=controls,
            labels={name: text(f"widget.{name}") for name in ("run", "stop")},
            positions=dict(self.positions),
            view=self.view().state,
            running=False,
            can_run=self.run is not None,
        )

        def show(view: View) -> None:
            page.view = view.state

        def ended() -> None:
            page.running = False

        def on_move(change: dict[str, Any]) -> None:
            self.positions = {name: int(place) for name, place in change["new"].items()}
            show(self.view())

        def on_message(_: object, message: dict[str, Any], buffers: object) -> None:
            if message.get("stop"):
                self.stop()
            elif message.get("run") and not page.running:
                page.running = True
                self.start(show, ended)

        page.observe(on_move, "positions")
        page.on_msg(on_message)
        return page
