"""`python -m bench.profiled …`: the modemfarm command under cProfile, its event loop and its store writer apart.

Time is each thread's own processor time, so that waiting for the interpreter's lock counts as nothing.
The environment variable MODEMFARM_BENCH_PROFILE names the files' beginning: `.loop` and `.writer` are cProfile's,
`.sql` has a line a statement: seconds in all, how often, its text.
"""

from __future__ import annotations

import atexit
import cProfile
import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.rig import PROFILE_TO
from modemfarm.cli.main import main
from modemfarm.store.engine import Tx
from modemfarm.store.offload import Offload

_writer = cProfile.Profile(time.thread_time)
_loop = cProfile.Profile(time.thread_time)
_work = Offload._work  # noqa: SLF001 # a profile belongs to one thread, and this is that thread's
_execute = Tx._execute  # noqa: SLF001 # the same
_statements: defaultdict[str, list[float]] = defaultdict(list)


def _timed_execute(self: Tx, sql: str, binds: Mapping[str, object]) -> None:
    begun = time.perf_counter()
    _execute(self, sql, binds)
    _statements[sql].append(time.perf_counter() - begun)


def _profiled_work(self: Offload, *given: Any) -> None:
    _writer.enable()
    try:
        _work(self, *given)
    finally:
        _writer.disable()


def _leave() -> None:
    _loop.disable()
    to = os.environ[PROFILE_TO]
    _loop.dump_stats(f"{to}.loop")
    _writer.dump_stats(f"{to}.writer")
    rows = sorted(((sum(taken), len(taken), sql) for sql, taken in list(_statements.items())), reverse=True)
    Path(f"{to}.sql").write_text("".join(f"{total:.4f}\t{count}\t{sql}\n" for total, count, sql in rows))


if __name__ == "__main__":
    Tx._execute = _timed_execute  # type: ignore[method-assign]  # noqa: SLF001 # bench only
    Offload._work = _profiled_work  # type: ignore[method-assign]  # noqa: SLF001 # bench only
    atexit.register(_leave)
    _loop.enable()
    main(sys.argv[1:])
