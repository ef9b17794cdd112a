"""Ports that come and go all the time: how long one has to stay before it is served again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MOST = 5  # appearances within `WITHIN_S` that are nothing special: somebody tries sockets, a stick switches modes
WITHIN_S = 60.0
FIRST_S = 15.0
LONGEST_S = 300.0
FORGOTTEN_S = 900.0  # a place that was quiet for so long begins anew


@dataclass(slots=True)
class _Place:
    """One place.

    Attributes:
        at: the last appearances.
        hold_s: how long the port had to stay last time; 0 when it never had to.
        served: it was, since it had to stay.
    """

    at: deque[float] = field(default_factory=lambda: deque(maxlen=MOST + 1))
    hold_s: float = 0.0
    served: bool = True


class Damper:
    """Counts appearances by place: the USB path where there is one, else the port's name. Pure: time stays outside."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def appeared(self, name: str, now: float) -> float:
        """How many seconds a port that appears now has to stay before it is served; 0 for at once.

        Each time it stayed, was served and came and went again, it is twice as long.
        """
        for other in [key for key, place in self._places.items() if now - place.at[-1] > FORGOTTEN_S]:
            del self._places[other]
        place = self._places.setdefault(name, _Place())
        place.served = place.served or now - place.at[-1] >= place.hold_s
        place.at.append(now)
        if len(place.at) <= MOST or now - place.at[0] > WITHIN_S:
            return 0.0
        if place.served:
            place.hold_s, place.served = min(place.hold_s * 2, LONGEST_S) or FIRST_S, False
        return place.hold_s
