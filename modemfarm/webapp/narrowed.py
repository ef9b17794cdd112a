"""A key for some SIMs is told of these alone: of others as if they were not there."""

from __future__ import annotations

from typing import cast

from flask import g

from modemfarm.store import keys
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import Shape
from modemfarm.store.within import Within, within
from modemfarm.webapp.access import deps
from modemfarm.webapp.problems import Problem


def own(tx: Tx) -> Within | None:
    """What this request's key is for; None: everything, as for a person at the page."""
    key = cast("keys.Key | None", g.get("key"))
    return None if key is None or key.sims is None else within(tx, key.sims, deps().terms)


def there(tx: Tx, document: Shape | None) -> bool:
    """Whether this request may know of a modem, a SIM or a reply."""
    mine = own(tx)
    return document is not None and (mine is None or mine.has(document))


def some(tx: Tx, documents: list[Shape]) -> list[Shape]:
    """Those that it may know of."""
    mine = own(tx)
    return documents if mine is None else [item for item in documents if mine.has(item)]


def message(tx: Tx, document: Shape | None) -> Shape | None:
    """A message, if this request may know of it."""
    mine = own(tx)
    return document if document is None or mine is None or mine.sends(document) else None


def whole_farm() -> None:
    """Refuse a key for some SIMs what is about all of them.

    Raises:
        Problem: 403.
    """
    key = cast("keys.Key | None", g.get("key"))
    if key is not None and key.sims is not None:
        what = f"This API key is for the SIMs {key.sims!r}; this is about the whole farm."
        raise Problem(403, "forbidden_scope", what, code="key_sims")
