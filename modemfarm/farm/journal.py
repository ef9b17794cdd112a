"""Implements what sessions need (`modem/journal.py`) on the store: every answer comes after its commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from modemfarm.errors import StoreError
from modemfarm.farm.choosing import Presence
from modemfarm.farm.dispatcher import Dispatcher
from modemfarm.farm.lanes import SimFacts, sim_facts
from modemfarm.farm.registrations import Registrations
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.settling import SettlingRules, settle
from modemfarm.farm.snapshots import Snapshots
from modemfarm.inbound.calls import called
from modemfarm.inbound.receive import InboundSettings, Understood, receive
from modemfarm.model import ClaimedPart, MissedCall, ModemState, Outcome, Received, mask
from modemfarm.modem.journal import After, Centre, Go, GoOn, ModemStatus, NoPin, Pending, SimSeen, Stop
from modemfarm.modem.ladder import RESETS_A_DAY
from modemfarm.store import counters, hosts, inbox, pins, queue, remembered, sims, steps
from modemfarm.store.engine import Row, Tx, from_us
from modemfarm.store.offload import Offload
from modemfarm.store.permits import Permit
from modemfarm.store.reports import RESULT_WITHIN
from modemfarm.store.sealing import SealError

log = logging.getLogger(__name__)

T = TypeVar("T")
STORE_AGAIN_S = 1.0
STATUS_EVERY_S = 0.5


class FarmJournal:
    """Durable truth for the sessions of this host."""

    def __init__(
        self,
        offload: Offload,
        settings: FarmSettings,
        now: Callable[[], datetime],
        instance: str,
        inbound: InboundSettings,
        rules: SettlingRules,
    ) -> None:
        self._offload, self._settings = offload, settings
        self.keeps_order = offload.sqlite  # one writer commits in order, those of a server do not
        self._now = now
        self._instance = instance
        self._inbound = inbound
        self._rules = rules
        self._snapshots = Snapshots(offload, settings.host, now)
        self._families: dict[str, str] = {}  # by path
        self._sims: dict[str, Row] = {}  # as the database has them
        self._places: dict[str, str] = {}  # path -> USB path
        self._here: dict[str, str] = {}  # path -> ICCID
        self._pins: dict[str, str] = {}  # path -> the digest of the PIN that is being tried there
        self._alias: dict[str, str] = {}  # a card as a session calls it -> as it was known before
        self._facts: dict[str, SimFacts] = {}
        self._unsettled: set[tuple[int, int]] = set()  # (part, attempt) whose step 3 may be committed, not sent
        self.resting: dict[str, datetime] = {}  # SIMs that were refused, until when they rest
        self.store_down_since: datetime | None = None
        self._ending = False
        self.elsewhere: frozenset[str] = frozenset()  # SIMs in modems of other hosts
        self.leads = True  # this host does what one does for all
        self.registrations = Registrations(settings)
        self.dispatcher = Dispatcher(offload, settings, now, self.presence, self.facts, instance)

    # what the dispatcher asks

    def presence(self) -> Mapping[str, Presence]:
        """How every known SIM stands now."""
        here = set(self._here.values())
        now = self._now()
        found: dict[str, Presence] = dict.fromkeys(here | self.elsewhere, Presence.HERE)
        for iccid, row in self._sims.items():
            if row["state"] == "parked" or self.registrations.forbids(iccid):
                found[iccid] = Presence.PARKED
            elif row["state"] == "paused":
                found[iccid] = Presence.PAUSED
            elif iccid not in here and iccid not in self.elsewhere:
                seen = row["seen_at"]
                recent = seen is not None and now - from_us(seen) < self._settings.sim_grace
                found[iccid] = Presence.HERE if recent else Presence.AWAY
        return found

    def facts(self, iccid: str) -> SimFacts:
        """Plan, owner and names of one SIM."""
        if iccid not in self._facts:
            self._facts[iccid] = sim_facts(iccid, self._settings, self._sims.get(iccid))
        return self._facts[iccid]

    def refresh_sims(self, rows: list[Row], elsewhere: frozenset[str] | None = None) -> None:
        """Take over what the database says about the SIMs; asked for once a second and after each change."""
        fresh = {row["iccid"]: row for row in rows}
        self.elsewhere = self.elsewhere if elsewhere is None else elsewhere
        if fresh != self._sims:
            self._sims = fresh
            self._facts.clear()
            self.dispatcher.wake()

    def labels(self, iccid: str | None) -> bool:
        """Whether this host says what a message waits for: of its own SIMs, and one host of all that is nobody's."""
        if iccid in self.elsewhere:
            return False
        return self.leads or iccid in self._here.values()

    def names(self) -> Mapping[str, frozenset[str]]:
        """What a sender may call each SIM that is configured or was ever seen."""
        return {iccid: self.facts(iccid).names for iccid in {*self._settings.sims, *self._sims}}

    @property
    def grace(self) -> timedelta:
        """How long a SIM may be away before others take its contacts over."""
        return self._settings.sim_grace

    def here(self) -> frozenset[str]:
        """The SIMs that are in a modem now."""
        return frozenset(self._here.values())

    def ready(self) -> frozenset[str]:
        """The SIMs that are in a modem now, of any host, and may send."""
        return frozenset(iccid for iccid in {*self._here.values(), *self.elsewhere} if self.sim_sends(iccid))

    def sim_sends(self, iccid: str) -> bool:
        """Whether a SIM may send: neither paused nor parked."""
        row = self._sims.get(iccid)
        return (row is None or row["state"] in ("active", "absent")) and not self.registrations.forbids(iccid)

    # the protocol of sessions

    def parked(self, iccid: str) -> str:
        """Why a SIM is parked; "" where it is not."""
        row = self._sims.get(self._alias.get(iccid, iccid))
        return str(row["reason"] or "") if row is not None and row["state"] == "parked" else ""

    async def pending(self, path: str, imei: str | None = None) -> Pending | None:  # noqa: ARG002 - asked before any dialogue
        """The open attempt of a port, if its result could still come."""
        within = self._settings.result_within or RESULT_WITHIN
        row = await self._until_stored(hosts.open_attempt, self._settings.host, path, self._now(), within)
        if row is None:
            return None
        sent_at = from_us(row["ctrl_z_at"] or row["submitting_at"])
        # What its own session waited for to the end is still attributed, and no longer waited for.
        until = from_us(row["ended_at"]) if row["detail"] == "timeout" else sent_at + within
        return Pending(row["id"], None if row["ctrl_z_at"] is None else sent_at, until, row["iccid"])

    async def status(self, status: ModemStatus) -> None:
        """Keep a modem's snapshot; `write_statuses` brings it to the database."""
        self._snapshots.keep(status)
        if status.family:
            self._families[status.path] = status.family
        if status.usb_path:
            self._places[status.path] = status.usb_path
        if status.iccid is not None:
            self.registrations.saw(self._alias.get(status.iccid, status.iccid), status.registration, self._now())
        if status.state is ModemState.GONE or (status.iccid is None and status.path in self._here):
            iccid = self._here.pop(status.path, None)
            if iccid is not None:
                await self._until_stored(sims.gone, iccid, status.path, self._now())

    async def sim_seen(self, path: str, imei: str | None, sim: SimSeen) -> bool:
        """Enter a card; one that was known by its IMSI alone keeps the name that it has."""
        iccid, swapped = await self._until_stored(self._enter_sim, path, imei, sim)
        if iccid != sim.iccid:
            self._alias[sim.iccid] = iccid
        self._here[path] = iccid
        self._facts.pop(iccid, None)
        self.refresh_sims(await self._until_stored(sims.all_sims))
        log.info("%s: SIM %s", path, iccid)
        return swapped

    def _enter_sim(self, tx: Tx, path: str, imei: str | None, sim: SimSeen) -> tuple[str, bool]:
        iccid = sims.seen(
            tx,
            sim.iccid,
            self._now(),
            imsi=sim.imsi,
            number=sim.number,
            smsc=sim.smsc or None,
            path=path,
            host=self._settings.host,
        )
        if imei is None:
            return iccid, False
        place = remembered.Place(self._settings.host, path, self._places.get(path))
        return iccid, remembered.card(tx, imei, place, iccid, self._now())

    async def may_reset(self, sim: str) -> bool:
        """Whether the modem with this SIM may be restarted once more today; counts it durably."""
        sim = self._alias.get(sim, sim)
        may: bool = await self._until_stored(remembered.may_reset, sim, RESETS_A_DAY, self._now())
        return may

    async def centre(self, iccid: str) -> Centre | None:
        """The configured service centre of a card, else the last one seen there."""
        iccid = self._alias.get(iccid, iccid)
        said = self._settings.sims.get(iccid)
        if said is not None and said.smsc:
            return Centre(said.smsc, wanted=True)
        seen = self._sims[iccid]["smsc"] if iccid in self._sims else None
        return Centre(seen) if seen else None

    async def pin_allowed(self, iccid: str | None, imei: str | None, path: str, tries_left: int) -> str | NoPin:
        """The PIN to try once, with its ledger row committed; or why none is tried. config.yaml wins."""
        configured = self._settings.sims.get(iccid or "")
        pin = configured.pin if configured else None
        pin = pin or self._settings.pins.get(imei or "") or self._settings.pins.get(path)
        card, secret = pins.ledger_name(iccid, imei, path), self._offload.secret
        try:
            pin = pin or await self._until_stored(pins.entered, secret, iccid, imei, path)
            if pin is None:
                return NoPin("pin_unknown")
            trying = await self._until_stored(pins.may_try, secret, card, pin, tries_left, self._now())
        except SealError as error:
            log.error("%s: %s", path, error)  # noqa: TRY400 # its words say it all
            return NoPin("pin_sealed")
        if trying is None:
            return NoPin("pin_blocked")
        self._pins[path] = trying
        return pin

    async def pin_worked(self, iccid: str | None, imei: str | None, path: str, worked: bool) -> None:
        """Write how the PIN did."""
        card = pins.ledger_name(iccid, imei, path)
        await self._until_stored(pins.settle, card, self._pins.pop(path), worked, self._now())

    async def claim(self, iccid: str, path: str) -> ClaimedPart:
        """Wait for this SIM's next part; a paused or parked SIM waits until it may send again."""
        iccid = self._alias.get(iccid, iccid)
        while not self.sim_sends(iccid):  # noqa: ASYNC110 # rows change it, and no one here tells
            await asyncio.sleep(0.5)
        return await self.dispatcher.claim(iccid, path)

    async def release(self, part: ClaimedPart) -> None:
        """Give a part back that never reached step 3."""
        await self._until_stored(queue.give_back, part.part_id, part.attempt_id, self._now())
        self.dispatcher.ended(part.attempt_id)

    def _permit(self, part: ClaimedPart) -> Permit:
        facts, now, ceiling = self.facts(part.iccid), self._now(), self._settings.ceiling
        return Permit(
            part_id=part.part_id,
            attempt_id=part.attempt_id,
            owner=facts.owner,
            per_minute=facts.plan.per_minute,
            per_hour=facts.plan.per_hour,
            shared=facts.owner != part.iccid,
            day=counters.day_start(facts.plan, now),
            farm_day=counters.day_start(ceiling.days, now) if ceiling else None,
            transactional_after_opt_out=self._settings.transactional_after_opt_out,
            clock_trusted=self.dispatcher.clock_trusted,
            host=self._settings.host,
            instance=self._instance,
        )

    async def submitting(self, part: ClaimedPart) -> Go | Stop:
        """Step 3, durable when it answers Go. Where the store fails nothing is sent; the part is given back later."""
        return await self._ask(steps.submitting, part)

    async def recheck(self, part: ClaimedPart) -> Go | Stop:
        """The question of step 3 again, with the prompt open."""
        return await self._ask(steps.recheck, part)

    async def _ask(self, step: Callable[..., str | None], part: ClaimedPart) -> Go | Stop:
        try:
            against = await self._offload.run(step, self._permit(part), self._now())
        except StoreError as error:
            self._is_down(error)
            self._unsettled.add((part.part_id, part.attempt_id))  # its commit may have happened all the same
            return Stop("store")
        if against is None:
            return Go(self._now())
        if against.startswith("sim_"):  # or it would be claimed for that SIM again until the next look at the rows
            self.refresh_sims(await self._until_stored(sims.all_sims))
        self.dispatcher.ended(part.attempt_id)
        return Stop(against)

    async def settle(self, attempt_id: int, iccid: str, outcome: Outcome) -> After:
        """Write how an attempt ended; held while the store is away, and written when it is back."""
        iccid = self._alias.get(iccid, iccid)
        family = next((self._families.get(path) for path, here in self._here.items() if here == iccid), None)
        settled = await self._until_stored(settle, self._rules, self._inbound, attempt_id, family, outcome, self._now())
        if settled.sim_changed:
            self.refresh_sims(await self._until_stored(sims.all_sims))
        self.dispatcher.failures[iccid] = 0 if settled.worked else self.dispatcher.failures.get(iccid, 0) + 1
        self.dispatcher.ended(attempt_id)
        self.resting.pop(iccid, None)
        if isinstance(settled.after, GoOn) and settled.after.refusals and settled.after.not_before is not None:
            self.resting[iccid] = settled.after.not_before
        return settled.after

    async def received(self, received: Received) -> None:
        """Commit one PDU and what follows from it; held while the store is away, and its slot with it."""
        if received.iccid in self._alias:
            received = replace(received, iccid=self._alias[received.iccid])
        urgent = not received.status_report  # it may be an opt-out
        understood: Understood = await self._until_stored(receive, received, self._inbound, self._now(), urgent=urgent)
        if understood.opted_out:
            waited = (self._now() - received.at).total_seconds() * 1000
            log.info("opt-out of %s, durable %.0f ms after its last octet", mask(understood.opted_out), waited)
        if understood.moved:
            self.dispatcher.wake()

    async def called(self, call: MissedCall) -> None:
        """Commit one missed call."""
        iccid = self._alias.get(call.iccid or "", call.iccid)
        await self._until_stored(called, replace(call, iccid=iccid), self._inbound.country, self._now())

    async def emptied(self, iccid: str, memory: str, index: int) -> None:
        """A slot was seen empty: what lies in it later is a new message, however alike."""
        await self._until_stored(inbox.slot_emptied, self._alias.get(iccid, iccid), memory, index)

    async def emptied_but(self, iccid: str, memory: str, slots: Sequence[int]) -> None:
        """A memory was read to the end: every slot but these was seen empty."""
        await self._until_stored(inbox.emptied_but, self._alias.get(iccid, iccid), memory, slots)

    async def swept(self, iccid: str) -> None:
        """The stores of the modem with this SIM were read to the end."""
        await self._until_stored(sims.swept, self._alias.get(iccid, iccid), self._now())

    # what the daemon runs

    async def _until_stored(self, work: Callable[..., T], *args: Any, urgent: bool = False) -> T:
        """Repeat a guarded write until the store takes it, or the daemon ends."""
        while True:
            try:
                result: T = await (self._offload.at_once if urgent else self._offload.run)(work, *args)
            except StoreError as error:
                self._is_down(error)
                if self._ending:
                    raise asyncio.CancelledError from error
                await asyncio.sleep(STORE_AGAIN_S)
                continue
            if self.store_down_since is not None:
                log.info("the store is back after %.0f s", (self._now() - self.store_down_since).total_seconds())
                self.store_down_since = None
            return result

    def end(self) -> None:
        """Try nothing again: what the store does not take now is settled by the next start, as after a crash."""
        self._ending = True

    def _is_down(self, error: StoreError) -> None:
        if self.store_down_since is None:
            self.store_down_since = self._now()
            log.error("the store takes nothing: %s", error)

    async def give_back_unsettled(self) -> None:
        """Return the parts whose step 3 the store did not confirm: Ctrl-Z was never written for them."""
        for part_id, attempt_id in list(self._unsettled):
            await self._until_stored(queue.give_back, part_id, attempt_id, self._now())
            self._unsettled.discard((part_id, attempt_id))
            self.dispatcher.ended(attempt_id)

    async def write_statuses(self) -> None:
        """Bring modem snapshots to the database twice a second; until cancelled."""
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            await self.flush_statuses()

    async def flush_statuses(self) -> None:
        """Write the snapshots that changed since the last time."""
        try:
            await self._snapshots.flush()
        except StoreError as error:
            self._is_down(error)
