"""What a person allowed is kept by place and id."""

from __future__ import annotations

from modemfarm.store import devices, migrations
from modemfarm.store.engine import Store
from modemfarm.store.schema import SCHEMA
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
