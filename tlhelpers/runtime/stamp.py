"""Stamps: which code and which weights a stored result was made with.

A result in `datasets/results` carries the stamp of the moment it was made. `tl build --check`
compares it with the stamp of today, so that no lesson shows numbers of weights that are gone. The
code is found by walking: the function that makes the result, what it names in its module, and all
modules that these import, directly or through others. Comments and docstrings do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import itertools
import tokenize
from collections.abc import Iterable
from pathlib import Path

from tlhelpers.runtime.imports import Imports
from tlhelpers.runtime.places import DATASETS, PACKAGE

# Rooms that store, word and draw results but never make a number of one.
BESIDE_THE_POINT = (
    *("runtime.imports", "runtime.language", "runtime.places", "runtime.stamp", "runtime.store"),
    *("runtime.table", "course.data_cards", "course.results", "course.syllabus", "show"),
)


def stamp(of: str, weights: Iterable[str], package: Path = PACKAGE) -> dict[str, str]:
    """{"code": ..., "weights": ...}: 12 hexadecimal digits each.

    of: the function that makes the result, "tlhelpers.lessons.few_shot.experiments:shots".
    weights: the names of the networks that it uses.
    Raises KeyError where there is no such module or function.
    """
    patterns = [p for n in weights for p in (f"**/{n}.safetensors", f"**/{n}/*.safetensors")]
    named = {file for pattern in patterns for file in DATASETS.glob(pattern)}
    files = {file for file in named if file.is_file()}  # a pipe would be waited for
    parts = (f"{name}\n{text}\n".encode() for name, text in sorted(code_of(of, package).items()))
    return {"code": _digest(parts), "weights": hash_files(files, DATASETS)}


def code_of(place: str, package: Path = PACKAGE) -> dict[str, str]:
    """{module: its code} for all that "module:function" runs, as text without comments."""
    module, _, function = place.partition(":")
    walked = _imports(package)
    statements, imported = walked.around(module, function)
    source = walked.files[module].read_text(encoding="utf-8")
    own = "\n".join(ast.get_source_segment(source, one) or "" for one in statements)
    behind = walked.behind({*imported}, lambda name: _is_beside(name) or name == module)
    return {module: _essence(own)} | {name: _essence_of(walked.files[name]) for name in behind}


@functools.cache
def _imports(package: Path) -> Imports:
    return Imports(package)


def _is_beside(module: str) -> bool:
    inner = module.partition(".")[2]
    return any(inner == room or inner.startswith(f"{room}.") for room in BESIDE_THE_POINT)


@functools.cache
def _essence_of(file: Path) -> str:
    return _essence(file.read_text(encoding="utf-8"))


def _essence(source: str) -> str:
    """The code without comments, docstrings and blank lines: the same on every Python."""
    lines = source.splitlines(keepends=True)
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type != tokenize.NL
    ]
    opening = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    before = tokenize.NEWLINE
    for token, after in itertools.pairwise(tokens):  # the last one marks the end
        sentence = token.type == tokenize.STRING and before in opening
        if token.type == tokenize.COMMENT or (sentence and after.type == tokenize.NEWLINE):
            (row, start), (last, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:start] + (lines[last - 1][end:] if row == last else "")
            for inner in range(row, last):
                lines[inner] = lines[inner][end:] if inner == last - 1 else ""
        if token.type != tokenize.COMMENT:
            before = token.type
    return "\n".join(line.rstrip() for line in lines if line.strip())


def code_hash() -> str:
    """The hash of the package's Python and TOML files."""
    return hash_files([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.toml")], PACKAGE, newlines=True)


def hash_files(files: Iterable[Path], base: Path, newlines: bool = False) -> str:
    """A hash of names (from `base` on) and contents; `newlines`: as if each were one character."""
    parts = []
    for file in sorted(files):
        content = file.read_bytes()
        parts.append(file.relative_to(base).as_posix().encode() + b"\0")
        parts.append(content.replace(b"\r\n", b"\n") if newlines else content)
    return _digest(parts)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:12]
