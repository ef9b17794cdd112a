"""The pictures in the docs: there, shown, light, and as wide as their names say."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest

from modemfarm.wording import LANGUAGES
from tests.e2e.pictures import GALLERY, SIZES, gallery_page
from tests.e2e.png import frames, moving, size

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
MOST_OCTETS = 200_000


@pytest.mark.parametrize("name", ["farm-1440", "farm-390", "message-390"])
def test_a_picture_is_light_and_of_its_width(name: str) -> None:
    octets = (FOLDER / f"{name}.png").read_bytes()
    assert len(octets) < MOST_OCTETS
    assert size(octets)[0] == int(name.rpartition("-")[2])


def test_the_film_moves_and_is_light() -> None:
    octets = (FOLDER / "demo-1000.png").read_bytes()
    assert len(octets) < 3 * MOST_OCTETS
    assert size(octets)[0] == 1000
    assert frames(octets) >= 6


def png(rows: list[bytes]) -> bytes:
    """A picture of these rows of three octets a pixel."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def test_a_film_holds_what_changed_and_nothing_else() -> None:
    first = [bytes(30)] * 10
    second = [*first[:4], first[4][:9] + b"\xff\0\0" + first[4][12:], *first[5:]]
    film = moving([(png(first), 1.5), (png(second), 0.25), (png(second), 1)])
    assert (frames(film), size(film)) == (3, (10, 10))
    controls = [
        struct.unpack_from(">IIIIIHH", film, at.end()) for at in re.finditer(rb"fcTL", film)
    ]  # number, width, height, left, top, and the time as a fraction
    assert controls == [(0, 10, 10, 0, 0, 1500, 1000), (1, 1, 1, 3, 4, 250, 1000), (3, 1, 1, 0, 0, 1000, 1000)]
    changed = film.index(b"fdAT")
    assert zlib.decompress(film[changed + 8 : changed + 8 + 40].split(b"fcTL")[0][:-8]) == b"\0\xff\0\0"
    with pytest.raises(ValueError, match="picture 1 is 10 × 9, not 10 × 10"):
        moving([(png(first), 1), (png(first[1:]), 1)])


def test_the_readme_shows_every_picture_and_says_what_it_is() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index("## See it work") : text.index("## With your modems")]
    shown = dict(re.findall(r'<img src="docs/pictures/([\w-]+)\.png"[^>]* alt="([^"]+)"', part))
    assert set(shown) == {path.stem for path in FOLDER.glob("*.png")}
    assert all(len(words) > 20 for words in shown.values())


def test_the_gallery_shows_every_page_in_every_language_on_a_desk_and_on_a_phone() -> None:
    text = (ROOT / "docs" / "pages.md").read_text("utf-8")
    assert text == gallery_page()
    named = re.findall(r"pictures/pages/([\w-]+)\.png", text)
    assert len(named) == len(set(named)) == len(GALLERY) * len(LANGUAGES) * len(SIZES)
    there = {path.stem: path.read_bytes() for path in (FOLDER / "pages").glob("*.png")}
    assert set(there) == set(named)
    assert max(map(len, there.values())) < MOST_OCTETS
    for name, octets in there.items():
        width = int(name.rpartition("-")[2])
        assert size(octets)[0] == width * SIZES[width][1]
