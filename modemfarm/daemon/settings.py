"""The configuration as the rooms below want it."""

from __future__ import annotations

from modemfarm.config.load import Config
from modemfarm.farm.settings import FarmSettings


def farm_settings(config: Config) -> FarmSettings:
    """The farm's share of the configuration."""
    return FarmSettings(
        host=config.host,
        plans=config.plans,
        default_plan=config.default_plan,
        sims=config.sims,
        pins=config.file.modems.pins,
        sticky=config.file.sending.sticky,
        sim_grace=config.file.sending.sim_grace,
        roaming=config.file.sending.roaming,
        ceiling=config.ceiling,
        result_within=config.file.modems.result_within,
        transactional_after_opt_out=config.intake.transactional_after_opt_out,
        policy=config.intake.policy,
    )
