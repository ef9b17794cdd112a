"""The settings as they may be shown: merged, each with where it came from, and without what is secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modemfarm.config.check import dotted
from modemfarm.config.document import Path_
from modemfarm.config.load import Config, flat

_HIDDEN = "••••"


def settings(config: Config) -> dict[str, Mapping[str, Any]]:
    """Key -> ``value`` and ``from``; PINs, secrets and passwords are hidden."""
    values = dict(flat(config.file.model_dump(mode="json")))
    return {
        dotted(path): {"value": _shown(path, value), "from": config.provenance[dotted(path)]}
        for path, value in values.items()
    }


def _shown(path: Path_, value: Any) -> Any:
    if value is None or value == {}:
        return value
    if path[-1] in {"pin", "secret"} or "pins" in path:
        return _HIDDEN
    if path == ("database",) and "@" in value:
        scheme, _, rest = value.partition("://")
        person, _, place = rest.rpartition("@")
        name, colon, _ = person.partition(":")
        return f"{scheme}://{name}{colon and ':' + _HIDDEN}@{place}"
    return value
