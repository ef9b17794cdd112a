"""A modem of another host: who wants its port is sent there, whatever port has the same name here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from modemfarm.store import migrations, sims
from modemfarm.store.engine import Store, Tx, to_us
from tests.e2e.farm import run_cli
from tests.postgres import Cluster

NOW = datetime.now(UTC)
FACTS = (
    "usb_path family manufacturer model firmware iccid signal_dbm operator technology last_success_at"
    " temperature_c voltage_mv"
)
MODEM = dict.fromkeys(FACTS.split()) | {
    "path": "/dev/ttyUSB0", "imei": "490154203237518", "state": "working", "sentence": "ready", "params": "{}",
    "registration": "home", "next_action": "", "since": to_us(NOW),
}  # fmt: skip


def _plugged(tx: Tx, host: str) -> None:
    sims.write_modem(tx, host, MODEM, NOW)


def test_the_port_of_another_hosts_modem_is_asked_for_there(tmp_path: Path) -> None:
    cluster = Cluster()
    try:
        url = cluster.create("shop")
        config = tmp_path / "config.yaml"
        config.write_text(f"state_dir: .\nhost: attic\ndatabase: {url}\n", "utf-8")
        store = Store(url, tmp_path)
        migrations.upgrade(store, NOW)
        store.run(_plugged, "cellar")
        for words in (("console", "/dev/ttyUSB0", "AT+CSQ"), ("record", "/dev/ttyUSB0")):
            ran = run_cli("-c", str(config), "modems", *words)
            assert ran.code == 5, ran
            assert "cellar has the modem /dev/ttyUSB0" in ran.err
        assert run_cli("-c", str(config), "modems", "show", "/dev/ttyUSB0", "--json").document["recordings"] == []
        store.close()
    finally:
        cluster.stop()
