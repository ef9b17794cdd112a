"""What a key for some SIMs may know of: their cards, the messages that go through them, and what came in on them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from modemfarm.model import SimSettings
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import Shape, Terms
from modemfarm.store.sims import all_sims


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
    found = set()
    for row in all_sims(tx):
        said = terms.sims.get(row["iccid"], SimSettings(row["iccid"]))
        tags = said.tags or json.loads(row["tags"] or "[]")
        if name in {row["iccid"], said.label or row["label"], said.number or row["number"], *tags}:
            found.add(str(row["iccid"]))
    return Within(name, frozenset(found))
