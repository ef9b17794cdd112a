"""What a sender should be warned of: nothing here stops a message."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modemfarm.policy.adverts import reads_like_one
from modemfarm.policy.profiles import Rules

_LINK = re.compile(
    r"\bhttp://\S|(?<![\w/.@-])(?:www\.|[a-z0-9-]+\.(?:com|net|org|ru|cn|io|me|ly|co|info|shop|link)/)",
    re.IGNORECASE,
)
_HOLE = re.compile(r"\{\{?\s*[\w .-]{1,40}\s*\}?\}|\$\{|%\(\w+\)s|\[\[")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHOUTING = 12  # letters; abbreviations and codes are no shouting


def warnings(text: str, *, marketing: bool, rules: Rules | None) -> tuple[str, ...]:
    """Slugs of what is worth a second look.

    Args:
        rules: those of offers, where they were read; only an offer is judged by them.
    """
    return tuple(_found(text, marketing=marketing, rules=rules))


def _found(text: str, *, marketing: bool, rules: Rules | None) -> Iterator[str]:
    if not marketing and reads_like_one(text):
        yield "reads_like_advert"
    if _LINK.search(text):
        yield "link_without_https"
    if _HOLE.search(text):
        yield "open_braces"
    letters = "".join(word for word in _WORD.findall(text) if word.upper() != word.lower())
    if len(letters) >= _SHOUTING and letters == letters.upper():
        yield "all_capitals"
    if rules is not None and marketing and _times_signed(text, rules) > 1:
        yield "signed_twice"


def _times_signed(text: str, rules: Rules) -> int:
    marks = rules.profile.signature_marks
    if len(marks) == 2:
        return len(re.findall(f"{re.escape(marks[0])}[^{re.escape(marks)}]+{re.escape(marks[1])}", text))
    return text.count(rules.signature.strip()) if rules.signature else 0
