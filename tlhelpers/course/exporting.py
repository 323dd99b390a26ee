"""A model that leaves the course: saved with all that is needed to classify new photos, recordings
or texts.

    folder/model.safetensors   the weights
    folder/config.json         architecture, classes, sizes, how good it was
    folder/predict.py          a program of a few lines that uses them

`load_model(folder).classify(paths)` reads photos or recordings exactly as they were read for
training; of a model of texts it takes the texts themselves.
"""

from __future__ import annotations

import csv
import glob
import importlib.util
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

import tlhelpers
from tlhelpers.course.cli import Parser
from tlhelpers.course.exporting_texts import built, describe, texts_of
from tlhelpers.data.decoding import FileProblem
from tlhelpers.data.folder import SIZES
from tlhelpers.data.layout import every_file, files_of
from tlhelpers.data.photo import Photos, no_warnings, read_photo
from tlhelpers.data.sounds.recording import (
    KEPT_SECONDS,
    RATE,
    Recordings,
    read_recording,
    windowed,
)
from tlhelpers.data.tables import tables_among
from tlhelpers.models.backbones import backbone, is_picture_network
from tlhelpers.models.hearing import hears, listener
from tlhelpers.models.surgery import head_of, replace_head, twin
from tlhelpers.models.weights import furnish, read_tensors
from tlhelpers.runtime import store
from tlhelpers.runtime.arguments import require_path
from tlhelpers.runtime.console import printable
from tlhelpers.runtime.language import LANGUAGES, said, text
from tlhelpers.runtime.store import StoreError, require_writable, write_atomic
from tlhelpers.train.predict import predict
from tlhelpers.transfer.knn import count_votes
from tlhelpers.transfer.text_rivals import Guess

FORMATS = ("torch", "onnx")
ANSWERS = "-answers.csv"  # what follows a table's name in the name of its answers
# What reading contents of another make than ours can raise.
UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError),
    SafetensorError,
)
CONFIG = "tlhelpers"  # the entry of a file of weights that holds its config
BATCH = 32  # photos that are read and answered at a time

PREDICT = '''\
"""Says what each photo shows:  python predict.py photo.jpg ...   (needs tlhelpers)"""

import sys
from pathlib import Path

from tlhelpers.course.exporting import load_model

model = load_model(Path(__file__).parent)
for path, answer in zip(sys.argv[1:], model.classify(sys.argv[1:])):
    print(path, answer, sep="\\t")
'''


class NearestNeighbours(nn.Module):
    """k-NN as a network: the votes of the k nearest stored features, as log-probabilities.

    features: (m, d) of the training photos, labels: (m,). A nearer neighbour counts a little more.
    """

    def __init__(self, body: nn.Module, features: Tensor, labels: Tensor, k: int, classes: int):
        super().__init__()
        self.body, self.k, self.classes = body, k, classes
        setattr(*head_of(body), nn.Identity())
        self.register_buffer("features", F.normalize(features, dim=1))
        self.register_buffer("labels", labels)
        furnish(self, body.preprocess, body.info)

    def forward(self, *inputs: Tensor, **tokens: Tensor) -> Tensor:
        likeness = F.normalize(self.body(*inputs, **tokens), dim=1) @ self.features.T
        near = self.labels[likeness.topk(self.k).indices]
        return (count_votes(near, self.classes) / self.k).clamp(min=1e-4).log()


class Deployed(nn.Module):
    """What is exported: uint8 photos (n, 3, size, size) in, probabilities (n, classes) out."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.preprocess = model.preprocess

    def forward(self, photos: Tensor) -> Tensor:
        return self.model(self.preprocess(photos)).softmax(1)


PREDICT_TEXTS = '''\
"""Says what each text is about:  python predict.py "a text" ...   (needs tlhelpers)"""

import sys
from pathlib import Path

from tlhelpers.course.exporting import load_model

model = load_model(Path(__file__).parent)
for words, answer in zip(sys.argv[1:], model.classify(sys.argv[1:])):
    print(words, answer, sep="\\t")
'''
PREDICT_OF = {
    "image": PREDICT,
    "sound": PREDICT.replace("photo shows", "recording is").replace("photo.jpg", "recording.wav"),
    "text": PREDICT_TEXTS,
}


@dataclass(frozen=True)
class Answer:
    """What a photo shows, a recording or a text is, or why it could not be read."""

    name: str
    probability: float
    problem: str = ""

    def __str__(self) -> str:
        return self.problem or f"{self.name}\t{self.probability:.1%}"


@dataclass
class SavedModel:
    """A model with the names of its classes, and the size its photos are cut to."""

    model: nn.Module
    config: dict

    @property
    def class_names(self) -> list[str]:
        return said(self.config["classes"])

    @property
    def kind(self) -> str:
        """What it reads: "image", "sound" or "text"."""
        return self.config.get("kind", "image")

    def classify(
        self, inputs: Sequence[str | os.PathLike], batch_size: int = BATCH
    ) -> list[Answer]:
        """An answer for each photo or recording (by its path) or text, in order.

        A file that cannot be read, or a text without a letter, gets a problem.
        """
        answers = []
        for start in range(0, len(inputs), batch_size):
            some = inputs[start : start + batch_size]
            if self.kind == "text":
                answers += self._classify_texts([str(words) for words in some])
            else:
                answers += self._classify_some([Path(path) for path in some])
        return answers

    def _classify_texts(self, texts: list[str]) -> list[Answer]:
        shares = predict(self.model, texts).softmax(1).max(1)
        return [
            Answer(self.class_names[int(number)], float(share))
            if words.strip()
            else Answer("", 0.0, text("texts.file_no_text"))
            for words, share, number in zip(texts, *shares, strict=True)
        ]

    def _classify_some(self, paths: list[Path]) -> list[Answer]:
        answers: list[Answer | None] = []
        read = []
        with no_warnings():
            for path in paths:
                try:
                    read.append(self._read(path))
                    answers.append(None)
                except FileProblem as error:
                    answers.append(Answer("", 0.0, str(error)))
        if read:
            shares = predict(self.model, torch.from_numpy(np.stack(read))).softmax(1)
            found = iter(zip(*shares.max(1), strict=True))
            for place, answer in enumerate(answers):
                if answer is None:
                    share, number = next(found)
                    answers[place] = Answer(self.class_names[int(number)], float(share))
        return [answer for answer in answers if answer is not None]

    def _read(self, path: Path) -> np.ndarray:
        """The pixels of a photo, or the samples of a recording. Raises FileProblem."""
        if self.kind == "sound":
            return windowed(read_recording(path).samples, self.config["samples"])
        return read_photo(path, self.config["photo_size"]).pixels


def save_model(
    model: nn.Module,
    classes: dict[str, list[str]],
    photo_size: int,
    folder: Path,
    kind: str = "image",
    **facts: Any,
) -> Path:
    """Writes model.safetensors, config.json and predict.py to `folder`; returns it.

    model: a network of `backbone` or `listener` with its new head, or NearestNeighbours; for texts
    and sounds (`kind`) also those of `text_rivals`. facts: what else the config shall say
    (accuracy, strategy; of sounds the samples that are read of each).
    """
    config = {
        "kind": kind,
        "backbone": Path(model.info.name).name
        if Path(model.info.name).is_dir()
        else model.info.name,
        "input_size": model.info.size,
        "neighbours": model.k if isinstance(model, NearestNeighbours) else None,
        "classes": classes,
        "photo_size": photo_size,
        "tlhelpers": tlhelpers.__version__,
        **(describe(model, folder) if kind == "text" or isinstance(model, Guess) else {}),
        **facts,
    }
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    own = {
        CONFIG: json.dumps(config)
    }  # one file holds all: killed here, the old or the new is whole
    weights = write_atomic(folder / "model.safetensors", lambda path: save_file(tensors, path, own))
    config["weights_sha256"] = store.sha256(weights)  # tells a half-replaced model from a whole one
    content = json.dumps(config, ensure_ascii=False, indent=1) + "\n"
    write_atomic(folder / "config.json", content)
    write_atomic(folder / "predict.py", PREDICT_OF[kind])
    return folder


def load_model(folder: str | os.PathLike) -> SavedModel:
    """The model that `save_model` wrote.

    Whatever a stranger wrote into the folder, it is data: nothing of it is run or downloaded.
    Raises StoreError where something is missing, damaged, or not what `save_model` writes.
    """
    folder = require_path("folder", folder)
    try:
        os.stat(folder / "model.safetensors")
        state = read_tensors(folder / "model.safetensors")
        config = _checked(_config_of(folder))
        model = _built(config, state, folder)
        model.load_state_dict(state)
        if not all(value.isfinite().all() for value in state.values()):
            raise ValueError("nan")
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise StoreError(text("exporting.no_model", folder=folder, reason=reason)) from error
    return SavedModel(model.eval(), config)


def _config_of(folder: Path) -> dict:
    """config.json; of a save that was killed before it came, what the weights say themselves.

    Raises what a stranger's file can raise; StoreError where the two do not belong together.
    """
    weights = folder / "model.safetensors"
    with safe_open(weights, "pt") as opened:
        own = (opened.metadata() or {}).get(CONFIG)
    try:
        config = store.read_json(folder / "config.json")
        if (stated := config.get("weights_sha256")) is not None:
            store.verify(weights, str(stated))
        return config
    except (FileNotFoundError, StoreError):
        if own is None:
            raise
        return json.loads(own)


def _checked(config: dict) -> dict:
    """The config, with class names that are safe to print. Raises ValueError naming what is odd."""

    def number(key: str, least: int, most: int) -> None:
        if not isinstance(config[key], int) or not least <= config[key] <= most:
            raise ValueError(f"{key}: {config[key]!r:.60}")

    name, kind = config["backbone"], config.get("kind", "image")
    if kind == "text":
        number("input_size", 0, 2048)
    elif kind == "sound":
        number("samples", 1, KEPT_SECONDS * RATE)
        if config.get("form") != "guess" and not (isinstance(name, str) and hears(name)):
            raise ValueError(f"backbone: {name!r:.60}")
    elif kind != "image":
        raise ValueError(f"kind: {kind!r:.60}")
    elif not isinstance(name, str) or not is_picture_network(name):
        raise ValueError(f"backbone: {name!r:.60}")
    else:
        number("input_size", 16, 2048)
        number("photo_size", SIZES[0], SIZES[-1])
    if config["neighbours"] is not None:
        number("neighbours", 1, 10_000)
    classes = {lang: [printable(name) for name in config["classes"][lang]] for lang in LANGUAGES}
    if len({len(names) for names in classes.values()}) != 1 or not classes["en"]:
        raise ValueError("classes")
    return {**config, "classes": classes}


def _built(config: dict, state: dict[str, Tensor], folder: Path) -> nn.Module:
    """The network of this config, still with random weights."""
    classes, kind = len(config["classes"]["en"]), config.get("kind", "image")
    is_bare = kind != "text" and config.get("form") != "guess"  # its head is still to be made
    if not is_bare:
        model = built(config, state, folder)
    elif kind == "sound":
        model = listener(config["backbone"], pretrained=False)
    else:
        model = backbone(config["backbone"], pretrained=False, size=config["input_size"])
    if config["neighbours"] is None:
        if is_bare:
            replace_head(model, classes)
    else:
        features, labels = state["features"], state["labels"]
        named = labels.dtype == torch.long and int(labels.max()) + 1 == classes
        if not named or int(labels.min()) < 0 or config["neighbours"] > len(labels):
            raise ValueError(f"labels / {classes}")
        model = NearestNeighbours(model, features, labels, config["neighbours"], classes)
    for key, value in model.state_dict().items():
        if key in state and state[key].is_floating_point() != value.is_floating_point():
            raise ValueError(f"{key}: {state[key].dtype}")
    return model


def with_head(network: nn.Module, head: nn.Linear) -> nn.Module:
    """A copy of `network` that ends in this head."""
    model = replace_head(twin(network), head.out_features)
    last = getattr(*head_of(model))
    with torch.no_grad():
        last.weight.copy_(head.weight.view_as(last.weight))
        last.bias.copy_(head.bias)
    return model.eval()


def export(folder: str | os.PathLike, form: str) -> Path:
    """Writes the saved model in `folder` for use without Python's course package.

    form: "torch" (model.pt2, by torch.export) or "onnx" (model.onnx; needs the package onnx).
    Both take uint8 photos (n, 3, photo_size, photo_size) and give probabilities (n, classes).
    """
    if form not in FORMATS:
        raise ValueError(text("exporting.format", asked=form, known=", ".join(FORMATS)))
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if form == "onnx" and missing:
        raise StoreError(text("exporting.onnx_missing", names=" ".join(missing)))
    saved = load_model(folder)
    deployed = Deployed(saved.model).eval()
    size = saved.config["photo_size"]
    example = (torch.zeros(2, 3, size, size, dtype=torch.uint8),)
    deployed(*example)  # the preprocessing makes its constants, which tracing then finds
    batch = {"photos": {0: torch.export.Dim("batch")}}
    target = Path(folder) / ("model.onnx" if form == "onnx" else "model.pt2")
    if form == "onnx":
        program = torch.onnx.export(
            deployed, example, dynamic_shapes=batch, dynamo=True, verbose=False
        )
        return write_atomic(target, program.save)
    program = torch.export.export(deployed, example, dynamic_shapes=batch)
    return write_atomic(target, lambda path: _save_program(program, path))


def _save_program(program: torch.export.ExportedProgram, path: Path) -> None:
    with open(path, "wb") as file:
        torch.export.save(program, file)


# --- the command --------------------------------------------------------------------------


def main_predict(arguments: list[str]) -> int:
    """`tl predict MODEL FILE ...`: one line a photo or recording; status 1 where one could not be
    read.

    `tl predict MODEL TABLE.csv` for texts: a CSV with an answer for each row.
    """
    parser = Parser("predict")
    parser.add_argument("model", help=text("report.help_model"))
    parser.add_argument("photos", nargs="+", help=text("report.help_photos"))
    parser.add_argument("--text", nargs="+", help=text("report.help_text"))
    parser.add_argument("--out", help=text("report.help_answers"))
    asked = parser.parse_args(arguments)
    model = load_model(asked.model)
    if model.kind != "text" and (asked.text or asked.out):
        raise StoreError(text("report.only_texts", option="--text" if asked.text else "--out"))
    photos, said = _expanded(asked.photos, model.kind)
    for name, problem in said:
        print(printable(name), problem, sep="\t", file=sys.stderr)
    problems = len(said)
    if model.kind == "text":
        return int(_predict_tables(model, photos, asked.text, asked.out) + problems > 0)
    for start in range(0, len(photos), BATCH):
        some = photos[start : start + BATCH]
        for photo, answer in zip(some, model.classify(some), strict=True):
            place = sys.stderr if answer.problem else sys.stdout
            problems += bool(answer.problem)
            print(printable(str(photo)), answer, sep="\t", file=place, flush=True)
    if len(photos) + len(said) > 1:
        answered = len(photos) + len(said) - problems
        key = f"report.predicted_{model.kind}"
        print(text(key, files=answered, problems=problems), file=sys.stderr)
    return int(problems > 0)


def _predict_tables(
    model: SavedModel, tables: list[Path], column: list[str] | None, out: str | None
) -> int:
    """The rows of each table with their answers, as a CSV that Excel opens, in this folder.

    Returns how many texts are empty, and tables unreadable; a table alone that is none raises.
    """
    if out and len(tables) > 1:
        raise StoreError(text("report.one_out"))
    targets = [Path(os.path.expanduser(out or f"{table.stem}{ANSWERS}")) for table in tables]
    if len(set(targets)) < len(targets):
        both = next(target for target in targets if targets.count(target) > 1)
        raise StoreError(text("report.same_target", path=printable(str(both))))
    for folder in {target.parent for target in targets}:
        require_writable(folder)
    problems = 0
    for table, target in zip(tables, targets, strict=True):
        try:
            texts, (header, *rows) = texts_of(table, column, model.config.get("columns"))
        except StoreError as error:
            if len(tables) == 1:
                raise
            problems += 1
            print(printable(str(table)), error, sep="\t", file=sys.stderr)
            continue
        answers = model.classify(texts)
        lines = io.StringIO(newline="")
        writer = csv.writer(lines)
        writer.writerow([*header, text("report.column_answer"), text("report.column_probability")])
        for row, answer in zip(rows, answers, strict=True):
            share = "" if answer.problem else f"{answer.probability:.3f}"
            writer.writerow([*row, answer.name, share])
        write_atomic(target, b"\xef\xbb\xbf" + lines.getvalue().encode("utf-8", "replace"))
        problems += (empty := sum(bool(answer.problem) for answer in answers))
        values = {"texts": len(answers) - empty, "problems": empty, "path": target}
        print(text("report.answered", **values))
    return problems


def _expanded(asked: Sequence[str], kind: str) -> tuple[list[Path], list[tuple[str, str]]]:
    """The photos, recordings or tables meant, and (name, why) for what means none.

    Windows hands a pattern to the program as it is, so it is expanded here.
    """
    photos: list[Path] = []
    nothing: list[tuple[str, str]] = []
    for name in asked:
        path = Path(os.path.expanduser(name))
        if os.path.isdir(path):
            if kind == "text":
                tables = tables_among(every_file(path))
                found = [table for table in tables if not table.name.endswith(ANSWERS)]
            else:
                found = files_of(path, Recordings if kind == "sound" else Photos)
            problem = f"report.none_{kind}"
        elif not os.path.lexists(path) and glob.has_magic(name):
            found = sorted(map(Path, glob.glob(str(path), recursive=True)))
            found, problem = [file for file in found if not file.is_dir()], "report.no_match"
        else:
            found, problem = [path], ""
        photos += found
        if not found:
            nothing.append((name, text(problem)))
    return photos, nothing
