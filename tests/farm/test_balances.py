"""USSD and balances of a farm: who may be asked what, what is kept, and when the schedule asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.errors import NoAnswerError
from modemfarm.farm.balances import Balances
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.ussd import UssdDesk
from modemfarm.gsm.tpdu import SmsSubmit, decode_pdu
from modemfarm.model import BalanceAsk, ClaimedPart, Evidence, Outcome, Plan, SimSettings, SimState
from modemfarm.modem.asking import NotAskedError
from modemfarm.modem.journal import Go, Wire
from modemfarm.modem.ussd import Dialogue, Told, UssdError
from modemfarm.store import actions, balances, sims
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.offload import Offload
from tests.fresh import fresh
from tests.patience import PATIENT_S

CARD, OTHER, WRITES = "8986001234567890123", "8986001234567890131", "8986001234567890149"


class Modem:
    """Answers as it is told to."""

    path = "ttyV0"

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answer: Dialogue | Exception = Dialogue((Told("done", "Balance 12.34 CNY"),), "plain")
        self.wrote: list[ClaimedPart] = []
        self.evidence: Evidence | None = Evidence.ACCEPTED
        self.fails: Exception | None = None

    async def ussd(self, steps: Sequence[str]) -> Dialogue:
        self.asked.append(tuple(steps))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def submit(self, part: ClaimedPart, wire: Wire) -> None:
        """As a sender does; without evidence it dies on the air."""
        if self.fails is not None:
            raise self.fails
        if not isinstance(await wire.submitting(part), Go):
            return
        self.wrote.append(part)
        if self.evidence is not None:
            now = part.claimed_at
            await wire.settle(part.attempt_id, part.iccid, Outcome(self.evidence, "submitted", now, now, text="CMS 50"))

    def says(self, text: str) -> None:
        self.answer = Dialogue((Told("done", text),), "plain")


class Office:
    """A farm's store with one SIM in a modem here and one elsewhere."""

    def __init__(self, store: Store, offload: Offload) -> None:
        self.store, self.modem = store, Modem()
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        way = BalanceAsk(ussd="*111# 1", low=5.0)
        settings = FarmSettings(
            host="shop",
            plans={
                "paid": Plan("paid", currency="CNY", balance=way),
                "written": Plan("written", balance=BalanceAsk(to="10086", text="YE", match="余额([0-9.]+)", low=5.0)),
            },
            sims={CARD: SimSettings(CARD, plan="paid"), WRITES: SimSettings(WRITES, plan="written")},
        )
        self.desk = UssdDesk({"ttyV0": self.modem, "ttyV1": self.modem}, offload, "shop", lambda: self.at)  # type: ignore[dict-item] # a double
        self.forbidden: set[str] = set()
        self.balances = Balances(self.desk, offload, settings, lambda: self.at, self.forbidden.__contains__)
        with store.write() as tx:
            places = ((CARD, "ttyV0", "shop"), (OTHER, "ttyV0", "cellar"), (WRITES, "ttyV1", "shop"))
            for iccid, path, host in places:
                sims.seen(tx, iccid, self.at, imsi=None, number=None, smsc=None, path=path, host=host)

    def events(self, kind: str) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            return tx.all("SELECT subject, data FROM events WHERE kind = :kind ORDER BY id", kind=kind)

    def history(self) -> list[float | None]:
        return [row["amount"] for row in self.store.look(balances.history, CARD)]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = fresh(tmp_path)
    offload = Offload(store)
    offload.start()
    yield Office(store, offload)
    offload.stop()
    store.close()


async def test_a_dialogue_is_written_down_without_what_may_be_a_voucher(office: Office) -> None:
    dialogue = await office.desk.ask(CARD, ("*104*1234567890#",), "anna")
    assert dialogue.told[0].text == "Balance 12.34 CNY"
    (event,) = office.events("sim.ussd")
    assert event["subject"] == CARD
    assert "anna" in event["data"]
    assert "1234567890" not in event["data"]


@pytest.mark.parametrize(
    ("iccid", "steps", "slug"),
    [
        (CARD, ("**04*1234*1111*1111#",), "bad_code"),
        (CARD, (), "bad_code"),
        (CARD, ("*1#", 'a"b'), "bad_code"),
        (CARD, ("*1#",) * 7, "bad_code"),
        ("8986001234567890999", ("*100#",), "not_found"),
        (OTHER, ("*100#",), "not_here"),
    ],
)
async def test_what_cannot_be_asked_reaches_no_modem(
    office: Office, iccid: str, steps: tuple[str, ...], slug: str
) -> None:
    with pytest.raises(UssdError) as caught:
        await office.desk.ask(iccid, steps, "anna")
    assert caught.value.slug == slug
    assert office.modem.asked == []


async def test_each_failure_of_a_modem_has_its_name(office: Office) -> None:
    for error, slug in (
        (NotAskedError("busy"), "busy"),
        (NotAskedError("full"), "busy"),
        (NotAskedError("stopping"), "stopping"),
        (NoAnswerError("AT+CUSD", 90), "no_reply"),
        (UssdError("refused", "ERROR"), "refused"),
    ):
        office.modem.answer = error
        with pytest.raises(UssdError) as caught:
            await office.desk.ask(CARD, ("*100#",), "anna")
        assert caught.value.slug == slug


async def test_a_balance_is_kept_and_low_credit_is_told_once(office: Office) -> None:
    credit = await office.balances.ask(CARD, "anna")
    assert (credit.amount, credit.currency) == (12.34, "CNY")
    assert office.modem.asked == [("*111#", "1")]
    for text in ("Balance 4.90", "Balance 4.80", "Balance 20.00", "Balance 1.00"):
        office.at += timedelta(hours=1)
        office.modem.says(text)
        await office.balances.ask(CARD, "anna")
    assert office.history() == [1.0, 20.0, 4.8, 4.9, 12.34]
    assert len(office.events("sim.low_balance")) == 2

    def known(tx: Tx) -> float | None:
        row = balances.one(tx, CARD)
        return None if row is None else row["balance"]

    assert office.store.look(known) == 1.0


async def test_a_sim_whose_plan_names_no_code_is_not_asked(office: Office) -> None:
    with pytest.raises(UssdError, match="not_configured"):
        await office.balances.ask(OTHER, "anna")


async def test_the_schedule_asks_once_a_day_and_again_after_an_hour_when_it_failed(office: Office) -> None:
    office.modem.answer = UssdError("no_reply")
    await office.balances.turn()
    await office.balances.turn()
    assert len(office.modem.asked) == 1
    office.at += timedelta(hours=1)
    office.modem.says("Balance 12.34 CNY")
    await office.balances.turn()
    assert office.history() == [12.34, None]
    office.at += timedelta(hours=23)
    await office.balances.turn()
    assert len(office.modem.asked) == 2
    office.at += timedelta(hours=1)
    await office.balances.turn()
    assert len(office.modem.asked) == 3


async def test_the_schedule_goes_on_while_it_runs(office: Office) -> None:
    running = asyncio.ensure_future(office.balances.run())
    async with asyncio.timeout(PATIENT_S):
        while not office.history():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    assert office.modem.asked == [("*111#", "1")]


def writes(office: Office, text: str) -> None:
    """The operator writes to the SIM that asks by message."""

    def work(tx: Tx) -> None:
        tx.run(
            "INSERT INTO inbound (iccid, originator, text, received_at) VALUES (:iccid, '10086', :text, :at)",
            iccid=WRITES,
            text=text,
            at=to_us(office.at),
        )

    office.store.run(work)


def written(office: Office) -> list[dict[str, Any]]:
    """What was asked by message, as its rows tell it, oldest first."""
    rows = office.store.look(balances.history, WRITES)
    return [row for row in reversed(rows) if row["amount"] is None]


def told(office: Office) -> list[float]:
    return [row["amount"] for row in office.store.look(balances.history, WRITES) if row["amount"] is not None]


async def test_an_operator_is_asked_by_message_once_in_its_time_and_its_answer_is_kept(office: Office) -> None:
    await office.balances.turn()
    (part,) = office.modem.wrote
    tpdu = decode_pdu(part.pdu).tpdu
    assert isinstance(tpdu, SmsSubmit)
    assert (tpdu.recipient, tpdu.text, tpdu.report) == ("10086", "YE", False)
    assert [row["what"] for row in written(office)] == ["sent"]
    office.at += timedelta(minutes=2)
    await office.balances.turn()
    writes(office, "谢谢")
    await office.balances.turn()
    assert told(office) == []
    writes(office, "您的余额4.20元")
    await office.balances.turn()
    office.at += timedelta(minutes=2)
    await office.balances.turn()
    assert told(office) == [4.2]
    assert len(office.events("sim.low_balance")) == 1
    assert len(office.modem.wrote) == 1
    office.at += timedelta(hours=24)
    await office.balances.turn()
    assert len(office.modem.wrote) == 2


async def test_a_question_is_no_message_and_counts_nowhere(office: Office) -> None:
    await office.balances.turn()
    assert len(office.modem.wrote) == 1
    with office.store.read() as tx:
        assert [tx.value(f"SELECT count(*) FROM {table}") for table in ("messages", "parts", "attempts")] == [0, 0, 0]
        assert tx.value("SELECT count(*) FROM counters") == 0
    (event,) = office.events("sim.balance_asked")
    assert (event["subject"], "10086" in event["data"], "schedule" in event["data"]) == (WRITES, True, True)


@pytest.mark.parametrize("evidence", [Evidence.UNCERTAIN, None], ids=["time-out", "killed"])
async def test_a_question_that_may_have_left_is_not_asked_again_that_day(
    office: Office, evidence: Evidence | None
) -> None:
    office.modem.evidence = evidence
    parked(office, "no_credit")
    for _ in range(24 * 12 - 1):
        await office.balances.turn()
        office.at += timedelta(minutes=5)
    assert [row["what"] for row in written(office)] == ["asked"]
    office.at += timedelta(minutes=10)
    await office.balances.turn()
    assert len(office.modem.wrote) == 2


async def test_a_question_that_did_not_leave_is_asked_again_after_an_hour(office: Office) -> None:
    for evidence, error, what in (
        (Evidence.NOT_SENT, None, "not_sent"),
        (Evidence.ACCEPTED, NotAskedError("busy"), "busy"),
        (Evidence.ACCEPTED, None, "sent"),
    ):
        office.modem.evidence, office.modem.fails = evidence, error
        await office.balances.turn()
        office.at += timedelta(minutes=59)
        await office.balances.turn()
        assert written(office)[-1]["what"] == what
        office.at += timedelta(minutes=2)
    assert [row["what"] for row in written(office)] == ["not_sent", "busy", "sent"]


def parked(office: Office, reason: str, state: SimState = SimState.PARKED) -> None:
    def work(tx: Tx) -> None:
        sims.set_state(tx, WRITES, state, office.at, reason=reason)

    office.store.run(work)


@pytest.mark.parametrize(
    ("reason", "asked"),
    [("no_credit", 1), ("operator_refusal", 1), ("operator_block", 0), ("sim_barred", 0), ("roaming", 0)],
)
async def test_a_parked_sim_asks_by_message_unless_it_is_barred_or_abroad(
    office: Office, reason: str, asked: int
) -> None:
    parked(office, reason)
    await office.balances.turn()
    assert len(office.modem.wrote) == asked


async def test_what_a_person_stopped_asks_nothing_by_message(office: Office) -> None:
    for slug, stop in (
        ("sim_paused", lambda: parked(office, "paused_by_you", SimState.PAUSED)),
        ("sim_parked", lambda: parked(office, "roaming")),
        ("paused", lambda: office.store.run(actions.pause, "all", "", office.at)),
    ):
        stop()
        await office.balances.turn()
        with pytest.raises(UssdError) as caught:
            await office.balances.ask(WRITES, "anna")
        assert (caught.value.slug, caught.value.what) == ("held", slug)
    assert office.modem.wrote == []


async def test_a_sim_that_has_just_come_abroad_asks_nothing_by_message(office: Office) -> None:
    office.forbidden.add(WRITES)
    await office.balances.turn()
    assert office.modem.wrote == []


async def test_a_refused_question_is_told_with_its_code(office: Office) -> None:
    office.modem.evidence = Evidence.REFUSED
    with pytest.raises(UssdError) as caught:
        await office.balances.ask(WRITES, "anna")
    assert (caught.value.slug, caught.value.what) == ("refused", "CMS 50")
    assert [row["what"] for row in written(office)] == ["refused CMS 50"]


async def test_its_own_answer_is_no_reason_to_ask_a_sim_without_credit_again(office: Office) -> None:
    parked(office, "no_credit")
    await office.balances.turn()
    office.at += timedelta(seconds=30)
    writes(office, "请稍后再试")
    for _ in range(30):
        office.at += timedelta(minutes=10)
        await office.balances.turn()
    assert len(office.modem.wrote) == 1
    writes(office, "充值成功")  # somebody paid
    office.at += timedelta(minutes=10)
    await office.balances.turn()
    assert len(office.modem.wrote) == 2


async def test_people_who_ask_at_once_wait_for_one_message(office: Office) -> None:
    first = asyncio.ensure_future(office.balances.ask(WRITES, "anna"))
    second = asyncio.ensure_future(office.balances.ask(WRITES, "bert"))
    while not written(office):
        await asyncio.sleep(0.01)
    office.at += timedelta(seconds=5)
    writes(office, "您的余额8.00元")
    assert [credit.amount for credit in await asyncio.gather(first, second)] == [8.0, 8.0]
    assert len(office.modem.wrote) == 1
