"""Ports that are only listened to, SIMs that are parked or rest: receiving goes on, nothing is sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from modemfarm.model import ClaimedPart, Evidence, ModemState, Outcome
from modemfarm.modem.journal import GoOn, Parked, Pending, Repair
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedPort, make_part
from tests.modem.playing import play, wait_for


def test_a_port_with_an_open_attempt_is_only_listened_to() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await asyncio.sleep(60)
        assert port.writes == []
        port.say("+CMGS: 41||OK")
        await asyncio.sleep(1)
        assert port.writes != []

    async def before() -> None:
        journal.open_attempt = Pending(77, journal.clock.now(), journal.clock.now() + timedelta(seconds=120))

    async def whole(journal: FakeJournal, supervisor: Supervisor) -> None:
        await script(journal, supervisor)

    original = journal.pending

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        await before()
        return await original(path, imei)

    journal.pending = pending  # type: ignore[method-assign]
    play(port, journal, whole)
    attempt, outcome = journal.outcomes[0]
    assert (attempt, outcome.evidence, outcome.mr, outcome.late) == (77, Evidence.ACCEPTED, 41, True)


def test_a_result_that_the_port_held_belongs_to_the_open_attempt() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.say("+CMGS: 41||OK")

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        await asyncio.sleep(0.1)  # the database takes its time, the port does not
        return Pending(77, journal.clock.now(), journal.clock.now() + timedelta(seconds=120), "8986001234567890123")

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await asyncio.sleep(5)
        assert port.writes != []  # the listening ended at once

    journal.pending = pending  # type: ignore[method-assign]
    play(port, journal, script)
    attempt, outcome = journal.outcomes[0]
    assert (attempt, outcome.evidence, outcome.mr, outcome.late) == (77, Evidence.ACCEPTED, 41, True)


def test_listening_ends_at_its_time() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        return Pending(77, None, journal.clock.now() + timedelta(seconds=30))

    journal.pending = pending  # type: ignore[method-assign]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await asyncio.sleep(29)
        assert port.writes == []
        while supervisor.status.sentence != "ready":
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert journal.outcomes == []


def test_an_error_ends_the_listening_too() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        return Pending(77, None, journal.clock.now() + timedelta(seconds=120))

    journal.pending = pending  # type: ignore[method-assign]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await asyncio.sleep(5)
        port.say("+CMS ERROR: 42")
        await asyncio.sleep(2)
        assert port.writes != []

    play(port, journal, script)
    assert journal.outcomes[0][1].evidence is Evidence.REFUSED
    assert journal.outcomes[0][1].code == 42


def test_a_parked_sim_goes_on_receiving() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.after = lambda outcome: Parked("operator")
    journal.add(make_part(1))
    port.slots[4] = "0791"

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not journal.outcomes:
            await asyncio.sleep(0.1)
        port.say('+CMTI: "SM",4')
        await asyncio.sleep(1)
        assert supervisor.status.sentence == "sim_parked"
        assert [received.index for received in journal.inbound] == [4]

    play(port, journal, script)


def test_a_parked_sim_gives_back_what_was_claimed_meanwhile_and_gets_in_step() -> None:
    class Farm(FakeJournal):
        async def release(self, part: ClaimedPart) -> None:
            self.released.append(part.attempt_id)  # for another SIM

    port, journal = ScriptedPort(), Farm()
    port.result = "ERROR"
    journal.after = lambda outcome: Parked("sim_uncertain")
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not journal.outcomes:
            await asyncio.sleep(0.01)
        await asyncio.sleep(5)
        assert "AT+CSQ" in port.heard[next(at for at, line in enumerate(port.heard) if "+CMGS" in line) :]
        assert supervisor.status.sentence == "sim_parked"

    play(port, journal, script)
    assert journal.released == [2]
    assert len(port.bodies) == 1


def test_repair_starts_the_modem_over() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result = "+CMS ERROR: 500"
    journal.after = lambda outcome: GoOn() if second.heard else Repair("device")
    journal.add(make_part(1), make_part(2))
    play([first, second], journal, wait_for(2))
    assert len(first.bodies) == len(second.bodies) == 1


def test_not_before_is_kept() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = "+CMS ERROR: 42"
    journal.after = lambda outcome: GoOn(journal.clock.now() + timedelta(seconds=30))
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(2))
    first, second = (outcome for _, outcome in journal.outcomes)
    assert second.ctrl_z_at is not None
    assert (second.ctrl_z_at - first.at).total_seconds() >= 30


def test_a_rest_after_refusals_is_said_until_it_is_over() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    def after(outcome: Outcome) -> GoOn:
        if len(journal.outcomes) > 1:
            return GoOn()
        return GoOn(journal.clock.now() + timedelta(seconds=180), 3, "CMS 302")

    journal.after = after
    port.result = ["+CMS ERROR: 302", lambda port: f"+CMGS: {port.mr}|OK"]
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "resting":
            await asyncio.sleep(0.1)
        told = supervisor.status
        assert told.state is ModemState.RECOVERING
        assert (told.params["count"], told.params["code"]) == (3, "CMS 302")
        await asyncio.sleep(150)
        assert supervisor.status.sentence == "resting"
        await asyncio.sleep(60)
        assert supervisor.status.sentence == "ready"
        journal.add(make_part(2))
        await wait_for(2)(journal, supervisor)

    play(port, journal, script)
