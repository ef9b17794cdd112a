"""The pictures in the docs: there, shown, light, and as wide as their names say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.png import size

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
MOST_OCTETS = 200_000


@pytest.mark.parametrize("name", ["farm-1440", "farm-390", "message-390"])
def test_a_picture_is_light_and_of_its_width(name: str) -> None:
    octets = (FOLDER / f"{name}.png").read_bytes()
    assert len(octets) < MOST_OCTETS
    assert size(octets)[0] == int(name.rpartition("-")[2])


def test_the_readme_shows_every_picture_and_says_what_it_is() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index("## See it work") : text.index("## With your modems")]
    shown = dict(re.findall(r'<img src="docs/pictures/([\w-]+)\.png"[^>]* alt="([^"]+)"', part))
    assert set(shown) == {path.stem for path in FOLDER.glob("*.png")}
    assert all(len(words) > 20 for words in shown.values())
