"""The benchmark compares equals: whoever takes part ends where the hand-written loop ends."""

import importlib.util

import pytest
import torch
from torch import nn

from tlhelpers.course.contenders import Race, contenders, run_loader_loop, silence

PACKAGES = {
    "Lightning Trainer": "lightning",
    "skorch": "skorch",
    "Hugging Face Trainer": "transformers",
}


def race() -> Race:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(50, 6, generator=generator)
    return Race("head", lambda: nn.Linear(6, 3), inputs, torch.arange(50) % 3, batch_size=8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tl.fit", "indexed loop", *PACKAGES])
def test_every_contender_ends_with_the_loss_of_the_hand_written_loop(name):
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{name} is not installed (extra: bench)")
    one = race()
    with silence():
        theirs, ours = contenders()[name](one), run_loader_loop(one)
    assert len(theirs.begun) == 7
    assert one.final_loss(theirs) == pytest.approx(one.final_loss(ours), rel=1e-5)
    assert one.final_loss(ours) != pytest.approx(one.final_loss(one.start()), rel=1e-3)
