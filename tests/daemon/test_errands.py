"""USSD and balances from the words typed to the modem: CLI, control.sock, desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from modemfarm.cli.context import Farm
from modemfarm.daemon.alarm import build_alarm
from modemfarm.daemon.control import ControlServer
from modemfarm.daemon.elsewhere import Elsewhere
from modemfarm.daemon.errands import Errands
from modemfarm.farm.balances import Balances
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.ussd import UssdDesk
from modemfarm.model import BalanceAsk, Plan
from modemfarm.modem.ussd import Dialogue, Told, UssdError
from modemfarm.store import sims
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from tests.cli.conftest import bare, farm
from tests.cli.farm import FarmAt

__all__ = ["bare", "farm"]

CARD = "8986001234567890123"


class _Modem:
    path = "ttyV0"

    async def ussd(self, steps: Sequence[str]) -> Dialogue:
        if steps[0] == "*555#":
            raise UssdError("no_reply")
        told = [Told("menu", "1 Balance\n0 End"), Told("done", "Balance 12.34 CNY")]
        return Dialogue(tuple(told[: len(steps)]), "plain")


def _seen(tx: Tx) -> None:
    sims.seen(tx, CARD, datetime.now(UTC), imsi=None, number=None, smsc=None, path="ttyV0", host="shop")


@asynccontextmanager
async def _running(farm: FarmAt) -> AsyncIterator[None]:
    store = Store("sqlite:///modemfarm.db", farm.folder / "farm")
    offload = Offload(store)
    offload.start()
    await offload.run(_seen)
    plan = Plan("cautious", currency="CNY", balance=BalanceAsk(ussd="*111# 1"))
    desk = UssdDesk({"ttyV0": _Modem()}, offload, "shop", lambda: datetime.now(UTC))  # type: ignore[dict-item] # a double
    settings = FarmSettings(host="shop", plans={"cautious": plan})
    errands = Errands(
        desk,
        Balances(desk, offload, settings, lambda: datetime.now(UTC), lambda _: False),
        build_alarm(Farm(None, {}, farm.folder).config, offload, lambda: datetime.now(UTC), lambda: None),
        Elsewhere(offload.run, "shop", lambda: datetime.now(UTC)),
        offload,
        lambda: datetime.now(UTC),
    )
    known = {"ussd": errands.ussd, "balance": errands.balance, "alerts_test": errands.try_alerts}
    control = ControlServer(farm.folder / "farm", {}, offload, lambda: datetime.now(UTC), known)
    await control.start()
    try:
        yield
    finally:
        control.stop()
        await asyncio.sleep(0.05)
        offload.stop()
        store.close()


async def test_a_code_goes_to_the_network_and_its_answer_is_printed(farm: FarmAt) -> None:
    async with _running(farm):
        menu = await asyncio.to_thread(farm, "sims", "ussd", CARD, "*111#")
        assert (menu.code, menu.out) == (0, "1 Balance\n0 End\n")
        done = await asyncio.to_thread(farm, "sims", "ussd", CARD, "*111#", "1", "--json")
        assert done.code == 0
        assert (done.json["status"], done.json["text"], len(done.json["dialogue"])) == ("done", "Balance 12.34 CNY", 2)
        assert done.json["unused"] == 0
        more = await asyncio.to_thread(farm, "sims", "ussd", CARD, "*111#", "1", "5", "6")
        assert more.out.splitlines()[-1] == "(2 answers were not used: the network wanted no more)"
        silent = await asyncio.to_thread(farm, "sims", "ussd", CARD, "*555#")
        assert (silent.code, silent.err) == (6, "modemfarm: the network did not answer in time\n")
        wrong = await asyncio.to_thread(farm, "sims", "ussd", CARD, "**04*1111*2222*2222#")
        assert wrong.code == 2
        call = await asyncio.to_thread(farm, "sims", "ussd", CARD, "*31#112")
        assert (call.code, "ends with #" in call.err) == (2, True)


async def test_a_balance_is_asked_printed_and_kept(farm: FarmAt) -> None:
    async with _running(farm):
        told = await asyncio.to_thread(farm, "sims", "balance", CARD)
        assert (told.code, told.out) == (0, "12.34 CNY\n")
        past = await asyncio.to_thread(farm, "sims", "balance", CARD, "--history", "--json")
        assert [row["balance"] for row in past.json["data"]] == [12.34]
        assert "12.34" in (await asyncio.to_thread(farm, "sims", "balance", CARD, "--history")).out


async def test_who_is_told_of_faults_is_tested_and_named(farm: FarmAt) -> None:
    async with _running(farm):
        nobody = await asyncio.to_thread(farm, "alerts", "test")
        assert (nobody.code, nobody.out) == (1, "Nobody: set alerts in config.yaml.\n")
    config = farm.folder / "farm" / "config.yaml"
    config.write_text(config.read_text("utf-8") + '\nalerts: {sms: ["13800138000"], exec: "false -x"}\n', "utf-8")
    async with _running(farm):
        told = await asyncio.to_thread(farm, "alerts", "test")
        assert (told.code, told.out) == (1, "sms 13800138000: handed on\nexec: failed: false ended with code 1\n")
