"""The recipe that everybody knows, end to end: cats and dogs, a frozen network, five epochs.

What is timed is all between photos in memory and the accuracy on photos held out: a new head is
learned on MobileNetV2's features with Adam, for ours on features computed once and with the
network in the loop, for Keras 3 with the same network in the loop. All take the same batches in
the same order, and must end at the same accuracy.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tlhelpers.data.real import PHOTOS, real_photos
from tlhelpers.data.task import Split
from tlhelpers.models.real import mobilenet
from tlhelpers.models.surgery import features_of, freeze, replace_head, twin
from tlhelpers.train.engine import fit
from tlhelpers.train.predict import evaluate
from tlhelpers.transfer.extraction import extract_features

EPOCHS, BATCH, LR = 5, 32, 1e-3
CACHED, IN_THE_LOOP, KERAS = "tl.fit, features cached", "tl.fit, network in the loop", "Keras 3"


@dataclass
class Recipe:
    """Photos to learn from and photos held out; `network` gives their features."""

    network: nn.Module
    learned: Split
    held_out: Split
    classes: int

    def head(self) -> nn.Linear:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            width = extract_features(self.network, self.learned.inputs[:1], cache=False).shape[1]
            return nn.Linear(width, self.classes)


def cats_and_dogs(learned: int, held_out: int) -> Recipe:
    """So many of the real photos, of both animals alike. Raises StoreError where there are none."""
    photos = real_photos("cats_dogs")
    order = torch.randperm(len(photos.split), generator=torch.Generator().manual_seed(0))
    parts = order[: learned + held_out].split([learned, held_out])
    first, rest = (Split(photos.split.inputs[rows], photos.split.labels[rows]) for rows in parts)
    return Recipe(mobilenet(PHOTOS["cats_dogs"][1]), first, rest, len(photos.classes))


def contenders() -> dict[str, Callable[[Recipe], float]]:
    """Everybody who can run here; each gives the accuracy on the photos held out."""
    ours: dict[str, Callable[[Recipe], float]] = {
        CACHED: run_cached,
        IN_THE_LOOP: run_in_the_loop,
    }
    return ours | ({KERAS: run_keras} if importlib.util.find_spec("keras") else {})


def run_cached(recipe: Recipe) -> float:
    """Each photo passes through the network once."""
    learned, held_out = (
        Split(extract_features(recipe.network, split, batch_size=BATCH, cache=False), split.labels)
        for split in (recipe.learned, recipe.held_out)
    )
    head = recipe.head()
    _fit(head, learned)
    return evaluate(head, held_out)


def run_in_the_loop(recipe: Recipe) -> float:
    """Each photo passes through the frozen network in every epoch."""
    model = replace_head(twin(recipe.network), recipe.classes, dropout=0.0)
    head = recipe.head()
    last = next(part for part in reversed(list(model.modules())) if isinstance(part, nn.Linear))
    last.load_state_dict(head.state_dict())
    _fit(freeze(model), recipe.learned)
    return evaluate(model, recipe.held_out)


def _fit(model: nn.Module, split: Split) -> None:
    fit(
        model,
        split,
        epochs=EPOCHS,
        batch_size=BATCH,
        optimizer=lambda groups: torch.optim.Adam(groups, LR),
        schedule="constant",
        progress=False,
    )


def run_keras(recipe: Recipe) -> float:
    """The same network in a layer that is not trainable, a Dense layer, `compile` and `fit`."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    head = recipe.head()

    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = twin(recipe.network).requires_grad_(False)

        def train(self, mode: bool = True) -> Body:
            return super().train(False)  # the wrapper forgets `training=False` while it fits

        def forward(self, images: Tensor) -> Tensor:
            return features_of(self.network, recipe.network.preprocess(images.to(torch.uint8)))

    class Layer(keras.layers.TorchModuleWrapper):
        def compute_output_shape(self, input_shape: tuple) -> tuple:
            return (None, head.in_features)

    def loader(split: Split, shuffled: bool) -> DataLoader:
        data = TensorDataset(split.inputs, split.labels)
        return DataLoader(data, BATCH, shuffle=shuffled)

    with keras.device("cpu"):
        inputs = keras.Input(recipe.learned.inputs.shape[1:], dtype="uint8")
        dense = keras.layers.Dense(recipe.classes)
        body = Layer(Body(), trainable=False, dtype="float32", autocast=False)
        net = keras.Model(inputs, dense(body(inputs, training=False)))
        dense.set_weights([head.weight.detach().T.numpy(), head.bias.detach().numpy()])
        net.compile(
            keras.optimizers.Adam(LR),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        torch.manual_seed(0)
        net.fit(loader(recipe.learned, True), epochs=EPOCHS, verbose=0)
        return net.evaluate(loader(recipe.held_out, False), verbose=0, return_dict=True)["accuracy"]
