"""Lesson 11: what the student is told of a photo, at a temperature of one's own choice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tlhelpers.data.catalog import redrawn
from tlhelpers.data.task import Task
from tlhelpers.lessons.distillation.steps import LABELS
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.show.widgets.photo import photo

RESULTS = ("11_answers",)
TEMPERATURES = (1, 2, 4, 8, 16)
PHOTOS = 10  # of each kind of bird the first
TEACHER, STUDENT = figures.BLUE, figures.ORANGE
LEFT, TOP, ROW, LONG = 300, 46, 28, 270  # the bars, in pixels
EVERY = 10  # steps between two pictures of the live run
STEPS, RATE = 300, 1.0  # of the live student
TEACHER_RATE = 0.002  # which validation chose for the teacher of 11_answers, the same one


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 11_answers, the teacher's logits for the first test pictures of draw 0."""
    found = results["11_answers"]
    names = birds().class_names
    shown = [
        (text("widget11.photo", number=row + 1, name=names[label]), row)
        for row, label in enumerate(found["labels"][:PHOTOS])
    ]
    warm = [(f"{value:g}", float(value)) for value in TEMPERATURES]
    return Explorer(
        title=text("widget11.title"),
        controls=[
            Control("row", text("widget11.row"), shown, 0, kind="choice"),
            Control("temperature", text("widget11.temperature"), warm, 1.0),
        ],
        draw=lambda row, temperature: draw(found, row, temperature),
        run=run,
    )


@functools.cache
def birds() -> Task:
    """Draw 0 of the lesson, whose test pictures are shown."""
    return redrawn("birds", LABELS, 0, valid=LABELS)


def shares(logits: Sequence[float], temperature: float) -> list[float]:
    return (torch.tensor(logits) / temperature).softmax(0).tolist()


def draw(found: Mapping, row: int, temperature: float) -> View:
    """The photo, and the teacher's answer at this temperature, a bar for each kind of bird."""
    taught = shares(found["logits"][row], temperature)
    names = birds().class_names
    order = sorted(range(len(taught)), key=lambda c: -taught[c])
    first, second = order[:2]
    says = text(
        "widget11.says",
        temperature=f"{temperature:g}",
        first=names[first],
        first_share=percent(taught[first]),
        second=names[second],
        second_share=percent(taught[second]),
        label=names[found["labels"][row]],
    )
    return _bars(row, {"teacher": taught}, says)


def _bars(row: int, answers: Mapping[str, Sequence[float]], says: str) -> View:
    """answers: {"teacher", "student": the shares of all kinds of bird}, a bar each."""
    task = birds()
    canvas = Canvas(says)
    picture, label = task.test.inputs[row], int(task.test.labels[row])
    canvas.add("image", x=16, y=TOP, width=150, height=150, href=photo(picture))
    canvas.text(16, TOP + 172, text("widget11.label", name=task.class_names[label]))
    colours = {"teacher": TEACHER, "student": STUDENT}
    for place, who in enumerate(answers):
        canvas.add("rect", x=LEFT + 130 * place, y=14, width=14, height=14, fill=colours[who])
        canvas.text(LEFT + 20 + 130 * place, 26, text(f"widget11.{who}"))
    high = 22 / len(answers)
    size = 13 if len(answers) == 1 else 11
    for number, name in enumerate(task.class_names):
        top = TOP + ROW * number
        canvas.text(LEFT - 8, top + 15, name, text_anchor="end")
        for place, (who, values) in enumerate(answers.items()):
            y, width = top + place * high, max(1.0, LONG * values[number])
            canvas.add("rect", x=LEFT, y=y, width=width, height=high - 1, fill=colours[who])
            middle = y + high / 2 + size / 3
            canvas.text(LEFT + width + 6, middle, _per(values[number]), font_size=size)
    canvas.add("path", d=f"M{LEFT} {TOP - 4}v{ROW * len(task.class_names)}", stroke=figures.INK)
    return View(canvas.svg(), says)


def _per(share: float) -> str:
    return f"{share:.1%}" if share < 0.0995 else percent(share)


def run(state: dict, watch: Callable[[View], bool]) -> View:
    """Trains the teacher, then a student at this temperature, whose answer to the photo moves."""
    from tlhelpers.data.catalog import load_task
    from tlhelpers.lessons.distillation.steps import new_student
    from tlhelpers.models.backbones import backbone
    from tlhelpers.train.predict import predict
    from tlhelpers.transfer.distillation import distill
    from tlhelpers.transfer.finetune import fine_tune

    task, row, temperature = birds(), state["row"], state["temperature"]
    asked = task.test.inputs[row : row + 1]
    label = int(task.test.labels[row])
    stopped = False
    told = {"teacher": [0.0] * task.num_classes}

    def answer_of(model: torch.nn.Module) -> list[float]:
        logits: Tensor = predict(model, asked)[0]
        return shares(logits.tolist(), temperature)

    def teaching(step: int, _model: object) -> bool:
        nonlocal stopped
        if step % EVERY == 0:
            stopped = watch(_bars(row, told, text("widget11.teacher_learns", step=step)))
        return stopped

    def learning(step: int, model: torch.nn.Module) -> bool:
        nonlocal stopped
        if step % EVERY == 0:
            told["student"] = answer_of(model)
            stopped = watch(_bars(row, told, text("widget11.student_learns", step=step)))
        return stopped

    quiet: dict[str, Any] = {"read_test": False, "progress": False}
    large = backbone("zukan-resnet")
    teacher = fine_tune(large, task, lr=TEACHER_RATE, after_step=teaching, **quiet).model
    told["teacher"] = answer_of(teacher)
    if stopped:
        says = text("widget11.no_student")
    else:
        found = distill(
            teacher,
            new_student(),
            task,
            unlabelled=load_task("birds", 60, seed=3000).train,
            temperature=temperature,
            lr=RATE,
            max_steps=STEPS,
            valid=False,
            progress=False,
            after_step=learning,
        )
        told["student"] = answer_of(found.model)
        says = text(
            "widget11.learned",
            name=task.class_names[label],
            teacher=_per(told["teacher"][label]),
            student=_per(told["student"][label]),
            right=percent(found.test_acc),
            count=len(task.test),
        )
    return _bars(row, told, text("widget.stopped" if stopped else "widget.ended", says=says))
