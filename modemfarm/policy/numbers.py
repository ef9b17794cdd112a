"""Turns what people type or spreadsheets hold into one number, or says by name why it is none."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber, PhoneNumberType

from modemfarm.errors import BadRecipientError
from modemfarm.model import digits_key

__all__ = ["Recipient", "digits_key", "originator", "parse_recipient"]

LONGEST_SHORT_CODE = 6  # digits; anything longer is a subscriber's number

_SPREADSHEET = re.compile(r"\+?\d+(?:[.,]\d+)?E[+-]?\d+|\+?\d{7,}[.,]\d{1,2}", re.IGNORECASE)
_BETWEEN_NUMBERS = re.compile(r"[,;/|、\n\t]")
_DECORATION = re.compile(r"[\s().\-]")
_PLAIN = re.compile(r"\+?\d+")
_NATIONAL_MOBILE = PhoneNumberType.MOBILE

_FIXED = frozenset({PhoneNumberType.FIXED_LINE})
_SERVICE = frozenset({PhoneNumberType.TOLL_FREE, PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL})
# Calls to a personal number are forwarded at the caller's cost, like premium ones.
_PREMIUM = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER})
# Territories that share a country's numbering plan and its operators' rates.
_SAME_PLAN = {
    "GB": {"GB", "GG", "JE", "IM"},
    "FI": {"FI", "AX"},
    "NO": {"NO", "SJ"},
    "AU": {"AU", "CC", "CX"},
    "IT": {"IT", "VA"},
    "MA": {"MA", "EH"},
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One number that a message may go to.

    Attributes:
        number: E.164 with "+"; a short code as it was typed.
        country: ISO 3166 code, ``001`` for satellite and other global networks; None for a short code.
    """

    number: str
    kind: Literal["international", "short"]
    country: str | None


def parse_recipient(
    raw: str,
    *,
    country: str | None,
    allow_countries: str | tuple[str, ...] = "own",
    short_codes: tuple[str, ...] = (),
    allow_fixed: bool = False,
) -> Recipient:
    """The one number that `raw` surely is.

    Args:
        country: whose national numbers are understood; None: only international ones.
        allow_countries: ``own``, ``all`` or ISO codes. Without a country, ``own`` allows every one.
        short_codes: those that may be written to.
        allow_fixed: take fixed lines and service numbers too.

    Raises:
        BadRecipientError: `code` is one of ``empty not_a_number spreadsheet_number two_numbers needs_country
            impossible_length unknown_country_code not_valid fixed_line service_number premium_number
            country_not_allowed short_code_not_listed``.
    """
    country = country.upper() if country else None
    text = _plain_digits(raw)
    if not text:
        raise BadRecipientError(raw, "empty", "there is no number")
    digits = text if _PLAIN.fullmatch(text) else _undecorated(raw, text)
    if short_codes and digits in {_plain_digits(code) for code in short_codes}:
        return Recipient(digits, "short", None)
    if not digits.startswith(("+", "00")) and len(digits) <= LONGEST_SHORT_CODE:
        raise BadRecipientError(raw, "short_code_not_listed", "short codes must be listed in the configuration")
    digits = _with_plus(digits, country)
    if not digits.startswith("+") and country is None:
        raise BadRecipientError(raw, "needs_country", "write it with + and country code, or configure a country")
    number, region = _plain_mobile(digits, country) or _looked_up(raw, digits, country, allow_fixed=allow_fixed)
    if not _is_allowed(region, country, allow_countries):
        raise BadRecipientError(raw, "country_not_allowed", f"numbers of {region} are not among the allowed countries")
    return Recipient(number, "international", region)


def originator(raw: str, country: str | None) -> str:
    """A sender's address in the form that recipients have: E.164 where it can be, else as it came.

    Names and short codes stay; a national number is read as one of `country`.
    """
    text = raw.strip()
    digits = _DECORATION.sub("", _plain_digits(text))
    if not _PLAIN.fullmatch(digits) or len(digits.lstrip("+")) <= LONGEST_SHORT_CODE:
        return text
    digits = _with_plus(digits, country.upper() if country else None)
    try:
        number = phonenumbers.parse(digits, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return digits
    if digits.startswith("+") or phonenumbers.is_valid_number(number):
        return _e164(number)
    return digits


def _plain_digits(raw: str) -> str:
    """Full-width and other scripts' digits as ASCII, dashes as hyphens, invisible marks gone."""
    if raw.isascii():
        return raw.strip()
    kept: list[str] = []
    for char in unicodedata.normalize("NFKC", raw):
        category = unicodedata.category(char)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(char)))
        elif category == "Pd":
            kept.append("-")
        elif category != "Cf":
            kept.append(char)
    return "".join(kept).strip()


def _undecorated(raw: str, text: str) -> str:
    if _SPREADSHEET.fullmatch(text):
        raise BadRecipientError(raw, "spreadsheet_number", "a spreadsheet changed it; format the column as text")
    if _are_two(text):
        raise BadRecipientError(raw, "two_numbers", "one number per recipient")
    digits = _DECORATION.sub("", text)
    if not _PLAIN.fullmatch(digits):
        raise BadRecipientError(raw, "not_a_number", "a phone number has only digits, and + at its start")
    return digits


def _are_two(text: str) -> bool:
    """Whether these are several numbers: parted by a separator, a second "+", or blanks between long groups."""
    parts = [part for part in _BETWEEN_NUMBERS.split(text) if sum(char.isdigit() for char in part) >= 3]
    if len(parts) > 1 or re.search(r"\d\D*\+", text):
        return True
    groups = [group for group in text.split() if sum(char.isdigit() for char in group) >= 7]
    return len(groups) > 1


def _with_plus(digits: str, country: str | None) -> str:
    """`00` as "+", unless the country dials abroad with something longer that begins so (Korea 001, Australia 0011)."""
    if not digits.startswith("00"):
        return digits
    metadata = PhoneMetadata.metadata_for_region(country, None) if country else None
    dialled = re.match(metadata.international_prefix, digits) if metadata and metadata.international_prefix else None
    if dialled is not None and dialled[0] != "00":
        return digits
    return f"+{digits[2:]}"


@functools.lru_cache(maxsize=256)
def _mobile_plan(country: str) -> tuple[str, re.Pattern[str], re.Pattern[str]] | None:
    """Calling code, the pattern of mobile numbers, and of all that must not be taken for one."""
    metadata = PhoneMetadata.metadata_for_region(country, None)
    if metadata is None or metadata.mobile is None or not metadata.mobile.national_number_pattern:
        return None
    others = (
        metadata.fixed_line, metadata.premium_rate, metadata.toll_free, metadata.shared_cost, metadata.personal_number,
        metadata.voip, metadata.pager, metadata.uan, metadata.voicemail,
    )  # fmt: skip
    patterns = [other.national_number_pattern for other in others if other and other.national_number_pattern]
    return (
        f"+{metadata.country_code}",
        re.compile(metadata.mobile.national_number_pattern),
        re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or "(?!)"),
    )


@functools.lru_cache(maxsize=1024)
def _only_region(beginning: str) -> str | None:
    """The country of the calling code that these three digits begin with; None: +1, +7, +44, several share it."""
    codes = (int(beginning[:end]) for end in (1, 2, 3))
    regions = next(filter(None, map(COUNTRY_CODE_TO_REGION_CODE.get, codes)), ())
    return regions[0] if len(regions) == 1 else None


def _plain_mobile(digits: str, country: str | None) -> tuple[str, str] | None:
    """Number and country when it plainly is a mobile one, the bulk of every list; ten times faster than a look-up."""
    region = country
    if digits.startswith("+"):
        region = _only_region(digits[1:4]) if len(digits) > 4 else None
    elif digits.startswith(("0", "8")):  # a prefix to dial inside the country may have to go
        return None
    plan = _mobile_plan(region) if region else None
    if plan is None or region is None:
        return None
    code, mobile, others = plan
    national = digits.removeprefix(code)
    if mobile.fullmatch(national) and not others.fullmatch(national):
        return code + national, region
    return None


def _looked_up(raw: str, digits: str, country: str | None, *, allow_fixed: bool) -> tuple[str, str]:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise BadRecipientError(raw, "unknown_country_code", "no country has this code") from None
        raise BadRecipientError(raw, "impossible_length", "no number is this long or short") from None
    valid = phonenumbers.is_valid_number(number)
    if not valid:
        if not phonenumbers.is_possible_number_for_type(number, _NATIONAL_MOBILE):
            raise BadRecipientError(raw, "impossible_length", "no number of its country is this long or short")
        if not digits.startswith("+"):
            raise BadRecipientError(raw, "not_valid", f"no number in {country} begins like this")
    kind = phonenumbers.number_type(number)
    if kind in _PREMIUM:
        raise BadRecipientError(raw, "premium_number", "premium ranges are not written to")
    if kind in _FIXED and not allow_fixed:
        raise BadRecipientError(raw, "fixed_line", "a fixed line; allow it for this row if it takes texts")
    if kind in _SERVICE and not allow_fixed:
        raise BadRecipientError(raw, "service_number", "a service number; allow it for this row if it takes texts")
    return _e164(number), _region(number, country, national=not digits.startswith("+"))


def _region(number: PhoneNumber, country: str | None, *, national: bool) -> str:
    if national and country is not None and number.country_code == phonenumbers.country_code_for_region(country):
        return country  # dialled as at home
    region = phonenumbers.region_code_for_number(number)
    return str(region or phonenumbers.region_code_for_country_code(number.country_code or 0))


def _e164(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_allowed(region: str | None, country: str | None, allow: str | tuple[str, ...]) -> bool:
    if isinstance(allow, str):
        if allow == "all" or (allow == "own" and country is None):
            return True
        allow = (country or "",) if allow == "own" else (allow,)
    return any(region in _SAME_PLAN.get(code.upper(), {code.upper()}) for code in allow)
