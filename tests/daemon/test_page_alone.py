"""The page beside the daemons: it takes messages in and says what it cannot do, without a modem or a lock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemfarm.config.load import load
from modemfarm.daemon.lock import StateLock
from modemfarm.daemon.page import alone, app
from modemfarm.errors import StoreError
from modemfarm.store import keys, migrations
from modemfarm.store.engine import Store
from modemfarm.webapp.app import create_app

if TYPE_CHECKING:
    from flask.testing import FlaskClient

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[tuple[FlaskClient, str]]:
    (tmp_path / "config.yaml").write_text("state_dir: .\nsending: {country: CN}\n", "utf-8")
    config = load(tmp_path / "config.yaml", {}, tmp_path)
    store = Store(config.database, config.state_dir)
    with pytest.raises(StoreError):
        app(config)  # the daemon makes the database
    migrations.upgrade(store, NOW)
    key = store.run(keys.create_key, "test", ("messages:send",), NOW)
    lock = StateLock(config.state_dir)  # a daemon runs
    yield create_app(alone(config)).test_client(), str(key)
    lock.release()
    store.close()


def test_a_message_is_taken_in_beside_a_running_daemon(client: tuple[FlaskClient, str]) -> None:
    page, key = client
    assert page.get("/healthz").status_code == 200
    assert page.get("/readyz").status_code == 503
    asked = page.post(
        "/v1/messages", json={"to": "13800138000", "text": "hello"}, headers={"Authorization": f"Bearer {key}"}
    )
    assert asked.status_code == 202, asked.text
    assert asked.json is not None
    assert asked.json["state"] == "queued"
