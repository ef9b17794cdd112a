"""What became of messages, as files: sent/, failed/, report/ and incoming/."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modemfarm import wording
from modemfarm.at.errors_table import ErrorTable
from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import encode_submit
from modemfarm.model import Encoding
from modemfarm.spool.desk import Desk
from modemfarm.spool.folders import ASIDE, Folders, entries, printable
from modemfarm.spool.headers import one_line, with_headers
from modemfarm.store import spool as rows
from modemfarm.store.engine import Row, Tx

SENT = frozenset({"sent", "delivered", "undelivered"})
_UNSAFE = re.compile(r"[^\w-]")


@dataclass(frozen=True, slots=True)
class Written:
    """A file in PENDING that goes to its folder once the database knows of it."""

    pending: str
    folder: str
    name: str
    event: str
    message_id: int = 0
    mr: str = ""  # told to the eventhandler


@dataclass(slots=True)
class Teller:
    """Writes files of what the database says.

    Each is first written beside its folder, then committed, then renamed: a kill between the last two is made up
    for at the next start, and no file is written twice.
    """

    desk: Desk
    errors: ErrorTable
    stopping: Callable[[], bool]
    _after: int = 0  # of the messages whose reports are awaited: how far the last look went
    _since: int = 0  # replies from before the spool was switched on become no files

    def recover(self, folders: Folders) -> None:
        """Place what is committed, drop what is not: it will be written again."""
        self._since = self.desk.call(rows.begin, self.desk.now())
        for entry, folder, number, name in entries(folders.pending()):
            if folder == ASIDE:
                continue
            if self._is_committed(folder, number):
                kept = folders.place(entry, folder, name)
                event = {"sent": "SENT", "failed": "FAILED", "report": "REPORT"}.get(folder, "RECEIVED")
                self.desk.tell(event, folders.root / folder / kept)
            else:
                folders.drop(entry)

    def _is_committed(self, folder: str, number: str) -> bool:
        key, _, part = number.partition("-")
        if not key.isdigit() or int(key) == 0:
            return False
        if folder == "incoming":
            return self.desk.look(rows.filed_by, int(key)) == self.desk.host
        stage = self.desk.look(rows.stage, int(key))
        if folder == "report":
            return stage == "done" or part in self.desk.look(rows.of_reported, int(key)).split(",")
        return stage != "checked"

    def turn(self, folders: Folders) -> None:
        """Write what is new since the last turn."""
        for work in (self._ended, self._reports, self._received):
            if not self.stopping():
                work(folders)

    def _ended(self, folders: Folders) -> None:
        ended = self.desk.look(rows.ended, self.desk.host)
        if not ended:
            return
        written = [self._write_ended(folders, row) for row in ended]
        folders.sync()
        moves = [
            (row["message_id"], "sent" if item.folder == "sent" and row["report"] else "done")
            for row, item in zip(ended, written, strict=True)
        ]
        moved = self.desk.call(_move_all, moves)
        for row, item in zip(ended, written, strict=True):
            folders.drop(row["kept_as"], "checked")
            self._place(folders, item, item.message_id in moved)

    def _write_ended(self, folders: Folders, row: Row) -> Written:
        added: dict[str, str] = {"Modem": _modem(row)} if row["iccid"] else {}
        is_sent = row["state"] in SENT
        mr = "" if row["mr"] is None or not is_sent or not row["report"] else str(row["mr"])
        if is_sent:
            sent_at = row["sent_at"] or row["final_at"] or row["created_at"]
            added["Sent"] = self.desk.local_us(sent_at)
            if mr:
                added["Message_id"] = mr
            added["Sending_time"] = str(max(0, sent_at - (row["began_at"] or sent_at)) // 1_000_000)
            added |= {name: str(row[name.lower()]) for name in ("IMSI", "IMEI") if row[name.lower()]}
        else:
            added["Fail_reason"] = _reason(row)
            added["Failed"] = self.desk.local_us(row["final_at"] or row["created_at"])
            added |= {"PDU": _pdu(row)} if row["recipient"] and row["text"] else {}  # none: forgotten
        folder = "sent" if is_sent else "failed"
        pending = f"{folder}.{row['message_id']}.{row['name']}"
        folders.write_pending(pending, with_headers(base64.b64decode(row["content"]), added))
        return Written(pending, folder, row["name"], folder.upper(), row["message_id"], mr)

    def _place(self, folders: Folders, item: Written, committed: bool) -> None:
        if not committed:
            folders.drop(item.pending)
            return
        kept = folders.place(item.pending, item.folder, item.name)
        self.desk.tell(item.event, folders.root / item.folder / kept, *([item.mr] if item.mr else []))

    def _reports(self, folders: Folders) -> None:
        awaited = self.desk.look(rows.awaiting, self.desk.host, self._after)
        self._after = awaited[-1]["message_id"] if len(awaited) == rows.AT_ONCE else 0
        written: list[Written] = []
        notes: list[tuple[int, str, bool]] = []
        parts = self.desk.look(rows.reports, [row["message_id"] for row in awaited])
        for row in awaited:
            done = set(row["reported"].split(",")) - {""}
            new = [part for part in parts[row["message_id"]] if str(part["part_number"]) not in done]
            if new or row["final_at"] is not None:
                told = ",".join(sorted(done | {str(part["part_number"]) for part in new}))
                notes.append((row["message_id"], told, row["final_at"] is not None))
                written += [self._write_report(folders, row, part) for part in new]
        if not notes:
            return
        folders.sync()
        self.desk.call(_note_reports, notes)
        for item in written:
            self._place(folders, item, committed=True)

    def _write_report(self, folders: Folders, row: Row, part: Row) -> Written:
        status = self.errors.tp_status(part["status"] or 0)
        word = {"delivered": "Ok", "unconfirmed": "Ok", "pending": "Still trying"}.get(status.state.value, "Error")
        told = {
            **_from(row["recipient"], part),
            "Sent": self.desk.local_us(part["sent_at"] or part["reported_at"]),
            "Received": self.desk.local_us(part["reported_at"]),
            **_received_by(part),
            "Report": "no",
            "Alphabet": "ISO",
        }
        body = (
            f"SMS STATUS REPORT\nMessage_id: {part['mr'] or 0}\n"
            f"Discharge_timestamp: {self.desk.local_us(part['reported_at'])}\n"
            f"Status: {part['status'] or 0},{word},{status.meaning}\n"
        )
        name = f"{_safe(_modem(part))}.{row['message_id']:06d}-{part['part_number']}"
        pending = f"report.{row['message_id']}-{part['part_number']}.{name}"
        folders.write_pending(pending, _file(told, body))
        return Written(pending, "report", name, "REPORT", row["message_id"])

    def _received(self, folders: Folders) -> None:
        found = self.desk.look(rows.unfiled, self._since)
        if not found:
            return
        written = [self._write_received(folders, row) for row in found]
        folders.sync()
        ours = set(self.desk.call(rows.file_inbound, [row["id"] for row in found], self.desk.host))
        for item in written:
            self._place(folders, item, item.message_id in ours)

    def _write_received(self, folders: Folders, row: Row) -> Written:
        is_call = row["kind"] == "missed_call"
        text = "CALL MISSED" if is_call else row["text"]
        told = {
            **_from(row["originator"], row),
            "Sent": self.desk.local_us(row["sent_at"] or row["received_at"]),
            "Received": self.desk.local_us(row["received_at"]),
            **_received_by(row),
            "Report": "no",
            "Alphabet": "ISO" if text.isascii() else "UTF-8",
        }
        told |= {"Incomplete": "yes"} if not row["complete"] else {}
        told |= {"Call_type": "MISSED"} if is_call else {"UDH": "false"}
        told["Length"] = str(len(text))
        name = f"{_safe(_modem(row))}.{row['id']:06d}"
        pending = f"incoming.{row['id']}.{name}"
        folders.write_pending(pending, _file(told, text))
        return Written(pending, "incoming", name, "CALL" if is_call else "RECEIVED", row["id"])


def _move_all(tx: Tx, moves: Sequence[tuple[int, str]]) -> set[int]:
    return {number for number, stage in moves if rows.move_on(tx, number, "checked", stage)}


def _note_reports(tx: Tx, notes: Sequence[tuple[int, str, bool]]) -> None:
    for message_id, parts, over in notes:
        rows.reported(tx, message_id, parts)
        if over:
            rows.move_on(tx, message_id, "sent", "done")


def _file(headers: dict[str, str], body: str) -> bytes:
    lines = [f"{name}: {one_line(value)}" for name, value in headers.items()]
    return ("\n".join(lines) + "\n\n" + body).encode("utf-8", "replace")


def _modem(row: Row) -> str:
    """What the modem is called: its SIM's label, which stays when the stick moves, else the ICCID."""
    return str(row["label"] or row["iccid"] or "modem")


def _safe(name: str) -> str:
    return printable(_UNSAFE.sub("_", name))[:60]


def _from(number: str, row: Row) -> dict[str, str]:
    digits = number.removeprefix("+")
    if number.startswith("+"):
        kind = "91 international, ISDN/telephone"
    elif digits.isdigit():
        kind = "81 unknown, ISDN/telephone"
    else:
        kind = "D0 alphanumeric, unknown"
    smsc = str(row["smsc"] or "").removeprefix("+")
    return {"From": digits, "From_TOA": kind} | ({"From_SMSC": smsc} if smsc else {})


def _received_by(row: Row) -> dict[str, str]:
    told = {"Subject": _modem(row), "Modem": _modem(row)}
    return told | ({"IMSI": str(row["imsi"])} if row["imsi"] else {})


def _reason(row: Row) -> str:
    """Why a message will not go, in one English line."""
    state, slug = row["state"], row["reason"]
    if not slug:
        return str(state)
    params = json.loads(row["reason_params"]) if row["reason_params"] else {}
    return f"{state}, {slug}: {wording.say(f'reason.{slug}', params)}"


def _pdu(row: Row) -> str:
    """Its first part as it would go on the air."""
    part = split(row["text"], row["concat_ref"] or 0, encoding=Encoding(row["encoding"]))[0]
    octets, _ = encode_submit(
        row["recipient"], part, report=bool(row["report"]), validity_s=None, flash=bool(row["flash"])
    )
    return octets.hex().upper()
