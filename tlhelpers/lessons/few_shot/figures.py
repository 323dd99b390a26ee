"""Figures of lesson 05: one photograph of an individual, episodes, shots, controls, drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.ticker import MultipleLocator, PercentFormatter
from PIL import Image, ImageDraw
from torch import Tensor

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, gallery, picture, sheet
from tlhelpers.show.twins import draw_settings
from tlhelpers.transfer.fewshot import FewShotResult
from tlhelpers.transfer.intervals import Interval, interval

LOOKS = {
    "prototypes": figures.METHODS["prototypes"],
    "cosine": {"color": figures.SKY, "marker": "v"},
    "nearest": {"color": figures.GREEN, "marker": "^"},
    "head": figures.METHODS["probe"],
}
Stroke = Sequence[tuple[float, float]]  # points (x, y) from (0, 0) top left to (1, 1)
_STAND_IN: dict[int, list[Stroke]] = {  # for a drawing that was left empty
    0: [[(0.2, 0.5), (0.5, 0.2), (0.8, 0.5)], [(0.3, 0.5), (0.3, 0.8), (0.7, 0.8), (0.7, 0.5)]],
    1: [[(0.5, 0.15), (0.5, 0.85)], [(0.15, 0.5), (0.85, 0.5)], [(0.25, 0.25), (0.75, 0.75)]],
}


def show_individuals(task: Task, count: int = 3, photos: int = 6) -> Picture:
    """A row for each of the first `count` individuals of the test split."""
    rows = [task.test.inputs[task.test.labels == c][:photos] for c in range(count)]
    return sheet(rows, task.class_names[:count], text("lesson05.individuals_alt", count=count))


def show_episode(task: Task, rows: Tensor, n_shot: int, queries: int = 6) -> Picture:
    """An episode: rows (n_way, n_shot + n_query); support left of the gap, some queries right."""
    images = []
    for of_class in rows:
        pictures = task.test.inputs[of_class[: n_shot + queries]]
        gap = torch.full_like(pictures[:1], 255)
        images.append(torch.cat([pictures[:n_shot], gap, pictures[n_shot:]]))
    names = [task.class_names[int(task.test.labels[of_class[0]])] for of_class in rows]
    return sheet(images, names, text("lesson05.episode_alt", way=len(rows), shot=n_shot), zoom=1.0)


def draw_verification(same: Tensor, other: Tensor, threshold: float) -> Picture:
    """Similarities of two photographs of one individual and of two, with the threshold."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    low = min(float(same.min()), float(other.min()))
    bins = np.linspace(low, 1, 45)
    for values, key, colour in (
        (other, "other", figures.GREY),
        (same, "same", figures.BLUE),
    ):
        weights = np.full(values.numel(), 1 / values.numel())
        label = text(f"lesson05.{key}")
        axes.hist(
            values.flatten().numpy(), bins, weights=weights, color=colour, alpha=0.65, label=label
        )
    axes.axvline(threshold, color=figures.VERMILION, label=text("lesson05.threshold"))
    axes.set(xlabel=text("lesson05.similarity"), ylabel=text("lesson05.share"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper left")
    return picture(figure, text("lesson05.verification_alt"))


def draw_episodes(one: FewShotResult, pools: Sequence[FewShotResult]) -> Picture:
    """Left: the single episodes of `one`. Right: each pool's interval, and the one over pools."""
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.2))
    values, counts = one.accuracies.unique(return_counts=True)
    left.bar(values.numpy(), counts.numpy(), width=0.01, color=figures.BLUE)
    left.axvline(one.accuracy.mean, color=figures.VERMILION)
    left.set(xlabel=text("lesson05.accuracy"), ylabel=text("lesson05.episodes"))
    left.set_title(text("lesson05.each_episode"))
    left.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for place, pool in enumerate(pools):
        _point(right, place, pool.accuracy, figures.BLUE, "o")
    over_pools = interval([pool.accuracy.mean for pool in pools], share=True)
    _point(right, len(pools) + 0.5, over_pools, figures.VERMILION, "D")
    names = [str(place) for place in range(len(pools))]
    ticks = [*range(len(pools)), len(pools) + 0.5]
    right.set_xticks(ticks, [*names, text("lesson05.over_seeds")])
    right.set(xlabel=text("lesson05.seed"), xlim=(-0.6, len(pools) + 1.1))
    right.set_title(text("lesson05.each_seed"))
    right.yaxis.set_major_locator(MultipleLocator(0.01))
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return picture(figure, text("lesson05.episodes_alt"))


def draw_shots(results: Mapping[str, Mapping[int, FewShotResult]]) -> Picture:
    """Accuracy against shots, a line for each method; bands are intervals over episodes."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    for method, by_shot in results.items():
        runs = [result.accuracies for result in by_shot.values()]
        name = text(f"lesson05.{method}")
        figures.error_band(axes, list(by_shot), runs, name, **LOOKS[method])
    shots = list(next(iter(results.values())))
    axes.set_xticks(shots, shots)
    axes.set(xlabel=text("lesson05.shots"), ylabel=text("lesson05.accuracy"))
    axes.yaxis.set_major_locator(MultipleLocator(0.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="lower right")
    return picture(figure, text("lesson05.shots_alt", first=shots[0], last=shots[-1]))


def draw_points(scores: Mapping[str, Mapping[str, Interval]], alt: str, chance: float) -> Picture:
    """A line for each name in `scores`, a mark for each measurement; alt: a catalogue key."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.2, 1.1 + 0.42 * len(scores)))
    for row, measured in enumerate(scores.values()):
        for (what, point), colour, marker in zip(
            measured.items(), figures.PALETTE, figures.MARKERS, strict=False
        ):
            axes.plot([point.low, point.high], [row, row], color=colour, linewidth=4, alpha=0.5)
            label = text(f"lesson05.{what}") if row == 0 else None
            axes.plot(point.mean, row, marker, color=colour, markersize=9, label=label)
    axes.axvline(chance, color=figures.GREY, linestyle=":", label=text("lesson05.chance"))
    axes.set_yticks(range(len(scores)), [text(f"lesson05.{name}") for name in scores])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set(xlabel=text("lesson05.accuracy"), xlim=(0, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside upper center", ncols=4)
    return picture(figure, text(alt))


def draw_by_hand(drawings: Mapping[str, object], hand: int, copies: int = 1) -> Tensor:
    """Pictures uint8 (copies * drawings, 3, 64, 64): every drawing once, then again, ...

    drawings: {name: strokes}, or {name: path of a picture file}; an empty drawing gets a stand-in.
    hand: another number draws with another unsteady hand.
    """
    generator = np.random.default_rng(hand)
    images = []
    for _ in range(copies):
        for number, drawing in enumerate(drawings.values()):
            drawing = drawing or _STAND_IN[number % len(_STAND_IN)]
            if isinstance(drawing, (str, Path)):
                sheet_of_paper = _tilt_file(Path(drawing), generator)
            else:
                sheet_of_paper = _draw_strokes(drawing, generator)
            images.append(np.asarray(sheet_of_paper.resize((64, 64), Image.Resampling.BOX)))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def show_answers(images: Tensor, answers: Tensor, names: Sequence[str]) -> Picture:
    """Every picture with the name it was given; alternating truth as `draw_by_hand` gives it."""
    captions = []
    for row, answer in enumerate(answers.tolist()):
        mark = "○" if answer == row % len(names) else "×"
        captions.append(f"{mark} {names[answer]}")
    right = sum(caption.startswith("○") for caption in captions)
    alt = text("lesson05.answers_alt", right=right, count=len(captions))
    return gallery(images, captions, alt, columns=6, zoom=1.1)


def _point(axes: plt.Axes, place: float, point: Interval, colour: str, marker: str) -> None:
    axes.plot([place, place], [point.low, point.high], color=colour, linewidth=3, alpha=0.6)
    axes.plot(place, point.mean, marker, color=colour, markersize=8)


def _draw_strokes(strokes: Sequence[Stroke], generator: np.random.Generator) -> Image.Image:
    """Ink on paper, 256 pixels a side; size, tilt, place and every point vary a little."""
    angle, scale = generator.normal(0, 0.12), generator.uniform(0.75, 1.0)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = generator.normal(0.5, 0.03, 2)
    paper = Image.new("RGB", (256, 256), (246, 243, 236))
    pen = ImageDraw.Draw(paper)
    for stroke in strokes:
        points = np.array(stroke, dtype=float) + generator.normal(0, 0.015, (len(stroke), 2))
        points = ((points - 0.5) @ turn.T + shift) * 256
        pen.line([tuple(point) for point in points], fill=(35, 35, 60), width=11, joint="curve")
    return paper


def _tilt_file(path: Path, generator: np.random.Generator) -> Image.Image:
    """The user's own picture file, square, a little turned and moved.

    Raises ValueError, in the learner's language, where it cannot be read.
    """
    try:
        opened = Image.open(path).convert("RGB")
    except OSError as error:
        raise ValueError(text("lesson05.no_picture", path=path)) from error
    edge = opened.getpixel((0, 0))
    opened.thumbnail((256, 256))
    square = Image.new("RGB", (256, 256), edge)
    square.paste(opened, ((256 - opened.width) // 2, (256 - opened.height) // 2))
    shift = tuple(int(pixels) for pixels in generator.normal(0, 6, 2))
    angle = generator.normal(0, 7)
    return square.rotate(angle, Image.Resampling.BILINEAR, translate=shift, fillcolor=edge)


def draw_real(found: Mapping[str, Mapping]) -> Picture:
    """Omniglot's characters: mean accuracy of each kind of features, a row for each setting."""
    return draw_settings(found, text("lesson05.real_title"), text("lesson05.real_alt"))
