"""What a part costs before anybody knows which SIM will send it: by the dearest plan of those that may."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modemfarm.intake.draft import IntakeSettings
from modemfarm.model import millionths
from modemfarm.store import sims
from modemfarm.store.engine import Row, Tx
from modemfarm.store.shapes import Terms


@dataclass(frozen=True, slots=True)
class Price:
    """What a part costs by one SIM; `names`: what a sender may call it."""

    names: frozenset[str]
    price: float | None
    currency: str | None


def priced(tx: Tx, settings: IntakeSettings) -> IntakeSettings:
    """The settings with each SIM's price; where no plan names one nothing is read."""
    terms = settings.terms
    if settings.prices is not None or not any(plan.price_per_part for plan in terms.plans.values()):
        return settings
    rows = {row["iccid"]: row for row in sims.all_sims(tx)}
    rows |= {iccid: {"iccid": iccid, "plan": None} for iccid in terms.sims if iccid not in rows}
    return replace(settings, prices=tuple(_price(row, terms) for row in rows.values()))


def price_of(settings: IntakeSettings, pinned: str | None) -> tuple[float | None, str | None]:
    """Price and currency of a part from the SIM, or those of the name, that a sender asks for; None: from any."""
    mine = [one for one in settings.prices or () if pinned is None or sims.is_called(one.names, pinned)]
    if not mine:
        return settings.price_per_part, settings.currency
    dearest = max(mine, key=lambda one: millionths(one.price))
    return dearest.price, dearest.currency


def _price(row: Row, terms: Terms) -> Price:
    plan = terms.plan(row)
    return Price(sims.names(row, terms.sims.get(row["iccid"])), plan.price_per_part, plan.currency)
