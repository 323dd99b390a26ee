"""What a model answers, without learning: the one loop of inference.

`predict`, `evaluate`, the validation of `fit` and `extract_features` all compute through
`outputs`: in eval mode, in the precision and layout of training, on the device where the model
lies (one that lies on the CPU is lent to the best device meanwhile), and in smaller portions
where memory falls short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import text
from tlhelpers.train.batches import Batch, LoaderBatches, SplitBatches, batches_of
from tlhelpers.train.placement import (
    Portion,
    as_precision,
    autocast,
    is_short_of_memory,
    lent_to_device,
    preparation,
)
from tlhelpers.train.preprocessing import preprocess_of


def predict(
    model: nn.Module,
    split_or_inputs: Split | DataLoader | Tensor | np.ndarray | Sequence[str] | str,
    batch_size: int = 256,
    *,
    precision: str | torch.dtype | None = None,
) -> Tensor:
    """The logits (n, classes) of every example, in order, as float32 on the CPU.

    The inputs are preprocessed as in `fit`; the model is left as it was.
    """
    data = as_data(split_or_inputs)
    return torch.cat([logits for logits, _ in infer(model, data, batch_size, precision)])


def evaluate(model: nn.Module, split: Split | DataLoader, batch_size: int = 256) -> float:
    """The model's accuracy (a fraction) on a split.

    Raises ValueError for a label that the model has no output for.
    """
    hits = []
    for logits, labels in infer(model, split, batch_size):
        require_labels(labels, logits.shape[1])
        hits.append(logits.argmax(1) == labels)
    return torch.cat(hits).double().mean().item()


def logits_of(model: nn.Module, inputs: Tensor | dict) -> Tensor:
    """Calls the model on a preprocessed batch; (n, classes), whatever the model wraps them in."""
    output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    return output if isinstance(output, Tensor) else output.logits


def as_data(inputs: Split | DataLoader | Tensor | np.ndarray | Sequence[str] | str) -> Any:
    """Splits and DataLoaders as they are, other inputs as a split whose labels are all 0.

    Raises ValueError for a whole task, and for what holds no inputs.
    """
    if isinstance(inputs, Split | DataLoader):
        return inputs
    if isinstance(inputs, Task):
        raise ValueError(text("engine.whole_task", name=inputs.name))
    if not isinstance(inputs, Sequence | np.ndarray | Tensor) or getattr(inputs, "ndim", 1) < 1:
        raise ValueError(text("engine.no_inputs", value=f"{inputs!r:.60}"))
    if isinstance(inputs, str):
        inputs = [inputs]
    elif isinstance(inputs, np.ndarray):
        inputs = torch.from_numpy(inputs)
    elif not isinstance(inputs, Tensor) and len(inputs) and isinstance(inputs[0], Tensor):
        inputs = torch.stack(tuple(inputs))
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long))


def require_labels(labels: Tensor, classes: int) -> None:
    """Raises ValueError unless every label is a number from 0 to classes - 1."""
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        least, highest = int(labels.min()), int(labels.max())
        raise ValueError(text("engine.labels", least=least, highest=highest, last=classes - 1))


def outputs(
    model: nn.Module,
    batches: SplitBatches | LoaderBatches,
    compute: Callable,
    portion: Portion,
    in_step: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(`compute` of the raw inputs, labels) of each batch, without gradients and in eval mode.

    Every module gets its own mode back. Where memory falls short, `portion` is halved; not where
    all processes must compute `in_step`, in as many pieces.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for batch in batches.epoch():
            if not batch.weight and not in_step:
                continue
            count = batch.most if in_step else len(batch.labels)
            while (computed := _compute(batch, compute, -(-count // portion.size))) is None:
                if in_step:
                    half = max(1, min(portion.size, count) // 2)
                    raise RuntimeError(text("engine.out_of_memory_late", half=half))
                portion.halve(count, batches.device, "engine.out_of_memory_outputs")
            if batch.weight:
                yield computed[: len(batch.labels)], batch.labels
    finally:
        for module, mode in modes:
            module.training = mode


def _compute(batch: Batch, compute: Callable, pieces: int) -> Tensor | None:
    """What `compute` makes of the batch in so many pieces; None where they do not fit."""
    try:
        with torch.no_grad():
            found = ((compute(inputs), weight) for _, inputs, _, weight in batch.pieces(pieces))
            parts = [computed for computed, weight in found if weight or not batch.weight]
            return parts[0] if len(parts) == 1 else torch.cat(parts)
    except RuntimeError as error:
        if not is_short_of_memory(error):
            raise
        return None


def infer(
    model: nn.Module,
    data: Split | DataLoader,
    batch_size: int,
    precision: str | torch.dtype | None = None,
    *,
    forward: Callable = logits_of,
    preprocess: Callable | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """(float32 outputs, labels) of each batch in order, on the CPU.

    forward: (model, preprocessed inputs) -> Tensor (n, ...). preprocess: None takes the model's.
    """
    with lent_to_device(model) as device:
        batches = batches_of(data, device, batch_size, passes=1)
        prepare = preparation(model, preprocess or preprocess_of(model, data), device)
        computing = autocast(device, as_precision(precision, device))

        def compute(raw: Any) -> Any:
            with computing():
                return forward(model, prepare(raw))

        for computed, labels in outputs(model, batches, compute, Portion(batch_size)):
            yield computed.float().cpu(), labels.cpu()
