"""A small farm in a database: four modems, some messages and replies, and the app over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from modemfarm.config.keywords import keywords
from modemfarm.farm.outlook import Outlook
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import Evidence, MessageState, Outcome, PartState, SimState
from modemfarm.store import attempts, keys, sessions, sims, steps
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.offload import Offload
from modemfarm.webapp.app import create_app
from modemfarm.webapp.demo import PhoneText
from modemfarm.webapp.settings import WebDeps
from tests.fresh import fresh

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
IMEI = "35693803564380{}"
ICCID = "898600123456789010{}"


# Their routes and templates take longer to compile than most tests run; an app keeps nothing between requests.
_idle: dict[bool, list[Flask]] = {False: [], True: []}
_keywords = cache(keywords)


class FixedClock:
    """A clock that stands, until someone moves it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class FakeNetwork:
    """The demo's phones, without a network."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: list[tuple[str, int]] = []

    def numbers(self) -> Sequence[str]:
        return ("+8613800138000", "+79161234567")

    def texts(self, number: str) -> Sequence[PhoneText]:
        arrived = [
            PhoneText(
                NOW - timedelta(minutes=4), "+8613900000001", mine=False, text="您的订单1042已到店，请来取。回复TD退订"
            ),
            PhoneText(NOW - timedelta(minutes=3), number, mine=True, text="几点关门？"),
            PhoneText(NOW - timedelta(minutes=2), "+8613900000001", mine=False, text="晚上九点。欢迎光临！"),
        ]
        return [*arrived, *(PhoneText(NOW, number, mine=True, text=text) for text in self.said)]

    def answer(self, number: str, text: str) -> None:
        self.said.append(text)

    def pull(self, modem: int) -> None:
        self.done.append(("pull", modem))

    def plug(self, modem: int) -> None:
        self.done.append(("plug", modem))

    def lose_answer(self, modem: int) -> None:
        self.done.append(("lose", modem))

    def fill_sim(self, modem: int) -> None:
        self.done.append(("fill", modem))

    def kill_sender(self) -> None:
        self.done.append(("kill", 0))


class Sample:
    """A farm, its app and what a test wants of both."""

    def __init__(self, folder: Path, *, demo: bool = False) -> None:
        self.clock = FixedClock()
        self.network = FakeNetwork()
        self.store = fresh(folder)
        self.offload = Offload(self.store)
        self.offload.start()
        self.woken = 0
        self.trouble: str | None = None
        self.deps = WebDeps(
            store=self.store,
            offload_call=self.offload.call,
            intake=IntakeSettings(country="CN", price_per_part=0.1, currency="CNY"),
            clock=self.clock,
            state_dir=folder,
            wake=self._wake,
            keywords=_keywords(None),
            demo=self.network if demo else None,
            farm_name="shop-1",
            trouble=lambda: self.trouble,
            outlook=Outlook(self.store, FarmSettings("cellar"), self.clock.now),
        )
        self._mine = _idle[demo].pop() if _idle[demo] else create_app(self.deps)
        self._mine.extensions["modemfarm"] = self.deps
        self.app = self._mine

    def _wake(self) -> None:
        self.woken += 1

    def close(self) -> None:
        self.offload.stop()
        self.store.close()
        _idle[self._mine.extensions["modemfarm"].demo is not None].append(self._mine)

    def key(self, *scopes: str) -> dict[str, str]:
        """Headers with a fresh API key."""
        return {"Authorization": f"Bearer {self.store.run(keys.create_key, 'test', scopes, NOW)}"}

    def api(self) -> FlaskClient:
        """A client that sends a key with all scopes."""
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = self.key()["Authorization"]
        return client

    def person(self, role: str = "admin") -> FlaskClient:
        """A client that came by a login link."""
        client = self.app.test_client()
        token = self.store.run(sessions.create_login, role, NOW)
        answer = client.get(f"/login?token={token}")
        assert answer.status_code == 303
        return client

    def take(self, to: str = "+8613800138000", text: str = "您的订单1042已到店", **more: Any) -> int:
        """One message in the queue."""
        taken = self.store.run(accept, Draft(to, text, **more), self.deps.intake, self.clock.now())
        assert taken is not None
        return taken.message_id

    def modem(self, number: int, state: str = "working", sentence: str = "ready", **more: Any) -> None:
        """A modem with a SIM, both seen by the daemon."""
        iccid = more.pop("iccid", ICCID.format(number))
        facts = {
            "path": f"/dev/ttyV{number}",
            "imei": IMEI.format(number),
            "usb_path": f"1-1.{number}",
            "family": "huawei",
            "manufacturer": "Huawei",
            "model": "E173",
            "firmware": "11.1",
            "state": state,
            "sentence": sentence,
            "params": "{}",
            "next_action": "",
            "since": to_us(NOW),
            "iccid": iccid,
            "signal_dbm": -71 - 9 * number,
            "operator": "China Mobile",
            "technology": "4G",
            "registration": "home",
            "last_success_at": to_us(NOW - timedelta(seconds=4)),
            **more,
        }
        with self.store.write() as tx:
            if iccid:
                sims.seen(tx, iccid, NOW, imsi=f"46000123456789{number}", number=f"+861390000000{number}", smsc=None,
                          path=facts["path"], host="shop")  # fmt: skip
            sims.write_modem(tx, "shop", facts, NOW)

    def park(self, number: int, state: SimState = SimState.PARKED, reason: str = "operator_refusal") -> None:
        self.store.run(_set_sim, ICCID.format(number), state, reason)

    def left(self, message_id: int, state: PartState = PartState.SENT, number: int = 1) -> None:
        """A message's parts as if a SIM had sent them."""
        self.store.run(_leave, message_id, state, ICCID.format(number), self.clock.now())

    def reply(self, text: str = "好的，谢谢", sender: str = "+8613800138000", verdict: str = "none") -> int:
        """A person's reply."""
        return int(self.store.run(_reply, text, sender, verdict, self.clock.now()))


def _set_sim(tx: Tx, iccid: str, state: SimState, reason: str) -> None:
    assert sims.set_state(tx, iccid, state, NOW, reason=reason)


def _leave(tx: Tx, message_id: int, state: PartState, iccid: str, now: datetime) -> None:
    for part in tx.all("SELECT id, recipient FROM parts WHERE message_id = :id ORDER BY id", id=message_id):
        attempt = tx.value(
            "INSERT INTO attempts (part_id, message_id, recipient, iccid, owner, host, instance, path, claimed_at,"
            " charged_at, submitting_at) VALUES (:part, :message, :recipient, :iccid, :iccid, 'shop', 'i', '/dev/ttyV1',"
            " :now, :now, :now) RETURNING id",
            part=part["id"], message=message_id, recipient=part["recipient"], iccid=iccid, now=to_us(now),
        )  # fmt: skip
        tx.run(
            "UPDATE parts SET state = 'submitting', attempt_id = :attempt, submitting_at = :now WHERE id = :id",
            id=part["id"], attempt=attempt, now=to_us(now),
        )  # fmt: skip
        one = attempts.attempt(tx, attempt)
        assert one is not None
        if state is PartState.UNKNOWN:
            outcome = Outcome(Evidence.UNCERTAIN, "submitted", now, now, text="timeout")
            steps.uncertain(tx, one, outcome, now, None)
        else:
            outcome = Outcome(Evidence.ACCEPTED, "submitted", now, now - timedelta(seconds=3), mr=17)
            steps.accepted(tx, one, outcome, now)
        steps.end_attempt(tx, attempt, outcome, now, charged=True)
    if state is PartState.DELIVERED:
        tx.run("UPDATE parts SET state = 'delivered', status = 0, reported_at = :now WHERE message_id = :id",
               id=message_id, now=to_us(now))  # fmt: skip
        tx.run("UPDATE messages SET state = :state, final_at = :now WHERE id = :id",
               id=message_id, state=MessageState.DELIVERED.value, now=to_us(now))  # fmt: skip


def _reply(tx: Tx, text: str, sender: str, verdict: str, now: datetime) -> int:
    return int(
        tx.value(
            "INSERT INTO inbound (iccid, originator, text, received_at, verdict) VALUES (:iccid, :sender, :text, :now,"
            " :verdict) RETURNING id",
            iccid=ICCID.format(1), sender=sender, text=text, now=to_us(now), verdict=verdict,
        )
    )  # fmt: skip


@contextmanager
def sample(folder: Path, *, demo: bool = False) -> Iterator[Sample]:
    farm = Sample(folder, demo=demo)
    try:
        yield farm
    finally:
        farm.close()
