"""Every row of the wire table that a session decides, against a scripted modem."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from modemfarm.errors import StoreError
from modemfarm.model import ClaimedPart, Evidence, ModemState, Outcome
from modemfarm.modem.journal import Go, GoOn, Parked, Pending, Repair, Stop
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, make_part, profiles, run

Play = Callable[[FakeJournal, Supervisor], Awaitable[None]]


def play(port: ScriptedPort | list[ScriptedPort], journal: FakeJournal, script: Play, **settings: float) -> Supervisor:
    """Run one supervisor on virtual time beside a script; the script's end drains it."""

    async def main() -> Supervisor:
        ports = port if isinstance(port, list) else [port]
        supervisor = Supervisor(
            "script",
            ScriptedOpener(*ports),  # type: ignore[arg-type]
            profiles(),
            journal,
            ModemSettings(**settings),  # type: ignore[arg-type]
            journal.clock,
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(supervisor.run())
            try:
                async with asyncio.timeout(5000):
                    await script(journal, supervisor)
                async with asyncio.timeout(200):
                    await supervisor.drain()
            finally:
                serving.cancel()
        return supervisor

    return run(main())


def wait_for(count: int) -> Play:
    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while len(journal.outcomes) < count:
            await asyncio.sleep(0.1)

    return script


def only(journal: FakeJournal) -> Outcome:
    assert len(journal.outcomes) == 1, journal.outcomes
    return journal.outcomes[0][1]


def test_a_part_goes_out_pdu_and_ctrl_z_in_one_write() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    part = make_part(1)
    journal.add(part)
    play(port, journal, wait_for(1))
    outcome = only(journal)
    assert (outcome.evidence, outcome.phase, outcome.mr) == (Evidence.ACCEPTED, "submitted", 1)
    assert outcome.ctrl_z_at is not None
    assert part.pdu.hex().upper().encode() + b"\x1a" in port.writes
    assert f"AT+CMGS={part.tpdu_length}" in port.heard


def test_parts_go_back_to_back_and_the_next_is_claimed_while_one_is_on_the_air() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 3.0
    journal.add(*(make_part(number) for number in range(1, 9)))
    play(port, journal, wait_for(8))
    at = [outcome.at for _, outcome in journal.outcomes]
    on_air = sum((o.at - o.ctrl_z_at).total_seconds() for _, o in journal.outcomes[1:] if o.ctrl_z_at)
    assert on_air / (at[-1] - at[0]).total_seconds() >= 0.99
    assert len(journal.claimed) == 8


def test_the_next_part_is_claimed_before_the_result_of_the_last() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 60.0
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)
        assert len(journal.claimed) == 2
        assert journal.outcomes == []

    play(port, journal, script)
    assert journal.released == [2]
    assert only(journal).evidence is Evidence.ACCEPTED


@pytest.mark.parametrize(
    ("result", "evidence", "kind", "code", "text"),
    [
        pytest.param("+CMS ERROR: 38", Evidence.REFUSED, "cms", 38, "+CMS ERROR: 38", id="cms"),
        pytest.param("+CME ERROR: 30", Evidence.REFUSED, "cme", 30, "+CME ERROR: 30", id="cme"),
        pytest.param("ERROR", Evidence.UNCERTAIN, "error", None, "ERROR", id="bare-error"),
        pytest.param("OK", Evidence.UNCERTAIN, "", None, "ok_without_cmgs", id="ok-without-cmgs"),
        pytest.param(None, Evidence.UNCERTAIN, "", None, "timeout", id="silence"),
        pytest.param("+CMGS: 7|+CMS ERROR: 500", Evidence.ACCEPTED, "", None, "+CMGS: 7", id="accepted-then-error"),
        pytest.param("+CMGS: 7", Evidence.ACCEPTED, "", None, "+CMGS: 7", id="accepted-without-ok"),
    ],
)
def test_a_result_after_ctrl_z_is_told_as_it_is(
    result: str | None, evidence: Evidence, kind: str, code: int | None, text: str
) -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = result
    journal.add(make_part(1))
    play(port, journal, wait_for(1))
    outcome = only(journal)
    assert (outcome.evidence, outcome.kind, outcome.code, outcome.text) == (evidence, kind, code, text)
    assert outcome.phase == "submitted"


@pytest.mark.parametrize(
    ("prompt", "evidence", "kind", "code", "text"),
    [
        pytest.param("+CMS ERROR: 302", Evidence.REFUSED, "cms", 302, "+CMS ERROR: 302", id="code"),
        pytest.param("ERROR", Evidence.REFUSED, "error", None, "ERROR", id="bare-error"),
        pytest.param(None, Evidence.NOT_SENT, "", None, "no_prompt", id="no-prompt"),
        pytest.param("OK", Evidence.NOT_SENT, "", None, "no_prompt", id="ok-instead"),
    ],
)
def test_what_happens_at_the_prompt_sends_nothing(
    prompt: str | None, evidence: Evidence, kind: str, code: int | None, text: str
) -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.prompt = prompt
    journal.add(make_part(1))
    play(port, journal, wait_for(1))
    outcome = only(journal)
    assert (outcome.evidence, outcome.kind, outcome.code, outcome.text) == (evidence, kind, code, text)
    assert (outcome.phase, outcome.ctrl_z_at) == ("prompt", None)
    assert port.bodies == []


def test_the_commit_overlaps_the_wait_for_the_prompt() -> None:
    port, journal = ScriptedPort(), FakeJournal(commit_s=1.0)
    port.prompt_s = 1.0
    journal.add(make_part(1))
    began: list[float] = []
    original = journal.submitting

    async def submitting(part):  # type: ignore[no-untyped-def]
        began.append(asyncio.get_running_loop().time())
        assert "AT+CMGS" in port.heard[-1]
        return await original(part)

    journal.submitting = submitting  # type: ignore[method-assign]
    play(port, journal, wait_for(1))
    assert began
    assert journal.rechecked == []


def test_a_commit_older_than_200_ms_is_checked_again_with_the_prompt_open() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.prompt_s = 0.5
    journal.add(make_part(1))
    play(port, journal, wait_for(1))
    assert journal.rechecked == [1]
    assert only(journal).evidence is Evidence.ACCEPTED


def test_a_clock_set_back_makes_the_commit_old() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.verdict = lambda part: Go(journal.clock.now() + timedelta(hours=1))
    journal.add(make_part(1))
    play(port, journal, wait_for(1))
    assert journal.rechecked == [1]


def test_stop_at_the_recheck_leaves_the_prompt() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.prompt_s = 0.5
    journal.recheck_verdict = lambda part: Stop("opted_out") if part.attempt_id == 1 else None
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(1))
    assert [attempt for attempt, _ in journal.outcomes] == [2]
    assert len(port.bodies) == 1


def test_stop_before_ctrl_z_sends_nothing_and_the_next_part_goes() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.verdict = lambda part: Stop("paused") if part.attempt_id == 1 else None
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(1))
    assert [attempt for attempt, _ in journal.outcomes] == [2]
    assert port.bodies == [make_part(2).pdu.hex().upper()]


def test_a_commit_that_takes_longer_than_2_s_leaves_the_prompt_and_asks_for_another() -> None:
    port, journal = ScriptedPort(), FakeJournal(commit_s=5.0)
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while port.escapes < 2:  # the first one woke the modem
            await asyncio.sleep(0.05)
        assert port.bodies == []
        while not journal.outcomes:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert only(journal).evidence is Evidence.ACCEPTED
    assert [line for line in port.heard if "CMGS" in line] == [f"AT+CMGS={make_part(1).tpdu_length}"] * 2
    assert len(port.bodies) == 1


def test_a_database_that_cannot_commit_step_3_sends_nothing() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.fail_submitting = [StoreError("disk full")]
    journal.add(make_part(1))
    play(port, journal, wait_for(1))
    assert only(journal).evidence is Evidence.NOT_SENT
    assert port.bodies == []


def test_a_result_is_held_until_the_database_is_back() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.fail_settle = [StoreError("disk full")] * 10
    journal.add(make_part(1))
    play(port, journal, wait_for(1))
    assert only(journal).evidence is Evidence.ACCEPTED
    assert len(port.bodies) == 1


def test_after_a_time_out_nothing_is_submitted_before_a_recognisable_answer() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = [None, lambda port: f"+CMGS: {port.mr}|OK"]
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(2))
    assert journal.evidence() == {1: [Evidence.UNCERTAIN], 2: [Evidence.ACCEPTED]}
    submissions = [index for index, line in enumerate(port.heard) if "CMGS" in line]
    between = port.heard[submissions[0] + 1 : submissions[1]]
    assert "AT+CSQ" in between
    assert "AT+CREG?" in between


def test_a_late_acceptance_belongs_to_the_part_that_was_given_up() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = [None, lambda port: f"+CMGS: {port.mr}|OK"]
    told: list[bool] = []

    def signal(port: ScriptedPort) -> str:
        if port.bodies and not told:
            told.append(True)
            return "+CMGS: 99||OK||+CSQ: 20,99|OK"  # it came while the next command was asked
        return "+CSQ: 20,99|OK"

    port.answers["AT+CSQ"] = signal
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(3))
    assert journal.evidence()[1] == [Evidence.UNCERTAIN, Evidence.ACCEPTED]
    late = next(outcome for attempt, outcome in journal.outcomes if outcome.late)
    assert late.mr == 99
    assert journal.evidence()[2] == [Evidence.ACCEPTED]


def test_a_late_error_is_told_as_late() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = None
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)
        port.answers["AT+CSQ"] = [None, None, None, "+CSQ: 20,99|OK"]
        port.answers["AT+CREG?"] = None
        await asyncio.sleep(121)
        port.say("+CMS ERROR: 38")
        await asyncio.sleep(3)
        port.answers["AT+CREG?"] = "+CREG: 0,1|OK"
        await asyncio.sleep(30)

    play(port, journal, script)
    assert journal.evidence()[1] == [Evidence.UNCERTAIN, Evidence.REFUSED]
    assert journal.outcomes[-1][1].late


def test_a_port_pulled_on_the_air_leaves_the_part_uncertain() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result_s = 60
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not first.bodies:
            await asyncio.sleep(0.1)
        first.unplug()
        while supervisor.status.sentence != "ready":
            await asyncio.sleep(0.1)

    play([first, second], journal, script)
    outcome = only(journal)
    assert (outcome.evidence, outcome.text, outcome.phase) == (Evidence.UNCERTAIN, "port_lost", "submitted")
    assert second.bodies == []


def test_a_port_pulled_before_the_prompt_sends_nothing() -> None:
    first, journal = ScriptedPort(), FakeJournal()
    first.prompt = lambda port: port.unplug()
    journal.add(make_part(1))
    play([first, ScriptedPort()], journal, wait_for(1))
    assert (only(journal).evidence, only(journal).text) == (Evidence.NOT_SENT, "port_lost")


def test_a_modem_that_restarts_on_the_air_leaves_the_part_uncertain_at_once() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result = "RDY"
    journal.add(make_part(1))
    play([first, second], journal, wait_for(1))
    outcome = only(journal)
    assert (outcome.evidence, outcome.text) == (Evidence.UNCERTAIN, "port_lost")
    assert outcome.ctrl_z_at is not None
    assert (outcome.at - outcome.ctrl_z_at).total_seconds() < 2


def test_a_hung_modem_lets_go_of_the_part_claimed_ahead() -> None:
    class Farm(FakeJournal):
        async def release(self, part: ClaimedPart) -> None:
            self.released.append(part.attempt_id)  # for another SIM

    port, journal = ScriptedPort(), Farm()
    port.result_s = 50
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)
        await asyncio.sleep(10)
        assert journal.released == []
        await asyncio.sleep(10)
        assert journal.released == [2]
        assert journal.outcomes == []
        journal.add(make_part(3))
        while len(journal.outcomes) < 2:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert [attempt for attempt, _ in journal.outcomes] == [1, 3]


def test_draining_waits_for_the_result_and_gives_the_next_part_back() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 20
    journal.add(make_part(1), make_part(2), make_part(3))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert only(journal).evidence is Evidence.ACCEPTED
    assert journal.released == [2]
    assert len(port.bodies) == 1


def test_a_drain_that_is_cut_short_says_so() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 100
    journal.add(make_part(1))

    async def main() -> None:
        supervisor = Supervisor(
            "script",
            ScriptedOpener(port),
            profiles(),
            journal,
            ModemSettings(),
            journal.clock,  # type: ignore[arg-type]
        )
        serving = asyncio.ensure_future(supervisor.run())
        while not port.bodies:
            await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(25):
                await supervisor.drain()
        serving.cancel()
        await asyncio.wait({serving})

    run(main())
    assert (only(journal).evidence, only(journal).text) == (Evidence.UNCERTAIN, "stop")


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
    journal.after = lambda outcome: (
        Repair("device") if outcome.mr == 1 and first.bodies and not second.heard else GoOn()
    )
    journal.add(make_part(1), make_part(2))
    play([first, second], journal, wait_for(2))
    assert len(first.bodies) == len(second.bodies) == 1


def test_not_before_is_kept() -> None:
    port, journal = ScriptedPort(), FakeJournal()
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


@pytest.mark.parametrize("pieces", [1, 3, 4096])
def test_any_cut_of_the_octets_sends_the_same(pieces: int) -> None:
    port, journal = ScriptedPort(pieces=pieces), FakeJournal()
    journal.add(*(make_part(number) for number in range(1, 4)))
    play(port, journal, wait_for(3))
    assert [outcome.mr for _, outcome in journal.outcomes] == [1, 2, 3]


def test_noise_in_every_gap_loses_nothing() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    noise = "\x00\x07+CREG: 1|^RSSI:18"

    def prompt(port: ScriptedPort) -> str:
        port.say(noise)
        return "\r\n> "

    def result(port: ScriptedPort) -> str:
        port.say(noise)
        return f"+CMGS: {port.mr}|{noise}|OK|{noise}"

    port.prompt, port.result = prompt, result
    journal.add(*(make_part(number) for number in range(1, 4)))
    play(port, journal, wait_for(3))
    assert [outcome.evidence for _, outcome in journal.outcomes] == [Evidence.ACCEPTED] * 3


@pytest.mark.parametrize("start", range(7))
def test_unplugged_at_every_step_a_part_is_never_sent_twice(start: int) -> None:
    """The port is pulled after the n-th octet the modem says, for every n of a whole life."""
    for count in range(start, 640, 7):
        pull_after(count)


def pull_after(count: int) -> None:
    first, second, journal = ScriptedPort(pieces=1), ScriptedPort(), FakeJournal()
    journal.add(make_part(1))
    said = 0
    read = first.read

    async def counting() -> bytes:
        nonlocal said
        said += 1
        if said > count:
            first.unplug()
            first._in.clear()
        return await read()

    first.read = counting  # type: ignore[method-assign]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        for _ in range(200):
            await asyncio.sleep(0.1)
            if journal.outcomes and not journal.queue:
                break

    play([first, second], journal, script)
    sent = len(first.bodies) + len(second.bodies)
    assert sent <= 1, count
    if sent:
        expected = {Evidence.ACCEPTED, Evidence.UNCERTAIN}
        assert {outcome.evidence for _, outcome in journal.outcomes} <= expected, count
        assert journal.outcomes, count
