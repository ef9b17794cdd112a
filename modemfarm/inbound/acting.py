"""Does what a person's reply asks for, in the transaction that stores it, and answers it once at most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from modemfarm.model import MessageClass, digits_key
from modemfarm.policy.answering import Kind
from modemfarm.policy.folding import squeeze
from modemfarm.policy.optout import Keywords, Verdict, is_yes, offered, verdict
from modemfarm.store import answers, inbox, locks, reviews, signups, suppress
from modemfarm.store.engine import Tx
from modemfarm.store.events import record

CONFIRM_AGAIN = timedelta(days=30)  # a repeated TD within it is not confirmed again
ASK_AGAIN = timedelta(days=30)
ASK_ABOUT = timedelta(days=30)  # whom we wrote nothing for so long is not asked what he thinks of it
HELP_AGAIN = timedelta(days=1)
ANSWERS_A_DAY = 3  # to one number, of all kinds: two farms fall silent
ANSWER_WITHIN = timedelta(hours=24)  # later it would only startle


@dataclass(frozen=True, slots=True)
class Acting:
    """What acting on a reply needs to know.

    Attributes:
        country: of the profile in force, else the farm's.
        brand, signature: the sender in front of answers; the signature goes first where the owner has one.
        contact: where people reach the farm's owner, for who asks for help.
        exempt: classes that an opt-out does not stop.
    """

    keywords: Keywords
    country: str | None
    brand: str | None
    signature: str | None
    contact: str | None
    exempt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of a reply.

    Attributes:
        opted_out: the number that it suppressed.
        moved: something waits to be sent, or no longer.
    """

    verdict: Verdict
    opted_out: str | None = None
    moved: bool = False


def read(tx: Tx, text: str, reply_to: int | None, acting: Acting) -> Verdict:
    """How a person's reply is meant, with the last text to this person in view; an automatic answer means nothing."""
    keywords = acting.keywords
    if keywords.answers.is_one(text):
        return Verdict("none")
    told = offered(answers.text_of(tx, reply_to), keywords, acting.country)
    found = verdict(text, keywords, country=acting.country, advertised=told)
    if found.tier == "opt_in" and found.keyword is not None:
        word = squeeze(found.keyword)
        if word in keywords.only_offered and word not in told:
            return Verdict("none")
    return found


def act(tx: Tx, row: dict[str, Any], reply_to: int | None, acting: Acting, now: datetime) -> Acted:
    """Do what a complete reply of a person asks for.

    Args:
        row: of `inbound`.
        reply_to: our last message to this person.
    """
    found = read(tx, row["text"], reply_to, acting)
    number = str(row["originator"])
    match found.tier:
        case "exact":
            suppress.add(
                tx,
                number,
                digits_key(number),
                "reply",
                now,
                keyword=found.keyword,
                inbound_id=row["id"],
                exempt=acting.exempt,
                reply=row["text"],
            )
            reviews.decide(tx, number, "opted_out", now, who="reply")
            _answer(tx, "opted_out", row, reply_to, found, acting, CONFIRM_AGAIN, now)
            return Acted(found, number, moved=True)
        case "probable":
            reviews.add(tx, number, row["id"], found.keyword, now)
            if not suppress.is_suppressed(tx, number) and inbox.wrote_lately(tx, reply_to, now - ASK_ABOUT):
                _answer(tx, "ask", row, reply_to, found, acting, ASK_AGAIN, now)
        case "opt_in":
            locks.person(tx, number)  # before the messages and the end of the ledger, which follow
            reviews.decide(tx, number, "dismissed", now, who="reply")
            signups.confirm(tx, number, row["text"], row["id"], now)
            suppress.remove(tx, number, now, own=True, exact_wording=row["text"], inbound_id=row["id"])
        case "help":
            _answer(tx, "help", row, reply_to, found, acting, HELP_AGAIN, now)
        case _:
            said_yes = reply_to is not None and is_yes(row["text"], acting.keywords)
            if said_yes and signups.confirm(tx, number, row["text"], row["id"], now, asked_by=reply_to):
                return Acted(found)
            return Acted(found, moved=_sign_up(tx, row, reply_to, acting, now))
    return Acted(found, moved=True)


def _answer(
    tx: Tx,
    kind: Kind,
    row: dict[str, Any],
    reply_to: int | None,
    found: Verdict,
    acting: Acting,
    again: timedelta,
    now: datetime,
) -> None:
    """Answer from the SIM that the reply came to, unless such an answer went out lately or nobody waits for one."""
    number = str(row["originator"])
    if row["old"] or row["iccid"] is None or answers.is_own(tx, number):
        return
    since = now - again if kind != "opted_out" else max(now - again, suppress.opted_in_at(tx, number, now - again))
    if answers.answered(tx, number, kind, since):
        return
    if answers.answered(tx, number, None, now - timedelta(days=1)) >= ANSWERS_A_DAY:
        return
    speaking = acting.keywords.answers
    language = speaking.language(found.language, answers.text_of(tx, reply_to), acting.country)
    text = speaking.text(kind, language, acting.brand, acting.signature, acting.contact)
    message_class = MessageClass.CONVERSATION if kind == "help" else MessageClass.TRANSACTIONAL  # who opted out may ask
    answer = answers.Answer(number, kind, text, now + ANSWER_WITHIN, row["iccid"], message_class=message_class)
    message_id = answers.say(tx, answer, now)
    record(tx, "message.accepted", now, message_id=message_id, automatic=kind, inbound_id=row["id"])


def _sign_up(tx: Tx, row: dict[str, Any], reply_to: int | None, acting: Acting, now: datetime) -> bool:
    """Ask whoever wrote one of the owner's words for it whether he means it; whether that was asked."""
    word = None if row["old"] or row["iccid"] is None else signups.word_of(tx, row["text"])
    number = str(row["originator"])
    if word is None or answers.is_own(tx, number):
        return False
    if answers.answered(tx, number, None, now - timedelta(days=1)) >= ANSWERS_A_DAY:
        return False
    proof = {"method": "sms_keyword", "exact_wording": word["wording"], "reply": row["text"], "inbound_id": row["id"]}
    last = answers.text_of(tx, reply_to) or row["text"]
    asking = signups.Asking(
        acting.keywords.answers,
        acting.keywords.answers.language(None, last, acting.country),
        acting.brand,
        acting.signature,
        row["iccid"],
    )
    proof["brand"] = acting.brand
    return signups.ask(tx, number, (word["purpose"],), proof, asking, now) == "asked"
