"""`sims identify` and `sims test`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from modemfarm.store import sims
from modemfarm.store.engine import Tx, to_us
from tests.cli.farm import FarmAt
from tests.patience import PATIENT_S

CARD = "8986001234567890123"


def card(farm: FarmAt, number: str | None = "+8613800138000") -> None:
    assert farm("sims", "set", CARD, "--label", "front").code in {0, 4}

    def seen(tx: Tx) -> None:
        sims.seen(tx, CARD, datetime.now(UTC), imsi=None, number=number, smsc=None, path="ttyV0", host="shop")

    farm.write(seen)


def test_a_phone_at_hand_is_told_which_card_it_is(farm: FarmAt) -> None:
    card(farm)
    ran = farm("sims", "identify", "front", "--to", "13900139000", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["to"], ran.json["text"]) == ("+8613900139000", f"modemfarm: front {CARD}")
    row = farm.store.look(lambda tx: tx.one("SELECT pinned, iccid FROM messages"))
    assert row is not None
    assert CARD in {row["pinned"], row["iccid"]}
    assert farm("sims", "identify", "nobody", "--to", "13900139000").code == 4
    assert farm("sims", "identify", "front", "--to", "hello").code == 2


def test_a_message_to_itself_that_comes_back_is_a_pass(farm: FarmAt) -> None:
    card(farm)
    store = farm.store

    def operator() -> None:
        until = time.monotonic() + PATIENT_S
        while time.monotonic() < until:
            text = store.look(lambda tx: tx.value("SELECT text FROM messages WHERE recipient = '+8613800138000'"))
            if text is not None:
                break
            time.sleep(0.02)
        store.run(
            lambda tx: tx.run(
                "INSERT INTO inbound (iccid, originator, text, received_at) VALUES (:iccid, '+8613800138000', :text, :at)",
                iccid=CARD,
                text=text,
                at=to_us(datetime.now(UTC)),
            )
        )

    answering = threading.Thread(target=operator)
    answering.start()
    ran = farm("sims", "test", CARD, "--timeout", "240s", "--json")
    answering.join()
    assert ran.code == 0, ran.err
    assert ran.json["back_s"] is not None


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_a_message_that_does_not_come_back_is_no_pass(farm: FarmAt, json_: tuple[str, ...]) -> None:
    card(farm)
    assert farm("sims", "test", CARD, "--timeout", "1s", *json_).code == 6


def test_a_card_without_a_number_cannot_be_tested(farm: FarmAt) -> None:
    card(farm, None)
    ran = farm("sims", "test", CARD)
    assert ran.code == 2
    assert "identify" in ran.err
