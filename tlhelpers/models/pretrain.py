"""How the course's own weights were made, and how to make them again.

    tl pretrain zukan-resnet            about ten minutes on a laptop's CPU; seconds on a GPU
    tl pretrain zukan-resnet --out DIR  leaves the weights of the course as they are

It draws the source world, trains with the settings below, and writes NAME.safetensors (half
precision), NAME.json and NAME.md. Stopped half-way, the same command goes on where it was.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from tlhelpers.data.task import Split
from tlhelpers.data.zukan import DOMAINS, draw
from tlhelpers.models import networks
from tlhelpers.models.cards import ModelCard, weights_folder
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.weights import halve, store_halved
from tlhelpers.runtime import device as devices
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import fit
from tlhelpers.train.predict import evaluate
from tlhelpers.train.preprocessing import attach_preprocess

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


# Few passes over many drawings: longer training fits the source better and transfers worse.
RECIPES = {
    # three families on the same source
    "zukan-resnet": Recipe("zukan_resnet", "source", per_class=400, epochs=4),
    "zukan-vgg": Recipe("zukan_vgg", "source", per_class=150, epochs=4, lr=0.05),
    "zukan-inception": Recipe("zukan_inception", "source", per_class=150, epochs=4),
    # the first of them in a tenth of its size
    "zukan-small": Recipe("zukan_small", "source", per_class=400, epochs=4),
    # one family on sources made on purpose: outline only, texture only, paint only
    "zukan-shape": Recipe("zukan_resnet", "shapes", per_class=500, epochs=4),
    "zukan-texture": Recipe("zukan_resnet", "textures", per_class=400, epochs=4),
    "zukan-paint": Recipe("zukan_resnet", "paint", per_class=800, epochs=4),
}

SIZE = 64  # pixels
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
SHIFT = 3  # pixels; flips are part of the drawing, where a flipped thing is the same thing
ERASED_SHARE, ERASED_SIDE = 0.7, (16, 32)  # of the pictures; pixels
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
    attach_preprocess(model, Preprocess(MEAN, STD, size=SIZE))
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
        augment=shift_and_erase,
        valid=valid,
        seed=recipe.seed,
        device=place,
        checkpoint=checkpoint,
        checkpoint_every=100,
        progress=progress,
    )

    halve(model)
    test = draw_split(recipe.source, TEST_PER_CLASS, TEST_SEED, place, progress)
    accuracy = evaluate(model, test)

    card = ModelCard(
        name=name,
        architecture=recipe.architecture,
        source=recipe.source,
        classes=domain.classes,
        size=SIZE,
        mean=list(MEAN),
        std=list(STD),
        recipe=asdict(recipe),
        accuracy=round(accuracy, 4),
        seconds=round(history.seconds, 1),
        seconds_drawing=round(seconds_drawing, 1),
        device=devices.describe(place, devices.pick_precision(place)),
        **store_halved(model, out / f"{name}.safetensors"),
    )
    card.write(out / f"{name}.json", out / f"{name}.md")
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


def shift_and_erase(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch, uint8 (n, 3, height, width), moved a little, with a square of some painted over.

    Random erasing (Zhong et al., arXiv:1708.04896) keeps the network from resting on one part:
    on birds with five labels it is worth about three points, and nine at one label.
    """
    options = {"generator": generator, "device": images.device}
    steps = torch.randint(-SHIFT, SHIFT + 1, (2,), **options)
    images = torch.roll(images, steps.tolist(), (2, 3))
    count, _, height, width = images.shape
    each = (count, 1, 1, 1)
    reach = torch.randint(ERASED_SIDE[0] // 2, ERASED_SIDE[1] // 2 + 1, each, **options)
    centre_x = torch.randint(0, width, each, **options)
    centre_y = torch.randint(0, height, each, **options)
    x = torch.arange(width, device=images.device)
    y = torch.arange(height, device=images.device)[:, None]
    erased = ((x - centre_x).abs() < reach) & ((y - centre_y).abs() < reach)
    erased &= torch.rand(each, **options) < ERASED_SHARE
    paint = torch.randint(0, 256, (count, 3, 1, 1), dtype=torch.uint8, **options)
    return torch.where(erased, paint, images)
