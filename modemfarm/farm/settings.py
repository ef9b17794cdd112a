"""What the farm needs to know of config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from modemfarm.model import CAUTIOUS, NO_CEILING, UNLIMITED, Ceiling, Plan, SimSettings
from modemfarm.policy.profiles import Configured

BUILT_IN: Mapping[str, Plan] = {"cautious": CAUTIOUS, "unlimited": UNLIMITED}


@dataclass(frozen=True, slots=True)
class FarmSettings:
    """Plans, SIMs and how they are chosen.

    Attributes:
        host: this daemon's name in the farm.
        plans: the owner's own, by name; the built-in ones need no entry.
        sims: by ICCID as `normal_iccid` writes it.
        pins: by IMEI or path, for SIMs whose ICCID cannot be read before the PIN.
        sim_grace: how long a SIM may be away before its contacts go to another one.
        roaming: SIMs may send in foreign networks, where nothing else is said of them.
        policy: what config.yaml says on the rules for offers.
        result_within: the configured wait for +CMGS, where it overrides the profiles'.
    """

    host: str
    plans: Mapping[str, Plan] = field(default_factory=dict)
    default_plan: str = "cautious"
    sims: Mapping[str, SimSettings] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    sticky: bool = True
    sim_grace: timedelta = timedelta(minutes=15)
    result_within: timedelta | None = None
    transactional_after_opt_out: bool = False
    roaming: bool = False
    ceiling: Ceiling = NO_CEILING
    policy: Configured = field(default_factory=Configured)

    def plan(self, name: str | None) -> Plan:
        """The plan of that name; the default one where none is named or known."""
        for key in (name, self.default_plan):
            if key is not None and (found := self.plans.get(key) or BUILT_IN.get(key)):
                return found
        return CAUTIOUS
