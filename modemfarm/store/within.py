"""What a key for some SIMs may know of: their cards, the messages that go through them, and what came in on them."""

from __future__ import annotations

from dataclasses import dataclass

from modemfarm.store.engine import Tx
from modemfarm.store.shapes import Shape, Terms
from modemfarm.store.sims import all_sims, is_called, names


@dataclass(frozen=True, slots=True)
class Within:
    """SIMs under one name.

    Attributes:
        name: the `from` that they share.
        iccids: of the SIMs that have it now.
    """

    name: str
    iccids: frozenset[str]

    def has(self, document: Shape) -> bool:
        """Whether a modem, a SIM or a reply is of these SIMs."""
        return document["iccid"] in self.iccids

    def sends(self, document: Shape) -> bool:
        """Whether a message goes through them, or is for them."""
        return document["from"] == self.name or self.has(document)


def within(tx: Tx, name: str, terms: Terms) -> Within:
    """The SIMs that a sender would name so in `from`: by ICCID, label, number or tag."""
    rows = all_sims(tx)
    return Within(
        name, frozenset(row["iccid"] for row in rows if is_called(names(row, terms.sims.get(row["iccid"])), name))
    )
