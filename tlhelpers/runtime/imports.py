"""Which modules of the package import which, read from their text: nothing is imported for it.

Stamps of stored results and the door-keeper of the house (tests/test_house.py) both walk here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tlhelpers.runtime.places import PACKAGE


class Imports:
    """The modules below a package's folder, by name, with what each of them imports."""

    def __init__(self, package: Path = PACKAGE):
        self.files: dict[str, Path] = {}
        for file in sorted(package.rglob("*.py")):
            parts = file.relative_to(package.parent).with_suffix("").parts
            self.files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
        self._read: dict[str, frozenset[str]] = {}

    def of(self, module: str) -> frozenset[str]:
        """The modules of the package that `module` imports anywhere, inside functions as well."""
        if module not in self._read:
            tree = ast.parse(self.files[module].read_text(encoding="utf-8"))
            names = {name for node in ast.walk(tree) for name in self._named(node)}
            self._read[module] = frozenset(names - {module})
        return self._read[module]

    def _named(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in self.files)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:  # a module of a package, or a name that a module defines
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in self.files else node.module
                if found in self.files:
                    yield found

    def behind(self, module: str) -> set[str]:
        """`module` and all that it imports, directly or through others."""
        found, waiting = set(), [module]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.of(one)
        return found
