"""Finds the configuration file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from modemfarm.errors import ConfigError

SYSTEM_FILE = Path("/etc/modemfarm/config.yaml")


class NoConfigError(ConfigError):
    """There is no configuration, or it may not be read: nothing in it is at fault. CLI exit 5."""


def find(named: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The configuration file: `-c`, MODEMFARM_CONFIG, ./farm/config.yaml, ./config.yaml, /etc/modemfarm/config.yaml.

    Raises:
        NoConfigError: there is none, or the one that was named is missing.
    """
    asked = named or (Path(environ["MODEMFARM_CONFIG"]) if environ.get("MODEMFARM_CONFIG") else None)
    if asked is not None:
        path = cwd / asked
        if _is_file(path):
            return path
        if path.is_dir():
            inside = asked / "config.yaml"
            hint = f"; is {inside} meant?" if _is_file(cwd / inside) else f"; `modemfarm init {asked}` makes one in it"
            raise NoConfigError(str(asked), "", f"is a directory, not a configuration file{hint}")
        raise NoConfigError(str(asked), "", f"there is no such file; `modemfarm init {asked.parent}` makes one")
    for path in _places(cwd):
        if _is_file(path):
            return path
    raise NoConfigError("", "", "no configuration found; `modemfarm init` makes one in farm/")


def _places(cwd: Path) -> Iterator[Path]:
    yield cwd / "farm" / "config.yaml"
    yield cwd / "config.yaml"
    yield SYSTEM_FILE


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise NoConfigError(str(path), "", error.strerror or "cannot be read") from error


def shown(path: Path, cwd: Path) -> str:
    """The path as messages name it: relative where it lies below the current folder."""
    try:
        return str(path.relative_to(cwd))
    except ValueError:
        return str(path)
