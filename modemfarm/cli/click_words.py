"""What click itself says, headings of help and complaints about usage, in the language of the locale."""

from __future__ import annotations

import functools
from typing import Any

from click import core, decorators, exceptions, formatting, parser, termui, types

from modemfarm import wording
from modemfarm.cli.output import words

_SECTION = "click"
_MODULES = (core, decorators, exceptions, formatting, parser, termui, types)


@functools.cache
def _slugs() -> dict[str, str]:
    """Slug by what click says in English, which is our English sentence too."""
    said = wording.section(_SECTION)
    return {form: slug for slug, text in said.items() for form in (text.values() if isinstance(text, dict) else [text])}


def say(english: str) -> str:
    """What click is about to say, its holes still open; what has no slug stays English."""
    slug = _slugs().get(english)
    lang = words().lang
    found = None if slug is None or lang == "en" else wording.section(_SECTION, lang).get(slug)
    return found if isinstance(found, str) else english


def say_many(one: str, many: str, count: int) -> str:
    """The same of what counts."""
    return say(one if count == 1 else many)


def teach() -> None:
    """Let click speak through us, where it would look into gettext's files, which it comes without."""
    taught: dict[str, Any] = {"_": say, "ngettext": say_many}
    for module in _MODULES:
        vars(module).update({name: work for name, work in taught.items() if name in vars(module)})
