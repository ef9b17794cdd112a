"""What a person allowed is kept by place and id."""

from __future__ import annotations

import json
from dataclasses import asdict

from modemfarm.model import ModemState
from modemfarm.modem.journal import ModemStatus
from modemfarm.store import devices, migrations
from modemfarm.store.engine import Store
from modemfarm.store.migrations import SCHEMA
from tests.store.tools import NOW


def test_a_device_is_allowed_at_its_place_until_that_is_taken_back(store: Store) -> None:
    assert store.run(devices.allow, "cellar", "1-4", "0403:6011", NOW)
    assert not store.run(devices.allow, "cellar", "1-4", "0403:6011", NOW)
    assert store.run(devices.allow, "attic", "1-4", "1a86:7523", NOW)
    assert store.look(devices.allowed, "cellar") == [("1-4", "0403:6011")]
    assert store.run(devices.forbid, "cellar", "1-4", NOW)
    assert not store.run(devices.forbid, "cellar", "1-4", NOW)
    assert store.look(devices.allowed, "cellar") == []
    assert store.look(devices.allowed, "attic") == [("1-4", "1a86:7523")]


def test_what_was_allowed_and_taken_back_is_written_down(store: Store) -> None:
    store.run(devices.allow, "cellar", "1-9", "1a86:7523", NOW)
    store.run(devices.forbid, "cellar", "1-9", NOW)
    with store.read() as tx:
        told = tx.all("SELECT kind FROM events WHERE subject = '1-9' ORDER BY id")
    assert [row["kind"] for row in told] == ["device.allowed", "device.forbidden"]


def test_a_database_of_schema_one_gets_the_table_and_keeps_what_it_holds(store: Store) -> None:
    with store.write() as tx:
        tx.run("INSERT INTO farm (key, value) VALUES ('kept', 'yes')")
        tx.run("DROP TABLE allowed_devices")
        tx.run("UPDATE farm SET value = '1' WHERE key = 'schema'")
    assert migrations.upgrade(store, NOW)
    assert migrations.found(store) == SCHEMA
    assert store.run(devices.allow, "cellar", "1-4", "0403:6011", NOW)
    with store.write() as tx:
        assert tx.value("SELECT value FROM farm WHERE key = 'kept'") == "yes"
        tx.run("DELETE FROM farm WHERE key = 'kept'")
        tx.run("DELETE FROM allowed_devices")


def told(path: str, ports: str) -> dict[str, object]:
    status = ModemStatus(
        path, ModemState.PAUSED, "usb_possible", NOW, usb_path=path.removeprefix("usb:"), next_action="allow_device"
    )
    facts = {**asdict(status), "since": 0, "last_success_at": None, "state": "paused"}
    return {**facts, "params": json.dumps({"name": "FT4232", "id": "0403:6011", "ports": ports})}


def test_devices_without_a_port_are_shown_as_they_are_now_and_found_by_any_of_their_names(store: Store) -> None:
    store.run(devices.show, "cellar", [told("usb:1-4", "ttyUSB0 ttyUSB1"), told("usb:1-5", "ttyUSB12")], NOW)
    for word in ("usb:1-4", "1-4", "/dev/ttyUSB1", "ttyUSB0"):
        found = store.look(devices.offered, word)
        assert found is not None
        assert (found["host"], found["usb_path"], found["usb_id"]) == ("cellar", "1-4", "0403:6011")
    assert store.look(devices.offered, "/dev/ttyUSB2") is None
    store.run(devices.show, "cellar", [told("usb:1-5", "ttyUSB12")], NOW)
    assert store.look(devices.offered, "1-4") is None
    store.run(devices.show, "cellar", [], NOW)
    assert store.look(devices.offered, "1-5") is None
