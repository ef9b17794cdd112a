"""Finds the data that ships beside the code: drivers/, web/, udev/ and config.yaml."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """The path of one shipped file or folder, in a checkout and in an installed copy alike.

    Args:
        name: ``drivers``, ``web``, ``udev`` or ``config.yaml``, or a path below one of them.

    Raises:
        FileNotFoundError: the installation is not complete.
    """
    for root in (_PACKAGE / "shipped", _PACKAGE.parent):
        path = root / name
        if path.exists():
            return path
    msg = f"{name} is missing from this installation of modemfarm"
    raise FileNotFoundError(msg)
