"""`tl book --film`: what one sees in the first minute, as the short animation of the README.

Lesson 00 as the book shows it, in a real browser: the birds, a prediction, what was measured, and
the map of the course answering to its sliders. It needs Playwright, which comes with `.[test]`.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tlhelpers.course.book.paper import FLAGS

WIDE, HIGH = 820, 600  # pixels
QUALITY = 60  # of WebP; text stays sharp, and a film takes 200 to 400 kB
# (what is scrolled to, what is done there, milliseconds): elements of lesson 00 in the book
STILL = (  # no gliding while a picture is taken, and room below for an answer
    "html { scroll-behavior: auto !important } .back-to-top { display: none !important }"
    ".cell_output img, [data-record] { scroll-margin: 70px 0 90px }"
)
BIRDS, MEASURED = (".cell_output img >> nth=" + place for place in "24")
PREDICTION, MAP = (f'[data-record="00-{name}"]' for name in ("predict-transfer", "strategy"))
SCENES = (
    (BIRDS, None, 2200),
    (PREDICTION, None, 1200),
    *((PREDICTION, ("input", "PageUp"), 400) for _ in range(3)),
    (PREDICTION, ("button", "Enter"), 1600),
    (MEASURED, None, 3000),
    (MAP, None, 2400),
    *((MAP, ("input", "ArrowRight"), 1500) for _ in range(3)),
)


def film(page: Path, browser: str, file: Path) -> None:
    """Plays lesson 00's page and writes what is seen as animated WebP."""
    from playwright.sync_api import sync_playwright

    shots, times = [], []
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=list(FLAGS))
        seen = opened.new_page(viewport={"width": WIDE, "height": HIGH})
        seen.goto(page.as_uri())
        seen.add_style_tag(content=STILL)
        for place, act, time in SCENES:
            found = seen.locator(place)
            if act:
                found.locator(act[0]).first.press(act[1])
            edge = "start" if place == MAP else "end"
            found.evaluate("(node, block) => node.scrollIntoView({ block })", edge)
            shots.append(Image.open(io.BytesIO(seen.screenshot())).convert("RGB"))
            times.append(time)
        opened.close()
    first, *others = shots
    first.save(
        file, save_all=True, append_images=others, duration=times, loop=0, quality=QUALITY, method=6
    )
