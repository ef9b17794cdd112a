"""SIM stores filled to the brim, before the daemon starts and while it runs: nothing the SIMs got is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.e2e.farm import Json, RealFarm, until
from tests.e2e.judging import Line

PERSON = "+8613712345678"
FAMILIES = ("sim800", "huawei", "ec25")
LONG = "长短信" * 40  # two parts


def given(lines: Iterable[Line]) -> Counter[tuple[str, str, str]]:
    """The whole messages that the SIMs got, by the network's log: SIM, originator, text."""
    whole: Counter[tuple[str, str, str]] = Counter()
    joining: dict[tuple[str, str, int], dict[int, str]] = {}
    for line in lines:
        assert line["answer"] == "given", line
        concat = line.get("concat") or {"ref": 0, "total": 1, "number": 1}
        key = (line["iccid"], line["from"], concat["ref"])
        parts = joining.setdefault(key, {})
        parts[concat["number"]] = line["text"]
        if len(parts) == concat["total"]:
            whole[line["iccid"], line["from"], "".join(parts[number] for number in sorted(parts))] += 1
            del joining[key]
    assert not joining
    return whole


def kept(rows: Iterable[Json]) -> Counter[tuple[str, str, str]]:
    return Counter((row["iccid"], row["from"], row["text"]) for row in rows)


def deliver(farm: RealFarm, what: str, count: int) -> int:
    """So many texts to each SIM, the last of them in two parts."""
    for modem in range(len(FAMILIES)):
        for number in range(count):
            farm.ctl("deliver", modem, PERSON, f"{what} {number} for {modem}")
        farm.ctl("deliver", modem, PERSON, f"{what} {LONG}")
    return (count + 1) * len(FAMILIES)


def all_kept(farm: RealFarm, texts: int, fillers: int) -> None:
    """Everything is given to the SIMs, as the network's log says, and each message is in the API once."""
    wanted = texts + fillers

    until(
        lambda: len(farm.listed("/v1/inbound")) >= wanted, 150, lambda: (wanted, farm.ctl("stats"), farm.said()[-3000:])
    )
    until(lambda: empty(farm), 60, lambda: farm.ctl("stats")["modems"])
    rows = farm.listed("/v1/inbound")
    got, found = given(farm.log("inbound")), kept(rows)
    assert got.total() == wanted
    assert found == got, (got - found, found - got)
    assert all(row["complete"] for row in rows)


def empty(farm: RealFarm) -> bool:
    """Nothing lies in a store, and the network keeps nothing back."""
    return not any(sum(row["stored"].values()) + row["held"] for row in farm.ctl("stats")["modems"])


def fill(farm: RealFarm) -> int:
    """Fill the stores with old messages; how many those are."""
    before = len(farm.log("inbound"))
    for modem in range(len(FAMILIES)):
        farm.fault(modem, "store-full")
    return len(farm.log("inbound")) - before


@pytest.mark.slow
def test_nothing_is_lost_in_stores_that_are_full_before_the_start_and_again_while_running(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=len(FAMILIES), families=FAMILIES) as farm:
        farm.start_simulator()
        fillers = fill(farm)
        assert fillers >= 10 * len(FAMILIES)
        texts = deliver(farm, "before", 12)
        assert len(farm.log("inbound")) == fillers  # the network keeps what a SIM cannot take
        farm.start_daemon()
        farm.wait_ready()
        all_kept(farm, texts, fillers)
        assert sum(row["old"] for row in farm.listed("/v1/inbound")) == fillers

        for modem in range(len(FAMILIES)):
            farm.fault(modem, "no-cmti", "", 0)
        fillers += fill(farm)  # by what else came in between
        texts += deliver(farm, "running", 12)
        all_kept(farm, texts, fillers)
