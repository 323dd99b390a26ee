"""Which modules of the package need which, read from their text: nothing is imported for it.

Stamps of stored results and the door-keeper of the house (tests/test_house.py) both walk here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

from tlhelpers.runtime.places import PACKAGE


class Imports:
    """The modules below a package's folder, by name, with what each of them imports."""

    def __init__(self, package: Path = PACKAGE):
        self.files: dict[str, Path] = {}
        for file in sorted(package.rglob("*.py")):
            parts = file.relative_to(package.parent).with_suffix("").parts
            self.files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
        self._of: dict[str, frozenset[str]] = {}

    def of(self, module: str) -> frozenset[str]:
        """The modules of the package that `module` imports anywhere, inside functions as well."""
        if module not in self._of:
            self._of[module] = self._in([self._tree(module)]) - {module}
        return self._of[module]

    def behind(self, modules: set[str], skip: Callable[[str], bool] = lambda _: False) -> set[str]:
        """These modules and all that they import, directly or through others.

        skip: says of which modules neither they nor their imports count.
        """
        found: set[str] = set()
        waiting = [*modules]
        while waiting:
            one = waiting.pop()
            if one not in found and not skip(one):
                found.add(one)
                waiting += self.of(one)
        return found

    def around(self, module: str, function: str) -> tuple[list[ast.stmt], frozenset[str]]:
        """(statements, modules): what `function` needs of its own module, and what these import.

        Statements are those at the top of the module, in its order: the function, what it names,
        what that names, and whatever neither defines nor imports a name.
        """
        defined: dict[str, ast.stmt] = {}
        needed: list[ast.stmt] = []
        body = self._tree(module).body
        for statement in body:
            names = list(_defines(statement))
            defined |= dict.fromkeys(names, statement)
            if not names and not _is_sentence(statement):
                needed.append(statement)
        if function not in defined:
            raise KeyError(f"{module} defines no {function}")
        needed.append(defined[function])
        for statement in needed:  # which grows on the way
            for node in ast.walk(statement):
                found = defined.get(node.id) if isinstance(node, ast.Name) else None
                if found is not None and found not in needed:
                    needed.append(found)
        return [statement for statement in body if statement in needed], self._in(needed)

    def _tree(self, module: str) -> ast.Module:
        return ast.parse(self.files[module].read_text(encoding="utf-8"))

    def _in(self, trees: list) -> frozenset[str]:
        nodes = (node for tree in trees for node in ast.walk(tree))
        return frozenset(name for node in nodes for name in self._named(node))

    def _named(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in self.files)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:  # a module of a package, or a name that a module defines
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in self.files else node.module
                if found in self.files:
                    yield found


def _defines(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = (node for target in targets for node in ast.walk(target))
        yield from (node.id for node in names if isinstance(node, ast.Name))


def _is_sentence(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
