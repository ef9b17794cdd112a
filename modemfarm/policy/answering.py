"""What people are answered automatically, in which language, and how such answers are known when they come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modemfarm.errors import ConfigError
from modemfarm.policy.folding import normalise

Kind = Literal["opted_out", "ask", "help", "confirm"]

_TEXTS = ("opted_out", "ask", "help", "confirm")
_WORDS = ("stop", "start", "contact")
_SCRIPTS = (
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The texts by language, and which language a country speaks.

    Attributes:
        known: the texts as they arrive at another farm, normalised.
    """

    texts: Mapping[str, Mapping[str, str]]
    countries: Mapping[str, str]
    known: tuple[str, ...]

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], file: str) -> Answers:
        """The tables ``[answers.*]`` and ``[languages]``.

        Raises:
            ConfigError: a text or word is missing, or English is.
        """
        texts: dict[str, Mapping[str, str]] = {}
        for language, table in dict(data.get("answers", {})).items():
            for name in (*_TEXTS, *_WORDS):
                if not isinstance(table, Mapping) or not isinstance(table.get(name), str):
                    raise ConfigError(file, f"answers.{language}", f"{name} is missing")
            texts[language] = table
        if "en" not in texts:
            raise ConfigError(file, "answers", "English is missing")
        countries = {code: language for language, codes in dict(data.get("languages", {})).items() for code in codes}
        known = tuple(normalise(_filled(table, name)) for table in texts.values() for name in _TEXTS)
        return cls(texts, countries, known)

    def text(
        self, kind: Kind, language: str, brand: str | None, signature: str | None = None, contact: str | None = None
    ) -> str:
        """One answer, with the sender in front where there is one: as the owner signs, else the brand.

        Args:
            contact: where people reach the owner; told to who asks for help.
        """
        table = self.texts.get(language, self.texts["en"])
        filled = _filled(table, kind)
        if kind == "help" and contact:
            filled = f"{filled} {table['contact'].replace('{contact}', contact)}"
        if signature:
            return signature + filled
        if not brand:
            return filled
        return f"【{brand}】{filled}" if language == "zh" else f"{brand}: {filled}"

    def language(self, of_keyword: str | None, last_text: str, country: str | None) -> str:
        """The language to answer in: the reply's own, else our last text's, else the country's, else English.

        Args:
            of_keyword: of the list that the reply was found in; English words are understood everywhere, so they
                tell nothing.
        """
        if of_keyword is not None and of_keyword != "en" and of_keyword in self.texts:
            return of_keyword
        for language, letters in _SCRIPTS:
            if letters.search(last_text) and language in self.texts:
                return language
        return self.countries.get((country or "").upper(), "en")

    def is_one(self, text: str) -> bool:
        """Whether a received text is an automatic answer itself, of another farm like this."""
        plain = normalise(text)
        return any(known in plain for known in self.known)


def _filled(table: Mapping[str, str], name: str) -> str:
    return table[name].replace("{stop}", table["stop"]).replace("{start}", table["start"])
