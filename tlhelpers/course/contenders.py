"""Who trains in `tl bench`: our engine, loops written by hand, and five trainers people use.

All get the same model, the same batches in the same order, the same optimizer, precision and
threads. The model notes when each step begins, which is the same small cost for everybody; what
a contender does once, before its first or after its last step, is left out.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tlhelpers.data.task import Split
from tlhelpers.train.engine import fit

LR, MOMENTUM = 0.01, 0.9


class Timed(nn.Module):
    """A model that notes when each of its steps begins: CPU seconds, and seconds on the clock."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.begun: list[tuple[float, float]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.begun.append((time.process_time(), time.perf_counter()))
        return self.model(inputs)

    def seconds_per_step(self, *, on_the_clock: bool = False) -> float:
        """The mean over all steps but the first fifth, which warm up."""
        steady = [moment[on_the_clock] for moment in self.begun[len(self.begun) // 5 :]]
        return (steady[-1] - steady[0]) / (len(steady) - 1)


@dataclass
class Race:
    """What is to be trained: one pass over float inputs and labels, in a fixed order."""

    name: str
    make: Callable[[], nn.Module]
    inputs: Tensor
    labels: Tensor
    batch_size: int = 64

    def start(self) -> Timed:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Timed(self.make().train())

    def order(self) -> Tensor:
        """The order of the engine's first epoch with seed 0."""
        return torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(0))

    def loader(self, dataset: Dataset | None = None) -> DataLoader:
        dataset = dataset or TensorDataset(self.inputs, self.labels)
        return DataLoader(dataset, batch_size=self.batch_size, sampler=self.order().tolist())

    def final_loss(self, model: nn.Module) -> float:
        with torch.no_grad():
            return F.cross_entropy(model.train()(self.inputs), self.labels).item()


def build_optimizer(params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=LR, momentum=MOMENTUM, nesterov=True, fused=True)


def run_engine(race: Race) -> Timed:
    """`tl.fit` on a split."""
    model = race.start()
    fit(
        model,
        Split(race.inputs, race.labels),
        epochs=1,
        batch_size=race.batch_size,
        optimizer="sgd",
        lr=LR,
        weight_decay=0.0,
        schedule="constant",
        progress=False,
    )
    return model


def run_loader_loop(race: Race) -> Timed:
    """The loop of every tutorial: a DataLoader over a TensorDataset."""
    model = race.start()
    optimizer = build_optimizer(model.parameters())
    for inputs, labels in race.loader():
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return model


def run_indexed_loop(race: Race) -> Timed:
    """The least a loop can do: tensors indexed directly, nothing else."""
    model = race.start()
    optimizer = build_optimizer(model.parameters())
    for rows in race.order().split(race.batch_size):
        inputs, labels = race.inputs[rows], race.labels[rows]
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return model


def run_lightning(race: Race) -> Timed:
    """Lightning's Trainer, with its bars, logs and checkpoints switched off."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self, model: nn.Module):
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            inputs, labels = batch
            return F.cross_entropy(self.model(inputs), labels)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return build_optimizer(self.parameters())

    model = race.start()
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(model), race.loader())
    return model


def run_skorch(race: Race) -> Timed:
    """skorch's NeuralNet, silent."""
    from skorch import NeuralNetClassifier

    model = race.start()
    net = NeuralNetClassifier(
        model,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        lr=LR,
        optimizer__momentum=MOMENTUM,
        optimizer__nesterov=True,
        optimizer__fused=True,
        max_epochs=1,
        batch_size=race.batch_size,
        iterator_train__sampler=race.order().tolist(),
        train_split=None,
        verbose=0,
        device="cpu",
    )
    net.fit(TensorDataset(race.inputs, race.labels), None)
    return model


def run_hf_trainer(race: Race) -> Timed:
    """Hugging Face's Trainer, with its bars, logs and checkpoints switched off."""
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    class Rows(Dataset):
        def __len__(self) -> int:
            return len(race.labels)

        def __getitem__(self, row: int) -> dict:
            return {"inputs": race.inputs[row], "labels": race.labels[row]}

    class WithLoss(nn.Module):
        def __init__(self, model: nn.Module):
            super().__init__()
            self.model = model

        def forward(self, inputs: Tensor, labels: Tensor) -> dict:
            return {"loss": F.cross_entropy(self.model(inputs), labels)}

    class OurOrder(Trainer):
        def get_train_dataloader(self) -> DataLoader:
            return self.accelerator.prepare(race.loader(self.train_dataset))

    model = race.start()
    optimizer = build_optimizer(model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=race.batch_size,
            max_grad_norm=0.0,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
        trainer = OurOrder(
            WithLoss(model), arguments, train_dataset=Rows(), optimizers=(optimizer, schedule)
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return model


def run_keras(race: Race) -> Timed:
    """Keras 3 on its torch backend: the same module in a layer, `compile` and `fit`, silent."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = race.start()
    with torch.no_grad():
        classes = model.model(race.inputs[:2]).shape[1]
    model = race.start()  # unseen by any example

    class Layer(keras.layers.TorchModuleWrapper):
        def compute_output_shape(self, input_shape: tuple) -> tuple:
            return (None, classes)

    tracing_is_over = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: model.begun.clear()  # what traced the shapes was no step
    )
    with keras.device("cpu"):
        inputs = keras.Input(race.inputs.shape[1:])
        net = keras.Model(inputs, Layer(model)(inputs))
        net.compile(
            keras.optimizers.SGD(LR, momentum=MOMENTUM, nesterov=True),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        net.fit(race.loader(), epochs=1, verbose=0, callbacks=[tracing_is_over])
    return model


def run_fastai(race: Race) -> Timed:
    """fastai's Learner without its recorder, with PyTorch's optimizer, silent."""
    from fastai.learner import DataLoaders, Learner, Recorder
    from fastai.optimizer import OptimWrapper

    model = race.start()
    options = {"momentum": MOMENTUM, "nesterov": True, "fused": True}
    learner = Learner(
        DataLoaders(race.loader(), []),
        model,
        loss_func=nn.CrossEntropyLoss(),
        opt_func=functools.partial(OptimWrapper, opt=torch.optim.SGD, **options),
        lr=LR,
    )
    learner.remove_cb(Recorder)
    learner.fit(1)
    return model


ENGINE, LOADER_LOOP, INDEXED_LOOP = "tl.fit", "DataLoader loop", "indexed loop"
_PEERS = {
    "Lightning Trainer": ("lightning", run_lightning),
    "skorch": ("skorch", run_skorch),
    "Hugging Face Trainer": ("transformers", run_hf_trainer),
    "Keras 3": ("keras", run_keras),
    "fastai": ("fastai", run_fastai),
}


def contenders() -> dict[str, Callable[[Race], Timed]]:
    """Everybody who can run here; a peer that is not installed stays away."""
    ours: dict[str, Callable[[Race], Timed]] = {
        ENGINE: run_engine,
        LOADER_LOOP: run_loader_loop,
        INDEXED_LOOP: run_indexed_loop,
    }
    return ours | {
        name: run
        for name, (package, run) in _PEERS.items()
        if importlib.util.find_spec(package) is not None
    }


@contextmanager
def silence() -> Iterator[None]:
    """Peers comment on what they were not given; the table is what counts here."""
    names = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "transformers")
    levels = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in levels:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)
