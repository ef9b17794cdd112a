"""Closes a backup with a passphrase or a key file, and opens it again; any change to it is noticed.

A file is MAGIC, the salt, then pieces of AES-256-GCM: each has its number and whether it is the last one as its nonce,
so that none can be left out, put in or moved. The key is scrypt (RFC 7914) of what the person gave.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import BinaryIO

from modemfarm.errors import StoreError

MAGIC = b"modemfarm backup 1\n"
_SALT_OCTETS = 16
_PIECE_OCTETS = 1 << 20
_TAG_OCTETS = 16
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 64 << 20, "dklen": 32}


def is_encrypted(file: Path) -> bool:
    """Whether a file is a closed backup."""
    try:
        with file.open("rb") as handle:
            return handle.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def encrypt(source: Path, target: BinaryIO, secret: bytes) -> None:
    """Write a file closed.

    Raises:
        OSError
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 # 50 ms that few commands need

    salt = secrets.token_bytes(_SALT_OCTETS)
    sealer = AESGCM(_key(secret, salt))
    target.write(MAGIC + salt)
    with source.open("rb") as plain:
        piece, number = plain.read(_PIECE_OCTETS), 0
        while True:
            following = plain.read(_PIECE_OCTETS)
            target.write(sealer.encrypt(_nonce(number, last=not following), piece, MAGIC))
            if not following:
                return
            piece, number = following, number + 1


def decrypt(source: Path, target: BinaryIO, secret: bytes) -> None:
    """Write what a closed file holds.

    Raises:
        StoreError: another key closed it, or it was changed or cut off.
        OSError
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    with source.open("rb") as closed:
        closed.read(len(MAGIC))
        sealer = AESGCM(_key(secret, closed.read(_SALT_OCTETS)))
        piece, number = closed.read(_PIECE_OCTETS + _TAG_OCTETS), 0
        while True:
            following = closed.read(_PIECE_OCTETS + _TAG_OCTETS)
            try:
                target.write(sealer.decrypt(_nonce(number, last=not following), piece, MAGIC))
            except InvalidTag:
                what = "the passphrase or key file is not the one that closed it" if number == 0 else "it was changed"
                raise StoreError(f"{source} cannot be opened: {what}, or it is damaged") from None
            if not following:
                return
            piece, number = following, number + 1


def _key(secret: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(secret, salt=salt, **_SCRYPT)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
