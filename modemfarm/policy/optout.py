"""Tells whether a reply refuses further messages, asks for them again, or asks for help.

A keyword counts as such only when it is the whole message; inside a longer text it is probable at most.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from modemfarm.errors import ConfigError

Tier = Literal["exact", "probable", "advertised_only", "opt_in", "help", "none"]

_LONGEST_EXACT = 64  # characters without spaces; more is a text, not a keyword
_STEPS = 6  # polite words taken off one message
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")

_LATIN, _CYRILLIC = "abcehkmoptxy", "авсенкмортху"  # letters whose capitals look alike, in one order
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text says about wanting messages.

    Attributes:
        keyword: as the data write it; None with tier ``none``.
        rule: ``whole``, ``polite`` (words around it taken off), ``repeated`` (several keywords and nothing else),
            ``advertised``, ``token`` or ``typo`` (inside a longer text); None with tier ``none``.
    """

    tier: Tier
    keyword: str | None = None
    rule: str | None = None


def normalise(text: str) -> str:
    """A text as keywords are compared: folded, without accents on Latin letters, words between single blanks.

    Full-width forms become ASCII (NFKC), invisible characters vanish, punctuation and emoji separate words;
    й keeps its breve, since only Latin letters lose their marks. A word of Latin and Cyrillic letters that look alike,
    as a phone that lacks some of either writes it, becomes one of a single script.
    """
    kept: list[str] = []
    latin = False
    for char in unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)):
        category = unicodedata.category(char)
        if category[0] == "M":
            if latin or char in "\ufe0e\ufe0f" or category == "Me":
                continue
            kept.append(char)
            continue
        if category[0] == "C" and not char.isspace():
            continue  # it vanishes: what stands before it and behind it are neighbours
        latin = category[0] == "L" and unicodedata.name(char, "").startswith("LATIN ")
        if char.isspace() or category[0] in "PSZ":
            kept.append(" ")
        else:
            kept.append(char)
    folded = unicodedata.normalize("NFC", "".join(kept)).casefold()
    # Folding can bring marks back: Turkish dotted I becomes i and a dot above.
    return " ".join(_one_script(word) for word in folded.replace("i\u0307", "i").split())


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


def _squeeze(text: str) -> str:
    return normalise(text).replace(" ", "")


@dataclass(frozen=True, slots=True)
class Keywords:
    """The keyword lists, normalised and without blanks, each with its spelling in the data."""

    opt_out: Mapping[str, str]
    opt_in: Mapping[str, str]
    help: Mapping[str, str]
    advertised: Mapping[str, str]
    advertised_in: frozenset[str]
    before: tuple[str, ...]
    after: tuple[str, ...]
    typos: Mapping[str, str]

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], file: str = "optout.toml") -> Keywords:
        """The keywords of a parsed optout.toml.

        Raises:
            ConfigError: a key is missing or unknown, a keyword is no text, or one word has two meanings.
        """
        known = {"checked_on", "opt_out", "opt_in", "help", "advertised", "polite", "typos"}
        for key in data:
            if key not in known:
                raise ConfigError(file, key, f"unknown key; known are {', '.join(sorted(known))}")
        lists = {tier: _by_language(file, tier, data.get(tier)) for tier in ("opt_out", "opt_in", "help")}
        advertised = _words(file, "advertised.tokens", _inner(file, data, "advertised", "tokens"))
        seen: dict[str, str] = {}
        for name, words in (*lists.items(), ("advertised", advertised)):
            for word, spelling in words.items():
                if seen.setdefault(word, name) != name:
                    raise ConfigError(file, name, f"{spelling!r} is a keyword of {seen[word]} already")
        return cls(
            **lists,
            advertised=advertised,
            advertised_in=frozenset(
                _words(file, "advertised.countries", _inner(file, data, "advertised", "countries")).values()
            ),
            before=_polite(file, data, "before"),
            after=_polite(file, data, "after"),
            typos=_words(file, "typos.words", _inner(file, data, "typos", "words")),
        )


def _inner(file: str, data: Mapping[str, Any], table: str, key: str) -> object:
    value = data.get(table)
    if not isinstance(value, Mapping):
        raise ConfigError(file, table, f"a table is expected, not {value!r}")
    return value.get(key)


def _polite(file: str, data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = _words(file, f"polite.{key}", _inner(file, data, "polite", key))
    return tuple(sorted((normalise(word) for word in words.values()), key=len, reverse=True))


def _by_language(file: str, tier: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigError(file, tier, f"a table of languages is expected, not {value!r}")
    found: dict[str, str] = {}
    for language, words in value.items():
        for word, spelling in _words(file, f"{tier}.{language}", words).items():
            found.setdefault(word, spelling)
    return found


def _words(file: str, key: str, value: object) -> dict[str, str]:
    if not isinstance(value, list):
        raise ConfigError(file, key, f"an array of keywords is expected, not {value!r}")
    found: dict[str, str] = {}
    for at, word in enumerate(value):
        if not isinstance(word, str) or not _squeeze(word):
            raise ConfigError(file, f"{key}[{at}]", f"a keyword is expected, not {word!r}")
        found[_squeeze(word)] = word
    return found


def verdict(text: str, keywords: Keywords, *, country: str | None = None, advertised: Collection[str] = ()) -> Verdict:
    """What one complete message says.

    Args:
        country: ISO 3166 code of the jurisdiction profile.
        advertised: the tokens that the last marketing text to this person offered, as written there.
    """
    words = normalise(text)
    tiers: tuple[tuple[Tier, Mapping[str, str]], ...] = (
        ("exact", keywords.opt_out),
        ("opt_in", keywords.opt_in),
        ("help", keywords.help),
    )
    for tier, known in tiers:
        for at, variant in enumerate(_without_polite(words, keywords)):
            joined = variant.replace(" ", "")
            if joined in known:
                return Verdict(tier, known[joined], "polite" if at else "whole")
            if repeated := _segmented(joined, known):
                return Verdict(tier, known[repeated], "repeated")
    for variant in _without_polite(words, keywords):
        token = keywords.advertised.get(variant.replace(" ", ""))
        if token is not None:
            offered = {_squeeze(item) for item in advertised}
            told = (country or "").upper() in keywords.advertised_in and _squeeze(token) in offered
            return Verdict("exact" if told else "advertised_only", token, "advertised")
    return _probable(words, keywords)


def _without_polite(words: str, keywords: Keywords) -> Iterator[str]:
    """The text as it is, then with one polite word after the other taken off its ends."""
    for _ in range(_STEPS):
        if not words:
            return
        yield words
        shorter = _cut(words, keywords.before, at_end=False)
        if shorter is None:
            shorter = _cut(words, keywords.after, at_end=True)
        if shorter is None:
            return
        words = shorter


def _cut(words: str, polite: tuple[str, ...], *, at_end: bool) -> str | None:
    for word in polite:
        if not (words.endswith(word) if at_end else words.startswith(word)):
            continue
        rest = words[: len(words) - len(word)] if at_end else words[len(word) :]
        edge = rest[-1:] if at_end else rest[:1]
        # Chinese has no blanks; everywhere else the polite word must be a word of its own.
        if edge in ("", " ") or _CJK.match(word):
            return rest.strip()
    return None


def _segmented(joined: str, known: Mapping[str, str]) -> str | None:
    """The first keyword of a text that is nothing but several keywords of two letters or more; else None."""
    if len(joined) > _LONGEST_EXACT:
        return None
    # Which keyword ends at each position, reached over keywords only.
    first: dict[int, str | None] = {0: None}
    for end in range(1, len(joined) + 1):
        for word in known:
            start = end - len(word)
            if len(word) > 1 and start in first and joined.startswith(word, start):
                first[end] = first[start] or word
                break
    return first.get(len(joined))


def _probable(words: str, keywords: Keywords) -> Verdict:
    tokens = words.split()
    pairs = [left + right for left, right in pairwise(tokens)]
    for token in (*tokens, *pairs):
        if token in keywords.opt_out:
            return Verdict("probable", keywords.opt_out[token], "token")
    joined = "".join(tokens)
    for word, spelling in keywords.opt_out.items():
        if _CJK.match(word) and word in joined:
            return Verdict("probable", spelling, "token")
    for token in tokens:
        for word, spelling in keywords.typos.items():
            if _is_typo(token, word):
                return Verdict("probable", spelling, "typo")
    return Verdict("none")


def _is_typo(token: str, word: str) -> bool:
    if _once(token) == _once(word):
        return True
    return len(token) == len(word) and any(
        token == word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)
    )


def _once(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)
