"""Public sets load from files laid out as published, checked, and never run."""

import gzip
import http.server
import io
import pickle
import struct
import tarfile
import threading
import zipfile
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tlhelpers as tl
from tlhelpers.data import public
from tlhelpers.data.public import PublicSet, PublishedFile, public_sets
from tlhelpers.runtime import store
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.store import StoreError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)
    monkeypatch.delenv("TLHELPERS_OFFLINE", raising=False)
    monkeypatch.setattr(store, "RETRY_SECONDS", (0.01,))


# --- the catalogue ------------------------------------------------------------------------


def test_every_line_states_licence_citation_and_where_its_checksum_was_read():
    for line in public_sets().values():
        assert line.licence and line.citation and line.files
        assert callable(getattr(public, line.reader))
        assert set(line.description) == set(LANGUAGES)
        if line.names:
            assert len(line.names["en"]) == len(line.names["ja"]) == line.classes
        for file in line.files:
            assert file.url.startswith("http") and file.megabytes > 0
            assert len(file.md5) in (0, 32) and bool(file.md5) == (file.checksum_from != "none")


def test_checksums_said_to_be_torchvisions_stand_in_its_source():
    import torchvision.datasets

    folder = Path(torchvision.datasets.__file__).parent
    read = 0
    for line in public_sets().values():
        for file in line.files:
            if file.checksum_from.startswith("torchvision"):
                source = folder / file.checksum_from.rsplit("/", 1)[-1]
                assert file.md5 in source.read_text(encoding="utf-8"), file.url
                read += 1
    assert read >= 20


def test_drawn_tasks_have_a_public_set_in_their_place():
    stands = [name for line in public_sets().values() for name in line.stands_for]
    assert len(stands) == len(set(stands))
    assert public.find_set("land_use").name == "eurosat"
    listed = [(e.name, e.source) for e in tl.list_tasks()]
    assert ("pets", "zukan") in listed and ("pets", "public") in listed
    assert len(listed) == len(set(listed))


def test_offline_the_error_names_fetch(monkeypatch):
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    with pytest.raises(StoreError, match="tlhelpers fetch pets"):
        tl.load_task("pets", source="public")


# --- small fakes, laid out as the real ones -----------------------------------------------


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((40, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">{1 + array.ndim}i", 0x800 + array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def fake_pets() -> dict[str, bytes]:
    photos, lists = {}, {"trainval.txt": [], "test.txt": []}
    for breed, (name, species) in enumerate((("Abyssinian", 1), ("great_pyrenees", 2)), 1):
        for number in range(12):
            photos[f"images/{name}_{number}.jpg"] = jpeg(100 * breed + number)
            part = "test.txt" if number < 4 else "trainval.txt"
            lists[part].append(f"{name}_{number} {breed} {species} 1")
    texts = {f"annotations/{k}": "\n".join(v).encode() for k, v in lists.items()}
    return {"images.tar.gz": tar_of(photos), "annotations.tar.gz": tar_of(texts)}


def fake_cifar10() -> dict[str, bytes]:
    random = np.random.default_rng(0)

    def batch(count: int) -> bytes:
        records = random.integers(0, 256, (count, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(count) % 10
        return records.tobytes()

    root = "cifar-10-batches-bin"
    names = "airplane automobile bird cat deer dog frog horse ship truck"
    files = {f"{root}/data_batch_{i}.bin": batch(20) for i in (1, 2)}
    files |= {f"{root}/test_batch.bin": batch(20), f"{root}/batches.meta.txt": names.encode()}
    return {"cifar-10-binary.tar.gz": tar_of(files)}


def fake_eurosat() -> dict[str, bytes]:
    names = public_sets()["eurosat"].names["en"]
    return {
        "EuroSAT.zip": zip_of(
            {
                f"2750/{n}/{n}_{i}.jpg": jpeg(50 * c + i)
                for c, n in enumerate(names)
                for i in range(8)
            }
        )
    }


def fake_textures() -> dict[str, bytes]:
    files, lists = {}, {"train1": [], "val1": [], "test1": []}
    for c, name in enumerate(("banded", "blotchy")):
        for i in range(9):
            files[f"dtd/images/{name}/{name}_{i:04d}.jpg"] = jpeg(60 * c + i)
            lists[list(lists)[i % 3]].append(f"{name}/{name}_{i:04d}.jpg")
    files |= {f"dtd/labels/{k}.txt": "\n".join(v).encode() for k, v in lists.items()}
    return {"dtd-r1.0.1.tar.gz": tar_of(files)}


def fake_flowers() -> dict[str, bytes]:
    from scipy.io import savemat

    def mat(**arrays) -> bytes:
        buffer = io.BytesIO()
        savemat(buffer, arrays)
        return buffer.getvalue()

    labels = np.tile(np.arange(1, 103), 9)
    numbers = np.arange(1, len(labels) + 1).reshape(3, -1)
    photo = jpeg(0)
    return {
        "102flowers.tgz": tar_of({f"jpg/image_{n:05d}.jpg": photo for n in numbers.flat}),
        "imagelabels.mat": mat(labels=labels),
        "setid.mat": mat(trnid=numbers[0], valid=numbers[1], tstid=numbers[2]),
    }


def fake_medmnist() -> dict[str, bytes]:
    buffer = io.BytesIO()
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = np.zeros((8, 28, 28), np.uint8)
        arrays[f"{part}_labels"] = np.arange(8)[:, None] % 2
    np.savez(buffer, **arrays)
    return {"pneumoniamnist.npz": buffer.getvalue()}


def fake_idx() -> dict[str, bytes]:
    random = np.random.default_rng(0)
    files = {}
    for key, count in (("train", 60), ("t10k", 30)):
        pictures = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{key}-images-idx3-ubyte.gz"] = idx(pictures)
        files[f"{key}-labels-idx1-ubyte.gz"] = idx(np.arange(count, dtype=np.uint8) % 10)
    return files


def fake_omniglot() -> dict[str, bytes]:
    buffer = io.BytesIO()
    Image.new("1", (105, 105), 1).save(buffer, "PNG")
    root = "images_background/Futurama"
    names = [f"{root}/character{c:02d}/{c}_{i}.png" for c in (1, 2, 3) for i in range(20)]
    return {"images_background.zip": zip_of(dict.fromkeys(names, buffer.getvalue()))}


FAKES = {
    "pets": fake_pets,
    "pet_breeds": fake_pets,
    "cifar10": fake_cifar10,
    "eurosat": fake_eurosat,
    "textures": fake_textures,
    "flowers102": fake_flowers,
    "pneumonia": fake_medmnist,
    "kmnist": fake_idx,
    "omniglot": fake_omniglot,
}


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serves the fake of a set, and makes the catalogue point at it."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, directory=str(folder), **options)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def start(name: str) -> Path:
        content = FAKES[name]()
        files = []
        for file in public_sets()[name].files:
            (folder / file.name).write_bytes(content[file.name])
            url = f"http://127.0.0.1:{server.server_port}/{file.name}"
            files.append(PublishedFile(url, md5(content[file.name]).hexdigest(), "the test", 1))
        line = PublicSet(**{**vars(public_sets()[name]), "files": tuple(files)})
        changed = {**public_sets(), name: line}
        monkeypatch.setattr(public, "public_sets", lambda: changed)
        return folder

    yield start
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", FAKES)
def test_a_set_is_fetched_unpacked_and_read(name, serve):
    serve(name)
    counts = {"per_class": 2, "valid_per_class": 1, "test_per_class": 1, "source": "public"}
    classes = (1, 0) if name != "flowers102" else (101, 0)
    task = tl.load_task(name, classes=classes, **counts)
    assert task.train.inputs.shape == (4, 3, 64, 64) and task.train.inputs.dtype == torch.uint8
    assert task.train.labels.tolist() == [0, 1, 0, 1]
    assert (len(task.valid), len(task.test)) == (2, 2)
    assert task.licence and task.num_classes == 2 and len(task.class_names) == 2
    again = tl.load_task(name, classes=classes, **counts)
    assert again.fingerprint == task.fingerprint
    assert torch.equal(again.train.inputs, task.train.inputs)


def test_labels_belong_to_their_photos(serve):
    serve("pets")
    task = tl.load_task("pets", 8 - 2, valid_per_class=1, test_per_class=4, source="public")
    assert task.class_names == ["cat", "dog"]
    from tlhelpers.data.photo import decode_photo

    cats = [decode_photo(jpeg(100 + number), 64).pixels for number in range(4)]
    shown = task.test.inputs[task.test.labels == 0].numpy()
    assert all(any(np.array_equal(cat, image) for cat in cats) for image in shown)


def test_train_valid_and_test_never_meet_and_seeds_are_nested(serve):
    serve("eurosat")
    counts = {"valid_per_class": 1, "test_per_class": 2, "source": "public"}
    few, many = (tl.load_task("eurosat", n, **counts) for n in (2, 5))
    assert torch.equal(few.test.inputs, many.test.inputs)
    pictures = [
        {image.numpy().tobytes() for image in split.inputs}
        for split in (many.train, many.valid, many.test)
    ]
    assert not (pictures[0] & pictures[1] or pictures[0] & pictures[2] or pictures[1] & pictures[2])
    assert {i.numpy().tobytes() for i in few.train.inputs} <= pictures[0]
    with pytest.raises(ValueError, match="per_class"):
        tl.load_task("eurosat", 50, **counts)


def test_a_mirror_serves_the_set_without_a_network(serve, tmp_path, monkeypatch):
    folder = serve("omniglot")
    (file,) = public.public_sets()["omniglot"].files
    target = tmp_path / "mirror" / store.mirror_path(file.url)
    target.parent.mkdir(parents=True)
    (folder / file.name).rename(target)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    counts = {"valid_per_class": 2, "test_per_class": 2, "source": "public"}
    assert len(tl.load_task("omniglot", 3, classes=(0, 1), **counts).train) == 6


def test_wrong_bytes_are_refused(serve):
    folder = serve("kmnist")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(StoreError, match="not what it should be"):
        tl.load_task("kmnist", source="public")


def test_a_pickle_in_an_array_file_is_never_run(serve, tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    buffer = io.BytesIO()
    arrays = {
        f"{p}_{k}": np.zeros(2) for p in ("train", "val", "test") for k in ("images", "labels")
    }
    arrays["train_images"] = np.array([Evil(), Evil()], dtype=object)
    np.savez(buffer, **arrays)
    monkeypatch.setitem(FAKES, "pneumonia", lambda: {"pneumoniamnist.npz": buffer.getvalue()})
    assert pickle.dumps(Evil())
    serve("pneumonia")
    with pytest.raises(StoreError, match="not arranged as expected"):
        tl.load_task("pneumonia", source="public")
    assert not (tmp_path / "ran").exists()
