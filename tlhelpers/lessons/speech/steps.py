"""What lesson 13 does to waves and networks, in its cells and in its experiments."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from tlhelpers.data.sounds.frontend import LogMel, standardise
from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import features_of, replace_head
from tlhelpers.transfer.heads import select_head


def only_words(network: nn.Module, words: Sequence[str]) -> nn.Module:
    """A copy of a network of spoken words that chooses among these of its words alone."""
    rows = [network.info.classes["en"].index(word) for word in words]
    few, old = copy.deepcopy(network), network.head
    replace_head(few, len(rows))
    with torch.no_grad():
        few.head.weight.copy_(old.weight[rows])
        few.head.bias.copy_(old.bias[rows])
    return few.eval()


def share_right(network: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Accuracy on log-mel pictures (n, bands, moments), standardised here as in pre-training."""
    with torch.no_grad():
        answers = network(standardise(pictures)).argmax(1)
    return (answers == labels).double().mean().item()


def means(waves: Tensor) -> Tensor:
    """The control without a network: mean and deviation of each band over time, (n, 80)."""
    pictures = LogMel()(waves)
    return torch.cat([pictures.mean(2), pictures.std(2)], 1)


def as_pictures(task: Task) -> Task:
    """The same task as pictures, uint8 (n, 3, 64, 64): its log-mels, low pitches below."""

    def draw(split: Split) -> Split:
        levels = (LogMel()(split.inputs).flip(1)[:, None] + 2) / 5
        sized = nn.functional.interpolate(levels.clamp(0, 1), (64, 64), mode="bilinear")
        return Split((sized.expand(-1, 3, -1, -1) * 255).to(torch.uint8), split.labels)

    parts = {part: draw(getattr(task, part)) for part in ("train", "valid", "test")}
    return replace(task, **parts, kind="image", test_reads=0)


def head_accuracy(features: Callable[[Tensor], Tensor], task: Task, seed: int) -> float:
    """Test accuracy of a linear head on features (n, d) of waves, chosen on validation waves."""
    train, valid, test = (features(s.inputs) for s in (task.train, task.valid, task.open_test()))
    head, _, _ = select_head(
        train, task.train.labels, valid, task.valid.labels, task.num_classes, seed=seed
    )
    return (head(test).argmax(1) == task.test.labels).double().mean().item()


def nearness(network: nn.Module, known: Tensor) -> Callable[[Tensor], Tensor]:
    """How near waves come to the nearest of the waves `known`: a function (n, samples) -> (n,).

    It is the cosine of their features, each standardised by the known ones.
    """

    def features(waves: Tensor) -> Tensor:
        with torch.no_grad():
            return features_of(network, network.preprocess(waves))

    of_known = features(known)
    mean, std = of_known.mean(0), of_known.std(0) + 1e-3
    templates = nn.functional.normalize((of_known - mean) / std, dim=1)
    return lambda waves: (
        nn.functional.normalize((features(waves) - mean) / std, dim=1) @ templates.T
    ).amax(1)


def joined(one: Split, other: Split) -> Split:
    """Both splits as one."""
    return Split(torch.cat([one.inputs, other.inputs]), torch.cat([one.labels, other.labels]))
