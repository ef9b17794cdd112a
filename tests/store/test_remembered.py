"""What a restarted daemon has not forgotten: restarts of modems, and the cards that were in them."""

from __future__ import annotations

from datetime import timedelta

from modemfarm.store import remembered
from modemfarm.store.engine import Store, Tx
from modemfarm.store.remembered import Place
from tests.store.tools import NOW, OTHER, SIM

IMEI = "356938035643809"
LEFT, RIGHT = Place("here", "/dev/ttyUSB0", "1-1.1"), Place("here", "/dev/ttyUSB4", "1-1.2")


def _modem(tx: Tx, place: Place, state: str = "working") -> None:
    tx.run(
        "INSERT INTO modems (path, host, imei, state, sentence) VALUES (:path, :host, :imei, :state, 'ready')"
        " ON CONFLICT (path, host) DO UPDATE SET state = excluded.state",
        path=place.path,
        host=place.host,
        imei=IMEI,
        state=state,
    )


def test_six_restarts_a_day_are_all_that_a_sim_gets(store: Store) -> None:
    for hour in range(6):
        assert store.run(remembered.may_reset, SIM, 6, NOW + timedelta(hours=hour))
    assert not store.run(remembered.may_reset, SIM, 6, NOW + timedelta(hours=23))
    assert store.run(remembered.may_reset, OTHER, 6, NOW + timedelta(hours=23))
    assert store.run(remembered.may_reset, SIM, 6, NOW + timedelta(hours=24))
    assert not store.run(remembered.may_reset, SIM, 6, NOW + timedelta(hours=24, minutes=1))


def test_a_change_of_cards_is_seen_and_told_wherever_the_modem_hangs_now(store: Store) -> None:
    with store.write() as tx:
        _modem(tx, LEFT)
        assert not remembered.card(tx, IMEI, LEFT, SIM, NOW)
        assert not remembered.card(tx, IMEI, LEFT, SIM, NOW)
        _modem(tx, LEFT, "gone")
        _modem(tx, RIGHT)
        assert not remembered.card(tx, IMEI, RIGHT, SIM, NOW + timedelta(minutes=1))
        assert remembered.card(tx, IMEI, RIGHT, OTHER, NOW + timedelta(minutes=2))
        _modem(tx, RIGHT, "gone")
        _modem(tx, LEFT)
        assert not remembered.card(tx, IMEI, LEFT, OTHER, NOW + timedelta(minutes=3))
        events = tx.all("SELECT kind, subject, data FROM events")
    assert [(row["kind"], row["subject"]) for row in events] == [("modem.sim_changed", RIGHT.path)]
    assert f'"iccid":"{OTHER}","before":"{SIM}"' in events[0]["data"]


def test_modems_of_one_imei_are_not_taken_for_one_whose_card_changes(store: Store) -> None:
    with store.write() as tx:
        for _ in range(3):
            for place, card in ((LEFT, SIM), (RIGHT, OTHER)):
                _modem(tx, place)
                assert not remembered.card(tx, IMEI, place, card, NOW)
        assert remembered.card(tx, IMEI, LEFT, OTHER, NOW)
