"""Which function answers which command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemfarm.simulator import basics, calls, messages, radio
from modemfarm.simulator.answers import Answer, Request

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

HANDLERS: Mapping[str, Callable[[VirtualModem, Request], Answer]] = {
    **basics.HANDLERS,
    **calls.HANDLERS,
    **radio.HANDLERS,
    **messages.HANDLERS,
}
