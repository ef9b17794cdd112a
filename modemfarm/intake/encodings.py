"""Tells in which encoding a file of rows was saved: UTF-8, UTF-16, GB18030 or Windows-1251."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from modemfarm.errors import BadFieldError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's: it begins with the same two octets
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_OCTETS = 65536
_NAMES = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "windows-1251": "cp1251", "utf-16": "utf-16"}
_RARE = re.compile(rb"[\xd8-\xf7][\xa1-\xfe]")  # GB 2312 level 2: a tenth of Chinese text at most
_COMMON = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")  # level 1
_CYRILLIC_ONLY = re.compile(rb"(?:[\x00-\x7f\xa8\xb8\xab\xbb\xb9\x93\x94\x96\x97\xc0-\xff])*")


def decode_rows(octets: bytes, encoding: str | None, known_words: Iterable[str]) -> str:
    """The text of a file of rows.

    Args:
        encoding: what the sender named; None: found by byte order mark, validity and the words of the first line.
        known_words: column names that may stand in the first line, lower case.

    Raises:
        BadFieldError: an encoding that is not known, or octets that are not of it.
    """
    name = encoding or guess(octets, known_words)
    name = _NAMES.get(name.lower(), name)
    try:
        # a named UTF-8 may still begin with its mark
        text = octets.decode("utf-8-sig" if name.lower().replace("_", "-") in {"utf-8", "utf8"} else name)
    except LookupError as error:
        raise BadFieldError("encoding", "unknown_encoding", f"{name} is not an encoding", name=name) from error
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        what = f"line {line} is not {name}; name the right one"
        raise BadFieldError("encoding", "bad_encoding", what, name=name, line=str(line)) from error
    return text.removeprefix("\ufeff")


def guess(octets: bytes, known_words: Iterable[str]) -> str:
    """The most likely encoding of a file of rows."""
    for mark, name in _MARKS:
        if octets.startswith(mark):
            return name
    sample = octets[:_SAMPLE_OCTETS]
    if sample.count(0) > len(sample) // 10:  # ASCII in UTF-16 has a NUL in every pair
        return "utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"
    if _decodes(octets, "utf-8"):
        return "utf-8"
    if not _decodes(octets, "gb18030"):
        return "cp1251"
    first = octets.partition(b"\n")[0]
    words = tuple(word for word in known_words if not word.isascii())
    for name in ("gb18030", "cp1251"):
        line = first.decode(name, "replace").lower()
        if any(word in line for word in words):
            return name
    if not _CYRILLIC_ONLY.fullmatch(sample):
        return "gb18030"
    return "gb18030" if len(_COMMON.findall(sample)) > len(_RARE.findall(sample)) else "cp1251"


def _decodes(octets: bytes, name: str) -> bool:
    try:
        octets.decode(name)
    except UnicodeDecodeError:
        return False
    return True
