"""The rules for offers in force: the country's profile, what the owner changed of it, and who vouched for it."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from modemfarm.policy.profiles import (
    EDITABLE,
    FARM,
    OWN,
    Attestation,
    Configured,
    Profile,
    Rules,
    hours_of,
    laid_over,
    rate_of,
)
from modemfarm.store import gates
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record

_SEEN = "rules"  # in the table `farm`: a mark of the rules that hold offers, as they were when a daemon started last


@functools.cache
def shipped_profile(name: str) -> Profile:
    """A profile as this version ships it.

    Raises:
        ConfigError: its file is no profile.
    """
    source = files("modemfarm.policy").joinpath("countries", f"{name}.toml")
    return Profile.from_mapping(name, tomllib.loads(source.read_text(encoding="utf-8")))


def in_force(tx: Tx, configured: Configured, now: datetime) -> Rules:
    """What holds now: config.yaml first, then the database, then the profile."""
    set_ = {row["key"]: row["value"] for row in tx.all("SELECT key, value FROM policy_settings")}
    own = {key: getattr(configured, key) or set_.get(key) for key in OWN}
    name = own["profile"] or "unknown"
    changes = {key: set_[f"{name}.{key}"] for key in EDITABLE if f"{name}.{key}" in set_}
    return Rules(
        profile=laid_over(shipped_profile(name), changes) if changes else shipped_profile(name),
        attestation=standing(tx, name, now),
        brand=own["brand"],
        contact=own["contact"],
        own_signature=own["signature"],
        own_opt_out_line=own["opt_out_line"],
        zone=configured.zone,
        customers_zone=configured.customers_zone,
        country=configured.country,
        changed=frozenset(changes),
    )


def change(tx: Tx, profile: str, key: str, value: str | None, now: datetime, *, who: str) -> None:
    """Set one of the owner's words or one of a profile's rules; None takes the change back.

    What the rules held is judged anew.

    Raises:
        ValueError: the value does not fit the key.
    """
    stored = key if key in OWN + FARM else f"{profile}.{key}"
    if value is not None and key in EDITABLE:
        laid_over(shipped_profile(profile), {key: value})
    if value is not None and key in FARM:
        rate_of(value)
    before = tx.value("SELECT value FROM policy_settings WHERE key = :key", key=stored)
    if value is None:
        tx.run("DELETE FROM policy_settings WHERE key = :key", key=stored)
    else:
        tx.run(
            "INSERT INTO policy_settings (key, value, at, who) VALUES (:key, :value, :now, :who)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at, who = excluded.who",
            key=stored,
            value=value,
            now=to_us(now),
            who=who,
        )
    if key in EDITABLE or key == "profile":
        gates.begin(tx, "offers", "", now)
    record(tx, "policy.changed", now, subject=stored, before=before, after=value, who=who)


def look_for_changes(tx: Tx, configured: Configured, now: datetime) -> bool:
    """Have what the rules held judged anew where they are others than at the last look; whether they are.

    `change` and `attest` do so themselves; this is for what config.yaml, or a newer profile of ours, says meanwhile.
    """
    found = in_force(tx, configured, now)
    profile = found.profile
    said = (
        profile.name,
        profile.own_sim,
        hours_of(profile),
        *sorted(profile.hours.fixed),
        *sorted(profile.hours.easter),
        profile.caps,
        found.zone,
        found.customers_zone,
        found.country,
    )
    mark = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    if tx.value("SELECT value FROM farm WHERE key = :key", key=_SEEN) == mark:
        return False
    tx.run(
        "INSERT INTO farm (key, value) VALUES (:key, :mark) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        key=_SEEN,
        mark=mark,
    )
    gates.begin(tx, "offers", "", now)
    return True


def attest(
    tx: Tx,
    profile: str,
    who: str,
    basis: str,
    until: datetime,
    now: datetime,
    *,
    document: str | None = None,
    by: str | None = None,
) -> None:
    """Keep somebody's word that offers may be sent under a profile until then; it replaces an earlier one.

    Args:
        by: who wrote that word down, where it is known.
    """
    withdraw(tx, profile, now, who=who)
    tx.run(
        "INSERT INTO policy_attestations (profile, who, basis, document, until, at)"
        " VALUES (:profile, :who, :basis, :document, :until, :now)",
        profile=profile,
        who=who,
        basis=basis,
        document=document,
        until=to_us(until),
        now=to_us(now),
    )
    gates.begin(tx, "offers", "", now)
    last = (until - timedelta(microseconds=1)).date().isoformat()  # where a day ends, the next has begun
    record(tx, "policy.attested", now, subject=profile, who=who, basis=basis, document=document, until=last, by=by)


def withdraw(tx: Tx, profile: str, now: datetime, *, who: str) -> bool:
    """Take the standing word back; False when there was none."""
    ended = tx.run(
        "UPDATE policy_attestations SET withdrawn_at = :now WHERE profile = :profile AND withdrawn_at IS NULL",
        profile=profile,
        now=to_us(now),
    )
    if ended:
        record(tx, "policy.withdrawn", now, subject=profile, who=who)
    return bool(ended)


def standing(tx: Tx, profile: str, now: datetime) -> Attestation | None:
    """The word that stands for a profile now."""
    row = tx.one(
        "SELECT * FROM policy_attestations WHERE profile = :profile AND withdrawn_at IS NULL AND until > :now"
        " ORDER BY at DESC LIMIT 1",
        profile=profile,
        now=to_us(now),
    )
    return None if row is None else _attestation(row)


def _attestation(row: Row) -> Attestation:
    return Attestation(
        profile=row["profile"],
        who=row["who"],
        basis=row["basis"],
        document=row["document"],
        until=from_us(row["until"]),
        at=from_us(row["at"]),
    )


def document(rules: Rules, configured: Configured) -> dict[str, Any]:
    """The rules in force as programs read them, each with where it comes from."""
    profile, given = rules.profile, rules.attestation
    return {
        "profile": profile.name,
        "open": rules.is_open,
        "attested": None
        if given is None
        else {
            "who": given.who,
            "basis": given.basis,
            "document": given.document,
            "until": given.until.isoformat(),
            "at": given.at.isoformat(),
        },
        "own_sim_marketing": profile.own_sim,
        "hours": hours_of(profile),
        "holidays": [f"{month:02}-{day:02}" for month, day in sorted(profile.hours.fixed)],
        "easter_holidays": sorted(profile.hours.easter),
        "per_day": profile.caps.per_day,
        "per_month": profile.caps.per_month,
        "brand": rules.brand,
        "contact": rules.contact,
        "signature": rules.signature,
        "opt_out_line": rules.opt_out_line,
        "checked_on": profile.checked_on,
        "verified_by": profile.verified_by,
        "changed": sorted(rules.changed),
        "configured": [key for key in OWN if getattr(configured, key) is not None],
        "sources": [{"about": rule.about, "basis": rule.basis, "source": rule.source} for rule in profile.rules],
    }
