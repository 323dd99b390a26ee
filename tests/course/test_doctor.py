"""The doctor finds what is wrong and names a remedy, also where nothing else works."""

import html
import json
import subprocess
import sys
import urllib.error
from collections import namedtuple

import pytest

from tlhelpers.course import doctor
from tlhelpers.course.doctor import Diagnosis, Finding

WORKS = {"version": "2.15.0", "threads": 2, "built": "13.2"}


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TLHELPERS_OFFLINE", raising=False)
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)


def connect(monkeypatch, answer):
    def urlopen(*arguments, **keywords):
        raise answer

    monkeypatch.setattr(doctor.urllib.request, "urlopen", urlopen)


def without(monkeypatch, module):
    real = doctor.importlib.util.find_spec
    monkeypatch.setattr(
        doctor.importlib.util, "find_spec", lambda name: None if name == module else real(name)
    )


def test_missing_torch_is_a_finding_with_a_remedy(monkeypatch):
    without(monkeypatch, "torch")
    found = doctor.probe_torch()
    assert doctor.check_torch(found).state == "wrong"
    assert "python -m tlhelpers lab" in doctor.check_torch(found).remedy
    assert doctor.check_device(found).state == "note"


@pytest.mark.parametrize(
    "probe", ["raise ImportError('libcudart.so.13 not found')", "import os; os.abort()"]
)
def test_torch_that_fails_or_crashes_is_a_finding(monkeypatch, probe):
    monkeypatch.setattr(doctor, "PROBE", probe)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: object())
    finding = doctor.check_torch(doctor.probe_torch())
    assert (
        finding.state == "wrong" and finding.value and "Delete the folder .venv" in finding.remedy
    )


def test_torch_that_hangs_is_a_finding(monkeypatch):
    def hang(*arguments, **keywords):
        raise subprocess.TimeoutExpired("python", 120)

    monkeypatch.setattr(subprocess, "run", hang)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: object())
    assert doctor.check_torch(doctor.probe_torch()).state == "wrong"


@pytest.mark.parametrize(("built", "remedy"), [("13.2", "driver"), (None, "without CUDA")])
def test_gpu_that_torch_does_not_see_is_noted(monkeypatch, built, remedy):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    finding = doctor.check_device({**WORKS, "built": built})
    assert finding.state == "note" and remedy in finding.remedy


def test_cpu_alone_is_fine(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor.check_device(WORKS) == Finding(
        "device", "CPU, 2 threads (enough for every lesson)"
    )


def test_gpu_is_named_with_its_memory():
    found = {**WORKS, "device": "NVIDIA H200", "device_memory": 139 * 10**9}
    assert doctor.check_device(found).value == "NVIDIA H200, 139 GB"


def test_little_memory_and_little_disk_are_said(monkeypatch):
    monkeypatch.setattr(doctor, "memory_bytes", lambda: 2 * 10**9)
    assert "one notebook at a time" in doctor.check_memory().remedy
    usage = namedtuple("usage", "total used free")(10, 9, 10**8)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert doctor.check_disk().state == "wrong"


def test_missing_packages_and_font_are_said(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    finding = doctor.check_packages()
    assert finding.state == "wrong" and "no-such-package" in finding.value
    without(monkeypatch, "matplotlib_fontja")
    assert doctor.check_fonts().state == "wrong"


def test_read_only_folders_are_said(monkeypatch):
    monkeypatch.setattr(doctor, "_is_writable", lambda folder: False)
    assert "home folder" in doctor.check_work().remedy
    assert "TLHELPERS_CACHE" in doctor.check_cache().remedy


def test_terminal_that_cannot_show_japanese_is_noted(monkeypatch):
    monkeypatch.setattr(sys, "stdout", namedtuple("stream", "encoding")("ascii"))
    assert doctor.check_encoding().state == "note"


def test_no_network_is_a_note_because_no_lesson_needs_it(monkeypatch):
    connect(monkeypatch, urllib.error.URLError("Name or service not known"))
    finding = doctor.check_network(ask=True)
    assert finding.state == "note" and "Name or service not known" in finding.value
    connect(monkeypatch, urllib.error.HTTPError("x", 403, "refused", None, None))
    assert doctor.check_network(ask=True).state == "ok"


def test_offline_and_notebook_open_no_connection(monkeypatch):
    connect(monkeypatch, AssertionError("a connection was opened"))
    assert doctor.check_network(ask=False).state == "ok"
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    assert "TLHELPERS_OFFLINE" in doctor.check_network(ask=True).value


def test_password_of_a_mirror_is_not_shown(monkeypatch):
    monkeypatch.setenv("TLHELPERS_MIRROR", "https://user:secret@mirror.example/models")
    value = doctor.check_network(ask=False).value
    assert "mirror.example" in value and "secret" not in value


def test_json_holds_every_finding(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "probe_torch", lambda: WORKS)
    connect(monkeypatch, urllib.error.URLError("none"))
    status = doctor.main(["--json"])
    told = json.loads(capsys.readouterr().out)
    assert status == (0 if told["healthy"] else 1)
    assert {f["name"] for f in told["findings"]} >= {
        *("python", "torch", "device", "memory", "disk", "packages"),
        *("fonts", "encoding", "work", "cache", "network"),
    }


@pytest.mark.parametrize(("lang", "word"), [("en", "wrong"), ("ja", "異常")])
def test_what_is_wrong_is_shown_with_its_remedy(monkeypatch, capsys, lang, word):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    broken = Diagnosis([Finding("disk", "<0.1 GB>", "wrong", "delete something")])
    monkeypatch.setattr(doctor, "examine", lambda: broken)
    assert doctor.main([]) == 1
    shown = capsys.readouterr().out
    assert word in shown and "-> delete something" in shown
    assert html.escape("<0.1 GB>") in broken._repr_html_()


def test_notebook_summary_needs_no_network(monkeypatch):
    monkeypatch.setattr(doctor, "probe_torch", lambda: WORKS)
    connect(monkeypatch, AssertionError("a connection was opened"))
    assert str(doctor.doctor_summary()).splitlines()
