"""SIM and modem rows: who is where, in which state, and what a person wished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from modemfarm.model import SimSettings, SimState, normal_iccid
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.shapes import Terms


def names(row: Mapping[str, object], said: SimSettings | None) -> frozenset[str]:
    """What a sender may call a SIM: ICCID, label, number and tags, by config.yaml first and then by the database."""
    said = said or SimSettings(str(row["iccid"]))
    tags = said.tags or json.loads(str(row.get("tags") or "[]"))
    known = (row["iccid"], said.label or row.get("label"), said.number or row.get("number"), *tags)
    return frozenset(str(name) for name in known if name)


def is_called(known: frozenset[str], name: str) -> bool:
    """Whether a sender who writes `name` means a SIM of these names; an ICCID in any of its spellings."""
    return name in known or normal_iccid(name) in known


def seen(
    tx: Tx,
    iccid: str,
    now: datetime,
    *,
    imsi: str | None,
    number: str | None,
    smsc: str | None,
    path: str,
    host: str,
) -> str:
    """A card was read in a modem. The same card under its IMSI alone, or its ICCID alone, is the same row.

    Another card that was in this modem is absent from now on.

    Returns:
        The ICCID under which this card is known from now on.
    """
    known = tx.one("SELECT iccid, state FROM sims WHERE iccid = :iccid", iccid=iccid)
    if known is None and imsi:
        known = tx.one("SELECT iccid, state FROM sims WHERE imsi = :imsi", imsi=imsi)
    if known is None:
        tx.run(
            "INSERT INTO sims (iccid, imsi, number, smsc, state, since, path, host, first_seen_at, seen_at)"
            " VALUES (:iccid, :imsi, :number, :smsc, 'active', :now, :path, :host, :now, :now)",
            iccid=iccid,
            imsi=imsi,
            number=number,
            smsc=smsc,
            path=path,
            host=host,
            now=to_us(now),
        )
        record(tx, "sim.new", now, subject=iccid, path=path)
        _replaced(tx, iccid, path, host, now)
        return iccid
    _replaced(tx, known["iccid"], path, host, now)
    tx.run(
        "UPDATE sims SET imsi = coalesce(:imsi, imsi), number = coalesce(:number, number),"
        " smsc = coalesce(:smsc, smsc), path = :path, host = :host, seen_at = :now,"
        " state = CASE WHEN state = 'absent' THEN 'active' ELSE state END,"
        " reason = CASE WHEN state = 'absent' THEN NULL ELSE reason END,"
        " since = CASE WHEN state = 'absent' THEN :now ELSE since END WHERE iccid = :iccid",
        iccid=known["iccid"],
        imsi=imsi,
        number=number,
        smsc=smsc,
        path=path,
        host=host,
        now=to_us(now),
    )
    return str(known["iccid"])


def imsi(tx: Tx, iccid: str) -> str | None:
    """The subscription of a card; None where it was never read."""
    found = tx.value("SELECT imsi FROM sims WHERE iccid = :iccid", iccid=iccid)
    return None if found is None else str(found)


def _replaced(tx: Tx, iccid: str, path: str, host: str, now: datetime) -> None:
    """What was in this modem before this card is in none now."""
    for row in tx.all(
        "SELECT iccid FROM sims WHERE path = :path AND host = :host AND iccid <> :iccid",
        path=path,
        host=host,
        iccid=iccid,
    ):
        gone(tx, row["iccid"], path, now)
        stays_away(tx, row["iccid"], now)


def stays_away(tx: Tx, iccid: str, now: datetime) -> None:
    """Call a SIM absent that is in no modem; one that is parked or paused stays so."""
    away = tx.value("SELECT 1 FROM sims WHERE iccid = :iccid AND path IS NULL AND state = 'active'", iccid=iccid)
    if away:
        set_state(tx, iccid, SimState.ABSENT, now)


def nowhere(tx: Tx, host: str, now: datetime) -> None:
    """A daemon starts: no SIM of its host is known to be in a modem yet, and no modem to work.

    Each SIM has its grace from now on.
    """
    tx.run(
        "UPDATE sims SET path = NULL, seen_at = :now WHERE host = :host AND path IS NOT NULL",
        host=host,
        now=to_us(now),
    )
    tx.run(
        "UPDATE modems SET state = 'gone', sentence = 'gone', params = '{}', next_action = '', since = :now"
        " WHERE host = :host AND state <> 'gone' AND path NOT LIKE 'usb:%'",
        host=host,
        now=to_us(now),
    )


def pinned_to(tx: Tx, normal: str, name: str) -> str:
    """The one SIM that a sender names by ICCID (`normal`, or as known) or own number; "" where it may be several."""
    found = tx.all(
        "SELECT iccid FROM sims WHERE iccid = :normal OR iccid = :name OR number = :name LIMIT 2",
        normal=normal,
        name=name,
    )
    return str(found[0]["iccid"]) if len(found) == 1 else ""


def is_known(tx: Tx, terms: Terms, name: str) -> bool:
    """Whether a SIM that was ever seen, or stands in config.yaml, is called so."""
    rows = {iccid: {"iccid": iccid} for iccid in terms.sims}
    rows |= {
        row["iccid"]: row
        for row in tx.all(
            "SELECT * FROM sims WHERE iccid = :normal OR iccid = :name OR number = :name OR label = :name"
            " OR tags <> replace(tags, :tag, '')",
            normal=normal_iccid(name) or name,
            name=name,
            tag=json.dumps(name, ensure_ascii=False),
        )
    }
    return any(is_called(names(row, terms.sims.get(iccid)), name) for iccid, row in rows.items())


def all_sims(tx: Tx) -> list[Row]:
    """Every SIM ever seen."""
    return tx.all("SELECT * FROM sims ORDER BY iccid")


def elsewhere(tx: Tx, host: str, since: datetime) -> frozenset[str]:
    """The SIMs in modems of other hosts that lived then; SQLite has one host."""
    if tx.sqlite:
        return frozenset()
    rows = tx.all(
        "SELECT s.iccid FROM sims s JOIN hosts h ON h.name = s.host WHERE s.path IS NOT NULL AND s.host <> :host"
        " AND h.lease_until > :since",
        host=host,
        since=to_us(since),
    )
    return frozenset(row["iccid"] for row in rows)


def set_state(
    tx: Tx,
    iccid: str,
    state: SimState,
    now: datetime,
    *,
    reason: str | None = None,
    params: Mapping[str, object] = {},
    cause: str = "",
) -> bool:
    """Move a SIM to a state with its reason.

    Args:
        cause: what was seen that moved it, where no person did; for the event.

    Returns:
        False when there is no such SIM.
    """
    before = tx.one("SELECT state, reason FROM sims WHERE iccid = :iccid", iccid=iccid)
    if before is None:
        return False
    tx.run(
        "UPDATE sims SET state = :state, reason = :reason, reason_params = :params, since = :now,"
        " uncertain_in_row = CASE WHEN :state = 'active' THEN 0 ELSE uncertain_in_row END WHERE iccid = :iccid",
        iccid=iccid,
        state=state.value,
        reason=reason,
        params=json.dumps(dict(params), ensure_ascii=False) if params else None,
        now=to_us(now),
    )
    if before["state"] != state.value or (state is SimState.PARKED and before["reason"] != reason):
        about = {"reason": reason, "params": dict(params)} | ({"cause": cause} if cause else {})
        record(tx, f"sim.{state.value}", now, message_id=None, subject=iccid, **about)
    return True


def gone(tx: Tx, iccid: str, path: str, now: datetime) -> None:
    """The modem that held this SIM is gone, or holds another one now."""
    tx.run(
        "UPDATE sims SET seen_at = :now, path = NULL WHERE iccid = :iccid AND path = :path",
        iccid=iccid,
        path=path,
        now=to_us(now),
    )


def swept(tx: Tx, iccid: str, now: datetime) -> None:
    """The stores of the modem that holds this SIM were read to the end."""
    tx.run("UPDATE sims SET swept_at = :now, seen_at = :now WHERE iccid = :iccid", iccid=iccid, now=to_us(now))


def was_swept(tx: Tx, iccid: str | None) -> bool:
    """Whether all that lay on this SIM when it was first seen has been read; never for a card without a name."""
    return bool(tx.value("SELECT 1 FROM sims WHERE iccid = :iccid AND swept_at IS NOT NULL", iccid=iccid))


def uncertain_again(tx: Tx, iccid: str) -> int:
    """One more outcome in a row that nobody can tell; how many now."""
    tx.run("UPDATE sims SET uncertain_in_row = uncertain_in_row + 1 WHERE iccid = :iccid", iccid=iccid)
    return int(tx.value("SELECT uncertain_in_row FROM sims WHERE iccid = :iccid", iccid=iccid) or 0)


_NOT_TOLD = {"temperature_c": None, "voltage_mv": None, "warning": "", "warned_at": None}


def write_modem(tx: Tx, host: str, facts: Mapping[str, object], now: datetime) -> None:
    """Write one modem's snapshot; `facts` are columns of `modems` besides host and seen_at."""
    tx.run(
        "INSERT INTO modems (path, host, imei, usb_path, family, manufacturer, model, firmware, state, sentence,"
        " params, next_action, since, iccid, signal_dbm, operator, technology, registration, last_success_at, seen_at,"
        " temperature_c, voltage_mv, warning, warned_at)"
        " VALUES (:path, :host, :imei, :usb_path, :family, :manufacturer, :model, :firmware, :state, :sentence,"
        " :params, :next_action, :since, :iccid, :signal_dbm, :operator, :technology, :registration,"
        " :last_success_at, :now, :temperature_c, :voltage_mv, :warning, :warned_at)"
        " ON CONFLICT (path, host) DO UPDATE SET imei = excluded.imei, usb_path = excluded.usb_path,"
        " family = excluded.family, manufacturer = excluded.manufacturer, model = excluded.model,"
        " firmware = excluded.firmware, state = excluded.state, sentence = excluded.sentence, params = excluded.params,"
        " next_action = excluded.next_action, since = excluded.since, iccid = excluded.iccid,"
        " signal_dbm = excluded.signal_dbm, operator = excluded.operator, technology = excluded.technology,"
        " registration = excluded.registration,"
        " last_success_at = coalesce(excluded.last_success_at, modems.last_success_at), seen_at = excluded.seen_at,"
        " temperature_c = excluded.temperature_c, voltage_mv = excluded.voltage_mv,"
        " warning = CASE WHEN excluded.warned_at IS NULL THEN modems.warning ELSE excluded.warning END,"
        " warned_at = coalesce(excluded.warned_at, modems.warned_at)",
        host=host,
        now=to_us(now),
        **{**_NOT_TOLD, **facts},
    )
    if facts.get("operator") and facts.get("iccid"):
        tx.run(
            "UPDATE sims SET operator = :operator WHERE iccid = :iccid",
            operator=facts["operator"],
            iccid=facts["iccid"],
        )


def forget_modem(tx: Tx, host: str, path: str) -> None:
    """A port that is neither there nor configured any more."""
    tx.run("DELETE FROM modems WHERE host = :host AND path = :path", host=host, path=path)


def wish(tx: Tx, path: str, wish_slug: str, host: str) -> bool:
    """Write down what a person asked of a modem; its host takes it from there. False: no such modem."""
    found = tx.run(
        "UPDATE modems SET wish = :wish WHERE path = :path AND host = :host", wish=wish_slug, path=path, host=host
    )
    return bool(found)


def take_wishes(tx: Tx, host: str) -> list[tuple[str, str]]:
    """The wishes for this host's modems, (path, wish); each is given out once."""
    rows = tx.all("SELECT path, wish FROM modems WHERE host = :host AND wish IS NOT NULL", host=host)
    if rows:
        tx.run("UPDATE modems SET wish = NULL WHERE host = :host", host=host)
    return [(row["path"], row["wish"]) for row in rows]


def working(tx: Tx) -> frozenset[str]:
    """The SIMs in modems that work now, on any host."""
    rows = tx.all("SELECT DISTINCT iccid FROM modems WHERE state = 'working' AND iccid IS NOT NULL")
    return frozenset(row["iccid"] for row in rows)


def expected(tx: Tx, since: datetime) -> frozenset[str]:
    """The SIMs that may work again at any moment: in modems that start or recover, or seen since then."""
    rows = tx.all(
        "SELECT iccid FROM modems WHERE state IN ('starting', 'recovering') AND iccid IS NOT NULL"
        " UNION SELECT iccid FROM sims WHERE seen_at >= :since",
        since=to_us(since),
    )
    return frozenset(row["iccid"] for row in rows)
