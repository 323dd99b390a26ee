"""Any model of the hub by its name: from a server of our own that breaks off, lies, or obeys."""

import hashlib
import http.server
import json
import re
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tlhelpers.course.mirror import downloads, fetch_all, make_mirror
from tlhelpers.models import hub
from tlhelpers.models.backbones import backbone
from tlhelpers.models.cards import weights_folder
from tlhelpers.models.hub import encoders_here
from tlhelpers.models.language_models import Reading
from tlhelpers.models.surgery import replace_head
from tlhelpers.models.weights import read_tensors
from tlhelpers.runtime import store
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.predict import predict
from tlhelpers.transfer.extraction import extract_features

NAME = "somebody/small-model"


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    for name in ("TLHELPERS_MIRROR", "TLHELPERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(store, "RETRY_SECONDS", ())


class Handler(http.server.BaseHTTPRequestHandler):
    """The hub: `server.models` are folders by name. Breaks off, or forgets Range, when told so."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        if page := re.fullmatch(r"/api/models/(.+/.+)\?blobs=true", self.path):
            return self._send(server.pages.get(page.group(1)))
        owner, model, _, _, *rest = self.path.strip("/").split("/")
        file = server.models.get(f"{owner}/{model}", Path("/nowhere")) / "/".join(rest)
        self._send(file.read_bytes() if file.is_file() else None)

    def _send(self, body):
        server = self.server
        if body is None:
            return self.send_error(404)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        begin = int(asked.group(1)) if asked and server.knows_range else 0
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        end = len(body)
        if server.breaks and self.path.endswith(hub.WEIGHTS):
            server.breaks, end = False, begin + len(body) // 2
        self.wfile.write(body[begin:end])


@pytest.fixture
def server(monkeypatch):
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.models, running.pages, running.asked = {}, {}, []
    running.knows_range, running.breaks = True, False
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(hub, "HUB_URL", f"http://127.0.0.1:{running.server_port}")
    yield running
    running.shutdown()
    running.server_close()


def publish(server, name: str, folder: Path, wrong: bool = False, **card):
    """Puts a folder on the server under this name, with the page that the hub has of it."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        entry = {"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size}
        if path.suffix == ".safetensors":
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            entry["lfs"] = {"sha256": "0" * 64 if wrong else found, "size": entry["size"]}
        files.append(entry)
    page = {"id": name, "siblings": files, "cardData": card}
    server.models[name], server.pages[name] = folder, json.dumps(page).encode()


@pytest.fixture
def small(server) -> Path:
    folder = weights_folder() / "zukan-bert"
    publish(server, NAME, folder, license="apache-2.0")
    return folder


def test_a_model_comes_by_its_name_with_its_size_and_licence_said_first(small, server, capsys):
    model = backbone(NAME, num_classes=3)
    said = capsys.readouterr().out
    assert re.search(rf"Fetching {NAME}: \d+ MB, licence apache-2.0", said)
    assert model.info.licence == "apache-2.0" and model.classifier.out_features == 3
    texts = ["My card was charged twice", "返金してください"]
    assert torch.equal(
        extract_features(model, texts), extract_features(backbone("zukan-bert"), texts)
    )
    asked = len(server.asked)
    backbone(NAME)
    assert len(server.asked) == asked and not capsys.readouterr().out
    assert NAME in encoders_here()


@pytest.mark.parametrize("knows_range", [True, False])
def test_a_download_that_was_broken_off_goes_on_where_it_stopped(small, server, knows_range):
    server.breaks, server.knows_range = True, knows_range
    with pytest.raises(StoreError, match="could not be downloaded"):
        backbone(NAME)
    assert not (hub.folder_of(NAME) / hub.WEIGHTS).exists() and NAME not in encoders_here()
    backbone(NAME)
    size = (small / hub.WEIGHTS).stat().st_size
    last = [begun for path, begun in server.asked if path.endswith(hub.WEIGHTS)][-1]
    assert last == f"bytes={size // 2}-"
    assert store.sha256(hub.folder_of(NAME) / hub.WEIGHTS) == store.sha256(small / hub.WEIGHTS)


def test_weights_with_a_wrong_checksum_are_never_kept(server):
    publish(server, NAME, weights_folder() / "zukan-bert", wrong=True)
    with pytest.raises(StoreError, match="not what it should be"):
        backbone(NAME)
    assert not (hub.folder_of(NAME) / hub.WEIGHTS).exists()


def test_what_is_not_there_or_no_safetensors_is_told(server, tmp_path):
    with pytest.raises(StoreError, match="gives out no model"):
        backbone("nobody/nothing")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n")
    publish(server, "old/pickled", tmp_path / "pickled")
    with pytest.raises(StoreError, match=r"has no model\.safetensors"):
        backbone("old/pickled")
    assert not any("pytorch_model.bin" in path for path, _ in server.asked)
    server.pages["odd/page"] = b"[1]"
    with pytest.raises(StoreError, match="cannot be read"):
        backbone("odd/page")
    for name in ("a/b/c", "../x", "a/..", "nothing"):
        with pytest.raises(ValueError, match="no network called"):
            backbone(name)


def test_offline_and_without_the_model_it_is_said(monkeypatch):
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    with pytest.raises(StoreError, match="TLHELPERS_OFFLINE"):
        backbone(NAME)


def test_a_mirror_carries_a_model_to_where_no_network_is(small, server, tmp_path, monkeypatch):
    assert make_mirror(tmp_path / "stick", downloads([NAME])) == []
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "stick"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    assert backbone(NAME).info.weights_sha256 == store.sha256(small / hub.WEIGHTS)


def test_fetch_brings_all_files_of_a_model(small, server):
    assert fetch_all(downloads([NAME])) == []
    server.models.clear()
    server.pages.clear()
    assert backbone(NAME).info.name == NAME


# --- how it is read -------------------------------------------------------------------------


def copied(small: Path, place: Path, **files) -> Path:
    place.mkdir(parents=True)
    for path in small.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    for name, content in files.items():
        file = place / name.replace("__", "/").replace("_json", ".json")
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))
    return place


def test_pooling_length_and_prefix_come_from_the_checkpoints_own_files(tmp_path):
    small = weights_folder() / "zukan-bert"
    steps = [{"type": f"sentence_transformers.models.{n}"} for n in ("Transformer", "Normalize")]
    folder = copied(
        small,
        tmp_path / "asks",
        modules_json=steps,
        **{"1_Pooling__config_json": {"pooling_mode_cls_token": True, "word_dim": 3}},
        config_sentence_transformers_json={"prompts": {"query": "Q: ", "passage": "P: "}},
    )
    model = backbone(str(folder))
    assert model.reading == Reading("cls", True, "Q: ")
    features = extract_features(model, ["a card"])
    plain = backbone("zukan-bert")
    states = plain.encoder(**plain.preprocess(["Q: a card"]))[0][:, 0]
    assert torch.allclose(features, torch.nn.functional.normalize(states), atol=1e-5)


@pytest.mark.parametrize("mode", ["pooling_mode_max_tokens", "pooling_mode_lasttoken"])
def test_a_pooling_that_is_not_known_is_refused(tmp_path, mode):
    pooling = {"1_Pooling__config_json": {mode: True}}
    folder = copied(weights_folder() / "zukan-bert", tmp_path / "odd", **pooling)
    with pytest.raises(StoreError, match=mode):
        backbone(str(folder))


@pytest.mark.parametrize("name", ["intfloat/multilingual-e5-base", "intfloat/e5-small-v2"])
def test_e5_gets_its_prefix_by_name(server, name):
    publish(server, name, weights_folder() / "zukan-bert")
    assert backbone(name).reading == Reading("mean", True, "query: ")


@pytest.mark.parametrize("kind", ["vit", "dinov2"])
def test_networks_for_pictures_are_read_with_their_own_preprocessing(server, tmp_path, kind):
    from transformers import Dinov2Config, Dinov2Model, ViTConfig, ViTForImageClassification

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
    if kind == "vit":
        own = ViTForImageClassification(ViTConfig(**shape, intermediate_size=64, image_size=32))
    else:
        own = Dinov2Model(Dinov2Config(**shape, image_size=32))
    own.eval().save_pretrained(tmp_path / kind)
    asked = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}
    asked |= {
        "do_center_crop": True,
        "resample": 3,
        "image_mean": [0.1] * 3,
        "image_std": [0.2] * 3,
    }
    (tmp_path / kind / "preprocessor_config.json").write_text(json.dumps(asked))
    publish(server, f"meta/{kind}", tmp_path / kind)
    model = backbone(f"meta/{kind}")
    reading = model.preprocess
    assert (reading.size, reading.crop, reading.mode) == (40, 32, "bicubic")
    assert (reading.mean, reading.std) == ((0.1,) * 3, (0.2,) * 3)
    photos = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)
    body = own.vit if kind == "vit" else own
    wanted = body(pixel_values=model.preprocess(photos)).last_hidden_state[:, 0]
    assert torch.allclose(extract_features(model, photos), wanted.detach(), atol=1e-5)
    larger = backbone(f"meta/{kind}", size=48)
    assert predict(replace_head(larger, 5), photos).shape == (3, 5)


# --- timm -----------------------------------------------------------------------------------


def timm_folder(place: Path, kind: str, classes: int, size: int, **facts) -> Path:
    """A checkpoint as timm publishes them, with random weights."""
    timm = pytest.importorskip("timm", reason="timm is not installed")
    model = timm.create_model(kind, num_classes=classes).eval()
    place.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, place / hub.WEIGHTS)
    stated = {"input_size": [3, size, size], "mean": [0.1] * 3, "std": [0.2] * 3}
    stated |= {"crop_pct": 0.5, "interpolation": "bicubic", "num_classes": classes}
    config = {"architecture": kind, "num_classes": classes, "pretrained_cfg": stated}
    (place / "config.json").write_text(json.dumps(config | facts))
    return place


@pytest.mark.parametrize(
    ("architecture", "classes", "size"), [("resnet10t", 7, 32), ("test_vit", 0, 160)]
)
def test_timms_models_come_by_timms_names(server, tmp_path, architecture, classes, size):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    folder = timm_folder(tmp_path / "model", architecture, classes, size)
    publish(server, "timm/one", folder, license="mit")
    model = backbone("hf-hub:timm/one")
    reading = model.preprocess
    assert (reading.size, reading.crop, reading.mode) == (2 * size, size, "bicubic")
    assert reading.mean == (0.1,) * 3 and model.info.licence == "mit"
    photos = torch.randint(0, 256, (2, 3, 2 * size, 2 * size), dtype=torch.uint8)
    own = timm.create_model(architecture, num_classes=classes).eval()
    own.load_state_dict(read_tensors(folder / hub.WEIGHTS))
    own.reset_classifier(0)
    with torch.no_grad():
        wanted = own(model.preprocess(photos))
    assert torch.allclose(extract_features(model, photos), wanted, atol=1e-5)
    assert predict(replace_head(backbone(str(folder)), 5), photos).shape == (2, 5)
    assert "timm/one" not in encoders_here()


@pytest.mark.parametrize(
    "facts",
    [
        {"architecture": "hf-hub:evil/model"},
        {"model_args": {"checkpoint_path": "elsewhere/evil.pth"}},
        {"model_args": {"img_size": 10**9}},
    ],
    ids=str,
)
def test_a_strangers_config_makes_timm_load_nothing_else(tmp_path, facts):
    folder = timm_folder(tmp_path / "model", "resnet10t", 3, 32, **facts)
    with pytest.raises(StoreError, match="model"):
        backbone(str(folder))


def test_without_timm_its_models_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "config.json").write_text('{"architecture": "resnet10t"}')
    with pytest.raises(StoreError, match="pip install timm"):
        backbone(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "reading"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", "minilm_l6", Reading("mean", True, "")),
        ("intfloat/multilingual-e5-small", "e5_small_ja_en", Reading("mean", True, "query: ")),
    ],
)
def test_real_encoders_under_their_publishers_names(real, server, name, folder, reading):
    publish(server, name, real / "weights" / folder, license="mit")
    server.breaks = True
    with pytest.raises(StoreError):
        backbone(name)
    model = backbone(name)
    assert model.reading == reading and name in encoders_here()
    a, b, c = extract_features(model, ["Where is my parcel?", "My package is late", "A nice song"])
    assert a @ b > a @ c + 0.05 and a.norm() == pytest.approx(1, abs=1e-4)
