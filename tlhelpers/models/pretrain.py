"""How the course's own weights were made, and how to make them again.

    tl pretrain zukan-resnet            about ten minutes on a laptop's CPU; seconds on a GPU
    tl pretrain zukan-resnet --out DIR  leaves the weights of the course as they are

It draws the source world, trains with the settings below, and writes NAME.safetensors (half
precision), NAME.json and NAME.md. Stopped half-way, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm.auto import tqdm

from tlhelpers.data.task import Split
from tlhelpers.data.zukan import DOMAINS, draw
from tlhelpers.models import networks
from tlhelpers.models.cards import ModelCard, weights_folder
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.surgery import head_of
from tlhelpers.runtime import device as devices
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import evaluate, fit

# --- settings -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """What is trained on what, and how: SGD with Nesterov momentum, a one-cycle rate."""

    architecture: str  # a function of `networks.py`
    source: str  # a domain of the drawn world
    per_class: int  # drawings a class
    epochs: int
    lr: float = 0.1  # at the top of the cycle
    warmup: float = 0.2  # the share of the steps up to that top
    weight_decay: float = 5e-4
    batch_size: int = 128
    seed: int = 0


RECIPES = {
    # three families on the same source
    "zukan-resnet": Recipe("zukan_resnet", "source", per_class=300, epochs=7),
    "zukan-vgg": Recipe("zukan_vgg", "source", per_class=200, epochs=6, lr=0.05),
    "zukan-inception": Recipe("zukan_inception", "source", per_class=200, epochs=6),
    # one family on sources made on purpose: outline only, texture only, paint only
    "zukan-shape": Recipe("zukan_resnet", "shapes", per_class=1000, epochs=5),
    "zukan-texture": Recipe("zukan_resnet", "textures", per_class=800, epochs=5),
    "zukan-paint": Recipe("zukan_resnet", "paint", per_class=1500, epochs=5),
}

SIZE = 64  # pixels
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
SHIFT = 3  # pixels; flips are part of the drawing, where a flipped thing is the same thing
# Drawings of their own, which no task of the course shows: the seeds of `draw`.
TRAIN_SEED, VALID_SEED, TEST_SEED = 700_001, 700_002, 700_003
VALID_PER_CLASS, TEST_PER_CLASS = 8, 20


# --- the script, in the order it runs -----------------------------------------------------


def pretrain(
    name: str,
    out: str | Path | None = None,
    *,
    resume: bool = True,
    recipe: Recipe | None = None,
    device: str | None = None,
    progress: bool | None = None,
) -> ModelCard:
    """Makes the weights called `name` and their card, in the folder `out`.

    out: None is the course's own folder. recipe: other settings than RECIPES[name].
    resume: go on from a run that was stopped; False starts anew.
    Raises ValueError for a name without a recipe.
    """
    if name not in RECIPES:
        raise ValueError(text("pretrain.unknown", name=name, known=", ".join(RECIPES)))
    recipe = recipe or RECIPES[name]
    out = weights_folder() if out is None else Path(out)
    place = devices.pick_device(device)

    started = time.perf_counter()
    train = draw_split(recipe.source, recipe.per_class, TRAIN_SEED, place, progress)
    valid = draw_split(recipe.source, VALID_PER_CLASS, VALID_SEED, place, progress)
    seconds_drawing = time.perf_counter() - started

    domain = DOMAINS[recipe.source]
    devices.set_seed(recipe.seed)
    model = getattr(networks, recipe.architecture)(domain.num_classes)
    model.__dict__["preprocess"] = Preprocess(MEAN, STD, size=SIZE)
    checkpoint = store.cache_folder() / "pretrain" / name
    if not resume:
        shutil.rmtree(checkpoint, ignore_errors=True)
    history = fit(
        model,
        train,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        optimizer="sgd",
        lr=recipe.lr,
        warmup=recipe.warmup,
        weight_decay=recipe.weight_decay,
        augment=shift_randomly,
        valid=valid,
        seed=recipe.seed,
        device=place,
        checkpoint=checkpoint,
        checkpoint_every=100,
        progress=progress,
    )

    # What is measured is what is stored: the weights rounded to half precision.
    weights = {key: _halve(value.cpu()) for key, value in model.state_dict().items()}
    model.load_state_dict(weights)
    test = draw_split(recipe.source, TEST_PER_CLASS, TEST_SEED, place, progress)
    accuracy = evaluate(model, test)

    file = store.write_atomic(
        out / f"{name}.safetensors", lambda temporary: save_file(weights, temporary)
    )
    card = ModelCard(
        name=name,
        architecture=recipe.architecture,
        source=recipe.source,
        classes=domain.classes,
        size=SIZE,
        mean=MEAN,
        std=STD,
        feature_dim=getattr(*head_of(model)).in_features,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        sha256=store.sha256(file),
        bytes=file.stat().st_size,
        recipe=asdict(recipe),
        accuracy=round(accuracy, 4),
        seconds=round(history.seconds, 1),
        seconds_drawing=round(seconds_drawing, 1),
        device=devices.describe(place, devices.pick_precision(place)),
        torch=torch.__version__,
    )
    card.write(out)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return card


def draw_split(
    domain: str, per_class: int, seed: int, device: torch.device, progress: bool | None = None
) -> Split:
    """`per_class` drawings of every class, class by class; a bar where they take a while."""
    num_classes = DOMAINS[domain].num_classes
    labels = torch.arange(num_classes).repeat_interleave(per_class)
    indices = torch.arange(per_class).repeat(num_classes)
    images = torch.empty(len(labels), 3, SIZE, SIZE, dtype=torch.uint8, device=device)
    hidden = progress is False
    with tqdm(total=len(labels), desc=domain, delay=1, leave=False, disable=hidden) as bar:
        for rows in torch.arange(len(labels)).split(2048):
            drawn = draw(domain, labels[rows], indices[rows], seed, SIZE, device=device)
            images[rows.to(device)] = drawn
            bar.update(len(rows))
    return Split(images, labels)


def shift_randomly(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch (n, 3, height, width), moved by up to SHIFT pixels each way, wrapped around."""
    steps = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator, device=generator.device)
    return torch.roll(images, steps.tolist(), (2, 3))


def _halve(value: Tensor) -> Tensor:
    return value.half().contiguous() if value.is_floating_point() else value


def main(argv: Sequence[str] | None = None) -> int:
    """`tl pretrain NAME [--out DIR] [--restart] [--device NAME]`."""
    parser = argparse.ArgumentParser(prog="tl pretrain", description=text("pretrain.about"))
    parser.add_argument("name", choices=RECIPES, help=text("pretrain.help_name"))
    parser.add_argument("--out", type=Path, help=text("pretrain.help_out"))
    parser.add_argument("--restart", action="store_true", help=text("pretrain.help_restart"))
    parser.add_argument("--device", help=text("pretrain.help_device"))
    asked = parser.parse_args(argv)
    devices.set_threads()
    card = pretrain(
        asked.name, asked.out, resume=not asked.restart, device=asked.device, progress=True
    )
    folder = asked.out or weights_folder()
    print(
        text(
            "pretrain.done",
            name=card.name,
            accuracy=100 * card.accuracy,
            num_classes=card.num_classes,
            seconds=card.seconds,
            folder=folder,
        )
    )
    return 0
