"""Who runs: the farm itself, its hosts, their leases, and what one asks of another."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from modemfarm.store.schema.columns import ID, meta, us, words

farm = Table(
    "farm",  # schema number, farm epoch, farm id: one row a fact
    meta,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

hosts = Table(
    "hosts",
    meta,
    Column("name", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("pid", Integer),
    Column("version", Text),
    us("started_at", null=False),
    us("lease_until", null=False),
    words("machine"),
)

leases = Table(
    "leases",  # work that one host does for all: whose it is, and until when
    meta,
    Column("job", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("instance", Text, nullable=False),
    us("lease_until", null=False),
)

errands = Table(
    "errands",  # what one host asks of another's SIM; the asker removes it
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),  # whose modem holds the SIM
    Column("iccid", Text, nullable=False),
    Column("sort", Text, nullable=False),  # ussd balance
    Column("steps", Text, nullable=False),
    Column("who", Text, nullable=False),
    us("at", null=False),
    us("take_by", null=False),
    us("taken_at"),
    us("ended_at"),
    words("answer"),
    words("slug"),  # why there is no answer
    words("what"),
    Index("errands_by_host", "host"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    meta,
    Column("key", Text, nullable=False),
    Column("scope", Text, nullable=False),  # API key id and route
    Column("body_hash", Text, nullable=False),
    us("created_at", null=False),
    Column("status", Integer),  # null: still running
    Column("answer", Text),
    Column("batch_id", BigInteger),
    PrimaryKeyConstraint("key", "scope"),
)

events = Table(
    "events",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    us("at", null=False),
    Column("kind", Text, nullable=False),
    Column("message_id", BigInteger),
    Column("subject", Text, nullable=False, server_default=""),  # ICCID, modem path, number
    Column("data", Text, nullable=False, server_default="{}"),
    Index(
        "events_of_message",
        "message_id",
        "id",
        postgresql_where=text("message_id IS NOT NULL"),
        sqlite_where=text("message_id IS NOT NULL"),
    ),
    Index(
        "events_of_things",  # of SIMs, modems, the farm
        "subject",
        "id",
        postgresql_where=text("message_id IS NULL"),
        sqlite_where=text("message_id IS NULL"),
    ),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",  # who did what; triggers refuse changes, and removals within a year
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    us("at", null=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    words("subject", ""),  # numbers masked
    words("data", "{}"),
    sqlite_autoincrement=True,
)

pauses = Table(
    "pauses",
    meta,
    Column("scope", Text, nullable=False),  # all class batch
    Column("value", Text, nullable=False, server_default=""),
    us("since", null=False),
    words("who"),
    PrimaryKeyConstraint("scope", "value"),
)
