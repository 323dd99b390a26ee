"""`tl doctor`: what this computer has, and a remedy in one line for each thing that is wrong.

Only the standard library is used here. PyTorch is asked in a process of its own, so that a broken
installation (even one that crashes) is a finding and not the end of the examination.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from tlhelpers.course.cli import Parser
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import ROOT
from tlhelpers.runtime.store import StoreError, cache_folder, mirror, offline
from tlhelpers.runtime.table import Tabular

GIGABYTE = 10**9
MEMORY_WANTED, DISK_WANTED = 4 * GIGABYTE, 2 * GIGABYTE
HUB = "https://huggingface.co"  # where optional models come from; its front page is asked for
PACKAGES = (
    *("torchvision", "transformers", "accelerate", "peft", "huggingface_hub", "safetensors"),
    *("numpy", "scikit-learn", "scipy", "matplotlib", "jupyterlab", "ipywidgets", "ipykernel"),
)
PROBE = """
import json, torch
found = {"version": torch.__version__, "threads": torch.get_num_threads(), "built": None}
found["built"] = torch.version.cuda or torch.version.hip
if torch.cuda.is_available():
    free, total = torch.cuda.mem_get_info()
    found["device"] = torch.cuda.get_device_name()
    found["device_memory"] = total
elif torch.backends.mps.is_available():
    found["device"] = "Apple GPU (MPS)"
elif hasattr(torch, "xpu") and torch.xpu.is_available():
    found["device"] = torch.xpu.get_device_name()
print(json.dumps(found))
"""


@dataclass
class Finding:
    """One thing examined. state: "ok", "note" (works, but look) or "wrong"."""

    name: str
    value: str
    state: str = "ok"
    remedy: str = ""

    @property
    def title(self) -> str:
        """What was examined, in the learner's language."""
        return text(f"doctor.name_{self.name}")


@dataclass
class Diagnosis(Tabular):
    """All findings; shown as a table in a notebook and as lines in a terminal."""

    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        """True where nothing is wrong (notes are allowed)."""
        return all(finding.state != "wrong" for finding in self.findings)

    def to_dict(self) -> dict:
        """For `--json`: {"healthy": ..., "findings": [{"name", "value", "state", "remedy"}]}."""
        return {"healthy": self.healthy, "findings": [asdict(f) for f in self.findings]}

    def rows(self) -> list[dict[str, str]]:
        return [
            {
                "state": text(f"doctor.state_{one.state}"),
                "examined": one.title,
                "found": one.value,
                "remedy": one.remedy,
            }
            for one in self.findings
        ]

    def notes(self) -> list[str]:
        return [text("doctor.healthy" if self.healthy else "doctor.not_healthy")]

    def __str__(self) -> str:
        """Lines instead of a table: a remedy is wider than a terminal."""
        lines = []
        for row in self.rows():
            lines.append("[{state}] {examined}: {found}".format(**row))
            if row["remedy"]:
                lines.append(f"     -> {row['remedy']}")
        return "\n".join([*lines, *self.notes()])

    def __repr__(self) -> str:
        return str(self)


def examine(network: bool = True) -> Diagnosis:
    """Examines everything. network=False opens no connection."""
    torch = probe_torch()
    findings = [
        check_python(),
        check_torch(torch),
        check_device(torch),
        check_memory(),
        check_disk(),
        check_packages(),
        check_fonts(),
        check_encoding(),
        check_work(),
        check_cache(),
        check_network(network),
    ]
    return Diagnosis(findings)


def doctor_summary() -> Diagnosis:
    """The examination inside a notebook: without the network. Its last line is the verdict."""
    return examine(network=False)


def check_python() -> Finding:
    """The version, and whether it is in an environment of its own."""
    value = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] > (3, 14):
        return Finding("python", value, "wrong", text("doctor.python_unsupported"))
    return Finding("python", value)


def probe_torch() -> dict:
    """What PyTorch says of itself: {"version", "device", ...}, or {"error": its last line}."""
    if importlib.util.find_spec("torch") is None:
        return {"error": "", "missing": True}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE], capture_output=True, text=True, timeout=120
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return {"error": lines[-1] if lines else f"exit {done.returncode}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def check_torch(found: dict) -> Finding:
    """Whether PyTorch imports."""
    if found.get("missing"):
        return Finding("torch", text("doctor.missing"), "wrong", text("doctor.install"))
    if "error" in found:
        return Finding("torch", found["error"], "wrong", text("doctor.torch_broken"))
    return Finding("torch", found["version"])


def check_device(found: dict) -> Finding:
    """The device lessons will run on, and an NVIDIA GPU that PyTorch does not see."""
    if "error" in found:
        return Finding("device", text("doctor.unknown"), "note", text("doctor.after_torch"))
    if device := found.get("device"):
        memory = found.get("device_memory")
        size = f", {memory / GIGABYTE:.0f} GB" if memory else ""
        return Finding("device", device + size)
    value = text("doctor.cpu", threads=found["threads"])
    if shutil.which("nvidia-smi"):
        remedy = "doctor.gpu_driver" if found["built"] else "doctor.gpu_build"
        return Finding("device", value, "note", text(remedy))
    return Finding("device", value)


def memory_bytes() -> int | None:
    """This computer's memory, or what a container is allowed of it; None where unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        if importlib.util.find_spec("psutil") is None:
            return None
        import psutil

        total = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):  # no container, or "max": no limit
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return total


def check_memory() -> Finding:
    """Lessons need up to 2 GB, and so does the rest of a desktop."""
    total = memory_bytes()
    if total is None:
        return Finding("memory", text("doctor.unknown"))
    value = f"{total / GIGABYTE:.1f} GB"
    if total < MEMORY_WANTED:
        return Finding("memory", value, "note", text("doctor.memory_small"))
    return Finding("memory", value)


def check_disk() -> Finding:
    """Free space where the course lies."""
    folder = _existing(ROOT)
    free = shutil.disk_usage(folder).free
    value = text("doctor.free", size=f"{free / GIGABYTE:.1f}", folder=folder)
    if free < DISK_WANTED:
        return Finding("disk", value, "wrong", text("doctor.disk_small"))
    return Finding("disk", value)


def check_packages() -> Finding:
    """The versions of what lessons use."""
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        value = text("doctor.missing_packages", names=", ".join(missing))
        return Finding("packages", value, "wrong", text("doctor.install"))
    return Finding("packages", ", ".join(versions))


def check_fonts() -> Finding:
    """The Japanese font for figures, which comes as a package."""
    if importlib.util.find_spec("matplotlib_fontja") is None:
        return Finding("fonts", text("doctor.missing"), "wrong", text("doctor.install"))
    return Finding("fonts", "IPAexGothic (matplotlib-fontja)")


def check_encoding() -> Finding:
    """Whether this terminal can show Japanese."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "日本語".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Finding("encoding", encoding, "note", text("doctor.encoding_poor"))
    return Finding("encoding", f"{encoding}, {language()}")


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def check_work() -> Finding:
    """Whether the learner's copies can be saved."""
    folder = _existing(ROOT / "work")
    if not _is_writable(folder):
        return Finding("work", str(folder), "wrong", text("doctor.work_read_only"))
    return Finding("work", str(folder))


def check_cache() -> Finding:
    """Where features and downloads are kept, and how much of it there is."""
    try:
        folder = cache_folder()
    except (StoreError, OSError) as error:
        return Finding("cache", str(error), "wrong", text("doctor.cache_not_writable"))
    if not _is_writable(folder):
        return Finding("cache", str(folder), "wrong", text("doctor.cache_not_writable"))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Finding("cache", f"{folder} ({size / 10**6:.0f} MB)")


def check_network(ask: bool) -> Finding:
    """Whether models can be fetched. No lesson needs that."""
    if offline():
        return Finding("network", text("doctor.offline_wanted"))
    source = f" ({re.sub('//[^/@]*@', '//', place)})" if (place := mirror()) else ""
    if not ask:
        return Finding("network", text("doctor.not_asked") + source)
    try:
        request = urllib.request.Request(HUB, method="HEAD", headers={"User-Agent": "tlhelpers"})
        urllib.request.urlopen(request, timeout=4).close()
    except urllib.error.HTTPError:  # it answered: there is a network
        pass
    except OSError as error:
        reason = getattr(error, "reason", error)
        value = text("doctor.no_network", reason=reason) + source
        return Finding("network", value, "note", text("doctor.network_remedy"))
    return Finding("network", text("doctor.online") + source)


def main(arguments: list[str]) -> int:
    """`tl doctor`: exit status 1 where something is wrong."""
    parser = Parser("doctor")
    parser.add_argument("--json", action="store_true", help=text("doctor.help_json"))
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.help_lang"))
    asked = parser.parse_args(arguments)
    diagnosis = examine()
    if asked.json:
        print(json.dumps(diagnosis.to_dict(), ensure_ascii=False, indent=1))
    else:
        print(diagnosis)
    return 0 if diagnosis.healthy else 1
