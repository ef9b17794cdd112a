"""What every room's tests share: property tests try the same examples each time, unless they are asked to explore."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A change is judged by what it changed, not by the luck of the draw; `HYPOTHESIS_PROFILE=explore` draws anew.
# Nor by how busy the machine is: no time decides.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
