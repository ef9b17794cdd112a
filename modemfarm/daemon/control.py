"""The daemon's end of `control.sock`: recordings, and commands for the console, judged and written down here."""

from __future__ import annotations

import asyncio
import json
import logging
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from modemfarm.daemon.line import LONGEST_QUESTION, NAME, LineError
from modemfarm.errors import LinkLostError, NoAnswerError, StoreError
from modemfarm.modem.asking import START_WITHIN_S, NotAskedError
from modemfarm.modem.console import Judged, judge
from modemfarm.modem.masking import mask_command, mask_stream
from modemfarm.modem.supervisor import Supervisor
from modemfarm.store.engine import Tx
from modemfarm.store.events import record
from modemfarm.store.offload import Offload
from modemfarm.store.wake import reachable

log = logging.getLogger(__name__)

Errand = Callable[[Mapping[str, Any], str], Awaitable[object]]

ANSWER_WITHIN_S = 600.0  # no command of a modem takes longer; +COPS=? comes near

_REFUSED = {
    "sends": "messages go through the queue only",
    "pin": "a PIN's tries are counted: `modemfarm sims set SIM --pin` tries one; a PUK, or another PIN, is for a phone",
    "imei": "an IMEI is not changed, and memory that may hold it is not written",
}
_FORCE = {
    "lock": "locks, unlocks or writes to the card",
    "dial": "dials, or speaks to the network at the card's cost",
    "wipe": "deletes or overwrites what is stored",
    "persistent": "outlives a restart of the modem",
    "setting": "is not known to change nothing",
}


class ControlServer:
    """Answers commands of this host's users; only the daemon's own user and root can connect.

    Args:
        errands: further questions by name; each gets the question and who asks.
    """

    def __init__(
        self,
        state_dir: Path,
        supervisors: Mapping[str, Supervisor],
        offload: Offload,
        now: Callable[[], datetime],
        errands: Mapping[str, Errand] = {},
    ) -> None:
        self._errands = errands
        self._folder, self._supervisors, self._offload, self._now = state_dir, supervisors, offload, now
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; a socket that a killed daemon left is replaced."""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=_listening(self._folder), limit=LONGEST_QUESTION
        )

    def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        (self._folder / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = _peer(writer)
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(await self._answer(line, who))
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the asker is gone, or its line had no end
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, who: str) -> bytes:
        try:
            asked = json.loads(line)
            result = await self._do(asked, who)
        except LineError as error:
            return _line({"ok": False, "code": error.code, "error": str(error)})
        except (ValueError, KeyError, TypeError, AttributeError):
            return _line({"ok": False, "code": "bad", "error": "this is no question that is known here"})
        except Exception:
            log.exception("control: a question failed inside")
            return _line({"ok": False, "code": "bad", "error": "a fault in the daemon; its log has more"})
        return result if isinstance(result, bytes) else _line({"ok": True, "result": result})

    async def _do(self, asked: Mapping[str, Any], who: str) -> object:
        errand = self._errands.get(asked["do"])
        if errand is not None:
            return await errand(asked, who)
        supervisor = self._supervisors.get(str(asked["path"]))
        if supervisor is None:
            raise LineError("not_found", f"{asked['path']} is not served by the daemon of this host")
        match asked["do"]:
            case "record":
                last_s = float(asked.get("last_s") or "inf")
                recording = supervisor.recorder.recording(supervisor.status, last_s=last_s)
                return await asyncio.to_thread(lambda: _line({"ok": True, "result": recording.lines()}))
            case "ask":
                within_s = min(max(float(asked.get("within_s", 30.0)), 0.1), ANSWER_WITHIN_S)
                return await self._ask(supervisor, str(asked["command"]), within_s, who, force=bool(asked.get("force")))
        raise ValueError(asked["do"])

    async def _ask(
        self, supervisor: Supervisor, command: str, within_s: float, who: str, *, force: bool
    ) -> dict[str, object]:
        """Judge, write down, ask, write down what came of it."""
        judged = judge(command)
        masked = mask_command(command)
        refusal = _refusal(judged, force=force)
        await self._write_down(
            "modem.console",
            supervisor.path,
            who=who,
            command=masked,
            sort=judged.kind,
            forced=force,
            verdict="refused" if refusal is not None else "asked",
        )
        log.info("%s: %s %s %s", supervisor.path, who, "may not ask" if refusal else "asks", masked)
        if refusal is not None:
            raise refusal
        began = asyncio.get_running_loop().time()
        final, told = "", None
        try:
            answered = await supervisor.ask(judged.text, within_s, touches=judged.verdict == "force")
            final = "OK" if answered.error is None else answered.error.text
            told = answered.lines
        except NotAskedError as error:
            final = f"not asked: {error.slug}"
            waited = "the modem had no hand free within" if error.slug == "busy" else "the daemon says:"
            how = f"{START_WITHIN_S:g} s" if error.slug == "busy" else error.slug
            raise LineError(
                "stopping" if error.slug == "stopping" else "busy", f"{waited} {how}; nothing was written"
            ) from error
        except NoAnswerError as error:
            final = "no answer"
            raise LineError("no_answer", f"{masked}: no answer within {within_s:g} s") from error
        except LinkLostError as error:
            final = "port lost"
            raise LineError("lost", f"{masked}: the port was lost before its answer came") from error
        finally:
            took_s = asyncio.get_running_loop().time() - began
            final_told = mask_stream(final.encode("utf-8", "replace")).decode("utf-8", "replace")
            await self._write_down(
                "modem.answered", supervisor.path, who=who, command=masked, final=final_told, took_ms=int(took_s * 1000)
            )
        return {"command": masked, "lines": told, "final": final, "took_ms": int(took_s * 1000)}

    async def _write_down(self, event: str, path: str, **data: object) -> None:
        try:
            await self._offload.run(_record, event, self._now(), path, data)
        except StoreError as error:
            raise LineError("store", f"the database cannot write down who asks what: {error}") from error


def _record(tx: Tx, event: str, now: datetime, path: str, data: dict[str, Any]) -> None:
    record(tx, event, now, subject=path, **data)


def _refusal(judged: Judged, *, force: bool) -> LineError | None:
    match judged.verdict:
        case "unreadable":
            return LineError("syntax", "this is no AT command line: AT, then commands in printable ASCII")
        case "never":
            return LineError("refused", f"refused: {_REFUSED[judged.kind]}")
        case "force" if not force:
            return LineError("refused", f"this {_FORCE[judged.kind]}; it needs --force")
    return None


def _line(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _listening(folder: Path) -> socket.socket:
    (folder / NAME).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with reachable(folder, NAME) as path:
        listener.bind(path)
    (folder / NAME).chmod(0o600)
    return listener


def _peer(writer: asyncio.StreamWriter) -> str:
    """The user at the other end (SO_PEERCRED, unix(7))."""
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = int(struct.unpack("3i", raw)[1])
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
