"""The kernel of a lesson that is built or tested, with no learner before it.

It is the current environment's Python, and sees what a learner on a plain laptop sees: no
repository root on `sys.path` (there the folder `datasets` would pass for Hugging Face's
package), no network, an empty cache, the quick mode on one CPU thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

SETTINGS = {
    "TLHELPERS_OFFLINE": "1",
    "TLHELPERS_MODE": "quick",
    "TLHELPERS_DEVICE": "cpu",
    "TLHELPERS_PROGRESS": "0",  # no bars in stored outputs
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",  # the same sums in the same order on every machine
    "PYTHONSAFEPATH": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "error:Glyph:UserWarning",  # a character that no font of a figure has
}
FORGOTTEN = ("TLHELPERS_LANG", "TLHELPERS_MIRROR", "PYTHONPATH", "MPLBACKEND")
PROFILE = """\
c = get_config()
c.HistoryManager.enabled = False
c.InteractiveShellApp.exec_lines = [
    "import tlhelpers.course.guard as _guard; _guard.forbid_network(); del _guard"
]
"""


def lesson_environment(folder: str | os.PathLike) -> dict[str, str]:
    """The environment variables of such a kernel.

    folder: an empty folder that outlives the kernel; cache, progress and profile lie in it.
    """
    folder = Path(folder)
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_config.py").write_text(PROFILE, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
    return {
        **kept,
        **SETTINGS,
        "IPYTHONDIR": str(folder / "ipython"),
        "TLHELPERS_CACHE": str(folder / "cache"),
        "TLHELPERS_WORK": str(folder / "work"),
    }


class LessonKernelManager(AsyncKernelManager):
    """Starts this environment's Python, whatever kernels the machine has registered."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[
                *(sys.executable, "-P", "-m", "ipykernel_launcher"),
                *("-f", "{connection_file}", "--log-level=ERROR"),
            ],
            display_name="Python 3",
            language="python",
        )
