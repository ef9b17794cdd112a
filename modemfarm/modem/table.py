"""One TOML table being read: every key is asked for once, and whatever is wrong names file, key and reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from modemfarm.errors import ConfigError


class Table:
    """A table whose keys are taken one by one; `done` refuses what nobody asked for."""

    def __init__(self, file: str, values: object, at: str = "") -> None:
        self.file, self.at = file, at
        if not isinstance(values, dict):
            raise ConfigError(file, at, f"expected a table, found {values!r}")
        self._left = dict(values)

    def fail(self, key: str, what: str) -> ConfigError:
        """The error that names this key."""
        return ConfigError(self.file, self.name(key), what)

    def name(self, key: str) -> str:
        return f"{self.at}.{key}" if self.at else key

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, check: Callable[[Any], bool], wanted: str, default: object = ...) -> Any:
        if key not in self._left:
            if default is ...:
                raise self.fail(key, f"is missing: expected {wanted}")
            return default
        value = self._left.pop(key)
        if not check(value):
            raise self.fail(key, f"expected {wanted}, found {value!r}")
        return value

    def text(self, key: str, default: object = ...) -> Any:
        return self.take(key, lambda value: isinstance(value, str), "text", default)

    def texts(
        self,
        key: str,
        default: object = ...,
        *,
        pattern: str = "",
        wanted: str = "a list of texts",
        some: bool = False,
    ) -> Any:
        """A list of texts, each of them matching `pattern` as a whole; with `some` at least one, and none twice."""

        def check(value: object) -> bool:
            return isinstance(value, list) and all(
                isinstance(item, str) and (not pattern or re.fullmatch(pattern, item)) for item in value
            )

        found = tuple(self.take(key, check, wanted, default))
        if some:
            self._some(key, found)
        return found

    def _some(self, key: str, found: tuple[str, ...]) -> None:
        if not found:
            raise self.fail(key, "expected one at least")
        for item in found:
            if found.count(item) > 1:
                raise self.fail(key, f"{item!r} stands there twice")

    def flag(self, key: str, default: object = ...) -> bool:
        return bool(self.take(key, lambda value: isinstance(value, bool), "true or false", default))

    def one_of(self, key: str, *allowed: object, default: object = ...) -> Any:
        return self.take(
            key,
            lambda value: any(value == item and type(value) is type(item) for item in allowed),
            " or ".join(map(repr, allowed)),
            default,
        )

    def some_of(self, key: str, *allowed: str) -> tuple[str, ...]:
        wanted = "a list of " + ", ".join(map(repr, allowed))
        found = tuple(
            self.take(key, lambda value: isinstance(value, list) and all(item in allowed for item in value), wanted)
        )
        self._some(key, found)
        return found

    def number(self, key: str, low: int, high: int, default: object = ...) -> int:
        def check(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

        return int(self.take(key, check, f"{low} to {high}", default))

    def seconds(self, key: str) -> float:
        def check(value: object) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 600

        return float(self.take(key, check, "seconds, more than 0 and at most 600"))

    def pattern(self, key: str) -> str | None:
        """A regular expression, or None."""
        value: str | None = self.text(key, None)
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise self.fail(key, f"not a regular expression: {error}") from error
        return value

    def inner(self, key: str, default: object = ...) -> Table:
        return Table(self.file, self.take(key, lambda value: isinstance(value, dict), "a table", default), key)

    def each(self, key: str, default: object = ...) -> Iterator[Table]:
        """One table, or a list of them; whoever takes one also says `done`."""
        value = self.take(key, lambda value: isinstance(value, dict | list), "a table or a list of tables", default)
        if isinstance(value, dict):
            yield Table(self.file, value, self.name(key))
            return
        for index, item in enumerate(value):
            yield Table(self.file, item, f"{self.name(key)}[{index}]")

    def pairs(self, key: str, pattern: str, wanted: str, allowed: frozenset[str]) -> dict[str, str]:
        """A table of names that match `pattern`, each with one of the `allowed` words."""
        found: dict[str, str] = {}
        inner = self.inner(key, {})
        for name, value in inner._left.items():  # noqa: SLF001  # the same class
            if not re.fullmatch(pattern, name):
                raise ConfigError(self.file, f"{self.name(key)}.{name}", f"expected {wanted}, found {name!r}")
            if not isinstance(value, str) or value not in allowed:
                what = f"expected {' or '.join(sorted(allowed))}, found {value!r}"
                raise ConfigError(self.file, f"{self.name(key)}.{name}", what)
            found[name] = value
        return found

    def done(self) -> None:
        for key in self._left:
            raise self.fail(key, "unknown key")
