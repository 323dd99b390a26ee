"""Fine-tuning: what is trained when, at which rate, and what the test split is used for."""

import math

import pytest
import torch

from tests.tiny import TinyNet, tiny_task
from tlhelpers.models.surgery import freeze, head_of, stages, unfreeze
from tlhelpers.train.engine import cross_entropy, evaluate, fit
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import (
    discriminative_rates,
    fine_tune,
    one_more_each_epoch,
    open_stages,
)
from tlhelpers.transfer.lora import add_lora, lora
from tlhelpers.transfer.lr_find import lr_find
from tlhelpers.transfer.regularisers import l2_sp

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
    *body, head = discriminative_rates(model, lr=0.1, body_lr=0.01)
    assert head["lr"] == 0.1 and {group["lr"] for group in body} == {0.01}
    assert set(head["params"]) == set(model.fc.parameters())
    assert not {p for group in body for p in group["params"]} & set(model.conv1.parameters())


class Scaled(TinyNet):
    """A network with a parameter that hangs on no stage, as a class token does."""

    def __init__(self):
        super().__init__(num_classes=7)
        self.scale = torch.nn.Parameter(torch.ones(12))

    def forward(self, x):
        x = self.layer1(self.bn1(self.conv1(x)).relu()).mean((2, 3))
        return self.fc(x * self.scale)


def test_what_no_stage_holds_is_trained_with_the_first_stage():
    model = unfreeze(Scaled())
    groups = discriminative_rates(model, lr=0.1, lr_mult=8)
    assert groups[0]["lr"] == pytest.approx(0.0125)
    assert any(p is model.scale for p in groups[0]["params"])
    grouped = [p for group in groups for p in group["params"]]
    assert len(grouped) == len(set(grouped)) == len(list(model.parameters()))
    tuned = fine_tune(Scaled(), tiny_task(), **FAST).model
    assert not torch.equal(tuned.scale, torch.ones(12))


def test_the_class_token_of_a_vision_transformer_is_trained():
    from torchvision.models import VisionTransformer

    size = {"image_size": 16, "patch_size": 8, "num_layers": 1, "num_heads": 2}
    backbone = VisionTransformer(**size, hidden_dim=16, mlp_dim=16, num_classes=7)
    backbone.class_token.data.normal_()  # it starts at 0
    model = fine_tune(backbone, tiny_task(), **FAST, freeze_epochs=0).model
    for name in ("class_token", "encoder.pos_embedding"):
        assert not torch.equal(model.get_parameter(name), backbone.get_parameter(name)), name


def test_it_can_start_from_a_trained_head():
    trained = fine_tune(network(), tiny_task(), **FAST).model.fc
    result = fine_tune(
        network(), tiny_task(), head=trained, epochs=1, freeze_epochs=0, lr=0.0, body_lr=0.0
    )
    assert torch.equal(result.model.fc.weight, trained.weight)


def test_nothing_asked_starts_from_the_probe_and_searches_the_rate():
    task, backbone = tiny_task(), network()
    head = probe(backbone, task, read_test=False)
    result = fine_tune(backbone, task, progress=False)
    assert result.start_acc == pytest.approx(head.valid_acc) and task.test_reads == 1
    assert result.valid_acc >= result.start_acc
    tried = [run["lr"] for run in result.search.runs]
    assert result.learning_rate in tried and len(tried) == 3
    assert result.history.steps == 60, "few labels are passed often enough"


def test_a_checkpoint_is_of_the_training_and_not_of_what_comes_before_it(tmp_path):
    asked = {"checkpoint": tmp_path, "freeze_epochs": 1, "epochs": 3, "progress": False}
    first = fine_tune(network(), tiny_task(), **asked)
    again = fine_tune(network(), tiny_task(), **asked)
    assert first.history.resumed_from == 0 and again.history.resumed_from == first.history.steps
    assert torch.equal(first.model.fc.weight, again.model.fc.weight)
    assert len(first.search.runs) == 3


def test_a_number_of_steps_is_kept_to_and_a_third_of_it_tries_each_rate():
    steps = []
    result = fine_tune(
        network(),
        tiny_task(),
        max_steps=9,
        after_step=lambda step, model: steps.append(step),
        progress=False,
    )
    assert steps == [1, 2, 3] * 3 + list(range(1, 10)) and result.history.steps == 9


def test_each_bar_says_which_of_the_trainings_it_is(monkeypatch):
    titles = []

    def watched(*given, **options):
        titles.append(options.get("title"))
        return fit(*given, **options)

    monkeypatch.setattr("tlhelpers.transfer.finetune.fit", watched)
    fine_tune(network(), tiny_task(), epochs=1, freeze_epochs=1, title="seed 2", progress=False)
    trials = [f"short trial {number} of 3" for number in (1, 2, 3)]
    assert titles == ["the head alone", *trials, "seed 2"]


def test_it_never_returns_less_than_the_head_it_began_with():
    """Training that makes the answers wrong: what comes back is the start, and says so."""

    def unlearn(*batch):
        return -cross_entropy(*batch)

    task, backbone = tiny_task(), network()
    head = fine_tune(backbone, task, unfreeze=0, freeze_epochs=0, **FAST).model.fc
    for verb in (fine_tune, lora):
        result = verb(backbone, task, head=head, lr=0.5, loss=unlearn, clip_norm=None, epochs=2)
        assert result.valid_acc == result.start_acc == evaluate(result.model, task.valid)
        assert torch.equal(getattr(*head_of(result.model)).weight, head.weight)
        assert result.history.valid_acc[-1] < result.start_acc


def test_it_starts_as_the_probe_predicts_for_a_convolution_as_head_too():
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    backbone = squeezenet1_1().eval()
    task = tiny_task(per_class=4)
    backbone.preprocess = lambda images: torch.nn.functional.interpolate(images / 255, size=64)
    start = probe(backbone, task, read_test=False)
    result = fine_tune(backbone, task, lr=0.0, epochs=1, read_test=False)
    assert result.start_acc == pytest.approx(start.valid_acc)


def test_gradients_are_clipped_and_batchnorm_kept_unless_asked_otherwise(monkeypatch):
    asked = {}

    def watched(model, data, **options):
        asked.update(options)
        return fit(model, data, **options)

    monkeypatch.setattr("tlhelpers.transfer.finetune.fit", watched)
    fine_tune(network(), tiny_task(), **FAST)
    assert asked["clip_norm"] == 1.0 and asked["optimizer"] == "sgd"
    fine_tune(network(), tiny_task(), **FAST, clip_norm=None)
    assert asked["clip_norm"] is None


def test_without_validation_the_middle_rate_is_taken_and_nothing_is_guarded():
    task = tiny_task()
    task.valid = task.valid.subset(torch.arange(0))
    result = fine_tune(network(), task, epochs=2, progress=False)
    assert result.search is None and result.learning_rate == 0.01
    assert math.isnan(result.start_acc) and result.test_acc > 0.5


def test_batchnorm_can_move_or_be_kept_as_pretraining_left_it():
    backbone = network()
    kept = fine_tune(backbone, tiny_task(), **FAST).model
    moved = fine_tune(backbone, tiny_task(), keep_batchnorm=False, **FAST).model
    assert torch.equal(kept.bn1.running_mean, backbone.bn1.running_mean)
    assert not torch.equal(moved.bn1.running_mean, backbone.bn1.running_mean)


def test_gradual_unfreezing_opens_one_more_stage_an_epoch_in_one_run():
    backbone, rates, moved = network(), [], []

    def watch(step, model):
        if step % 3 == 0:  # an epoch has three steps
            same = [
                all(map(torch.equal, old.parameters(), new.parameters()))
                for (_, old), (_, new) in zip(stages(backbone), stages(model), strict=True)
            ]
            moved.append(same[:-1].count(False))

    options = FAST | {"schedule": lambda step, steps: rates.append(steps) or 1.0}
    result = fine_tune(backbone, tiny_task(), unfreeze="gradual", after_step=watch, **options)
    assert moved == [1, 2, 3, 3, 3, 3]
    assert set(rates) == {18} and len(result.history.train_loss) == 6, "one schedule for all"


def test_one_optimizer_keeps_its_momentum_when_a_stage_opens():
    model = unfreeze(network())
    groups = discriminative_rates(model, lr=0.1)
    optimizer = one_more_each_epoch("sgd", steps_an_epoch=2, lr=0.1)(groups)
    for step in range(3):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        assert (model.bn1.weight in optimizer.state) == (step == 2)
        assert model.fc.weight in optimizer.state


def test_gradual_unfreezing_goes_on_from_a_checkpoint_with_the_stages_that_were_open(tmp_path):
    def stop(step, model):
        if step == 7:  # in the third epoch, of three steps
            raise KeyboardInterrupt

    def train(after_step=lambda *_: None, **options):
        options = {**FAST, "after_step": after_step, "unfreeze": "gradual", **options}
        return fine_tune(network(), tiny_task(), **options).model.state_dict()

    whole = train()
    saved = {"checkpoint": tmp_path / "saved", "checkpoint_every": 1}
    with pytest.raises(KeyboardInterrupt):
        train(stop, **saved)
    resumed = train(**saved)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_lora_trains_only_its_own_weights_and_the_head():
    backbone = network()
    result = lora(backbone, tiny_task(), rank=2, **FAST)
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


def test_a_penalty_takes_the_place_of_weight_decay(monkeypatch):
    asked = []

    def watched(model, data, **options):
        asked.append((options["penalty"], options.get("weight_decay")))
        return fit(model, data, **options)

    monkeypatch.setattr("tlhelpers.transfer.finetune.fit", watched)
    fine_tune(network(), tiny_task(), penalty=l2_sp, unfreeze="gradual", **FAST)
    fine_tune(network(), tiny_task(), **FAST)
    (penalty, decay), (none, default) = asked  # one run, so that the start is noted once
    assert penalty is not None and decay == 0.0 and none is None and default is None


def test_a_strong_l2_sp_keeps_the_body_near_its_start():
    def distance(penalty):
        model = fine_tune(backbone, tiny_task(), penalty=penalty, **FAST).model
        return (model.layer1[0].weight - backbone.layer1[0].weight).norm().item()

    backbone = network()
    assert distance(lambda m: l2_sp(m, alpha=5.0)) < 0.7 * distance(None)


def test_lr_find_stays_in_range_and_leaves_the_model_alone():
    model = network()
    before = model.fc.weight.clone()
    found = lr_find(fine_tune(model, tiny_task(), **FAST).model, tiny_task(), steps=20)
    assert 1e-5 <= found.suggestion <= 1.0 and len(found.rates) == len(found.losses) <= 20
    assert torch.equal(before, model.fc.weight)


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        (fine_tune, {"unfreeze": 9}),
        (fine_tune, {"unfreeze": "some"}),
        (fine_tune, {"lr_mult": 10, "body_lr": 0.1}),
        (fine_tune, {"method": "lora"}),
        (lora, {"rank": 0}),
        (lora, {"body_lr": 0.1}),
        (lora, {"keep_batchnorm": False}),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_trained(verb, wrong, monkeypatch):
    for name in ("fit", "probe"):
        monkeypatch.setattr(f"tlhelpers.transfer.finetune.{name}", pytest.fail)
    with pytest.raises((ValueError, TypeError)):
        verb(network(), tiny_task(), **FAST, **wrong)


def test_ctrl_c_keeps_what_was_learned_and_ends_a_search():
    def interrupt(step, model):
        if step == 4:
            raise KeyboardInterrupt

    for verb in (fine_tune, lora):
        keep = {"on_interrupt": "keep", "after_step": interrupt}
        result = verb(network(), tiny_task(), **keep, **FAST)
        assert result.history.interrupted and result.history.steps == 4
        assert result.test_acc > 0, "what was learned is measured"
        with pytest.raises(KeyboardInterrupt):
            verb(network(), tiny_task(), **keep, progress=False)
