"""A database put back from a copy sends nothing that may have left since, until a person says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.store import actions, epoch, queue, views
from modemfarm.store.engine import Store
from tests.store.tools import LONG, NOW, SIM, accepted, add, after, claim, end, submit, uncertain


def states(store: Store) -> dict[int, tuple[str, str | None]]:
    with store.read() as tx:
        return {row["id"]: (row["state"], row["reason"]) for row in tx.all("SELECT id, state, reason FROM messages")}


def test_what_is_not_final_waits_for_a_person_and_what_was_on_the_air_is_unknown(store: Store) -> None:
    with store.write() as tx:
        sent = add(tx)
        end(tx, submit(tx)[1], accepted())
        flying = add(tx, to="+8613800138001")
        submit(tx)
        lost = add(tx, to="+8613800138006", resend_unknown=True)
        end(tx, submit(tx, at=after(0.5))[1], uncertain(at=after(0.5)), after(0.5))
        claimed = add(tx, to="+8613800138002")
        claim(tx)
        started = add(tx, to="+8613800138003", text=LONG)
        end(tx, submit(tx, at=after(1))[1], accepted(mr=9, at=after(1)), after(1))
        waiting = add(tx, to="+8613800138004")
        later = add(tx, to="+8613800138005", send_at=after(3600))
        held = epoch.hold(tx, after(10))
    assert held == 4
    found = states(store)
    assert found[sent][0] == "sent"
    assert found[flying][0] == found[lost][0] == "unknown"
    assert found[claimed] == found[waiting] == found[later] == ("held", "restored")
    assert found[started] == ("sending", "restored")
    with store.write() as tx:
        assert queue.heads(tx, "", after(9999), 9) == []
        assert queue.heads(tx, SIM, after(9999), 9) == []
        assert actions.resend_unknown(tx, after(9999)) == 0
        assert views.stats(tx, {})["restored"] == 4


def test_a_person_releases_it_and_a_pause_still_holds(store: Store) -> None:
    with store.write() as tx:
        waiting = add(tx)
        later = add(tx, to="+8613800138001", send_at=after(3600))
        started = add(tx, to="+8613800138003", text=LONG, priority=9)
        end(tx, submit(tx)[1], accepted())
        urgent = add(tx, to="+8613800138004", message_class="emergency")
        epoch.hold(tx, NOW)
        actions.pause(tx, "class", "emergency", NOW)
        assert epoch.held(tx) == 4
        assert epoch.release(tx, after(5), who="test") == 4
        assert epoch.held(tx) == 0
        assert epoch.release(tx, after(6)) == 0
    found = states(store)
    assert found[waiting] == ("queued", None)
    assert found[later] == ("scheduled", None)
    assert found[started] == ("sending", None)
    assert found[urgent] == ("held", "paused")
    with store.write() as tx:
        assert [part.message_id for part in queue.heads(tx, "", after(60), 9)] == [waiting]
        assert {part.message_id for part in queue.heads(tx, SIM, after(60), 9)} == {started}
        actions.resume(tx, "class", "emergency", after(61))
        assert urgent in {part.message_id for part in queue.heads(tx, "", after(62), 9)}


def test_a_database_that_is_older_than_its_state_directory_is_held(store: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        add(tx)
    assert epoch.enter(store, tmp_path, NOW) is None
    first = epoch.seen(tmp_path)
    assert epoch.enter(store, tmp_path, NOW) is None
    assert epoch.seen(tmp_path) == store.look(epoch.current) == first + 1
    with store.write() as tx:  # a copy of the time before
        tx.run("UPDATE farm SET value = :old WHERE key = 'epoch'", old=str(first))
    assert epoch.enter(store, tmp_path, NOW) == 1
    assert epoch.seen(tmp_path) == store.look(epoch.current) == first + 2
    assert list(states(store).values()) == [("held", "restored")]
    assert epoch.enter(store, tmp_path, NOW) is None


def test_an_unreadable_epoch_is_said(tmp_path: Path) -> None:
    (tmp_path / epoch.FILE).write_text("soon")
    with pytest.raises(StoreError, match="epoch"):
        epoch.seen(tmp_path)
