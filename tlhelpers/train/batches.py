"""How data reach the model: held on the device and indexed there, or read batch by batch.

A split that fits lies on the device as one tensor (pictures stay uint8 until their batch is
due), which spares the collating and copying that a `DataLoader` does for every example. What
does not fit, and text, is read by row numbers, pictures ahead of time in a thread; a foreign
`DataLoader` is used as it is. All three yield `Batch`es.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader

from tlhelpers.data.task import Split
from tlhelpers.runtime.language import text
from tlhelpers.train.processes import Processes

HELD_BYTES = 1 << 29  # a drawn split up to this size is drawn once and kept
AHEAD = 2  # batches that are read while one is computed


class Batch(NamedTuple):
    """What one process sees of one step."""

    rows: Tensor | None  # LongTensor (n,), row numbers in the split; None from a DataLoader
    inputs: Any  # a tensor, a list of str or a dict, before augmentation and preprocessing
    labels: Tensor  # LongTensor (n,)
    weight: float  # of this mean among the means of all processes; 1.0 where shares are equal
    whole: int  # examples of the step over all processes

    def pieces(self, size: int) -> Iterator[tuple]:
        """(rows, inputs, labels, weight) in equal pieces of at most `size` examples."""
        rows, inputs, labels, weight, _ = self
        count = len(labels)
        if count <= size:
            yield rows, inputs, labels, weight
            return
        parts = -(-count // size)
        for part in range(parts):
            cut = slice(count * part // parts, count * (part + 1) // parts)
            if isinstance(inputs, dict):
                piece = {name: value[cut] for name, value in inputs.items()}
            else:
                piece = inputs[cut]
            share = weight * (cut.stop - cut.start) / count
            yield None if rows is None else rows[cut], piece, labels[cut], share


class SplitBatches:
    """A split, held on the device where it fits there; each process reads its share of a batch."""

    can_skip = True

    def __init__(
        self,
        split: Split,
        device: torch.device,
        batch_size: int,
        rank: int,
        world: int,
        keep: bool = True,
    ):
        if not len(split):
            raise ValueError(text("engine.split_empty"))
        self.split, self.device, self.batch_size = split, device, batch_size
        self.rank, self.world = rank, world
        self.last_is_single = 0 < len(split) % batch_size < 2 * world  # in one process at least
        self.held = (keep or not split.is_lazy) and _fits(split, device)
        if self.held:
            self.inputs = split.inputs.to(device)
            self.labels = split.labels.to(device)

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def epoch(self, seed: int | None = None, skip: int = 0) -> Iterator[Batch]:
        """One pass over the rows, in the order that `seed` gives (None: as they stand).

        skip: batches left out at the start, which a resumed run has seen.
        """
        count = len(self.split)
        if seed is None:
            order = torch.arange(count)
        else:
            order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        if self.held:
            order = order.to(self.device)
        parts = [self._share(rows) for rows in order.split(self.batch_size)[skip:]]
        shares = (rows for rows, _, _ in parts)
        read = self._gather if self.held else None
        batches = map(read, shares) if read else read_batches(self.split, shares, self.device)
        for (rows, weight, whole), (inputs, labels) in zip(parts, batches, strict=True):
            inputs, labels = move(inputs, self.device), move(labels, self.device)
            yield Batch(move(rows, self.device), inputs, labels, weight, whole)

    def _share(self, rows: Tensor) -> tuple[Tensor, float, int]:
        """This process's rows of a batch, their weight, and how many there are in all."""
        if self.world == 1:
            return rows, 1.0, len(rows)
        share = rows[self.rank :: self.world]
        weight = len(share) * self.world / len(rows)
        return share if len(share) else rows[:1], weight, len(rows)  # a mean needs one row

    def _gather(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.inputs.index_select(0, rows), self.labels.index_select(0, rows)


class LoaderBatches:
    """A DataLoader of the learner's own: (inputs, labels) or a dict that holds "labels"."""

    can_skip = False

    def __init__(self, loader: DataLoader, device: torch.device, processes: Processes | None):
        sampler, self.device = loader.batch_sampler, device
        self.loader = processes.share(loader) if processes else loader
        self.world = processes.world if processes else 1
        self.batch_size: int | None = getattr(sampler, "batch_size", None)
        self.last_is_single = self.world == 1 and _leftover(loader) == 1

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, seed: int | None = None, skip: int = 0) -> Iterator[Batch]:
        """One pass in the loader's own order: `seed` and `skip` cannot move it."""
        for batch in self.loader:
            if isinstance(batch, Mapping):
                inputs = {name: value for name, value in batch.items() if name != "labels"}
                labels = batch["labels"]
            else:
                inputs, labels = batch
            count = len(labels) * self.world
            yield Batch(None, move(inputs, self.device), move(labels, self.device), 1.0, count)


def batches_of(
    data: Split | DataLoader,
    device: torch.device,
    batch_size: int,
    processes: Processes | None = None,
    passes: int | None = None,
) -> SplitBatches | LoaderBatches:
    """The batches of a split or a DataLoader for this process.

    passes: 1 where the data are needed once only, so that lazy inputs need not be kept.
    """
    if isinstance(data, DataLoader):
        return LoaderBatches(data, device, processes)
    rank, world = (processes.rank, processes.world) if processes else (0, 1)
    return SplitBatches(data, device, batch_size, rank, world, keep=passes != 1)


def _leftover(loader: DataLoader) -> int:
    """How many examples the last batch of a loader has, where it is no whole one and known."""
    sampler = loader.batch_sampler
    if not isinstance(sampler, BatchSampler) or sampler.drop_last:
        return 0
    try:
        return len(sampler.sampler) % sampler.batch_size
    except TypeError:  # a stream
        return 0


def read_batches(
    split: Split, parts: Iterable[Tensor], device: torch.device
) -> Iterator[tuple[Tensor | list, Tensor]]:
    """`split.batch(rows)` of each part in turn; pictures AHEAD of their use, in one thread.

    One thread reads in the order asked, so that nothing depends on its speed, as long as what a
    split draws follows from the row numbers alone. For a GPU it pins what it read. Texts are
    only looked up, which costs less than a thread.
    """
    if not split.is_lazy and not isinstance(split.inputs, Tensor):
        yield from map(split.batch, parts)
        return

    def read(rows: Tensor) -> tuple[Tensor | list, Tensor]:
        inputs, labels = split.batch(rows)
        if device.type == "cuda" and isinstance(inputs, Tensor) and not inputs.is_cuda:
            with torch.cuda.device(device):  # a new thread starts on the first one
                inputs = inputs.pin_memory()
        return inputs, labels

    reader = ThreadPoolExecutor(1, "read_batches")
    waiting: deque[Future[tuple[Any, Tensor]]] = deque()
    try:
        for rows in parts:
            waiting.append(reader.submit(read, rows))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        reader.shutdown(cancel_futures=True)


def move(value: Any, device: torch.device) -> Any:
    """A tensor, or a dict of tensors, on the device; what is neither stays as it is."""
    if isinstance(value, dict):
        return {name: move(item, device) for name, item in value.items()}
    if not isinstance(value, Tensor) or value.device == device:
        return value
    if device.type == "cuda" and value.device.type == "cpu":
        return value.pin_memory().to(device, non_blocking=True)
    return value.to(device)


def _fits(split: Split, device: torch.device) -> bool:
    """True where the whole split may lie on the device as one tensor."""
    if not split.is_lazy and not isinstance(split.inputs, Tensor):
        return False
    first, _ = split.batch(torch.arange(1))
    if not isinstance(first, Tensor):
        return False
    size = first.element_size() * first.numel() * len(split)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return size <= free // 4 and (size <= HELD_BYTES or not split.is_lazy)
    return size <= HELD_BYTES or (device.type == "cpu" and not split.is_lazy)
