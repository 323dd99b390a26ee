"""`tl.widget("01")`: the widget of a lesson, fed with the lesson's stored results.

A widget's module, `show/widgets/lessonNN.py`, names the results that it draws (`RESULTS`) and has
`build(results)`, which gets them by name. A lesson's second widget, such as the fields to draw in
of "05_draw", has a module of that name.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text
from tlhelpers.show import widgets
from tlhelpers.show.widgets.explorer import Explorer
from tlhelpers.show.widgets.pad import Pad


def widget(lesson: str) -> Explorer | Pad:
    """The widget of lesson "01".

    Raises ValueError where the lesson has none, FileNotFoundError where a result is missing.
    """
    folder = Path(widgets.__file__).parent
    known = sorted(file.stem.removeprefix("lesson") for file in folder.glob("lesson*.py"))
    if lesson not in known:
        raise ValueError(text("widget.unknown", lesson=lesson, known=", ".join(known)))
    module = importlib.import_module(f"{widgets.__name__}.lesson{lesson}")
    return module.build({name: stored(name) for name in module.RESULTS})
