"""The door: a thread that looks at the folders and the database, and lives through whatever it finds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from modemfarm.at.errors_table import ErrorTable
from modemfarm.errors import StoreError
from modemfarm.intake.draft import IntakeSettings
from modemfarm.spool.desk import Desk
from modemfarm.spool.folders import Folders
from modemfarm.spool.taking import Taker
from modemfarm.spool.telling import Teller

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2
TELL_EVERY = 3  # looks
AGAIN_AFTER_S = 2.0


class SpoolDoor:
    """Takes files in and writes files out, until it is stopped.

    Args:
        wake: told after each commit that messages wait.
    """

    def __init__(
        self, root: Path, desk: Desk, settings: IntakeSettings, errors: ErrorTable, wake: Callable[[], object]
    ) -> None:
        self._root, self._desk = root, desk
        self._stop = threading.Event()
        self._taker = Taker(desk, settings, wake, self._stop.is_set)
        self._teller = Teller(desk, errors, self._stop.is_set)
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._fault = ""

    def start(self) -> None:
        """Start the thread; the database is up to date."""
        self._desk.handler.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the files in hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._desk.handler.stop()

    def _work(self) -> None:
        recovered, looks = False, 0
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            try:
                with Folders(self._root) as folders:
                    if not recovered:
                        self._taker.recover(folders)
                        self._teller.recover(folders)
                        recovered = True
                    self._taker.turn(folders)
                    if looks % TELL_EVERY == 0:
                        self._teller.turn(folders)
            except (OSError, StoreError) as error:
                # what was on its way lies in the folders still: it is found again as after a kill
                recovered, wait_s = False, AGAIN_AFTER_S
                self._say(str(error))
            except Exception:
                log.exception("spool: unexpected error")
                recovered, wait_s = False, AGAIN_AFTER_S
            else:
                wait_s = LOOK_EVERY_S
                self._say("")
            looks += 1

    def _say(self, fault: str) -> None:
        """One line for each change."""
        if fault != self._fault:
            self._fault = fault
            if fault:
                log.error("spool: %s: %s", self._root, fault)
            else:
                log.info("spool: %s works again", self._root)
