"""A code for a SIM of another host goes by a row, and its answer comes back; from the page alone, too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modemfarm.config.load import load
from modemfarm.daemon import elsewhere
from modemfarm.daemon.alarm import build_alarm
from modemfarm.daemon.elsewhere import Elsewhere
from modemfarm.daemon.errands import Errands
from modemfarm.daemon.line import LineError
from modemfarm.daemon.page import alone
from modemfarm.farm.balances import Balances
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.ussd import UssdDesk
from modemfarm.model import BalanceAsk, Plan
from modemfarm.modem.ussd import Dialogue, Told, UssdError
from modemfarm.store import errands, hosts, migrations, sims
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload

CARD = "8986001234567890123"


def _now() -> datetime:
    return datetime.now(UTC)


class _Modem:
    path = "ttyV0"

    async def ussd(self, steps: Sequence[str]) -> Dialogue:
        if steps[0] == "*555#":
            raise UssdError("refused", "+CME ERROR: 30")
        return Dialogue((Told("done", "Balance 12.34 CNY"),), "plain")


class _Host:
    """One host's daemon as far as errands go."""

    def __init__(self, name: str, store: Store, folder: Path, modems: dict[str, Any]) -> None:
        self.name = name
        self.offload = Offload(store)
        self.offload.start()
        plan = Plan("cautious", currency="CNY", balance=BalanceAsk(ussd="*111#"))
        desk = UssdDesk(modems, self.offload, name, _now)
        settings = FarmSettings(host=name, plans={"cautious": plan})
        self.errands = Errands(
            desk,
            Balances(desk, self.offload, settings, _now, lambda _: False),
            build_alarm(load(None, {}, folder), self.offload, _now, lambda: None),
            Elsewhere(self.offload.run, name, _now),
            self.offload,
            _now,
        )

    async def serve(self) -> None:
        """What housekeeping does each second."""
        while True:
            for errand in await self.offload.run(errands.take, self.name, _now()):
                self.errands.serve(errand)
            await asyncio.sleep(0.02)


def _seen(tx: Tx) -> None:
    sims.seen(tx, CARD, _now(), imsi=None, number=None, smsc=None, path="ttyV0", host="attic")
    assert hosts.take_lease(tx, "attic", "a:1", 1, "0", _now())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "config.yaml").write_text("state_dir: .\nsending: {country: CN}\n", "utf-8")
    found = Store("sqlite:///modemfarm.db", tmp_path)
    migrations.upgrade(found, _now())
    found.run(_seen)
    return found


async def test_a_code_and_a_balance_are_asked_on_the_host_that_has_the_modem(store: Store, tmp_path: Path) -> None:
    cellar, attic = (
        _Host("cellar", store, tmp_path, {}),
        _Host("attic", store, tmp_path, {"ttyV0": _Modem()}),
    )
    serving = asyncio.ensure_future(attic.serve())
    page = alone(load(tmp_path / "config.yaml", {}, tmp_path))
    assert page.ussd is not None
    assert page.balance is not None
    try:
        told = await cellar.errands.ussd({"iccid": CARD, "steps": ["*100#"]}, "uid 0")
        assert told == {
            "iccid": CARD,
            "status": "done",
            "text": "Balance 12.34 CNY",
            "dialogue": [{"status": "done", "text": "Balance 12.34 CNY"}],
            "unused": 0,
        }
        with pytest.raises(LineError, match=r"the modem refuses it: .*30") as caught:
            await cellar.errands.ussd({"iccid": CARD, "steps": ["*555#"]}, "uid 0")
        assert caught.value.code == "refused"
        credit = await asyncio.to_thread(page.balance, CARD, "page")
        assert (credit["balance"], credit["currency"]) == (12.34, "CNY")
        assert (await asyncio.to_thread(page.ussd, CARD, ("*100#",), "page"))["text"] == "Balance 12.34 CNY"
        with store.read() as tx:
            assert tx.value("SELECT count(*) FROM errands") == 0
            asked = tx.all("SELECT kind FROM events WHERE kind = 'sim.ussd'")
        assert len(asked) == 4
    finally:
        serving.cancel()
        cellar.offload.stop()
        attic.offload.stop()
        page.store.close()
        store.close()


async def test_a_host_that_does_not_answer_is_named_and_nothing_is_asked(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(elsewhere, "TAKEN_WITHIN", elsewhere.TAKEN_WITHIN / 1000)
    cellar = _Host("cellar", store, tmp_path, {})
    try:
        with pytest.raises(LineError, match=r"the daemon of attic.* does not answer; nothing was asked"):
            await cellar.errands.ussd({"iccid": CARD, "steps": ["*100#"]}, "uid 0")
        store.run(hosts.end_lease, "attic", "a:1", _now())
        with pytest.raises(UssdError, match="away: attic"):
            await Elsewhere(cellar.offload.run, "cellar", _now).ask("balance", CARD, (), "page")
        with store.read() as tx:
            assert tx.value("SELECT count(*) FROM errands") == 0
        with pytest.raises(UssdError, match="not_found"):
            await Elsewhere(cellar.offload.run, "cellar", _now).ask("balance", "1", (), "page")
        store.run(sims.nowhere, "attic", _now())
        with pytest.raises(UssdError, match="not_here"):
            await Elsewhere(cellar.offload.run, "cellar", _now).ask("balance", CARD, (), "page")
    finally:
        cellar.offload.stop()
        store.close()


async def test_a_daemon_that_dies_with_the_question_in_hand_is_told_as_lost(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "LOOK_EVERY_S", 0.01)
    cellar = _Host("cellar", store, tmp_path, {})
    try:
        asking = asyncio.ensure_future(Elsewhere(cellar.offload.run, "cellar", _now).ask("ussd", CARD, ("*1#",), "me"))
        while not await cellar.offload.run(errands.take, "attic", _now()):
            await asyncio.sleep(0.01)
        store.run(hosts.end_lease, "attic", "a:1", _now())
        with pytest.raises(UssdError, match="lost"):
            await asking
    finally:
        cellar.offload.stop()
        store.close()
