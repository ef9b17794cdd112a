"""Whether a text reads like an advert: adverts.toml has what adverts say, a table a language."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files


@functools.cache
def _patterns(key: str) -> re.Pattern[str]:
    data = tomllib.loads(files("modemfarm.policy").joinpath("adverts.toml").read_text(encoding="utf-8"))
    tables = [table for table in data.values() if isinstance(table, dict)]
    return re.compile("|".join(f"(?:{one})" for table in tables for one in table.get(key, ())), re.IGNORECASE)


def reads_like_one(text: str) -> bool:
    """Whether somebody would take this for an offer; a hint for its sender, it stops nothing."""
    return bool(_patterns("any").search(_patterns("not").sub(" ", text)))
