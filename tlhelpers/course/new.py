"""`tl new 07 choosing_a_model`: an empty lesson that builds, runs and passes in both languages.

It lays the lesson's folder in `tlhelpers/lessons` and its source in `lessons/source`; all else that
speaks of lessons is made of these two. Nothing that is there is overwritten.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

from tlhelpers.course.cli import Parser
from tlhelpers.course.readme import write_tables
from tlhelpers.course.syllabus import FOLDER, course_map, lessons
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import LESSONS

EMPTY = Path(__file__).with_name("empty_lesson")


def new_lesson(number: str, slug: str) -> list[Path]:
    """Lays the lesson; returns its files. Raises ValueError where number or slug will not do."""
    if not re.fullmatch(r"\d\d", number):
        raise ValueError(text("new.bad_number", number=number))
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        raise ValueError(text("new.bad_slug", slug=slug))
    taken = {one.number: one.name for one in lessons().values()}
    if number in taken or (FOLDER / slug).exists():
        raise ValueError(text("new.taken", name=taken.get(number, slug)))
    values = {"number": number, "slug": slug, **_of_planned(number, slug)}
    folder, made = FOLDER / slug, []
    for template in sorted(EMPTY.iterdir()):
        name = template.name.removesuffix(".txt")
        target = folder / name
        if name == "source.py":
            target = LESSONS / "source" / f"{number}_{slug}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        filled = Template(template.read_text(encoding="utf-8")).substitute(values)
        target.write_text(filled, encoding="utf-8", newline="\n")
        made.append(target)
    lessons.cache_clear()
    course_map.cache_clear()
    write_tables()
    return made


def _of_planned(number: str, slug: str) -> dict[str, str]:
    """Part, titles and downloads: those of the plan, else made of the slug."""
    plain = slug.replace("_", " ").capitalize()
    planned = course_map().get(number)
    values = {"part": planned.part if planned else "apply"}
    values["downloads"] = json.dumps(planned.downloads if planned else [])
    for lang in LANGUAGES:
        title = planned.title[lang] if planned else plain
        short = planned.short[lang] if planned else plain
        values |= {f"title_{lang}": title, f"short_{lang}": json.dumps(short, ensure_ascii=False)}
    return values


def main(arguments: list[str]) -> int:
    """`tl new NN slug`. Returns the exit status."""
    parser = Parser("new")
    parser.add_argument("number", metavar="NN", help=text("new.help_number"))
    parser.add_argument("slug", help=text("new.help_slug"))
    asked = parser.parse_args(arguments)
    try:
        made = new_lesson(asked.number, asked.slug)
    except ValueError as error:
        parser.error(str(error))
    for file in made:
        print(file.relative_to(LESSONS.parent).as_posix())
    print(text("new.next", number=asked.number))
    return 0
