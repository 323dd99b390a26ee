"""Every verb refuses what cannot be meant, before it computes, by a sentence that names it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import tlhelpers as tl
from tests.tiny import TinyNet, tiny_task
from tlhelpers.data.task import Split, Task
from tlhelpers.transfer.distillation import distillation_loss
from tlhelpers.transfer.extraction import named

TASK = tiny_task(4)
PICTURES = TASK.train.inputs
FEATURES = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
WAVES = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
BAD = math.nan * FEATURES
QUICK = {"epochs": 1, "progress": False}


def described() -> Task:
    """Ten classes with six attributes each."""
    generator = torch.Generator().manual_seed(0)

    def part(each: int) -> Split:
        labels = torch.arange(10).repeat(each)
        pixels = torch.randint(0, 256, (len(labels), 3, 8, 8), generator=generator)
        return Split(pixels.to(torch.uint8), labels)

    names = [f"c{number}" for number in range(10)]
    attributes = torch.rand(10, 6, generator=generator)
    classes = {"en": names, "ja": names}
    return Task("described", part(4), part(2), part(2), classes, attributes=attributes)


DESCRIBED = described()


def without(task: Task, number: int, part: str) -> Task:
    split = getattr(task, part)
    return replace(task, **{part: split.subset((split.labels != number).nonzero()[:, 0])})


class Broken(nn.Module):
    """Answers NaN."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, pictures):
        return self.fc(pictures.float().mean((2, 3))) * math.nan


def distil(**given):
    asked = {"teacher": TinyNet(), "student": TinyNet(), "task": TASK, "lr": 0.1, **QUICK}
    return tl.distill(**asked | given)


def go_on(network=None, pictures=PICTURES, **given):
    return tl.continue_pretraining(network or TinyNet(), pictures, **QUICK | given)


def towers(pictures=FEATURES, captions=FEATURES, **given):
    return tl.train_two_towers(pictures, captions, **{"steps": 2, **given})


def find_odd(known=PICTURES, tested=PICTURES[:4], **given):
    return tl.anomaly("pixels", known, tested, **{"method": "mean", **given})


def name_unseen(task=DESCRIBED, unseen=(0, 1), **given):
    return tl.zero_shot("pixels", task, list(unseen), **given)


def both(task=DESCRIBED, unseen=(0, 1), **given):
    return tl.generalised_zero_shot("pixels", task, list(unseen), **given)


def stream(examples):
    shards = tl.ShardStream([0], lambda shard: examples)
    return tl.fit(TinyNet(), DataLoader(shards, batch_size=2), max_steps=1, progress=False)


REFUSED = {
    # networks, tasks and data of another kind
    "cluster by 3": (lambda: tl.cluster(3, PICTURES, 2), "model=3"),
    "cluster None": (lambda: tl.cluster("pixels", None, 2), "no inputs in None"),
    "cluster texts by pixels": (lambda: tl.cluster("pixels", ["a", "b"], 2), "no pictures here"),
    "cluster a task's name": (lambda: tl.cluster(FEATURES, "birds", 2), "16"),
    "predict by None": (lambda: tl.predict(None, PICTURES), "model=None"),
    "predict a task": (lambda: tl.predict(TinyNet(), TASK), "whole task"),
    "predict 3": (lambda: tl.predict(TinyNet(), 3), "no inputs in 3"),
    "fit None": (lambda: tl.fit(None, TASK), "model=None"),
    "probe a split": (lambda: tl.probe(TinyNet(), TASK.train), "the whole task is needed"),
    "probe None": (lambda: tl.probe(TinyNet(), None), "None is no task"),
    "knn a split": (lambda: tl.knn(TinyNet(), TASK.train), "the whole task is needed"),
    "fine_tune a split": (lambda: tl.fine_tune(TinyNet(), TASK.train), "the whole task"),
    "lora a name": (lambda: tl.lora(TinyNet(), "birds"), "'birds' is no task"),
    "few_labels a split": (lambda: tl.few_labels(TASK.train, 1), "the whole task"),
    "few_shot a split": (lambda: tl.few_shot(TinyNet(), TASK.test), "the whole task"),
    "adapt a split": (lambda: tl.adapt(TinyNet(), TASK, TASK.test), "the whole task"),
    "lr_find a split": (lambda: tl.lr_find(TinyNet(), TASK.train), "the whole task"),
    "distill into 3": (lambda: distil(student=3), "student=3"),
    "distill from a name": (lambda: distil(teacher="resnet18"), "teacher='resnet18'"),
    "distill a split": (lambda: distil(task=TASK.train), "the whole task"),
    "go on with a name": (lambda: go_on("pixels"), "backbone='pixels'"),
    "zero_shot a split": (lambda: name_unseen(TASK.train), "the whole task"),
    "plan of a name": (lambda: tl.memory_plan("resnet18", FEATURES), "model='resnet18'"),
    "meter of 3": (lambda: tl.MemoryMeter(3), "model=3"),
    # numbers that none of them can be
    "fit no epochs": (lambda: tl.fit(TinyNet(), TASK, epochs=0), "epochs=0"),
    "fit half epochs": (lambda: tl.fit(TinyNet(), TASK, epochs=1.5), "epochs=1.5"),
    "fit no batch": (lambda: tl.fit(TinyNet(), TASK, batch_size=0), "batch_size=0"),
    "fit rate nan": (lambda: tl.fit(TinyNet(), TASK, lr=math.nan), "lr=nan"),
    "fit rate below": (lambda: tl.fit(TinyNet(), TASK, lr=-1), "lr=-1"),
    "fit rate x": (lambda: tl.fit(TinyNet(), TASK, lr="x"), "lr='x'"),
    "fit decay": (lambda: tl.fit(TinyNet(), TASK, weight_decay=-1), "weight_decay=-1"),
    "fit seed": (lambda: tl.fit(TinyNet(), TASK, seed="x"), "seed='x'"),
    "fine_tune epochs": (lambda: tl.fine_tune(TinyNet(), TASK, epochs="x"), "epochs='x'"),
    "fine_tune rate": (lambda: tl.fine_tune(TinyNet(), TASK, lr=math.inf), "lr=inf"),
    "fine_tune batch": (lambda: tl.fine_tune(TinyNet(), TASK, batch_size=0), "batch_size=0"),
    "lora rank": (lambda: tl.lora(TinyNet(), TASK, rank=0.5), "rank=0.5"),
    "distill no heat": (lambda: distil(temperature=0), "temperature=0"),
    "distill heat x": (lambda: distil(temperature="x"), "temperature='x'"),
    "distill weight": (lambda: distil(label_weight=math.nan), "label_weight=nan"),
    "go on, crop": (lambda: go_on(crop="x"), "crop='x'"),
    "go on, heat": (lambda: go_on(temperature=math.inf), "temperature=inf"),
    "go on, one by one": (lambda: go_on(batch_size=1), "batch_size=1"),
    "go on, seed": (lambda: go_on(seed=2**70), "seed="),
    "towers dim": (lambda: towers(dim=0), "dim=0"),
    "towers batch": (lambda: towers(batch_size=-3), "batch_size=-3"),
    "towers rate": (lambda: towers(lr=math.nan), "lr=nan"),
    "towers heat": (lambda: towers(temperature=math.inf), "temperature=inf"),
    "alarms": (lambda: find_odd(false_alarms=None), "false_alarms=None"),
    "unseen names": (lambda: name_unseen(unseen=["c0", "c1"]), "c0"),
    "unseen flags": (lambda: both(unseen=[True, False]), "True"),
    "plan batch": (lambda: tl.memory_plan(TinyNet(), FEATURES, batch_size=1.5), "batch_size=1.5"),
    "plan inputs": (lambda: tl.memory_plan(TinyNet(), {}), "no batch"),
    "shards of a name": (lambda: tl.ShardStream("abc", list), "'abc'"),
    "shards, none": (lambda: tl.ShardStream([], list), "no shards"),
    "shards, reader": (lambda: tl.ShardStream([1], None), "read=None"),
    "shards, seed": (lambda: tl.ShardStream([1], list, seed="x"), "seed='x'"),
    "snr": (lambda: tl.load_words("calls", snr=math.nan), "snr=nan"),
    "bands": (lambda: tl.log_mel(WAVES, lowest="x"), "lowest='x'"),
    "samples": (lambda: tl.log_mel(WAVES.half()), "float16"),
    "no waves": (lambda: tl.log_mel(WAVES[:0]), "(0, 8000)"),
    "names of sounds": (lambda: tl.listen(WAVES, ["a"]), "2 sounds and 1 names"),
    "listen to none": (lambda: tl.listen(WAVES, per_class=0), "per_class=0"),
    # answers that would be wrong in silence
    "one picture": (
        lambda: tl.predict(tl.backbone("zukan-resnet"), PICTURES[0]),
        "(n, 3, height, width)",
    ),
    "two channels": (lambda: go_on(pictures=PICTURES[:, :2]), "(16, 2, 16, 16)"),
    "pixels from 0 to 255": (lambda: tl.cluster("pixels", PICTURES.float(), 2), "255"),
    "odd sizes": (lambda: find_odd(tested=PICTURES[..., :8]), "(3, 16, 8)"),
    "broken teacher": (lambda: distil(teacher=Broken()), "16 of 16"),
    "unlabelled floats": (lambda: distil(unlabelled=PICTURES / 255), "float32"),
    "unlabelled texts": (lambda: distil(unlabelled=["a"]), "another kind"),
    "labels from 1": (
        lambda: distil(task=replace(TASK, train=Split(PICTURES, TASK.train.labels + 1))),
        "from 1 to 4",
    ),
    "no logits": (lambda: distillation_loss(torch.ones(0, 2), torch.ones(0, 2)), "(0, 2)"),
    "towers of nan": (lambda: towers(BAD), "16 of the pictures"),
    "captions of nan": (lambda: towers(captions=BAD), "16 of the captions"),
    "towers of a list": (lambda: towers([[1.0]]), "list"),
    "pairs of two widths": (
        lambda: tl.contrastive_loss(FEATURES, FEATURES[:, :2], 1.0),
        "(16, 2)",
    ),
    "unseen untested": (lambda: name_unseen(without(DESCRIBED, 1, "test")), "no test example"),
    "both untested": (lambda: both(without(DESCRIBED, 1, "test")), "no test example"),
    "broken pictures": (
        lambda: both(
            replace(DESCRIBED, train=Split(math.nan * torch.ones(40, 3), DESCRIBED.train.labels))
        ),
        "no numbers",
    ),
    "too few attributes": (
        lambda: name_unseen(replace(DESCRIBED, attributes=DESCRIBED.attributes[:4])),
        "(4, 6)",
    ),
    "a triple": (lambda: stream([(PICTURES[0] / 255, 0, 1)] * 2), "pairs"),
    "labels of words": (lambda: stream([(PICTURES[0] / 255, "a")] * 2), "('a', 'a')"),
    "labels between": (lambda: stream([(PICTURES[0] / 255, 0.5)] * 2), "[0.5, 0.5]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_by_a_sentence(case):
    call, said = REFUSED[case]
    with pytest.raises(ValueError) as error:
        call()
    assert said in str(error.value)


def test_pixels_of_floats_are_those_of_bytes():
    sound = torch.randint(0, 256, (12, 3, 4, 4), dtype=torch.uint8)
    bytes_, floats = find_odd(sound, sound[:4]), find_odd(sound, sound[:4].double() / 255)
    assert torch.allclose(bytes_.scores, floats.scores, atol=1e-6)


def test_features_of_numpy_are_features():
    found = tl.cluster(FEATURES.numpy(), TASK.train, 2)
    assert found.clusters.equal(tl.cluster(FEATURES, TASK.train, 2).clusters)
    assert len(tl.listen(np.asarray(WAVES)).names) == 2


def test_two_networks_of_one_name_are_both_compared():
    networks = [TinyNet(), TinyNet()]
    assert set(named(networks)) == {"TinyNet", "TinyNet (2)"}
    found = tl.transferability(networks, TASK, scores=("logme",))
    assert len(found.rows()) == 2
    rows = tl.compare(networks, TASK, strategies=("probe",), per_class=(2,), seeds=1).rows()
    assert {row["backbone"] for row in rows} == {"TinyNet", "TinyNet (2)"}
    with pytest.raises(ValueError, match="backbones='resnet18'"):
        tl.compare(["resnet18"], TASK)
