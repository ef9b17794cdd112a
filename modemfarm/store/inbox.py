"""What came in: raw PDUs first, then the messages that they make up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.model import digits_key
from modemfarm.store.engine import Row, Tx, to_us

TRIAL = "sims test"  # the reference of a message by which a SIM shows that it sends and receives
SIGNIFICANT = 9  # digits that two spellings of one line share
SAME_WITHIN = timedelta(hours=48)  # one PDU read twice; an operator's second copy comes within it too


@dataclass(frozen=True, slots=True)
class Raw:
    """One PDU as it was read, with what could be decoded; names as in `received`."""

    pdu: str
    iccid: str | None
    imei: str | None
    at: datetime
    memory: str
    slot: int | None
    kind: str
    what: str | None = None
    originator: str | None = None
    text: str | None = None
    scts: datetime | None = None
    concat_ref: int | None = None
    concat_total: int | None = None
    concat_number: int | None = None
    recipient: str | None = None
    mr: int | None = None
    status: int | None = None
    discharge_at: datetime | None = None


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


def keep(tx: Tx, raw: Raw, *, part_id: int | None = None) -> int:
    """Write one PDU, of a report with the part that it tells of; its id."""
    return int(
        tx.value(
            "INSERT INTO received (pdu, iccid, imei, at, memory, slot, kind, what, originator, text, scts, concat_ref,"
            " concat_total, concat_number, recipient, mr, status, discharge_at, part_id) VALUES (:pdu, :iccid, :imei,"
            " :at, :memory, :slot, :kind, :what, :originator, :text, :scts, :ref, :total, :number, :recipient, :mr,"
            " :status, :discharge, :part) RETURNING id",
            pdu=raw.pdu,
            iccid=raw.iccid,
            imei=raw.imei,
            at=to_us(raw.at),
            memory=raw.memory,
            slot=raw.slot,
            kind=raw.kind,
            what=raw.what,
            originator=raw.originator,
            text=raw.text,
            scts=_us(raw.scts),
            ref=raw.concat_ref,
            total=raw.concat_total,
            number=raw.concat_number,
            recipient=raw.recipient,
            mr=raw.mr,
            status=raw.status,
            discharge=_us(raw.discharge_at),
            part=part_id,
        )
    )


def is_known(tx: Tx, raw: Raw, *, plausible: bool) -> bool:
    """Whether this very PDU was already read from this SIM: within 48 h, or from a slot not seen empty since.

    Args:
        plausible: its TP-SCTS tells it apart; otherwise only the same slot of the same memory does.
    """
    same_sim = "iccid IS NULL" if raw.iccid is None else "iccid = :iccid"  # as the index has it
    if not plausible and raw.slot is None:
        return False
    same = "memory = :memory AND slot = :slot"
    known = f"(at > :since OR ({same}))" if plausible else same
    return bool(
        tx.value(
            f"SELECT 1 FROM received WHERE pdu = :pdu AND {same_sim}"  # noqa: S608 # our own words
            f" AND kind <> 'duplicate' AND {known} LIMIT 1",
            pdu=raw.pdu,
            iccid=raw.iccid,
            since=to_us(raw.at - SAME_WITHIN),
            memory=raw.memory,
            slot=raw.slot,
        )
    )


def slot_emptied(tx: Tx, iccid: str, memory: str, slot: int) -> None:
    """A slot was seen empty: what is read from it later is new, however alike."""
    tx.run(
        "UPDATE received SET slot = NULL WHERE iccid = :iccid AND memory = :memory AND slot = :slot",
        iccid=iccid,
        memory=memory,
        slot=slot,
    )


def emptied_but(tx: Tx, iccid: str, memory: str, slots: Sequence[int]) -> None:
    """Every slot of a memory was seen empty, but these."""
    lying = {
        int(row["slot"])
        for row in tx.all(
            "SELECT DISTINCT slot FROM received WHERE iccid = :iccid AND memory = :memory AND slot IS NOT NULL",
            iccid=iccid,
            memory=memory,
        )
    }
    for slot in lying - set(slots):
        slot_emptied(tx, iccid, memory, slot)


def join(tx: Tx, raw: Raw, received_id: int, *, old: bool, judge_at: datetime) -> tuple[int, bool]:
    """Put a decoded SMS-DELIVER into its message.

    Args:
        judge_at: when a message that stays incomplete is judged as it is.

    Returns:
        The message's id, and whether it is complete by this part.
    """
    sent_at = _us(raw.scts)
    if raw.concat_ref is None or raw.concat_total is None or raw.concat_total < 2:
        inbound_id = int(
            tx.value(
                "INSERT INTO inbound (iccid, originator, text, received_at, sent_at, old) VALUES (:iccid, :from, :text,"
                " :at, :sent, :old) RETURNING id",
                **{"from": raw.originator},
                iccid=raw.iccid,
                text=raw.text or "",
                at=to_us(raw.at),
                sent=sent_at,
                old=int(old),
            )
        )
        tx.run("UPDATE received SET inbound_id = :inbound WHERE id = :id", inbound=inbound_id, id=received_id)
        return inbound_id, True
    inbound_id = _open_message(tx, raw, old=old, judge_at=judge_at)
    tx.run("UPDATE received SET inbound_id = :inbound WHERE id = :id", inbound=inbound_id, id=received_id)
    pieces = tx.all(
        "SELECT concat_number, text FROM received WHERE inbound_id = :id ORDER BY concat_number", id=inbound_id
    )
    complete = len({piece["concat_number"] for piece in pieces}) == raw.concat_total
    tx.run(
        "UPDATE inbound SET text = :text, parts_read = :read, complete = :complete,"
        " sent_at = coalesce(sent_at, :sent) WHERE id = :id",
        id=inbound_id,
        text="".join(piece["text"] or "" for piece in pieces),
        read=len(pieces),
        complete=int(complete),
        sent=sent_at,
    )
    return inbound_id, complete


def _open_message(tx: Tx, raw: Raw, *, old: bool, judge_at: datetime) -> int:
    """The incomplete message that a part belongs to, opened where there is none that misses this part."""
    known = tx.value(
        "SELECT i.id FROM inbound i WHERE i.complete = 0 AND coalesce(i.iccid, '') = coalesce(:iccid, '')"
        " AND i.originator = :from AND i.concat_ref = :ref AND i.parts = :total AND i.received_at > :since"
        " AND NOT EXISTS (SELECT 1 FROM received r WHERE r.inbound_id = i.id AND r.concat_number = :number)"
        " ORDER BY i.id LIMIT 1",
        **{"from": raw.originator},
        iccid=raw.iccid,
        ref=raw.concat_ref,
        total=raw.concat_total,
        number=raw.concat_number,
        since=to_us(raw.at - SAME_WITHIN),
    )
    if known is not None:
        return int(known)
    return int(
        tx.value(
            "INSERT INTO inbound (iccid, originator, text, received_at, parts, parts_read, complete, concat_ref,"
            " judge_at, old) VALUES (:iccid, :from, '', :at, :total, 0, 0, :ref, :judge, :old) RETURNING id",
            **{"from": raw.originator},
            iccid=raw.iccid,
            at=to_us(raw.at),
            total=raw.concat_total,
            ref=raw.concat_ref,
            judge=to_us(judge_at),
            old=int(old),
        )
    )


def missed_call(tx: Tx, iccid: str | None, number: str, at: datetime) -> int:
    """Write a call that nobody took; its id."""
    return int(
        tx.value(
            "INSERT INTO inbound (iccid, originator, text, received_at, kind, verdict)"
            " VALUES (:iccid, :number, '', :at, 'missed_call', 'none') RETURNING id",
            iccid=iccid,
            number=number,
            at=to_us(at),
        )
    )


def came_back(tx: Tx, iccid: str, text: str, since: int) -> bool:
    """Whether a SIM received this very text since then (microseconds)."""
    return bool(
        tx.value(
            "SELECT 1 FROM inbound WHERE iccid = :iccid AND text = :text AND received_at >= :since LIMIT 1",
            iccid=iccid,
            text=text,
            since=since,
        )
    )


def pdus(tx: Tx, inbound_id: int) -> list[bytes]:
    """The PDUs that make up a message, in the order of their parts."""
    rows = tx.all("SELECT pdu FROM received WHERE inbound_id = :id ORDER BY concat_number", id=inbound_id)
    return [bytes.fromhex(row["pdu"]) for row in rows]


def write_text(tx: Tx, inbound_id: int, text: str) -> None:
    """The text of a complete message, read over the borders of its parts."""
    tx.run("UPDATE inbound SET text = :text WHERE id = :id", text=text, id=inbound_id)


def one(tx: Tx, inbound_id: int) -> Row | None:
    """One row of `inbound`."""
    return tx.one("SELECT * FROM inbound WHERE id = :id", id=inbound_id)


def to_judge(tx: Tx, now: datetime, most: int = 100) -> list[int]:
    """Incomplete messages whose time to wait for the rest is over."""
    rows = tx.all(
        "SELECT id FROM inbound WHERE complete = 0 AND judge_at <= :now AND verdict IS NULL ORDER BY judge_at LIMIT :n",
        now=to_us(now),
        n=most,
    )
    return [row["id"] for row in rows]


def write_verdict(tx: Tx, inbound_id: int, kind: str, verdict: str, keyword: str | None, reply_to: int | None) -> None:
    """What a message was taken for."""
    tx.run(
        "UPDATE inbound SET kind = :kind, verdict = :verdict, keyword = :keyword, in_reply_to = :reply WHERE id = :id",
        id=inbound_id,
        kind=kind,
        verdict=verdict,
        keyword=keyword,
        reply=reply_to,
    )


def look_at_trial(tx: Tx, inbound_id: int, now: datetime) -> None:
    """Take for seen what is a trial of ours that a SIM sent to its own number: nobody wrote it."""
    tx.run(
        "UPDATE inbound SET read_at = :now WHERE id = :id AND read_at IS NULL AND EXISTS (SELECT 1 FROM messages m"
        " WHERE m.recipient = inbound.originator AND m.reference = :trial AND m.text = inbound.text)",
        now=to_us(now),
        id=inbound_id,
        trial=TRIAL,
    )


def last_sent_to(tx: Tx, number: str) -> int | None:
    """The newest message that left for this number."""
    found = tx.value(
        "SELECT id FROM messages WHERE recipient = :number AND state IN ('sending', 'sent', 'delivered', 'undelivered',"
        " 'unknown') ORDER BY id DESC LIMIT 1",
        number=number,
    )
    return None if found is None else int(found)


def wrote_lately(tx: Tx, message_id: int | None, since: datetime) -> bool:
    """Whether a message of ours was made since then."""
    return message_id is not None and bool(
        tx.value("SELECT 1 FROM messages WHERE id = :id AND created_at >= :since", id=message_id, since=to_us(since))
    )


def known_as(tx: Tx, number: str) -> str:
    """A sender's number as we wrote to it, where its own spelling lacks the country; else as it came."""
    digits = digits_key(number)
    if number.startswith("+") or len(digits) < SIGNIFICANT or digits != number[-SIGNIFICANT:]:
        return number
    rows = tx.all("SELECT number FROM people WHERE digits = :digits LIMIT 2", digits=digits)
    return str(rows[0]["number"]) if len(rows) == 1 else number


def of_person(tx: Tx, number: str, most: int) -> list[Row]:
    """The newest messages from a number, newest first: text, received_at, verdict."""
    return tx.all(
        "SELECT id, text, received_at, verdict FROM inbound WHERE originator = :number ORDER BY id DESC LIMIT :n",
        number=number,
        n=most,
    )
