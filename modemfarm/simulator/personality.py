"""The families of virtual modem, by name; they read nothing of driver profiles, so as not to share a mistake."""

from __future__ import annotations

from collections.abc import Mapping

from modemfarm.simulator.families.european import CINTERION, TELIT, UBLOX
from modemfarm.simulator.families.huawei import HUAWEI, HUAWEI_ME
from modemfarm.simulator.families.others import A9, FIBOCOM, GENERIC, MTK, NEOWAY
from modemfarm.simulator.families.quectel import EC25, M35
from modemfarm.simulator.families.sierra import SIERRA, WAVECOM
from modemfarm.simulator.families.simcom import SIM800, SIM7600
from modemfarm.simulator.families.zte import ZTE
from modemfarm.simulator.traits import Personality

FAMILIES: Mapping[str, Personality] = {
    item.name: item
    for item in (
        HUAWEI, HUAWEI_ME, ZTE, SIM800, SIM7600, M35, EC25, WAVECOM, SIERRA,
        TELIT, UBLOX, CINTERION, FIBOCOM, MTK, NEOWAY, A9, GENERIC,
    )
}  # fmt: skip
CYCLE = ("huawei", "sim800", "ec25", "wavecom")
