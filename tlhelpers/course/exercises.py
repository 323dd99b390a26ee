"""`check("02-a")`: looks at what the learner made in an exercise and answers at once.

The checks of a lesson stand in `checks.py` in its folder, one function an exercise:

    @exercise("02-a", hints=("lesson02.count_hint_1",), right="lesson02.count_right")
    def count_trained(trained: int, model: nn.Module) -> str | None:
        if trained != sum(p.numel() for p in model.fc.parameters()):
            return text("lesson02.count_wrong", trained=trained)

Its parameters are the learner's variables of these names. It returns None where all is right, else
one sentence on the property that fails. All that goes wrong before that is answered here: a
variable that is missing, a gap left open, a wrong kind, an error in the learner's own function, a
loop that never ends. A check never raises.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import functools
import inspect
import signal
import sys
import threading
import traceback
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from tlhelpers.course import record
from tlhelpers.course.syllabus import part
from tlhelpers.runtime.language import text
from tlhelpers.runtime.table import width
from tlhelpers.show.questions import as_html

SECONDS = 30.0  # a check that takes longer is stopped
SENTENCE = 12  # columns of the shortest one, "4分の1になる": Japanese characters take two


@dataclass(frozen=True)
class Exercise:
    """One exercise: the function that judges it, and the keys of its hints and its praise."""

    name: str
    judge: Callable[..., str | None]
    hints: tuple[str, ...]
    right: str | None


@dataclass(frozen=True)
class Verdict:
    """What a check says. `notes` are hints, and what could not be done (progress not saved).

    begun: False where the learner has written nothing yet.
    """

    passed: bool
    message: str
    notes: tuple[str, ...] = ()
    begun: bool = True

    def __repr__(self) -> str:
        return "\n".join([self._headline(), *self.notes])

    def _repr_html_(self) -> str:
        colour = "#009E73" if self.passed else "#D55E00" if self.begun else "#767676"
        lines = [f"<strong>{as_html(self._headline())}</strong>", *map(as_html, self.notes)]
        body = "".join(f'<div style="margin:.2em 0">{line}</div>' for line in lines)
        style = f"border-left:.3em solid {colour};padding:.3em .8em;margin:.3em 0"
        return f'<div role="status" style="{style}">{body}</div>'

    def _headline(self) -> str:
        return ("✓ " if self.passed else "✗ " if self.begun else "… ") + self.message


_known: dict[str, Exercise] = {}


def exercise(name: str, *, hints: tuple[str, ...] = (), right: str | None = None) -> Callable:
    """Registers a function as the check of exercise `name` ("NN-a").

    hints: catalogue keys; one more is shown with each failing attempt after the first.
    right: the catalogue key of what is said to a right answer, else a general word.
    """

    def register(judge: Callable[..., str | None]) -> Callable[..., str | None]:
        _known[name] = Exercise(name, judge, tuple(hints), right)
        return judge

    return register


def exercises(lesson: str) -> dict[str, Exercise]:
    """The exercises of a lesson ("02"); empty where it has none."""
    part(lesson, "checks")
    return {name: one for name, one in sorted(_known.items()) if name.startswith(f"{lesson}-")}


def check(name: str, variables: Mapping[str, object] | None = None) -> Verdict:
    """Judges exercise `name`, writes the outcome to the progress, and says it.

    variables: where the answers are; by default the notebook that calls.
    """
    if variables is None:
        variables = sys._getframe(1).f_globals
    known = exercises(str(name)[:2])
    if name not in known:
        return Verdict(False, text("check.unknown", name=name, known=", ".join(known) or "-"))
    asked = known[name]
    try:
        with _time_limit(SECONDS):
            failing = asked.judge(**_answers(asked, variables))
    except _Unfinished as gap:
        return Verdict(False, str(gap), begun=False)
    except KeyboardInterrupt:
        failing = text("check.stopped", seconds=int(SECONDS))
    except Exception as error:
        failing = _explain(error)
    attempts, notes = _record(asked, failing is None)
    if failing is None:
        return Verdict(True, text(asked.right or "check.right"), notes)
    hints = asked.hints[: max(0, attempts - 1)]
    numbered = [text("check.hint", number=i, hint=text(key)) for i, key in enumerate(hints, 1)]
    if len(hints) < len(asked.hints):
        numbered.append(text("check.more_hints"))
    elif attempts > max(1, len(asked.hints)):
        numbered.append(text("check.see_solution"))
    return Verdict(False, failing, (*numbered, *notes))


def open_parts(plan: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """The keys under which a learner's plan says nothing yet: missing, None, `...` or empty."""

    def is_open(value: object) -> bool:
        said = value.strip() if isinstance(value, str) else value
        empty = isinstance(said, (str, list, tuple, set, dict)) and not said
        return value is None or value is ... or empty

    return [key for key in keys if is_open(plan.get(key))]


def brief_parts(plan: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """The keys under which a learner's plan says less than a sentence."""
    return [key for key in keys if width(str(plan[key])) < SENTENCE]


def as_number(name: str, value: object) -> float:
    """The number under `name` in an answer, from whatever library; else a sentence is said."""
    return float(_as_kind(name, value, float))


def meant(given: Any, names: Iterable[str]) -> Any:
    """The one of `names` that an answer means: capitals and spaces around it do not matter."""
    said = str(given).strip().casefold()
    return next((name for name in names if name.casefold() == said), given)


def listed(value: Any) -> list:
    """The entries of an answer that may be one thing instead of a list of it."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def _record(asked: Exercise, passed: bool) -> tuple[int, tuple[str, ...]]:
    """Writes the outcome down; returns the failing attempts so far, and what could not be done."""
    try:
        return record.record_exercise(asked.name, passed), ()
    except record.ProgressError as error:
        return 1, (str(error),)


# --- the learner's variables ----------------------------------------------------------------


class _Unfinished(Exception):
    """The exercise was not done yet; the message says what is missing."""


class _WrongKind(Exception):
    """A variable holds something else than the exercise asks for; the message says what."""


def _answers(asked: Exercise, variables: Mapping[str, object]) -> dict[str, object]:
    """{parameter of the check: the learner's value}, of the kinds that it is annotated with."""
    kinds = typing.get_type_hints(asked.judge)
    answers = {}
    for name in inspect.signature(asked.judge).parameters:
        if name not in variables:
            raise _Unfinished(text("check.missing", name=name))
        value = variables[name]
        if value is ... or _all_gaps(value):
            raise _Unfinished(text("check.gap", name=name))
        answers[name] = _watched(name, _as_kind(name, value, kinds.get(name, object)))
    return answers


def _all_gaps(value: object) -> bool:
    """Whether it is a dictionary in which the learner has filled in nothing yet."""
    return isinstance(value, dict) and value != {} and all(v is ... for v in value.values())


def _as_kind(name: str, value: Any, kind: Any) -> Any:
    """The value; a tensor or array of one number as that number. Raises _WrongKind."""
    if kind in (int, float, bool) and set(getattr(value, "shape", (0,))) <= {1}:
        value = value.item()  # from torch or NumPy
    plain = typing.get_origin(kind) or kind
    expected = {int: Integral, float: Real}.get(plain, plain)
    wrong = not isinstance(value, expected)
    if wrong or (kind in (int, float) and isinstance(value, bool)):
        spoken = {Mapping: "dict", Callable: "function"}.get(plain, plain.__name__)
        wanted = text(f"check.kind_{spoken}")
        found = type(value).__name__
        raise _WrongKind(text("check.wrong_kind", name=name, found=found, expected=wanted))
    return value


def _watched(name: str, value: object) -> object:
    """The learner's function, so that a gap in it, or no `return`, is told from a wrong answer."""
    if not isinstance(value, types.FunctionType):
        return value

    @functools.wraps(value)
    def call(*arguments: object, **named: object) -> object:
        result = value(*arguments, **named)
        if result is ...:
            raise _Unfinished(text("check.gap_in_function", name=name))
        if result is None:
            raise _WrongKind(text("check.no_return", name=name))
        return result

    return call


def _explain(error: Exception) -> str:
    """One sentence on an error that ended a check, with the learner's own line where it was."""
    if isinstance(error, _WrongKind):
        return str(error)
    shown = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "ipykernel" in frame.filename or frame.filename[:1] == "<"]
    if own:
        return text("check.error_at", error=shown, line=own[-1].lineno, code=own[-1].line or "")
    return text("check.error", error=shown)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises KeyboardInterrupt in this thread after so long, as Ctrl-C would."""
    thread = threading.get_ident()

    def interrupt() -> None:
        in_main = thread == threading.main_thread().ident
        if in_main and callable(signal.getsignal(signal.SIGINT)):
            _thread.interrupt_main()  # reaches into a sleep, too
        else:  # Ctrl-C is ignored here, as in a job of the background
            raised = ctypes.py_object(KeyboardInterrupt)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
