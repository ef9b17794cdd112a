"""The error tree: broken promises only; what is expected is a value (see docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class ModemfarmError(Exception):
    """Base of every error that modemfarm raises on purpose."""


class ConfigError(ModemfarmError):
    """A setting that cannot be used.

    Attributes:
        file: path as the user named it; "" when no file is at fault.
        key: dotted path of the key, for example ``plans.prepaid.per_day``; "" for the whole file.
        what: what was expected and what stood there.
        line: 1-based line in `file`, or None.
    """

    def __init__(self, file: str, key: str, what: str, line: int | None = None) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(": ".join(item for item in (place, key, what) if item))
        self.file, self.key, self.what, self.line = file, key, what, line


class SubmitError(ModemfarmError):
    """A message that intake does not take. HTTP 4xx, CLI exit 2 (3 when refused by policy).

    Attributes:
        params: fill the sentence that says it; ``raw`` is what was typed.
    """

    code = "bad_request"
    field = "to"
    params: Mapping[str, str] = MappingProxyType({})


class BadRecipientError(SubmitError):
    """A recipient that is not one valid number.

    Attributes:
        raw: the number as it was typed.
        code: stable slug, for example ``not_a_number``, ``needs_country``, ``two_numbers``, ``fixed_line``.
    """

    def __init__(self, raw: str, code: str, what: str) -> None:
        super().__init__(f"{raw!r}: {what}")
        self.raw, self.code, self.what = raw, code, what
        self.params = {"raw": raw}


class BadFieldError(SubmitError):
    """A field other than the recipient that cannot be used."""

    def __init__(self, field: str, code: str, what: str, /, **params: str) -> None:
        super().__init__(f"{field}: {what}")
        self.field, self.code, self.what = field, code, what
        self.params = params


class TextTooLongError(SubmitError):
    """A text that needs more parts than allowed."""

    code = "too_long"
    field = "text"

    def __init__(self, parts: int, most: int) -> None:
        super().__init__(f"the text needs {parts} parts, at most {most} are allowed")
        self.parts, self.most = parts, most


class KeyCeilingError(SubmitError):
    """More than the sender's API key may have taken in today.

    Attributes:
        wait_s: until its next day begins.
    """

    code = "key_ceiling"
    field = ""

    def __init__(self, wait_s: int) -> None:
        super().__init__("this API key has had as much taken in today as it may")
        self.wait_s = wait_s


class RefusedError(SubmitError):
    """Policy said no; the message is stored as `refused` so that it can be explained.

    Attributes:
        slug: published reason slug (`interfaces.md`, States).
        message_id: the stored message, or None for a dry run.
    """

    def __init__(self, slug: str, message_id: int | None = None) -> None:
        super().__init__(f"refused: {slug}")
        self.slug = self.code = slug
        self.message_id = message_id


class PduDecodeError(ModemfarmError):
    """Octets that are not a valid PDU.

    Attributes:
        field: name in the standard, for example ``TP-SCTS``.
        octet: 0-based offset of the octet at fault, from the start of what was decoded.
        what: what is wrong with it.
    """

    def __init__(self, field: str, octet: int, what: str) -> None:
        super().__init__(f"{field} at octet {octet}: {what}")
        self.field, self.octet, self.what = field, octet, what


class ModemError(ModemfarmError):
    """A modem did not do its part."""


class LinkLostError(ModemError):
    """The port closed: this session is over."""


class PortGoneError(LinkLostError):
    """There is no such device: a modem that comes back under its name is plugged in anew, or another one."""


class PortBusyError(ModemError):
    """The port is held by another program (flock or EBUSY)."""


class NoAnswerError(ModemError):
    """No final result code came in time: the modem's state is unknown."""

    def __init__(self, command: str, within_s: float) -> None:
        super().__init__(f"{command}: no answer within {within_s:g} s")
        self.command, self.within_s = command, within_s


class CommandError(ModemError):
    """A final result code that is an error but carries no number: ERROR, NO CARRIER, COMMAND NOT SUPPORT…"""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(f"{command}: {text}")
        self.command, self.text = command, text


class CmeError(CommandError):
    """+CME ERROR (TS 27.007 §9.2). `code` is None when the modem answered in words that no table knows."""

    def __init__(self, command: str, code: int | None, text: str = "") -> None:
        super().__init__(command, f"+CME ERROR: {text or code}")
        self.code = code


class CmsError(CommandError):
    """+CMS ERROR (TS 27.005 §3.2.5). `code` is None when the modem answered in words that no table knows."""

    def __init__(self, command: str, code: int | None, text: str = "") -> None:
        super().__init__(command, f"+CMS ERROR: {text or code}")
        self.code = code


class SimError(ModemError):
    """SIM absent, PIN wanted, PUK wanted.

    Attributes:
        condition: ``absent``, ``pin``, ``puk``, ``failure``, ``wrong_pin``, ``locked``.
        params: what its sentence tells: tries left, the card's ICCID.
    """

    def __init__(self, condition: str, what: str = "", **params: str | int) -> None:
        super().__init__(what or f"SIM: {condition}")
        self.condition, self.params = condition, params


class StoreError(ModemfarmError):
    """The database did not do what it promised: unreachable, full, read-only, damaged."""


class DamagedStoreError(StoreError):
    """The database's file is damaged, or is no database."""


class ReadOnlyStoreError(StoreError):
    """The database's file lies on a disk that takes no writes; nothing was written."""

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} lies on a read-only file system; nothing was written")
        self.file = file


class SchemaOutdatedError(StoreError):
    """The database's schema is not the one of this version.

    Attributes:
        found: schema number in the database.
        wanted: schema number of this version.
    """

    def __init__(self, found: int, wanted: int, what: str) -> None:
        super().__init__(what)
        self.found, self.wanted = found, wanted


class StoreBusyError(StoreError):
    """Another writer held the database for too long; nothing was written."""
