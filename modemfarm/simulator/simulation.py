"""The whole of it: modems, their ports, one network; faults, plugs and messages by name and number."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from modemfarm.errors import LinkLostError, PortGoneError
from modemfarm.simulator.calls import RINGS, ring
from modemfarm.simulator.card import make_card
from modemfarm.simulator.control import ControlServer
from modemfarm.simulator.faults import parse_fault
from modemfarm.simulator.moments import Moments, OneShot, OnMoment, kill, who_has_open
from modemfarm.simulator.network import Network, OnPhone, PhoneText
from modemfarm.simulator.personality import CYCLE, FAMILIES
from modemfarm.simulator.settings import CARD_KNOBS, Knobs, Timings, turn, turn_card
from modemfarm.simulator.smsclog import SmscLog
from modemfarm.simulator.strikes import clear, strike
from modemfarm.simulator.virtual import VirtualModem
from modemfarm.simulator.wires import PipePort, PipeWire, PtyWire, Wire

ModemStats = dict[str, str | int | float | list[str] | dict[str, int] | None]


class Simulation:
    """Virtual modems on one virtual network.

    It is made inside a running loop, whose time it uses. Without `start` every port is a pipe inside this process,
    reached by `connect`; `start` makes ptys instead.

    Args:
        families: one name per modem, cycled; empty means all four.
        clock: seconds since the epoch, for the log and for TP-SCTS; waits are the loop's.
        log_path: `smsc.jsonl`; `start` puts it into its folder when None.
    """

    def __init__(
        self,
        modems: int,
        *,
        families: Sequence[str] = (),
        airtime_s: float = 0.0,
        setup_s: float = 0.0,
        report_s: float = 1.0,
        reboot_s: float = 2.0,
        chatter_s: float = 30.0,
        seed: int = 1,
        log_path: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        names = tuple(families) or CYCLE
        for name in names:
            if name not in FAMILIES:
                raise ValueError(f"there is no family {name!r}; there are: {' '.join(FAMILIES)}")
        self.timings = Timings(airtime_s, setup_s, reboot_s, chatter_s)
        self.moments = Moments()
        self.network = Network(SmscLog(log_path, clock), clock, report_s)
        self._log_path, self._clock = log_path, clock
        self._rng = random.Random(seed)  # noqa: S311 - noise, repeatable
        self._spare_cards = modems
        self._folder: Path | None = None
        self._names = {number: f"ttyV{number}" for number in range(modems)}
        self._wires: dict[int, Wire] = {}
        self._control: ControlServer | None = None
        self._renamed = 0
        self.modems: list[VirtualModem] = []
        for number in range(modems):
            card = make_card(number, mr=self._rng.randrange(256))
            self.network.issue(card)
            personality = FAMILIES[names[number % len(names)]]
            rng = random.Random(self._rng.random())  # noqa: S311 - noise, repeatable
            self.modems.append(
                VirtualModem(
                    number,
                    personality,
                    card,
                    self.network,
                    timings=self.timings,
                    moments=self.moments,
                    rng=rng,
                    owner=self,
                )
            )
            self._plug(number)
            self.modems[number].power_on(boot=False)

    async def start(self, folder: Path) -> None:
        """Make `folder/ttyV0` and on, `folder/smsc.jsonl` and `folder/control.sock`."""
        _prepare(folder)
        self._folder = folder
        if self._log_path is None:
            self.network.log = SmscLog(folder / "smsc.jsonl", self._clock)
        for number in range(len(self.modems)):
            self._unplug(number)
            self._plug(number)
        self._control = ControlServer(self)
        await self._control.start(folder / "control.sock")

    async def stop(self) -> None:
        """Unplug everything and end the log."""
        if self._control is not None:
            await self._control.stop()
        for modem in self.modems:
            modem.power_off()
            self._unplug(modem.number)
        self.network.close()
        self.network.log.close()

    # --- ports

    def connect(self, number: int) -> PipePort:
        """The host's end of a modem's pipe.

        Raises:
            LinkLostError: it is unplugged.
            PortBusyError: somebody has it.
        """
        wire = self._wires.get(number)
        if not isinstance(wire, PipeWire):
            raise LinkLostError(f"{self._names[number]}: unplugged")
        return wire.connect()

    async def open(self, path: str) -> PipePort:
        """A port opener over the pipes: `path` ends with the port's present name."""
        name = path.rpartition("/")[2]
        for number, known in self._names.items():
            if known == name and number in self._wires:
                return self.connect(number)
        raise PortGoneError(f"{path}: no such port")

    def path(self, number: int) -> str:
        """The port's present name: a path with ptys, else a bare name."""
        name = self._names[number]
        return str(self._folder / name) if self._folder is not None else name

    def holder(self, number: int) -> int | None:
        """The process that has a modem's pty open."""
        wire = self._wires.get(number)
        return who_has_open(wire.device) if isinstance(wire, PtyWire) else None

    def unplug(self, number: int) -> None:
        """Pull the modem out: power gone, port hung up, name gone."""
        self._at(number).power_off()
        self._unplug(number)

    def unplug_at(self, number: int, moment: str, count: int = 1) -> None:
        """Pull it out when a moment of its life comes for the N-th time.

        Raises:
            ValueError: there is no such moment.
        """
        self._at(number)
        OneShot(self.moments, moment, count, self.unplug, only=number)

    def replug(self, number: int, as_name: str = "") -> None:
        """Put it in again, perhaps under another name, and let it boot.

        Raises:
            ValueError: the name is taken or no plain file name.
        """
        modem = self._at(number)
        if as_name:
            if "/" in as_name or as_name.startswith(".") or as_name in {"smsc.jsonl", "control.sock"}:
                raise ValueError(f"{as_name!r} cannot be a port's name")
            if any(name == as_name and other in self._wires for other, name in self._names.items() if other != number):
                raise ValueError(f"{as_name} is another modem's")
        if modem.powered:
            modem.power_off()
        self._unplug(number)
        self._names[number] = as_name or self._names[number]
        self._plug(number)
        modem.power_on(boot=True)

    def _plug(self, number: int) -> None:
        modem = self.modems[number]
        wire: Wire
        if self._folder is None:
            wire = PipeWire(self._names[number], modem.receive)
        else:
            wire = PtyWire(self._folder / self._names[number], modem.receive)
        self._wires[number] = modem.wire = wire

    def _unplug(self, number: int) -> None:
        wire = self._wires.pop(number, None)
        self.modems[number].wire = None
        if wire is not None:
            wire.close()

    def restart(self, modem: VirtualModem, off_s: float) -> None:
        """A restart of the modem's own; a USB stick's port goes away meanwhile."""
        if modem.personality.drops_port:
            self._unplug(modem.number)
        self.network.later(off_s, lambda: self._come_back(modem))

    def pull(self, modem: VirtualModem, back_s: float | None) -> None:
        """Port and power go, for a while or until `replug`."""
        modem.power_off()
        self._unplug(modem.number)
        if back_s is not None:
            self.network.later(back_s, lambda: self._come_back(modem))

    def _come_back(self, modem: VirtualModem) -> None:
        if modem.powered:
            return
        if modem.number not in self._wires:
            if modem.knobs.new_name:
                self._renamed += 1
                self._names[modem.number] = f"ttyV{modem.number}r{self._renamed}"
            self._plug(modem.number)
        modem.power_on(boot=True)

    # --- what happens to them

    def fault(self, number: int, name: str, arg: str = "", count: int | None = None) -> None:
        """Give a modem a fault; see `faults`.

        Raises:
            ValueError: what it says cannot be.
        """
        modem, fault = self._at(number), parse_fault(name, arg, count)
        if fault.phase != "now":
            modem.troubles.arm(fault)
            return
        if name == "clear":
            clear(modem)
        else:
            strike(modem, fault, count)
        modem.log_fault(name, "now")

    def swap(self, modem: VirtualModem, other: int | None) -> None:
        """Exchange a modem's card with another modem's; None: for a card that nobody had."""
        mine = modem.remove_card()
        if other is None:
            card = make_card(self._spare_cards, mr=self._rng.randrange(256))
            self._spare_cards += 1
            self.network.issue(card)
            modem.insert_card(card)
            return
        partner = self._at(other)
        theirs = partner.remove_card()
        if theirs is not None:
            modem.insert_card(theirs)
        if mine is not None and partner is not modem:
            partner.insert_card(mine)

    def deliver(self, number: int, originator: str, text: str) -> int:
        """Send a text to the SIM of a modem.

        Returns:
            The number of parts.

        Raises:
            ValueError: there is no SIM.
        """
        modem = self._at(number)
        card = modem.card or modem.pocket
        if card is None:
            raise ValueError(f"modem {number} has no SIM")
        return self.network.deliver(card, originator, text)

    # --- looking at them

    def on_moment(self, callback: OnMoment) -> None:
        """Call back with (moment, modem); answering True at ``mid-pdu`` cuts the line there."""
        self.moments.add(callback)

    def kill_at(self, moment: str, pid: int | None, count: int = 1) -> None:
        """Kill a process when a moment comes for the N-th time; None: who has that modem's port open then."""

        def act(modem: int) -> None:
            victim = self.holder(modem) if pid is None else pid
            if victim is not None:
                kill(victim)

        OneShot(self.moments, moment, count, act)

    def on_phone(self, callback: OnPhone) -> None:
        """Call back with (number, text, modem) when a phone has a whole text."""
        self.network.on_phone(callback)

    def phone(self, number: str) -> list[PhoneText]:
        """The last 50 texts of a phone."""
        return self.network.phone(number)

    def knobs(self, number: int) -> Knobs:
        """What else may differ on one modem."""
        return self._at(number).knobs

    def turn(self, number: int, knob: str, value: str) -> None:
        """Set a knob from text, for `ctl`.

        Raises:
            ValueError: no such knob or value.
        """
        modem = self._at(number)
        card = modem.card or modem.pocket
        if knob in CARD_KNOBS:
            if card is None:
                raise ValueError(f"modem {number} has no SIM")
            turn_card(card, knob, value)
            return
        if knob == "imei" and value.isdigit() and len(value) == 15:  # TS 23.003 §6.2.1
            modem.imei = value
            return
        turn(modem.knobs, knob, value)
        if knob == "roaming":
            modem.registration_changed()

    def call(self, number: int, originator: str, rings: int = RINGS) -> str:
        """Call the SIM of a modem.

        Returns:
            ``ringing``, ``busy`` or ``unreachable``.
        """
        return ring(self._at(number), originator, rings)

    def stats(self) -> dict[str, object]:
        """Per modem and in all: what was sent, how long the air took, what lies stored; our own CPU seconds."""
        modems = [self._stats(modem) for modem in self.modems]
        totals = {
            key: sum(value for item in modems if isinstance(value := item[key], int | float))
            for key in ("sent", "ctrl_z", "busy_s", "commands")
        }
        used = os.times()
        return {"modems": modems, "total": totals, "cpu_s": used.user + used.system}

    def _stats(self, modem: VirtualModem) -> ModemStats:
        counters, card = modem.counters, modem.card
        stored = {name: len(store.slots) for name, store in modem.stores.items()}
        if card is not None:
            stored["SM"] = len(card.store.slots)
        return {
            "modem": modem.number,
            "path": self.path(modem.number),
            "plugged": modem.number in self._wires,
            "family": modem.personality.name,
            "imei": modem.imei,
            "iccid": card.iccid if card is not None else None,
            "number": card.number if card is not None else None,
            "registration": modem.registration,
            "faults": [fault.name for fault in modem.faults],
            "sent": counters.sent,
            "ctrl_z": counters.ctrl_z,
            "busy_s": round(counters.busy_s, 6),
            "commands": counters.commands,
            "stored": stored,
            "held": self.network.held(card.iccid) if card is not None else 0,
        }

    def _at(self, number: int) -> VirtualModem:
        if not 0 <= number < len(self.modems):
            raise ValueError(f"there is no modem {number}; there are 0 to {len(self.modems) - 1}")
        return self.modems[number]


def _prepare(folder: Path) -> None:
    """The folder, without the names of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for stale in folder.iterdir():
        if stale.is_symlink() and str(stale.readlink()).startswith("/dev/pts/"):
            stale.unlink()
