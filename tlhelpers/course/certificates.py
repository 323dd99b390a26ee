"""Certificates of participation, from the records that a room handed in: one page a learner.

    tl progress --merge FOLDER --certificates     FOLDER/certificates.html, to be printed

What stands on a page is what the record holds: lessons of which something was done, and how much.
It is no examination, and says so: a record can be edited, and solutions can be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tlhelpers.runtime.language import language, text

PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
@page {{ size: A4; margin: 0; }}
body {{ margin: 0; background: white; color: #1b1b1b; font-family: system-ui, sans-serif; }}
section {{ box-sizing: border-box; min-height: 100vh; padding: 14vh 12% 8vh; break-after: page;
  display: flex; flex-direction: column; border: 10px solid #0072B2; }}
section:last-child {{ break-after: auto; }}
h1 {{ margin: 0 0 1em; font-size: 2.2rem; font-weight: 600; color: #0072B2; }}
h2 {{ margin: 0 0 1em; font-size: 1.8rem; font-weight: 600; }}
table {{ border-collapse: collapse; margin: 1.5em 0; width: 100%; }}
th, td {{ padding: .35em .8em .35em 0; text-align: left; border-bottom: 1px solid #ccc; }}
footer {{ margin-top: auto; }}
footer div {{ display: flex; gap: 3em; margin-bottom: 1.5em; }}
footer span {{ flex: 1; border-top: 1px solid #1b1b1b; padding-top: .4em; }}
small {{ color: #555; }}
</style>
</head>
<body>
{pages}
</body>
</html>
"""


def write(learners: Iterable[tuple[str, list[tuple[str, str, str]]]]) -> str:
    """The page for a printer. learners: (name, [(lesson, exercises done, questions right)]);
    whoever has done nothing gets none.
    """
    pages = "\n".join(_certificate(name, done) for name, done in learners if done)
    return PAGE.format(lang=language(), title=text("certificate.title"), pages=pages)


def _certificate(name: str, done: list[tuple[str, str, str]]) -> str:
    heads = "".join(f"<th>{text(f'label.{key}')}</th>" for key in ("lesson", "exercises", "quiz"))
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in done
    )
    lines = "".join(f"<span>{text(f'certificate.{key}')}</span>" for key in ("date", "teacher"))
    whose = text("certificate.name", name=escape(name))
    return (
        f"<section><h1>{text('certificate.title')}</h1><h2>{whose}</h2>"
        f"<p>{text('certificate.says')}</p><table><tr>{heads}</tr>{rows}</table>"
        f"<footer><div>{lines}</div><small>{text('certificate.means')}</small></footer></section>"
    )
