"""Files of outgoing/ become messages: read, committed, and only then moved to checked/."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from modemfarm.errors import StoreError, SubmitError
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import mask
from modemfarm.spool.desk import Desk
from modemfarm.spool.folders import ASIDE, PENDING, Folders, Seen, Watch, entries, printable
from modemfarm.spool.headers import BadFileError, cut, with_headers
from modemfarm.spool.reading import draft
from modemfarm.store import spool as rows
from modemfarm.store.engine import Tx

log = logging.getLogger(__name__)

AT_ONCE = 20  # files that one transaction takes
A_TURN = 300  # files; then it is told what became of others

_LONG = re.compile(r"\d{7,}")  # a file may be named after its recipient


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that can become a message."""

    seen: Seen
    file: rows.Taken
    draft: Draft


@dataclass(slots=True)
class Taker:
    """Takes files in.

    Args:
        stopping: told true, it ends after the files in hand.
    """

    desk: Desk
    settings: IntakeSettings
    wake: Callable[[], object]
    stopping: Callable[[], bool]
    _watch: Watch = field(default_factory=Watch)

    def turn(self, folders: Folders) -> None:
        """Take what has come to rest in outgoing/."""
        ready = self._watch.settled(folders)[:A_TURN]
        for at in range(0, len(ready), AT_ONCE):
            if self.stopping():
                return
            self._take(folders, ready[at : at + AT_ONCE])

    def recover(self, folders: Folders) -> None:
        """Finish what a killed daemon had begun: what is committed goes on, what is not lies in outgoing/ again."""
        for entry, folder, _, name in entries(folders.pending()):
            if folder != ASIDE:
                continue
            seen = folders.look(PENDING, entry)
            if seen is None:
                continue
            try:
                identity = seen.identity(folders.read(seen, PENDING))
            except BadFileError:
                identity = ""
            row = self.desk.look(rows.known, self.desk.host, identity)
            if row is None:
                folders.place(entry, "outgoing", name)
            else:
                folders.place(entry, "checked", row["kept_as"])
        gone = []
        for row in self.desk.look(rows.present, self.desk.host):
            seen = folders.look("outgoing", row["name"])
            if seen is None or not self._is(folders, seen, row["identity"]):
                gone.append(row["message_id"])
        self.desk.call(rows.left, gone)

    @staticmethod
    def _is(folders: Folders, seen: Seen, identity: str) -> bool:
        try:
            return seen.identity(folders.read(seen)) == identity
        except (BadFileError, FileNotFoundError):
            return False

    def _take(self, folders: Folders, ready: list[Seen]) -> None:
        read = [item for item in (self._read(folders, seen) for seen in ready) if item is not None]
        if not read:
            return
        try:
            outcomes = self.desk.call(_write, read, self.settings, self.desk.now())
        except (OSError, StoreError):
            raise
        except Exception:
            if len(read) > 1:  # which of them it was shows by itself; nothing of the others is written yet
                for item in read:
                    self._take(folders, [item.seen])
                return
            log.exception("spool: a file cannot be taken in")
            outcomes = [(None, "", "an unexpected error; the log of modemfarm has it")]
        self.wake()
        taken = []
        for item, (message_id, kept_as, fault) in zip(read, outcomes, strict=True):
            if message_id is None:
                self._refuse(folders, item.seen, item.file.content, fault)
                continue
            aside = f"{ASIDE}.{message_id}.{item.seen.name}"
            if folders.take_aside(item.seen, aside):
                folders.place(aside, "checked", kept_as)
            taken.append(message_id)
        self.desk.call(rows.left, taken)

    def _read(self, folders: Folders, seen: Seen) -> _Read | None:
        """A file and what it asks for; None when there is nothing to take, or it was refused."""
        content = b""
        try:
            if printable(seen.name) != seen.name:
                raise BadFileError("its name is too long, or has characters that cannot be shown")
            content = folders.read(seen)
            asked = draft(cut(content), seen.name)
        except FileNotFoundError:
            return None
        except BadFileError as error:
            self._refuse(folders, seen, content, str(error))
            return None
        kept_as = folders.free_name("checked", seen.name)
        return _Read(seen, rows.Taken(self.desk.host, seen.identity(content), seen.name, kept_as, content), asked)

    def _refuse(self, folders: Folders, seen: Seen, content: bytes, fault: str) -> None:
        """The file goes to failed/ with its reason; nothing else waits for it."""
        name = printable(seen.name)
        shown = _LONG.sub(lambda found: mask(found[0]), name)  # the reason may hold words of the text: it is in failed/
        log.warning("spool: %s is refused; its Fail_reason: says why", shown)
        pending = f"failed.0.{name}"
        told = {"Fail_reason": fault, "Failed": self.desk.local(self.desk.now())}
        folders.write_pending(pending, with_headers(content, told))
        folders.sync()
        aside = f"{ASIDE}.0.{name}"
        if folders.take_aside(seen, aside):
            kept = folders.place(pending, "failed", name)
            folders.drop(aside)
            self.desk.tell("FAILED", folders.root / "failed" / kept)
        else:
            folders.drop(pending)


def _write(tx: Tx, read: list[_Read], settings: IntakeSettings, now: datetime) -> list[tuple[int | None, str, str]]:
    """For each file its message's id and its name in checked/, or why there is none."""
    return [_one(tx, item, settings, now) for item in read]


def _one(tx: Tx, item: _Read, settings: IntakeSettings, now: datetime) -> tuple[int | None, str, str]:
    row = rows.known(tx, item.file.host, item.file.identity)
    if row is not None:  # committed, and killed before it was moved
        return row["message_id"], row["kept_as"], ""
    try:
        taken = accept(tx, item.draft, settings, now)
    except SubmitError as error:
        return None, "", str(error)
    assert taken is not None  # only a batch's row can be there already
    rows.keep(tx, item.file, taken.message_id, now)
    return taken.message_id, item.file.kept_as, ""
