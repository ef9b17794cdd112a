"""Builds the spool's door as config.yaml wants it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from modemfarm.at.errors_table import ErrorTable
from modemfarm.config.load import Config
from modemfarm.spool.desk import Desk, EventHandler
from modemfarm.spool.door import SpoolDoor
from modemfarm.store import spool
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload


def build_spool(
    config: Config,
    store: Store,
    offload: Offload,
    errors: ErrorTable,
    now: Callable[[], datetime],
    wake: Callable[[], object],
) -> SpoolDoor | None:
    """The door; None where it is switched off, and what comes meanwhile becomes no file later."""
    said = config.file.spool
    if not said.enabled:
        with store.write() as tx:
            spool.end(tx)
        return None
    handler = EventHandler(said.eventhandler or "", config.state_dir)
    desk = Desk(store, offload, config.host, ZoneInfo(config.zone), now, handler)
    return SpoolDoor(config.state_dir / said.dir, desk, config.intake, errors, wake)
