"""One virtual modem on loop time: its power, its card, what it knows, and what goes through its port."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from modemfarm.simulator import reception, strikes
from modemfarm.simulator.answering import spoil
from modemfarm.simulator.answers import Answer
from modemfarm.simulator.calls import Call
from modemfarm.simulator.card import SM_SLOTS, Card, Store, make_imei
from modemfarm.simulator.faults import Fault
from modemfarm.simulator.hearing import Ear
from modemfarm.simulator.moments import Moments
from modemfarm.simulator.network import Airborne, Network
from modemfarm.simulator.radio import creg_line
from modemfarm.simulator.settings import Counters, Knobs, Timings, fresh_settings
from modemfarm.simulator.speech import Speech, shown
from modemfarm.simulator.traits import Personality
from modemfarm.simulator.troubles import Troubles
from modemfarm.simulator.wires import Wire

_PROMPTS = {"prompt": "\r\n> ", "early-ok": "\r\n> \r\nOK\r\n"}


class Owner(Protocol):
    """Who has the modem's port and the other cards."""

    def restart(self, modem: VirtualModem, off_s: float) -> None:
        """The modem restarts itself: bring it back after a while, its port too where that went."""

    def pull(self, modem: VirtualModem, back_s: float | None) -> None:
        """Take its port and power away; None: until somebody plugs it in again."""

    def swap(self, modem: VirtualModem, other: int | None) -> None:
        """Exchange its card with another modem's, or for a new one."""


class VirtualModem:
    """One modem.

    Attributes:
        powered: False between power-off and power-on.
        hung: says and hears nothing.
        deaf: answers nothing; unsolicited lines go on.
        denied: <stat> of +CREG that the network gives instead of 1; 0 is none.
        brought_up: +CNMI was set, or +CMGS came, since power-on.
        doing: the phase of faults that the present answer belongs to.
        epoch: grows with every power-on and power-off; what belongs to an older one is not said.
        expects: of an open prompt, ("pdu", length, "") or ("text", 0, number).
        again: the fault that goes on after the next start, and how often.
    """

    def __init__(
        self,
        number: int,
        personality: Personality,
        card: Card,
        network: Network,
        *,
        timings: Timings,
        moments: Moments,
        rng: random.Random,
        owner: Owner,
    ) -> None:
        self.number = number
        self.personality = personality
        self.card: Card | None = card
        self.pocket: Card | None = None  # a card taken out by `no-sim`
        self.network = network
        self.timings = timings
        self.moments = moments
        self.rng = rng
        self.owner = owner
        self.imei = make_imei(number)
        self.wire: Wire | None = None
        self.knobs = Knobs()
        self.counters = Counters()
        self.denied = 0
        self.hung = self.deaf = self.powered = self.stalled = False
        self.epoch = 0
        self.again = ("", 0)
        self.boot_switch = 0
        self.call: Call | None = None
        slots = personality.capacities
        self.stores = {name: Store(slots[name], personality.index_base) for name in slots if name != "SM"}
        self.heard_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        self.speech = Speech(self._write, self.later)
        self.ear = Ear(self)
        self.troubles = Troubles(self)
        self.acks = reception.Acks(self)
        self._forget()

    def _forget(self) -> None:
        """What a restart forgets."""
        self.settings = fresh_settings(self.personality)
        self.expects: tuple[str, int, str] | None = None
        self.link_until = self.ready_at = self.sim_ready_at = self.csca_ready_at = 0.0
        self.brought_up = self.unlocked = self.in_menu = self.stalled = False
        self.doing = "bring-up"
        self.call = None
        self.pin_at = float("-inf")
        self.ear.forget()
        self.acks.forget()

    # --- power

    def power_on(self, *, boot: bool) -> None:
        """Start; with `boot`, as after plugging in: lines and readiness come in their time."""
        personality, now = self.personality, self.now
        self.powered, self.hung, self.deaf = True, False, False
        self.epoch += 1
        self._forget()
        if boot:
            self.ready_at = now + personality.sms_ready_after_s
            self.sim_ready_at = now + personality.sim_settles_s
            self.csca_ready_at = now + personality.csca_settles_s
        if self.card is not None:
            self._take_card(self.card)
            self.network.attach(self.card, self)
        if boot:
            self._boot_lines()
            self.later(personality.sms_ready_after_s, self.pump)
        self.troubles.restarted()
        strikes.after_start(self)
        self._chatter(begin=True)
        self.pump()

    def _boot_lines(self) -> None:
        command, least = self.personality.boot_switch
        if command and self.boot_switch < least:
            return
        for delay_s, line in self.personality.boot:
            if self.card is not None or "CPIN" not in line:
                self.later(delay_s, self.urc, line)

    def power_off(self) -> None:
        """Stop at once; a message on the air goes on without us, its result is lost."""
        self.powered = False
        self.epoch += 1
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.speech.fall_silent()
        self.call = None
        if self.card is not None:
            self.network.detach(self.card)

    def restart(self, off_s: float | None = None) -> None:
        """Power off, and on again by whoever owns the port."""
        self.power_off()
        self.owner.restart(self, self.timings.reboot_s if off_s is None else off_s)

    def reset_settings(self) -> None:
        """ATZ: what commands set is forgotten, the chosen memories too."""
        self.settings = fresh_settings(self.personality)

    def registration_changed(self) -> None:
        """Say +CREG where that was asked for, and take what waited."""
        if self.settings.creg:
            self.urc(creg_line(self, "+CREG", query=False))
        self.pump()

    # --- the card

    def _take_card(self, card: Card) -> None:
        card.locked = bool(card.pin)
        card.store.rebase(self.personality.index_base)
        card.store.capacity = self.personality.capacities.get("SM", SM_SLOTS)

    def remove_card(self) -> Card | None:
        """Pull the SIM; the modem says so in its own way."""
        card, self.card = self.card, None
        if card is not None and self.powered:
            self.network.detach(card)
            for line in self.personality.sim_gone:
                self.urc(line)
            self.registration_changed()
        return card

    def insert_card(self, card: Card) -> None:
        """Put a SIM in; it asks for its PIN again. Some modems look at it only after a restart (CD, GA)."""
        self.card = card
        self._take_card(card)
        if not self.powered:
            return
        self.network.attach(card, self)
        if (self.knobs.sim_insert or self.personality.sim_insert) != "nothing":
            self.sim_ready_at = float("inf")
        elif not card.locked:
            self.sim_came_back()

    def radio_turned_on(self) -> None:
        """+CFUN came back to 1: a card that nobody saw is looked at where that is enough."""
        if self.sim_ready_at == float("inf") and self.knobs.sim_insert == "cfun":
            self.sim_ready_at = self.now + self.personality.sim_settles_s
            self.sim_came_back()

    def sim_came_back(self) -> None:
        """The card is usable."""
        for line in self.personality.sim_back:
            self.urc(line)
        self.registration_changed()

    def store(self, memory: str) -> Store | None:
        """The slots behind a memory's name."""
        if memory == "SM":
            return self.card.store if self.card is not None else None
        return self.stores.get(memory)

    # --- time

    @property
    def now(self) -> float:
        return self._loop.time()

    def later(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
        """Call later, unless the power goes before."""

        def run() -> None:
            self._timers.discard(timer)
            call(*args)

        timer = self._loop.call_later(delay_s, run)
        self._timers.add(timer)

    def _chatter(self, *, begin: bool = False) -> None:
        if not begin and not self.settings.silenced:
            self.urc(self.rng.choice(self.personality.chatter))
        if self.personality.chatter and self.timings.chatter_s > 0:
            self.later(self.timings.chatter_s, self._chatter)

    # --- the air, as the network sees it

    @property
    def registration(self) -> int:
        """<stat> of +CREG (TS 27.007 §7.2)."""
        if not self.powered or self.settings.cfun != 1 or self.card is None or self.card.condition != "ready":
            return 0
        if self.denied:
            return self.denied
        if self.now < self.ready_at or self.sim_ready_at == float("inf"):
            return 2
        return 5 if self.knobs.roaming else 1

    @property
    def registered(self) -> bool:
        return self.registration in {1, 5}

    def pump(self) -> None:
        """Ask the network for what waits."""
        if self.card is not None and self.registered:
            self.network.pump(self.card)

    def can_take(self, airborne: Airborne) -> bool:
        return reception.can_take(self, airborne)

    def keeps(self, airborne: Airborne) -> bool:
        return reception.keeps(self, airborne)

    def take(self, airborne: Airborne, pdu: bytes, smsc_octets: int) -> None:
        reception.take(self, airborne, pdu, smsc_octets)
        if self.moments:
            self.moments.tell("report" if airborne.report else "inbound", self.number)
        if self.faults:
            self.troubles.strike("receiving", exact=True)

    # --- faults

    @property
    def faults(self) -> list[Fault]:
        """Those that wait to happen."""
        return self.troubles.armed

    def fault_at(self, phase: str, *names: str) -> Fault | None:
        """The first fault that fires at this phase, counted down and logged."""
        return self.troubles.at(phase, *names, exact=phase == "receiving" and self.doing != "receiving")

    def log_fault(self, name: str, phase: str) -> None:
        self.network.log.write(
            "fault", modem=self.number, iccid=self.card.iccid if self.card else None, name=name, phase=phase
        )

    def strike(self, fault: Fault) -> bool:
        """Let a fault happen; True when the modem does not answer any more."""
        return strikes.strike(self, fault)

    def recover(self) -> None:
        """End a hang; what was being done is forgotten."""
        self.deaf = False
        if not self.hung:
            return
        self.hung, self.ear.busy, self.expects = False, False, None
        self.pump()

    # --- hearing and saying

    def receive(self, data: bytes) -> None:
        """Octets from the host, in any cut."""
        if not self.powered or self.hung:
            return
        self.heard_at = self.now
        self.ear.hear(data)

    def go_on(self) -> None:
        self.ear.go_on()

    def hold(self) -> None:
        """Hear no command until `finish`."""
        self.ear.busy = True

    def finish(self, answer: Answer) -> None:
        """Say an answer; from here on the next command is heard."""
        self.ear.busy = False
        self.heard_at = self.now
        self.speak(answer)

    def speak(self, answer: Answer) -> None:
        """Say an answer, also one that comes late and between others."""
        if self.deaf or answer.final == "quiet":  # a prompt that nobody sees
            return
        if answer.final in _PROMPTS:
            text = _PROMPTS[answer.final]
        else:
            text = shown(answer, self.settings.cmee, verbose=self.settings.verbose)
        if self.faults and text:
            text = spoil(self, text, self.doing)
        self.speech.say(text.encode("latin-1", "replace"))
        if answer.final == "prompt" and self.moments:
            self.moments.tell("prompt", self.number)

    def urc(self, line: str) -> None:
        """An unsolicited line, whatever is going on."""
        self.speech.urc(line)

    def _write(self, data: bytes) -> None:
        if self.powered and not self.hung and self.wire is not None:
            self.wire.write(data)
