"""Imports nbformat in a quarter of the time.

nbformat imports jsonschema, which tries an optional checker of internationalised URLs, which
compiles its grammar at import: 2 of 3 CPU seconds, in every process that reads a notebook.
Notebooks hold no such URLs, so the checker is kept out while jsonschema loads.
"""

import sys

_CHECKER = "rfc3987_syntax"
_kept_out = _CHECKER not in sys.modules
if _kept_out:
    sys.modules[_CHECKER] = None  # type: ignore[assignment]  # `import` raises ImportError, and jsonschema does without

import nbformat  # noqa: E402

if _kept_out:
    del sys.modules[_CHECKER]

__all__ = ["nbformat"]
