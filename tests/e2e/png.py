"""Screenshots as smaller PNGs, pixel for pixel, still or moving: flat pages pack best with no filter before deflate."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_START = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {2: 3, 6: 4}  # colour type: octets per pixel at 8 bits (PNG specification §11.2.1)


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(_START)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        found.append((kind, png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    away = (abs(guess - left), abs(guess - above), abs(guess - corner))
    return (left, above, corner)[away.index(min(away))]


def _rows(width: int, pixel: int, raw: bytes) -> list[bytes]:
    """Undo each row's filter (PNG specification §9.2)."""
    rows, before, step = [], bytes(width * pixel), width * pixel + 1
    for start in range(0, len(raw), step):
        kind, row = raw[start], bytearray(raw[start + 1 : start + step])
        for at in range(len(row)) if kind else ():
            left, corner = (row[at - pixel], before[at - pixel]) if at >= pixel else (0, 0)
            above = before[at]
            guess = (0, left, above, (left + above) // 2, _paeth(left, above, corner))[kind]
            row[at] = (row[at] + guess) & 255
        before = bytes(row)
        rows.append(before)
    return rows


def size(png: bytes) -> tuple[int, int]:
    """Width and height."""
    if not png.startswith(_START):
        raise ValueError("not a PNG")
    width, height = struct.unpack_from(">II", png, len(_START) + 8)
    return int(width), int(height)


def _opaque(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and its rows of three octets a pixel."""
    chunks = _chunks(png)
    width, height, _, colour = struct.unpack_from(">IIBB", chunks[0][1])
    pixel = _SAMPLES[colour]
    rows = _rows(width, pixel, zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")))
    if pixel == 4:
        rows = [b"".join(row[at : at + 3] for at in range(0, len(row), 4)) for row in rows]
    return width, height, rows


def _packed(rows: Sequence[bytes]) -> bytes:
    return zlib.compress(b"".join(b"\0" + row for row in rows), 9)


def _header(width: int, height: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def smaller(png: bytes) -> bytes:
    """The same picture, opaque, in fewer octets."""
    width, height, rows = _opaque(png)
    return _START + _header(width, height) + _chunk(b"IDAT", _packed(rows)) + _chunk(b"IEND", b"")


def _changed(before: Sequence[bytes], after: Sequence[bytes]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not the same; one pixel where all is."""
    lines = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    if not lines:
        return 0, 0, 1, 1
    top, bottom = lines[0], lines[-1] + 1
    spots = [
        at // 3
        for old, new in zip(before[top:bottom], after[top:bottom], strict=True)
        for at, (one, other) in enumerate(zip(old, new, strict=True))
        if one != other
    ]
    return min(spots), top, max(spots) + 1, bottom


def moving(shots: Sequence[tuple[bytes, float]]) -> bytes:
    """Pictures of one size, each shown for its seconds, over and over (PNG specification, third edition, §11.3.4).

    Every frame but the first holds what changed and nothing else.
    """
    width, height, first = _opaque(shots[0][0])
    made = [_START, _header(width, height), _chunk(b"acTL", struct.pack(">II", len(shots), 0))]
    number, before = 0, first
    for place, (png, seconds) in enumerate(shots):
        wide, high, rows = _opaque(png)
        if (wide, high) != (width, height):
            raise ValueError(f"picture {place} is {wide} × {high}, not {width} × {height}")
        left, top, right, bottom = (0, 0, width, height) if place == 0 else _changed(before, rows)
        control = (number, right - left, bottom - top, left, top, round(seconds * 1000), 1000, 0, 0)
        made.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", *control)))
        body = _packed([row[left * 3 : right * 3] for row in rows[top:bottom]])
        if place == 0:
            made.append(_chunk(b"IDAT", body))
            number += 1
        else:
            made.append(_chunk(b"fdAT", struct.pack(">I", number + 1) + body))
            number += 2
        before = rows
    return b"".join((*made, _chunk(b"IEND", b"")))


def frames(png: bytes) -> int:
    """How many pictures it shows, one after the other."""
    return next((int(struct.unpack_from(">I", body)[0]) for kind, body in _chunks(png) if kind == b"acTL"), 1)
