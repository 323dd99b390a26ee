"""How odd is the oddest patch: what finds damage that covers a hundredth of a picture.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore), 2022
(arXiv:2106.08265). The maps in the middle of a network describe a picture place by place. Patches
of sound pictures form a memory bank; a patch far from all of them is odd, and a picture is as odd
as its oddest patch. Averaged over the whole picture, a scratch would vanish.

    s(patch) = min over b in the bank of ||patch - b||,     s(picture) = max over its patches

Two steps of the paper are left out: its bank is thinned so that it still covers everything
(a coreset), ours at random; and its picture score is weighed by how crowded the bank is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split
from tlhelpers.models.surgery import stages
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import infer, logits_of
from tlhelpers.train.preprocessing import holds_pictures
from tlhelpers.transfer.unsupervised.nearest import nearest_distance

LAYERS = ("layer2", "layer3")  # the paper's: no longer edges, not yet names of classes
BANK = 10_000  # patches that are remembered


def patch_maps(model: nn.Module, data: Split, layers: Sequence[str] = LAYERS) -> Tensor:
    """Features (n, d, h, w) of every patch: maps of `layers`, each averaged over 3 x 3
    neighbours and brought to the size of the first, one behind the other. Beyond the border there
    are zeros, as in the authors' code: patches at the border count for a little less.

    Raises ValueError where the inputs are no pictures, or a layer is unknown or gives no map.
    """
    named = dict(stages(model))
    layers = [layers] if isinstance(layers, str) or not isinstance(layers, Sequence) else layers
    unknown = [name for name in layers if name not in named]
    if unknown or not layers:
        missing = ", ".join(map(str, unknown)) or "()"
        raise ValueError(text("features.layer", layer=missing, known=", ".join(named)))
    if not holds_pictures(data):
        raise ValueError(text("unsupervised.patches_of_pictures"))

    def forward(network: nn.Module, inputs: Any) -> Tensor:
        seen: dict[str, Tensor] = {}
        hooks = [
            _last(named[name]).register_forward_hook(
                lambda _module, _inputs, out, name=name: seen.update({name: out})
            )
            for name in layers
        ]
        try:
            logits_of(network, inputs)
        finally:
            for hook in hooks:
                hook.remove()
        flat = [name for name in layers if seen[name].ndim != 4]
        if flat:
            raise ValueError(text("unsupervised.no_map", layer=", ".join(flat)))
        size = seen[layers[0]].shape[-2:]
        maps = [F.avg_pool2d(seen[name], 3, 1, 1) for name in layers]
        return torch.cat(
            [F.interpolate(m, size=size, mode="bilinear", align_corners=False) for m in maps], 1
        )

    return torch.cat([maps for maps, _ in infer(model, data, 128, "fp32", forward=forward)])


def patch_distances(known: Tensor, bank: int = BANK, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """From maps (m, d, h, w) to distances (m, h, w): how far each patch is from the nearest one
    in a bank of `bank` patches, drawn from known maps (n, d, h, w)."""
    rows = known.permute(0, 2, 3, 1).flatten(0, 2)
    generator = torch.Generator().manual_seed(seed)
    score = nearest_distance(rows[torch.randperm(len(rows), generator=generator)[:bank]])

    def distances(maps: Tensor) -> Tensor:
        count, _, high, wide = maps.shape
        return score(maps.permute(0, 2, 3, 1).flatten(0, 2)).view(count, high, wide)

    return distances


def _last(stage: nn.Module) -> nn.Module:
    return stage[-1] if isinstance(stage, nn.Sequential) else stage
