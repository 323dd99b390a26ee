"""What a room runs as the learner: lays their copies of the lessons, then serves JupyterLab."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from tlhelpers.course import lab, workspace
from tlhelpers.runtime.language import language


def main(arguments: list[str]) -> NoReturn:
    """Becomes JupyterHub's single-user server; what JupyterHub hands over is passed on."""
    copies = workspace.prepare(language())
    os.environ.update(lab.environment(lab.write_settings(language())))
    os.environ["JUPYTERHUB_DEFAULT_URL"] = lab.first_page(copies.folder)
    command = [sys.executable, "-P", "-m", "jupyterhub.singleuser"]
    command += [f"--ServerApp.root_dir={workspace.WORK}"]
    os.execv(sys.executable, [*command, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
