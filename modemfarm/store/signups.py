"""People who sign up: the words for it, the one question whether they mean it, and their yes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from modemfarm.model import LEFT, PartState
from modemfarm.policy.answering import Answers
from modemfarm.policy.folding import squeeze
from modemfarm.store import consents
from modemfarm.store.answers import Answer, say
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.suppress import is_suppressed

LAPSES_AFTER = timedelta(days=7)  # a question that nobody answered
ASK_AGAIN = timedelta(days=180)  # whom an import asked already; whoever signs up again himself is asked after the lapse
LONGEST_WORD = 40
Asked = Literal["asked", "known", "waits", "opted_out"]


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom the question comes from.

    Attributes:
        language: to ask in.
        brand, signature: in front of the question.
        iccid: the SIM to ask from; None: any.
        opens_at: not before then; None: now.
    """

    answers: Answers
    language: str
    brand: str | None
    signature: str | None
    iccid: str | None = None
    opens_at: datetime | None = None


def usable(word: str) -> bool:
    """Whether a word can sign somebody up: letters or digits, and no whole text."""
    return bool(squeeze(word)) and len(word) <= LONGEST_WORD


def add_word(tx: Tx, word: str, purpose: str, wording: str, now: datetime, *, who: str) -> None:
    """Let a word sign its sender up for a purpose; it replaces what the word meant before.

    Args:
        wording: what the sender agrees to, as it was told beside the word.
    """
    tx.run(
        "INSERT INTO signup_words (word, shown, purpose, wording, at, who) VALUES (:word, :shown, :purpose, :wording,"
        " :now, :who) ON CONFLICT (word) DO UPDATE SET shown = excluded.shown, purpose = excluded.purpose,"
        " wording = excluded.wording, at = excluded.at, who = excluded.who",
        word=squeeze(word),
        shown=word,
        purpose=purpose,
        wording=wording,
        now=to_us(now),
        who=who,
    )
    record(tx, "consent.word", now, subject=word, purpose=purpose, wording=wording, who=who)


def remove_word(tx: Tx, word: str, now: datetime, *, who: str) -> bool:
    """Let a word sign nobody up any more; False: it did not."""
    gone = tx.run("DELETE FROM signup_words WHERE word = :word", word=squeeze(word))
    if gone:
        record(tx, "consent.word", now, subject=word, purpose=None, who=who)
    return bool(gone)


def words(tx: Tx) -> list[Row]:
    """The words in force: word, purpose, wording."""
    return tx.all("SELECT shown AS word, purpose, wording FROM signup_words ORDER BY word")


def word_of(tx: Tx, text: str) -> Row | None:
    """What a reply signs up for, if it is one of the words and nothing else."""
    word = squeeze(text) if len(text) <= LONGEST_WORD else ""
    return tx.one("SELECT shown, purpose, wording FROM signup_words WHERE word = :word", word=word) if word else None


def ask(
    tx: Tx, number: str, purposes: tuple[str, ...], proof: Mapping[str, Any], asking: Asking, now: datetime
) -> Asked:
    """Ask a person by message whether he agrees, once, and note in the ledger that the answer is open.

    Returns:
        ``known``: he agreed already; ``waits``: he was asked already; ``opted_out``: nobody may ask.
    """
    if is_suppressed(tx, number):
        return "opted_out"
    found = consents.records(tx, number)
    standing = consents.state(tx, number)
    if all(standing.covers(purpose, now) for purpose in purposes):
        return "known"
    quiet = timedelta() if proof.get("method") == "sms_keyword" else ASK_AGAIN - LAPSES_AFTER
    ends = [datetime.fromisoformat(one["expires_at"]) for one in found if one["status"] == "pending"]
    if any(end + quiet > now for end in ends):
        return "waits"
    lapses = (asking.opens_at or now) + LAPSES_AFTER
    text = asking.answers.text("confirm", asking.language, asking.brand, asking.signature)
    message_id = say(tx, Answer(number, "confirm", text, lapses, asking.iccid, asking.opens_at), now)
    about = {"status": "pending", "purpose": list(purposes), **proof, "expires_at": lapses.isoformat()}
    seq = consents.add(tx, number, {**about, "request": message_id}, now)
    record(tx, "consent.asked", now, subject=number, seq=seq, purpose=list(purposes))
    return "asked"


def _left(tx: Tx, message_id: int) -> bool:
    """Whether a question was put to the network whole: what nobody can have read, nobody answers."""
    states = [row["state"] for row in tx.all("SELECT state FROM parts WHERE message_id = :id", id=message_id)]
    return bool(states) and all(PartState(state) in LEFT for state in states)


def confirm(
    tx: Tx, number: str, reply: str, inbound_id: int, now: datetime, *, asked_by: int | None = None
) -> tuple[str, ...]:
    """A person says yes to the question that is open; to which purposes he agreed by it: none where none is open.

    A question that still waits in the queue was not asked yet.

    Args:
        asked_by: the message that is answered, where the word is a yes to anything: another one's yes is none to this.
    """
    for one in reversed(consents.records(tx, number)):
        if one["status"] in ("granted", "revoked"):
            break  # whatever was asked before it is settled
        if one["status"] != "pending" or datetime.fromisoformat(one["expires_at"]) <= now:
            continue
        if (asked_by is not None and one["request"] != asked_by) or not _left(tx, one["request"]):
            continue
        twice = {"sent_msg": one["request"], "reply_msg": inbound_id, "reply": reply, "at": now.isoformat()}
        dropped = ("status", "purpose", "contact", "channel", "captured_at", "expires_at", "request")
        proof = {key: value for key, value in one.items() if key not in dropped}
        consents.grant(tx, number, tuple(one["purpose"]), {**proof, "double_opt_in": twice}, now)
        return tuple(one["purpose"])
    return ()
