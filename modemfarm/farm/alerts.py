"""Decides what a person is told of, and words it: facts and what was told before in, notices out; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from modemfarm import wording

# cause -> how long it has to stand before anybody is told
HOLDS: Mapping[str, timedelta] = {
    "modem_offline": timedelta(minutes=10),
    "sim_parked": timedelta(0),
    "no_modem_ready": timedelta(minutes=5),  # a restart of the only modem takes up to two
    "queue_stuck": timedelta(minutes=15),
    "low_balance": timedelta(0),
}
LEAST_APART = timedelta(hours=1)
REPEATS = (LEAST_APART, timedelta(hours=4), timedelta(days=1))  # the last one goes on
REPEATED_FOR = timedelta(days=7)  # who has not acted by then does not want to hear more
_NAMED = 3  # of one cause in one notice
_LONGEST = 400  # characters: six parts at most

RAISED, RESOLVED, TEST = "alert.raised", "alert.resolved", "alert.test"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that stands now.

    Attributes:
        subject: ICCID or modem path; "" where it is the whole farm.
        began: since when as far as the rows say; None: since it was first seen.
        renewed: it began anew then, whatever was seen before.
        params: fill the sentence ``alert.<cause>``.
    """

    cause: str
    subject: str = ""
    began: datetime | None = None
    renewed: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Known:
    """A fact that was seen before."""

    since: datetime
    told: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """When a cause was told last, and how often in a row with nothing new in it."""

    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: everything under one cause.

    Attributes:
        kind: `RAISED`, `RESOLVED` or `TEST`.
        items: subject and parameters of each.
    """

    kind: str
    cause: str
    items: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to tell, and what to remember."""

    notices: tuple[Notice, ...]
    facts: Mapping[tuple[str, str], Known]
    causes: Mapping[str, Told]


def decide(
    seen: Sequence[Fact], facts: Mapping[tuple[str, str], Known], causes: Mapping[str, Told], now: datetime
) -> Decision:
    """What a person is told now.

    Args:
        facts: by cause and subject, what was remembered at the last look.
        causes: by cause, when it was told last.
    """
    kept = {(fact.cause, fact.subject): _known(fact, facts.get((fact.cause, fact.subject)), now) for fact in seen}
    after = dict(causes)
    notices: list[Notice] = []
    for cause, hold in HOLDS.items():
        ripe = [
            fact
            for fact in seen
            if fact.cause == cause and hold <= now - kept[cause, fact.subject].since <= REPEATED_FOR
        ]
        told = _in_the_past(causes.get(cause), now)
        news = any(kept[cause, fact.subject].told is None for fact in ripe)
        if ripe and _due(told, news=news, now=now):
            times = 1 if news or told is None else told.times + 1
            after[cause] = Told(now, times)
            for fact in ripe:
                kept[cause, fact.subject] = Known(kept[cause, fact.subject].since, now)
            notices.append(
                Notice(
                    RAISED,
                    cause,
                    tuple((fact.subject, _with_minutes(fact, kept[cause, fact.subject], now)) for fact in ripe),
                )
            )
        over = [key for key, known in facts.items() if key[0] == cause and key not in kept and known.told is not None]
        if over:
            notices.append(Notice(RESOLVED, cause, tuple((subject, {}) for _, subject in over)))
    return Decision(tuple(notices), kept, after)


def _known(fact: Fact, before: Known | None, now: datetime) -> Known:
    if before is None:
        return Known(min(moment for moment in (fact.began, now) if moment is not None))
    if fact.renewed is not None and fact.renewed > before.since:
        return Known(min(fact.renewed, now))
    return before


def _in_the_past(told: Told | None, now: datetime) -> Told | None:
    """A clock that was set back must not silence everything until it comes there again."""
    return told if told is not None and told.at <= now else None


def _due(told: Told | None, *, news: bool, now: datetime) -> bool:
    if told is None:
        return True
    wait = LEAST_APART if news else REPEATS[min(told.times, len(REPEATS)) - 1]
    return now - told.at >= wait


def _with_minutes(fact: Fact, known: Known, now: datetime) -> Mapping[str, Any]:
    return {**fact.params, "minutes": int((now - known.since).total_seconds() // 60)}


def worded(notice: Notice, farm: str, lang: str) -> str:
    """One notice as a person reads it, in one line that begins with the farm's name."""
    slug = "test" if notice.kind == TEST else notice.cause + ("_over" if notice.kind == RESOLVED else "")
    said = [_said(slug, params, lang) for _, params in notice.items[:_NAMED]]
    more = len(notice.items) - _NAMED
    if more > 0:
        said.append(wording.say("alert.more", {"n": more}, lang))
    text = f"{farm}: {' '.join(said)}"
    # a modem's or an operator's words may be in it: nothing that a terminal, a header or a program could stumble over
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


_FIRST = re.compile(r"(?<=[.。])\s*(?=\S)")


def _said(slug: str, params: Mapping[str, Any], lang: str) -> str:
    spoken = dict(params)
    if "sentence" in params:
        what = wording.say(f"modem.{params['sentence']}", wording.spoken(params["of"], lang), lang)
        spoken["what"] = _FIRST.split(what, 1)[0]  # what will be tried next stands on the page
    if "reason" in params:
        spoken["why"] = wording.say(f"sim.{params['reason']}", wording.spoken(params["of"], lang), lang)
    return wording.say(f"alert.{slug}", spoken, lang)
