"""Turns published slugs into sentences: web/sentences/{en,zh,ru}.toml, looked up by section and slug."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modemfarm.resources import shipped

LANGUAGES = ("en", "zh", "ru")
Params = Mapping[str, Any]

# parameters whose values are slugs themselves, and the sections that say them
_SLUGS: Mapping[str, tuple[str, ...]] = {
    "cause": ("cause",),
    "reason": ("reason", "why"),
    "word": ("message",),
    "class": ("class",),
    "detail": ("detail",),
    "choice": ("choice",),
    "over": ("over", "reason"),
    "how": ("opt_out",),
    "place": ("place",),
    "plan_from": ("place",),
}
_HOLE = re.compile(r"\{(\w+)\}")


@functools.cache
def _book(lang: str) -> dict[str, str | dict[str, str]]:
    return load(shipped("web/sentences"), lang)


def load(folder: Path, lang: str) -> dict[str, str | dict[str, str]]:
    """One language's sentences by ``section.slug``; a sentence that counts is a table of its plural forms."""
    with (folder / f"{lang}.toml").open("rb") as file:
        sections = tomllib.load(file)
    return {f"{section}.{slug}": value for section, items in sections.items() for slug, value in items.items()}


def plural(lang: str, n: int) -> str:
    """Which form a count takes: ``one``, ``few`` or ``many`` (CLDR cardinal rules for whole numbers)."""
    if lang == "zh":
        return "many"
    if lang == "ru":
        if n % 10 == 1 and n % 100 != 11:
            return "one"
        return "few" if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else "many"
    return "one" if n == 1 else "many"


def known(slug: str, lang: str = "en") -> bool:
    """Whether a language has a sentence for ``section.slug``."""
    return slug in _book(lang)


def section(name: str, lang: str = "en") -> dict[str, str | dict[str, str]]:
    """All sentences of one section, by slug."""
    return {key.split(".", 1)[1]: value for key, value in _book(lang).items() if key.startswith(f"{name}.")}


def say(slug: str, params: Params | None = None, lang: str = "en") -> str:
    """The sentence for a slug.

    Args:
        slug: ``section.slug``, for example ``modem.pin_wanted`` or ``reason.quiet_hours``.
        params: fill the holes; ``n`` chooses the plural form. A hole without a value shows as "…".

    Returns:
        The sentence in `lang`, else in English, else the slug's last word with spaces: never nothing.
    """
    form = _book(lang if lang in LANGUAGES else "en").get(slug) or _book("en").get(slug)
    if form is None:
        return slug.rsplit(".", 1)[-1].replace("_", " ")
    values = params or {}
    if isinstance(form, dict):
        form = form.get(plural(lang, _whole(values.get("n"))), form["many"])
    return _HOLE.sub(lambda hole: "…" if (value := values.get(hole[1])) is None else str(value), form)


def spoken(params: Params, lang: str) -> dict[str, Any]:
    """The same parameters, with those that are slugs said in a language."""
    said = dict(params)
    for name, value in params.items():
        for part in _SLUGS.get(name, ()):
            if isinstance(value, str) and known(f"{part}.{value}"):
                said[name] = say(f"{part}.{value}", params, lang)
                break
        if name == "fields":
            said[name] = ", ".join(say(f"field.{one}", lang=lang) for one in value)
    return said


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def choose_language(asked: str | None, accept: str | None) -> str:
    """The language to speak.

    Args:
        asked: what the person chose, if anything.
        accept: an Accept-Language header (RFC 9110 §12.5.4) or a locale such as ``zh_CN.UTF-8``.
    """
    if asked in LANGUAGES:
        return asked
    wishes: list[tuple[float, int, str]] = []
    for place, item in enumerate((accept or "").split(",")):
        tag, _, rest = item.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest)
        lang = re.split(r"[-_.]", tag.strip().lower())[0]
        if lang in LANGUAGES:
            wishes.append((-(float(weight[1]) if weight else 1.0), place, lang))
    return min(wishes)[2] if wishes else "en"


def choose_locale(environ: Mapping[str, str]) -> str:
    """The language of a process's locale (POSIX: LC_ALL wins over LC_MESSAGES, that over LANG)."""
    return choose_language(None, environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG"))
