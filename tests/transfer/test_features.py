"""Features are what enters the head, are computed once, and heads on them are chosen honestly."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import stages
from tlhelpers.transfer import heads
from tlhelpers.transfer.extraction import LARGE, extract_features, stream_features
from tlhelpers.transfer.feature_cache import FeatureCache
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.heads import Standardizer, fit_heads
from tlhelpers.transfer.knn import knn


class Normalize(nn.Module):
    def __init__(self, mean=0.5):
        super().__init__()
        self.mean = mean

    def forward(self, images):
        return images.float() / 255 - self.mean


class SmallNet(nn.Module):
    """Counts how often it runs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 12, 3)
        self.bn = nn.BatchNorm2d(12)
        self.fc = nn.Linear(12, 4)
        self.preprocess = Normalize()
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        return self.fc(self.bn(self.conv(inputs)).relu().mean((2, 3)))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    monkeypatch.setattr("tlhelpers.transfer.extraction._cache", FeatureCache())


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (40, 3, 8, 8), generator=generator, dtype=torch.uint8)


def make_task(per_class=20, classes=4, d=16, gap=0.5, seed=0, scale=1.0):
    """Gaussian clusters of features as a task; pass the features as `identity(task)` would."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, d, generator=generator) * gap

    def split(count):
        labels = torch.arange(classes).repeat_interleave(count)
        noise = torch.randn(len(labels), d, generator=generator)
        return Split((centres[labels] + noise) * scale, labels)

    names = [f"class {c}" for c in range(classes)]
    return Task(
        name="clusters",
        train=split(per_class),
        valid=split(100),
        test=split(200),
        classes={"en": names, "ja": names},
    )


class Identity(nn.Module):
    """A backbone whose features are its inputs."""

    def __init__(self, d=16):
        super().__init__()
        self.fc = nn.Linear(d, 2)
        self.preprocess = nn.Identity()

    def forward(self, inputs):
        return self.fc(inputs)


# --- extraction ---------------------------------------------------------------------------


def test_features_are_what_enters_the_head(images):
    model = SmallNet().eval()
    with torch.no_grad():
        expected = model.bn(model.conv(model.preprocess(images))).relu().mean((2, 3))
    features = extract_features(model, images, batch_size=7)
    assert features.dtype == torch.float32
    assert torch.allclose(features, expected, atol=1e-6)


def test_a_stage_gives_its_output_averaged_over_positions(images):
    model = SmallNet().eval()
    with torch.no_grad():
        expected = model.conv(model.preprocess(images)).mean((2, 3))
    assert torch.allclose(extract_features(model, images, layer="conv"), expected, atol=1e-6)
    with pytest.raises(ValueError, match="conv"):
        extract_features(model, images, layer="layer9")


def test_extraction_leaves_the_model_as_it_was(images):
    model = SmallNet().train()
    model.bn.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    extract_features(model, images)
    assert model.training and model.conv.training and not model.bn.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_cache_spares_the_second_pass(images):
    model = SmallNet()
    first = extract_features(model, Split(images, torch.zeros(40)))
    calls = model.calls
    again = extract_features(model, images.clone(), batch_size=11)
    assert model.calls == calls
    assert torch.equal(first, again)


def test_changing_features_in_place_does_not_reach_the_cache(images):
    model = SmallNet()
    kept = extract_features(model, images).clone()
    extract_features(model, images).zero_()
    assert torch.equal(extract_features(model, images), kept)


def change_weight(model, images):
    model.conv.weight.data[0, 0, 0, 0] += 1
    return images


def change_buffer(model, images):
    model.bn.running_mean[0] += 1
    return images


def change_preprocessing(model, images):
    model.preprocess.mean = 0.4
    return images


def change_pixel(model, images):
    images[23, 1, 4, 4] ^= 1
    return images


@pytest.mark.parametrize(
    "change", [change_weight, change_buffer, change_preprocessing, change_pixel]
)
def test_the_cache_notices_every_change(images, change):
    model = SmallNet()
    old = extract_features(model, images).clone()
    images = change(model, images)
    new = extract_features(model, images)
    assert not torch.equal(old, new)
    assert torch.equal(new, extract_features(model, images, cache=False))


def test_the_cache_in_memory_is_bounded():
    cache = FeatureCache(limit=1000)
    for key in "abc":
        cache.put(key, torch.zeros(100))
        cache.get("a")
    assert cache.get("a") is not None and cache.get("b") is None


def test_features_are_computed_in_smaller_portions_where_memory_falls_short(images, capsys):
    class Narrow(SmallNet):
        def forward(self, inputs):
            if len(inputs) > 6:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(inputs)

    expected = extract_features(SmallNet(), images, cache=False)
    torch.testing.assert_close(extract_features(Narrow(), images, cache=False), expected)
    assert "5" in capsys.readouterr().out, "the learner must be told"


def test_one_text_is_one_text():
    class Lengths(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 2)

        def preprocess(self, texts):
            return torch.tensor([[float(len(text))] for text in texts])

        def forward(self, inputs):
            return self.fc(inputs)

    assert extract_features(Lengths(), "spam", cache=False).tolist() == [[4.0]]


def test_streamed_features_are_the_same_and_are_read_back(images):
    drawn = Split(lambda rows: images[rows], torch.arange(40) % 4)
    model = SmallNet()
    streamed = stream_features(model, drawn, batch_size=16)
    calls = model.calls
    again = stream_features(model, drawn)
    assert isinstance(again, np.memmap) and model.calls == calls
    expected = extract_features(model, images, batch_size=16, cache=False)
    assert np.array_equal(streamed, expected.numpy())
    again[:] = 0
    assert np.array_equal(stream_features(model, drawn), streamed)


def test_an_edited_row_of_a_lazy_split_is_never_answered_from_old_features(images):
    model, labels = SmallNet(), torch.arange(40) % 4
    old = stream_features(model, Split(lambda rows: images[rows], labels)).copy()
    images = images.clone()
    images[23] ^= 255  # no row of a sample
    new = stream_features(model, Split(lambda rows: images[rows], labels))
    assert np.array_equal(new[22], old[22]) and not np.array_equal(new[23], old[23])


@pytest.mark.parametrize("left", [0, 40, 150, -4])
def test_a_damaged_file_of_features_is_computed_anew(images, tmp_path, left):
    drawn = Split(lambda rows: images[rows], torch.arange(40) % 4)
    model = SmallNet()
    expected = stream_features(model, drawn).copy()
    (file,) = tmp_path.glob("features/*.npy")
    file.write_bytes(file.read_bytes()[:left])
    assert np.array_equal(stream_features(model, drawn), expected)


def test_a_large_set_goes_to_a_file(tmp_path):
    tiny = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)
    data = Split(lambda rows: tiny.expand(len(rows), -1, -1, -1), torch.zeros(LARGE))
    features = extract_features(SmallNet(), data, batch_size=20_000)
    (file,) = tmp_path.glob("features/*.npy")
    assert file.stat().st_size > features.nbytes == LARGE * 12 * 4


def test_an_interrupted_stream_leaves_no_file(images, tmp_path):
    def draw(rows):
        if len(rows) == 16 and rows[0] >= 16:
            raise RuntimeError("power cut")
        return images[rows]

    with pytest.raises(RuntimeError, match="power cut"):
        stream_features(SmallNet(), Split(draw, torch.zeros(40)), batch_size=16)
    assert not list(tmp_path.glob("features/*"))


def test_texts_pass_through_a_preprocessing_that_returns_a_dict():
    class Letters(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(256, 5)
            self.classifier = nn.Linear(5, 2)

        def preprocess(self, texts):
            rows = [[ord(letter) for letter in text.ljust(6)] for text in texts]
            return {"input_ids": torch.tensor(rows)}

        def forward(self, input_ids):
            return self.classifier(self.embedding(input_ids).mean(1))

    texts = ["spam", "ham", "eggs"]
    features = extract_features(Letters(), texts, batch_size=2)
    assert features.shape == (3, 5)
    changed = extract_features(Letters(), ["spam", "ham", "eggz"])
    assert changed.shape == (3, 5) and not torch.equal(features[2], changed[2])


def test_no_input_and_no_network_are_errors():
    with pytest.raises(ValueError):
        extract_features(SmallNet(), torch.zeros(0, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="resnet"):
        probe("resnet", make_task())


def test_a_stage_of_a_vgg_is_a_slice_of_it():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), nn.MaxPool2d(2)]
    model = nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.Linear(5, 2)).eval()
    model.preprocess = Normalize()
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    expected = model[0](model.preprocess(images)).mean((2, 3))
    name = [name for name, _ in stages(model)][-2]
    assert torch.allclose(extract_features(model, images, layer=name), expected)


# --- heads --------------------------------------------------------------------------------


def test_heads_fitted_together_equal_heads_fitted_alone():
    task = make_task()
    features = Standardizer(task.train.inputs)(task.train.inputs)
    rates, decays = (0.3, 3.0), (1e-4, 1e-1)
    together = fit_heads(features, task.train.labels, 4, rates, decays)(features)
    alone = [
        fit_heads(features, task.train.labels, 4, [rate], [decay])(features)
        for rate in rates
        for decay in decays
    ]
    assert torch.allclose(together, torch.cat(alone, 1), atol=1e-3)
    assert (together[:, 0] - together[:, 3]).abs().max() > 0.1


PEAK = """
import torch
from pathlib import Path
from tlhelpers.transfer.heads import fit_heads

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

labels = torch.arange(12_000) % 150
features = torch.randn(len(labels), 384, generator=torch.Generator().manual_seed(0)) / 20
fit_heads(features[:300], labels[:300], 150, max_steps=1)  # imports
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = peak()
fit_heads(features, labels, 150, max_steps=376)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_heads_of_many_classes_take_no_more_memory_than_they_use():
    """glibc kept 300 MB that nothing used, of gradients of 5 MB."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, timeout=300)
    assert float(done.stdout) < 200, done.stderr


@pytest.mark.parametrize(("classes", "released"), [(4, 0), (1000, 2)])
def test_memory_is_released_while_large_heads_are_trained(classes, released, monkeypatch):
    calls = []
    monkeypatch.setattr(heads, "release_memory", lambda: calls.append(1))
    labels = torch.arange(1000) % classes
    fit_heads(torch.zeros(1000, 16), labels, classes, max_steps=2 * heads.RELEASE_EVERY)
    assert len(calls) == released


def test_the_head_is_a_layer_for_plain_features():
    task = make_task(scale=37.0)
    standardizer = Standardizer(task.train.inputs)
    features = standardizer(task.train.inputs)
    heads = fit_heads(features, task.train.labels, 4, (1.0,), (1e-4, 1e-2), epochs=2)
    plain = heads.head(1, standardizer)(task.train.inputs)
    assert torch.allclose(plain, heads(features)[:, 1], atol=1e-4)


@pytest.mark.parametrize("per_class, d, gap", [(5, 64, 0.4), (50, 32, 0.3)])
def test_the_probe_is_as_good_as_logistic_regression(per_class, d, gap):
    differences = []
    for seed in range(4):
        task = make_task(per_class=per_class, d=d, gap=gap, seed=seed)
        ours = probe(Identity(d), task, seed=seed).test_acc
        scaler = StandardScaler().fit(task.train.inputs)
        x, v, t = (scaler.transform(s.inputs) for s in (task.train, task.valid, task.test))
        strengths = [10.0**exponent for exponent in range(-4, 3)]
        peers = [
            LogisticRegression(C=c, max_iter=2000).fit(x, task.train.labels) for c in strengths
        ]
        best = max(peers, key=lambda peer: peer.score(v, task.valid.labels))
        differences.append(ours - best.score(t, task.test.labels))
    assert abs(np.mean(differences)) < 0.02


def test_the_test_split_is_read_once_and_decides_nothing():
    task = make_task()
    scrambled = dataclasses.replace(
        task, test=Split(task.test.inputs, task.test.labels.flip(0)), test_reads=0
    )
    first, second = probe(Identity(), task), probe(Identity(), scrambled)
    assert first.test_reads == second.test_reads == 1
    assert first.heads == 20
    assert torch.equal(first.head.weight, second.head.weight)
    assert first.test_acc > 0.6 > second.test_acc
    assert first.valid_acc == max(row["valid_acc"] for row in first.grid)


@pytest.mark.parametrize("spoil", [0, 1, 2, 3])
def test_wrong_shapes_labels_and_empty_classes_are_named(spoil):
    features, labels = torch.randn(12, 5), torch.arange(12) % 4
    cases = [(features[:11], labels), (features[0], labels), (features, labels + 1)]
    cases.append((features, labels % 3))
    with pytest.raises(ValueError):
        fit_heads(*cases[spoil], num_classes=4)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_knn_agrees_with_scikit_learn(metric):
    task = make_task()
    ours = knn(Identity(), task, k=5, metric=metric)
    peer = KNeighborsClassifier(5, metric=metric).fit(task.train.inputs, task.train.labels)
    assert ours.k == 5 and ours.test_reads == 1
    assert abs(ours.test_acc - peer.score(task.test.inputs, task.test.labels)) < 0.02
    one = knn(Identity(), task, k=1, metric=metric)
    peer = KNeighborsClassifier(1, metric=metric).fit(task.train.inputs, task.train.labels)
    assert one.test_acc == pytest.approx(peer.score(task.test.inputs, task.test.labels))


def test_knn_refuses_what_cannot_be():
    with pytest.raises(ValueError):
        knn(Identity(), make_task(), k=1000)
    with pytest.raises(ValueError):
        knn(Identity(), make_task(), metric="manhattan")


# --- results ------------------------------------------------------------------------------


def test_a_result_prints_and_saves_itself(monkeypatch):
    result = probe(Identity(), make_task())
    assert json.loads(json.dumps(result.to_dict()))["test_acc"] == result.test_acc
    assert "head" not in result.to_dict()
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    assert "テスト正解率" in str(result) and "テスト正解率" in result._repr_html_()
    pandas = pytest.importorskip("pandas")
    assert isinstance(result.to_frame(), pandas.DataFrame)


def test_a_missing_pandas_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        probe(Identity(), make_task()).to_frame()
