"""Reads strace's record of one daemon: what was written where, and which writes a returned fsync covers."""

from __future__ import annotations

import codecs
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.needs import missing, require

CALLS = (
    "read",
    "write",
    "writev",
    "pwrite64",
    "fsync",
    "fdatasync",
    "sendto",
    "sendmsg",
    "recvfrom",
    "unlink",
    "renameat",
)
_CALL = re.compile(r'^(\d+) +(\w+)\((\d+)<([^>]*)>(?:, (?:\[\{iov_base=)?"((?:[^"\\]|\\.)*)")?')
_RESUMED = re.compile(r'^(\d+) +<\.\.\. (\w+) resumed>(?:"((?:[^"\\]|\\.)*)")?')
_FAILED = re.compile(r"= -1 ")


@dataclass(slots=True)
class Call:
    """One system call.

    Attributes:
        begin, end: line numbers of the record: when it was entered, when it returned; both count one clock.
    """

    name: str
    path: str
    data: bytes
    begin: int
    end: int

    @property
    def pty(self) -> bool:
        return self.path.startswith("/dev/pts/")

    @property
    def wal(self) -> bool:
        return self.name == "pwrite64" and self.path.endswith("-wal")

    @property
    def sync(self) -> bool:
        return self.name in {"fsync", "fdatasync"} and self.path.endswith("-wal")


def tracer(record: Path) -> list[str]:
    """The words before a command that record its calls; no test where tracing is not permitted."""
    strace = require("strace", "it shows that the fsync precedes Ctrl-Z, 202 and deletion (apt-get install strace)")
    if subprocess.run([strace, "-D", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
        missing("the right to trace (ptrace)", "it shows that the fsync precedes Ctrl-Z, 202 and deletion")
    # -D: the daemon stays our own child, so that it can be stopped; -s: a page of the log and its header in full.
    return [
        strace,
        "-D",
        "-f",
        "-y",
        "-s",
        "5000",
        "-e",
        "signal=none",
        "-e",
        "trace=" + ",".join(CALLS),
        "-o",
        str(record),
    ]


def read_calls(record: Path) -> list[Call]:
    """The calls of a record that did not fail, in the order in which they were entered."""
    calls: list[Call] = []
    open_calls: dict[str, Call] = {}
    for number, line in enumerate(record.read_text("latin-1").splitlines()):
        if match := _CALL.match(line):
            if _FAILED.search(line[match.end() :][-80:]):
                continue
            call = Call(match[2], match[4], _octets(match[5]), number, number)
            calls.append(call)
            if line.endswith("<unfinished ...>"):
                open_calls[match[1]] = call
        elif match := _RESUMED.match(line):
            call_or_none = open_calls.pop(match[1], None)
            if call_or_none is not None:
                call_or_none.end = number
                call_or_none.data = call_or_none.data or _octets(match[3])
    for call in open_calls.values():
        call.end = 1 << 60  # never returned
    return calls


def _octets(text: str | None) -> bytes:
    return b"" if not text else codecs.escape_decode(text.encode("latin-1"))[0]  # type: ignore[attr-defined] # undocumented


def is_durable(calls: Iterable[Call], what: bytes, after: int, before: int) -> bool:
    """Whether `what` was written to SQLite's log after one line of the record and synced before another."""
    written = [call for call in calls if call.wal and after < call.begin < before and what in call.data]
    return bool(written) and any(
        call.sync and call.begin > written[0].end and call.end < before for call in calls if call.begin < before
    )
