"""Missed calls in `inbox list`."""

from __future__ import annotations

from modemfarm.inbound.calls import called
from modemfarm.model import MissedCall
from tests.cli.farm import NOW, FarmAt


def test_a_missed_call_says_what_it_is(farm: FarmAt) -> None:
    farm("sims", "set", "8986001234567890123", "--label", "front")
    farm.write(called, MissedCall("8986001234567890123", "13800138000", NOW), "CN", NOW)
    listed = farm("inbox", "list")
    assert listed.code == 0, listed.err
    assert "+8613800138000" in listed.out
    assert "missed call" in listed.out
    (item,) = farm("inbox", "list", "--json").json["data"]
    assert (item["kind"], item["text"]) == ("missed_call", "")
