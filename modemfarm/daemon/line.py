"""The line to a running daemon: one JSON object a line over `state_dir/control.sock`, for commands of its host."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modemfarm.errors import ModemfarmError
from modemfarm.store.wake import reachable

NAME = "control.sock"
LONGEST_QUESTION = 64 * 1024
MARGIN_S = 45.0  # a modem may have no hand free for 30 s, and two commits are waited for


class LineError(ModemfarmError):
    """The daemon cannot be reached, or said no.

    Attributes:
        code: ``unreachable``, or the daemon's: ``not_found refused syntax busy stopping no_answer lost store bad``.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class Line:
    """One connection; questions are answered one after the other."""

    def __init__(self, state_dir: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with reachable(state_dir, NAME) as path:
                self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            why = "you may not use its control.sock" if isinstance(error, PermissionError) else "no daemon is alive"
            raise LineError("unreachable", f"{why} ({state_dir / NAME})") from error
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._answers.close()
        self._socket.close()

    def ask(self, do: str, *, patience_s: float = 0.0, **members: Any) -> Any:
        """The daemon's result.

        Args:
            patience_s: what the daemon may take; the line itself gets a margin on top.

        Raises:
            LineError: it said no, or it is gone.
        """
        self._socket.settimeout(patience_s + MARGIN_S)
        try:
            self._socket.sendall(json.dumps({"do": do, **members}).encode() + b"\n")
            line = self._answers.readline()
        except OSError as error:
            raise LineError("unreachable", "the daemon does not answer") from error
        if not line:
            raise LineError("unreachable", "the daemon ended")
        answer = json.loads(line)
        if not answer["ok"]:
            raise LineError(answer["code"], answer["error"])
        return answer["result"]
