"""`sims history` and `sims set`: what happened to a card, and names that mean one card only."""

from __future__ import annotations

from modemfarm.model import SimState
from modemfarm.store import sims
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record
from tests.cli.farm import NOW, FarmAt

CARD, OTHER = "8986001234567890123", "8986001234567890999"


def test_the_history_of_a_sim_tells_states_repairs_pins_errors_and_sends(farm: FarmAt) -> None:
    farm("sims", "set", CARD, "--label", "front")
    path = "/dev/ttyV0"

    def happened(tx: Tx) -> None:
        tx.run("INSERT INTO modems (path, host, state, sentence) VALUES (:path, 'shop', 'working', 'ready')", path=path)
        sims.set_state(tx, CARD, SimState.PARKED, NOW, reason="operator_block")
        record(tx, "sim.pin_entered", NOW, subject=CARD, who="page")
        record(tx, "modem.reset", NOW, subject=path, imei="1", iccid=CARD, step="reset")
        record(tx, "modem.reset", NOW, subject=path, imei="1", iccid=OTHER, step="radio")
        for outcome, code in (("accepted", None), ("accepted", None), ("refused", 21)):
            tx.run(
                "INSERT INTO attempts (part_id, message_id, recipient, iccid, owner, host, instance, path, claimed_at,"
                " ended_at, outcome, kind, code) VALUES (1, 1, '+8613800138000', :card, :card, 'shop', 'x', :path, :at,"
                " :at, :outcome, 'cms', :code)",
                card=CARD,
                path=path,
                at=to_us(NOW),
                outcome=outcome,
                code=code,
            )

    with farm.store.write() as tx:
        happened(tx)
    told = farm("sims", "history", "front", "--json").json
    assert told["iccid"] == CARD
    kinds = [one["kind"] for one in told["data"]]
    assert sorted(kinds) == ["attempt.refused", "modem.reset", "sim.parked", "sim.pin_entered"]
    said = {one["kind"]: one["said"] for one in told["data"]}
    assert said["sim.parked"].startswith("The SIM was parked. ")
    assert said["attempt.refused"].startswith("CMS 21 ")
    assert [one["parts"] for one in told["sent"]] == [2]
    assert len(farm("sims", "history", "front", "--json", "--limit", "2").json["data"]) == 2
    spoken = farm("sims", "history", "front").out
    assert "The PIN of the SIM was entered." in spoken
    assert farm("sims", "history", "nobody").code == 4


def test_no_name_of_a_sim_is_another_ones_too(farm: FarmAt) -> None:
    assert farm("sims", "set", CARD, "--label", "front", "--number", "+8613800138000").code == 0
    assert farm("sims", "set", CARD, "--label", "front").code == 0
    for words in (
        ("--label", "front"),
        ("--number", "+8613800138000"),
        ("--label", CARD),
        ("--label", "+8613800138000"),
    ):
        ran = farm("sims", "set", OTHER, *words)
        assert ran.code == 2, words
    assert [sim["iccid"] for sim in farm("sims", "list", "--json").json["data"]] == [CARD]
