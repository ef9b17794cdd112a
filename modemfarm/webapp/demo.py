"""What the demo page asks of the simulated network; whoever runs the simulator implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PhoneText:
    """One bubble on the recipient's phone."""

    at: datetime
    sender: str  # number of the farm's SIM, or the phone's own for an answer
    mine: bool  # the visitor wrote it
    text: str


class DemoHooks(Protocol):
    """The virtual network behind `make demo`. Modems are counted from 1."""

    def numbers(self) -> Sequence[str]:
        """The recipients' phones that the page may show; the first is shown unasked."""

    def texts(self, number: str) -> Sequence[PhoneText]:
        """What that phone has received and answered, oldest first."""

    def answer(self, number: str, text: str) -> None:
        """That phone sends a text to the SIM that wrote to it last."""

    def pull(self, modem: int) -> None:
        """Unplug a modem."""

    def plug(self, modem: int) -> None:
        """Plug it in again."""

    def lose_answer(self, modem: int) -> None:
        """The network accepts the next message, and its answer gets lost."""

    def fill_sim(self, modem: int) -> None:
        """Fill the SIM's message store."""

    def kill_sender(self) -> None:
        """kill -9 the process that sends; something outside starts it again."""
