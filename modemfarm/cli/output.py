"""Prints: JSON for programs, tables that fit the terminal for people."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import click

from modemfarm.webapp.words import Words
from modemfarm.wording import choose_locale, known

NARROWEST = 6
_TELLING_ENDS = frozenset({"iccid", "id", "modem", "path", "number", "to", "from"})  # what differs stands at their end
_MOMENTS = frozenset({"since", "valid_until"})

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")


def emit(document: Any) -> None:
    """One JSON document on one line."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(json.dumps(document, ensure_ascii=ascii_only, separators=(", ", ": ")), flush=True)


def say(text: str) -> None:
    """A line for a person; what the terminal cannot show becomes "?"."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def note(text: str) -> None:
    """A sentence for the person, beside the output."""
    print(text, file=sys.stderr)


def words(environ: Mapping[str, str] = os.environ) -> Words:
    """What is said to people, in the language of the locale (en, zh or ru) and the farm's own time."""
    here = zone()
    return Words(choose_locale(environ), here, datetime.now(here))


def zone() -> tzinfo:
    """That of the command's farm, in which times are typed too; the machine's where the farm is not at hand."""
    context = click.get_current_context(silent=True)
    found: tzinfo | None = getattr(context.find_root().obj, "zone", None) if context is not None else None
    return found or _machines()


def _machines() -> tzinfo:
    found = datetime.now().astimezone().tzinfo
    assert found is not None
    return found


def elsewhere() -> str | None:
    """The farm's zone, where its clocks do not show what the machine's do."""
    here, now = zone(), datetime.now(UTC)
    return None if now.astimezone(here).utcoffset() == now.astimezone().utcoffset() else str(here)


def sentence(slug: str, /, **params: Any) -> str:
    """The sentence for ``section.slug`` (web/sentences) in the language of the locale."""
    return words().say(slug, params)


def tell(slug: str, /, **params: Any) -> None:
    """Print a sentence."""
    say(sentence(slug, **params))


def state_of(what: str, slug: str) -> str:
    """The state of a `message`, `part`, `modem` or `sim` in words; in English its slug, which commands take."""
    said = words()
    section = {"modem": "modem_state", "sim": "sim_state"}.get(what, what)
    if what == "part" and not known(f"part.{slug}"):
        section = "message"
    return slug if said.lang == "en" else said.say(f"{section}.{slug}")


def reason_of(slug: str | None, params: Mapping[str, Any] | None = None) -> str | None:
    """A reason in words; in English its slug, as the docs name it."""
    said = words()
    return slug if said.lang == "en" or not slug else said.reason(slug, params)


def stands(message: Mapping[str, Any], state: str) -> str:
    """The state of a message or the verdict on it, and why it is so."""
    why = reason_of(message["reason"], message.get("reason_params"))
    return state_of("message", state) + (f" ({why})" if why else "")


def fault_of(code: str, detail: str, params: Mapping[str, str] | None = None) -> str:
    """What is wrong with something typed; in English the fuller detail, as the API gives it."""
    said = words()
    return detail if said.lang == "en" else said.row_fault(code, detail, params)


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]], *, wide: str = "") -> None:
    """Rows under their headings, cut to the terminal's width; nothing is cut when piped.

    Args:
        columns: key of the row, and slug of its heading.
        wide: the key of the column that gives way first.
    """
    cells = [[_cell(row.get(key)) for key, _ in columns] for row in rows]
    heads = [sentence(f"heading.{head}") for _, head in columns]
    widths = [max([width(head), *(width(line[index]) for line in cells)]) for index, head in enumerate(heads)]
    if sys.stdout.isatty():
        spare = shutil.get_terminal_size().columns - sum(widths) - 2 * (len(widths) - 1)
        order = sorted(range(len(columns)), key=lambda index: (columns[index][0] != wide, -widths[index]))
        for index in order:
            if spare >= 0:
                break
            cut = min(-spare, max(0, widths[index] - max(NARROWEST, width(heads[index]))))
            widths[index] -= cut
            spare += cut
    ends = [key in _TELLING_ENDS for key, _ in columns]
    for line in (heads, *cells):
        say("  ".join(_fit(cell, room, end=end) for cell, room, end in zip(line, widths, ends, strict=True)).rstrip())


def record(row: Mapping[str, Any]) -> None:
    """One thing, a line per fact; moments in the farm's own time."""
    labels = {key: sentence(f"label.{key}") for key in row}
    room = max(map(width, labels.values()), default=0)
    for key, value in row.items():
        if not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
            say(f"{_fit(labels[key], room)}  {_cell(_moment(key, value))}")


def _moment(key: str, value: Any) -> Any:
    """What is a moment by its name, as `local` tells it; all else as it is, and a day that somebody wrote, too."""
    if not isinstance(value, str) or not (key.endswith("_at") or key in _MOMENTS):
        return value
    try:
        zoned = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return value
    return local(value) if zoned else value


def _cell(value: Any) -> str:
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return sentence("cell.yes" if value else "cell.no")
        case list():
            return ", ".join(str(item) for item in value)
        case dict():
            return " ".join(f"{key}={item}" for key, item in value.items() if item is not None) or "-"
    return "".join(char if char.isprintable() else " " for char in str(value))


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Cf", "Me", "Mn"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _fit(text: str, room: int, *, end: bool = False) -> str:
    """A text in so many columns; of one that is too long its beginning, or its end, is kept."""
    if width(text) <= room:
        return text + " " * (room - width(text))
    kept, used = "", 1
    for char in reversed(text) if end else text:
        used += _columns(char)
        if used > room:
            break
        kept += char
    return ("…" + kept[::-1] if end else kept + "…") + " " * (room - width(kept) - 1)


def local(moment: str | None) -> str | None:
    """An RFC 3339 moment in the farm's own time, to the second; with its offset where the machine's is another."""
    if not moment:
        return None
    at = datetime.fromisoformat(moment).astimezone(zone())
    told = at.strftime("%Y-%m-%d %H:%M:%S")
    return told if at.utcoffset() == at.astimezone().utcoffset() else told + at.isoformat()[-6:]
