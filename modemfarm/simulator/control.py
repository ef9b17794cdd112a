"""`ctl`: one JSON line asks, one JSON line answers, over a Unix socket beside the ptys."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modemfarm.simulator.simulation import Simulation

_ANSWER_WITHIN_S = 10.0
_LONGEST_LINE = 1 << 20


class ControlServer:
    """Serves one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def start(self, path: Path) -> None:
        """Listen; a socket of an earlier run is replaced, nobody else may connect."""
        self._path = path
        self._server = await asyncio.start_unix_server(self._serve, sock=_listening(path), limit=_LONGEST_LINE)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        _forget(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(self._answer(line) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the asker is gone, or its line had no end
        finally:
            writer.close()

    def _answer(self, line: bytes) -> bytes:
        try:
            asked = json.loads(line)
            result = perform(self._simulation, str(asked["do"]), [str(item) for item in asked.get("args", [])])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return json.dumps({"ok": False, "error": str(error) or type(error).__name__}).encode()
        return json.dumps({"ok": True, "result": result}, ensure_ascii=False).encode()


def _forget(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener


def perform(simulation: Simulation, verb: str, args: list[str]) -> object:
    """Do one thing by name.

    Raises:
        ValueError: there is no such thing, or it cannot be done.
        IndexError: an argument is missing.
    """
    match verb:
        case "fault":
            arg = args[2] if len(args) > 2 else ""
            count = int(args[3]) if len(args) > 3 else None
            simulation.fault(int(args[0]), args[1], arg, count)
        case "unplug":
            simulation.unplug(int(args[0]))
        case "unplug-at":
            simulation.unplug_at(int(args[0]), args[1], int(args[2]))
        case "replug":
            simulation.replug(int(args[0]), args[1] if len(args) > 1 else "")
            return simulation.path(int(args[0]))
        case "deliver":
            return simulation.deliver(int(args[0]), args[1], args[2])
        case "call":
            return simulation.call(int(args[0]), args[1], *(int(item) for item in args[2:3]))
        case "kill-at":
            pid = None if args[1] == "auto" else int(args[1])
            simulation.kill_at(args[0], pid, int(args[2]) if len(args) > 2 else 1)
        case "set":
            simulation.turn(int(args[0]), args[1], args[2])
        case "refuse":
            simulation.network.refuse_number(args[0], int(args[1]))
        case "reports":
            if args[0] not in {"on", "off"}:
                raise ValueError("reports on or reports off")
            simulation.network.reporting = args[0] == "on"
        case _:
            return _look(simulation, verb, args)
    return None


def _look(simulation: Simulation, verb: str, args: list[str]) -> object:
    match verb:
        case "phone":
            return simulation.phone(args[0])
        case "phones":
            return simulation.network.phones()
        case "stats":
            return simulation.stats()
    raise ValueError(f"there is no command {verb!r}")


def ask(path: Path, verb: str, *args: str) -> object:
    """Ask a running simulation, from another process or thread.

    Raises:
        ConnectionError, FileNotFoundError: nobody is there.
        ValueError: it said no; the text says why.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(_ANSWER_WITHIN_S)
        peer.connect(str(path))
        peer.sendall(json.dumps({"do": verb, "args": list(args)}).encode() + b"\n")
        with peer.makefile("rb") as lines:
            line = lines.readline()
    if not line:
        raise ConnectionError("the simulation ended")
    answer = json.loads(line)
    if not answer["ok"]:
        raise ValueError(str(answer["error"]))
    result: object = answer["result"]
    return result
