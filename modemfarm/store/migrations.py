"""Numbered steps that bring any database to this version's schema."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import MetaData, inspect

from modemfarm.errors import SchemaOutdatedError, StoreError
from modemfarm.store.engine import Store, Tx, to_us

SCHEMA = 5  # of this version


def _tables() -> MetaData:
    """Every table; a process that finds its database up to date need not wait until they are described."""
    from modemfarm.store.schema.whole import meta  # noqa: PLC0415 # a twentieth of a second, which every command would pay

    return meta


def _first(tx: Tx) -> None:
    _tables().create_all(tx.connection)


def _allowed_devices(tx: Tx) -> None:
    tx.run(
        "CREATE TABLE IF NOT EXISTS allowed_devices (host TEXT NOT NULL, usb_path TEXT NOT NULL, usb_id TEXT NOT NULL,"
        " at BIGINT NOT NULL, PRIMARY KEY (host, usb_path, usb_id))"
    )


def _balances(tx: Tx) -> None:
    real = "DOUBLE PRECISION" if tx.connection.dialect.name == "postgresql" else "FLOAT"
    tx.run(
        f"CREATE TABLE IF NOT EXISTS balances (iccid TEXT NOT NULL, at BIGINT NOT NULL, amount {real},"
        " how TEXT NOT NULL, what TEXT NOT NULL DEFAULT '', PRIMARY KEY (iccid, at))"
    )


def _add_column(tx: Tx, table: str, column: str, kind: str) -> None:
    """A column that is there already stays as it is."""
    if column not in {found["name"] for found in inspect(tx.connection).get_columns(table)}:
        tx.run(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def _fourth(tx: Tx) -> None:
    tx.run(
        "CREATE TABLE IF NOT EXISTS alert_facts (cause TEXT NOT NULL, subject TEXT NOT NULL, since BIGINT NOT NULL,"
        " told_at BIGINT, PRIMARY KEY (cause, subject))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS alert_causes (cause TEXT NOT NULL, told_at BIGINT NOT NULL,"
        " times INTEGER NOT NULL, PRIMARY KEY (cause))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS alert_ways (way TEXT NOT NULL, at BIGINT NOT NULL, what TEXT NOT NULL,"
        " PRIMARY KEY (way))"
    )
    for column in ("charged_month", "farm_day", "farm_cost"):
        _add_column(tx, "parts", column, "BIGINT")
    for column in ("parts_a_day", "cost_a_day", "rate"):
        _add_column(tx, "api_keys", column, "BIGINT")
    _add_column(tx, "api_keys", "sims", "TEXT")
    _add_column(tx, "attempts", "why", "TEXT")
    tx.run(
        "CREATE TABLE IF NOT EXISTS plan_recipients (owner TEXT NOT NULL, month BIGINT NOT NULL,"
        " recipient TEXT NOT NULL, parts BIGINT NOT NULL, PRIMARY KEY (owner, month, recipient))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS plan_answers (owner TEXT NOT NULL, month BIGINT NOT NULL, answer TEXT NOT NULL,"
        " at BIGINT NOT NULL, PRIMARY KEY (owner, month))"
    )
    _add_column(tx, "modems", "temperature_c", "INTEGER")
    _add_column(tx, "modems", "voltage_mv", "INTEGER")
    _add_column(tx, "modems", "warning", "TEXT NOT NULL DEFAULT ''")
    _add_column(tx, "modems", "warned_at", "BIGINT")
    tx.run("CREATE TABLE IF NOT EXISTS resets (sim TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (sim, at))")
    tx.run(
        "CREATE TABLE IF NOT EXISTS last_cards (imei TEXT NOT NULL, place TEXT NOT NULL, iccid TEXT NOT NULL,"
        " at BIGINT NOT NULL, PRIMARY KEY (imei, place))"
    )
    tx.run("CREATE INDEX IF NOT EXISTS events_of_things ON events (subject, id) WHERE message_id IS NULL")
    tx.run("CREATE INDEX IF NOT EXISTS parts_hidden ON parts (gate, id) WHERE state = 'waiting' AND gate = 1")
    tx.run("CREATE INDEX IF NOT EXISTS messages_retried ON messages (retry_of) WHERE retry_of IS NOT NULL")
    tx.run(
        "CREATE TABLE IF NOT EXISTS entered_pins (card TEXT NOT NULL, sealed TEXT NOT NULL, at BIGINT NOT NULL,"
        " PRIMARY KEY (card))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS pin_tries (card TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL,"
        " tries_left INTEGER, at BIGINT NOT NULL, PRIMARY KEY (card, digest))"
    )
    if "pins" in inspect(tx.connection).get_table_names():  # one PIN a card: an older one was forgotten
        tx.run("INSERT INTO pin_tries (card, digest, state, at) SELECT card, digest, state, at FROM pins")
        tx.run("DROP TABLE pins")
    _add_column(tx, "messages", "automatic", "TEXT")
    _add_column(tx, "messages", "charged_key", "TEXT")
    _add_column(tx, "messages", "charged_key_day", "BIGINT")
    meta = _tables()
    meta.create_all(tx.connection, tables=[meta.tables["reviews"]])
    _rules(tx)
    _doors(tx)
    _people_at_the_page(tx)
    _people(tx)
    meta = _tables()
    meta.create_all(tx.connection, tables=[meta.tables["leases"], meta.tables["complaints"]])
    _vacuum(tx)


def _fifth(tx: Tx) -> None:
    _add_column(tx, "messages", "store_text", "INTEGER NOT NULL DEFAULT '1'")
    tx.run(
        "CREATE INDEX IF NOT EXISTS messages_wanting ON messages (id)"
        " WHERE state = 'held' AND reason IN ('no_sim', 'absent')"
    )
    meta = _tables()
    meta.create_all(tx.connection, tables=[meta.tables["callbacks"], meta.tables["callback_calls"]])


VACUUM = {  # (share, rows) of dead rows that autovacuum waits for, and how full a page is made
    "parts": (0.01, 1000, 80),
    "messages": (0.01, 1000, 80),
    "attempts": (0.02, 1000, 80),
    "counters": (0, 500, 50),
    "hosts": (0, 500, 50),
    "leases": (0, 500, 50),
}


def _vacuum(tx: Tx) -> None:
    """Of tables that are rewritten all day: dead rows go soon, and a page has room for the next version of a row."""
    if tx.sqlite:
        return
    for table, (share, rows, full) in VACUUM.items():
        tx.run(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = {share},"
            f" autovacuum_vacuum_threshold = {rows}, fillfactor = {full})"
        )


def _doors(tx: Tx) -> None:
    """Tables of the spool directory and the webhooks."""
    _add_column(tx, "inbound", "filed_by", "TEXT")
    tx.run("CREATE INDEX IF NOT EXISTS inbound_unfiled ON inbound (received_at) WHERE filed_by IS NULL")
    names = ("spool_files", "webhooks", "webhook_changes", "webhook_outbox")
    meta = _tables()
    meta.create_all(tx.connection, tables=[meta.tables[name] for name in names])


def _people_at_the_page(tx: Tx) -> None:
    """Users, their sessions and what failed."""
    _add_column(tx, "logins", "user_id", "BIGINT")
    _add_column(tx, "logins", "seen_at", "BIGINT")
    tx.run("CREATE INDEX IF NOT EXISTS logins_by_user ON logins (user_id)")
    meta = _tables()
    meta.create_all(tx.connection, tables=[meta.tables["users"], meta.tables["login_tries"]])


_YEAR_US = 365 * 86_400_000_000
_OLD_ENOUGH = {  # a row of the audit that may go
    "sqlite": f"OLD.at < CAST(strftime('%s', 'now') AS INTEGER) * 1000000 - {_YEAR_US}",
    "postgresql": f"OLD.at < extract(epoch FROM now()) * 1000000 - {_YEAR_US}",
}


def _people(tx: Tx) -> None:
    """Contacts, those who were forgotten, and the audit that is only added to."""
    meta = _tables()
    meta.create_all(tx.connection, tables=[meta.tables[name] for name in ("contacts", "forgotten", "audit")])
    kept = "the audit is only added to"
    if tx.sqlite:
        for when, on in (("1", "UPDATE"), (f"NOT ({_OLD_ENOUGH['sqlite']})", "DELETE")):
            tx.run(
                f"CREATE TRIGGER IF NOT EXISTS audit_{on.lower()} BEFORE {on} ON audit WHEN {when}"
                f" BEGIN SELECT RAISE(ABORT, '{kept}'); END"
            )
        return
    tx.run(
        "CREATE OR REPLACE FUNCTION audit_kept() RETURNS trigger AS $$ BEGIN"
        f" IF TG_OP = 'DELETE' AND {_OLD_ENOUGH['postgresql']} THEN RETURN OLD; END IF;"
        f" RAISE EXCEPTION '{kept}'; END $$ LANGUAGE plpgsql"
    )
    tx.run(
        "CREATE OR REPLACE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW"
        " EXECUTE FUNCTION audit_kept()"
    )


def _rules(tx: Tx) -> None:
    """Tables of the rules for offers."""
    tx.run(
        "CREATE TABLE IF NOT EXISTS policy_settings (key TEXT NOT NULL, value TEXT NOT NULL, at BIGINT NOT NULL,"
        " who TEXT NOT NULL, PRIMARY KEY (key))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS policy_attestations (profile TEXT NOT NULL, at BIGINT NOT NULL, who TEXT NOT NULL,"
        " basis TEXT NOT NULL, document TEXT, until BIGINT NOT NULL, withdrawn_at BIGINT, PRIMARY KEY (profile, at))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS signup_words (word TEXT NOT NULL, shown TEXT NOT NULL, purpose TEXT NOT NULL,"
        " wording TEXT NOT NULL, at BIGINT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (word))"
    )
    _add_column(tx, "parts", "closes_at", "BIGINT")
    tx.run(
        "CREATE TABLE IF NOT EXISTS marketing_sends (message_id BIGINT NOT NULL, recipient TEXT NOT NULL,"
        " digest TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (message_id))"
    )
    tx.run("CREATE INDEX IF NOT EXISTS marketing_sends_by_recipient ON marketing_sends (recipient, at)")
    tx.run("CREATE INDEX IF NOT EXISTS marketing_sends_by_age ON marketing_sends (at)")
    tx.run(
        "CREATE TABLE IF NOT EXISTS consent_chain (seq BIGINT NOT NULL, hash TEXT NOT NULL, chain TEXT NOT NULL,"
        " at BIGINT NOT NULL, PRIMARY KEY (seq))"
    )
    tx.run(
        "CREATE TABLE IF NOT EXISTS consent_records (seq BIGINT NOT NULL, number TEXT NOT NULL, salt TEXT NOT NULL,"
        " record TEXT NOT NULL, PRIMARY KEY (seq))"
    )
    tx.run("CREATE INDEX IF NOT EXISTS consent_records_by_number ON consent_records (number, seq)")
    _add_column(tx, "hosts", "machine", "TEXT")
    number = "BIGSERIAL NOT NULL PRIMARY KEY" if not tx.sqlite else "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"
    tx.run(
        f"CREATE TABLE IF NOT EXISTS errands (id {number}, host TEXT NOT NULL, iccid TEXT NOT NULL,"
        " sort TEXT NOT NULL, steps TEXT NOT NULL, who TEXT NOT NULL, at BIGINT NOT NULL, take_by BIGINT NOT NULL,"
        " taken_at BIGINT, ended_at BIGINT, answer TEXT, slug TEXT, what TEXT)"
    )
    tx.run("CREATE INDEX IF NOT EXISTS errands_by_host ON errands (host)")


MOVED, MOVING = "moved", "moving"  # facts of a file that went to a server, or is on its way there

# STEPS[n] leads from schema n to n + 1
STEPS: tuple[Callable[[Tx], None], ...] = (_first, _allowed_devices, _balances, _fourth, _fifth)


def found(store: Store, *, moved_ok: bool = False) -> int:
    """The schema number of the database; 0 when it is empty or does not exist yet.

    Args:
        moved_ok: also of one that was moved elsewhere.

    Raises:
        StoreError: it is not a database, is damaged, or holds something else.
    """
    if not store.exists():
        return 0
    with store.read() as tx:
        return _found(tx, moved_ok=moved_ok)


def _found(tx: Tx, *, moved_ok: bool = False) -> int:
    tables = inspect(tx.connection).get_table_names()
    if not tables:
        return 0
    if "farm" not in tables:
        raise StoreError(f"the database holds other tables ({', '.join(sorted(tables)[:3])}…) and none of modemfarm's")
    if not moved_ok:
        _refuse_moved(tx)
    number = tx.value("SELECT value FROM farm WHERE key = 'schema'")
    if number is None or not str(number).isdigit():
        raise StoreError("the database's schema number is missing: restore a backup")
    return int(number)


def _refuse_moved(tx: Tx) -> None:
    for row in tx.all("SELECT key, value FROM farm WHERE key IN (:moved, :moving)", moved=MOVED, moving=MOVING):
        if row["key"] == MOVED:
            raise StoreError(f"this database was moved to {row['value']}: write that as `database` into config.yaml")
        what = f"this database is being moved to {row['value']}, or was when that was broken off"
        raise StoreError(f"{what}: `modemfarm db move` with the same URL goes on")


def check(store: Store, *, older_ok: bool = False) -> int:
    """Refuse a database that is not exactly of this version's schema; its number.

    Args:
        older_ok: also take one of a version before this.

    Raises:
        SchemaOutdatedError, StoreError
    """
    number = found(store)
    if number > SCHEMA:
        raise SchemaOutdatedError(
            number, SCHEMA, f"the database is of a newer modemfarm (schema {number}, this version knows {SCHEMA})"
        )
    if number < SCHEMA and not (older_ok and number):
        raise SchemaOutdatedError(
            number, SCHEMA, f"the database needs `modemfarm db upgrade` (schema {number}, this version wants {SCHEMA})"
        )
    return number


def upgrade(store: Store, now: datetime, *, moved_ok: bool = False) -> bool:
    """Create the database or bring it up to date; an up-to-date one is not written, wrong rights are tightened.

    Returns:
        Whether anything was done.

    Raises:
        SchemaOutdatedError: it is newer than this version, or a live daemon uses it.
    """
    store.tighten()
    number = found(store, moved_ok=moved_ok)
    if number >= SCHEMA:
        if not moved_ok:
            check(store)
        return False
    store.create_file()
    with store.write() as tx:
        number = _found(tx)
        if number:
            _refuse_while_used(tx, number, now)
        for step in STEPS[number:]:
            step(tx)
        facts = {"schema": str(SCHEMA), "farm_id": secrets.token_hex(8), "epoch": "1"}
        for key, value in facts.items():
            tx.run(
                "INSERT INTO farm (key, value) VALUES (:key, :value) ON CONFLICT (key) DO "  # noqa: S608 # no one else's words
                + ("UPDATE SET value = excluded.value" if key == "schema" else "NOTHING"),
                key=key,
                value=value,
            )
    return True


def _refuse_while_used(tx: Tx, number: int, now: datetime) -> None:
    alive = tx.all("SELECT name, pid FROM hosts WHERE lease_until > :now ORDER BY name", now=to_us(now))
    if alive:
        named = " and ".join(f"the daemon on {host['name']} (process {host['pid']})" for host in alive)
        what = (
            f"{named} {'uses' if len(alive) == 1 else 'use'} this database: stop {'it' if len(alive) == 1 else 'them'}"
        )
        raise SchemaOutdatedError(number, SCHEMA, f"{what} first")
