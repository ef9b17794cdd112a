"""Whether a person at the page sees a number whole: who may only look does not."""

from __future__ import annotations

from modemfarm.model import mask
from modemfarm.webapp import access


def shown(number: str | None, *, viewer: bool) -> str:
    """A number where people work with it: whole, but for viewers."""
    if not number:
        return ""
    return mask(number) if viewer else number


def here(number: str | None) -> str:
    """A number for whoever asks for this page."""
    return shown(number, viewer=not access.may("operator"))
