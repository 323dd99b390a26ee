"""Several processes from a notebook: the function is written to a script, and torchrun runs it.

A notebook must not fork once CUDA has started, so nothing of its memory reaches the processes:
the function brings its imports along, its arguments travel as JSON, and so does what it returns.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

from tlhelpers.runtime.language import text

_SCRIPT = '''\
"""{name}, run by several processes: torchrun --nproc-per-node {processes} {file}"""

import json
import os
from pathlib import Path


{source}

if __name__ == "__main__":
    here = Path(__file__).parent
    result = {name}(**json.loads((here / "arguments.json").read_text(encoding="utf-8")))
    if os.environ["RANK"] == "0":
        (here / "result.json").write_text(json.dumps(result), encoding="utf-8")
'''


def launch(
    function: Callable,
    processes: int,
    *,
    folder: str | os.PathLike | None = None,
    show: bool = True,
    **arguments,
):
    """Runs `function(**arguments)` in `processes` processes, one a GPU; returns the first's result.

    function: defined with `def`, its imports inside; inside it `fit` shares the work by itself.
    folder: where the script is written, to be read or launched by hand later; else a temporary one.
    show: pass on what the processes print.
    Raises ValueError where the source cannot be read, RuntimeError where a process fails.
    """
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        name = getattr(function, "__name__", str(function))
        raise ValueError(text("launch.no_source", name=name)) from None
    if not source.startswith("def "):
        raise ValueError(text("launch.no_source", name=function.__name__))
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary)
        place.mkdir(parents=True, exist_ok=True)
        script = place / f"{function.__name__}.py"
        script.write_text(
            _SCRIPT.format(
                name=function.__name__, processes=processes, file=script.name, source=source
            ),
            encoding="utf-8",
        )
        (place / "arguments.json").write_text(json.dumps(arguments), encoding="utf-8")
        (place / "result.json").unlink(missing_ok=True)
        _run(script, processes, show)
        return json.loads((place / "result.json").read_text(encoding="utf-8"))


def _run(script: Path, processes: int, show: bool) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", str(script)]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
    ) as running:
        try:
            for line in running.stdout:
                lines.append(line)
                if show:
                    print(line, end="")
        except KeyboardInterrupt:
            running.terminate()
            raise
    if running.returncode:
        own = takewhile(lambda line: "failed (exitcode" not in line, lines)  # then torchrun's
        told = "".join([*own][-20:])
        raise RuntimeError(text("launch.failed", processes=processes, lines=told))
