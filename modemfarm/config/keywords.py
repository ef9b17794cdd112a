"""Reads the words by which people refuse: the shipped ones, and an owner's own file laid over them."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from modemfarm.errors import ConfigError
from modemfarm.policy.optout import Keywords
from modemfarm.policy.words import laid_over

OWN = "optout.toml"


def keywords(state_dir: Path | None) -> Keywords:
    """The words in force; without a state directory, the shipped ones.

    Raises:
        ConfigError: the owner's file cannot be read, or does not fit.
    """
    shipped = tomllib.loads(files("modemfarm.policy").joinpath("optout.toml").read_text(encoding="utf-8"))
    path = None if state_dir is None else state_dir / OWN
    if path is None or not path.is_file():
        return Keywords.from_mapping(shipped)
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), "", str(error)) from error
    return Keywords.from_mapping(laid_over(shipped, own, str(path)), str(path))
