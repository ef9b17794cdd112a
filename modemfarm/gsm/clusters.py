"""Where a text may be cut without tearing one visible character apart.

A phone that shows each part on its own, or joins parts without shaping them again, would show torn accents, flags and
emoji. The rules are the grapheme rules of Unicode Annex 29 in the form that cutting needs: may a cut stand here?
"""

from __future__ import annotations

import unicodedata

_ZWJ = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)  # regional indicators, two of which make a flag
_TAGS = range(0xE0020, 0xE0080)  # flags of England, Scotland, Wales
_SPACING = frozenset("\u0e33\u0eb3\uff9e\uff9f\u200c")  # Thai and Lao AM, halfwidth voice marks, ZWNJ: no M category
_LEADING = range(0x1100, 0x1160), range(0xA960, 0xA980)  # Hangul consonants before the vowel
_VOWELS = range(0x1160, 0x11A8), range(0xD7B0, 0xD7C7)
_TRAILING = range(0x11A8, 0x1200), range(0xD7CB, 0xD7FC)
_SYLLABLES = range(0xAC00, 0xD7A4)
_VIRAMA = 9  # canonical combining class of the sign that binds two consonants


def may_cut(text: str, at: int, since: int = 0) -> bool:
    """Whether the text may be cut between characters `at - 1` and `at`; always at its ends.

    Args:
        since: a place, not behind `at`, where a cut is known to stand; flags are counted from there.
    """
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if after < "\u0300":
        # nothing below U+0300 combines with what stands before it, but a line end of two characters is one
        return not (after == "\n" and before == "\r")
    point = ord(after)
    if unicodedata.category(after)[0] == "M" or after == _ZWJ or after in _SPACING:
        return False
    if before == _ZWJ or point in _SKIN_TONES or point in _TAGS:
        return False
    if unicodedata.combining(before) == _VIRAMA and unicodedata.category(after) == "Lo":
        return False
    if point in _FLAG_LETTERS:
        return _flag_letters_before(text, at, since) % 2 == 0
    return not _one_syllable(ord(before), point)


def last_cut(text: str, start: int, end: int) -> int:
    """The last place at or before `end` where the text may be cut; `end` when no such place is behind `start`."""
    for at in range(end, start, -1):
        if may_cut(text, at, start):
            return at
    return end


def _flag_letters_before(text: str, at: int, since: int) -> int:
    first = at
    while first > since and ord(text[first - 1]) in _FLAG_LETTERS:
        first -= 1
    return at - first


def _one_syllable(before: int, after: int) -> bool:
    """Rules GB6 to GB8: L × (L | V | LV | LVT), (LV | V) × (V | T), (LVT | T) × T."""
    vowel, trailing = _within(after, _VOWELS), _within(after, _TRAILING)
    if _within(before, _LEADING):
        return vowel or after in _SYLLABLES or _within(after, _LEADING)
    if before in _SYLLABLES:
        open_syllable = (before - _SYLLABLES.start) % 28 == 0
        return trailing or (vowel and open_syllable)
    if _within(before, _VOWELS):
        return vowel or trailing
    return trailing and _within(before, _TRAILING)


def _within(point: int, ranges: tuple[range, range]) -> bool:
    return point in ranges[0] or point in ranges[1]
