"""The simulated network behind the demo page, reached over the simulator's control socket."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modemfarm.simulator.control import ask
from modemfarm.store import inbox
from modemfarm.store.engine import Store, from_us
from modemfarm.webapp.demo import PhoneText

SHOWN = ("+8613800138000", "+8613800138001", "+79161234567")  # phones that the page offers before any text came
MOST_TEXTS = 30
MOST_PHONES = 200  # to choose from on the page


class SimulatedNetwork:
    """Implements the demo page's hooks."""

    def __init__(self, control: Path, store: Store, daemon: int) -> None:
        self._control = control
        self._store = store
        self._daemon = daemon

    def _ask(self, verb: str, *args: object) -> Any:
        return ask(self._control, verb, *(str(arg) for arg in args))

    def numbers(self) -> Sequence[str]:
        """The phone of the first texts, those that got something lately, then those that may."""
        return tuple(dict.fromkeys([SHOWN[0], *reversed(self._ask("phones")[-MOST_PHONES:]), *SHOWN]))

    def texts(self, number: str) -> Sequence[PhoneText]:
        """What arrived on that phone and what it answered, oldest first."""
        arrived = [
            PhoneText(datetime.fromtimestamp(text["t"], UTC), text["from"], mine=False, text=text["text"])
            for text in self._ask("phone", number)
        ]
        answered = [
            PhoneText(from_us(row["received_at"]), number, mine=True, text=row["text"])
            for row in self._store.look(inbox.of_person, number, MOST_TEXTS)
        ]
        return sorted([*arrived, *answered], key=lambda text: text.at)[-MOST_TEXTS:]

    def answer(self, number: str, text: str) -> None:
        """Send a text to the SIM that wrote to that phone last, else to the first one."""
        texts = self._ask("phone", number)
        self._ask("deliver", texts[-1]["modem"] if texts else 0, number, text)

    def pull(self, modem: int) -> None:
        """Unplug a modem, counted from 1."""
        self._ask("unplug", modem - 1)

    def plug(self, modem: int) -> None:
        """Plug it in again."""
        self._ask("replug", modem - 1)

    def lose_answer(self, modem: int) -> None:
        """The next message is accepted and its answer lost."""
        self._ask("fault", modem - 1, "lost-result", "", 1)

    def fill_sim(self, modem: int) -> None:
        """Fill the SIM's store."""
        self._ask("fault", modem - 1, "store-full", "", 1)

    def kill_sender(self) -> None:
        """kill -9 the daemon, and this process with it; the demo starts it again."""
        os.kill(self._daemon, signal.SIGKILL)
