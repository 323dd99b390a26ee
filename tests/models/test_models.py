"""Backbones, heads and freezing: found in every family, loaded only when right, frozen for good."""

import copy
import io
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model, get_model_builder, list_models

from tlhelpers.models import backbones, networks
from tlhelpers.models import pretrain as pretraining
from tlhelpers.models.backbones import backbone
from tlhelpers.models.cards import ModelCard, TextCard
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.pretrain import RECIPES, Recipe, pretrain, shift_and_erase
from tlhelpers.models.pretrain_text import TEXT_RECIPES
from tlhelpers.models.surgery import (
    assert_frozen,
    features_of,
    freeze,
    grow_head,
    head_of,
    replace_head,
    stages,
    unfreeze,
)
from tlhelpers.models.weights import BackboneInfo, furnish, read_tensors
from tlhelpers.runtime import store
from tlhelpers.runtime.places import ROOT
from tlhelpers.runtime.store import StoreError
from tlhelpers.train import engine

OWN = (
    networks.zukan_resnet,
    networks.zukan_small,
    networks.zukan_vgg,
    networks.zukan_inception,
)

# one network of each torchvision family, the smallest, with the side of its smallest picture
FAMILIES = {
    "alexnet": 64,
    "convnext_tiny": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "googlenet": 32,
    "inception_v3": 75,
    "maxvit_t": 224,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_x_400mf": 32,
    "resnet18": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 32,
    "vgg11": 32,
    "vit_b_32": 224,
}
# families whose training step costs little enough to be taken in a test
LIGHT = ("mnasnet0_5", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1")


def build(name: str) -> nn.Module:
    return backbone(name, pretrained=False)


def images(count: int = 4, side: int = 64) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def take_one_step(model: nn.Module, side: int = 64) -> None:
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    nn.functional.cross_entropy(model(images(4, side)), torch.arange(4) % 3).backward()
    optimizer.step()


# --- heads --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_torchvision_family_gets_a_head_and_takes_one_step(name):
    options = {"aux_logits": False, "init_weights": False}
    with torch.device("meta"):  # shapes only: no weights are filled, nothing is computed
        try:
            model = get_model(name, **(options if name in ("googlenet", "inception_v3") else {}))
        except NotImplementedError:  # RegNet computes its widths with tensors
            pytest.skip("this family cannot be built on the meta device")
    last = getattr(*head_of(model))
    assert last.weight.shape[0] == 1000
    assert stages(model)[-1][1] is last
    with torch.device("meta"):
        replace_head(model.train(), 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        logits = model(torch.empty(2, 3, FAMILIES[name], FAMILIES[name]))
        nn.functional.cross_entropy(logits, torch.empty(2, dtype=torch.long)).backward()
        optimizer.step()
    assert logits.shape == (2, 3)
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", LIGHT)
def test_a_family_is_cut_frozen_trained_and_reloaded(name):
    model = freeze(replace_head(build(name), 3))
    model.train()
    with assert_frozen(model):
        take_one_step(model)
    twin = replace_head(build(name), 3)
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(twin.eval()(images()), model.eval()(images()))


def test_regnet_gets_a_head_and_takes_one_step():
    model = replace_head(build("regnet_x_400mf"), 3).train()
    last = getattr(*head_of(model))
    before = last.weight.clone()
    take_one_step(model, 32)
    assert last is model.fc and not torch.equal(before, last.weight)


def test_no_family_of_torchvision_is_missing_here():
    def family(name: str) -> str:
        return get_model_builder(name).__module__.rpartition(".")[2]

    known = list_models(module=torchvision.models)
    assert set(map(family, known)) == set(map(family, FAMILIES))


@pytest.mark.parametrize("make", OWN)
def test_own_networks_keep_to_their_size_and_take_any_picture(make):
    model = make(104).eval()
    least, most = (0.06e6, 0.1e6) if make is networks.zukan_small else (0.9e6, 1.5e6)
    assert least < sum(p.numel() for p in model.parameters()) < most
    for side in (48, 64, 96):
        assert model(images(2, side)).shape == (2, 104)


def test_a_convolution_as_head_keeps_its_geometry():
    model = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 3, stride=2, padding=2, dilation=2))
    before = model(torch.randn(1, 8, 15, 15)).shape
    assert replace_head(model, 7)(torch.randn(1, 8, 15, 15)).shape == (1, 7, *before[2:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_second_heads_of_training_get_the_new_classes_too(name):
    model = replace_head(get_model(name, num_classes=6, init_weights=False), 4).train()
    outputs = model(torch.randn(2, 3, 299, 299))
    assert {tuple(logits.shape) for logits in outputs} == {(2, 4)}


def test_the_config_of_transformers_follows_the_head(tmp_path):
    from transformers import ViTConfig, ViTForImageClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTConfig(**sizes, intermediate_size=16, image_size=16, patch_size=8, num_labels=3)
    model = replace_head(ViTForImageClassification(config), 6)
    images, labels = torch.randn(2, 3, 16, 16), torch.tensor([0, 5])
    assert model.config.num_labels == 6 and model(images, labels=labels).loss.isfinite()
    model.save_pretrained(tmp_path)
    again = ViTForImageClassification.from_pretrained(tmp_path)
    assert torch.equal(again.classifier.weight, model.classifier.weight)


def test_freezing_a_network_that_is_all_head_says_so():
    with pytest.raises(ValueError, match="single stage"):
        freeze(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))


def test_grow_head_keeps_the_rows_of_old_classes():
    for model in (
        networks.zukan_resnet(3),
        networks.zukan_vgg(3),
        replace_head(build("squeezenet1_1"), 3),
    ):
        old = copy.deepcopy(getattr(*head_of(model)))
        grow_head(model, 5)
        new = getattr(*head_of(model))
        assert new.weight.shape[0] == 5
        assert torch.equal(new.weight[:3], old.weight)
        assert torch.equal(new.bias[:3], old.bias)
        assert new.weight[3:].abs().sum() > 0
        with pytest.raises(ValueError):
            grow_head(model, 5)


def test_dropout_stands_before_the_head_and_only_once():
    model = replace_head(networks.zukan_resnet(3), 4, dropout=0.2)
    assert isinstance(model.fc[0], nn.Dropout)
    assert model.fc[0].p == 0.2
    replace_head(model, 5, dropout=0.4)
    assert [type(m) for m in model.fc] == [nn.Dropout, nn.Linear]
    assert model.fc[0].p == 0.4
    assert getattr(*head_of(model)).out_features == 5


def test_features_are_what_the_head_sees():
    for make in OWN:
        model = make(7).eval()
        features = features_of(model, images())
        assert torch.allclose(getattr(*head_of(model))(features), model(images()), atol=1e-5)
    squeeze = build("squeezenet1_1")
    assert features_of(squeeze, images()).shape == (4, 512)


def test_a_network_without_a_head_is_refused():
    with pytest.raises(ValueError, match="Sequential"):
        head_of(nn.Sequential(nn.ReLU()))


# --- freezing -----------------------------------------------------------------------------


def test_frozen_batchnorm_buffers_do_not_drift_through_train():
    model = freeze(networks.zukan_resnet(3))
    model.train()
    assert not model.layer1.training
    assert model.fc.training
    with assert_frozen(model):
        take_one_step(model)


def test_assert_frozen_sees_the_drift_of_a_hand_made_freeze():
    model = networks.zukan_resnet(3)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("fc")
    model.train()
    with pytest.raises(AssertionError, match="running_mean"), assert_frozen(model):
        take_one_step(model)
    with pytest.raises(AssertionError), assert_frozen(networks.zukan_resnet(3)):
        pass  # nothing is frozen: the check would protect nothing


def test_freeze_to_a_stage_leaves_the_later_ones_trainable():
    model = freeze(networks.zukan_resnet(3), to="layer2")
    open_names = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert open_names == {"layer3", "layer4", "fc"}
    model.train()
    assert (model.layer2.training, model.layer3.training) == (False, True)
    freeze(model, to="conv1")  # freezing less opens what was frozen before
    model.train()
    assert model.layer2.training
    assert all(p.requires_grad for p in model.layer1.parameters())
    with pytest.raises(ValueError, match="layer3"):
        freeze(model, to="layer9")


def test_freezing_holds_in_copies_and_pickles_and_ends_with_unfreeze():
    model = freeze(networks.zukan_vgg(3))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        twin.train()
        assert not twin.features[1].training
        assert model.features[1].training is False
        unfreeze(twin).train()
        assert twin.features[1].training
        assert all(p.requires_grad for p in twin.parameters())
    model.train()
    assert not model.features[1].training


def test_vgg_stages_are_its_blocks():
    assert [name for name, _ in stages(networks.zukan_vgg(3))][:2] == [
        "features[0:4]",
        "features[4:8]",
    ]
    every = [id(p) for _, part in stages(networks.zukan_vgg(3)) for p in part.parameters()]
    assert len(every) == len(set(every))


# --- preprocessing ------------------------------------------------------------------------


def test_preprocess_resizes_crops_and_normalises():
    pictures = torch.full((2, 3, 40, 60), 255, dtype=torch.uint8)
    prepare = Preprocess((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), size=32, crop=24)
    prepared = prepare(pictures)
    assert prepared.shape == (2, 3, 24, 24)
    assert torch.allclose(prepared, torch.tensor(2.0))
    assert torch.allclose(prepare(pictures / 255), prepared)  # floats in [0, 1] mean the same


def test_preprocess_agrees_with_torchvision():
    from torchvision.models import ResNet18_Weights

    pictures = torch.randint(0, 256, (2, 3, 300, 280), dtype=torch.uint8)
    ours = backbone("resnet18", pretrained=False).preprocess(pictures)
    theirs = ResNet18_Weights.IMAGENET1K_V1.transforms()(pictures)
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 0.02  # theirs rounds to whole grey levels in between


def test_preprocess_and_info_are_no_part_of_the_state():
    model = backbone("resnet18", pretrained=False)
    assert not any("preprocess" in key for key in model.state_dict())
    assert "preprocess" not in dict(model.named_children())


# --- the resolver -------------------------------------------------------------------------


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    """An empty torch cache, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def drawn_weights(tmp_path, monkeypatch):
    """A folder with random zukan-resnet weights and their card, in place of the clone's."""
    folder = tmp_path / "weights"
    folder.mkdir()
    model = networks.zukan_resnet(4)
    save_file(model.state_dict(), folder / "zukan-resnet.safetensors")
    file = folder / "zukan-resnet.safetensors"
    card = ModelCard(
        name="zukan-resnet",
        architecture="zukan_resnet",
        source="source",
        classes={"en": list("abcd"), "ja": list("abcd")},
        size=64,
        mean=[0.5, 0.5, 0.5],
        std=[0.25, 0.25, 0.25],
        feature_dim=256,
        parameters=1,
        sha256=store.sha256(file),
        bytes=file.stat().st_size,
        recipe={},
        accuracy=0.5,
        seconds=1.0,
        seconds_drawing=1.0,
        device="cpu",
        torch="2",
    )
    card.write(folder / "zukan-resnet.json", folder / "zukan-resnet.md")
    monkeypatch.setattr(backbones, "weights_folder", lambda: folder)
    return folder, model


def test_missing_weights_are_an_error_that_names_the_ways_out(torch_home):
    with pytest.raises(StoreError, match="fallback"):
        backbone("resnet18")


def test_fallback_is_said_in_one_line(torch_home, drawn_weights, capsys):
    model = backbone("resnet18", fallback="zukan", num_classes=3)
    assert model.info.name == "zukan-resnet"
    assert model.fc.out_features == 3
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "zukan-resnet" in said
    assert "resnet18" in said


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(ValueError, match="resnet18"):
        backbone("resnet_18")


def test_zukan_weights_load_and_a_changed_byte_is_refused(drawn_weights):
    folder, made = drawn_weights
    model = backbone("zukan-resnet")
    assert not model.training
    assert torch.equal(model.layer1[0].conv1.weight, made.layer1[0].conv1.weight)
    assert model.info.classes["en"] == list("abcd")
    file = folder / "zukan-resnet.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match="checksum"):
        backbone("zukan-resnet")


def test_random_weights_say_so(drawn_weights):
    info = backbone("zukan-resnet", pretrained=False).info
    assert info.weights_sha256 is None
    assert info.classes["en"] == []


def test_explicit_weights_are_loaded_and_wrong_or_truncated_ones_refused(tmp_path, torch_home):
    file = tmp_path / "mine.pth"
    source = get_model("squeezenet1_1")
    torch.save(source.state_dict(), file)
    model = backbone("squeezenet1_1", weights=file)
    assert torch.equal(model.classifier[1].weight, source.classifier[1].weight)
    assert model.info.weights_sha256 == store.sha256(file)
    with pytest.raises(StoreError, match=r"the file has no layers\.0\.weight"):
        backbone("mnasnet0_5", weights=file)
    for prefix in ("module.", "_orig_mod.", "module._orig_mod."):
        torch.save({prefix + key: value for key, value in source.state_dict().items()}, file)
        wrapped = backbone("squeezenet1_1", weights=file)
        assert torch.equal(wrapped.classifier[1].weight, source.classifier[1].weight)
    torch.save(get_model("squeezenet1_1", num_classes=7).state_dict(), file)
    shapes = r"classifier.1.weight is \(7, 512, 1, 1\) in the file and \(1000, 512, 1, 1\)"
    with pytest.raises(StoreError, match=shapes):
        backbone("squeezenet1_1", weights=file)
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(StoreError, match="damaged"):
        backbone("squeezenet1_1", weights=file)


class Trap:
    """A pickle that would create a file when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_posing_as_weights_is_never_executed(tmp_path, torch_home):
    sprung = tmp_path / "sprung"
    for write in (torch.save, lambda trap, path: Path(path).write_bytes(pickle.dumps(trap))):
        file = tmp_path / "squeezenet.pth"
        write(Trap(sprung), file)
        with pytest.raises(StoreError, match="refused"):
            backbone("squeezenet1_1", weights=file)
    assert not sprung.exists()
    buffer = io.BytesIO()
    torch.save([1, 2, 3], buffer)
    file.write_bytes(buffer.getvalue())
    with pytest.raises(StoreError, match="refused"):
        read_tensors(file)


def test_weights_come_from_a_mirror_only_with_the_stated_checksum(
    tmp_path, torch_home, monkeypatch
):
    mirrored = (
        tmp_path / "mirror" / "download.pytorch.org" / "models" / "squeezenet1_1-b8a52dc0.pth"
    )
    mirrored.parent.mkdir(parents=True)
    torch.save(get_model("squeezenet1_1").state_dict(), mirrored)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(StoreError, match="b8a52dc0"):
        backbone("squeezenet1_1")
    assert not (torch_home / mirrored.name).exists()


def test_eight_digits_do_not_vouch_for_a_mirror(tmp_path, torch_home, monkeypatch):
    """A file whose checksum begins like the published one is made within minutes."""
    forged = tmp_path / "mirror" / "download.pytorch.org" / "models"
    forged.mkdir(parents=True)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "mirror"))
    for name, url in (
        ("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth"),
        ("resnet18", "resnet18-f37072fd.pth"),
    ):
        torch.save(get_model(name).state_dict(), forged / url)
        digits = url[-12:-4]
        monkeypatch.setattr(store, "_digest", lambda path, kind, start=digits: start + "0" * 56)
        with pytest.raises(StoreError, match=digits):
            backbone(name)
        assert not (torch_home / url).exists()


def test_every_whole_checksum_begins_with_the_published_digits():
    from torchvision.models import get_model_weights

    from tlhelpers.models.weights import torchvision_sha256

    for name in backbones.TORCHVISION:
        url = next(iter(get_model_weights(name))).url
        assert len(torchvision_sha256(url)) == 64 and f"-{torchvision_sha256(url)[:8]}.pth" in url
    assert torchvision_sha256("https://x/squeezenet1_1-b8a52dc0.pth") == "b8a52dc0"


def test_real_weights_in_the_torch_cache_are_used_and_named(torch_home, capsys, real):
    published = real / "weights" / "mobilenet_v2_imagenet_dequant.pth"
    shutil.copy(published, torch_home / "mobilenet_v2-b0353104.pth")
    model = backbone("mobilenet_v2", num_classes=2)
    assert model.info.weights_sha256 == store.sha256(published)
    assert model.info.feature_dim == 1280
    assert model.classifier[1].out_features == 2
    assert len(model.info.classes["en"]) == 1000
    assert "mobilenet_v2-b0353104.pth" in capsys.readouterr().out


def test_a_backbone_of_ones_own_needs_one_line(monkeypatch):
    info = BackboneInfo("toy-1", "", 2, {"en": []}, 0, 6, "MIT", None)

    def load(name, **options):
        return furnish(nn.Sequential(nn.Linear(2, 2)), None, info)

    monkeypatch.setitem(backbones.LOADERS, "toy-1", load)
    assert backbone("toy-1").info is info


# --- the weights that are shipped ---------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_weights_match_their_card_and_recipe(name):
    model = backbone(name)
    folder = ROOT / "datasets" / "weights"
    card = ModelCard.read(folder / f"{name}.json")
    assert card.recipe == RECIPES[name].__dict__
    assert card.bytes == (folder / f"{name}.safetensors").stat().st_size <= 3_000_000
    assert card.sha256 == model.info.weights_sha256
    assert card.accuracy > 0.8


SHIPPED = [
    *((ModelCard, f"{name}.json", f"{name}.md") for name in RECIPES),
    *((TextCard, f"{name}/card.json", f"{name}/README.md") for name in TEXT_RECIPES),
]


@pytest.mark.parametrize(("kind", "data", "page"), SHIPPED)
def test_shipped_cards_are_what_writing_them_gives(kind, data, page, tmp_path):
    folder = ROOT / "datasets" / "weights"
    kind.read(folder / data).write(tmp_path / "data", tmp_path / "page")
    assert (tmp_path / "data").read_bytes() == (folder / data).read_bytes()
    assert (tmp_path / "page").read_bytes() == (folder / page).read_bytes()


@pytest.mark.parametrize("content", ["", "{", "[" * 200_000, "{}", '{"name": "x", "odd": 1}'])
@pytest.mark.parametrize("kind", [ModelCard, TextCard])
def test_a_damaged_card_is_named(kind, content, tmp_path):
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(StoreError, match=r"card\.json"):
        kind.read(tmp_path / "card.json")


def test_pretraining_writes_weights_that_load_and_a_card(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pretraining, "VALID_PER_CLASS", 2)
    monkeypatch.setattr(pretraining, "TEST_PER_CLASS", 2)
    recipe = Recipe("zukan_resnet", "textures", per_class=4, epochs=1, batch_size=32)
    card = pretrain("zukan-texture", tmp_path, recipe=recipe, device="cpu", progress=False)
    model = backbone("zukan-texture", weights=tmp_path / "zukan-texture.safetensors")
    assert model.info.classes == card.classes
    assert ModelCard.read(tmp_path / "zukan-texture.json") == card
    assert not list((tmp_path / "cache" / "pretrain").glob("*"))
    with pytest.raises(ValueError, match="zukan-resnet"):
        pretrain("zukan-nothing")


@pytest.mark.slow
@pytest.mark.slow
def test_ctrl_c_neither_replaces_weights_nor_forgets_where_the_training_was(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pretraining, "VALID_PER_CLASS", 2)
    monkeypatch.setattr(pretraining, "TEST_PER_CLASS", 2)
    recipe = Recipe("zukan_resnet", "textures", per_class=4, epochs=3, batch_size=32)
    steps = []

    def interrupt(step, model):
        steps.append(step)
        if len(steps) == 5:
            raise KeyboardInterrupt

    def run(folder, **options):
        monkeypatch.setattr(pretraining, "fit", lambda *a, **o: engine.fit(*a, **o | options))
        return pretrain("zukan-texture", folder, recipe=recipe, device="cpu", progress=False)

    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "zukan-texture.safetensors").write_bytes(b"the course's own")
    with pytest.raises(KeyboardInterrupt):
        run(ours, after_step=interrupt, checkpoint_every=2)
    assert [file.read_bytes() for file in ours.iterdir()] == [b"the course's own"]
    resumed = run(ours, after_step=interrupt, checkpoint_every=2)
    assert steps[5] == 5, "the same command goes on where it was"
    whole = run(tmp_path / "whole", after_step=None, checkpoint_every=2)
    assert resumed.sha256 == whole.sha256


def test_erasing_leaves_some_pictures_whole_and_repeats_with_its_seed():
    pictures = torch.zeros(200, 3, 64, 64, dtype=torch.uint8)

    def augmented() -> torch.Tensor:
        return shift_and_erase(pictures, torch.Generator().manual_seed(0))

    changed = augmented().flatten(1).ne(0).any(1).float().mean()
    assert 0.5 < changed < 0.9
    assert augmented().dtype == torch.uint8
    assert torch.equal(augmented(), augmented())
