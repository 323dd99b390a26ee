"""The student outside PyTorch: as ONNX, in 8 bits, timed on the learner's own CPU."""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text

NEEDED = ("onnx", "onnxscript", "onnxruntime")
SEEN = 64  # training pictures from which the ranges of the 8 bits are taken
ROUNDS = 30


def try_onnx(model: nn.Module, task: Task) -> list[str]:
    """Lines on accuracy, size and time of the model in ONNX Runtime, whole and in 8 bits.

    One line that says what is missing where a package of NEEDED is absent.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return [text("lesson11.onnx_missing", names=" ".join(missing))]
    from onnxruntime import quantization

    lines = []
    with tempfile.TemporaryDirectory() as place:
        whole, small = Path(place) / "whole.onnx", Path(place) / "small.onnx"
        write_onnx(model, whole)
        name = _session(whole).get_inputs()[0].name
        seen = _prepared(model, task.train.inputs[:SEEN])

        class Shown(quantization.CalibrationDataReader):
            """Hands over the pictures, one after the other."""

            rest: Iterator[dict[str, Any]] = iter([{name: picture[None]} for picture in seen])

            def get_next(self) -> dict[str, Any] | None:
                return next(self.rest, None)

        logging.disable(logging.WARNING)  # it recommends a step that this network does not need
        try:
            quantization.quantize_static(whole, small, Shown(), per_channel=True)
        finally:
            logging.disable(logging.NOTSET)
        asked = _prepared(model, task.test.inputs)
        for key, file in (("whole", whole), ("small", small)):
            session = _session(file)
            right = _answers(session, asked).argmax(1) == task.test.labels.numpy()
            values = {
                "accuracy": f"{right.mean():.1%}",
                "size": f"{file.stat().st_size / 1000:.0f}",
            }
            lines.append(text(f"lesson11.onnx_{key}", ms=f"{_time(session, asked):.2f}", **values))
    return lines


def write_onnx(model: nn.Module, file: Path) -> None:
    """The network, without its preprocessing, for batches of any size."""
    example = (torch.zeros(2, 3, 64, 64),)
    batch = ({0: torch.export.Dim("batch")},)
    options: dict[str, Any] = {"dynamic_shapes": batch, "dynamo": True, "verbose": False}
    program = torch.onnx.export(model.eval(), example, **options)
    if program is not None:
        program.save(file)


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _prepared(model: nn.Module, pictures: torch.Tensor) -> np.ndarray:
    return model.preprocess(pictures.cpu()).float().numpy()


def _answers(session: Any, pictures: np.ndarray) -> np.ndarray:
    return session.run(None, {session.get_inputs()[0].name: pictures})[0]


def _time(session: Any, pictures: np.ndarray) -> float:
    """Milliseconds for one picture, the least of ROUNDS."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        _answers(session, pictures[:1])
        times.append(time.perf_counter() - begin)
    return 1000 * min(times)
