"""Tells whether a reply refuses further messages, asks for them again, or asks for help.

A keyword counts as such only when it is the whole message; inside a longer text it is probable at most.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal

from modemfarm.errors import ConfigError
from modemfarm.policy.answering import Answers
from modemfarm.policy.folding import normalise, squeeze
from modemfarm.policy.offering import Offers
from modemfarm.policy.phrases import Phrases, of_language
from modemfarm.policy.slips import Slips

Tier = Literal["exact", "probable", "advertised_only", "opt_in", "help", "none"]

_LONGEST_EXACT = 64  # characters without spaces; more is a text, not a keyword
_STEPS = 6  # polite words taken off one message
_KNOWN = {
    "checked_on", "opt_out", "opt_in", "help", "advertised", "polite", "mistyped", "typos", "refusal", "opt_in_offered",
    "yes", "offer", "answers", "languages",
}  # fmt: skip
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text says about wanting messages.

    Attributes:
        keyword: as the data write it; None with tier ``none``.
        rule: ``whole``, ``polite`` (words around it taken off), ``repeated`` (several keywords and nothing else),
            ``advertised``, ``token``, ``typo`` or ``layout`` (keys of another keyboard layout) inside a longer text,
            ``mistyped`` (a known slip as the whole message), ``phrase`` (own words, which are the keyword then);
            None with tier ``none``.
        language: of the list or pattern that it was found in, where that tells.
    """

    tier: Tier
    keyword: str | None = None
    rule: str | None = None
    language: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Keywords:
    """The keyword lists, normalised and without blanks, each with its spelling in the data."""

    opt_out: Mapping[str, str]
    opt_in: Mapping[str, str]
    help: Mapping[str, str]
    advertised: Mapping[str, str]
    advertised_in: Mapping[str, Mapping[str, str]]
    before: tuple[str, ...]
    after: tuple[str, ...]
    slips: Slips
    refusals: tuple[Phrases, ...]
    languages: Mapping[str, str]
    only_offered: frozenset[str]
    yes: frozenset[str]
    offers: Offers
    answers: Answers

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], file: str = "optout.toml") -> Keywords:
        """The keywords of a parsed optout.toml.

        Raises:
            ConfigError: a key is missing or unknown, a keyword is no text, or one word has two meanings.
        """
        for key in data:
            if key not in _KNOWN:
                raise ConfigError(file, key, f"unknown key; known are {', '.join(sorted(_KNOWN))}")
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
            advertised_in=_by_country(file, _inner(file, data, "advertised", "countries")),
            before=_polite(file, data, "before"),
            after=_polite(file, data, "after"),
            slips=Slips.of(
                _words(file, "typos.words", _inner(file, data, "typos", "words")),
                _by_language(file, "mistyped", data.get("mistyped")),
                lists["opt_out"],
            ),
            refusals=tuple(
                of_language(file, language, table) for language, table in _table(file, data, "refusal").items()
            ),
            languages={
                squeeze(word): language
                for tier in ("opt_out", "opt_in", "help", "mistyped")
                for language, words in data[tier].items()
                for word in words
            },
            only_offered=frozenset(_words(file, "opt_in_offered.words", _inner(file, data, "opt_in_offered", "words"))),
            yes=frozenset(_by_language(file, "yes", data.get("yes"))),
            offers=Offers.from_mapping(_table(file, data, "offer"), file),
            answers=Answers.from_mapping(data, file),
        )


def _table(file: str, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if not isinstance(value, Mapping):
        raise ConfigError(file, key, f"a table is expected, not {value!r}")
    return value


def _by_country(file: str, value: object) -> Mapping[str, Mapping[str, str]]:
    if not isinstance(value, Mapping):
        raise ConfigError(file, "advertised.countries", f"a table of countries is expected, not {value!r}")
    found = {str(country): _words(file, f"advertised.countries.{country}", words) for country, words in value.items()}
    return MappingProxyType(found)


def _inner(file: str, data: Mapping[str, Any], table: str, key: str) -> object:
    return _table(file, data, table).get(key)


def _polite(file: str, data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    written: Any = _inner(file, data, "polite", key)
    _words(file, f"polite.{key}", written)
    return tuple(sorted({normalise(word) for word in written}, key=len, reverse=True))


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
        if not isinstance(word, str) or not squeeze(word):
            raise ConfigError(file, f"{key}[{at}]", f"a keyword is expected, not {word!r}")
        found[squeeze(word)] = word
    return found


def verdict(text: str, keywords: Keywords, *, country: str | None = None, advertised: Collection[str] = ()) -> Verdict:
    """What one complete message says.

    Args:
        country: ISO 3166 code of the jurisdiction profile.
        advertised: the tokens that the last marketing text to this person offered, as written there.
    """
    found = _found(normalise(text), keywords, country, advertised)
    if found.keyword is None or found.language is not None:
        return found
    return replace(found, language=keywords.languages.get(squeeze(found.keyword)))


def is_yes(text: str, keywords: Keywords) -> bool:
    """Whether a reply is a yes and nothing else; it means something only as the answer to a question."""
    return any(words.replace(" ", "") in keywords.yes for words in _without_polite(normalise(text), keywords))


def _found(words: str, keywords: Keywords, country: str | None, advertised: Collection[str]) -> Verdict:
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
    here = {**keywords.advertised, **keywords.advertised_in.get((country or "").upper(), {})}
    for variant in _without_polite(words, keywords):
        token = here.get(variant.replace(" ", ""))
        if token is not None:
            told = squeeze(token) in {squeeze(item) for item in advertised}
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
    for variant in _without_polite(words, keywords):
        joined = variant.replace(" ", "")
        slip = keywords.slips.of_whole(joined) if len(joined) <= _LONGEST_EXACT else None
        if slip is not None:
            return Verdict("probable", slip, "mistyped")
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
        if (slipped := keywords.slips.of_token(token)) is not None:
            return Verdict("probable", *slipped)
    for language in keywords.refusals:
        if (found := language.find(words)) is not None:
            return Verdict("probable", found, "phrase", language.language)
    return Verdict("none")


def offered(text: str, keywords: Keywords, country: str | None = None) -> frozenset[str]:
    """The words of a text of ours that it tells people to answer with, of those that count only then."""
    single = {*keywords.advertised.values(), *keywords.advertised_in.get((country or "").upper(), {}).values()}
    plain = normalise(text)
    return frozenset(word for word in (*single, *keywords.only_offered) if keywords.offers.told(plain, normalise(word)))
