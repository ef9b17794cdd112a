"""What the scout finds is a row the page shows; what a person allowed reaches the scout."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modemfarm.daemon.devices import Devices
from modemfarm.modem.usb import Finding
from modemfarm.store import devices, migrations, views
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BOX = Finding("usb_possible", {"name": "FT4232", "id": "0403:6011", "ports": "ttyUSB0 ttyUSB1"})
DISC = Finding("usb_cdrom_mode", {"name": "E3531", "id": "12d1:1f01"})


@dataclass
class FakeScout:
    findings: dict[str, Finding] = field(default_factory=dict)
    allowed: set[tuple[str, str]] = field(default_factory=set)

    def allow(self, allowed: list[tuple[str, str]]) -> None:
        self.allowed = set(allowed)


@dataclass
class Rig:
    store: Store
    scout: FakeScout
    devices: Devices
    now: datetime = NOW

    def shown(self) -> dict[str, tuple[str, str, str | None]]:
        return {
            item["path"]: (item["state"], item["sentence"], item["next_action"])
            for item in self.store.look(views.modems)
        }


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = Store("sqlite:///farm.db", tmp_path)
    migrations.upgrade(store, NOW)
    offload = Offload(store)
    offload.start()
    scout = FakeScout()
    made = Rig(store, scout, Devices(scout, store, offload, "cellar", lambda: made.now))  # type: ignore[arg-type]
    yield made
    offload.stop()
    store.close()


async def test_findings_become_rows_with_sentence_and_action_and_go_with_the_device(rig: Rig) -> None:
    rig.scout.findings = {"1-4": BOX, "1-5": DISC}
    await rig.devices.turn()
    assert rig.shown() == {
        "usb:1-4": ("paused", "usb_possible", "allow_device"),
        "usb:1-5": ("needs_you", "usb_cdrom_mode", "leave_disc_mode"),
    }
    rig.scout.findings = {"1-5": DISC}
    await rig.devices.turn()
    assert rig.shown().keys() == {"usb:1-5"}


async def test_the_row_keeps_the_moment_since_when_it_is_so(rig: Rig) -> None:
    rig.scout.findings = {"1-4": BOX}
    await rig.devices.turn()
    rig.now += timedelta(hours=1)
    rig.scout.findings = {"1-4": BOX, "1-5": DISC}
    await rig.devices.turn()
    since = {item["path"]: item["since"] for item in rig.store.look(views.modems)}
    assert since["usb:1-4"] < since["usb:1-5"]


async def test_rows_that_a_killed_daemon_left_are_taken_away(rig: Rig) -> None:
    facts = {"path": "usb:9-9", "usb_path": "9-9", "state": "paused", "sentence": "usb_possible"}
    with rig.store.write() as tx:
        tx.run(
            "INSERT INTO modems (path, host, usb_path, state, sentence, params) VALUES (:path, 'cellar', :usb_path,"
            " :state, :sentence, :params)",
            **facts,
            params=json.dumps(dict(BOX.params)),
        )
    await rig.devices.turn()
    assert rig.shown() == {}


async def test_what_a_person_allows_reaches_the_scout(rig: Rig) -> None:
    rig.scout.findings = {"1-4": BOX}
    await rig.devices.turn()
    assert rig.scout.allowed == set()
    assert rig.store.run(devices.allow_offered, "/dev/ttyUSB1", NOW) is not None
    await rig.devices.turn()
    assert rig.scout.allowed == {("1-4", "0403:6011")}
