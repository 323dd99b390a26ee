"""A report as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlhelpers.runtime.language import language


@dataclass
class Section:
    """A heading, HTML that is already safe (a table, a figure), and sentences as a list."""

    heading: str
    body: str = ""
    lines: Sequence[str] = field(default_factory=list)


def _sentence(line: str) -> str:
    """As HTML; an option such as --minutes 15 is not torn apart at its hyphens."""
    return re.sub(r"--[a-z][a-z-]*(?: \d+(?:\.\d+)?)?", r"<code>\g<0></code>", html.escape(line))


def page(title: str, answers: Sequence[str], sections: Sequence[Section], footer: str) -> str:
    """The page: its title, the answers (the first one large), sections, and a footer.

    All but the bodies of the sections is text, whatever it holds.
    """
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    first, *others = map(_sentence, answers)
    body = [f'<p class="answer">{first}</p>', *(f"<p>{line}</p>" for line in others)]
    for section in sections:
        lines = "".join(f"<li>{_sentence(line)}</li>" for line in section.lines)
        body.append(f"<h2>{html.escape(section.heading)}</h2>")
        body.append(section.body + (f"<ul>{lines}</ul>" if lines else ""))
    name, content = html.escape(title), "\n".join(body)
    return f"""<!doctype html>
<html lang="{language()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{name}</h1>
{content}
</main>
<footer>{html.escape(footer)}</footer>
</body>
</html>
"""
