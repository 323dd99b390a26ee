"""Lesson 11: its steps do what its prose says, and its stored results hold what it promises."""

import pytest
import torch
from torch import nn

from tests.tiny import TinyNet, tiny_task
from tlhelpers.data.task import Split
from tlhelpers.lessons.distillation import experiments, steps
from tlhelpers.models.backbones import backbone
from tlhelpers.train.engine import fit

# --- the steps ------------------------------------------------------------------------------


def test_the_student_is_the_small_network_at_most_an_eighth_of_the_teacher():
    count = {
        name: sum(p.numel() for p in model.parameters())
        for name, model in {
            "teacher": backbone("zukan-resnet", pretrained=False, num_classes=10),
            "student": steps.new_student(),
            "named": backbone("zukan-small", pretrained=False, num_classes=10),
        }.items()
    }
    assert 60_000 <= count["student"] == count["named"] <= count["teacher"] / 8


def test_eight_bits_move_a_weight_by_at_most_half_a_step():
    torch.manual_seed(0)
    model = TinyNet()
    rounded = steps.in_eight_bits(model)
    for old, new in zip(model.modules(), rounded.modules(), strict=True):
        if isinstance(old, nn.Conv2d | nn.Linear):
            step = old.weight.flatten(1).abs().amax(1) / 127
            moved = (old.weight - new.weight).flatten(1).abs().amax(1)
            assert (moved <= step / 2 + 1e-7).all() and moved.max() > 0
            levels = (new.weight[0] / step[0]).round()
            torch.testing.assert_close(levels * step[0], new.weight[0])
    layer = nn.Linear(3, 2)
    assert steps.kilobytes_in_eight_bits(layer) == (6 + 4 * 2 + 4 * 2) / 1000


def test_cut_weights_stay_cut_while_the_rest_learns():
    task = tiny_task(4)
    torch.manual_seed(0)
    cut = steps.cut_weights(TinyNet(), 0.75)
    fit(cut, task, max_steps=3, lr=0.05, progress=False)
    done = steps.finish_cut(cut)
    weights = torch.cat(
        [m.weight.flatten() for m in done.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    )
    assert (weights == 0).double().mean().item() == pytest.approx(0.75, abs=0.01)
    others = sum(v.numel() for v in (*done.parameters(), *done.buffers())) - len(weights)
    assert steps.kilobytes_cut(done) <= 6 * (weights.count_nonzero() + others) / 1000


def test_a_sign_is_a_square_of_its_colour_and_leaves_the_rest_alone():
    split = Split(torch.full((2, 3, 32, 32), 7, dtype=torch.uint8), [0, 1])
    signed = steps.with_signs(split, torch.tensor([3, 0]))
    side = steps.SIGN
    assert (signed.inputs[:, :, side:] == 7).all() and (signed.inputs[:, :, :, side:] == 7).all()
    assert signed.inputs[0, :, 0, 0].tolist() == steps.COLOURS[3].tolist()
    assert (split.inputs == 7).all() and len(steps.COLOURS.unique(dim=0)) == 10


def test_a_share_of_the_labels_is_wrong_and_no_more():
    split = Split(torch.zeros(50, 3, 2, 2), torch.arange(10).repeat(5))
    wrong = experiments.with_wrong_labels(split, seed=3)
    assert (wrong.labels != split.labels).sum() == 10
    assert wrong.labels.max() <= 9 and torch.equal(wrong.inputs, split.inputs)


def test_a_loss_times_a_factor_is_a_change_of_rate_bound_and_decay():
    """`for_a_loss_times` against steps on the loss itself, times the factor."""
    task, settings = tiny_task(6), {"lr": 0.1, "clip_norm": 1.0}
    factor = 1 / 16

    def scaled(model, inputs, labels, rows):
        return factor * nn.functional.cross_entropy(model(inputs), labels)

    def weights(**asked):
        torch.manual_seed(0)
        model = TinyNet()
        fit(model, task, max_steps=4, optimizer="sgd", keep_best=False, progress=False, **asked)
        return torch.cat([p.flatten() for p in model.parameters()])

    expected = weights(loss=scaled, **settings)
    found = weights(**experiments.for_a_loss_times(factor, settings))
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, weights(**settings))


def test_the_students_of_a_draw_see_no_picture_that_measures_or_chooses():
    task = experiments.redrawn("birds", 2, 0, valid=2, test=2, size=48)
    pool = experiments.load_task("birds", 4, 3000, size=48).train
    rows = [set(map(bytes, part.inputs.flatten(1).numpy())) for part in (task.valid, task.test)]
    assert not set(map(bytes, pool.inputs.flatten(1).numpy())) & (rows[0] | rows[1])
