"""The PIN ledger: a PIN that may have failed is not tried again, and none is readable in the database."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modemfarm.store import migrations, pins, sims
from modemfarm.store.engine import Store, Tx
from modemfarm.store.pins import Card
from modemfarm.store.sealing import SealError
from tests.store.tools import NOW, SIM, after

CARD = Card(SIM, SIM)
IMEI = "490154203237518"


def tried(tx: Tx, store: Store, pin: str, left: int = 3, card: str = SIM) -> str | None:
    return pins.may_try(tx, store.secret, card, pin, left, NOW)


def test_a_pin_is_tried_once_until_it_worked(store: Store) -> None:
    with store.write() as tx:
        first = tried(tx, store, "1234")
        assert first
        assert not tried(tx, store, "1234", 2)  # a crash, and the card counted it
        pins.settle(tx, SIM, first, True, after(2))
        assert tried(tx, store, "1234", 2) == first
        pins.settle(tx, SIM, first, False, after(4))
        assert not tried(tx, store, "1234")
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'sim.pin_failed'") == 1


def test_a_crash_before_the_write_costs_no_try_and_is_believed_once(store: Store) -> None:
    with store.write() as tx:
        assert tried(tx, store, "1234", 3)
        assert tried(tx, store, "1234", 3)  # the card counted nothing
        assert not tried(tx, store, "1234", 3)  # a counter that never moves is not believed for ever


def test_a_failed_pin_is_remembered_beside_others(store: Store) -> None:
    with store.write() as tx:
        for pin in ("1234", "4321"):
            trying = tried(tx, store, pin)
            assert trying
            pins.settle(tx, SIM, trying, False, NOW)
        assert not tried(tx, store, "1234")  # also when it is put back into config.yaml
        assert not tried(tx, store, "4321")
        assert tried(tx, store, "4321", card=f"imei:{IMEI}")
        assert pins.release(tx, CARD, NOW, who="test")
        assert not pins.release(tx, CARD, NOW, who="test")
        assert tried(tx, store, "4321")
        kinds = [row["kind"] for row in tx.all("SELECT kind FROM events ORDER BY id")]
        assert kinds == ["sim.pin_failed", "sim.pin_failed", "sim.pin_released"]


def test_an_entered_pin_is_kept_sealed_and_a_failed_one_is_not_taken(store: Store) -> None:
    with store.write() as tx:
        assert pins.enter(tx, store.secret, CARD, "73105968", NOW, who="test")
        assert pins.entered(tx, store.secret, SIM, None, "/dev/x") == "73105968"
        assert pins.entered(tx, store.secret, "other", IMEI, "/dev/x") is None
        trying = tried(tx, store, "73105968")
        assert trying
        pins.settle(tx, SIM, trying, False, NOW)
        assert not pins.enter(tx, store.secret, CARD, "73105968", NOW, who="test")
        assert pins.enter(tx, store.secret, CARD, "5555", NOW, who="test")
        assert pins.entered(tx, store.secret, SIM, None, "/dev/x") == "5555"
        assert pins.forget(tx, CARD, NOW, who="test")
        assert not pins.forget(tx, CARD, NOW, who="test")
        assert pins.entered(tx, store.secret, SIM, None, "/dev/x") is None
        for table in ("pin_tries", "entered_pins", "events"):
            for row in tx.all(f"SELECT * FROM {table}"):
                assert "73105968" not in str(row)


def test_a_pin_of_a_port_or_an_imei_is_not_used_for_a_card_that_tells_its_name(store: Store) -> None:
    with store.write() as tx:
        pins.enter(tx, store.secret, Card(f"imei:{IMEI}", f"imei:{IMEI}"), "1111", NOW, who="test")
        pins.enter(tx, store.secret, Card("path:/dev/a", f"imei:{IMEI}"), "2222", NOW, who="test")
        assert pins.entered(tx, store.secret, SIM, IMEI, "/dev/a") is None
        assert pins.entered(tx, store.secret, None, IMEI, "/dev/a") == "2222"
        assert pins.entered(tx, store.secret, None, IMEI, "/dev/b") == "1111"


@pytest.mark.parametrize(
    ("modem", "card"),
    [
        ({"id": IMEI, "params": {"iccid": SIM}}, (SIM, SIM)),
        ({"id": IMEI, "iccid": SIM}, (SIM, SIM)),
        ({"id": IMEI}, (f"imei:{IMEI}", f"imei:{IMEI}")),
        ({"id": f"{IMEI}@1-1"}, ("path:/dev/a", f"imei:{IMEI}")),
        ({"id": "/dev/a", "imei": None}, ("path:/dev/a", "path:/dev/a")),
    ],
    ids=["told-by-the-modem", "in-use", "imei", "shared-imei", "port"],
)
def test_the_card_of_a_modem_has_the_best_name_there_is(modem: dict[str, object], card: tuple[str, str]) -> None:
    assert pins.card_in({"imei": IMEI, "iccid": None, "path": "/dev/a", "params": {}, **modem}) == card


def test_whoever_waits_for_the_pin_is_woken(store: Store) -> None:
    facts = dict.fromkeys(
        ("usb_path", "family", "manufacturer", "model", "firmware", "iccid", "signal_dbm", "operator")
    )
    facts |= {"technology": None, "registration": "unknown", "last_success_at": None, "next_action": "", "since": 0}
    with store.write() as tx:
        for path, iccid in (("/dev/a", SIM), ("/dev/b", "other")):
            told = {"state": "needs_you", "sentence": "pin_unknown", "params": f'{{"left": 3, "iccid": "{iccid}"}}'}
            sims.write_modem(tx, "here", {**facts, **told, "path": path, "imei": None}, NOW)
        pins.enter(tx, store.secret, CARD, "1234", NOW, who="test")
        assert sims.take_wishes(tx, "here") == [("/dev/a", "retry")]
        pins.settle(tx, SIM, tried(tx, store, "1234") or "", False, NOW)
        pins.release(tx, CARD, NOW, who="test")
        assert sims.take_wishes(tx, "here") == [("/dev/a", "retry")]


def test_without_its_key_file_a_pin_is_asked_for_again_and_none_is_tried_twice(store: Store) -> None:
    with store.write() as tx:
        pins.enter(tx, store.secret, CARD, "1234", NOW, who="test")
        pins.settle(tx, SIM, tried(tx, store, "1234") or "", False, NOW)
        store.secret.file.unlink()
        with pytest.raises(SealError, match="put the old one back"):
            pins.entered(tx, store.secret, SIM, None, "/dev/a")
        assert not tried(tx, store, "1234")  # nobody can tell whether it is the one that failed
        assert not tried(tx, store, "4321")
        assert pins.enter(tx, store.secret, CARD, "4321", NOW, who="test")
        assert tried(tx, store, "4321")


def test_what_failed_under_the_last_version_stays_blocked(tmp_path: Path) -> None:
    schema = (Path(__file__).parent / "schemas" / "3.sql").read_text("utf-8")
    digest = hashlib.sha256(f"cafe:{SIM}:1234".encode()).hexdigest()
    with closing(sqlite3.connect(tmp_path / "farm.db")) as raw:
        raw.executescript(schema)
        raw.executemany("INSERT INTO farm (key, value) VALUES (?, ?)", [("schema", "3"), ("farm_id", "cafe")])
        raw.execute("INSERT INTO pins (card, digest, state, at) VALUES (?, ?, 'failed', 1)", (SIM, digest))
        raw.commit()
    store = Store("sqlite:///farm.db", tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        assert not tried(tx, store, "1234")
        assert not pins.enter(tx, store.secret, CARD, "1234", NOW, who="test")
        assert tried(tx, store, "4321")
    store.close()
