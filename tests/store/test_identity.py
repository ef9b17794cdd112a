"""History, counters and stickiness follow the SIM: over swaps, moves, spellings, and modems of one IMEI."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modemfarm.model import CAUTIOUS, normal_iccid
from modemfarm.store import counters, past, sims, views
from modemfarm.store.engine import Store, Tx, to_us
from tests.store.tools import NOW, OTHER, SIM

PERSON = "+8613800138000"
LEFT, RIGHT = "/dev/ttyUSB0", "/dev/ttyUSB4"
IMEI = "356938035643809"
KINDS = frozenset({"sim.new", "sim.absent"})


def seen(tx: Tx, iccid: str, path: str, imsi: str | None = None) -> str:
    return sims.seen(tx, iccid, NOW, imsi=imsi, number=None, smsc=None, path=path, host="here")


def used(tx: Tx, iccid: str) -> int:
    found = views.sim(tx, iccid, now=NOW)
    assert found is not None
    return int(found["used"]["day"])


def test_a_card_that_is_swapped_without_its_port_going_takes_its_past_to_the_next_modem(store: Store) -> None:
    with store.write() as tx:
        assert seen(tx, SIM, LEFT) == SIM
        counters.charge(tx, SIM, "day", to_us(counters.day_start(CAUTIOUS, NOW)), 7)
        tx.run(
            "INSERT INTO people (number, digits, iccid, exchange_at) VALUES (:number, '800138000', :iccid, :now)",
            number=PERSON,
            iccid=SIM,
            now=to_us(NOW),
        )
        seen(tx, OTHER, LEFT)
        states = {row["iccid"]: (row["state"], row["path"]) for row in sims.all_sims(tx)}
        assert states == {SIM: ("absent", None), OTHER: ("active", LEFT)}
        assert (used(tx, SIM), used(tx, OTHER)) == (7, 0)
        seen(tx, SIM, RIGHT)
        states = {row["iccid"]: (row["state"], row["path"]) for row in sims.all_sims(tx)}
        assert states == {SIM: ("active", RIGHT), OTHER: ("active", LEFT)}
        assert used(tx, SIM) == 7
        assert tx.value("SELECT iccid FROM people WHERE number = :number", number=PERSON) == SIM
        told = past.history(tx, [SIM], None, KINDS)
    assert [event["kind"] for event in told] == ["sim.absent", "sim.new"]


def test_a_modem_that_comes_back_under_another_name_keeps_its_card_and_the_cards_past(store: Store) -> None:
    with store.write() as tx:
        seen(tx, SIM, LEFT)
        counters.charge(tx, SIM, "day", to_us(counters.day_start(CAUTIOUS, NOW)), 3)
        sims.gone(tx, SIM, LEFT, NOW + timedelta(seconds=5))
        seen(tx, SIM, RIGHT)
        rows = sims.all_sims(tx)
        assert [(row["iccid"], row["path"], row["state"]) for row in rows] == [(SIM, RIGHT, "active")]
        assert used(tx, SIM) == 3


@pytest.mark.parametrize("swapped", [False, True], ids=["plain", "nibble-swapped"])
@pytest.mark.parametrize("tail", ["", "F", "5"], ids=["19", "padded", "20"])
def test_every_spelling_of_a_card_is_the_same_row(store: Store, tail: str, swapped: bool) -> None:
    spelled = SIM + tail
    if swapped:
        spelled = spelled if len(spelled) % 2 == 0 else spelled + "F"
        spelled = "".join(spelled[at + 1] + spelled[at] for at in range(0, len(spelled), 2))
    with store.write() as tx:
        seen(tx, SIM, LEFT)
        assert seen(tx, normal_iccid(spelled), RIGHT) == SIM
        assert len(sims.all_sims(tx)) == 1
        found = views.sim(tx, spelled)
    assert found is not None
    assert found["iccid"] == SIM


def test_a_card_whose_number_cannot_be_read_is_known_by_its_subscription(store: Store) -> None:
    with store.write() as tx:
        seen(tx, SIM, LEFT, imsi="460001234567890")
        assert seen(tx, "imsi:460001234567890", RIGHT, imsi="460001234567890") == SIM
        assert len(sims.all_sims(tx)) == 1


def test_modems_of_one_imei_keep_apart_what_is_told_of_them(store: Store) -> None:
    with store.write() as tx:
        for path, usb_path, card in ((LEFT, "1-1.1", SIM), (RIGHT, "1-1.2", OTHER)):
            seen(tx, card, path)
            tx.run(
                "INSERT INTO modems (path, host, imei, usb_path, state, sentence, iccid) VALUES"
                " (:path, 'here', :imei, :usb, 'working', 'ready', :iccid)",
                path=path,
                imei=IMEI,
                usb=usb_path,
                iccid=card,
            )
        modems = {modem["id"]: modem for modem in views.modems(tx)}
        assert set(modems) == {f"{IMEI}@1-1.1", f"{IMEI}@1-1.2"}
        assert views.modem(tx, IMEI) is None
        assert past.ports(tx, modems[f"{IMEI}@1-1.1"]) == [LEFT]
        holders = {iccid: (views.sim(tx, iccid) or {})["modem"] for iccid in (SIM, OTHER)}
    assert holders == {SIM: f"{IMEI}@1-1.1", OTHER: f"{IMEI}@1-1.2"}
