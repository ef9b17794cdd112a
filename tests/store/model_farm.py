"""A farm in a few lists: what the store must agree with. It knows the rules of docs/wire.md and nothing of the code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

DAY_S = 86_400
VALID_S = 48 * 3600
AGAIN_AFTER_S = 120
LEFT = {"submitting", "sent", "delivered", "undelivered", "unknown"}


@dataclass
class Part:
    """One part: its state, whose day it is charged to, and the attempt that holds it."""

    number: int
    state: str = "waiting"
    charge: tuple[str, int] | None = None
    attempt: int | None = None
    mr: int | None = None
    sim: str | None = None
    at: float = 0


@dataclass
class Message:
    """One message with its parts; `sim` is the one that it is tied to."""

    id: int
    to: str
    rank: int
    taken_at: float
    parts: list[Part]
    again: bool
    sim: str | None = None
    resent: int = 0
    resend_at: float | None = None
    refused: bool = False

    def know(self) -> None:
        """Evidence came about one part: it is sent again only for the sake of another."""
        if not any(part.state == "unknown" for part in self.parts):
            self.resend_at = None

    def state(self) -> str:
        """The message's state by the table of States, first rule that fits."""
        if self.refused:
            return "refused"
        found = {part.state for part in self.parts}
        if found & {"claimed", "submitting"}:
            return "sending"
        if "waiting" in found:
            return "sending" if found & LEFT else "waits"
        for state in ("unknown", "undelivered", "failed", "canceled", "expired"):
            if state in found:
                return state
        return "delivered" if found == {"delivered"} else "sent"

    def untouched(self) -> bool:
        return all(part.state == "waiting" for part in self.parts)

    def started(self) -> bool:
        return any(part.state in LEFT for part in self.parts)

    def first(self) -> bool:
        """Whether its other parts go before everything else of its SIM."""
        return len(self.parts) > 1 and self.sim is not None


@dataclass
class ModelFarm:
    """Messages by id; opt-outs; what no part is charged with any more and the plan still counts."""

    messages: dict[int, Message] = field(default_factory=dict)
    out: set[str] = field(default_factory=set)
    spent: Counter[tuple[str, int]] = field(default_factory=Counter)

    # --- what is seen

    def counters(self) -> dict[tuple[str, int], int]:
        found = Counter(self.spent)
        found.update(part.charge for message in self.messages.values() for part in message.parts if part.charge)
        return {key: count for key, count in found.items() if count}

    def of_attempt(self, attempt: int) -> tuple[Message, Part] | None:
        for message in self.messages.values():
            for part in message.parts:
                if part.attempt == attempt:
                    return message, part
        return None

    # --- what happens

    def next_part(self, sim: str) -> tuple[Message, Part] | None:
        """What this SIM takes next: its own queue before the one for any SIM, rank, age."""
        for bound in (sim, None):
            waiting = [
                (-1 if message.first() else message.rank, message.taken_at, message.id, part.number, message, part)
                for message in self.messages.values()
                if message.sim == bound and not message.refused
                for part in message.parts
                if part.state == "waiting"
            ]
            if waiting:
                return min(waiting, key=lambda row: row[:4])[4:]
        return None

    def claim(self, sim: str, attempt: int, now: float) -> None:
        found = self.next_part(sim)
        assert found is not None
        message, part = found
        key = (sim, int(now // DAY_S))
        if part.charge != key:
            part.charge = None
            for other in message.parts:
                if other is part or (other.state == "waiting" and other.charge is None):
                    other.charge = key
        part.state, part.attempt, part.sim, message.sim = "claimed", attempt, sim, sim

    def back(self, attempt: int) -> None:
        """The part waits again; a message of which nothing left is free and uncharged."""
        found = self.of_attempt(attempt)
        if found is None or found[1].state not in ("claimed", "submitting"):
            return
        message, part = found
        part.state, part.attempt = "waiting", None
        if message.untouched():
            message.sim = None
            for other in message.parts:
                other.charge = None

    def submit(self, attempt: int, now: float) -> bool:
        """Step 3; whether Ctrl-Z may follow."""
        found = self.of_attempt(attempt)
        if found is None or found[1].state != "claimed":
            return False
        message, part = found
        if part.charge != (part.sim, int(now // DAY_S)):
            self.back(attempt)
            return False
        if now >= message.taken_at + VALID_S and not message.started():
            self._end(message, "expired")
            return False
        part.state = "submitting"
        return True

    def accept(self, attempt: int, mr: int, now: float) -> None:
        found = self.of_attempt(attempt)
        if found is not None and found[1].state in ("submitting", "unknown"):
            message, part = found
            part.state, part.mr, part.at = "sent", mr, now
            message.know()

    def doubt(self, attempt: int, now: float) -> None:
        """Nobody knows; what asked for it is sent again in two minutes."""
        found = self.of_attempt(attempt)
        if found is None or found[1].state != "submitting":
            return
        message, part = found
        part.state = "unknown"
        if message.again and message.resent < 2 and message.resend_at is None:
            message.resend_at = now + AGAIN_AFTER_S

    def crash(self, now: float) -> None:
        for message in self.messages.values():
            for part in message.parts:
                if part.state == "submitting" and part.attempt is not None:
                    self.doubt(part.attempt, now)
        for message in self.messages.values():
            for part in message.parts:
                if part.state == "claimed" and part.attempt is not None:
                    self.back(part.attempt)

    def report(self, sim: str, mr: int, to: str, arrived: bool) -> None:
        for message in self.messages.values():
            for part in message.parts:
                if (part.sim, part.mr, message.to, part.state) == (sim, mr, to, "sent"):
                    part.state = "delivered" if arrived else "undelivered"
                    message.know()

    def cancel(self, number: int) -> None:
        message = self.messages.get(number)
        if message and not message.refused and not message.started():
            self._end(message, "canceled")

    def resolve(self, number: int, sent: bool) -> None:
        message = self.messages.get(number)
        unknown = [part for part in message.parts if part.state == "unknown"] if message else []
        for part in unknown:
            part.state = "sent" if sent else "failed"
        if message and unknown:
            message.resend_at = None

    def opt_out(self, to: str) -> None:
        self.out.add(to)
        for message in self.messages.values():
            if message.to == to and not message.refused:
                self._end(message, "canceled")

    def later(self, now: float) -> None:
        """What falls due by the clock."""
        for message in self.messages.values():
            if message.refused:
                continue
            if message.resend_at is not None and message.resend_at <= now:
                alive = now < message.taken_at + VALID_S
                for part in message.parts:
                    if alive and part.state == "unknown":
                        assert part.charge is not None
                        self.spent[part.charge] += 1  # it may have left
                        part.state, part.attempt, part.charge = "waiting", None, None
                message.resend_at, message.resent = None, message.resent + 1
        for message in self.messages.values():
            if message.state() == "waits" and now >= message.taken_at + VALID_S:
                self._end(message, "expired")

    @staticmethod
    def _end(message: Message, state: str) -> None:
        for part in message.parts:
            if part.state in ("waiting", "claimed"):
                part.state, part.charge = state, None
