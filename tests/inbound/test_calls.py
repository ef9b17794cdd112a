"""A missed call among the replies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from modemfarm.inbound.calls import called
from modemfarm.model import MissedCall
from modemfarm.store import migrations, views
from modemfarm.store.engine import Store

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "shown"), [("13912345678", "+8613912345678"), ("+8613912345678", "+8613912345678"), ("", "")]
)
def test_a_call_is_a_row_of_its_own_kind_with_the_number_in_full(tmp_path: Path, number: str, shown: str) -> None:
    store = Store("sqlite:///farm.db", tmp_path)
    migrations.upgrade(store, AT)
    found = store.run(called, MissedCall("8986001234567890123", number, AT), "CN", AT)
    row = store.look(views.inbound_one, found)
    assert row is not None
    assert (row["kind"], row["from"], row["text"], row["verdict"]) == ("missed_call", shown, "", "none")
    with store.read() as tx:
        assert tx.value("SELECT subject FROM events WHERE kind = 'call.missed'") == shown
    store.close()
