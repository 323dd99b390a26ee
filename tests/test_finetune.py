"""Fine-tuning: what is trained when, at which rate, and what the test split is used for."""

import math

import pytest
import torch

from tests.tiny import TinyNet, tiny_task
from tlhelpers.models.surgery import freeze, stages
from tlhelpers.transfer.finetune import (
    discriminative_rates,
    fine_tune,
    head_and_body,
    open_stages,
)
from tlhelpers.transfer.lora import add_lora
from tlhelpers.transfer.lr_find import lr_find
from tlhelpers.transfer.regularisers import bss_loss, l2_sp, spectral_shrinkage

FAST = {"epochs": 6, "batch_size": 16, "lr": 0.05, "progress": False}


def network():
    torch.manual_seed(0)
    return TinyNet(num_classes=7)


def test_it_learns_and_leaves_the_backbone_as_it_was():
    backbone = network()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    result = fine_tune(backbone, tiny_task(), **FAST)
    assert result.test_acc > 0.8
    assert result.model.fc.out_features == 4 and backbone.fc.out_features == 7
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())


def test_the_test_split_is_read_once_and_not_while_choosing():
    task = tiny_task()
    undecided = fine_tune(network(), task, read_test=False, **FAST)
    assert task.test_reads == 0 and math.isnan(undecided.test_acc)
    assert fine_tune(network(), task, **FAST).test_reads == 1


def test_the_same_seed_gives_the_same_network():
    one, two = (fine_tune(network(), tiny_task(), seed=3, **FAST).model for _ in range(2))
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    )


def test_unfreeze_zero_trains_the_head_alone():
    backbone = network()
    model = fine_tune(backbone, tiny_task(), unfreeze=0, **FAST).model
    for name, value in backbone.state_dict().items():
        if not name.startswith("fc"):
            assert torch.equal(value, model.state_dict()[name]), name


def test_open_stages_counts_from_the_head():
    model = network()
    open_stages(model, 1)
    assert [any(p.requires_grad for p in part.parameters()) for _, part in stages(model)] == [
        False,
        False,
        True,
        True,
    ]


def test_rates_fall_geometrically_from_the_head_to_the_first_stage():
    rates = [group["lr"] for group in discriminative_rates(network(), lr=0.1, lr_mult=8)]
    assert rates == pytest.approx([0.0125, 0.025, 0.05, 0.1])


def test_the_body_has_a_rate_of_its_own():
    model = freeze(network(), to="conv1")
    head, body = head_and_body(model, lr=0.1, body_lr=0.01)
    assert [head["lr"], body["lr"]] == [0.1, 0.01]
    assert {id(p) for p in head["params"]} == {id(p) for p in model.fc.parameters()}
    assert not {id(p) for p in body["params"]} & {id(p) for p in model.conv1.parameters()}


def test_it_can_start_from_a_trained_head():
    trained = fine_tune(network(), tiny_task(), **FAST).model.fc
    result = fine_tune(
        network(), tiny_task(), head=trained, epochs=1, freeze_epochs=0, lr=0.0, body_lr=0.0
    )
    assert torch.equal(result.model.fc.weight, trained.weight)


def test_batchnorm_can_be_kept_as_pretraining_left_it():
    backbone = network()
    kept = fine_tune(backbone, tiny_task(), keep_batchnorm=True, **FAST).model
    moved = fine_tune(backbone, tiny_task(), **FAST).model
    assert torch.equal(kept.bn1.running_mean, backbone.bn1.running_mean)
    assert not torch.equal(moved.bn1.running_mean, backbone.bn1.running_mean)


def test_gradual_unfreezing_takes_as_many_epochs_as_asked():
    result = fine_tune(network(), tiny_task(), unfreeze="gradual", freeze_epochs=1, **FAST)
    assert len(result.history.train_loss) == 7


def test_lora_trains_only_its_own_weights_and_the_head():
    backbone = network()
    result = fine_tune(backbone, tiny_task(), method="lora", rank=2, **FAST)
    model = result.model
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert all("lora_" in name or name.startswith("fc") for name in trained)
    assert torch.equal(model.conv1.base_layer.weight, backbone.conv1.weight)
    assert torch.equal(model.bn1.running_mean, backbone.bn1.running_mean)
    assert model.conv1.lora_B.default.weight.abs().max() > 0


def test_lora_starts_as_the_network_it_is_added_to():
    model, images = network(), torch.randn(5, 3, 16, 16)
    freeze(model)
    model.eval()
    before = model(images)
    torch.testing.assert_close(add_lora(model, rank=2).eval()(images), before)


def test_l2_sp_pulls_to_the_start_and_decays_the_head():
    model = network()
    penalty = l2_sp(model, alpha=2.0, beta=4.0)
    head = sum(p.square().sum().item() for p in model.fc.parameters())
    assert penalty(model).item() == pytest.approx(4.0 / 2 * head, rel=1e-5)
    with torch.no_grad():
        model.conv1.weight += 0.1
    moved = 0.01 * model.conv1.weight.numel()
    assert penalty(model).item() == pytest.approx(4.0 / 2 * head + 2.0 / 2 * moved, rel=1e-4)


def test_a_strong_l2_sp_keeps_the_body_near_its_start():
    def distance(penalty):
        model = fine_tune(backbone, tiny_task(), penalty=penalty, **FAST).model
        return (model.layer1[0].weight - backbone.layer1[0].weight).norm().item()

    backbone = network()
    assert distance(lambda m: l2_sp(m, alpha=5.0)) < 0.7 * distance(None)


def test_spectral_shrinkage_is_the_sum_of_the_smallest_squared_singular_values():
    left, _ = torch.linalg.qr(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)))
    features = left * torch.tensor([5.0, 2.0, 0.5])
    assert spectral_shrinkage(features, k=1).item() == pytest.approx(0.25, rel=1e-4)
    assert spectral_shrinkage(features, k=2).item() == pytest.approx(4.25, rel=1e-4)


def test_bss_trains():
    assert fine_tune(network(), tiny_task(), loss=bss_loss(eta=0.001), **FAST).test_acc > 0.7


def test_lr_find_stays_in_range_and_leaves_the_model_alone():
    model = network()
    before = model.fc.weight.clone()
    found = lr_find(fine_tune(model, tiny_task(), **FAST).model, tiny_task(), steps=20)
    assert 1e-5 <= found.suggestion <= 1.0 and len(found.rates) == len(found.losses) <= 20
    assert torch.equal(before, model.fc.weight)


@pytest.mark.parametrize("wrong", [{"unfreeze": 9}, {"unfreeze": "some"}, {"method": "magic"}])
def test_unknown_settings_are_refused(wrong):
    with pytest.raises(ValueError):
        fine_tune(network(), tiny_task(), **FAST, **wrong)


def test_ctrl_c_ends_the_phase_and_leaves_out_the_later_ones():
    def interrupt(step, model):
        if step == 4:
            raise KeyboardInterrupt

    for method in ("full", "lora"):
        result = fine_tune(
            network(), tiny_task(), method=method, freeze_epochs=2, after_step=interrupt,
            on_interrupt="keep", **FAST,
        )  # fmt: skip
        assert result.history.interrupted and result.history.steps == 4
        assert result.test_acc > 0, "what was learned is measured"
