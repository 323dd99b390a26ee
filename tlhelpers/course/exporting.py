"""A model that leaves the course: saved with all that is needed to classify new photos.

    folder/model.safetensors   the weights
    folder/config.json         architecture, classes, sizes, how good it was
    folder/predict.py          a program of a few lines that uses them

`load_model(folder).classify(paths)` reads photos exactly as they were read for training.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

import tlhelpers
from tlhelpers.data.photo import PhotoError, no_warnings, read_photo
from tlhelpers.models.backbones import backbone
from tlhelpers.models.surgery import head_of, replace_head
from tlhelpers.models.weights import furnish, read_tensors
from tlhelpers.runtime.language import language, text
from tlhelpers.runtime.store import StoreError, write_atomic
from tlhelpers.train.engine import predict

FORMATS = ("torch", "onnx")

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

    def forward(self, inputs: Tensor) -> Tensor:
        likeness = F.normalize(self.body(inputs), dim=1) @ self.features.T
        rows = likeness.topk(self.k).indices
        weight = 1 - 1e-4 * torch.arange(self.k, device=inputs.device)
        votes = F.one_hot(self.labels[rows], self.classes) * weight[:, None]
        return (votes.sum(1) / self.k).clamp(min=1e-4).log()


class Deployed(nn.Module):
    """What is exported: uint8 photos (n, 3, size, size) in, probabilities (n, classes) out."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.preprocess = model.preprocess

    def forward(self, photos: Tensor) -> Tensor:
        return self.model(self.preprocess(photos)).softmax(1)


@dataclass(frozen=True)
class Answer:
    """What a photo shows, or why it could not be read."""

    name: str
    probability: float
    problem: str = ""

    def __str__(self) -> str:
        return self.problem or f"{self.name}\t{self.probability:.1%}"


@dataclass
class SavedModel:
    """A model with the names of its classes and the size its photos are cut to."""

    model: nn.Module
    config: dict

    @property
    def class_names(self) -> list[str]:
        return self.config["classes"][language()]

    def classify(self, paths: Sequence[str | os.PathLike], batch_size: int = 32) -> list[Answer]:
        """An answer for each photo, in order; a photo that cannot be read gets a problem."""
        answers = []
        for start in range(0, len(paths), batch_size):
            answers += self._classify_some([Path(p) for p in paths[start : start + batch_size]])
        return answers

    def _classify_some(self, paths: list[Path]) -> list[Answer]:
        answers: list[Answer | None] = []
        photos = []
        with no_warnings():
            for path in paths:
                try:
                    photos.append(read_photo(path, self.config["photo_size"]).pixels)
                    answers.append(None)
                except PhotoError as error:
                    answers.append(Answer("", 0.0, str(error)))
        if photos:
            shares = predict(self.model, torch.from_numpy(np.stack(photos))).softmax(1)
            found = iter(zip(*shares.max(1), strict=True))
            for place, answer in enumerate(answers):
                if answer is None:
                    share, number = next(found)
                    answers[place] = Answer(self.class_names[int(number)], float(share))
        return answers


def save_model(
    model: nn.Module, classes: dict[str, list[str]], photo_size: int, folder: Path, **facts
) -> Path:
    """Writes model.safetensors, config.json and predict.py to `folder`; returns it.

    model: a network of `backbone` with its new head, or NearestNeighbours. facts: what else the
    config shall say (accuracy, strategy).
    """
    config = {
        "backbone": model.info.name,
        "input_size": model.info.size,
        "neighbours": model.k if isinstance(model, NearestNeighbours) else None,
        "classes": classes,
        "photo_size": photo_size,
        "tlhelpers": tlhelpers.__version__,
        **facts,
    }
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    write_atomic(folder / "model.safetensors", lambda path: save_file(tensors, path))
    content = json.dumps(config, ensure_ascii=False, indent=1) + "\n"
    write_atomic(folder / "config.json", content)
    write_atomic(folder / "predict.py", PREDICT)
    return folder


def load_model(folder: str | os.PathLike) -> SavedModel:
    """The model that `save_model` wrote. Raises StoreError where it is missing or damaged."""
    folder = Path(folder).expanduser()
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        classes = len(config["classes"]["en"])
        name, size = config["backbone"], config["input_size"]
        neighbours, _ = config["neighbours"], config["photo_size"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(text("exporting.no_model", folder=folder, reason=error)) from error
    state = read_tensors(folder / "model.safetensors")
    model = backbone(name, pretrained=False, size=size)
    if neighbours:
        features, labels = (state.get(key, torch.zeros(1)) for key in ("features", "labels"))
        if int(labels.max()) + 1 != classes:
            reason = f"{int(labels.max()) + 1} / {classes}"
            raise StoreError(text("exporting.no_model", folder=folder, reason=reason))
        model = NearestNeighbours(
            model, features.view(len(labels), -1), labels, neighbours, classes
        )
    else:
        replace_head(model, classes)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise StoreError(text("exporting.no_model", folder=folder, reason=reason)) from error
    return SavedModel(model.eval(), config)


def with_head(network: nn.Module, head: nn.Linear) -> nn.Module:
    """A copy of `network` that ends in this head."""
    model = replace_head(copy.deepcopy(network), head.out_features)
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
