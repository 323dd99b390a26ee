"""The network of spoken words: its parts, and that the tools for networks work on it."""

import pytest
import torch
from torch.nn import functional as F

from tlhelpers.data.task import Split
from tlhelpers.models.speech import ContextNet, SqueezeExcite
from tlhelpers.models.surgery import features_of, freeze, replace_head, stages
from tlhelpers.train.engine import fit


def test_squeeze_and_excitation_is_the_formula():
    layer, x = SqueezeExcite(16), torch.randn(2, 16, 9)
    hidden = F.silu(x.mean(2) @ layer.squeeze.weight.T + layer.squeeze.bias)
    gate = torch.sigmoid(hidden @ layer.excite.weight.T + layer.excite.bias)
    assert torch.allclose(layer(x), x * gate[..., None])


def test_the_network_is_small_and_takes_sounds_of_any_length():
    network = ContextNet(36).eval()
    assert 150_000 < sum(p.numel() for p in network.parameters()) < 200_000
    for frames in (30, 101, 400):
        assert network(torch.randn(2, 40, frames)).shape == (2, 36)
    assert features_of(network, torch.randn(2, 40, 101)).shape == (2, 256)


def test_the_last_frame_counts_as_the_first():
    network = ContextNet(3).eval()
    x = torch.zeros(1, 40, 101)
    late = x.clone()
    late[..., -1] = 3
    assert not torch.allclose(network(x), network(late))


def test_it_is_frozen_and_given_a_head_like_any_other():
    network = replace_head(ContextNet(36), 5)
    names = [name for name, _ in stages(network)]
    assert names == ["stem", "blocks.0", "blocks.1", "blocks.2", "blocks.3", "head"]
    freeze(network)
    before = {k: v.clone() for k, v in network.state_dict().items() if "head" not in k}
    data = Split(torch.randn(10, 40, 101), torch.arange(10) % 5)
    fit(network, data, epochs=1, batch_size=5, lr=0.1, progress=False)
    assert all(torch.equal(network.state_dict()[k], v) for k, v in before.items())


def test_the_wrong_number_of_bands_is_an_error():
    with pytest.raises(RuntimeError):
        ContextNet(5)(torch.zeros(1, 80, 101))
