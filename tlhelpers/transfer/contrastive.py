"""Contrastive picture-text training: pairs are drawn together, everything else apart.

CLIP: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021
(arXiv:2103.00020). Two towers turn a picture and a caption into directions u and v of one space.
In a batch of n pairs each picture has to find its own caption among n, and each caption its own
picture; the scale s (one over the temperature) is learned, and held at 100 at most:

    z_ij = s * u_i . v_j
    L = 1/2 mean_i [ -log softmax_j(z_ij)_i ] + 1/2 mean_j [ -log softmax_i(z_ij)_j ]

A class without any picture is then found by what one writes about it. Here both towers are frozen
features with a linear map on top, and the maps alone are learned: on a frozen picture tower that
is "locked-image tuning" (Zhai et al., arXiv:2111.07991). Two pairs of one batch that say the same
count as different, as in the paper.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.runtime.arguments import require_number, require_seed, require_whole
from tlhelpers.runtime.language import text

LARGEST_SCALE = 100.0


def contrastive_loss(pictures: Tensor, captions: Tensor, scale: Tensor | float) -> Tensor:
    """Scalar loss of n pairs: pictures and captions (n, dim), row i of one belongs to row i of the
    other; both are brought to length 1. scale: one over the temperature.
    """
    _require_pairs(pictures, captions)
    if pictures.shape != captions.shape:
        shapes = {"pictures": tuple(pictures.shape), "captions": tuple(captions.shape)}
        raise ValueError(text("contrastive.shapes", **shapes))
    logits = scale * F.normalize(pictures, dim=1) @ F.normalize(captions, dim=1).T
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


class TwoTowers(nn.Module):
    """Linear maps from picture features (n, d) and caption features (m, e) into one space."""

    def __init__(self, d: int, e: int, dim: int = 64, temperature: float = 0.1):
        super().__init__()
        require_whole("dim", dim, 1)
        require_number("temperature", temperature, above=True)
        self.picture, self.caption = nn.Linear(d, dim), nn.Linear(e, dim)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("spread", torch.ones(d))

    @property
    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def see(self, pictures: Tensor) -> Tensor:
        """Pictures as points (n, dim)."""
        return self.picture((pictures - self.mean) / self.spread)

    def forward(self, pictures: Tensor, captions: Tensor) -> Tensor:
        """Cosine of the angle between every picture and every caption, (n, m)."""
        seen, told = self.see(pictures), self.caption(captions)
        return F.normalize(seen, dim=1) @ F.normalize(told, dim=1).T


def train_two_towers(
    pictures: Tensor,
    captions: Tensor,
    *,
    dim: int = 64,
    steps: int = 300,
    batch_size: int = 256,
    lr: float = 0.01,
    weight_decay: float = 1e-4,
    temperature: float = 0.1,
    seed: int = 0,
) -> TwoTowers:
    """Learns the two maps from n pairs; pictures (n, d) and captions (n, e) are frozen features.

    temperature: where it starts; it is learned. Raises ValueError for fewer than 2 pairs, unequal
    numbers, a temperature that is not above 0, and pictures or captions that are all the same.
    """
    _require_pairs(pictures, captions)
    for name, size, least in (("steps", steps, 1), ("batch_size", batch_size, 2)):
        require_whole(name, size, least)
    for name, number in (("lr", lr), ("weight_decay", weight_decay)):
        require_number(name, number)
    require_seed(seed)
    pictures, captions = pictures.float(), captions.float()
    for which, rows in (("pictures", pictures), ("captions", captions)):
        called = text(f"contrastive.{which}")
        if not rows.isfinite().all():
            broken = (~rows.isfinite().all(1)).nonzero()[:, 0]
            values = {"which": called, "count": len(broken), "first": int(broken[0])}
            raise ValueError(text("contrastive.not_finite", **values))
        if torch.equal(rows, rows[:1].expand_as(rows)):
            raise ValueError(text("contrastive.same", which=called))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        towers = TwoTowers(pictures.shape[1], captions.shape[1], dim, temperature)
        spread = pictures.std(0)
        towers.mean.copy_(pictures.mean(0))
        towers.spread.copy_(spread.clamp_min(1e-3 * spread.max().item()))
        optimizer = torch.optim.AdamW(towers.parameters(), lr=lr, weight_decay=weight_decay)
        for _ in range(steps):
            rows = torch.randperm(len(pictures))[:batch_size]
            seen, told = towers.see(pictures[rows]), towers.caption(captions[rows])
            loss = contrastive_loss(seen, told, towers.scale)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return towers.requires_grad_(False).eval()


def _require_pairs(pictures: Tensor, captions: Tensor) -> None:
    given = {"pictures": pictures, "captions": captions}
    shapes = {
        name: tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
        for name, rows in given.items()
    }
    for rows in given.values():
        if not isinstance(rows, Tensor) or rows.ndim != 2 or not 2 <= len(rows) == len(pictures):
            raise ValueError(text("contrastive.shapes", **shapes))
