"""`tl.predict_first` and `tl.see_prediction`: a prediction is an act, kept in the progress.

    tl.predict_first("03-rate", "Which rate wins?", choices=("0.001", "0.01", "0.1"))
    ...                                  # the training
    tl.see_prediction("03-rate", best)   # "You predicted 0.1; measured: 0.01."

Nothing waits for an answer: a run of all cells goes through.
"""

from __future__ import annotations

from tlhelpers.course import record
from tlhelpers.runtime.language import text
from tlhelpers.show.prompt import Compared, Prompt

_asked: dict[str, Prompt] = {}  # of this kernel, by name


def predict_first(
    name: str,
    ask: str,
    *,
    choices: tuple[str, ...] | list[str] = (),
    between: tuple[float, float] | None = None,
    unit: str = "",
) -> Prompt:
    """Asks for a prediction: one of `choices`, or a number `between` (lowest, highest).

    name: "NN-topic", by which `see_prediction` knows it. unit: of the number, as "%" or " points".
    Raises ValueError unless exactly one of choices and between is given.
    """
    if bool(choices) == (between is not None):
        raise ValueError(text("prediction.one_kind", name=name))

    def remember(given: str) -> str | None:
        """What could not be done, if anything."""
        try:
            record.record_prediction(name, given)
        except record.ProgressError as error:
            return str(error)
        return None

    earlier = record.predictions().get(name)
    _asked[name] = Prompt(ask, tuple(choices), between, unit, remember, earlier)
    return _asked[name]


def see_prediction(name: str, measured: float | str, *, counted: bool = False) -> Compared:
    """The prediction `name` beside what was measured: a number, or one of the choices.

    counted: it was worked out, not measured, and the sentence says so. Raises ValueError where
    `measured` is no possible answer, or nothing was asked by that name.
    """
    if name not in _asked:
        raise ValueError(text("prediction.not_asked", name=name))
    prompt = _asked[name]
    return Compared(prompt.given, prompt.shown(measured), "counted" if counted else "measured")
