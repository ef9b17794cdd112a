"""Builds who tells a person what needs one, from the `alerts` of config.yaml."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from modemfarm.config.load import Config
from modemfarm.farm.alarm import Alarm, AlarmSettings, Way
from modemfarm.farm.ways import Program, Webhook
from modemfarm.store.offload import Offload
from modemfarm.wording import choose_locale


def build_alarm(
    config: Config,
    offload: Offload,
    now: Callable[[], datetime],
    wake: Callable[[], object],
    leads: Callable[[], bool] = lambda: True,
) -> Alarm:
    """The farm's alarm; where nobody is named, one that tells nobody."""
    said = config.file.alerts
    settings = AlarmSettings(
        sms=tuple(said.sms),
        farm=config.file.policy.brand or config.host,
        lang=said.language or choose_locale(os.environ),
    )
    ways: list[Way] = []
    if said.exec is not None:
        ways.append(Program(said.exec, config.state_dir))
    if said.webhook is not None:
        ways.append(Webhook(said.webhook))
    return Alarm(settings, ways, offload, config.terms, config.intake, now, wake, leads)
