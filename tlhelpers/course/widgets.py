"""`tl.widget("01")`: the widget of a lesson, fed with the lesson's stored results.

A widget's module, `widget.py` in the lesson's folder, names the results that it draws (`RESULTS`)
and has `build(results)`, which gets them by name. A lesson's second widget, such as the fields to
draw in of "05_draw", has a module `widget_draw.py`.
"""

from __future__ import annotations

from tlhelpers.course.results import stored
from tlhelpers.course.syllabus import lessons, part
from tlhelpers.runtime.language import text
from tlhelpers.show.widgets.explorer import Explorer
from tlhelpers.show.widgets.pad import Pad


def widget(lesson: str) -> Explorer | Pad:
    """The widget of lesson "01".

    Raises ValueError where the lesson has none, FileNotFoundError where a result is missing.
    """
    number, _, second = lesson.partition("_")
    module = part(number, f"widget_{second}" if second else "widget")
    if module is None:
        known = ", ".join(n for n, one in lessons().items() if (one.folder / "widget.py").exists())
        raise ValueError(text("widget.unknown", lesson=lesson, known=known))
    return module.build({name: stored(name) for name in module.RESULTS})
