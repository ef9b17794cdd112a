"""A commit on a server wakes the daemons of all hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from modemfarm.store.engine import Store
from modemfarm.store.listening import Listener
from tests.patience import PATIENT_S
from tests.store.tools import add


@pytest.fixture
def heard(_server: Store) -> Iterator[threading.Semaphore]:
    told = threading.Semaphore(0)
    listener = Listener(_server, told.release)
    listener.start()
    assert told.acquire(timeout=PATIENT_S)  # it listens from here on
    yield told
    listener.stop()


def test_a_new_message_is_heard_once_it_is_committed(
    heard: threading.Semaphore, request: pytest.FixtureRequest
) -> None:
    server: Store = request.getfixturevalue("_server")
    with server.write() as tx:
        add(tx)
        tx.finish()
        assert not heard.acquire(timeout=0.05)
    assert heard.acquire(timeout=PATIENT_S)


def test_it_listens_again_after_its_connection_was_cut(
    heard: threading.Semaphore, request: pytest.FixtureRequest
) -> None:
    server: Store = request.getfixturevalue("_server")
    with server.read() as tx:
        tx.all("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    assert heard.acquire(timeout=PATIENT_S)
    with server.write() as tx:
        add(tx)
    assert heard.acquire(timeout=PATIENT_S)
