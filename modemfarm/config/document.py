"""Reads a YAML file into plain values and remembers on which line each key stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString, SingleQuotedScalarString

from modemfarm.errors import ConfigError

Path_ = tuple[str | int, ...]
_KEY = re.compile(r'duplicate key "(.*?)" with value')
MOST_OCTETS = 1_000_000


class Unquoted(str):
    """A text that stands in the file without quotes; what must be quoted asks for it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One file's values.

    Attributes:
        name: the path as the user named it.
        values: plain dicts, lists, numbers, texts, dates.
        lines: 1-based line of every key and list item, by its path.
    """

    name: str
    values: dict[str, Any]
    lines: dict[Path_, int]

    def line(self, path: Path_) -> int | None:
        """The line of a key, else of the nearest key above it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def read_document(path: Path, name: str) -> Document:
    """Read one YAML 1.2 file.

    Raises:
        ConfigError: not UTF-8, not YAML, a key twice, or not a mapping at the top.
        OSError: it cannot be read.
    """
    octets = path.read_bytes()
    if len(octets) > MOST_OCTETS:
        raise ConfigError(name, "", f"expected a configuration, not a file of {len(octets)} octets")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ConfigError(name, "", "expected UTF-8 text", line) from error
    return parse_document(text, name)


def parse_document(text: str, name: str) -> Document:
    """The same for a text in hand."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    try:
        root = yaml.load(text)
    except DuplicateKeyError as error:
        found = _KEY.search(str(error.problem))  # what follows the key are its values: one may be a PIN
        raise ConfigError(name, "", f"the key {found[1] if found else '?'} stands twice", _line_of(error)) from error
    except MarkedYAMLError as error:
        raise ConfigError(name, "", f"not YAML: {error.problem or 'unreadable'}", _line_of(error)) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(name, "", f"not YAML: {error}") from error
    if root is None:
        return Document(name, {}, {})
    if not isinstance(root, CommentedMap):
        raise ConfigError(name, "", "expected keys with values at the top, like `host: null`", 1)
    lines: dict[Path_, int] = {}
    values = _plain(root, (), lines, name)
    assert isinstance(values, dict)
    return Document(name, values, lines)


def _line_of(error: MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return None if mark is None else int(mark.line) + 1


def _plain(node: Any, path: Path_, lines: dict[Path_, int], name: str) -> Any:
    if isinstance(node, CommentedMap):
        found: dict[str, Any] = {}
        for key, value in node.items():
            line = int(node.lc.key(key)[0]) + 1 if key in (node.lc.data or {}) else None
            if not isinstance(key, str):
                dotted = ".".join(str(step) for step in (*path, key))
                raise ConfigError(name, dotted, f'a key of digits must be quoted: "{key}"', line)
            below = (*path, str(key))
            if line is not None:
                lines[below] = line
            found[str(key)] = _plain(value, below, lines, name)
        return found
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            below = (*path, index)
            lines[below] = int(node.lc.item(index)[0]) + 1
            items.append(_plain(value, below, lines, name))
        return items
    return _scalar(node)


def _scalar(node: Any) -> Any:
    match node:
        case ScalarBoolean():
            return bool(node)
        case DoubleQuotedScalarString() | SingleQuotedScalarString() | ScalarString():
            return str(node)
        case str():
            return Unquoted(node)
        case bool() | None:
            return node
        case int():
            return int(node)
        case float():
            return float(node)
        case _:
            return node
