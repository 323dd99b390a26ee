"""Every command, with every file that it reads damaged in turn, ends in a sentence of ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlhelpers.course import progress, record
from tlhelpers.course.exporting import save_model
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.places import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each case runs in a forked child"),
    pytest.mark.skipif(
        "DAMAGE_SHARE" not in os.environ,
        reason="takes minutes: set DAMAGE_SHARE, 'kinds' or 1",
    ),
]
SHARE = os.environ.get("DAMAGE_SHARE")  # of all files and damages; 1 takes an hour
ONLY = os.environ.get("DAMAGE_ONLY", "")  # commands with commas between; all unless named


def test_no_damaged_file_ends_in_a_traceback(tmp_path, monkeypatch):
    clone = tmp_path / "clone"
    left_out = shutil.ignore_patterns("__pycache__")
    for part in ("tlhelpers", "lessons", "datasets"):
        shutil.copytree(ROOT / part, clone / part, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", clone)
    monkeypatch.setenv("TLHELPERS_WORK", str(clone / "work"))
    random = np.random.default_rng(0)
    for name in "ab":
        (clone / "photos" / name).mkdir(parents=True)
        for i in range(5):
            pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(clone / "photos" / name / f"{i}.png")
    names = {"en": ["a", "b"], "ja": ["a", "b"]}
    save_model(backbone("zukan-resnet", num_classes=2), names, 32, clone / "model")
    record.record_exercise("02-a", True)
    record.record_answer("02", "x", True)
    for name in ("hanako", "taro"):
        progress.export(clone / "room" / f"{name}.json", name)
    (clone / "cache").mkdir()
    variables = dict(os.environ, TLHELPERS_CACHE=str(clone / "cache"), TLHELPERS_OFFLINE="1")
    for name in ("TLHELPERS_MIRROR", "PYTHONPATH"):
        variables.pop(name, None)
    program = Path(__file__).with_name("damage.py")
    command = [
        sys.executable,
        "-P",
        str(program),
        str(clone),
        SHARE,
        *filter(None, ONLY.split(",")),
    ]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
