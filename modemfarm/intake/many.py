"""Does to many messages what a person asked: cancel, edit, send again, resolve; repeated, it sends nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from modemfarm.errors import BadFieldError, SubmitError
from modemfarm.intake.again import RETRIABLE, retry
from modemfarm.intake.bulk import WRITING_S, Run
from modemfarm.intake.draft import IntakeSettings
from modemfarm.intake.edit import edit
from modemfarm.model import MessageState
from modemfarm.store import actions, audit, locks
from modemfarm.store.engine import Tx
from modemfarm.store.messages import claim_retry, state_of
from modemfarm.store.selecting import Which, ids

PAGE = 20_000  # ids read at once
TOLD = 100  # messages that nothing was done about, by name
TAKEN = 50  # on a server, messages of one transaction: all are taken before what the first of them is charged to

Act = Callable[[Tx, int, datetime], str | None]  # None: done; else why not

CANCELS = ("scheduled", "held", "queued", "sending")
RETRIES = ("failed", "undelivered", "expired")  # what nobody took back and did not arrive
RESOLVES = ("unknown",)
STATES = {"cancel": CANCELS, "edit": CANCELS, "retry": RETRIES, "resolve": RESOLVES}  # meant where none is named
MAY = {"cancel": CANCELS, "edit": CANCELS, "retry": RETRIABLE, "resolve": RESOLVES}  # may be named


@dataclass(slots=True)
class Done:
    """What came of it.

    Attributes:
        not_done: the first hundred that were meant and stayed as they were: id, state and why.
        more: some are left because of the limit.
        last: the newest that was looked at; what is left is newer.
    """

    count: int = 0
    not_done: list[dict[str, object]] = field(default_factory=list)
    more: bool = False
    last: int = 0


def do(
    look: Run,
    run: Run,
    act: Act,
    which: Which,
    clock: Callable[[], datetime],
    *,
    most: int | None = None,
    after: int = 0,
) -> Done:
    """Act on each message that is meant, in transactions of 10 ms.

    Args:
        look: calls a store function in a read transaction.
        run: the same in a write transaction.
        most: leave the others for the next time.
        after: only what is newer than this one: where the last time ended.
    """
    done = Done(last=after)
    while True:
        found: list[int] = look(ids, which, after, PAGE)
        at = 0
        while at < len(found):
            room = None if most is None else most - done.count
            if room == 0:
                done.more = True
                return done
            looked, acted, left = run(_some, found[at:], act, room, clock())
            at += looked
            done.last = found[at - 1]
            done.count += acted
            done.not_done += left[: TOLD - len(done.not_done)]
        if len(found) < PAGE:
            return done
        after = found[-1]


def note(tx: Tx, who: str, what: str, count: int, now: datetime) -> None:
    """Write into the audit who did what to how many."""
    audit.note(tx, who, f"messages.{what}", now, count=count)


def _some(
    tx: Tx, found: Sequence[int], act: Act, room: int | None, now: datetime
) -> tuple[int, int, list[dict[str, object]]]:
    """As many as fit into one transaction's time: how many were looked at, how many done, what was not and why."""
    began, looked, acted = time.monotonic(), 0, 0
    left: list[dict[str, object]] = []
    if not tx.sqlite:
        found = found[:TAKEN]
        locks.messages(tx, found)
    for message_id in found:
        why = act(tx, message_id, now)
        looked += 1
        acted += why is None
        if why is not None and len(left) < TOLD:
            left.append({"id": message_id, "state": state_of(tx, message_id), "reason": why})
        if acted == room or time.monotonic() - began > WRITING_S:
            break
    return looked, acted, left


def cancelling(who: str) -> Act:
    """Takes back what has not left; what is on the air ends by itself."""

    def act(tx: Tx, message_id: int, now: datetime) -> str | None:
        if state_of(tx, message_id) not in CANCELS:
            return "too_late"
        state = actions.cancel(tx, message_id, now, who=who)
        return None if state is MessageState.CANCELED else "on_the_air"

    return act


def retrying(settings: IntakeSettings, states: Sequence[str]) -> Act:
    """Sends again what is still in one of `states`, each once."""

    def act(tx: Tx, message_id: int, now: datetime) -> str | None:
        if not claim_retry(tx, message_id, states):
            return "retried"
        try:
            taken = retry(tx, message_id, settings, now)
        except SubmitError as error:  # what was right then may not be so now
            return error.code
        return taken.reason.slug if taken is not None and taken.state is MessageState.REFUSED and taken.reason else None

    return act


def resolving(word: str, who: str) -> Act:
    """A person's word on each that is unknown."""

    def act(tx: Tx, message_id: int, now: datetime) -> str | None:
        if state_of(tx, message_id) not in RESOLVES:
            return "not_unknown"
        actions.resolve(tx, message_id, word == "sent", now, who=who)
        return None

    return act


def editing(changes: Mapping[str, object], settings: IntakeSettings, who: str) -> Act:
    """Changes what has not left, each checked and judged anew; what cannot be so stays as it was.

    Raises:
        BadFieldError: no text, or one with braces. What stood for a name in a batch's template is not known any more.
    """
    text = changes.get("text")
    if isinstance(text, str) and not text.strip():
        raise BadFieldError("text", "empty", "there is no text to send")
    if isinstance(text, str) and ("{" in text or "}" in text):
        what = "a text for many says the same to each: it has no names to fill in and no { or }"
        raise BadFieldError("text", "placeholders", what)

    def act(tx: Tx, message_id: int, now: datetime) -> str | None:
        try:
            edit(tx, message_id, changes, settings, now, who=who)
        except SubmitError as error:
            return error.code
        return None

    return act


def acting(
    what: str,
    states: Sequence[str],
    settings: IntakeSettings,
    *,
    word: str = "",
    changes: Mapping[str, object] | None = None,
    who: str = "",
) -> Act:
    """What `cancel`, `edit`, `retry` or `resolve` does to one message.

    Raises:
        BadFieldError: changes that no message can have.
    """
    if what == "cancel":
        return cancelling(who)
    if what == "edit":
        return editing(changes or {}, settings, who)
    return resolving(word, who) if what == "resolve" else retrying(settings, states)


def meant(what: str, states: Sequence[str] = (), **those: object) -> Which:
    """Which messages one of `cancel`, `edit`, `retry`, `resolve` is about.

    Raises:
        BadFieldError: a state in which nothing can be done so.
    """
    wrong = [state for state in states if state not in MAY[what]]
    if wrong:
        raise BadFieldError("state", "out_of_range", f"{what} is for {', '.join(MAY[what])}, not {', '.join(wrong)}")
    return Which(tuple(states) or STATES[what], once=what == "retry", **those)  # type: ignore[arg-type]  # by name
