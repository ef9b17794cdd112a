"""Which clocks a person may live by: what is known of them, what the owner says, else what the number tells."""

from __future__ import annotations

import functools
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from modemfarm.policy.profiles import Rules

NOWHERE = "Etc/Unknown"  # the library's word for a number that tells nothing


def zones_of(number: str, own: str | None, rules: Rules) -> tuple[str, ...]:
    """The time zones of a person; offers leave only while it is open in all of them.

    In this order: the person's own, that of the owner's customers where the number is of the owner's country, those
    that the number may belong to, the farm's.
    """
    if own is not None:
        return (own,)
    country, told = _told_by(number)
    if rules.customers_zone is not None and (country is None or rules.country is None or country == rules.country):
        return (rules.customers_zone,)
    return told or (rules.customers_zone or rules.zone,)


@functools.lru_cache(maxsize=4096)
def _told_by(number: str) -> tuple[str | None, tuple[str, ...]]:
    """Country and zones of a number in international form; nothing of a short code."""
    # its tables take a while to load, and only offers ask
    from phonenumbers import timezone  # noqa: PLC0415

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None, ()
    zones = tuple(zone for zone in timezone.time_zones_for_number(parsed) if zone != NOWHERE and _exists(zone))
    return phonenumbers.region_code_for_number(parsed), zones


@functools.cache
def _exists(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
