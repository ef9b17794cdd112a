"""The amount in what an operator answers to a question about credit."""

from __future__ import annotations

import re

# Not inside a code, a date, a time or another number; U+2212 is how some write a minus.
_NUMBER = re.compile(r"(?<![\d*#.,/:-])([-\u2212]?\d+(?:[ \u00a0']\d{3})*(?:[.,]\d+)*)(?![\d*#/:]|[.,]\d)")
_FRACTION = re.compile(r"[.,]\d{1,2}$")
_DIGITS_MOST = 8  # longer ones are numbers of phones or cards


def amount(text: str, match: str | None = None) -> float | None:
    """The amount that a text tells.

    Args:
        match: regular expression of the owner's; its first group, else all of it, is the amount. Without one, the
            first number with a fraction is, else the first number that is no date, code or phone number.

    Returns:
        None when there is none.
    """
    if match is not None:
        found = re.search(match, text)
        return None if found is None else _value(found[1] if found.re.groups else found[0])
    numbers = [item[1] for item in _NUMBER.finditer(text) if len(re.sub(r"\D", "", item[1])) <= _DIGITS_MOST]
    chosen = next((item for item in numbers if _FRACTION.search(item)), numbers[0] if numbers else None)
    return None if chosen is None else _value(chosen)


def _value(text: str | None) -> float | None:
    """``1 234,50``, ``1,234.50``, ``1.234,5`` and ``1234`` as numbers; the last of two kinds of marks is the point."""
    plain = re.sub(r"[^\d.,-]", "", (text or "").replace("\N{MINUS SIGN}", "-"))
    whole, mark, fraction = _cut(plain)
    try:
        return float(re.sub(r"[.,]", "", whole) + (f".{fraction}" if mark else ""))
    except ValueError:
        return None


def _cut(text: str) -> tuple[str, str, str]:
    at = max(text.rfind("."), text.rfind(","))
    if at < 0:
        return text, "", ""
    mark, fraction = text[at], text[at + 1 :]
    grouped = len(fraction) == 3 and mark == "," and "." not in text
    if grouped or text.count(mark) > 1:
        return text, "", ""
    return text[:at], mark, fraction
