"""One virtual modem: octets in, echo, prompt and answers out, on loop time; what it knows is in `memory` and `card`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from modemfarm.simulator import reception
from modemfarm.simulator.answers import OK, Answer, Request, parse_line
from modemfarm.simulator.card import Card, Store, make_imei
from modemfarm.simulator.commands import HANDLERS
from modemfarm.simulator.faults import Fault
from modemfarm.simulator.moments import Moments
from modemfarm.simulator.network import Airborne, Network
from modemfarm.simulator.personality import Personality
from modemfarm.simulator.radio import creg_line
from modemfarm.simulator.settings import Counters, Knobs, Timings, fresh_settings
from modemfarm.simulator.speech import Speech, shown
from modemfarm.simulator.submission import submit
from modemfarm.simulator.wires import Wire

CTRL_Z, ESC, CR = 0x1A, 0x1B, 0x0D
MOST_INPUT = 8192  # a line or PDU longer than this is thrown away


class VirtualModem:
    """One modem. Everything it says goes through `say`, everything it hears comes through `receive`."""

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
        on_restart: Callable[[VirtualModem, float], None],
    ) -> None:
        self.number = number
        self.personality = personality
        self.card: Card | None = card
        self.pocket: Card | None = None  # a card taken out by `no-sim`
        self.network = network
        self.timings = timings
        self.moments = moments
        self.rng = rng
        self.imei = make_imei(number)
        self.wire: Wire | None = None
        self.knobs = Knobs()
        self.counters = Counters()
        self.faults: list[Fault] = []
        self.denied = False
        self.hung = False
        self.powered = False
        self.epoch = 0  # grows with every power-on; what belongs to an older one is not said
        self.stores = {name: Store(slots, personality.index_base) for name, slots in personality.capacities.items()}
        self.expects: tuple[str, int, str] | None = None  # open prompt: ("pdu", length, "") or ("text", 0, number)
        self.link_until = 0.0
        self.unacknowledged = 0
        self.ready_at = self.sim_ready_at = 0.0
        self._on_restart = on_restart
        self._loop = asyncio.get_running_loop()
        self._input = bytearray()
        self._body = bytearray()
        self._busy = False
        self.speech = Speech(self._write, self.later)
        self._timers: set[asyncio.TimerHandle] = set()
        self.settings = fresh_settings(self.personality)

    # --- power

    def power_on(self, *, boot: bool) -> None:
        """Start; with `boot`, as after plugging in: lines and readiness come in their time."""
        self.powered, self.hung = True, False
        self.epoch += 1
        self.settings = fresh_settings(self.personality)
        self.expects, self._busy, self.link_until = None, False, 0.0
        self._input.clear()
        self._body.clear()
        now = self._loop.time()
        self.ready_at = now + (self.personality.sms_ready_after_s if boot else 0.0)
        settle_s = max(self.personality.settle_s, min(0.5, self.personality.sms_ready_after_s))
        self.sim_ready_at = now + (settle_s if boot else 0.0)
        if self.card is not None:
            self.card.locked = bool(self.card.pin)
            self.card.store.rebase(self.personality.index_base)
            self.network.attach(self.card, self)
        if boot:
            for delay_s, line in self.personality.boot:
                if self.card is not None or "CPIN" not in line:
                    self.later(delay_s, self.urc, line)
            self.later(self.personality.sms_ready_after_s, self.pump)
        self._chatter(begin=True)
        self.pump()

    def power_off(self) -> None:
        """Stop at once; a message on the air goes on without us, its result is lost."""
        self.powered = False
        self.epoch += 1
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.speech.fall_silent()
        if self.card is not None:
            self.network.detach(self.card)

    def restart(self, off_s: float | None = None) -> None:
        """Power off, and on again by whoever owns the port."""
        self.power_off()
        self._on_restart(self, self.timings.reboot_s if off_s is None else off_s)

    def reset_settings(self) -> None:
        """ATZ: what commands set is forgotten, the chosen memories too."""
        self.settings = fresh_settings(self.personality)

    def registration_changed(self) -> None:
        """Say +CREG where that was asked for, and take what waited."""
        if self.settings.creg:
            self.urc(creg_line(self, "+CREG", query=False))
        self.pump()

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
        """Put a SIM in; it asks for its PIN again."""
        self.card = card
        card.locked = bool(card.pin)
        card.store.rebase(self.personality.index_base)
        if self.powered:
            self.network.attach(card, self)
            if not card.locked:
                self.sim_came_back()

    def sim_came_back(self) -> None:
        """The card is usable."""
        for line in self.personality.sim_back:
            self.urc(line)
        self.registration_changed()

    def _chatter(self, *, begin: bool = False) -> None:
        if not begin and not self.settings.silenced:
            self.urc(self.rng.choice(self.personality.chatter))
        if self.personality.chatter and self.timings.chatter_s > 0:
            self.later(self.timings.chatter_s, self._chatter)

    def later(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
        """Call later, unless the power goes before."""

        def run() -> None:
            self._timers.discard(timer)
            call(*args)

        timer = self._loop.call_later(delay_s, run)
        self._timers.add(timer)

    # --- state that commands ask for

    @property
    def now(self) -> float:
        return self._loop.time()

    @property
    def registration(self) -> int:
        """<stat> of +CREG (TS 27.007 §7.2)."""
        if not self.powered or self.settings.cfun != 1 or self.card is None or self.card.condition != "ready":
            return 0
        if self.denied:
            return 3
        if self.now < self.ready_at:
            return 2
        return 5 if self.knobs.roaming else 1

    @property
    def registered(self) -> bool:
        return self.registration in {1, 5}

    def store(self, memory: str) -> Store | None:
        """The slots behind a memory's name."""
        if memory == "SM":
            return self.card.store if self.card is not None else None
        return self.stores.get(memory)

    def pump(self) -> None:
        """Ask the network for what waits."""
        if self.card is not None and self.registered:
            self.network.pump(self.card)

    # --- the air, as the network sees it

    def can_take(self, airborne: Airborne) -> bool:
        return reception.can_take(self, airborne)

    def keeps(self, airborne: Airborne) -> bool:
        return not airborne.report or self.settings.cnmi[3] != 0

    def take(self, airborne: Airborne, pdu: bytes, smsc_octets: int) -> None:
        reception.take(self, airborne, pdu, smsc_octets)
        if self.moments:
            self.moments.tell("report" if airborne.report else "inbound", self.number)

    # --- hearing

    def receive(self, data: bytes) -> None:
        """Octets from the host, in any cut."""
        if not self.powered or self.hung:
            return
        self._input += data
        self.go_on()

    def go_on(self) -> None:
        """Work through what was heard, until an answer has to wait."""
        while self._input and not self._busy and self.powered and not self.hung:
            if not (self._hear_body() if self.expects is not None else self._hear_line()):
                return

    def _hear_line(self) -> bool:
        end = self._input.find(CR)
        if end < 0:
            if len(self._input) > MOST_INPUT:
                self._input.clear()
            return False
        raw = bytes(self._input[:end])
        del self._input[: end + 1]
        if self.settings.echo:
            self.speech.say(raw + b"\r")
        for stop in (b"\x1b", b"\x1a"):  # ESC and Ctrl-Z outside a prompt end what was typed so far
            raw = raw.rpartition(stop)[2]
        line = raw.decode("latin-1").strip("\n\x00 ")
        requests = parse_line(line)
        if requests is not None:
            self._command(requests)
        return True

    def _hear_body(self) -> bool:
        ends = [at for at in (self._input.find(CTRL_Z), self._input.find(ESC)) if at >= 0]
        end = min(ends) if ends else len(self._input)
        if self.moments and self._cut_line(len(self._body) + end):
            return False
        heard = bytes(self._input[:end])
        self._body += heard
        if self.settings.echo and heard:
            self.speech.say(heard)
        if not ends:
            self._input.clear()
            del self._body[MOST_INPUT:]
            return False
        stop = self._input[end]
        del self._input[: end + 1]
        expects, self.expects = self.expects, None
        body = bytes(self._body).strip()
        self._body.clear()
        if stop == ESC:
            self.finish(OK)
        elif expects is not None:
            submit(self, expects, body)
        return True

    def _cut_line(self, heard: int) -> bool:
        """Tell ``mid-pdu`` once per body; when a listener cuts the line, what is left of the input is lost."""
        assert self.expects is not None
        kind, length, _ = self.expects
        half = length if kind == "pdu" else 1
        if len(self._body) >= half or heard < half:
            return False
        if self.moments.tell("mid-pdu", self.number):
            self._body += self._input[: max(0, half - len(self._body))]
            self._input.clear()
            return True
        return False

    # --- answering

    def fault_at(self, phase: str, *names: str) -> Fault | None:
        """The first fault that fires at this phase, counted down and logged."""
        for fault in self.faults:
            if fault.phase == phase and (not names or fault.name in names):
                if fault.left == 1:
                    self.faults.remove(fault)
                elif fault.left > 1:
                    fault.left -= 1
                self.log_fault(fault.name, phase)
                return fault
        return None

    def log_fault(self, name: str, phase: str) -> None:
        self.network.log.write(
            "fault", modem=self.number, iccid=self.card.iccid if self.card else None, name=name, phase=phase
        )

    def _command(self, requests: list[Request]) -> None:
        self.counters.commands += 1
        delay_s = 0.0
        if self.faults:
            if (fault := self.fault_at("command", "hang", "reboot")) is not None:
                self.strike(fault)
                return
            if (fault := self.fault_at("command", "slow")) is not None:
                delay_s = fault.value or 0.0
        if self.knobs.cpin_slow_s and any(item.name == "+CPIN" for item in requests):
            delay_s += self.knobs.cpin_slow_s
        if delay_s:
            self._busy = True
            self.later(delay_s, self._delayed, requests)
        else:
            self._answer(requests)

    def _delayed(self, requests: list[Request]) -> None:
        self._answer(requests)
        self.go_on()

    def _answer(self, requests: list[Request]) -> None:
        epoch = self.epoch
        answer = self._perform(requests)
        if self.epoch == epoch:  # it did not restart over it
            self.finish(answer)

    def _perform(self, requests: list[Request]) -> Answer:
        lines: list[str] = []
        answer = OK
        for request in requests:
            handler = HANDLERS.get(request.name)
            if request.name in self.knobs.refuse:
                answer = Answer(final="ERROR")
            elif handler is None:
                answer = Answer(final=self.personality.unknown_command)
            else:
                answer = handler(self, request)
            lines += answer.lines
            if answer.final != "OK":
                break
        return Answer(tuple(lines), answer.final, answer.code)

    def strike(self, fault: Fault) -> None:
        """Hang or restart, as the fault says."""
        if fault.name == "reboot":
            self.restart(fault.value)
            return
        self.hung = True
        self._input.clear()
        if fault.value is not None:
            self.later(fault.value, self.recover)

    def recover(self) -> None:
        """End a hang; what was being done is forgotten."""
        if not self.hung:
            return
        self.hung, self._busy, self.expects = False, False, None
        self.pump()

    def hold(self) -> None:
        """Hear no command until `finish`."""
        self._busy = True

    def finish(self, answer: Answer) -> None:
        """Say an answer; from here on the next command is heard."""
        self._busy = False
        self.speak(answer)

    def speak(self, answer: Answer) -> None:
        """Say an answer, also one that comes late and between others."""
        if answer.final == "prompt":
            self.speech.say(b"\r\n> ")
            if self.moments:
                self.moments.tell("prompt", self.number)
            return
        if answer.final != "quiet":  # a prompt that nobody sees
            text = shown(answer, self.settings.cmee, verbose=self.settings.verbose)
            self.speech.say((self._spoil(text) if self.faults else text).encode("latin-1", "replace"))

    def _spoil(self, text: str) -> str:
        if self.fault_at("command", "glue") is not None:
            line = self.personality.chatter[0] if self.personality.chatter else f"+CREG: {self.registration}"
            text = f"{line}{text.rstrip()}\r\n{line}\r\n"
        if (fault := self.fault_at("command", "noise")) is not None:
            text = self.rng.randbytes(int(fault.value or 0)).decode("latin-1") + text
        if (fault := self.fault_at("command", "dribble")) is not None:
            self.speech.dribble(text.encode("latin-1", "replace"), fault.value or 0.0)
            return ""
        return text

    def urc(self, line: str) -> None:
        """An unsolicited line, whatever is going on."""
        self.speech.urc(line)

    def _write(self, data: bytes) -> None:
        if self.powered and not self.hung and self.wire is not None:
            self.wire.write(data)
