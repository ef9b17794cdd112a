"""QR codes for login links and authenticator apps: bytes at level M, versions 1 to 15.

Source: ISO/IEC 18004:2015, §7 and annexes A, C and D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product

Grid = list[list[bool]]  # rows of modules; True is dark

# level M by version: codewords for correction in a block, and how many blocks (table 9)
_PER_BLOCK = (0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24)
_BLOCKS = (0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10)
_LEVEL_BITS = 0  # of M in the format information (table 12)
_QUIET = 4  # light modules around it


def encode(text: str, mask: int | None = None) -> Grid:
    """The modules of a QR code.

    Args:
        mask: 0 to 7; None: the one that reads best.

    Raises:
        ValueError: more than 412 octets of UTF-8.
    """
    data = text.encode()
    version = next((number for number in range(1, len(_BLOCKS)) if len(data) <= _room(number)), None)
    if version is None:
        raise ValueError("too long for a QR code")
    size = 17 + 4 * version
    modules: Grid = [[False] * size for _ in range(size)]
    fixed: Grid = [[False] * size for _ in range(size)]
    _draw_function(modules, fixed, version)
    _draw_data(modules, fixed, _with_correction(_codewords(data, version), version))
    best: tuple[int, Grid] | None = None
    for number in range(8) if mask is None else (mask,):
        tried = _masked(modules, fixed, number)
        _draw_format(tried, number)
        cost = _penalty(tried)
        if best is None or cost < best[0]:
            best = (cost, tried)
    assert best is not None
    return best[1]


def svg(text: str) -> str:
    """The code as an SVG image; dark on white in any theme, or no camera reads it."""
    grid = encode(text)
    size = len(grid) + 2 * _QUIET
    path = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z" for y, row in enumerate(grid) for x, dark in enumerate(row) if dark
    )
    return (
        f'<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="QR">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>'
    )


def terminal(text: str) -> str:
    """The code in half blocks, two rows of modules a line, light on the terminal's dark."""
    grid = encode(text)
    blank = [False] * (len(grid) + 2 * _QUIET)
    side = [False] * _QUIET
    rows = [blank] * _QUIET + [side + row + side for row in grid] + [blank] * (_QUIET + 1)
    pairs = zip(rows[:-1:2], rows[1::2], strict=False)
    return "\n".join(
        "".join(" ▄▀█"[2 * (not upper) + (not lower)] for upper, lower in zip(above, below, strict=True))
        for above, below in pairs
    )


def _raw_modules(version: int) -> int:
    """Modules that hold data and correction."""
    count = (16 * version + 128) * version + 64
    if version >= 2:
        aligned = version // 7 + 2
        count -= (25 * aligned - 10) * aligned - 55
        if version >= 7:
            count -= 36
    return count


def _data_codewords(version: int) -> int:
    return _raw_modules(version) // 8 - _PER_BLOCK[version] * _BLOCKS[version]


def _room(version: int) -> int:
    """Octets that fit, beside mode and length."""
    return (8 * _data_codewords(version) - 4 - (8 if version < 10 else 16)) // 8


def _codewords(data: bytes, version: int) -> bytes:
    length = 8 if version < 10 else 16
    bits = f"0100{len(data):0{length}b}" + "".join(f"{octet:08b}" for octet in data)
    most = 8 * _data_codewords(version)
    bits += "0" * min(4, most - len(bits))
    bits += "0" * (-len(bits) % 8)
    found = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    missing = _data_codewords(version) - len(found)
    return found + (b"\xec\x11" * (missing // 2 + 1))[:missing]


def _times(one: int, other: int) -> int:
    """A product in GF(2^8) over x^8 + x^4 + x^3 + x^2 + 1."""
    found = 0
    for at in range(7, -1, -1):
        found = (found << 1) ^ ((found >> 7) * 0x11D)
        found ^= ((other >> at) & 1) * one
    return found


def _divisor(degree: int) -> list[int]:
    """The coefficients of the generator polynomial, without its leading 1."""
    found = [0] * (degree - 1) + [1]
    root = 1
    for _ in range(degree):
        for at in range(degree):
            found[at] = _times(found[at], root) ^ (found[at + 1] if at + 1 < degree else 0)
        root = _times(root, 2)
    return found


def _remainder(data: bytes, divisor: Sequence[int]) -> bytes:
    found = [0] * len(divisor)
    for octet in data:
        factor = octet ^ found.pop(0)
        found.append(0)
        for at, coefficient in enumerate(divisor):
            found[at] ^= _times(coefficient, factor)
    return bytes(found)


def _with_correction(data: bytes, version: int) -> bytes:
    """Blocks with their correction, interleaved."""
    blocks, per_block = _BLOCKS[version], _PER_BLOCK[version]
    raw = _raw_modules(version) // 8
    short, divisor = raw // blocks - per_block, _divisor(per_block)
    many_short = blocks - raw % blocks
    cut, pieces = 0, []
    for number in range(blocks):
        length = short + (number >= many_short)
        pieces.append(data[cut : cut + length])
        cut += length
    checks = [_remainder(piece, divisor) for piece in pieces]
    mixed = [piece[at] for at in range(short + 1) for piece in pieces if at < len(piece)]
    return bytes(mixed + [check[at] for at in range(per_block) for check in checks])


def _draw_function(modules: Grid, fixed: Grid, version: int) -> None:
    """Finders, timing, alignment, and room for format and version."""
    size = len(modules)

    def put(x: int, y: int, dark: bool) -> None:
        if 0 <= x < size and 0 <= y < size:
            modules[y][x], fixed[y][x] = dark, True

    for at in range(size):
        put(6, at, at % 2 == 0)
        put(at, 6, at % 2 == 0)
    for middle_x, middle_y in ((3, 3), (size - 4, 3), (3, size - 4)):
        for dx, dy in product(range(-4, 5), repeat=2):
            put(middle_x + dx, middle_y + dy, max(abs(dx), abs(dy)) not in {2, 4})
    for x, y in set(product(_alignment(version), repeat=2)) - {(6, 6), (6, size - 7), (size - 7, 6)}:
        for dx, dy in product(range(-2, 3), repeat=2):
            put(x + dx, y + dy, max(abs(dx), abs(dy)) != 1)
    for places in _format_places(size):
        for x, y in places:
            put(x, y, dark=False)
    put(8, size - 8, dark=True)
    if version >= 7:
        bits = _bch(version, 12, 0x1F25)
        for at in range(18):
            dark = bool(bits >> at & 1)
            put(size - 11 + at % 3, at // 3, dark)
            put(at // 3, size - 11 + at % 3, dark)


def _alignment(version: int) -> list[int]:
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 8 + count * 3 + 5) // (count * 4 - 4) * 2
    return [6, *(version * 4 + 10 - at * step for at in range(count - 2, -1, -1))]


def _bch(value: int, degree: int, generator: int) -> int:
    rest = value
    for _ in range(degree):
        rest = (rest << 1) ^ ((rest >> (degree - 1)) * generator)
    return value << degree | rest


def _format_places(size: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where the 15 bits of the format stand, twice (figure 25)."""
    around = [(8, at) for at in range(6)] + [(8, 7), (8, 8), (7, 8)] + [(14 - at, 8) for at in range(9, 15)]
    apart = [(size - 1 - at, 8) for at in range(8)] + [(8, size - 15 + at) for at in range(8, 15)]
    return around, apart


def _draw_format(modules: Grid, mask: int) -> None:
    bits = _bch(_LEVEL_BITS << 3 | mask, 10, 0x537) ^ 0x5412
    for places in _format_places(len(modules)):
        for at, (x, y) in enumerate(places):
            modules[y][x] = bool(bits >> at & 1)


def _draw_data(modules: Grid, fixed: Grid, codewords: bytes) -> None:
    """In two-module columns from the right, up and down (§7.7.3)."""
    bits = [octet >> at & 1 for octet in codewords for at in range(7, -1, -1)]
    for (x, y), bit in zip(_way(fixed), bits, strict=False):
        modules[y][x] = bool(bit)


def _way(fixed: Grid) -> Iterator[tuple[int, int]]:
    size, upward = len(fixed), True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        for step in range(size):
            y = size - 1 - step if upward else step
            for x in (right, right - 1):
                if not fixed[y][x]:
                    yield x, y
        upward = not upward


_MASKS: tuple[Callable[[int, int], int], ...] = (
    lambda x, y: (x + y) % 2,
    lambda _, y: y % 2,
    lambda x, _: x % 3,
    lambda x, y: (x + y) % 3,
    lambda x, y: (x // 3 + y // 2) % 2,
    lambda x, y: x * y % 2 + x * y % 3,
    lambda x, y: (x * y % 2 + x * y % 3) % 2,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2,
)


def _masked(modules: Grid, fixed: Grid, mask: int) -> Grid:
    flip = _MASKS[mask]
    return [
        [dark ^ (not fixed[y][x] and flip(x, y) == 0) for x, dark in enumerate(row)] for y, row in enumerate(modules)
    ]


def _penalty(modules: Grid) -> int:
    """How badly a camera would read it (§7.8.3.1)."""
    size = len(modules)
    lines = [
        "".join("1" if dark else "0" for dark in row) for row in [*modules, *map(list, zip(*modules, strict=True))]
    ]
    cost = 0
    for line in lines:
        for run in line.replace("01", "0 1").replace("10", "1 0").split():
            cost += len(run) - 2 if len(run) >= 5 else 0
        for at in range(size - 10):
            cost += 40 * (line[at : at + 11] in {"10111010000", "00001011101"})
    for above, below in pairwise(lines[:size]):
        for at in range(size - 1):
            cost += 3 * (above[at : at + 2] + below[at : at + 2] in {"0000", "1111"})
    dark = sum(line.count("1") for line in lines[:size])
    return cost + 10 * (abs(20 * dark - 10 * size * size) // (size * size))
