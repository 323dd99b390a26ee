"""The data cards say what the domains and the stored figures say now."""

import pytest
from PIL import Image

from tlhelpers.course.data_cards import FOLDER, card
from tlhelpers.data import zukan


@pytest.mark.parametrize("name", list(zukan.DOMAINS))
def test_the_card_is_of_today_and_its_sheet_is_a_picture(name):
    stored = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert stored == card(name, zukan.DOMAINS[name]), "python -m tlhelpers measure writes it again"
    for lang in ("en", "ja"):
        assert all(of_class in stored for of_class in zukan.DOMAINS[name].classes[lang][:30])
    with Image.open(FOLDER / f"{name}.jpg") as sheet:
        assert sheet.width > 300 and sheet.height > 100
