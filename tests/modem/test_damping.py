"""Ills that feed on themselves are damped: radios that start together, restarts in a row; silence is noticed unasked."""

from __future__ import annotations

import asyncio

from modemfarm.model import ModemState
from modemfarm.modem.ladder import RESETS_AT_ONCE, Limits
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, profiles, run
from tests.modem.test_sending import play


def test_no_more_radios_start_at_once_than_a_box_s_supply_bears() -> None:
    starting, most = 0, 0

    def turn_on(port: ScriptedPort) -> None:
        nonlocal starting, most
        starting += 1
        most = max(most, starting)

        def is_on() -> None:
            nonlocal starting
            starting -= 1
            port.say("OK")

        asyncio.get_running_loop().call_later(5, is_on)

    async def main() -> None:
        journal, limits = FakeJournal(), Limits()
        ports = [
            ScriptedPort(
                {
                    "AT+CFUN?": "+CFUN: 4|OK",
                    "AT+CFUN=1": turn_on,
                    "AT+CCID": f"+CCID: 89860012345678901{number:02}|OK",
                    "AT+CGSN": f"4901542032375{number:02}|OK",
                }
            )
            for number in range(10)
        ]
        supervisors = [
            Supervisor(
                f"port{number}",
                ScriptedOpener(port),  # type: ignore[arg-type]
                profiles(),
                journal,
                ModemSettings(),
                journal.clock,
                limits,
            )
            for number, port in enumerate(ports)
        ]
        async with asyncio.TaskGroup() as group:
            serving = [group.create_task(one.run()) for one in supervisors]
            async with asyncio.timeout(300):
                while any(one.status.state is not ModemState.WORKING for one in supervisors):
                    await asyncio.sleep(0.5)
            for task in serving:
                task.cancel()

    run(main())
    assert most == RESETS_AT_ONCE


def test_a_modem_that_restarts_over_and_over_is_opened_less_and_less() -> None:
    journal = FakeJournal()
    ports = [ScriptedPort({"AT+CMGF=0": "RDY"}) for _ in range(500)]

    async def main() -> int:
        opener = ScriptedOpener(*ports)
        supervisor = Supervisor("script", opener, profiles(), journal, ModemSettings(), journal.clock)  # type: ignore[arg-type]
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(3600)
        serving.cancel()
        await asyncio.wait({serving})
        return opener.opened

    assert run(main()) < 40
    assert {"repairing_reinit", "repairing_radio", "repairing_reset", "repairing_reopen"} <= set(journal.sentences())


def test_an_idle_modem_that_falls_silent_is_noticed_though_nobody_sends() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.state is not ModemState.WORKING:
            await asyncio.sleep(0.1)
        port.answers = dict.fromkeys(port.answers)
        async with asyncio.timeout(120):
            while "resyncing" not in journal.sentences():
                await asyncio.sleep(0.1)

    play(port, journal, script)
