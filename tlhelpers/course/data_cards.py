"""Data cards of the drawn world: what each domain shows, how it is drawn, what was measured on it.

`tl measure` ends with writing `datasets/zukan/NAME.md` (Japanese first) and `NAME.jpg`, a contact
sheet, from the domains themselves and from the figures in `datasets/results/bars_*.json`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from tlhelpers.data import zukan
from tlhelpers.data.zukan.domain import Domain
from tlhelpers.models.cards import page
from tlhelpers.runtime.language import catalogue
from tlhelpers.runtime.places import DATASETS, RESULTS
from tlhelpers.runtime.store import read_json, write_atomic
from tlhelpers.show.plots import Picture, sheet

FOLDER = DATASETS / "zukan"
# Which groups of `tl measure` have figures of a domain; "colour" has one of each.
GROUPS = {
    "birds": ("birds", "few_shot"),
    "birds24": ("zero_shot",),
    "fish": ("night",),
    "pets": ("pets",),
    "surfaces": ("paint",),
}
CLASSES_SHOWN, PICTURES_SHOWN = 10, 8


def write_cards(folder: Path = FOLDER) -> None:
    """NAME.md and NAME.jpg of every domain."""
    for name, domain in zukan.DOMAINS.items():
        write_atomic(folder / f"{name}.md", card(name, domain))
        draw_sheet(name, domain).save(folder / f"{name}.jpg")


def card(name: str, domain: Domain) -> str:
    """The card for people, as Markdown."""

    def values(lang: str) -> dict[str, Any]:
        names = domain.classes[lang]
        comma = ", " if lang == "en" else "、"
        features = domain.attribute_names[lang] if domain.attribute_names else []
        return {
            "name": name,
            "description": domain.description[lang],
            "file": Path(domain.draw.__code__.co_filename).name,
            "classes": len(names),
            "names": comma.join(names[:30]) + (" ..." * (len(names) > 30)),
            "attributes": comma.join(features) or "–",
            "figures": "\n".join(_figures(name, lang)),
            "chance": 100 / len(names),
            "licence": domain.licence,
        }

    alt = f"{name}: {domain.description['ja']} {domain.description['en']}"
    return page(name, "data_cards.body", values, top=f"![{alt}]({name}.jpg)")


def draw_sheet(name: str, domain: Domain) -> Picture:
    """Eight pictures of each of the first ten classes, under their names in both languages."""
    chosen = range(min(domain.num_classes, CLASSES_SHOWN))
    numbers = torch.arange(PICTURES_SHOWN)
    rows = [zukan.draw(name, torch.full_like(numbers, c), numbers) for c in chosen]
    names = [f"{domain.classes['ja'][c]}\n{domain.classes['en'][c]}" for c in chosen]
    return sheet(rows, names, domain.description["en"], zoom=0.9)


def _figures(name: str, lang: str) -> list[str]:
    """A line of a table for each measured figure of this domain."""
    lines = []
    for group in (*GROUPS.get(name, ()), "colour"):
        path = RESULTS / f"bars_{group}.json"
        bars = read_json(path)["data"] if path.exists() else []
        for bar in bars:
            if group == "colour" and bar["name"].split(":")[0] != name:
                continue
            key = "colour" if group == "colour" else re.sub(r"\W+", "_", bar["name"])
            of = bar["measured"]
            interval = f"{of['mean']:.3f} [{of['low']:.3f}, {of['high']:.3f}]"
            asked = "" if bar["at_least"] is None else f">= {bar['at_least']}"
            asked = asked if bar["at_most"] is None else f"<= {bar['at_most']}"
            words = catalogue()[f"data_cards.{key}"][lang]
            lines.append(f"| {words} | {interval} | {of['n']} | {asked} |")
    return lines
