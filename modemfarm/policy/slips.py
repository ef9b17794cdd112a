"""Keywords as fingers miss them: letters swapped, repeated, lost, digits for letters, the wrong keyboard layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modemfarm.policy.folding import other_layout

_LONG = 8  # letters of a keyword that is still known with one of them wrong
_SHORTEST_LAYOUT = 4  # letters; less than that is a word of something else too often
_AS_LETTERS = str.maketrans("0135", "oles")
_NUMBERED = re.compile(r"(\D{2,}?)\d{1,4}")
_AGAIN = re.compile(r"(.)\1+")


def once(word: str) -> str:
    """A word with its repeated letters written once."""
    return _AGAIN.sub(r"\1", word)


@dataclass(frozen=True, slots=True)
class Slips:
    """Forms of keywords, each with the keyword's spelling in the data.

    Attributes:
        swapped: with two neighbouring letters in the other order, or as they are.
        repeated: by the word with every letter once.
        long: keywords that are known with one letter wrong.
        whole: forms that count only as the whole message.
        whole_repeated: keywords by the word with every letter once, only as the whole message.
    """

    swapped: Mapping[str, str]
    repeated: Mapping[str, str]
    long: Mapping[str, str]
    whole: Mapping[str, str]
    whole_repeated: Mapping[str, str]
    keywords: Mapping[str, str]

    @classmethod
    def of(cls, typos: Mapping[str, str], mistyped: Mapping[str, str], keywords: Mapping[str, str]) -> Slips:
        """The forms of the words that a list names (`typos`), and the whole messages that others name."""
        return cls(
            swapped={form: spelling for word, spelling in typos.items() for form in (*_swapped(word), word)},
            repeated={once(word): spelling for word, spelling in typos.items()},
            long={word: spelling for word, spelling in typos.items() if len(word) >= _LONG},
            whole=mistyped,
            whole_repeated={once(word): spelling for word, spelling in keywords.items()},
            keywords=keywords,
        )

    def of_token(self, token: str) -> tuple[str, str] | None:
        """The keyword that one word of a text was meant to be, and the rule that says so."""
        typed = other_layout(token) if len(token) >= _SHORTEST_LAYOUT else None
        if typed is not None and typed in self.keywords:
            return self.keywords[typed], "layout"
        if not token.isalpha():
            token = token.translate(_AS_LETTERS)
        found = self.swapped.get(token) or self.repeated.get(once(token))
        if found is None and len(token) >= _LONG - 1:
            found = next((spelling for word, spelling in self.long.items() if _one_letter_apart(token, word)), None)
        return None if found is None else (found, "typo")

    def of_whole(self, joined: str) -> str | None:
        """The keyword that a whole message was meant to be: a known slip, letters repeated, digits behind it."""
        if joined in self.whole:
            return self.whole[joined]
        numbered = _NUMBERED.fullmatch(joined)
        if numbered and numbered.group(1) in self.keywords:
            return self.keywords[numbered.group(1)]
        single = once(joined)
        return None if single == joined else self.whole_repeated.get(single)


def _swapped(word: str) -> Iterable[str]:
    return (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))


def _one_letter_apart(token: str, word: str) -> bool:
    """Whether one letter is missing, added or another one."""
    if abs(len(token) - len(word)) > 1:
        return False
    same = 0
    while same < min(len(token), len(word)) and token[same] == word[same]:
        same += 1
    left, right = token[same:], word[same:]
    return left[1:] == right or left == right[1:] or left[1:] == right[1:]
