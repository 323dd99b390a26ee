"""How data reach the model: held on the device and indexed there, or read batch by batch.

A split that fits lies on the device as one tensor (pictures stay uint8 until their batch is
due), which spares the collating and copying that a `DataLoader` does for every example. What
does not fit, and text, is read by row numbers, pictures ahead of time in a thread; a foreign
`DataLoader` is used as it is. All three yield `Batch`es.

Several processes share each batch, so that every example is learned from once an epoch, and once
only. Of a split, and of a DataLoader with a sampler, each reads its share alone. A stream
(IterableDataset) is read by all, who keep their shares, unless it deals out its shards itself as
`ShardStream` does; there a process may run out of data before the others.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple
from zlib import crc32

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    get_worker_info,
)

from tlhelpers.data.task import Split
from tlhelpers.runtime.arguments import require_seed
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
    fewest: int  # examples of the process that has the smallest share, apart from none
    most: int  # and the largest

    def pieces(self, parts: int) -> Iterator[tuple]:
        """(rows, inputs, labels, weight) in so many pieces, as equal as can be.

        Where there are more pieces than examples, the first example fills in, with weight 0.
        """
        rows, inputs, labels, weight = self[:4]
        count = len(labels)
        if parts == 1:
            yield rows, inputs, labels, weight
            return
        for part in range(parts):
            cut = slice(count * part // parts, count * (part + 1) // parts)
            share = weight * (cut.stop - cut.start) / count
            if not share:
                cut = slice(0, 1)
            yield None if rows is None else rows[cut], _cut(inputs, cut), labels[cut], share


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
        self.last = len(split) % batch_size or batch_size  # examples of the last batch
        self.fewest_of_last = max(1, self.last // world)
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
        wholes = order.split(self.batch_size)[skip:]
        shares = [self._share(rows) for rows in wholes]
        read = self._gather if self.held else None
        batches = map(read, shares) if read else read_batches(self.split, shares, self.device)
        for whole, rows, (inputs, labels) in zip(map(len, wholes), shares, batches, strict=True):
            inputs, labels = move(inputs, self.device), move(labels, self.device)
            weight, fewest, most = 1.0, whole, whole
            if self.world > 1:
                fewest, most = max(1, whole // self.world), -(-whole // self.world)
                own = len(range(self.rank, whole, self.world))
                weight = own * self.world / whole
            yield Batch(move(rows, self.device), inputs, labels, weight, whole, fewest, most)

    def _share(self, rows: Tensor) -> Tensor:
        """This process's rows of a batch; where there are none, one that will weigh nothing."""
        if self.world == 1:
            return rows
        share = rows[self.rank :: self.world]
        return share if len(share) else rows[:1]

    def _gather(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.inputs.index_select(0, rows), self.labels.index_select(0, rows)


class LoaderBatches:
    """A DataLoader of the learner's own: (inputs, labels) or a dict that holds "labels"."""

    can_skip = False

    def __init__(self, loader: DataLoader, device: torch.device, processes: Processes | None):
        sampler, self.device = loader.batch_sampler, device
        self.processes, self.world = processes, processes.world if processes else 1
        self.rank = processes.rank if processes else 0
        stream = isinstance(loader.dataset, IterableDataset)
        dealt = getattr(loader.dataset, "deals_shards", False)
        dealt = dealt or isinstance(loader.sampler, DistributedSampler)
        self.read_by_all = stream and not dealt
        self.loader = loader
        if processes and self.world > 1 and not stream and not dealt:
            self.loader = processes.share(loader)
        self.batch_size: int | None = getattr(sampler, "batch_size", None)
        self.last = self.fewest_of_last = _leftover(loader) or self.batch_size or 1
        if self.loader is not loader and self.batch_size:
            block = self.batch_size // self.world  # as accelerate deals out a batch
            self.fewest_of_last = self.last % block or block

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, seed: int | None = None, skip: int = 0) -> Iterator[Batch]:
        """One pass in the loader's own order, which `seed` moves only where it has `set_epoch`."""
        for part in (self.loader.dataset, self.loader.sampler):
            if seed is not None and hasattr(part, "set_epoch"):
                part.set_epoch(seed)
        if self.processes is None or self.world == 1:
            for inputs, labels in map(_inputs_and_labels, self.loader):
                count = len(labels)
                inputs, labels = move(inputs, self.device), move(labels, self.device)
                yield Batch(None, inputs, labels, 1.0, count, count, count)
        elif self.read_by_all:
            yield from self._shares_of_stream(self.processes)
        else:
            yield from self._own_batches(self.processes)

    def _shares_of_stream(self, processes: Processes) -> Iterator[Batch]:
        """This process's share of each batch of a stream that all read.

        Raises ValueError as soon as two processes have read different batches, for then some
        examples would be seen twice and others never.
        """
        stream = iter(self.loader)
        while True:
            batch = next(stream, None)
            inputs, labels = (None, torch.zeros(0)) if batch is None else _inputs_and_labels(batch)
            seen = processes.counts(len(labels), crc32(labels.cpu().numpy().tobytes()))
            if any(one != seen[0] for one in seen):
                raise ValueError(text("engine.streams_differ"))
            if batch is None:
                return
            own = slice(self.rank, None, self.world)
            counts = [len(range(rank, len(labels), self.world)) for rank in range(self.world)]
            yield self._batch(_cut(inputs, own), labels[own], counts)

    def _own_batches(self, processes: Processes) -> Iterator[Batch]:
        """This process's own batches, until no process has any more."""
        batches = iter(self.loader)
        while True:
            batch = next(batches, None)
            inputs, labels = (None, torch.zeros(0)) if batch is None else _inputs_and_labels(batch)
            counts = [count for (count,) in processes.counts(len(labels))]
            if not sum(counts):
                return
            yield self._batch(inputs, labels, counts)

    def _batch(self, inputs: Any, labels: Tensor, counts: list[int]) -> Batch:
        whole = sum(counts)
        weight = len(labels) * self.world / whole
        inputs, labels = move(inputs, self.device), move(labels, self.device)
        fewest = min(count for count in counts if count)
        return Batch(None, inputs, labels, weight, whole, fewest, max(counts))


class ShardStream(IterableDataset):
    """A stream of examples that lie in shards (tar files, folders, parts of a text): each shard is
    read by one process, and there by one worker of its DataLoader.

        loader = DataLoader(ShardStream(sorted(folder.glob("*.tar")), read_tar), batch_size=32)
        fit(model, loader, max_steps=1000)

    shards: what `read` takes, one by one. read: a shard -> its examples, as the DataLoader
        collates them. seed: of the order of the shards, another one in each epoch; None: as given.

    `batch_size` of the DataLoader is each process's own. Shards may differ in length, and there
    may be fewer of them than processes.
    """

    deals_shards = True

    def __init__(
        self, shards: Sequence[Any], read: Callable[[Any], Iterable[Any]], seed: int | None = 0
    ):
        if not isinstance(shards, Iterable) or isinstance(shards, str | bytes):
            raise ValueError(text("engine.no_shards", value=f"{shards!r:.60}"))
        if not callable(read):
            raise ValueError(text("engine.no_reader", value=f"{read!r:.60}"))
        if seed is not None:
            require_seed(seed)
        self.shards, self.read, self.seed, self.epoch = list(shards), read, seed, 0
        if not self.shards:
            raise ValueError(text("engine.no_shards", value="[]"))

    def set_epoch(self, epoch: int) -> None:
        """Sets what the order of the shards follows from, beside the seed."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        order = torch.arange(len(self.shards))
        if self.seed is not None:
            generator = torch.Generator().manual_seed(self.seed + self.epoch)
            order = torch.randperm(len(self.shards), generator=generator)
        rank, world = (int(os.environ.get(n, v)) for n, v in (("RANK", "0"), ("WORLD_SIZE", "1")))
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        for place in order[rank + world * number :: world * workers].tolist():
            yield from self.read(self.shards[place])


def _inputs_and_labels(batch: Any) -> tuple[Any, Tensor]:
    """The two parts of what a DataLoader hands out. Raises ValueError where it has others."""
    if isinstance(batch, Mapping) and "labels" in batch:
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        labels = batch["labels"]
    elif isinstance(batch, tuple | list) and len(batch) == 2:
        inputs, labels = batch
    else:
        parts = list(batch) if isinstance(batch, Mapping) else type(batch).__name__
        raise ValueError(text("engine.batch_odd", parts=parts))
    if not isinstance(labels, Tensor):
        raise ValueError(text("engine.labels_odd", labels=f"{labels!r:.60}"))
    return inputs, labels


def _cut(inputs: Any, part: slice) -> Any:
    """Some examples of a batch: of a tensor, of a list, or of each value of a dict."""
    if isinstance(inputs, dict):
        return {name: value[part] for name, value in inputs.items()}
    return inputs[part]


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
