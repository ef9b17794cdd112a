"""A screenshot as a smaller PNG, pixel for pixel: flat pages pack best with no filter before the deflate."""

from __future__ import annotations

import struct
import zlib

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


def smaller(png: bytes) -> bytes:
    """The same picture, opaque, in fewer octets."""
    chunks = _chunks(png)
    width, height, _, colour = struct.unpack_from(">IIBB", chunks[0][1])
    pixel = _SAMPLES[colour]
    rows = _rows(width, pixel, zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")))
    if pixel == 4:
        rows = [b"".join(row[at : at + 3] for at in range(0, len(row), 4)) for row in rows]
    packed = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _START + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")
