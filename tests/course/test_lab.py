"""JupyterLab opens at lesson 00, with settings of its own, on a port that is free."""

import json
import os
import socket
import sysconfig

import pytest

from tlhelpers.course import lab, workspace
from tlhelpers.course.lab import LabError
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.places import LESSONS


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    monkeypatch.setattr(workspace, "WORK", tmp_path / "work")
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    return tmp_path / "work"


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch):
    """Tests that want the starter pack take this away again."""
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")


@pytest.fixture
def taken():
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_port_in_use_gives_the_next_free_one(taken):
    assert taken < lab.free_port(taken) < taken + lab.PORTS_TRIED


def test_no_free_port_is_said(taken, monkeypatch, work):
    monkeypatch.setattr(lab, "PORTS_TRIED", 1)
    with pytest.raises(LabError, match="--port 9000"):
        lab.free_port(taken)
    with pytest.raises(LabError):
        lab.free_port(70_000)


def test_no_news_no_update_checks_and_japanese_menus(work):
    file = lab.write_settings("ja") / "labconfig" / "default_setting_overrides.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    notices = settings["@jupyterlab/apputils-extension:notification"]
    assert notices == {"fetchNews": "false", "checkForUpdates": False}
    assert settings["@jupyterlab/translation-extension:plugin"] == {"locale": "ja_JP"}
    lab.write_settings("en")
    assert "ja_JP" not in file.read_text(encoding="utf-8")


def test_kernels_learn_the_language_from_their_folder(work, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(work.parent / "settings"))
    variables = lab.environment(work / ".jupyter")
    assert "TLHELPERS_LANG" not in variables and "JUPYTERLAB_SETTINGS_DIR" not in variables
    assert variables["JUPYTER_CONFIG_DIR"] == str(work / ".jupyter")


def test_terminals_know_this_python_and_are_no_login_shells(work, monkeypatch):
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PATH", "elsewhere")
    variables = lab.environment(lab.write_settings("en"))
    assert "PYTHONSAFEPATH" not in variables
    assert variables["PATH"].split(os.pathsep) == [sysconfig.get_path("scripts"), "elsewhere"]
    monkeypatch.delenv("PATH")
    assert lab.environment(work)["PATH"] == sysconfig.get_path("scripts")


def test_start_opens_the_first_lesson_of_the_language(work, monkeypatch, capsys):
    started = {}
    monkeypatch.setattr(lab, "run_child", lambda line, variables: started.update(line=line) or 0)
    copies = workspace.Prepared(work / "ja", new=[work / "ja" / "00_start_here.ipynb"])
    monkeypatch.setattr(workspace, "prepare", lambda lang, teacher: copies)
    assert lab.main(["--lang", "ja", "--no-browser", "--port", "9123"]) == 0
    line = started["line"]
    assert line[1:4] == ["-P", "-m", "jupyterlab"] and "--no-browser" in line
    assert f"--ServerApp.root_dir={work}" in line
    assert "--LabApp.default_url=/lab/tree/ja/00_start_here.ipynb" in line
    assert "work/ja" in capsys.readouterr().out


def test_a_language_opens_its_own_tabs_again(work):
    def tabs(lang):
        line = lab.command(work / lang, 9123, browser=False)
        return [part for part in line if part.startswith("--LabApp.workspaces_dir=")]

    assert tabs("en") == [f"--LabApp.workspaces_dir={work / '.jupyter' / 'tabs' / 'en'}"]
    assert len({*tabs("en"), *tabs("ja"), *tabs("teacher/en")}) == 3


def test_the_list_of_extensions_asks_no_index_of_packages(work):
    assert "--LabApp.extension_manager=readonly" in lab.command(work / "en", 9123, browser=False)
    from jupyterlab.extensions import MANAGERS

    assert "readonly" in MANAGERS


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_no_other_account_looks_into_the_learners_folder(work):
    workspace.prepare("en")
    assert work.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_page_sends_learners_into_the_originals(lang):
    """There they would find the answers, and change files that belong to the course."""
    page = (LESSONS / lang / "help.md").read_text(encoding="utf-8")
    assert "jupyter lab" not in page and f"`course/lessons/{lang}`" not in page


def test_lessons_that_changed_are_said_in_one_line(work, monkeypatch, capsys):
    monkeypatch.setattr(lab, "run_child", lambda line, variables: 0)
    copies = workspace.Prepared(work / "en", updated=[work / "en" / "02_x (2).ipynb"])
    monkeypatch.setattr(workspace, "prepare", lambda lang, teacher: copies)
    lab.main([])
    assert "02_x (2).ipynb" in capsys.readouterr().out.splitlines()[0]


def test_python_without_jupyterlab_is_told_what_to_do(monkeypatch, work):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LabError, match="python -m tlhelpers lab"):
        lab.main([])


@pytest.fixture
def lab_that_fetches(work, tmp_path, monkeypatch):
    """What `lab` starts, in order; neither JupyterLab nor a download really begins."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TLHELPERS_OFFLINE")
    copies = workspace.Prepared(work / "en")
    monkeypatch.setattr(workspace, "prepare", lambda lang, teacher: copies)
    ended: list[str] = []

    class Child:
        def __init__(self, line, **options):
            ended.append(" ".join(line[3:]))

        def terminate(self):
            ended.append("terminated")

        def wait(self):
            ended.append("waited for")

    monkeypatch.setattr(lab.subprocess, "Popen", Child)
    monkeypatch.setattr(lab, "run_child", lambda line, variables: ended.append("lab") or 0)
    return ended


def test_the_starter_pack_is_named_fetched_beside_lab_and_ends_with_it(lab_that_fetches, capsys):
    assert lab.main(["--no-browser"]) == 0
    fetch = "tlhelpers.course.cli fetch --starter"
    assert lab_that_fetches == [fetch, "lab", "terminated", "waited for"]
    said = capsys.readouterr().out
    assert "mobilenet_v2 (14 MB)" in said and "199 MB in all" in said and "--no-fetch" in said


@pytest.mark.parametrize("how", ["--no-fetch", "offline", "there"])
def test_nothing_is_fetched_where_it_is_not_wanted(lab_that_fetches, monkeypatch, how):
    if how == "offline":
        monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    if how == "there":
        lab.mirror.starter_mark().write_bytes(b"")
    assert lab.main(["--no-browser", *([how] if how == "--no-fetch" else [])]) == 0
    assert lab_that_fetches == ["lab"]


def test_the_mark_is_set_only_where_all_of_it_came(tmp_path, monkeypatch):
    from tlhelpers.course import mirror

    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mirror, "describe", lambda files: "")
    monkeypatch.setattr(mirror, "_require_space", lambda folder, files: None)
    for failed in (["one failed"], []):
        file = type("File", (), {"is_here": lambda self: False})()
        monkeypatch.setattr(mirror, "downloads", lambda names, *more, f=file: [f])
        monkeypatch.setattr(mirror, "fetch_all", lambda files, failed=failed: failed)
        monkeypatch.setattr(mirror, "_unpack_starter", lambda: None)
        assert mirror.main_fetch(["--starter"]) == int(bool(failed))
        assert mirror.starter_mark().exists() == (not failed)
