"""`modemfarm pdu`: PDUs in and out, without configuration, database or modem."""

from __future__ import annotations

import json
import re
import string
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from modemfarm.cli.output import sentence
from modemfarm.errors import PduDecodeError, SubmitError
from modemfarm.gsm.address import Address, address_of
from modemfarm.gsm.dcs import encode_dcs
from modemfarm.gsm.splitting import split
from modemfarm.gsm.tables import LANGUAGES
from modemfarm.gsm.tpdu import Pdu, SmsDeliver, SmsStatusReport, SmsSubmit, decode_pdu, encode_pdu
from modemfarm.gsm.validity import (
    AbsoluteValidity,
    EnhancedValidity,
    RelativeValidity,
    Validity,
    relative_validity,
)
from modemfarm.model import Encoding

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:[0-9]{1,6}[smhdw])+", re.ASCII)
_ENHANCED = re.compile(r"[0-9A-Fa-f]{14}", re.ASCII)
_OCTET = re.compile(r"[0-9]{1,3}", re.ASCII)
_ENCODINGS = {"auto": None, "gsm7": Encoding.GSM7, "ucs2": Encoding.UCS2}
_BAD_INPUT = 2
_CODES = ("tr", "es", "pt", "bn", "gu", "hi", "kn", "ml", "or", "pa", "ta", "te", "ur")
_ISO_639 = dict(zip(LANGUAGES, _CODES, strict=True))


@click.group()
def pdu() -> None:
    """Take PDUs apart and put them together."""


@pdu.command()
@click.argument("hexes", metavar="HEX…|-", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, in the order of the PDUs.")
@click.option("--no-smsc", is_flag=True, help="The PDUs are bare TPDUs, without an SMSC address in front.")
@click.pass_context
def decode(context: click.Context, hexes: tuple[str, ...], as_json: bool, no_smsc: bool) -> None:
    """Show what PDUs say; "-" reads a PDU a line from standard input, and answers every line, an empty one too.

    TP-MTI 0 is read as SMS-DELIVER, 1 as SMS-SUBMIT, 2 as SMS-STATUS-REPORT. Octets behind the end of a TPDU are
    passed over, as SIMs pad. A malformed PDU gives an error in its place; the others are shown all the same, and the
    exit code is 2.
    """
    malformed = False
    for text in _lines(hexes):
        fields: dict[str, object]
        try:
            fields = _fields(decode_pdu(_octets(text), has_smsc=not no_smsc))
        except PduDecodeError as error:
            malformed = True
            fields = {"error": str(error)}
        click.echo(json.dumps(fields) if as_json else _human(fields))
    if malformed:
        context.exit(_BAD_INPUT)


def _validity(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Validity | None:
    """A duration, a TP-VP octet, a time with its zone, or seven octets in hex."""
    if value is None:
        return None
    if _OCTET.fullmatch(value) and int(value) <= 255:
        return RelativeValidity(int(value))
    if _DURATION.fullmatch(value):
        return relative_validity(sum(int(n) * _UNITS_S[u] for n, u in re.findall(r"([0-9]+)([smhdw])", value)))
    if _ENHANCED.fullmatch(value):
        return EnhancedValidity(bytes.fromhex(value))
    try:
        until = datetime.fromisoformat(value)
    except ValueError:
        until = None
    if until is None or until.utcoffset() is None:
        raise click.BadParameter(sentence("refusal.validity_form"))
    return AbsoluteValidity(until)


def _language(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """The id of a national language, from its id, its English name or its ISO 639 code."""
    if value is None:
        return 0
    for language, name in LANGUAGES.items():
        if value.casefold() in {str(language), name, _ISO_639[language]}:
            return language
    known = ", ".join(f"{language} {name} {_ISO_639[language]}" for language, name in LANGUAGES.items())
    raise click.BadParameter(sentence("refusal.language_one_of", known=known))


@pdu.command()
@click.argument("to")
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, a part each.")
@click.option("--reference", type=click.IntRange(0, 255), default=0, help="TP-MR of every part. Default 0.")
@click.option(
    "--concat-ref",
    type=click.IntRange(0, 65535),
    help="Reference of the concatenation header; above 255 it takes 16 bits. Default: as --reference.",
)
@click.option("--report", is_flag=True, help="Ask for a delivery report (TP-SRR).")
@click.option("--flash", is_flag=True, help="Class 0: shown at once, not stored.")
@click.option(
    "--validity",
    callback=_validity,
    help="How long the network tries: a duration (90m, 48h, 1w2d; rounded down to a step of TP-VP), the TP-VP octet "
    "itself (0–255), a time with its zone (absolute), or 14 hex digits (enhanced). Default: left to the network.",
)
@click.option("--encoding", type=click.Choice(list(_ENCODINGS)), default="auto", help="Default: the cheapest.")
@click.option(
    "--language",
    callback=_language,
    help="National tables of this language (1–13, its English name or ISO 639 code) may be used: where the text "
    "needs them and they take no more parts than UCS-2.",
)
@click.option("--smsc", help="Number of the service centre. Default: the SIM's.")
def encode(
    to: str,
    text: str,
    *,
    as_json: bool,
    reference: int,
    concat_ref: int | None,
    report: bool,
    flash: bool,
    validity: Validity | None,
    encoding: str,
    language: int,
    smsc: str | None,
) -> None:
    """Print the SMS-SUBMIT PDUs that carry TEXT to the number TO, with the length that AT+CMGS wants."""
    concat = reference if concat_ref is None else concat_ref
    try:
        recipient = _recipient(to)
        parts = split(
            text,
            concat,
            encoding=_ENCODINGS[encoding],
            ref_bits=16 if concat > 255 else 8,
            locking=language,
            single=language,
        )
        pdus = [
            encode_pdu(
                SmsSubmit(
                    recipient.text,
                    part,
                    mr=reference,
                    report=report,
                    validity=validity,
                    dcs=encode_dcs(part.encoding, 0 if flash else None),
                    recipient_type=recipient.type_octet,
                ),
                smsc,
            )
            for part in parts
        ]
    except (ValueError, SubmitError) as error:
        raise click.UsageError(str(error)) from error
    for octets, length in pdus:
        digits = octets.hex().upper()
        click.echo(json.dumps({"pdu": digits, "tpdu_length": length}) if as_json else f"{length} {digits}")


def _recipient(to: str) -> Address:
    address = address_of(to)
    if address.is_name or not address.text.strip("+"):
        raise ValueError(sentence("refusal.not_a_number", given=repr(to)))
    return address


def _lines(hexes: Iterable[str]) -> Iterator[str]:
    for item in hexes:
        if item != "-":
            yield item
            continue
        for octets in sys.stdin.buffer:
            yield octets.decode("utf-8", "replace").strip()


def _octets(text: str) -> bytes:
    digits = "".join(text.split())
    wrong = next((at for at, char in enumerate(digits) if char not in string.hexdigits), None)
    if wrong is not None:
        raise PduDecodeError("hex", wrong // 2, f"{digits[wrong]!r} is no hexadecimal digit")
    if len(digits) % 2:
        raise PduDecodeError("hex", len(digits) // 2, "half an octet is missing")
    return bytes.fromhex(digits)


def _fields(found: Pdu) -> dict[str, object]:
    """The JSON document of one PDU: every field, null where this kind has none."""
    fields: dict[str, object] = dict.fromkeys(_NAMES)
    fields["smsc"] = found.smsc
    tpdu = found.tpdu
    match tpdu:
        case SmsSubmit():
            fields |= {"kind": "submit", "number": tpdu.recipient, "reference": tpdu.mr, "srr": tpdu.report}
            fields["validity"] = _validity_fields(tpdu.validity)
        case SmsDeliver():
            fields |= {"kind": "deliver", "number": tpdu.originator, "time": _time(tpdu.scts)}
        case SmsStatusReport():
            fields |= {
                "kind": "status_report",
                "number": tpdu.recipient,
                "reference": tpdu.mr,
                "status": tpdu.status,
                "time": _time(tpdu.scts),
                "discharge_time": _time(tpdu.discharge_time),
            }
    if not isinstance(tpdu, SmsStatusReport):
        concat = tpdu.concat
        fields |= {
            "text": None if tpdu.data is not None else tpdu.text,
            "data": None if tpdu.data is None else tpdu.data.hex(),
            "dcs": tpdu.dcs,
            "concat": concat and {"ref": concat.ref, "total": concat.total, "number": concat.number},
            "message_class": tpdu.message_class,
        }
    return fields


_NAMES = (
    "kind",
    "smsc",
    "number",
    "text",
    "data",
    "dcs",
    "reference",
    "concat",
    "status",
    "time",
    "discharge_time",
    "srr",
    "validity",
    "message_class",
)


def _validity_fields(validity: Validity | None) -> dict[str, object] | None:
    match validity:
        case RelativeValidity(octet):
            return {"relative": octet}
        case AbsoluteValidity(until):
            return {"absolute": until.isoformat()}
        case EnhancedValidity(octets):
            return {"enhanced": octets.hex()}
    return None


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _human(fields: dict[str, object]) -> str:
    """A block of lines, one for each field that says something; an error on one line."""
    if "error" in fields:
        return sentence("refusal.malformed", what=fields["error"]) + "\n"
    rows = [(name, value) for name, value in fields.items() if value is not None]
    lines = [f"{name:15}{_shown(value)}" for name, value in rows]
    return _printable("\n".join(lines) + "\n")


def _shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case {"ref": ref, "total": total, "number": number}:
            return f"part {number} of {total}, reference {ref}"
        case dict():
            return " ".join(f"{name} {item}" for name, item in value.items())
    return str(value)


def _printable(text: str) -> str:
    """Without control characters that would drive the terminal, and in characters that it has."""
    safe = "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
    encoding = sys.stdout.encoding or "utf-8"
    return safe.encode(encoding, "backslashreplace").decode(encoding)
