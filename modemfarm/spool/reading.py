"""A spool file becomes a draft, or one line that says why it does not."""

from __future__ import annotations

import re
from datetime import timedelta

from modemfarm.gsm.alphabet import decode7
from modemfarm.gsm.splitting import measure
from modemfarm.intake.draft import Draft
from modemfarm.spool.headers import BadFileError, SpoolFile, refuse_unknowing

HIGH = 9
_UNITS = {
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
_PERIOD = re.compile(r"[A-Za-z ]*([0-9]{1,4})[A-Za-z ]*")


def draft(file: SpoolFile, name: str) -> Draft:
    """What a file asks for; its name is the message's reference.

    Raises:
        BadFileError: it asks for what this program does not do, or says nothing that could be sent.
    """
    refuse_unknowing(file)
    text = _text(file)
    for key, value in file.macros:
        text = text.replace(key, value) if key else text
    _refuse_unsplit(file, text)
    return Draft(
        to=_to(file),
        text=text,
        message_class=file.values.get("Message-Class", "").lower() or None,
        confirm_emergency=file.is_on("Confirm-Emergency"),
        pinned=_queue(file),
        priority=_priority(file.values.get("Priority", "")),
        valid_for=_validity(file.values.get("Validity", "")),
        flash=_flash(file),
        report=file.is_on("Report") if file.values.get("Report") else None,
        reference=name,
    )


def _to(file: SpoolFile) -> str:
    number = file.values.get("To", "")
    if not number:
        raise BadFileError("there is no To:")
    kind = file.values.get("To_TOA", "").lower()
    if kind not in {"", "unknown", "international", "national"}:
        raise BadFileError(f"To_TOA: {kind} is none of unknown, international, national")
    bare = number.replace(" ", "")
    if bare.startswith("s"):
        return bare[1:]
    if bare.startswith(("+", "0")) or kind in {"unknown", "national"}:
        return "+" + bare[2:] if bare.startswith("00") else bare
    return "+" + bare  # SMS Server Tools writes international numbers without it


def _text(file: SpoolFile) -> str:
    alphabet = file.values.get("Alphabet", "")
    match alphabet[:3].lower():
        case "" | "iso" | "lat" | "ans":
            text = _utf8_or_latin(file.body)
        case "utf":
            text = _strict(file.body, "utf-8-sig", "UTF-8")
        case "gsm":
            if any(octet > 0x7F for octet in file.body):
                raise BadFileError("Alphabet: GSM, and the text has octets above 7F")
            text = decode7(file.body.rstrip(b"\n"))  # 0A is a line's end there too
        case "ucs" | "chi" | "uni":
            little = file.body.startswith(b"\xff\xfe")
            codec = "utf-16-le" if little else "utf-16-be"
            text = _strict(file.body, codec, "UTF-16 with the high octet first").removeprefix("\ufeff")
        case "bin":
            raise BadFileError("Alphabet: binary is not supported")
        case _:
            raise BadFileError(f"Alphabet: {alphabet[:40]} is none of ISO, UTF-8, GSM, UCS2")
    return text.rstrip() or text


def _utf8_or_latin(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("iso8859-15")


def _strict(body: bytes, codec: str, called: str) -> str:
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        raise BadFileError(f"the text is not {called}, as Alphabet: says") from None


def _refuse_unsplit(file: SpoolFile, text: str) -> None:
    """A text of several parts goes out linked, or not at all."""
    asked = file.values.get("Autosplit", "3")
    if asked not in {"0", "1", "2", "3"}:
        raise BadFileError(f"Autosplit: {asked[:40]} is none of 0, 1, 2, 3")
    if asked != "3" and text.strip() and measure(text).parts > 1:
        raise BadFileError(f"Autosplit: {asked} is not supported for a text of several parts; they are linked (3)")


def _flash(file: SpoolFile) -> bool:
    asked = file.values.get("Class", "")
    if asked not in {"", "0"}:
        raise BadFileError(f"Class: {asked[:40]} is not supported; 0 is")
    return asked == "0" or file.is_on("Flash")


def _queue(file: SpoolFile) -> str | None:
    queue, provider = file.values.get("Queue"), file.values.get("Provider")
    if queue and provider and queue != provider:
        raise BadFileError("Queue: and Provider: name different SIMs")
    return queue or provider or None


def _priority(value: str) -> int | None:
    if value.lower() not in {"", "high", "normal"}:
        raise BadFileError(f"Priority: {value[:40]} is none of High, Normal")
    return HIGH if value.lower() == "high" else None


def _validity(value: str) -> timedelta | None:
    """Raises BadFileError: it is no period."""
    if not value:
        return None
    period = _PERIOD.fullmatch(value)
    unit = next((span for name, span in _UNITS.items() if name in value.lower()), None)
    if period is None:
        raise BadFileError(f"Validity: {value[:40]} is no period")
    number = int(period[1])
    if unit is not None:
        return number * unit
    if value != period[1] or number > 255:
        raise BadFileError(f"Validity: {value[:40]} is no period")
    return _relative(number)


def _relative(octet: int) -> timedelta:
    """TP-VP as a number (TS 23.040 §9.2.3.12.1)."""
    if octet <= 143:
        return (octet + 1) * timedelta(minutes=5)
    if octet <= 167:
        return timedelta(hours=12) + (octet - 143) * timedelta(minutes=30)
    return timedelta(days=octet - 166) if octet <= 196 else timedelta(weeks=octet - 192)
