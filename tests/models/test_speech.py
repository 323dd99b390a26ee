"""The network of spoken words: its parts, and that the tools for networks work on it."""

import pytest
import torch
from torch.nn import functional as F

from tlhelpers.data.task import Split
from tlhelpers.models import pretrain_speech
from tlhelpers.models.backbones import backbone
from tlhelpers.models.cards import SpeechCard, weights_folder
from tlhelpers.models.pretrain_speech import SpeechRecipe
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


def test_pre_training_writes_weights_and_a_card_that_load(monkeypatch, tmp_path):
    def say(asked, seed):
        waves = torch.randn(len(asked), 8000, generator=torch.Generator().manual_seed(seed))
        return (waves * 3000).to(torch.int16).numpy()

    monkeypatch.setattr(pretrain_speech, "synthesise", say)
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    recipe = SpeechRecipe(takes=1, epochs=1)
    voices = (["m1", "f1"], ["m2"])
    card = pretrain_speech.pretrain_speech(
        "zukan-speech", tmp_path, recipe=recipe, voices=voices, progress=False
    )
    assert card.clips == 80 and len(card.words) == 40
    network = backbone("zukan-speech", weights=tmp_path / "zukan-speech.safetensors")
    assert network.info.feature_dim == 256
    page = (tmp_path / "zukan-speech.md").read_text(encoding="utf-8")
    assert "80 clips" in page and "80 件" in page


def test_the_shipped_weights_know_the_words_they_were_trained_on():
    card = SpeechCard.read(weights_folder() / "zukan-speech.json")
    network = backbone("zukan-speech")
    assert card.bytes < 2e6 and card.accuracy > 0.85
    assert network(network.preprocess(torch.zeros(1, 8000))).shape == (1, 40)


def test_without_pre_training_it_is_the_same_network_untrained():
    network = backbone("zukan-speech", pretrained=False)
    assert network.info.classes == {"en": [], "ja": []}
    assert network.preprocess.rate == 8000
