"""Looks at the farm and tells a person what needs one: by message, by a program, by a web address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from modemfarm.errors import ModemfarmError, StoreError, SubmitError
from modemfarm.farm.alerts import RAISED, TEST, Fact, Known, Notice, Told, decide, worded
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import MessageClass, MessageState
from modemfarm.store import alerts
from modemfarm.store.engine import Row, Tx, from_us
from modemfarm.store.events import record
from modemfarm.store.offload import Offload
from modemfarm.store.shapes import Terms

log = logging.getLogger(__name__)

LOOK_EVERY_S = 20.0
FIRST_LOOK_S = 60.0  # after a start every modem is still coming up
_VALID_FOR = timedelta(hours=1)  # then it is told anew, if it still stands
_FIRST = 9  # of all priorities


class WayError(ModemfarmError):
    """Nobody was told this way; its text says why."""


class Way(Protocol):
    """A program or a web address."""

    name: str

    async def tell(self, body: Mapping[str, str]) -> None:
        """Hand it on.

        Raises:
            WayError: it did not get there.
        """


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Whom to tell, and how.

    Attributes:
        sms: numbers.
        farm: what notices begin with.
        lang: of the sentences.
    """

    sms: tuple[str, ...] = ()
    farm: str = "modemfarm"
    lang: str = "en"


class Alarm:
    """Tells of what stands, at most once an hour for each cause."""

    def __init__(
        self,
        settings: AlarmSettings,
        ways: Sequence[Way],
        offload: Offload,
        terms: Terms,
        intake: IntakeSettings,
        now: Callable[[], datetime],
        wake: Callable[[], object],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settings, self._ways, self._offload = settings, tuple(ways), offload
        self._terms, self._now, self._wake, self._leads = terms, now, wake, leads
        # the owner's own people, wherever they are
        self._intake = replace(intake, allow_countries="all", short_codes=(*intake.short_codes, *settings.sms))

    @property
    def ways(self) -> tuple[str, ...]:
        """Everybody who is told."""
        return (*(f"sms {number}" for number in self._settings.sms), *(way.name for way in self._ways))

    async def run(self) -> None:
        """Until cancelled; at once over where there is nobody to tell."""
        if not self.ways:
            return
        await asyncio.sleep(FIRST_LOOK_S)
        while True:
            try:
                if self._leads():
                    await self.turn()
            except StoreError as error:
                log.warning("alerts wait for the store: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def turn(self) -> None:
        """One look; who is to be told is told before it returns."""
        notices = await self._offload.run(self._look)
        for notice in notices:
            log.warning("alert: %s", worded(notice, self._settings.farm, "en"))
        if any(notice.kind == RAISED for notice in notices):
            self._wake()
        for notice in notices:
            await self._tell(notice)

    async def test(self) -> list[dict[str, str]]:
        """Tell everybody that this is a test: for each way its name, and why it failed or "".

        Raises:
            StoreError: it cannot be written down.
        """
        notice = Notice(TEST, "test", (("", {}),))

        def work(tx: Tx) -> dict[str, str]:
            told = self._write(tx, notice)
            self._record(tx, notice)
            return told

        by_message = await self._offload.run(work)
        self._wake()
        return [{"way": way, "error": what} for way, what in (by_message | await self._tell(notice)).items()]

    def _look(self, tx: Tx) -> tuple[Notice, ...]:
        now = self._now()
        facts, causes = alerts.remembered(tx)
        before = {key: Known(since, told) for key, (since, told) in facts.items()}
        known = {cause: Told(at, times) for cause, (at, times) in causes.items()}
        decision = decide(seen(tx, self._terms, now), before, known, now)
        for key, fact in decision.facts.items():
            if before.get(key) != fact:
                alerts.keep_fact(tx, *key, fact.since, fact.told)
        alerts.forget_facts(tx, before.keys() - decision.facts.keys())
        for cause, told in decision.causes.items():
            if known.get(cause) != told:
                alerts.keep_cause(tx, cause, told.at, told.times)
        notices = tuple(self._with_names(tx, notice) for notice in decision.notices)
        for notice in notices:
            self._record(tx, notice)
            if notice.kind == RAISED:
                self._write(tx, notice)
        return notices

    def _with_names(self, tx: Tx, notice: Notice) -> Notice:
        """What is over has no row that says what it was called; it is called the same again."""
        if notice.kind == RAISED:
            return notice
        items = []
        for subject, _ in notice.items:
            row = alerts.named(tx, subject) or {"iccid": "", "label": None}
            items.append((subject, {"name": _named(row, self._terms, subject)}))
        return replace(notice, items=tuple(items))

    def _record(self, tx: Tx, notice: Notice) -> None:
        subjects = [subject for subject, _ in notice.items]
        record(tx, notice.kind, self._now(), subject=notice.cause, subjects=subjects)

    def _write(self, tx: Tx, notice: Notice) -> dict[str, str]:
        """The messages, taken in like any other; an opt-out does not stop them, a pause does."""
        text = worded(notice, self._settings.farm, self._settings.lang)
        told: dict[str, str] = {}
        for number in self._settings.sms:
            draft = Draft(
                number,
                text,
                message_class=MessageClass.EMERGENCY.value,
                purpose=alerts.PURPOSE,
                priority=_FIRST,
                valid_for=_VALID_FOR,
                report=False,
                fixed_line=True,
                confirm_emergency=True,  # the owner named these numbers for it
            )
            way, what = f"sms {number}", ""
            try:
                taken = accept(tx, draft, self._intake, self._now())
            except SubmitError as error:
                what = str(error)
            else:
                if taken is not None and taken.state is MessageState.HELD:
                    what = "paused"
            told[way] = what
            alerts.keep_outcome(tx, way, self._now(), what)
            if what:
                log.error("alert: %s: %s", way, what)
        return told

    async def _tell(self, notice: Notice) -> dict[str, str]:
        """By program and web address, side by side."""
        body = {
            "type": notice.kind,
            "cause": notice.cause,
            "subject": ", ".join(subject for subject, _ in notice.items),
            "sentence": worded(notice, self._settings.farm, self._settings.lang),
            "at": self._now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        outcomes = await asyncio.gather(*(self._by(way, body) for way in self._ways))
        return dict(zip((way.name for way in self._ways), outcomes, strict=True))

    async def _by(self, way: Way, body: Mapping[str, str]) -> str:
        what = ""
        try:
            await way.tell(body)
        except WayError as error:
            what = str(error)
            log.error("alert: %s: %s", way.name, what)  # noqa: TRY400 # the sentence says it all
        try:
            await self._offload.run(alerts.keep_outcome, way.name, self._now(), what)
        except StoreError as error:
            log.warning("alert: what came of %s is not written down: %s", way.name, error)
        return what


def seen(tx: Tx, terms: Terms, now: datetime) -> list[Fact]:
    """Everything that stands now, as the rows have it."""
    found = [
        Fact(
            "modem_offline",
            row["path"],
            None if row["since"] is None else from_us(row["since"]),
            params={"name": _named(row, terms, row["path"]), **_why("sentence", row["sentence"], row, "params")},
        )
        for row in alerts.modems_down(tx)
    ]
    for row in alerts.sims_parked(tx, now):
        why = _why("reason", row["reason"] or "parked", row, "reason_params")
        found.append(Fact("sim_parked", row["iccid"], params={"name": _named(row, terms, row["iccid"]), **why}))
    if alerts.none_ready(tx):
        found.append(Fact("no_modem_ready"))
    if alerts.waits(tx):
        found.append(Fact("queue_stuck", renewed=alerts.last_success(tx)))
    for row, amount, currency in alerts.low_credit(tx, terms):
        params = {"name": _named(row, terms, row["iccid"]), "balance": f"{amount:g}", "currency": currency}
        found.append(Fact("low_balance", row["iccid"], params=params))
    return found


def _named(row: Row, terms: Terms, otherwise: str) -> str:
    """A SIM's label where it has one, else the end of a port's path or the ICCID."""
    said = terms.sims.get(row["iccid"] or "")
    return str((said and said.label) or row["label"] or otherwise.rpartition("/")[2])


def _why(name: str, slug: str, row: Row, column: str) -> dict[str, Any]:
    return {name: slug, "of": alerts.params(row, column)}
