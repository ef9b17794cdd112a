"""`python -m tests.e2e.spool_kill MOMENT python -m modemfarm …`: a daemon that kills itself at a moment of its spool."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from modemfarm.cli.main import main
from modemfarm.spool import taking, telling
from modemfarm.spool.folders import Folders
from modemfarm.store import spool

MOMENTS = (
    "read",  # nothing is committed
    "committed",  # it lies in outgoing/ still
    "aside",  # it left outgoing/ and is not in checked/
    "moved",  # the database does not know that it left
    "written",  # what is told lies beside its folder, and is not committed
    "told",  # it is committed and not in its folder
)
_DIE_AT = 2  # the second of its kind


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _counted(real: Callable[..., Any], *, when: Callable[..., bool] = lambda *_: True, after: bool = False) -> Any:
    seen = 0

    def instead(*args: Any) -> Any:
        nonlocal seen
        seen += bool(when(*args))
        if seen == _DIE_AT and not after:
            _die()
        value = real(*args)
        if seen == _DIE_AT and after:
            _die()
        return value

    return instead


def arm(moment: str) -> None:
    """Have this process die at that moment."""
    folders: Any = Folders
    match moment:
        case "read":
            taking._write = _counted(taking._write)
        case "committed":
            folders.take_aside = _counted(Folders.take_aside)
        case "aside":
            folders.take_aside = _counted(Folders.take_aside, after=True)
        case "moved":
            spool.left = _counted(spool.left, when=lambda _tx, ids: bool(ids))
        case "written":
            telling._move_all = _counted(telling._move_all)
            spool.file_inbound = _counted(spool.file_inbound)
        case "told":
            told = ("sent", "incoming")
            folders.place = _counted(Folders.place, when=lambda _self, _pending, folder, _name: folder in told)
        case _:
            raise ValueError(moment)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.argv = ["modemfarm", *sys.argv[5:]]
    sys.exit(main())
