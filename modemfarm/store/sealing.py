"""Seals the secrets that the database keeps, such as PINs, with a key file that stands outside of it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from modemfarm.errors import ModemfarmError

NAME = "secret.key"
_KEY_OCTETS = 32
_NONCE_OCTETS = 12
_FORM = "s1"  # of a sealed value: s1.KEY-ID.BASE64(nonce, ciphertext and tag of AES-256-GCM)


class SealError(ModemfarmError):
    """A secret cannot be sealed or opened; the text says what to do."""


class Secret:
    """The farm's key: made on first use, in `state_dir`, readable by its owner alone.

    Raises (all methods):
        SealError: the key file cannot be read or made.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME

    def is_there(self) -> bool:
        """Whether the key file is there, and can be read."""
        return self._key() is not None

    def seal(self, text: str, place: str) -> str:
        """Close a text; it opens only at the same place.

        Args:
            place: what the text is for, such as ``pin:ICCID``: one that is copied to another row does not open there.
        """
        key = self._key_made()
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        closed = _encrypt(key, nonce, text.encode(), place.encode())
        return f"{_FORM}.{_id(key)}.{base64.urlsafe_b64encode(nonce + closed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The text of a sealed value.

        Raises:
            SealError: another key sealed it, it was changed, or the key file is gone.
        """
        form, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        key = self._key()
        if key is None or form != _FORM or key_id != _id(key):
            what = "is missing" if key is None else "is not the one that sealed it"
            raise SealError(f"a secret cannot be opened: {self.file} {what}; put the old one back, or enter it again")
        try:
            octets = base64.urlsafe_b64decode(body)
            return _decrypt(key, octets[:_NONCE_OCTETS], octets[_NONCE_OCTETS:], place.encode()).decode()
        except ValueError as error:
            raise SealError("a sealed secret was changed in the database: enter it again") from error

    def digest(self, text: str, place: str) -> str:
        """Recognises a text without keeping it; without the key file nobody can try all PINs against it."""
        return next(iter(self.digests([text], place)))

    def digests(self, texts: Sequence[str], place: str) -> dict[str, str]:
        """Texts by their digests, with the key read once."""
        key = self._key_made()
        head = f"{_FORM}.{_id(key)}."
        return {
            head + hmac.digest(key, f"{place}:{text}".encode(), "sha256").hex(): text for text in dict.fromkeys(texts)
        }

    def _key(self) -> bytes | None:
        """The key; None when there is no file."""
        try:
            handle = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SealError(f"the key file {self.file} cannot be read: {error.strerror}") from error
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            key = file.read(_KEY_OCTETS + 1)
            if stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.geteuid():
                os.fchmod(handle, 0o600)
        if len(key) != _KEY_OCTETS:
            raise SealError(f"the key file {self.file} is damaged: put the old one back, or remove it")
        return key

    def _key_made(self) -> bytes:
        key = self._key()
        if key is None:
            try:
                self._make()
            except OSError as error:
                raise SealError(f"the key file {self.file} cannot be made: {error.strerror}") from error
            key = self._key()
        if key is None:
            raise SealError(f"the key file {self.file} vanished")
        return key

    def _make(self) -> None:
        """Whole and on the disk, or not at all; of two processes that make it at once one wins."""
        folder = self.file.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{NAME}.")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_KEY_OCTETS))
                file.flush()
                os.fsync(handle)
                if os.geteuid() == 0:  # a command of root must not take it from the daemon's user
                    owner = folder.stat()
                    os.fchown(handle, owner.st_uid, owner.st_gid)
            with contextlib.suppress(FileExistsError):
                os.link(name, self.file)
        finally:
            Path(name).unlink()
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)
        finally:
            os.close(above)


def _id(key: bytes) -> str:
    """Says which key sealed a value, and nothing about it."""
    return hmac.new(key, b"key id", hashlib.sha256).hexdigest()[:8]


# cryptography is imported where it is used: 50 ms that most commands never need


def _encrypt(key: bytes, nonce: bytes, text: bytes, place: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(key).encrypt(nonce, text, place)


def _decrypt(key: bytes, nonce: bytes, closed: bytes, place: bytes) -> bytes:
    """Raises ValueError where text, key or place were changed."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        return AESGCM(key).decrypt(nonce, closed, place)
    except InvalidTag:
        raise ValueError("changed") from None
