"""An answer to a reply: from the SIM that received it, as part of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modemfarm.intake.draft import Draft
from modemfarm.model import MessageClass


def is_answerable(number: str) -> bool:
    """Whether it is a person's number; names and services cannot be written to."""
    return number.startswith("+")


def answer(came: Mapping[str, Any], text: str) -> Draft:
    """The message that answers `came`, a reply as the views show it."""
    return Draft(
        to=came["from"], text=text, message_class=MessageClass.CONVERSATION, pinned=came["iccid"], fixed_line=True
    )
