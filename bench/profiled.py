"""`python -m bench.profiled …`: the modemfarm command under cProfile, its event loop and its store writer apart.

The environment variable MODEMFARM_BENCH_PROFILE names the file's beginning: `.loop` and `.writer` are added.
"""

from __future__ import annotations

import atexit
import cProfile
import os
import sys

from bench.rig import PROFILE_TO
from modemfarm.cli.main import main
from modemfarm.store.offload import Offload

_writer = cProfile.Profile()
_loop = cProfile.Profile()
_work = Offload._work  # noqa: SLF001 # a profile belongs to one thread, and this is that thread's


def _profiled_work(self: Offload) -> None:
    _writer.enable()
    try:
        _work(self)
    finally:
        _writer.disable()


def _leave() -> None:
    _loop.disable()
    to = os.environ[PROFILE_TO]
    _loop.dump_stats(f"{to}.loop")
    _writer.dump_stats(f"{to}.writer")


if __name__ == "__main__":
    Offload._work = _profiled_work  # type: ignore[method-assign]  # noqa: SLF001 # bench only
    atexit.register(_leave)
    _loop.enable()
    main(sys.argv[1:])
