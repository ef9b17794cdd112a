"""The kinds of value that stand in config.yaml; each says in words what it expected."""

from __future__ import annotations

import functools
import ipaddress
import re
import shlex
from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import PlainSerializer, PlainValidator

from modemfarm.config.document import Unquoted
from modemfarm.gsm.splitting import split
from modemfarm.intake.values import is_day, is_own_number, parse_span, span_text
from modemfarm.model import is_pin, normal_iccid
from modemfarm.modem.dialled import MOST_STEPS, is_answer, is_code
from modemfarm.policy.profiles import NAMES as PROFILES
from modemfarm.store.callback_urls import beginning
from modemfarm.store.webhooks import TYPES

T = TypeVar("T")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _wrong(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, not {value!r}" if value is not None else f"expected {expected}")


def _of(read: Callable[[str], T], expected: str) -> Callable[[Any], T]:
    """A validator that takes a text only and leaves the reading to `read`."""

    def check(value: Any) -> T:
        if not isinstance(value, str):
            raise _wrong(expected, value)
        return read(value)

    return check


def _quoted(value: Any, expected: str) -> str:
    if isinstance(value, Unquoted) or not isinstance(value, str):
        # the value is not repeated: it may be a PIN
        raise ValueError(f'expected {expected} in quotes, like "{_example(expected)}"')  # noqa: TRY004 # pydantic's way
    return value


def _example(expected: str) -> str:
    return {"a PIN": "1234", "a time": "08:30", "a day": "2027-12-31"}.get(expected, "+8613800138000")


def _pin(value: Any) -> str:
    pin = _quoted(value, "a PIN")
    if not is_pin(pin):
        raise ValueError("expected a PIN of 4 to 8 digits")
    return pin


def _time(value: Any) -> str:
    text = _quoted(value, "a time")
    if not _CLOCK.fullmatch(text):
        raise _wrong('a time from "00:00" to "23:59"', text)
    return text


def number(value: Any) -> str:
    """A telephone number, digits with or without "+"."""
    text = _quoted(value, "a number")
    if not is_own_number(text):
        raise _wrong('a number like "+8613800138000"', text)
    return text


def _prefix(value: Any) -> str:
    text = _quoted(value, 'the beginning of numbers in quotes, like "+86134"')
    if not (text.startswith("+") and text[1:].isascii() and text[1:].isdigit() and len(text) <= 13):
        raise _wrong('the beginning of numbers with + and country code, like "+86134"', value)
    return text


def day(value: Any) -> str:
    """A day as ISO 8601 writes it."""
    if isinstance(value, date | datetime):
        raise ValueError('expected a day in quotes, like "2027-12-31"')  # noqa: TRY004 # pydantic's way
    text = _quoted(value, "a day")
    if not is_day(text):
        raise _wrong('a day like "2027-12-31"', text)
    return text


@functools.cache
def countries() -> dict[str, str]:
    """Every ISO 3166 country code with its English name."""
    table = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8")
    return dict(line.split("\t")[:2] for line in table.splitlines() if line and not line.startswith("#"))


def country(value: Any) -> str:
    """An ISO 3166 code in capitals."""
    if not isinstance(value, str) or value.upper() not in countries():
        hint = " (quote it: no is a word in YAML 1.1)" if value is False else ""
        raise _wrong("a country's two letters (ISO 3166), like CN" + hint, value)
    return value.upper()


def zone(value: Any) -> str:
    """The name of a time zone that exists."""
    if not isinstance(value, str):
        raise _wrong("a time zone like Asia/Shanghai", value)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong("a time zone like Asia/Shanghai", value) from None
    return str(value)


def _allowed(value: Any) -> str | list[str]:
    if isinstance(value, list) and value:
        return [country(item) for item in value]
    if value in {"own", "all"}:
        return str(value)
    raise _wrong("own, all or a list of countries like [CN, HK]", value)


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise _wrong('an address and port like "127.0.0.1:8025"', value)
    name = host.removeprefix("[").removesuffix("]")
    if name != "localhost":
        try:
            ipaddress.ip_address(name)
        except ValueError:
            raise _wrong('an address and port like "127.0.0.1:8025"', value) from None
    return str(value)


def loopback(listen: str) -> bool:
    """Whether an address as `http.listen` holds it is reached from this machine only."""
    name = listen.rpartition(":")[0].removeprefix("[").removesuffix("]")
    return name == "localhost" or ipaddress.ip_address(name).is_loopback


def iccid(raw: str) -> str:
    """The normal form of an ICCID used as a key."""
    found = normal_iccid(raw)
    if not found:
        raise _wrong("an ICCID of 19 or 20 digits", raw)
    return found


def _span(value: str) -> timedelta:
    return parse_span(value)


def _database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise _wrong("sqlite:///file or postgresql+psycopg://user@host/db", value)
    return str(value)


def _web(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise _wrong("an http:// or https:// address", value)
    return str(value)


def _beginning(value: str) -> str:
    try:
        return beginning(value)
    except ValueError:
        raise _wrong('the beginning of addresses like "https://shop.example/sms/"', value) from None


def _net(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise _wrong('a network like "192.168.1.0/24"', value) from None


def _event_type(value: str) -> str:
    if value not in TYPES:
        raise ValueError(f"expected one of {', '.join(TYPES)}, found {value!r}")
    return str(value)


def _program(value: str) -> str:
    try:
        found = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"expected a program with its arguments, found {value!r}: {error}") from None
    if not found or "\0" in value:
        raise _wrong("a program with its arguments", value)
    return str(value)


def _profile(value: str) -> str:
    if value not in PROFILES:
        raise _wrong(f"one of {', '.join(PROFILES)}", value)
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise _wrong("some text", value)
    return str(value)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"expected a regular expression, found {value!r}: {error}") from None
    return str(value)


def _one_message(value: str) -> str:
    text = str(_text(value))
    if len(split(text, 0)) > 1:
        raise _wrong("a text that one message holds", text)
    return text


def _ussd(value: str) -> str:
    code, *answers = value.split() or [""]
    if not is_code(code) or not all(map(is_answer, answers)) or len(answers) >= MOST_STEPS:
        raise _wrong('a code like "*100#", with the answers to its menus after blanks', value)
    return str(value)


Text = Annotated[str, PlainValidator(_of(_text, "a text"))]
OneMessage = Annotated[str, PlainValidator(_of(_one_message, "a text that one message holds"))]
Pattern = Annotated[str, PlainValidator(_of(_pattern, "a regular expression"))]
UssdCode = Annotated[str, PlainValidator(_of(_ussd, "a USSD code"))]
Profile = Annotated[str, PlainValidator(_of(_profile, f"one of {', '.join(PROFILES)}"))]
Program = Annotated[str, PlainValidator(_of(_program, "a program with its arguments"))]
Pin = Annotated[str, PlainValidator(_pin)]
Time = Annotated[str, PlainValidator(_time)]
Number = Annotated[str, PlainValidator(number)]
Prefix = Annotated[str, PlainValidator(_prefix)]
Day = Annotated[str, PlainValidator(day)]
Country = Annotated[str, PlainValidator(country)]
Zone = Annotated[str, PlainValidator(zone)]
Allowed = Annotated[str | list[str], PlainValidator(_allowed)]
Address = Annotated[str, PlainValidator(_of(_address, "an address and port"))]
Database = Annotated[str, PlainValidator(_of(_database, "a database URL"))]
Beginning = Annotated[str, PlainValidator(_of(_beginning, "the beginning of addresses"))]
Net = Annotated[str, PlainValidator(_of(_net, "a network"))]
EventType = Annotated[str, PlainValidator(_of(_event_type, "a type of event"))]
Web = Annotated[str, PlainValidator(_of(_web, "an address"))]
Span = Annotated[
    timedelta,
    PlainValidator(_of(_span, "a span of time like 48h, 15m or 60s")),
    PlainSerializer(span_text, return_type=str),
]
