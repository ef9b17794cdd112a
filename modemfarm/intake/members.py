"""Reads JSON objects strictly: RFC 8259 §4 leaves open which of two members of one name counts, so none does."""

from __future__ import annotations

from typing import Any


class MemberTwiceError(ValueError):
    """An object has two members of one name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} stands twice")
        self.name = name


def single_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What `json.loads` calls for every object.

    Raises:
        MemberTwiceError: a name stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise MemberTwiceError(next(name for name in names if names.count(name) > 1))
    return found
