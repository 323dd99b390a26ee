"""Floor 6: all that a learner sees: figures, widgets, quizzes.

Python puts this package on `tlhelpers` under its name as soon as anything in it is imported, and
would hide the function `tl.show`. So the package can be called, too, and does what that does.
"""

import sys
import types
from typing import Any


class _Room(types.ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from tlhelpers.show.plots import show

        return show(*arguments, **options)


sys.modules[__name__].__class__ = _Room
