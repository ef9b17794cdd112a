"""Texts as words are compared in them: one case, one script a word, no accents, no punctuation."""

from __future__ import annotations

import unicodedata

_LATIN, _CYRILLIC = "abcehkmoptxy", "авсенкмортху"  # letters whose capitals look alike, in one order
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)

# Spellings of one letter that people do not tell apart: Arabic ya, ta marbuta and tatweel, Hindi nasal sign,
# Turkish i without its dot. Hamza and vowel signs go with the marks.
_ALIKE = str.maketrans({"ى": "ي", "ة": "ه", "\u0640": None, "\u0901": "\u0902", "ı": "i", "ё": "е"})
_DROPPED_AFTER = ("LATIN ", "ARABIC ")  # letters that lose their marks; й keeps its breve, Hindi its vowels
_NUKTA = "\u093c"

_QWERTY, _ICUKEN = "qwertyuiopasdfghjklzxcvbnm", "йцукенгшщзфывапролдячсмить"
_LATIN_KEYS = str.maketrans(_QWERTY, _ICUKEN)
_CYRILLIC_KEYS = str.maketrans(_ICUKEN, _QWERTY)


def normalise(text: str) -> str:
    """A text as keywords are compared: folded, without accents on Latin letters, words between single blanks.

    Full-width forms become ASCII (NFKC), invisible characters vanish, punctuation and emoji separate words;
    й keeps its breve, since only Latin and Arabic letters lose their marks. A word of Latin and Cyrillic letters that
    look alike, as a phone that lacks some of either writes it, becomes one of a single script.
    """
    kept: list[str] = []
    bare = False
    for char in unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)):
        category = unicodedata.category(char)
        if category[0] == "M":
            if bare or char in "\ufe0e\ufe0f" or category == "Me" or char == _NUKTA:
                continue
            kept.append(char)
            continue
        if category[0] == "C" and not char.isspace():
            continue  # it vanishes: what stands before it and behind it are neighbours
        bare = category[0] == "L" and unicodedata.name(char, "").startswith(_DROPPED_AFTER)
        if char.isspace() or category[0] in "PSZ":
            kept.append(" ")
        else:
            kept.append(char)
    folded = unicodedata.normalize("NFC", "".join(kept)).casefold()
    # Folding can bring marks back: Turkish dotted I becomes i and a dot above.
    folded = folded.replace("i\u0307", "i").translate(_ALIKE)
    return " ".join(_one_script(word) for word in folded.split())


def squeeze(text: str) -> str:
    """A normalised text without its blanks."""
    return normalise(text).replace(" ", "")


def _one_script(word: str) -> str:
    """A folded word whose Latin and Cyrillic letters are one script's, where their capitals look alike."""
    latin = {char for char in word if "a" <= char <= "z"}
    cyrillic = {char for char in word if "\u0400" <= char <= "\u04ff"}
    if not latin or not cyrillic or not word.isalnum():
        return word
    if latin <= set(_LATIN):
        return word.translate(_TO_CYRILLIC)
    if cyrillic <= set(_CYRILLIC):
        return word.translate(_TO_LATIN)
    return word


def other_layout(word: str) -> str | None:
    """What the same keys write with the keyboard switched between Latin and Russian; None: it is of neither."""
    if all("a" <= char <= "z" for char in word):
        return word.translate(_LATIN_KEYS)
    if all(char in _ICUKEN for char in word):
        return word.translate(_CYRILLIC_KEYS)
    return None
