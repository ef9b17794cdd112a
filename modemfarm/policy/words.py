"""Lays an owner's own words over the shipped ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modemfarm.errors import ConfigError
from modemfarm.policy.folding import squeeze

_DROPPED_FROM = ("opt_out", "opt_in", "help", "mistyped", "typos", "polite", "opt_in_offered")


def laid_over(shipped: Mapping[str, Any], own: Mapping[str, Any], file: str) -> dict[str, Any]:
    """The shipped data with an owner's: lists grow, single values are replaced, words of ``[drop]`` go.

    Raises:
        ConfigError: a key is of another kind than the shipped one, or drop names no words.
    """
    drop = own.get("drop", {})
    words = drop.get("words", []) if isinstance(drop, Mapping) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ConfigError(file, "drop.words", f"an array of words is expected, not {words!r}")
    merged = _merged(shipped, {key: value for key, value in own.items() if key != "drop"}, file, "")
    gone = {squeeze(word) for word in words}
    for table in _DROPPED_FROM:
        merged[table] = {
            key: [word for word in value if not (isinstance(word, str) and squeeze(word) in gone)]
            if isinstance(value, list)
            else value
            for key, value in merged[table].items()
        }
    return merged


def _merged(shipped: Mapping[str, Any], own: Mapping[str, Any], file: str, where: str) -> dict[str, Any]:
    merged = dict(shipped)
    for key, value in own.items():
        there = merged.get(key)
        name = f"{where}{key}"
        if there is None:
            merged[key] = value
        elif isinstance(there, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(there, value, file, f"{name}.")
        elif isinstance(there, list) and isinstance(value, list):
            merged[key] = [*there, *(word for word in value if word not in there)]
        elif isinstance(there, (Mapping, list)) or isinstance(value, (Mapping, list)):
            raise ConfigError(file, name, f"{value!r} is of another kind than what is shipped")
        else:
            merged[key] = value
    return merged
