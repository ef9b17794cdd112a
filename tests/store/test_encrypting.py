from __future__ import annotations

import io
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.store import encrypting

PIECE = 1 << 20


@pytest.mark.parametrize("octets", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 5])
def test_what_was_closed_opens_as_it_was(tmp_path: Path, octets: int) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(bytes(octets))
    closed = io.BytesIO()
    encrypting.encrypt(plain, closed, b"secret12")
    (tmp_path / "closed").write_bytes(closed.getvalue())
    assert encrypting.is_encrypted(tmp_path / "closed")
    assert not encrypting.is_encrypted(plain)
    opened = io.BytesIO()
    encrypting.decrypt(tmp_path / "closed", opened, b"secret12")
    assert opened.getvalue() == bytes(octets)


def test_a_piece_that_is_missing_or_moved_is_noticed(tmp_path: Path) -> None:
    plain, file = tmp_path / "plain", tmp_path / "closed"
    plain.write_bytes(bytes(3 * PIECE))
    closed = io.BytesIO()
    encrypting.encrypt(plain, closed, b"secret12")
    octets = closed.getvalue()
    head, size = len(encrypting.MAGIC) + 16, PIECE + 16
    pieces = [octets[head + at * size : head + (at + 1) * size] for at in range(3)]
    for kept in (pieces[:2], pieces[1:], [pieces[1], pieces[0], pieces[2]]):
        file.write_bytes(octets[:head] + b"".join(kept))
        with pytest.raises(StoreError, match="cannot be opened"):
            encrypting.decrypt(file, io.BytesIO(), b"secret12")
