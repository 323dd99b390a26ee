"""`tl lab`: the learner's copies, and JupyterLab open at lesson 00.

JupyterLab runs with `work/` as its root and with a configuration of its own in `work/.jupyter`:
no news, no question about updates, menus in the learner's language, nothing of the learner's
other JupyterLab touched. Meanwhile a small starter pack of real things is fetched, whose sizes are
named first; `--no-fetch` and TLHELPERS_OFFLINE leave it out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import sysconfig
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlhelpers.course import mirror, workspace
from tlhelpers.course.cli import Parser
from tlhelpers.course.launcher import run_child
from tlhelpers.runtime import store
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import IN_CLONE
from tlhelpers.runtime.store import StoreError, write_atomic

FIRST_PORT, PORTS_TRIED = 8888, 50


# "body": JupyterLab's own rules come later, and win where they name as much.
# What a learner reads breaks between words, not in them; what a room looks at is as large as text
# in presentation mode; what is printed keeps its lines and its pictures whole.
STYLE = """\
body .jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere; }
body .jp-mod-presentationMode .jp-RenderedImage img { min-width: 60%; }
body .jp-mod-presentationMode .tl-explorer { max-width: 100%; }
@media print {
  body .jp-InputArea-editor :is(.cm-content, .cm-line) { white-space: pre-wrap; }
  body .jp-OutputArea-output { break-inside: avoid; }
  body .jp-OutputArea-output svg, body .jp-OutputArea-output img { max-width: 100%; height: auto; }
}
"""


class LabError(StoreError):
    """JupyterLab cannot be started. The message says why, and what to do."""


def main(arguments: list[str]) -> int:
    """Returns JupyterLab's exit status."""
    parser = Parser("lab")
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.help_lang"))
    parser.add_argument("--no-browser", action="store_true", help=text("lab.help_no_browser"))
    parser.add_argument("--port", type=int, default=FIRST_PORT, help=text("lab.help_port"))
    if not IN_CLONE:  # read by the launcher, before anything asks where the folder is
        parser.add_argument("--folder", metavar="FOLDER", help=text("lab.help_folder"))
    parser.add_argument("--no-fetch", action="store_true", help=text("lab.help_no_fetch"))
    parser.add_argument("--teacher", action="store_true", help=text("lab.help_teacher"))
    asked = parser.parse_args(arguments)
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabError(text("lab.no_jupyterlab"))
    lang = asked.lang or language()
    copies = workspace.prepare(lang, asked.teacher)
    _report(copies)
    port = free_port(asked.port)
    if port != asked.port:
        print(text("lab.port_in_use", asked=asked.port, port=port), flush=True)
    settings = write_settings(lang)
    print(text("lab.opening", folder=workspace.shown(copies.folder)), flush=True)
    line = command(copies.folder, port, browser=not asked.no_browser)
    with starter_pack(fetch=not asked.no_fetch):
        return run_child(line, environment(settings))


@contextmanager
def starter_pack(fetch: bool) -> Iterator[None]:
    """Fetches the starter pack beside JupyterLab, and stops with it; the next start goes on.

    What it says goes into a file: it must not write between JupyterLab's lines.
    """
    if not fetch or store.offline() or mirror.starter_mark().exists():
        yield
        return
    size = sum(mirror.STARTER.values())
    names = ", ".join(f"{name} ({megabytes} MB)" for name, megabytes in mirror.STARTER.items())
    print(text("lab.starter", names=names, megabytes=size), flush=True)
    log = workspace.WORK / ".jupyter" / "fetch.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    line = [sys.executable, "-P", "-m", "tlhelpers.course.cli", "fetch", "--starter"]
    with open(log, "w", encoding="utf-8") as said:
        child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def _report(copies: workspace.Prepared) -> None:
    """One line on new copies, and one on lessons that have changed."""
    folder = workspace.shown(copies.folder)
    if copies.new:
        print(text("workspace.copied", count=len(copies.new), folder=folder), flush=True)
    for problem in copies.damaged:
        print(problem, flush=True)
    if copies.updated:
        names = ", ".join(path.name for path in copies.updated)
        print(text("workspace.updated", names=names, folder=folder), flush=True)


def free_port(first: int) -> int:
    """The first free port of this computer from `first` on. Raises LabError if there is none."""
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # as the server does: a port just left is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return port
    raise LabError(text("lab.no_port", first=first))


def write_settings(lang: str) -> Path:
    """Writes what JupyterLab and its server are set to; returns the configuration folder."""
    settings = {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
    }
    if lang == "ja" and importlib.util.find_spec("jupyterlab_language_pack_ja_JP"):
        settings["@jupyterlab/translation-extension:plugin"] = {"locale": "ja_JP"}
    server: dict[str, dict[str, Any]] = {
        "ServerApp": {"log_level": "WARN"},  # the address, and what goes wrong
        "ContentsManager": {"pre_save_hook": "tlhelpers.course.saving.keep_states"},
    }
    if os.name == "posix":  # a login shell, Jupyter's default, would make a PATH of its own
        shell = os.environ.get("SHELL") or "/bin/sh"
        server["ServerApp"]["terminado_settings"] = {"shell_command": [shell]}
    folder = workspace.WORK / ".jupyter"
    for name, content in {
        "labconfig/default_setting_overrides.json": settings,
        "jupyter_server_config.json": server,
    }.items():
        write_atomic(folder / name, json.dumps(content, indent=1))
    write_atomic(folder / "custom" / "custom.css", STYLE)
    return folder


def environment(settings: Path) -> dict[str, str]:
    """The variables of JupyterLab, its kernels and its terminals, which know `tl` and this Python.

    No language: a lesson's folder tells it. No PYTHONSAFEPATH: in the clone's folder a terminal's
    Python, whichever it is, has to find the package there.
    """
    left_out = ("TLHELPERS_LANG", "PYTHONSAFEPATH")
    variables = {name: value for name, value in os.environ.items() if name not in left_out}
    scripts = sysconfig.get_path("scripts")
    variables["PATH"] = os.pathsep.join(filter(None, [scripts, os.environ.get("PATH")]))
    variables["JUPYTER_CONFIG_DIR"] = str(settings)
    variables["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, no other
    for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        variables.pop(name, None)
    return variables


def first_page(folder: Path) -> str:
    """The address of lesson 00 in `folder`, within JupyterLab."""
    first = (folder / "00_start_here.ipynb").relative_to(workspace.WORK)
    return f"/lab/tree/{urllib.parse.quote(first.as_posix())}"


def command(folder: Path, port: int, browser: bool) -> list[str]:
    """The command line of JupyterLab, open at lesson 00 in `folder`."""
    line = [sys.executable, "-P", "-m", "jupyterlab"]
    line += [f"--ServerApp.root_dir={workspace.WORK}", f"--LabApp.default_url={first_page(folder)}"]
    # a language opens the tabs that it was left with, and none of the other one
    tabs = workspace.WORK / ".jupyter" / "tabs" / folder.relative_to(workspace.WORK)
    line.append(f"--LabApp.workspaces_dir={tabs}")
    line += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    line += ["--ServerApp.answer_yes=True"]  # Ctrl-C ends it without a question
    line += ["--LabApp.news_url=None", "--LabApp.custom_css=True"]
    line += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    line += ["--LabApp.extension_manager=readonly"]  # which asks no index of packages
    if not browser:
        line.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container; only this computer gets in
        line.append("--allow-root")
    return line
