"""Rows of the spool directory: which file became which message, and which files were written of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from modemfarm.store.engine import Row, Tx, to_us

SINCE = "spool_since"
AT_ONCE = 500
_OVER = "('sent', 'delivered', 'undelivered', 'failed', 'expired', 'canceled', 'refused')"


@dataclass(frozen=True, slots=True)
class Taken:
    """A file as it was read.

    Attributes:
        identity: of device, inode, mtime, size and content.
        kept_as: its name in checked/.
    """

    host: str
    identity: str
    name: str
    kept_as: str
    content: bytes


def known(tx: Tx, host: str, identity: str) -> Row | None:
    """The row of a file that was taken and has not left outgoing/ yet."""
    return tx.one(
        "SELECT message_id, kept_as FROM spool_files WHERE host = :host AND identity = :identity AND present = 1",
        host=host,
        identity=identity,
    )


def keep(tx: Tx, file: Taken, message_id: int, now: datetime) -> None:
    """Write which message a file became, in that message's transaction."""
    tx.run(
        "INSERT INTO spool_files (message_id, host, identity, name, kept_as, content, stage, present, taken_at)"
        " VALUES (:id, :host, :identity, :name, :kept_as, :content, 'checked', 1, :now)",
        id=message_id,
        host=file.host,
        identity=file.identity,
        name=file.name,
        kept_as=file.kept_as,
        content=base64.b64encode(file.content).decode(),
        now=to_us(now),
    )


def left(tx: Tx, ids: Sequence[int]) -> None:
    """These files are out of outgoing/: another of the same identity is another message."""
    if ids:
        tx.many("UPDATE spool_files SET present = 0 WHERE message_id = :id", [{"id": number} for number in ids])
        tx.many("DELETE FROM spool_files WHERE message_id = :id AND stage = 'done'", [{"id": n} for n in ids])


def present(tx: Tx, host: str) -> list[Row]:
    """The files that were taken and may still lie in outgoing/."""
    return tx.all("SELECT message_id, name, identity FROM spool_files WHERE host = :host AND present = 1", host=host)


def ended(tx: Tx, host: str) -> list[Row]:
    """Files in checked/ whose message was sent or will not be, with what is told of it."""
    return tx.all(
        "SELECT f.message_id, f.name, f.kept_as, f.content, m.state, m.reason, m.reason_params, m.recipient, m.text,"  # noqa: S608 # our own words
        " m.encoding, m.created_at, m.sent_at, m.final_at, m.report, m.flash, m.concat_ref, m.iccid, s.imsi, s.label,"
        " (SELECT max(mr) FROM parts p WHERE p.message_id = m.id AND p.part_number = m.parts_total) AS mr,"
        " (SELECT max(imei) FROM modems d WHERE d.iccid = m.iccid) AS imei,"
        " (SELECT min(ctrl_z_at) FROM parts p WHERE p.message_id = m.id) AS began_at"
        " FROM spool_files f JOIN messages m ON m.id = f.message_id LEFT JOIN sims s ON s.iccid = m.iccid"
        f" WHERE f.host = :host AND f.stage = 'checked' AND f.present = 0 AND m.state IN {_OVER}"
        " ORDER BY f.message_id LIMIT :n",
        host=host,
        n=AT_ONCE,
    )


def move_on(tx: Tx, message_id: int, before: str, stage: str) -> bool:
    """Note that a file goes to its next folder; `done` forgets it. False: it went there already."""
    if stage != "done":
        return bool(
            tx.run(
                "UPDATE spool_files SET stage = :stage WHERE message_id = :id AND stage = :before",
                id=message_id,
                stage=stage,
                before=before,
            )
        )
    done = tx.run(
        "UPDATE spool_files SET stage = 'done' WHERE message_id = :id AND stage = :before", id=message_id, before=before
    )
    tx.run("DELETE FROM spool_files WHERE message_id = :id AND stage = 'done' AND present = 0", id=message_id)
    return bool(done)


def stage(tx: Tx, message_id: int) -> str:
    """How far a file's message was told; `done` when it is forgotten."""
    found = tx.value("SELECT stage FROM spool_files WHERE message_id = :id", id=message_id)
    return "done" if found is None else str(found)


def awaiting(tx: Tx, host: str, after: int) -> list[Row]:
    """Some files in sent/ whose reports are awaited, by message; start again at 0 after the last."""
    return tx.all(
        "SELECT f.message_id, f.reported, m.final_at, m.recipient FROM spool_files f JOIN messages m"
        " ON m.id = f.message_id WHERE f.host = :host AND f.stage = 'sent' AND f.message_id > :after"
        " AND (m.final_at IS NOT NULL OR EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id"
        " AND p.reported_at IS NOT NULL))"
        " ORDER BY f.message_id LIMIT :n",
        host=host,
        after=after,
        n=AT_ONCE,
    )


def reports(tx: Tx, messages: Sequence[int]) -> dict[int, list[Row]]:
    """What the network reported of the parts of each message."""
    return {
        number: tx.all(
            "SELECT p.id, p.part_number, p.mr, p.status, p.sent_at, p.reported_at, p.iccid, s.imsi, s.label, s.smsc"
            " FROM parts p LEFT JOIN sims s ON s.iccid = p.iccid"
            " WHERE p.message_id = :id AND p.reported_at IS NOT NULL ORDER BY p.part_number",
            id=number,
        )
        for number in messages
    }


def reported(tx: Tx, message_id: int, parts: str) -> None:
    """Note of which parts report files are written."""
    tx.run("UPDATE spool_files SET reported = :parts WHERE message_id = :id", id=message_id, parts=parts)


def of_reported(tx: Tx, message_id: int) -> str:
    """Of which parts report files are written."""
    return str(tx.value("SELECT reported FROM spool_files WHERE message_id = :id", id=message_id) or "")


def begin(tx: Tx, now: datetime) -> int:
    """From when on replies become files: the first start with the spool switched on."""
    tx.run("INSERT INTO farm (key, value) VALUES (:key, :now) ON CONFLICT (key) DO NOTHING", key=SINCE, now=to_us(now))
    return int(tx.value("SELECT value FROM farm WHERE key = :key", key=SINCE))


def end(tx: Tx) -> None:
    """It is switched off: what comes meanwhile becomes no file."""
    tx.run("DELETE FROM farm WHERE key = :key", key=SINCE)


def unfiled(tx: Tx, since: int) -> list[Row]:
    """Replies without a file, whole ones or those whose time to become whole is over, oldest first."""
    return tx.all(
        "SELECT i.id, i.iccid, i.originator, i.text, i.received_at, i.sent_at, i.complete, i.kind, s.imsi, s.label,"
        " s.smsc FROM inbound i LEFT JOIN sims s ON s.iccid = i.iccid WHERE i.filed_by IS NULL"
        " AND i.received_at >= :since AND (i.complete = 1 OR i.verdict IS NOT NULL) ORDER BY i.received_at, i.id"
        " LIMIT :n",
        since=since,
        n=AT_ONCE,
    )


def file_inbound(tx: Tx, ids: Sequence[int], host: str) -> list[int]:
    """Take it upon this host to write these replies' files; those that no other host took."""
    return [
        number
        for number in ids
        if tx.run("UPDATE inbound SET filed_by = :host WHERE id = :id AND filed_by IS NULL", id=number, host=host)
    ]


def filed_by(tx: Tx, inbound_id: int) -> str | None:
    """Which host wrote a reply's file."""
    found = tx.value("SELECT filed_by FROM inbound WHERE id = :id", id=inbound_id)
    return None if found is None else str(found)
