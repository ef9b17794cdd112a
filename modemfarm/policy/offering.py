"""Finds out which word a text of ours told people to answer with: 回T退订, reply N to stop."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemfarm.errors import ConfigError
from modemfarm.policy.folding import normalise

_LETTER = "a-z0-9\u0400-\u04ff"


@dataclass(frozen=True, slots=True)
class Offers:
    """Words that stand before or behind an offered one, as regular expressions of normalised text."""

    before: str
    behind: str

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], file: str = "optout.toml") -> Offers:
        """The table ``[offer]``.

        Raises:
            ConfigError: a list is missing or holds something else.
        """
        made = []
        for key in ("before", "behind"):
            words = data.get(key)
            if not isinstance(words, list) or not all(isinstance(word, str) and normalise(word) for word in words):
                raise ConfigError(file, f"offer.{key}", f"an array of words is expected, not {words!r}")
            made.append(
                "|".join(re.escape(normalise(word)) + (f"[{_LETTER}]*" if word.endswith("*") else "") for word in words)
            )
        return cls(*made)

    def told(self, plain: str, word: str) -> bool:
        """Whether a normalised text tells people to answer with this (normalised) word."""
        lone = f"(?<![{_LETTER}]){re.escape(word)}(?![{_LETTER}])"
        return bool(
            re.search(f"(?<![{_LETTER}])(?:{self.before}) ?{lone}", plain)
            or re.search(f"{lone} ?(?:{self.behind})(?![{_LETTER}])", plain)
        )
