"""Hears from a PostgreSQL server that rows were committed, by any host, over a connection of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

from modemfarm.store.engine import CHANNEL, SERVER, Store

log = logging.getLogger(__name__)

LOOK_S = 1.0  # how soon it notices that it shall stop
AGAIN_S = 1.0


class Listener:
    """A thread that calls `heard` at every NOTIFY, and whenever it could not listen for a while."""

    def __init__(self, store: Store, heard: Callable[[], object]) -> None:
        self._conninfo = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._heard = heard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        import psycopg  # noqa: PLC0415 # wanted with a server only

        while not self._stopping.is_set():
            try:
                self._listen(psycopg.connect(self._conninfo, autocommit=True, **SERVER))
            except psycopg.Error as error:
                log.debug("listening: %s", error)
                self._stopping.wait(AGAIN_S)

    def _listen(self, opened: psycopg.Connection) -> None:
        with opened as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._heard()  # what was told meanwhile
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                    self._heard()
