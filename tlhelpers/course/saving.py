"""What JupyterLab's server does where a notebook is saved: no widget's last state is lost.

JupyterLab saves the states of those widgets only whose kernel lives. Somebody who opens a lesson
the next day and runs its first cells would lose the pictures and answers of all the others.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tlhelpers.runtime.store import read_json
from tlhelpers.show.widgets.page import VIEW

STATE = "application/vnd.jupyter.widget-state+json"


def keep_states(model: dict, path: str, contents_manager: Any, **_: object) -> None:
    """Jupyter's pre_save_hook: takes from the file what the notebook shows and no longer holds.

    model: the notebook about to be saved, which is changed. path: its place under `root_dir`.
    """
    if model.get("type") != "notebook" or not model.get("content"):
        return
    notebook = model["content"]
    states = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    lost = _shown(notebook) - set(states)
    if not lost:
        return
    before = _states(Path(contents_manager.root_dir, *path.strip("/").split("/")))
    kept = {}
    while lost:  # a widget needs others, such as its layout
        name = lost.pop()
        if name in before and name not in kept:
            kept[name] = before[name]
            lost |= set(re.findall(r"IPY_MODEL_(\w+)", json.dumps(before[name])))
    if kept:
        whole = {"version_major": 2, "version_minor": 0, "state": {**kept, **states}}
        notebook["metadata"]["widgets"] = {STATE: whole}


def _shown(notebook: dict) -> set[str]:
    """The names of the widgets in the outputs."""
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    views = (output.get("data", {}).get(VIEW) for output in outputs)
    return {view["model_id"] for view in views if view}


def _states(file: Path) -> dict[str, dict]:
    """The states of widgets in the file as it lies there; none where it cannot be read."""
    try:
        notebook = read_json(file, 2**30)
        return notebook["metadata"]["widgets"][STATE]["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
