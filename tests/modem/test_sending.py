"""Prompt, commit, Ctrl-Z and result: the rows of the wire table that a session decides, against a scripted modem."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest

from modemfarm.errors import StoreError
from modemfarm.model import Evidence
from modemfarm.modem.journal import Go, Stop
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedPort, make_part
from tests.modem.playing import only, play, wait_for


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


def test_the_next_part_is_not_claimed_before_ctrl_z() -> None:
    port, journal = ScriptedPort(), FakeJournal(commit_s=1.0)
    port.result_s = 5.0
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            assert len(journal.claimed) <= 1  # a claim would stand before this part's step 3 in the store
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(journal.claimed) == 2

    play(port, journal, script)


def cmgs(port: ScriptedPort) -> int:
    return sum(line.startswith("AT+CMGS") for line in port.heard)


def test_the_next_prompt_is_asked_for_while_an_acceptance_is_written_and_ctrl_z_waits_for_it() -> None:
    port, journal = ScriptedPort(), FakeJournal(settle_s=0.15)
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while cmgs(port) < 2:
            await asyncio.sleep(0.001)
        assert journal.outcomes == []
        while len(port.bodies) < 2:
            assert cmgs(port) == 2
            await asyncio.sleep(0.001)
        assert [attempt for attempt, _ in journal.outcomes] == [1]
        await wait_for(2)(journal, supervisor)

    play(port, journal, script)
    assert journal.asked == [("submitting", 1), ("settle", 1), ("submitting", 2), ("settle", 2)]


def test_where_the_store_keeps_no_order_step_3_waits_for_the_acceptance_before_it() -> None:
    port, journal = ScriptedPort(), FakeJournal(settle_s=0.15, keeps_order=False)
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while cmgs(port) < 2:
            await asyncio.sleep(0.001)
        while not journal.outcomes:
            assert ("submitting", 2) not in journal.asked
            await asyncio.sleep(0.001)
        await wait_for(2)(journal, supervisor)

    play(port, journal, script)


def test_no_prompt_is_asked_for_while_the_database_does_not_take_an_acceptance() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.fail_settle = [StoreError("disk full")] * 4

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        journal.add(make_part(1))
        while not port.bodies:
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        journal.add(make_part(2))
        while not journal.outcomes:
            assert cmgs(port) == 1
            await asyncio.sleep(0.01)
        await wait_for(2)(journal, supervisor)

    play(port, journal, script)
    assert [(attempt, outcome.evidence) for attempt, outcome in journal.outcomes] == [
        (1, Evidence.ACCEPTED),
        (2, Evidence.ACCEPTED),
    ]
    assert port.escapes == 1  # of the start


def test_a_prompt_that_an_acceptance_kept_open_too_long_is_left_and_asked_for_again() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.fail_settle = [StoreError("locked")] * 3  # written after 3.5 s
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(2))
    assert [outcome.evidence for _, outcome in journal.outcomes] == [Evidence.ACCEPTED] * 2
    assert len(port.bodies) == 2
    assert port.escapes > 1  # one is of the start


class OverError(Exception):
    """The script is, and all that runs is cancelled."""


@pytest.mark.parametrize("goes", ["unplug", "cancel", "comes late"])
def test_no_attempt_stays_open_whatever_happens_while_a_prompt_is_asked_for_again(goes: str) -> None:
    port, journal = ScriptedPort(), FakeJournal(commit_s=2.5)  # ESC after 2 s: the modem is asked anew
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not cmgs(port):
            await asyncio.sleep(0.01)
        port.answers |= dict.fromkeys(("AT+CSQ", "AT+CREG?", "AT+CGSN"))  # and is silent
        await asyncio.sleep(4)
        assert cmgs(port) == 1
        if goes == "cancel":
            raise OverError
        if goes == "unplug":
            port.unplug()
        await wait_for(1)(journal, supervisor)

    with pytest.raises(ExceptionGroup) if goes == "cancel" else contextlib.nullcontext():
        play(port, journal, script)
    outcome = journal.outcomes[0][1]
    assert (outcome.evidence, outcome.phase) == (Evidence.NOT_SENT, "prompt")
    assert port.bodies == []


def test_what_is_accepted_without_its_final_ok_counts_and_the_next_part_follows() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = [lambda port: f"+CMGS: {port.mr}", lambda port: f"+CMGS: {port.mr}|OK"]
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(2))
    assert [(attempt, outcome.evidence) for attempt, outcome in journal.outcomes] == [
        (1, Evidence.ACCEPTED),
        (2, Evidence.ACCEPTED),
    ]
    assert journal.released == []
    assert "AT+CSQ" in port.heard[port.heard.index(next(line for line in port.heard if "+CMGS" in line)) :]


@pytest.mark.parametrize("goes", ["stop", "unplug"])
def test_an_acceptance_is_written_though_its_session_ends_meanwhile(goes: str) -> None:
    port, journal = ScriptedPort(), FakeJournal(settle_s=1.0)
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while ("settle", 1) not in journal.asked:
            await asyncio.sleep(0.001)
        if goes == "unplug":
            port.unplug()
        else:
            await supervisor.drain()

    play(port, journal, script)
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


@pytest.mark.parametrize(
    "start", [0, *(pytest.param(start, marks=pytest.mark.slow, id=f"{start}") for start in range(1, 7))]
)
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
