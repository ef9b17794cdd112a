"""Parks a SIM that no network takes, or that is abroad, and lets it go on once it is registered where it may send."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.farm.settings import FarmSettings
from modemfarm.model import SimState
from modemfarm.store import balances, sims
from modemfarm.store.actions import sim_resume
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.shapes import rfc3339

DENIED_AFTER = timedelta(minutes=1)  # a network may refuse a modem that has just moved between cells
_TOLD = frozenset({"home", "roaming", "denied", "searching", "none"})
_OURS = frozenset({"no_registration", "not_registered", "roaming"})


def condition(state: str, lasted: timedelta, *, roams: bool, grace: timedelta) -> str | None:
    """Why a SIM may not send with this registration: a reason, or None."""
    if state == "roaming" and not roams:
        return "roaming"
    if state == "denied" and lasted >= DENIED_AFTER:
        return "no_registration"
    if state in ("searching", "none") and lasted >= grace:
        return "not_registered"
    return None


@dataclass(slots=True, eq=False)
class Seen:
    """One SIM's registration since it changed last.

    Attributes:
        judged: what follows is written; a person who resumes the SIM has the last word until it changes again.
    """

    iccid: str
    state: str
    since: datetime
    judged: bool = False


class Registrations:
    """What the modems of one host say of their SIMs' registration."""

    def __init__(self, settings: FarmSettings) -> None:
        self._settings = settings
        self._seen: dict[str, Seen] = {}

    def saw(self, iccid: str, state: str, now: datetime) -> None:
        """A modem said how its SIM is registered; one that starts, or cannot tell, says nothing of it."""
        seen = self._seen.get(iccid)
        if state in _TOLD and (seen is None or seen.state != state):
            self._seen[iccid] = Seen(iccid, state, now)

    def forbids(self, iccid: str) -> bool:
        """Whether a SIM must not send before `judge` was heard: it is abroad, and nobody said that it may be."""
        seen = self._seen.get(iccid)
        return seen is not None and not seen.judged and seen.state == "roaming" and not self._roams(iccid)

    def due(self, here: Collection[str], now: datetime) -> list[Seen]:
        """What was said of these SIMs, is not judged yet and has lasted long enough."""
        found = [seen for iccid in here if (seen := self._seen.get(iccid)) is not None and not seen.judged]
        return [seen for seen in found if seen.state in ("home", "roaming") or self._reason(seen, now) is not None]

    def _reason(self, seen: Seen, now: datetime) -> str | None:
        roams = self._roams(seen.iccid)
        return condition(seen.state, now - seen.since, roams=roams, grace=self._settings.sim_grace)

    def judge(self, tx: Tx, seen: Seen, now: datetime) -> bool:
        """Park or resume one SIM, which is `judged` once this is committed; False: it is not known yet."""
        row = balances.one(tx, seen.iccid)
        if row is None:
            return False
        reason = self._reason(seen, now)
        if reason is not None:
            if row["state"] in ("active", "absent"):
                params = {"from": rfc3339(to_us(seen.since))}
                sims.set_state(tx, seen.iccid, SimState.PARKED, now, reason=reason, params=params)
        elif row["state"] == "parked" and row["reason"] in _OURS:
            sim_resume(tx, seen.iccid, now, cause="registered")
        return True

    def _roams(self, iccid: str) -> bool:
        said = self._settings.sims.get(iccid)
        return self._settings.roaming if said is None or said.roaming is None else said.roaming
