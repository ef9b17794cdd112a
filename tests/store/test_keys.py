from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modemfarm.store import idempotency, keys, sessions
from modemfarm.store.engine import Store

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def test_a_key_is_known_by_its_digest_only(store: Store) -> None:
    key = store.run(keys.create_key, "shop", (), NOW)
    assert key.startswith("mf_")
    assert len(key) >= 46
    found = store.look(keys.check_key, key, NOW)
    assert found is not None
    assert found.scopes == set(keys.SCOPES)
    assert store.look(keys.check_key, key + "x", NOW) is None
    with store.read() as tx:
        assert key not in str(tx.all("SELECT * FROM api_keys"))


def test_scopes_are_kept_and_unknown_ones_refused(store: Store) -> None:
    key = store.run(keys.create_key, "reader", ("messages:read",), NOW)
    found = store.look(keys.check_key, key, NOW)
    assert found is not None
    assert found.scopes == {"messages:read"}
    with pytest.raises(ValueError, match="messages:sing"):
        store.run(keys.create_key, "x", ("messages:sing",), NOW)


def test_a_revoked_key_opens_nothing(store: Store) -> None:
    key = store.run(keys.create_key, "shop", (), NOW)
    other = store.run(keys.create_key, "other", (), NOW)
    assert store.run(keys.revoke_key, "shop", NOW) == 1
    assert store.run(keys.revoke_key, "shop", NOW) == 0
    assert store.look(keys.check_key, key, NOW) is None
    number = store.look(keys.list_keys)[0]["id"]
    assert store.look(keys.check_key, other, NOW) is not None
    assert store.run(keys.revoke_key, str(number), NOW) == 1
    assert [bool(row["revoked_at"]) for row in store.look(keys.list_keys)] == [True, True]


def test_last_used_is_written_now_and_then(store: Store) -> None:
    key = store.run(keys.create_key, "shop", (), NOW)
    first = store.look(keys.check_key, key, NOW)
    assert first is not None
    assert first.stale
    store.run(keys.key_used, first.id, NOW)
    soon, later = store.look(keys.check_key, key, NOW), store.look(keys.check_key, key, NOW + timedelta(hours=1))
    assert soon is not None
    assert later is not None
    assert (soon.stale, later.stale) == (False, True)


def test_a_login_link_opens_one_session_within_the_hour(store: Store) -> None:
    token = store.run(sessions.create_login, "admin", NOW)
    old = store.run(sessions.create_login, "admin", NOW)
    session = store.run(sessions.use_login, token, NOW + timedelta(minutes=59))
    assert session is not None
    assert store.run(sessions.use_login, token, NOW) is None
    assert store.run(sessions.use_login, old, NOW + timedelta(hours=2)) is None
    assert store.run(sessions.use_login, "guess", NOW) is None
    assert store.look(sessions.check_session, token, NOW) is None
    later = NOW
    for _ in range(5):
        later += timedelta(days=6)
        store.run(sessions.seen, session, later)
        found = store.look(sessions.check_session, session, later)
        assert (found is None) == (later >= NOW + timedelta(days=30, minutes=59))
    assert store.look(sessions.check_session, session, NOW + timedelta(days=31)) is None
    store.run(sessions.end_session, session)
    assert store.look(sessions.check_session, session, NOW) is None


def test_an_idempotency_key_stands_for_one_body_in_its_scope(store: Store) -> None:
    assert store.run(idempotency.begin, "k", "s", "body", NOW) == idempotency.Fresh()
    assert store.run(idempotency.begin, "k", "s", "body", NOW + timedelta(seconds=5)) == idempotency.Open(NOW)
    assert store.run(idempotency.begin, "k", "s", "other", NOW) == idempotency.OtherBody()
    assert store.run(idempotency.begin, "k", "s2", "other", NOW) == idempotency.Fresh()
    store.run(idempotency.finish, "k", "s", 202, "{}")
    assert store.run(idempotency.begin, "k", "s", "body", NOW) == idempotency.Replay(202, "{}")
    assert store.run(idempotency.begin, "k", "s", "other", NOW + timedelta(days=8)) == idempotency.Fresh()
    store.run(idempotency.drop, "k", "s")
    assert store.run(idempotency.begin, "k", "s", "third", NOW) == idempotency.Fresh()


def test_a_senders_idempotency_key_stands_for_one_body_in_all_its_scopes(store: Store) -> None:
    assert store.run(idempotency.begin, "k", "1 a", "body", NOW, "1 ") == idempotency.Fresh()
    assert store.run(idempotency.begin, "k", "1 b", "other", NOW, "1 ") == idempotency.OtherBody()
    assert store.run(idempotency.begin, "k", "1 b", "body", NOW, "1 ") == idempotency.Fresh()
    assert store.run(idempotency.begin, "k", "11 b", "other", NOW, "11 ") == idempotency.Fresh()
    later = NOW + idempotency.KEPT * 2
    assert store.run(idempotency.begin, "k", "1 c", "other", later, "1 ") == idempotency.Fresh()
