"""PINs with real processes: kills in the middle cost no try too many, and no PIN is readable anywhere."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, until
from tests.patience import PATIENT_S

RIGHT, WRONG, WRONG_TOO = "90417263", "73105968", "24681357"
LOCKED, LAST, PUK, UNREADABLE = range(4)
SAYS = {LAST: "pin_last_try", PUK: "puk_wanted", UNREADABLE: "pin_counter_unreadable"}
WITHIN_S = 60


def sentences(farm: RealFarm) -> dict[int, str]:
    with contextlib.suppress(OSError, AssertionError):
        found = {row["path"]: row["sentence_code"] for row in farm.get("/v1/modems")["data"]}
        return {number: found.get(port(farm, number), "") for number in range(4)}
    return {}


def port(farm: RealFarm, number: int) -> str:
    return str(farm.sim_folder / f"ttyV{number}")


def wait_for(farm: RealFarm, *first: str) -> None:
    """Until the first modem says one of these, and the others what they always say."""
    until(
        lambda: (said := sentences(farm)) and said[LOCKED] in first and SAYS.items() <= said.items(),
        WITHIN_S,
        lambda: f"{first}, not {sentences(farm)}; {farm.said()[-2000:]}",
    )


def typed(farm: RealFarm) -> Counter[int]:
    """How often each card was told a PIN, by the simulator's own count."""
    return Counter(line["modem"] for line in farm.log("pin"))


def ledger(farm: RealFarm) -> int:
    with contextlib.closing(sqlite3.connect(farm.state_dir / "modemfarm.db")) as raw:
        return int(raw.execute("SELECT count(*) FROM pin_tries").fetchone()[0])


def kill(farm: RealFarm) -> None:
    assert farm.daemon is not None
    farm.daemon.kill()
    farm.daemon.wait(PATIENT_S)


def command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found)


@pytest.mark.slow
def test_kills_cost_no_try_too_many_and_no_pin_is_readable(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=4, families=["huawei", "ec25", "sim800", "ublox"]) as farm:
        farm.start_simulator()
        for number in (LOCKED, LAST, UNREADABLE):
            farm.fault(number, "pin", f"{RIGHT},left={1 if number == LAST else 3}")
        farm.fault(PUK, "puk")
        farm.ctl("set", UNREADABLE, "pin-counter", 0)
        farm.start_daemon()
        wait_for(farm, "pin_unknown")

        for number in range(4):
            pin = WRONG if number == LOCKED else RIGHT
            done = farm.cli("sims", "set", port(farm, number), "--pin-stdin", stdin=f"{pin}\n")
            assert done.code == 0, done
            assert pin not in done.out + done.err
        wait_for(farm, "pin_wrong", "pin_blocked")
        assert typed(farm) == {LOCKED: 1}
        for _ in range(3):
            kill(farm)
            farm.start_daemon()
            wait_for(farm, "pin_blocked")
        assert typed(farm) == {LOCKED: 1}
        again = farm.cli("sims", "set", port(farm, LOCKED), "--pin-stdin", stdin=f"{WRONG}\n")
        assert again.code == 3, again

        # killed between the ledger's commit and the card's answer: the modem hears the PIN all the same
        farm.ctl("set", LOCKED, "cpin-slow", 2)
        before = ledger(farm)
        assert farm.cli("sims", "set", port(farm, LOCKED), "--pin-stdin", stdin=f"{WRONG_TOO}\n").code == 0
        until(lambda: ledger(farm) > before, WITHIN_S, "the ledger's row")
        kill(farm)
        farm.ctl("set", LOCKED, "cpin-slow", 0)
        for _ in range(3):
            farm.start_daemon()
            wait_for(farm, "pin_blocked", "pin_last_try")
            assert farm.daemon is not None
            assert not {RIGHT, WRONG, WRONG_TOO} & set(command_lines().split())
            shown = str(farm.get("/v1/events")) + str(farm.get("/v1/modems")) + farm.cli("config", "show").out
            assert not any(pin in shown for pin in (RIGHT, WRONG, WRONG_TOO))
            kill(farm)
        assert set(typed(farm)) == {LOCKED}
        assert typed(farm)[LOCKED] <= 2

        for file in (farm.folder / "run.log", *farm.state_dir.rglob("*")):
            if file.is_file():
                octets = file.read_bytes()
                assert not [pin for pin in (RIGHT, WRONG, WRONG_TOO) if pin.encode() in octets], file
