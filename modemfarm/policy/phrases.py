"""Finds refusals in people's own words: patterns of words, per language, as the data give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemfarm.errors import ConfigError
from modemfarm.policy.folding import normalise

_GAP = ".."
_GAP_WORDS = r"(?: [^ ]+){0,4}?"
_GAP_CHARACTERS = r".{0,6}?"
_GROUP = re.compile(r"<([a-z_]+)>")


@dataclass(frozen=True, slots=True)
class Phrases:
    """The patterns of one language.

    Attributes:
        joined: the language writes no blanks; patterns are looked for anywhere in the text.
        letters: a text without any of these letters is of another language.
    """

    language: str
    joined: bool
    letters: re.Pattern[str]
    patterns: tuple[re.Pattern[str], ...]

    def find(self, words: str) -> str | None:
        """The first refusal in a normalised text, as it stands there."""
        if not self.letters.search(words):
            return None
        text = words.replace(" ", "") if self.joined else f" {words} "
        for pattern in self.patterns:
            if found := pattern.search(text):
                return found.group().strip()
        return None


def of_language(file: str, language: str, data: object) -> Phrases:
    """The compiled patterns of one table ``[refusal.<language>]``.

    A pattern is words between blanks. ``a|b`` is one word or the other, ``a*`` a beginning, ``<name>`` an entry of
    the group with that name (entries may be several words), ``a?`` may be missing, ``a|$`` a word or the text's end,
    ``..`` stands for up to four other words (six characters where the language writes no blanks), ``^`` and ``$`` are
    the text's ends.

    Raises:
        ConfigError: a key is missing or unknown, or a pattern cannot be read.
    """
    key = f"refusal.{language}"
    if not isinstance(data, Mapping):
        raise ConfigError(file, key, f"a table is expected, not {data!r}")
    for name in data:
        if name not in {"joined", "letters", "groups", "patterns"}:
            raise ConfigError(file, f"{key}.{name}", "unknown key; known are joined, letters, groups, patterns")
    joined = bool(data.get("joined", False))
    groups = data.get("groups", {})
    patterns = data.get("patterns")
    if not isinstance(groups, Mapping) or not isinstance(patterns, list):
        raise ConfigError(file, key, "groups are a table, patterns an array")
    compiled = []
    for at, pattern in enumerate(patterns):
        where = f"{key}.patterns[{at}]"
        if not isinstance(pattern, str) or not pattern.strip():
            raise ConfigError(file, where, f"a pattern is expected, not {pattern!r}")
        compiled.append(_compile(file, where, pattern, groups, joined=joined))
    letters = str(data.get("letters", "a-z"))
    return Phrases(language, joined, re.compile(f"[{letters}]"), tuple(compiled))


def _compile(file: str, where: str, pattern: str, groups: Mapping[str, Any], *, joined: bool) -> re.Pattern[str]:
    blank = "" if joined else " "
    made = []
    for item in pattern.split():
        if item == "^":
            made.append("^")
        elif item == "$":
            made.append("$" if joined else r"(?= $)")
        elif item == _GAP:
            made.append(_GAP_CHARACTERS if joined else _GAP_WORDS)
        else:
            optional = item.endswith("?")
            words = item.removesuffix("?").removesuffix("|$")
            either = "|".join(_alternatives(file, where, words, groups))
            ends = ("|$" if joined else "|(?= $)") if "|$" in item else ""
            made.append(f"(?:{blank}(?:{either}){ends})" + ("?" if optional else ""))
    return re.compile("".join(made) + ("" if joined else r"(?= )"))


def _alternatives(file: str, where: str, item: str, groups: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for part in item.split("|"):
        group = _GROUP.fullmatch(part)
        if group is None:
            found.append(_word(file, where, part))
            continue
        entries = groups.get(group.group(1))
        if not isinstance(entries, list):
            raise ConfigError(file, where, f"there is no group {part}")
        found.extend(_word(file, where, str(entry)) for entry in entries)
    return found


def _word(file: str, where: str, written: str) -> str:
    words = []
    for piece in written.split():
        plain = normalise(piece.removesuffix("*"))
        if not plain:
            raise ConfigError(file, where, f"{written!r} holds no letters")
        words.append(re.escape(plain) + ("[^ ]*" if piece.endswith("*") else ""))
    return " ".join(words)
