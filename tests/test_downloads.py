"""Servers and caches that misbehave: one sentence, and nothing wrong is kept."""

import http.server
import os
import threading
import time

import pytest

from tlhelpers.models import language_models
from tlhelpers.runtime import store
from tlhelpers.runtime.store import AbsentError, StoreError, fetch

CONTENT = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    for name in ("TLHELPERS_MIRROR", "TLHELPERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "RETRY_SECONDS", ())


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the path says: /status/404, /length/many, /to/ADDRESS, /drip, else CONTENT."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        _, kind, *rest = self.path.split("/", 2)
        asked = rest[0] if rest else ""
        if kind == "status":
            return self.send_error(int(asked.split("/")[0]))
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", asked)
            return self.end_headers()
        self.send_response(200)
        if kind == "length":
            self.send_header("Content-Length", asked)
        self.end_headers()
        if kind == "drip":
            try:
                for byte in CONTENT[:200]:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                return None
        else:
            self.wfile.write(CONTENT)


@pytest.fixture
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("length", ["many", "-5", "9" * 40])
def test_a_length_that_is_no_number_is_no_error(address, tmp_path, length):
    found = fetch(f"{address}/length/{length}", tmp_path / "x", progress=False)
    assert found.read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["http://[::1", "ftp://example.org/x", "file:///etc/passwd"])
def test_a_redirect_that_leads_nowhere_is_told(address, tmp_path, target):
    begin = time.monotonic()
    with pytest.raises(StoreError, match=r"could not be downloaded|does not give out"):
        fetch(f"{address}/to/{target}", tmp_path / "x", progress=False)
    assert time.monotonic() - begin < 10 and not (tmp_path / "x").exists()


def test_a_byte_now_and_then_counts_as_no_answer(address, tmp_path):
    begin = time.monotonic()
    with pytest.raises(StoreError, match="almost nothing arrives"):
        fetch(f"{address}/drip", tmp_path / "x", progress=False, stall_seconds=0.5)
    assert time.monotonic() - begin < 8


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_part_that_is_a_link_is_never_followed(address, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "x.part").symlink_to(tmp_path / "mine")
    assert fetch(f"{address}/x", tmp_path / "x", progress=False).read_bytes() == CONTENT
    assert (tmp_path / "mine").read_text() == "mine" and not (tmp_path / "x").is_symlink()


@pytest.mark.parametrize(
    ("status", "absent"), [(404, True), (410, True), (503, False), (403, False)]
)
def test_only_a_server_that_has_no_such_file_says_so(address, tmp_path, status, absent):
    with pytest.raises(StoreError) as told:
        fetch(f"{address}/status/{status}", tmp_path / "x", progress=False)
    assert isinstance(told.value, AbsentError) == absent


@pytest.mark.parametrize(("error", "marked"), [(AbsentError, True), (StoreError, False)])
def test_a_failure_that_passes_leaves_no_mark(tmp_path, monkeypatch, error, marked):
    def refuse(*arguments, **options):
        raise error("x")

    monkeypatch.setattr(language_models.store, "fetch", refuse)
    model = language_models.HUB["gpt2"]
    if marked:
        assert language_models._fetch(model, "vocab.txt", tmp_path, optional=True) is None
    else:
        with pytest.raises(StoreError):
            language_models._fetch(model, "vocab.txt", tmp_path, optional=True)
    assert (tmp_path / "vocab.txt.absent").exists() == marked


@pytest.mark.parametrize(
    "config",
    [
        '{"model_type": "nobody", "auto_map": {"AutoConfig": "evil.Config"}}',
        '{"model_type": "bert", "hidden_size": 1000000}',
        '{"model_type": "bert", "num_hidden_layers": 100000}',
        '{"model_type": "bert", "vocab_size": -1}',
        "[" * 100_000,
        "null",
    ],
    ids=range(6),
)
def test_a_text_folder_of_a_stranger_runs_nothing_and_ends_in_a_sentence(
    tmp_path, monkeypatch, config
):
    from tlhelpers.models.backbones import backbone

    (tmp_path / "config.json").write_text(config)
    (tmp_path / "evil.py").write_text("raise SystemExit('executed')")
    monkeypatch.setattr("builtins.input", lambda *said: pytest.fail("the learner was asked"))
    with pytest.raises(StoreError):
        backbone("bert-base-uncased", weights=tmp_path)
