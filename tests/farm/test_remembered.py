"""What is known of cards, PINs, resets and states, under two names and after a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemfarm.errors import StoreError
from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.snapshots import AT_ONCE
from modemfarm.model import ModemState, Received, SimSettings
from modemfarm.modem.journal import ModemStatus, NoPin, SimSeen
from modemfarm.store.engine import Tx
from tests.farm.benches import CARD, IMEI, PATH, Bench, on_bench
from tests.store.tools import INBOUND, OTHER, RULES, SIM, accepted, deliver_pdu, uncertain


def test_a_card_known_by_another_name_keeps_it_everywhere(tmp_path: Path) -> None:
    alias = SimSeen("imsi:460001234567890", "460001234567890", None, None)

    async def script(one: Bench) -> None:
        await one.journal.sim_seen(PATH, None, alias)
        old = deliver_pdu("hello", at=one.clock.now().replace(year=2004))
        for _ in range(2):
            got = Received(old, "", alias.iccid, None, one.clock.now(), memory="SM", index=2)
            await one.journal.received(got)
            await one.journal.emptied(alias.iccid, "SM", 2)
        assert await one.value("SELECT count(*) FROM inbound WHERE iccid = :iccid", iccid=SIM) == 2
        await one.add()
        part = await one.journal.claim(alias.iccid, PATH)
        assert part.iccid == SIM
        await one.journal.submitting(part)
        await one.journal.settle(part.attempt_id, alias.iccid, uncertain("timeout", one.clock.now()))
        assert one.journal.dispatcher.failures == {SIM: 1}

    on_bench(tmp_path, script)


def test_an_attempt_in_doubt_is_listened_for_and_told_late(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        number = await one.add()
        part = await one.journal.claim(SIM, PATH)
        await one.journal.submitting(part)
        await one.journal.settle(part.attempt_id, SIM, uncertain("port_lost", one.clock.now()))
        pending = await one.journal.pending(PATH)
        assert pending is not None
        assert (pending.attempt_id, pending.iccid) == (part.attempt_id, SIM)
        assert pending.listen_until > one.clock.now()
        await one.journal.settle(pending.attempt_id, pending.iccid, accepted(9, one.clock.now(), late=True))
        assert await one.state(number) == "sent"
        assert await one.journal.pending(PATH) is None

    on_bench(tmp_path, script)


def test_a_pin_is_given_out_once_until_it_worked(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        assert await one.journal.pin_allowed(SIM, None, PATH, 3) == "1234"
        assert await one.journal.pin_allowed(SIM, None, PATH, 2) == NoPin("pin_blocked")  # also after a restart
        await one.journal.pin_worked(SIM, None, PATH, True)
        assert await one.journal.pin_allowed(SIM, None, PATH, 3) == "1234"
        assert await one.journal.pin_allowed(None, "490154203237518", PATH, 3) == "9999"
        assert await one.journal.pin_allowed(OTHER, None, "/dev/x", 3) == NoPin("pin_unknown")

    on_bench(tmp_path, script, sims={SIM: SimSettings(SIM, pin="1234")}, pins={"490154203237518": "9999"})


def test_a_restarted_daemon_remembers_resets_and_cards(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        assert not await one.journal.sim_seen(PATH, IMEI, CARD)
        for _ in range(6):
            assert await one.journal.may_reset(SIM)
            await asyncio.sleep(60)
        assert not await one.journal.may_reset(SIM)
        again = FarmJournal(one.offload, FarmSettings("here"), one.clock.now, "run 2", INBOUND, RULES)
        assert not await again.may_reset(SIM)
        assert not await again.sim_seen(PATH, IMEI, CARD)
        assert await again.sim_seen(PATH, IMEI, SimSeen(OTHER, None, None, None))

    on_bench(tmp_path, script)


def test_states_that_last_repairs_and_warnings_are_events_once_each(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        now = one.clock.now()
        working = ModemStatus(PATH, ModemState.WORKING, "ready", now, imei=IMEI)
        gone = replace(working, state=ModemState.GONE, sentence="gone")
        repair = replace(
            working, state=ModemState.RECOVERING, sentence="repairing_radio", params={"cause": "no_answer"}
        )
        warned = replace(working, warning="under_voltage", warned_at=now)
        for status in (working, repair, repair, working, warned, warned, gone, working):
            await one.journal.status(status)
            await one.journal.flush_statuses()
        with one.store.read() as tx:
            found = tx.all("SELECT kind, data FROM events WHERE subject = :path ORDER BY id", path=PATH)
            row = tx.one("SELECT warning, voltage_mv FROM modems WHERE path = :path", path=PATH)
        kinds = [event["kind"] for event in found]
        assert kinds == ["modem.working", "modem.reset", "modem.warned", "modem.gone", "modem.working"]
        assert all(json.loads(event["data"])["imei"] == IMEI for event in found)
        assert row is not None
        assert row["warning"] == "under_voltage"  # a later session that was not warned does not wipe it

    on_bench(tmp_path, script)


def test_an_event_whose_commit_failed_is_recorded_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(one: Bench) -> None:
        write = one.offload.bulk

        async def fails(work: Callable[..., Any], *args: Any) -> Any:
            def undone(tx: Tx, *given: Any) -> None:
                work(tx, *given)
                raise StoreError("the disk is full")

            return await write(undone, *args)

        await one.journal.status(ModemStatus(PATH, ModemState.WORKING, "ready", one.clock.now(), imei=IMEI))
        with monkeypatch.context() as patched:
            patched.setattr(one.offload, "bulk", fails)
            await one.journal.flush_statuses()
        assert one.store.look(_kinds) == []
        await one.journal.flush_statuses()
        assert one.store.look(_kinds) == ["modem.working"]

    on_bench(tmp_path, script)


def _kinds(tx: Tx) -> list[str]:
    return [row["kind"] for row in tx.all("SELECT kind FROM events WHERE subject = :path ORDER BY id", path=PATH)]


def test_the_snapshots_of_a_large_farm_let_the_wire_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(one: Bench) -> None:
        write, pieces = one.offload.bulk, []

        async def third_fails(work: Callable[..., Any], statuses: list[ModemStatus], *args: Any) -> Any:
            pieces.append(len(statuses))
            if len(pieces) == 3:
                raise StoreError("the disk is full")
            return await write(work, statuses, *args)

        monkeypatch.setattr(one.offload, "bulk", third_fails)
        for at in range(100):
            await one.journal.status(ModemStatus(f"/dev/tty{at}", ModemState.WORKING, "ready", one.clock.now()))
        await one.journal.flush_statuses()
        assert one.store.look(_modems) == 2 * AT_ONCE
        await one.journal.flush_statuses()
        assert one.store.look(_modems) == 100
        assert max(pieces) == AT_ONCE < 20

    on_bench(tmp_path, script)


def _modems(tx: Tx) -> int:
    return int(tx.value("SELECT count(*) FROM modems WHERE path LIKE '/dev/tty%'"))
