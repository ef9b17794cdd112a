"""The faults that one virtual modem waits to have: which fires when, counted down and logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.simulator.answers import OK, Answer, cms
from modemfarm.simulator.faults import PHASES, STRIKES, Fault

if TYPE_CHECKING:
    from modemfarm.simulator.card import Store
    from modemfarm.simulator.virtual import VirtualModem

_LOOK_S = 0.1
_IDLE_S = 0.3  # so long after the last octet nothing goes on


class Troubles:
    """One modem's faults in force.

    Attributes:
        armed: in the order in which they were given.
    """

    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self._watching = False
        self.armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        self.armed.append(fault)
        self.watch()

    def at(self, phase: str, *names: str, exact: bool = False) -> Fault | None:
        """The first fault that fires at this phase.

        Args:
            names: only these; none is all.
            exact: faults of phase ``command`` do not count: this is no command.
        """
        for fault in self.armed:
            if (not names or fault.name in names) and self._due(fault, phase, exact=exact):
                self._fire(fault, phase)
                return fault
        return None

    def strike(self, phase: str, *, exact: bool = False) -> bool:
        """Let all strikes of a phase happen once; True when the modem stopped over it."""
        due = [item for item in self.armed if item.name in STRIKES and self._due(item, phase, exact=exact)]
        for fault in due:
            self._fire(fault, phase)
            if self._modem.strike(fault):
                return True
        return False

    @staticmethod
    def _due(fault: Fault, phase: str, *, exact: bool) -> bool:
        if fault.phase != phase and (exact or fault.phase != "command" or phase not in PHASES):
            return False
        if fault.skip:
            fault.skip -= 1
            return False
        return True

    def _fire(self, fault: Fault, phase: str) -> None:
        if fault.left == 1:
            self.armed.remove(fault)
        elif fault.left > 1:
            fault.left -= 1
        self._modem.log_fault(fault.name, phase)

    def restarted(self) -> None:
        """What a restart ends."""
        self.armed[:] = [item for item in self.armed if item.name != "no-send" or "stays" in item.words]
        self._watching = False
        self.watch()

    def watch(self) -> None:
        """Look for an idle moment while a fault waits for one."""
        if not self._watching and self._wanted():
            self._watching = True
            self._modem.later(_LOOK_S, self._look)

    def _wanted(self) -> bool:
        return any(item.phase == "idle" and item.name in STRIKES for item in self.armed)

    def _look(self) -> None:
        self._watching = False
        modem = self._modem
        quiet = modem.now - modem.heard_at >= _IDLE_S
        if modem.brought_up and quiet and not modem.ear.waiting and not modem.hung:
            epoch = modem.epoch
            self.strike("idle", exact=True)
            if modem.epoch != epoch:
                return
        self.watch()

    def keeps_slot(self, store: Store, index: int | None) -> Answer | None:
        """What +CMGD answers when a slot cannot be emptied; None: it can.

        Args:
            index: None: many at once.
        """
        for fault in self.armed:
            if fault.name != "undeletable" or not store.slots or (index is not None and index not in store.slots):
                continue
            if fault.value is None or index is None or int(fault.value) == index:
                self._fire(fault, "receiving")
                return cms(500) if "refused" in fault.words else OK
        return None
