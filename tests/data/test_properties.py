"""Whatever a folder, a table or an archive holds: a result or one of our errors, nothing outside.

hypothesis invents the inputs. `HYPOTHESIS_EXAMPLES` sets how many of each kind: 25 by default,
which takes seconds; thousands belong to a run by hand.
"""

import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests import tiny_sounds
from tests.tiny import TinyNet, tiny_task
from tlhelpers.data import archive
from tlhelpers.data.folder import FolderError, load_folder
from tlhelpers.data.layout import PARTS, find_layout
from tlhelpers.data.photo import PhotoError, decode_photo
from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import fit, predict
from tlhelpers.transfer.text_baseline import tfidf_baseline

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile's own, of double names
MANY = settings(
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "25")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True, scope="module")
def places(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_LANG", "en")
        yield


def encoded(seed: int, form: str = "PNG") -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((20, 16)).save(buffer, form)
    return buffer.getvalue()


PHOTOS = [encoded(seed) for seed in range(40)]
SOUNDS = [tiny_sounds.encoded(tiny_sounds.wave(n % 2, n), "FLAC") for n in range(12)]
WORDS = ["train", "test", "Valid", "seg_train", "test1", "cats", "dogs", "ガラス", "ガラス"]
WORDS += ["@eaDir", ".hidden", "a$_$", "\x1b[31m", "x" * 200, "label=1", "1"]
NAMES = [
    "1.wav",
    "up_anna_2.wav",
    "down_ben_3.flac",
    "1.jpg",
    "cat.1.png",
    "dog_2.png",
    "class1_000.png",
    "a.CSV",
    "labels.csv",
    "n.txt",
    "0",
]

words = st.one_of(st.sampled_from(WORDS), st.text(min_size=1, max_size=12)).map(
    lambda name: name.replace("/", "_").replace("\0", "_").encode("utf-8", "replace").decode()
)
parts = words.filter(lambda name: name not in (".", "..") and len(name.encode()) < 250)
cells = st.one_of(st.sampled_from([*WORDS, *NAMES, "cats/1.jpg", "../1.jpg"]), st.text(max_size=20))
tables = st.builds(
    lambda header, rows, mark, encoding: "\n".join(
        mark.join(row) for row in [header, *rows]
    ).encode(encoding, "replace"),
    st.lists(st.sampled_from(["file", "label", "split", "group", "x", "ラベル"]), max_size=4),
    st.lists(st.lists(cells, max_size=4), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-16", "cp932", "euc_jp"]),
)
contents = st.one_of(
    st.sampled_from(PHOTOS),
    st.sampled_from(SOUNDS),
    tables,
    st.binary(max_size=60),
    st.tuples(st.sampled_from(PHOTOS), st.integers(0, 200), st.integers(0, 255)).map(
        lambda made: made[0][: made[1]] + bytes([made[2]]) + made[0][made[1] + 1 :]
    ),
)
kinds = st.sampled_from(["file", "file", "file", "file", "pipe", "loop", "out", "locked"])
entries = st.lists(
    st.tuples(
        st.lists(parts, max_size=3), st.one_of(parts, st.sampled_from(NAMES)), contents, kinds
    ),
    max_size=24,
)


def lay(root: Path, tree) -> None:
    """What of the tree this disk can hold."""
    for place, (folders, name, content, kind) in enumerate(tree):
        folder = root.joinpath(*folders)
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):  # writing into a pipe that was laid before would never end
                continue
            if kind == "pipe":
                os.mkfifo(path)
            elif kind == "loop":
                path.symlink_to(path)
            elif kind == "out":
                path.symlink_to(root.parent)
            else:
                path.write_bytes(content or PHOTOS[place % len(PHOTOS)])
                path.chmod(0 if kind == "locked" else 0o644)
        except OSError:
            continue


def tried(path: Path, **options):
    """The layout and the task of this path, where it holds any; any error but ours is a fault."""
    layout = task = None
    try:
        layout = find_layout(path, options.get("label_from", "top"))
    except StoreError as error:
        assert str(error)
    try:
        task = load_folder(path, size=32, progress=False, **options)
    except StoreError as error:
        assert str(error)
    return layout, task


def holds(task) -> None:
    """What every task of a folder promises."""
    assert task.num_classes >= 2 and str(task.inspection)
    for part in PARTS:
        split = getattr(task, part)
        assert len(split) == len(task.paths[part]) == len(task.groups[part]) > 0
        if task.kind == "sound":
            assert split.inputs.dtype == torch.int16 and split.inputs.shape[1] >= 8000
        else:
            assert split.inputs.shape[1:] == (3, 32, 32)
    assert sorted(task.train.labels.unique().tolist()) == list(range(task.num_classes))
    assert "\x1b" not in str(task.inspection) + "".join(task.class_names)


@pytest.mark.slow
@MANY
@given(entries, st.sampled_from(["top", "leaf"]))
def test_any_folder(tree, label_from):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root")
        root.mkdir()
        lay(root, tree)
        before = sorted(os.listdir(place))
        layout, task = tried(root, label_from=label_from)
        if layout is not None:
            assert all(item.label and item.part in ("", *PARTS) for item in layout.items)
            listed = [item.path for item in layout.items]
            assert len(listed) == len(set(listed))
        if task is not None:
            holds(task)
        assert sorted(os.listdir(place)) == before


@MANY
@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no", "a"]), parts, st.sampled_from(SOUNDS)), max_size=24
    ),
    st.sampled_from(["auto", None, "folder", 1, 2]),
    st.sampled_from(["top", "leaf"]),
)
def test_any_folder_of_recordings(tree, groups, label_from):
    """A task, one of our errors, or a sentence that says why these groups are none."""
    with tempfile.TemporaryDirectory() as place:
        lay(Path(place), [([c], f"{name}.wav", sound, "file") for c, name, sound in tree])
        try:
            task = load_folder(Path(place), groups=groups, label_from=label_from, progress=False)
        except StoreError as error:
            assert str(error)
        except ValueError as error:
            assert "groups=" in str(error) and groups not in ("auto", None)
        else:
            holds(task)


@MANY
@given(tables, st.lists(parts, min_size=1, max_size=2, unique=True))
def test_any_table(content, classes):
    with tempfile.TemporaryDirectory() as place:
        for c, name in enumerate(classes):
            Path(place, name).mkdir(exist_ok=True)
            for i in range(4):
                Path(place, name, f"{i}.png").write_bytes(PHOTOS[4 * c + i])
        Path(place, "labels.csv").write_bytes(content)
        for path in (Path(place), Path(place, "labels.csv")):
            _, task = tried(path)
            if task is not None:
                holds(task)


names = st.one_of(
    st.lists(parts, min_size=1, max_size=3).map("/".join),
    st.lists(parts, min_size=1, max_size=3).map("\\".join),
    st.sampled_from(
        ["../x", "/x", "C:\\x", "a", "a/b", "a/b/c", ".", "", "./", "x" * 300, "d/" * 80]
    ),
)


@MANY
@given(
    st.lists(st.tuples(names, st.sampled_from(PHOTOS)), max_size=12),
    st.sampled_from(["x.zip", "x.tar", "x.tar.gz"]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=3),
)
def test_any_archive(members, name, damage):
    with tempfile.TemporaryDirectory() as place:
        packed = Path(place, name)
        if name.endswith("zip"):
            with zipfile.ZipFile(packed, "w") as file:
                for member, content in members:
                    info = zipfile.ZipInfo("x")
                    info.filename = member
                    file.writestr(info, content)
        else:
            with tarfile.open(packed, "w:gz" if name.endswith("gz") else "w") as file:
                for member, content in members:
                    entry = tarfile.TarInfo(member)
                    entry.size = len(content)
                    file.addfile(entry, io.BytesIO(content))
        raw = bytearray(packed.read_bytes())
        for at, value in damage:
            raw[at % len(raw)] = value
        packed.write_bytes(raw)
        try:
            out = archive.extract(packed, Path(place, "out"))
            assert out.is_dir()
        except StoreError as error:
            assert str(error) and not Path(place, "out").exists()
        assert sorted(set(os.listdir(place)) - {"out", "out.contents"}) == [name]
        tried(packed)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM"])
@MANY
@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6), st.integers(0, 9)
)
def test_any_photo(form, damage, cut):
    content = bytearray(encoded(7, form))
    for at, value in damage:
        content[at % len(content)] = value
    try:
        found = decode_photo(bytes(content[: len(content) * (10 - cut) // 10]), 32)
    except PhotoError as error:
        assert str(error) and error.kind
    else:
        assert found.pixels.shape == (3, 32, 32)


@MANY
@given(st.sampled_from(["folder", "zip", "tar.gz", "table"]), st.integers(3, 6), st.integers(2, 3))
def test_one_set_of_photos_is_one_task_however_it_is_handed_in(form, count, classes):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "set")
        for c in range(classes):
            Path(root, "abc"[c]).mkdir(parents=True)
            for i in range(count):
                Path(root, "abc"[c], f"{i}.png").write_bytes(PHOTOS[c * count + i])
        plain = load_folder(root, 32, progress=False)
        given_as = root
        if form in ("zip", "tar.gz"):
            kind = "zip" if form == "zip" else "gztar"
            given_as = Path(shutil.make_archive(str(root), kind, place, "set"))
        elif form == "table":
            rows = [f"{p.relative_to(root)},{p.parent.name}" for p in sorted(root.rglob("*.png"))]
            given_as = root / "labels.csv"
            given_as.write_text("\n".join(["file,label", *rows]))
        other = load_folder(given_as, 32, progress=False)
        assert other.class_names == plain.class_names
        for part in PARTS:
            one, two = getattr(plain, part), getattr(other, part)
            assert one.labels.tolist() == two.labels.tolist() and one.inputs.equal(two.inputs)


rows = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(categories=["Cs", "Cc", "Mn", "Lo"]), max_size=12),
    st.sampled_from(["", " ", "a" * 5000, "\x00", "\ud83d", "ｶﾞﾗｽ", None, 3, float("nan"), b"x"]),
)


@pytest.fixture(scope="module")
def reader():
    from tlhelpers.models.backbones import backbone

    return backbone("zukan-bert", num_classes=2)


@MANY
@given(texts=st.lists(rows, min_size=2, max_size=6), baseline=st.booleans())
def test_any_text(reader, texts, baseline):
    """A result for every text, or the row that is none."""
    labels = [row % 2 for row in range(len(texts))]
    part = Split(texts, labels)
    names = {"en": ["a", "b"], "ja": ["a", "b"]}
    try:
        if baseline:
            found = tfidf_baseline(Task("own", part, part, part, names, kind="text"))
            assert 0 <= found.test_acc <= 1
        else:
            logits = predict(reader, texts)
            assert logits.shape == (len(texts), 2) and logits.isfinite().all()
    except ValueError as error:
        odd = [row for row, one in enumerate(texts) if not isinstance(one, str)]
        said = f"number {odd[0]} of" if odd else "are empty" if baseline else None
        assert said and said in str(error)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The files of a run that was stopped, and the weights with which it ended."""
    folder = tmp_path_factory.mktemp("run")
    model = trained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, model.state_dict()


def trained(folder: Path, after_step=None):
    torch.manual_seed(0)
    model = TinyNet()
    task = tiny_task(4)
    fit(
        *(model, task.train),
        **{"epochs": 2, "batch_size": 8, "checkpoint": folder, "checkpoint_every": 1},
        **{"progress": False, "after_step": after_step},
    )
    return model


@MANY
@given(
    damage=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 20_000), st.integers(0, 255)), max_size=4
    ),
    cut=st.integers(0, 12),
    swapped=st.booleans(),
)
@pytest.mark.filterwarnings("ignore")
def test_any_checkpoint(kept, damage, cut, swapped):
    """The run ends as it would have, from whatever is whole, or says whose files these are."""
    files, wanted = kept
    names = sorted(files)
    with tempfile.TemporaryDirectory() as place:
        for number, name in enumerate(names):
            content = bytearray(files[names[number - 2 if swapped else number]])
            for which, at, value in damage:
                if which == number:
                    content[at % len(content)] = value
            if cut == number:
                content = content[: len(content) // 2]
            Path(place, name).write_bytes(content)
        try:
            found = trained(Path(place)).state_dict()
        except (StoreError, ValueError) as error:
            assert str(place) in str(error)
        else:
            assert all(found[name].equal(value) for name, value in wanted.items())


def test_the_errors_are_ours():
    assert issubclass(FolderError, StoreError) and issubclass(archive.ArchiveError, StoreError)
