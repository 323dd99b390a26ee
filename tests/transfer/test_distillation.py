"""Distillation: its loss against the formula in float64, what `distill` teaches and refuses."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.tiny import Normalise, TinyNet, tiny_task
from tlhelpers.data.task import Split
from tlhelpers.train.engine import predict
from tlhelpers.train.preprocessing import attach_preprocess
from tlhelpers.transfer.distillation import _Imitation, distill, distillation_loss
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.negative import train_from_scratch

SHORT = {"epochs": 2, "lr": 0.05, "batch_size": 16, "progress": False}


def by_hand(student, teacher, temperature):
    """T^2 / n * sum_i sum_c p_ic (log p_ic - log q_ic), p from the teacher, q from the student."""
    p = (teacher / temperature).softmax(1)
    q = (student / temperature).softmax(1)
    return temperature**2 * (p * (p.log() - q.log())).sum() / len(student)


def logits(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 5, generator=generator, dtype=torch.float64)


# --- the loss -------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_the_loss_is_the_formula(temperature):
    expected = by_hand(logits(0), logits(1), temperature)
    torch.testing.assert_close(distillation_loss(logits(0), logits(1), temperature), expected)


def test_the_gradient_keeps_its_size_at_high_temperatures():
    sizes = []
    for temperature in (20.0, 80.0):
        student = logits(0).requires_grad_()
        distillation_loss(student, logits(1), temperature).backward()
        sizes.append(float(student.grad.norm()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)  # without T^2 it would fall 16 times


def test_no_gradient_reaches_the_teacher():
    teacher = logits(1).requires_grad_()
    distillation_loss(logits(0).requires_grad_(), teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
def test_logits_of_different_shapes_and_a_useless_temperature_are_refused(temperature):
    with pytest.raises(ValueError):
        distillation_loss(logits(0)[:, :3], logits(1))
    with pytest.raises(ValueError, match=str(temperature)):
        distillation_loss(logits(0), logits(1), temperature=temperature)


class Fixed(nn.Module):
    """A student whose answers are given."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def forward(self, inputs):
        return self.answers


def loss_of(student, said, labels, **asked):
    asked = {"temperature": 2.0, "label_weight": 0.0, "known": 4, **asked}
    imitation = _Imitation(said, **asked)
    return imitation.loss(Fixed(student), None, labels, torch.arange(len(said)))


def test_labels_count_where_there_are_any_and_the_teacher_everywhere():
    student, said, labels = logits(0), logits(1), torch.tensor([0, 1, 2, 3, 0, 0])
    a, T = 0.3, 2.0
    p, q = (said / T).softmax(1), (student / T).softmax(1)
    apart = T**2 * (p * (p.log() - q.log())).sum(1)
    own = -student.log_softmax(1)[torch.arange(6), labels]
    mixed = torch.cat([(1 - a) * apart[:4] + a * own[:4], apart[4:]]).mean()
    found = loss_of(student, said, labels, label_weight=a)
    torch.testing.assert_close(found, mixed)
    hard = F.cross_entropy(student, said.argmax(1))
    torch.testing.assert_close(loss_of(student, said, labels, temperature=None), hard)


# --- the verb -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def task():
    return tiny_task(2)


@pytest.fixture(scope="module")
def pool():
    return tiny_task(24, seed=9).train.inputs


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    many = tiny_task(24, seed=5)
    return fine_tune(TinyNet(), many, epochs=12, lr=0.05, batch_size=16, progress=False).model


class Student(TinyNet):
    """Narrower."""

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.ReLU())
        self.fc = nn.Linear(6, 7)  # of another job: the head is replaced


def new_student():
    torch.manual_seed(1)
    return Student()


def test_a_student_learns_what_the_teacher_says_from_pictures_without_labels(task, pool, teacher):
    """The labels of its task are wrong; only the teacher knows better."""
    student = new_student()
    before = copy.deepcopy(student.state_dict())
    wrong = replace(task, train=Split(task.train.inputs, (task.train.labels + 1) % 4), test_reads=0)
    steps = {"max_steps": 90, "batch_size": 16, "progress": False}
    alone = train_from_scratch(student, wrong, read_test=False, **steps)
    taught = distill(teacher, student, wrong, unlabelled=pool, **steps)
    assert alone.valid_acc < 0.5 and taught.valid_acc > 0.9 and taught.test_acc > 0.9
    assert taught.parameters < taught.teacher_parameters
    assert (taught.examples, taught.test_reads) == (8 + 96, 1)
    assert taught.search.grid == alone.search.grid  # tuned alike
    assert taught.history.steps == alone.history.steps == 90
    answers = predict(taught.model, task.test).argmax(1)
    same = (answers == predict(teacher, task.test).argmax(1)).double().mean().item()
    assert taught.agreement == same
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())
    assert "agreement" in taught.to_dict() and repr(taught)


def test_the_teacher_answers_in_eval_mode_and_stays_as_it_is(task, pool, teacher):
    listening = copy.deepcopy(teacher).train()
    before = copy.deepcopy(listening.state_dict())
    runs = [
        distill(one, new_student(), task, unlabelled=pool, read_test=False, **SHORT)
        for one in (listening, teacher)
    ]
    assert listening.training
    for name, value in listening.state_dict().items():
        assert torch.equal(before[name], value), name
    for one, other in zip(*(run.model.parameters() for run in runs), strict=True):
        assert torch.equal(one, other)


def test_unlabelled_examples_may_be_a_split_whose_labels_are_never_read(task, pool, teacher):
    runs = [
        distill(teacher, new_student(), task, unlabelled=Split(pool, labels), **SHORT)
        for labels in (torch.zeros(len(pool)), torch.arange(len(pool)) % 4)
    ]
    assert runs[0].history.train_loss == runs[1].history.train_loss


def test_where_pictures_are_augmented_the_teacher_sees_the_same(task, teacher):
    heard = []

    class Listener(TinyNet):
        def forward(self, x):
            heard.append(x)
            return super().forward(x)

    listener = Listener()
    listener.load_state_dict(teacher.state_dict())
    attach_preprocess(listener, lambda images: images.float())  # its own, not the student's
    seen = []

    def darker(images, generator):
        seen.append(images // 2)
        return seen[-1]

    distill(listener, new_student(), task, augment=darker, read_test=False, **SHORT)
    per_step = [x for x in heard if len(x) == len(seen[0])][-len(seen) :]
    assert seen and all(
        torch.equal(own, theirs.float()) for own, theirs in zip(per_step, seen, strict=True)
    )


def test_a_teacher_with_other_classes_is_refused(task, teacher):
    with pytest.raises(ValueError, match="7"):
        distill(Student(), new_student(), task, **SHORT)


@pytest.mark.parametrize("part", ["test", "valid"])
def test_pictures_that_measure_or_choose_are_refused(task, pool, teacher, part):
    taken = getattr(task, part).inputs[3:5]
    with pytest.raises(ValueError, match="2"):
        distill(teacher, new_student(), task, unlabelled=torch.cat([pool, taken]), **SHORT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": "loud"},
        {"temperature": 0},
        {"temperature": -2.0},
        {"answers": "hard", "temperature": 2.0},
        {"label_weight": 1.5},
        {"unlabelled": torch.zeros(4, 3, 8, 8, dtype=torch.uint8)},
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(task, teacher, wrong):
    untouched = new_student()
    with pytest.raises(ValueError):
        distill(teacher, untouched, task, after_step=pytest.fail, **wrong, **SHORT)


def test_normalise_is_the_tasks_own_for_a_student_without_one(task, teacher):
    plain = new_student()
    del plain.preprocess
    taught = distill(teacher, plain, task, read_test=False, **SHORT)
    images = task.test.inputs
    torch.testing.assert_close(taught.model.preprocess(images), Normalise()(images))
