"""`tl api`: the public names, `import tlhelpers as tl`, with what each does and where it stands.

Read from the text of the modules, so that it answers at once.
"""

from __future__ import annotations

import ast
import re

import tlhelpers
from tlhelpers.course.cli import Parser
from tlhelpers.runtime.imports import Imports
from tlhelpers.runtime.language import text

PUBLIC = tlhelpers._PUBLIC


def first_sentence(docstring: str) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join(docstring.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(])", paragraph)[0]


def public_names() -> list[tuple[str, str, str]]:
    """(name, module, first sentence of its docstring) of every public name, as they are listed.

    Raises LookupError for a name that its module does not define, or without a docstring.
    """
    files = Imports().files
    found = []
    for name, module in PUBLIC.items():
        body = ast.parse(files[module].read_text(encoding="utf-8")).body
        defined = {
            node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        docstring = name in defined and ast.get_docstring(defined[name])
        if not docstring:
            raise LookupError(f"{module} defines no {name} with a docstring")
        found.append((name, module.removeprefix("tlhelpers."), first_sentence(docstring)))
    return found


def main(arguments: list[str]) -> int:
    """`tl api`. Returns the exit status."""
    Parser("api").parse_args(arguments)
    print(text("api.head"))
    for name, module, sentence in public_names():
        print(f"\ntl.{name}  ({module})\n  {sentence}")
    return 0
