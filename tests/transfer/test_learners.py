"""Each learner against its paper: losses worked by hand in float64, memories, and what is kept."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.tiny import TinyNet, tiny_task
from tlhelpers.data.task import Split
from tlhelpers.transfer.incremental import make_learner
from tlhelpers.transfer.learners import METHODS, Stream
from tlhelpers.transfer.learners.der import answer_loss
from tlhelpers.transfer.learners.ewc import EXACT_UP_TO, ewc_penalty, fisher_information
from tlhelpers.transfer.learners.icarl import herd, icarl_loss
from tlhelpers.transfer.learners.nearest_mean import class_means, similarity

FAST = {"epochs": 2, "batch_size": 16, "lr": 0.05, "progress": False}


class Logits(nn.Module):
    """A network whose inputs are its logits, cut to the outputs that it has."""

    def __init__(self, outputs: int):
        super().__init__()
        self.fc = nn.Linear(4, outputs).double()
        nn.init.eye_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x):
        return self.fc(x)


def after_two_classes(method: str, scenario: str = "class", **options):
    """A learner in its second step, which knows two classes and now has four outputs."""
    stream = Stream.of_classes(tiny_task(), [2, 2], scenario)
    learner = make_learner(TinyNet(), stream, method, **options)
    learner.known, learner.old = 2, Logits(2)
    learner.model = Logits(4)
    return learner


INPUTS = torch.tensor([[1.0, -0.5, 2.0, 0.0], [0.3, 0.1, -1.0, 0.5]], dtype=torch.float64)
LABELS = torch.tensor([2, 3])
ROWS = torch.arange(2)
OLD = torch.tensor([[0.5, 0.2], [-0.3, 0.9]], dtype=torch.float64)


def test_lwf_is_local_cross_entropy_and_the_old_answers():
    """CE over the logits 2 and 3, plus strength T^2 sum_c p log(p / q) over the logits 0 and 1."""
    learner = after_two_classes("lwf", strength=3.0, temperature=2.0)
    learner.old = lambda x: OLD
    new = -(INPUTS[:, 2:].softmax(1).log()[torch.arange(2), LABELS - 2]).mean()
    p, q = (OLD / 2).softmax(1), (INPUTS[:, :2] / 2).softmax(1)
    kept = 4 * (p * (p / q).log()).sum() / 2
    found = learner.loss(learner.model, INPUTS, LABELS, ROWS)
    torch.testing.assert_close(found, new + 3 * kept)


def test_lwf_distils_each_old_group_by_itself_where_the_task_is_known():
    stream = Stream.of_classes(tiny_task(), [1, 1, 2], "task")
    learner = make_learner(TinyNet(), stream, "lwf")
    learner.known = 2
    assert learner.keep(INPUTS[:, :2], OLD).item() == pytest.approx(0)  # one class: nothing to say
    stream.scenario = "class"
    assert learner.keep(INPUTS[:, :2], OLD) > 0.01


def test_icarl_has_a_sigmoid_for_each_class_and_old_targets_for_old_classes():
    g, q = INPUTS.sigmoid(), OLD.sigmoid()
    total = 0.0
    for i in range(2):
        for c in range(4):
            target = q[i, c] if c < 2 else torch.tensor(float(LABELS[i] == c)).double()
            total -= target * g[i, c].log() + (1 - target) * (1 - g[i, c]).log()
    torch.testing.assert_close(icarl_loss(INPUTS, LABELS, OLD), total / 2)


def test_der_compares_logits_only_where_there_was_an_output():
    then = torch.tensor([[0.5, 0.5, torch.nan, torch.nan], [0.3, 0.1, -1.0, 1.5]]).double()
    expected = ((0.5**2 + 1.0**2) + 1.0**2) / 2
    assert answer_loss(INPUTS, then).item() == pytest.approx(expected)
    learner = after_two_classes("der", alpha=0.2, beta=0.7)
    learner.model.preprocess = lambda x: x
    learner.stream.train = Split(INPUTS, torch.tensor([0, 1]))
    learner.kept, learner.answers, learner.met = torch.tensor([0, 1]), then, 2
    learner.arrived = torch.tensor([0, 1])
    old = F.cross_entropy(INPUTS, torch.tensor([0, 1]))
    expected = F.cross_entropy(INPUTS, LABELS) + 0.2 * expected + 0.7 * old
    torch.testing.assert_close(learner.loss(learner.model, INPUTS, LABELS, ROWS), expected)


@pytest.mark.slow
def test_the_memory_of_der_is_a_uniform_sample_of_all_it_met():
    counts = torch.zeros(60)
    for seed in range(400):
        stream = Stream.of_classes(tiny_task(), [2, 2])
        learner = make_learner(TinyNet(), stream, "der", memory=6, seed=seed)
        for rows in torch.arange(60).split(7):
            learner._put(rows, torch.zeros(len(rows), 2))
        counts[learner.kept] += 1
    assert counts.sum() == 400 * 6
    assert counts[:30].sum() == pytest.approx(1200, abs=110)  # 4 standard deviations and more
    assert counts[:6].mean() == pytest.approx(40, abs=10)


def test_new_rows_reach_only_the_rows_of_new_classes():
    learner = after_two_classes("new_rows")
    learner.loss(learner.model, INPUTS, LABELS, ROWS).backward()
    assert learner.model.fc.weight.grad[:2].abs().max() == 0
    assert learner.model.fc.weight.grad[2:].abs().min() > 0
    among = after_two_classes("new_rows", among_all=True)
    expected = F.cross_entropy(INPUTS, LABELS)
    torch.testing.assert_close(among.loss(among.model, INPUTS, LABELS, ROWS), expected)


@pytest.mark.parametrize("among_all", [False, True])
def test_the_frozen_control_leaves_body_and_old_rows_bit_by_bit(among_all):
    stream = Stream.of_classes(tiny_task(), [2, 2])
    learner = make_learner(TinyNet(), stream, "new_rows", among_all=among_all, **FAST)
    learner.learn(0)
    before = copy.deepcopy(learner.model.state_dict())
    learner.learn(1)
    for name, value in learner.model.state_dict().items():
        kept = value[:2] if name.startswith("fc") else value
        assert torch.equal(kept, before[name]), name
    assert len(learner.model.fc.weight) == 4


def test_in_the_task_scenario_a_class_competes_within_its_group_only():
    stream = Stream.of_classes(tiny_task(), [2, 2], "task")
    masked = stream.candidates(INPUTS, LABELS)
    assert masked.argmax(1).tolist() == [2, 3]
    assert masked[:, :2].isneginf().all() and torch.equal(masked[:, 2:], INPUTS[:, 2:])
    stream.scenario = "class"
    assert torch.equal(stream.candidates(INPUTS, LABELS), INPUTS)


# --- memories


def test_icarl_keeps_a_fixed_number_and_drops_the_last_chosen_first():
    stream = Stream.of_classes(tiny_task(), [2, 2])
    learner = make_learner(TinyNet(), stream, "icarl", memory=9, **FAST)
    learner.learn(0)
    first = [rows.tolist() for rows in learner.exemplars]
    assert [len(rows) for rows in first] == [4, 4]
    learner.learn(1)
    assert [len(rows) for rows in learner.exemplars] == [2, 2, 2, 2]
    assert [rows.tolist() for rows in learner.exemplars[:2]] == [rows[:2] for rows in first]


def test_what_is_kept_is_counted_at_one_moment_for_the_next_step():
    picture = 3 * 16 * 16
    expected = {
        "new_head": 0,
        "kept_rows": 0,
        "new_rows": 0,
        "lwf": 0,
        "replay": 4 * 5 * picture,
        "icarl": 20 * picture,
        "nearest_mean": 4 * 12 * 4,
        "joint": 48 * picture,
    }
    options = {"per_class": 5, "memory": 20, **FAST}
    for method, bytes_kept in expected.items():
        learner = make_learner(
            TinyNet(),
            Stream.of_classes(tiny_task(), [2, 2]),
            method,
            **{k: options[k] for k in METHODS[method].options() & set(options)},
        )
        learner.learn(0)
        learner.learn(1)
        assert learner.kept_bytes == bytes_kept, method


def test_der_keeps_pictures_and_the_logits_noted_with_them():
    stream = Stream.of_classes(tiny_task(), [2, 2])
    learner = make_learner(TinyNet(), stream, "der", memory=10, **FAST)
    learner.learn(0)
    pictures = len(learner.kept.unique())
    assert len(learner.kept) == 10
    assert learner.kept_bytes == pictures * 3 * 16 * 16 + 10 * 2 * 4


def test_means_do_not_depend_on_the_order_of_arrival():
    tasks = [tiny_task(seed=0), tiny_task(seed=1)]
    orders = []
    for pair in (tasks, tasks[::-1]):
        learner = make_learner(TinyNet_fixed(), Stream.of_domains(pair), "nearest_mean")
        learner.learn(0)
        learner.learn(1)
        orders.append(learner.sums)
    torch.testing.assert_close(*orders)


def TinyNet_fixed():
    torch.manual_seed(0)
    return TinyNet()


# --- elastic weight consolidation


def problem(classes: int = 3):
    torch.manual_seed(0)
    body = [nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, classes)]
    model = nn.Sequential(*body).double()
    return model, torch.randn(10, 4, dtype=torch.float64), torch.arange(10) % classes


def one_by_one(model, inputs, answers):
    """mean over samples of sum_c weight (d log p_c / d w)^2, one backward pass a sample and c.

    answers: for each sample a list of (class, weight).
    """
    model.eval()
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for sample, weighted in zip(inputs, answers, strict=True):
        for c, weight in weighted:
            model.zero_grad()
            model(sample[None]).log_softmax(1)[0, c].backward()
            for name, parameter in model.named_parameters():
                total[name] += weight * parameter.grad.square() / len(inputs)
    return total


def test_the_fisher_is_the_expectation_over_the_models_own_answers():
    model, inputs, _ = problem()
    chances = model.eval()(inputs).softmax(1).detach()
    expected = one_by_one(model, inputs, [list(enumerate(row)) for row in chances])
    for name, value in fisher_information(model, inputs, chunk=3).items():
        torch.testing.assert_close(value, expected[name])


def test_with_labels_it_is_the_empirical_fisher():
    model, inputs, labels = problem()
    expected = one_by_one(model, inputs, [[(c, 1.0)] for c in labels.tolist()])
    for name, value in fisher_information(model, inputs, labels, chunk=3).items():
        torch.testing.assert_close(value, expected[name])


def test_of_many_classes_one_answer_is_drawn_and_its_mean_is_right():
    model, inputs, _ = problem(EXACT_UP_TO + 1)
    chances = model.eval()(inputs).softmax(1).detach()
    exact = one_by_one(model, inputs, [list(enumerate(row)) for row in chances])
    many = inputs.repeat(400, 1)
    drawn = fisher_information(model, many, chunk=500)
    for name, value in drawn.items():
        assert value.sum().item() == pytest.approx(exact[name].sum().item(), rel=0.05)


def test_a_network_that_is_sure_warns_that_nothing_is_held():
    model, inputs, _ = problem()
    with torch.no_grad():
        model[3].weight *= 1000
        model[3].bias += torch.tensor([1e4, 0.0, 0.0])
    with pytest.warns(UserWarning, match="Fisher"):
        fisher_information(model, inputs)


def test_the_square_of_the_batch_gradient_would_be_far_smaller():
    model, inputs, labels = problem()
    right = fisher_information(model, inputs, labels)
    model.eval().zero_grad()
    F.cross_entropy(model(inputs), labels).backward()
    wrong = sum(float(p.grad.square().sum()) for p in model.parameters())
    assert wrong < 0.5 * sum(float(f.sum()) for f in right.values())


def test_it_leaves_mode_and_buffers_as_they_were():
    model, inputs, _ = problem()
    model.train()
    before = model[1].running_mean.clone()
    fisher_information(model, inputs)
    assert model.training and torch.equal(before, model[1].running_mean)


def test_the_penalty_is_half_strength_times_fisher_times_the_squared_move():
    model, inputs, _ = problem()
    fisher = fisher_information(model, inputs)
    penalty = ewc_penalty(model, fisher, strength=10.0)
    assert penalty(model).item() == 0.0
    with torch.no_grad():
        model[3].weight += 0.5
    expected = 10.0 / 2 * float(fisher["3.weight"].sum()) * 0.25
    assert penalty(model).item() == pytest.approx(expected)


def test_rows_added_to_the_head_later_are_free():
    model, inputs, _ = problem()
    penalty = ewc_penalty(model, fisher_information(model, inputs), strength=1.0)
    grown = nn.Linear(6, 5).double()
    with torch.no_grad():
        grown.weight[:3], grown.bias[:3] = model[3].weight, model[3].bias
    model[3] = grown
    assert penalty(model).item() == pytest.approx(0.0, abs=1e-12)


def test_samples_may_lie_elsewhere_than_the_model():
    """After training on a GPU the model lies there, and the samples do not."""
    _, inputs, labels = problem()
    with torch.device("meta"):
        away = nn.Linear(4, 3, dtype=torch.float64)
    fisher = fisher_information(away, inputs, labels)
    assert {value.device.type for value in fisher.values()} == {"meta"}


def test_a_label_too_few_is_refused():
    model, inputs, labels = problem()
    with pytest.raises(ValueError):
        fisher_information(model, inputs, labels[:-1])


def test_springs_are_summed_or_move_along():
    """Summed: one set a step. Online: F = online * older + newer, all resting at the newest."""
    kept = {}
    for online in (None, 0.5):
        stream = Stream.of_classes(tiny_task(), [2, 1, 1])
        learner = make_learner(TinyNet_fixed(), stream, "ewc", online=online, **FAST)
        learner.learn(0)
        first = {name: f.clone() for name, f in learner.fishers[0].items()}
        learner.learn(1)
        kept[online] = learner
        assert learner.penalty(learner.model).item() >= 0
    assert len(kept[None].springs) == 2 and len(kept[0.5].springs) == 1
    with torch.no_grad():
        inputs = learner.model.preprocess(stream.train.subset(stream.rows(1)).inputs)
    newest = fisher_information(learner.model, inputs)["fc.weight"]
    newest[:2] += 0.5 * first["fc.weight"]
    torch.testing.assert_close(learner.fishers[0]["fc.weight"], newest)
    assert learner.penalty(learner.model).item() == 0
    assert kept[None].kept_bytes > 1.9 * kept[0.5].kept_bytes


# --- exemplars and means


def features(seed=0, n=40, d=6):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 1


def test_the_first_exemplar_is_the_row_nearest_to_the_mean():
    unit = F.normalize(features(), dim=1)
    assert herd(features(), 3)[0] == (unit - unit.mean(0)).norm(dim=1).argmin()


def test_exemplars_are_different_rows_and_follow_the_mean_better_than_chance():
    unit = F.normalize(features(), dim=1)
    chosen = herd(features(), 8)
    assert len(set(chosen.tolist())) == 8
    distance = (unit[chosen].mean(0) - unit.mean(0)).norm()
    generator = torch.Generator().manual_seed(1)
    random = [unit[torch.randperm(40, generator=generator)[:8]].mean(0) for _ in range(20)]
    missed = torch.stack([(mean - unit.mean(0)).norm() for mean in random])
    assert distance < missed.median() / 1.5


def test_all_rows_can_be_chosen_and_no_more():
    assert sorted(herd(features(), 40).tolist()) == list(range(40))
    with pytest.raises(ValueError):
        herd(features(), 41)


def test_the_nearest_mean_tells_separate_classes_apart():
    labels = torch.arange(40) % 2
    apart = features() + torch.where(labels == 0, 4.0, -4.0)[:, None] * torch.eye(6)[0]
    means = class_means(apart, labels, 2)
    torch.testing.assert_close(means.norm(dim=1), torch.ones(2))
    assert (similarity(apart, means).argmax(1) == labels).float().mean() > 0.95


def test_a_class_without_an_example_is_refused():
    with pytest.raises(ValueError, match=r"\[2\]"):
        class_means(features(), torch.arange(40) % 2, 3)
