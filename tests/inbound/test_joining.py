"""Foreign senders cut characters in two; the joined message is read as one."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

from modemfarm.at.errors_table import ErrorTable
from modemfarm.inbound.receive import InboundSettings, receive
from modemfarm.model import Received
from modemfarm.policy.optout import Keywords
from modemfarm.resources import shipped
from modemfarm.store import migrations
from modemfarm.store.engine import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIM = "8986003100000000000"


def part(number: int, text: bytes) -> Received:
    """An SMS-DELIVER with a two-part header, put together octet by octet (TS 23.040 §9.2.2.1, §9.2.3.24.1)."""
    user_data = bytes([5, 0, 3, 7, 2, number]) + text
    pdu = bytes.fromhex("00440C91947110325476000862309210035180") + bytes([len(user_data)]) + user_data
    return Received(pdu, "", SIM, "1", NOW, "SM", number)


def test_a_surrogate_pair_cut_by_the_sender_is_one_character_again(tmp_path: Path) -> None:
    store = Store("sqlite:///farm.db", tmp_path / "state")
    migrations.upgrade(store, NOW)
    policy = Path(__file__).parents[2] / "modemfarm" / "policy" / "optout.toml"
    settings = InboundSettings(
        Keywords.from_mapping(tomllib.loads(policy.read_text("utf-8"))),
        ErrorTable.from_mapping(tomllib.loads((shipped("drivers") / "errors.toml").read_text("utf-8"))),
    )
    for received in (part(2, bytes.fromhex("DE000042")), part(1, bytes.fromhex("0041D83D"))):
        store.run(receive, received, settings, NOW)
    with store.read() as tx:
        assert tx.all("SELECT text, complete FROM inbound") == [{"text": "A😀B", "complete": 1}]
    store.close()


def test_a_refusal_with_a_damaged_time_stamp_still_counts(tmp_path: Path) -> None:
    store = Store("sqlite:///farm.db", tmp_path / "state")
    migrations.upgrade(store, NOW)
    policy = Path(__file__).parents[2] / "modemfarm" / "policy" / "optout.toml"
    settings = InboundSettings(
        Keywords.from_mapping(tomllib.loads(policy.read_text("utf-8"))),
        ErrorTable.from_mapping(tomllib.loads((shipped("drivers") / "errors.toml").read_text("utf-8"))),
    )
    pdu = bytes.fromhex("00040C919471103254760008FFFFFFFFFFFFFF0400540044")  # TP-SCTS all FF, text TD
    understood = store.run(receive, Received(pdu, "", SIM, "1", NOW, "SM", 1), settings, NOW)
    assert understood.opted_out == "+491701234567"
    store.close()
