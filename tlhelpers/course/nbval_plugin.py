"""What nbval lacks for a course: our settings by default, and failures that name their cell.

Loaded by `addopts` in pyproject.toml, so that plain `pytest --nbval-lax lessons/en` runs lessons
as `tl test` does: in this environment's Python, offline, quick, 120 s a cell. At the end it names
the lesson, the key of the first cell that failed, and the error.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import tlhelpers.course.quick_nbformat  # noqa: F401 - before nbval imports it slowly
from tlhelpers.course.author.sections import deeper_sections
from tlhelpers.runtime.language import text

SANITIZE = Path(__file__).with_name("nbval_sanitize.cfg")
NBVAL_TIMEOUT = 2000  # nbval's default, with which a dead kernel is noticed after half an hour
RAISED = re.compile(r"[A-Z][\w.]*(:|$)")  # "ValueError: ...", the line that ends a traceback
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deeper: a cell of a section that readers may skip")
    option = config.option
    if not getattr(option, "nbval_lax", False) and not getattr(option, "nbval", False):
        return
    if option.nbval_kernel_name is None:
        option.nbval_current_env = True
    if option.nbval_cell_timeout == NBVAL_TIMEOUT:
        option.nbval_cell_timeout = 120
    if option.nbval_sanitize_with is None:
        option.nbval_sanitize_with = str(SANITIZE)
    if not hasattr(config, "workerinput"):  # xdist's workers inherit the environment
        _enter_lesson_environment(config)


def _enter_lesson_environment(config: pytest.Config) -> None:
    from tlhelpers.course.kernel import FORGOTTEN, lesson_environment

    scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    config.add_cleanup(scratch.cleanup)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    for name, value in lesson_environment(scratch.name).items():
        patch.setenv(name, value)
    for name in FORGOTTEN:
        if name in os.environ:
            patch.delenv(name)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    deeper: dict[Path, dict[str, str]] = {}
    for item in items:
        if not hasattr(item, "cell_num"):
            continue
        if item.path not in deeper:
            cells = item.parent.nb.cells
            deeper[item.path] = deeper_sections(
                (
                    cell.get("id", ""),
                    cell.source if cell.cell_type == "markdown" else "",
                    cell.metadata.get("tags", []),
                )
                for cell in cells
            )
        if section := deeper[item.path].get(item.cell.get("id", "")):
            item.add_marker(pytest.mark.deeper)
            item.deeper_section = section


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, Any, Any]:
    """Fails a cell that the kernel itself calls failed, though it raised nothing: an unknown %magic
    only prints a line, which nbval takes for a success."""
    if not hasattr(item, "cell_num"):
        return (yield)
    kernel, replies = item.parent.kernel, []
    receive = kernel.get_message

    def get_message(stream: str, timeout: float | None = None) -> dict[str, Any]:
        message = receive(stream, timeout)
        if stream == "shell":
            replies.append(message["content"])
        return message

    kernel.get_message = get_message
    try:
        result = yield
    finally:
        kernel.get_message = receive
    outputs = getattr(item, "test_outputs", ())
    seen = any(output.output_type == "error" for output in outputs)
    if replies and replies[-1].get("status") == "error" and not seen:
        said = "".join(output.get("text", "") for output in outputs)
        item.raise_cell_error("error", said)
    return result


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: pytest.CallInfo) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed and hasattr(item, "cell_num"):
        # an attribute of the report: xdist carries it from the worker to the one who sums up
        report.lesson_failure = [
            Path(item.path).relative_to(item.config.rootpath).as_posix()
            if Path(item.path).is_relative_to(item.config.rootpath)
            else str(item.path),
            " · ".join(filter(None, [item.cell.get("id"), getattr(item, "deeper_section", None)]))
            or str(item.cell_num),
            describe_error(call.excinfo.value) if call.excinfo else "",
        ]


def describe_error(error: BaseException) -> str:
    """One line: the error that ended the cell, or what differs from the stored output."""
    inner = COLOUR.sub("", getattr(error, "inner_traceback", None) or "")
    lines = [line.strip() for line in inner.splitlines() if line.strip()]
    if str(error) == "Cell outputs differ":
        return text("test.output_differs", difference=" ".join(lines)[:300])
    if "Timeout" in str(error):
        return str(error)
    return next((line for line in reversed(lines) if RAISED.match(line)), str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    failed: dict[str, list[tuple[str, str]]] = {}
    for kind in ("failed", "error"):
        for report in terminalreporter.stats.get(kind, []):
            if failure := getattr(report, "lesson_failure", None):
                notebook, key, error = failure
                failed.setdefault(notebook, []).append((key, error))
    if failed:
        terminalreporter.section(text("test.lessons_failed"))
    for notebook, cells in sorted(failed.items()):
        key, error = cells[0]
        terminalreporter.line(text("test.cell_failed", notebook=notebook, key=key, error=error))
        if len(cells) > 1:
            terminalreporter.line(text("test.cells_after", count=len(cells) - 1))
