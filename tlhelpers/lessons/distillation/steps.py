"""What lesson 11 does to networks and to pictures, in its cells and in its experiments."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from tlhelpers.data.corpus import write_letters
from tlhelpers.data.task import Split
from tlhelpers.models.language_models import mean_of_tokens
from tlhelpers.models.networks import residual, zukan_small
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.pretrain import MEAN, SIZE, STD
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import language
from tlhelpers.train.preprocessing import attach_preprocess

LABELS = 5  # labelled pictures of each kind of bird; as many more choose settings
SIGN = 12  # pixels, the side of the coloured sign of a feeder
COLOURS = torch.tensor(  # ten signs, one for each kind of bird
    [
        [230, 25, 25],
        [25, 160, 60],
        [250, 220, 30],
        [20, 70, 220],
        [245, 130, 25],
        [140, 30, 180],
        [30, 220, 220],
        [240, 50, 220],
        [255, 255, 255],
        [10, 10, 10],
    ],
    dtype=torch.uint8,
)


def new_student(
    seed: int = 0, classes: int = 10, channels: Sequence[int] | None = None
) -> nn.Module:
    """The architecture of zukan-small, or of other `channels`, with random weights."""
    set_seed(seed)
    network = zukan_small(classes) if channels is None else residual(classes, channels)
    return attach_preprocess(network, Preprocess(MEAN, STD, size=SIZE))


class AveragedVectors(nn.Module):
    """A vector for each token of a text, their mean, and a linear head: no word sees another.

    As in fastText (Joulin et al., 2016, arXiv:1607.01759). Takes what a tokenizer gives: token
    numbers and mask, (n, tokens).
    """

    def __init__(self, vocabulary: int, classes: int, width: int = 16):
        super().__init__()
        self.vectors = nn.Embedding(vocabulary, width)
        self.classifier = nn.Linear(width, classes)

    @classmethod
    def like(cls, teacher: nn.Module, classes: int, seed: int = 0) -> AveragedVectors:
        """Random vectors for the tokens of `teacher`, a language model of transformers."""
        set_seed(seed)
        vocabulary = teacher.encoder.get_input_embeddings().num_embeddings
        return attach_preprocess(cls(vocabulary, classes), teacher.preprocess)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.classifier(mean_of_tokens(self.vectors(input_ids), attention_mask))


def letters(count: int, lang: str | None = None, seed: int = 11) -> list[str]:
    """So many letters to the shop without labels, in "en" or "ja" (None: the learner's)."""
    english = (lang or language()) == "en"
    return [one.english if english else one.japanese for one in write_letters(count, seed)]


def kilobytes(model: nn.Module) -> float:
    """The size of the file that holds the weights and buffers as they are."""
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    return len(stored.getvalue()) / 1000


def in_eight_bits(model: nn.Module) -> nn.Module:
    """A copy whose convolutions and linear layers hold only what 8 bits a weight can hold.

    One scale for each output channel: w becomes s * round(w / s), with 127 steps up and down.
    """
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for layer in rounded.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                w = layer.weight
                scale = w.flatten(1).abs().amax(1).clamp_min(1e-12) / 127
                scale = scale.view(-1, *[1] * (w.ndim - 1))
                w.copy_((w / scale).round() * scale)
    return rounded


def kilobytes_in_eight_bits(model: nn.Module) -> float:
    """One byte a weight, four for each scale and each number that stays as it is."""
    total = 0
    for layer in model.modules():
        own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
        numbers = sum(value.numel() for value in own)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weights = layer.weight.numel()
            total += weights + 4 * (layer.weight.shape[0] + numbers - weights)
        else:
            total += 4 * numbers
    return total / 1000


def cut_weights(model: nn.Module, share: float) -> nn.Module:
    """A copy in which the smallest `share` of all weights is 0 and stays 0 in training (pruning).

    Han et al., 2015 (arXiv:1506.02626). `finish_cut` makes the zeros part of the weights.
    """
    cut = copy.deepcopy(model)
    layers = [m for m in cut.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    pairs = [(layer, "weight") for layer in layers]
    prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=share)
    return cut


def finish_cut(model: nn.Module) -> nn.Module:
    for layer in model.modules():
        if hasattr(layer, "weight_orig"):
            prune.remove(layer, "weight")
    return model


def kilobytes_cut(model: nn.Module) -> float:
    """What is not 0 takes four bytes, and two more to say where it stands."""
    values = (*model.parameters(), *model.buffers())
    return sum(6 * int(value.count_nonzero()) for value in values) / 1000


def with_signs(split: Split, signs: Tensor) -> Split:
    """The same pictures with a coloured square in the corner, of the colour number signs[i]."""
    pictures = split.inputs.clone()
    pictures[:, :, :SIGN, :SIGN] = COLOURS[signs][:, :, None, None]
    return Split(pictures, split.labels)


def with_mistakes(split: Split, share: float, seed: int = 0) -> Split:
    """The same pictures; `share` of the labels, drawn at random, name another class."""
    generator = torch.Generator().manual_seed(seed)
    classes = int(split.labels.max()) + 1
    off = torch.randperm(len(split), generator=generator)[: round(share * len(split))]
    labels = split.labels.clone()
    labels[off] += torch.randint(1, classes, (len(off),), generator=generator)
    return Split(split.inputs, labels % classes)


def milliseconds(model: nn.Module, pictures: Tensor, rounds: int = 30) -> float:
    """How long one picture takes on this computer's CPU, on one thread: the least of `rounds`.

    pictures: uint8 (n, 3, height, width), of which the first is shown again and again.
    Whatever else the computer does can only add to the time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        still = copy.deepcopy(model).cpu().eval()
        prepared = model.preprocess(pictures[:1].cpu())
        times = []
        with torch.inference_mode():
            for _ in range(rounds):
                begin = time.perf_counter()
                still(prepared)
                times.append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return 1000 * min(times)
