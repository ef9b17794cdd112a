"""The SIMs that commands speak of."""

from __future__ import annotations

from typing import Any

from modemfarm.cli.context import Farm, now
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import sentence
from modemfarm.model import normal_iccid
from modemfarm.store import views


def all_sims(farm: Farm) -> list[dict[str, Any]]:
    """All SIMs, as the API shows them."""
    remote = farm.remote()
    if remote:
        found: list[dict[str, Any]] = remote.get("/sims")["data"]
        return found
    with farm.store().read() as tx:
        return views.sims(tx, terms=farm.config.terms, now=now())


def one_sim(farm: Farm, name: str) -> dict[str, Any]:
    """The SIM that an ICCID, label or number names.

    Raises:
        CliError: none, or several.
    """
    every = all_sims(farm)
    normal = normal_iccid(name)
    found = [item for item in every if name == item["iccid"] or (normal and normal == item["iccid"])]
    found = found or [item for item in every if name in (item["label"], item["number"])]
    if not found:
        raise NotThereError(sentence("refusal.no_sim", name=name))
    if len(found) > 1:
        raise CliError(sentence("refusal.several_sims", name=name, count=len(found)), Exit.USAGE)
    return found[0]
