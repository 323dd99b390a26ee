"""`tl book --pdf 03`: a lesson on paper, printed by a browser that is installed already."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge", "chrome"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
PATIENCE = 120  # seconds for one lesson on a busy computer


def find_browser() -> str | None:
    """Chromium, Chrome or Edge of this computer, or the one that TLHELPERS_BROWSER names."""
    asked = os.environ.get("TLHELPERS_BROWSER")
    return next(filter(None, map(shutil.which, [asked] if asked else BROWSERS)), None)


def print_page(browser: str, page: Path, pdf: Path) -> None:
    """Prints a page of HTML as a PDF, once its scripts have run.

    Raises OSError where the browser does not start or writes nothing.
    """
    pdf.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless", *FLAGS, f"--user-data-dir={profile}"]
        command += ["--no-pdf-header-footer", "--virtual-time-budget=10000"]
        try:
            done = subprocess.run(
                [*command, f"--print-to-pdf={pdf}", page.as_uri()],
                capture_output=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(str(error)) from error
    if not pdf.exists():
        raise OSError(done.stderr.decode(errors="replace").strip()[-500:])
