"""Ways in and out: spool, webhooks, alerts, keys and users."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from modemfarm.store.schema.columns import ID, flag, meta, us, words

spool_files = Table(
    "spool_files",  # files of the spool directory that became messages, until all was told of them
    meta,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("host", Text, nullable=False),
    Column("identity", Text, nullable=False),  # of device, inode, mtime, size and content
    Column("name", Text, nullable=False),
    Column("kept_as", Text, nullable=False),  # in checked/
    Column("content", Text, nullable=False),  # base64
    Column("stage", Text, nullable=False),  # checked sent done
    flag("present"),  # it may still lie in outgoing/
    words("reported", ""),  # part numbers, with commas
    us("taken_at", null=False),
    Index(
        "spool_files_present",
        "host",
        "identity",
        unique=True,
        postgresql_where=text("present = 1"),
        sqlite_where=text("present = 1"),
    ),
    Index("spool_files_by_stage", "host", "stage", "message_id"),
)

webhooks = Table(
    "webhooks",  # addresses that are told what happens
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("url", Text, nullable=False),
    words("sealed"),  # the secret; null where config.yaml has it
    Column("events", Text, nullable=False),  # JSON list; an empty one means all
    Column("source", Text, nullable=False),  # config added
    words("disabled"),  # why
    us("created_at", null=False),
    us("last_at"),
    words("last_answer"),
    sqlite_autoincrement=True,
)

webhook_changes = Table(
    "webhook_changes",  # what happened and is no call yet; written by triggers (store/webhooks.py)
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    us("at", null=False),
    Column("kind", Text, nullable=False),
    Column("message_id", BigInteger),
    words("subject", ""),
    words("data", ""),
    sqlite_autoincrement=True,
)

webhook_outbox = Table(
    "webhook_outbox",  # calls to be made, and those made in the last days
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("hook_id", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_key", Text, nullable=False),  # calls of one key follow each other
    us("at", null=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    us("due_at", null=False),
    Column("state", Text, nullable=False),  # waiting done failed
    us("done_at"),
    words("answer"),
    Index("webhook_outbox_due", "hook_id", "state", "due_at", "id"),
    Index(
        "webhook_outbox_order",
        "hook_id",
        "order_key",
        "id",
        postgresql_where=text("state = 'waiting'"),
        sqlite_where=text("state = 'waiting'"),
    ),
    Index("webhook_outbox_done", "done_at"),
    sqlite_autoincrement=True,
)

callbacks = Table(
    "callbacks",  # messages about which an address is called (Kannel's dlr-url), until their end
    meta,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("mask", Integer, nullable=False),  # what is still to be told
    Column("origin", Text, nullable=False),  # scheme, host and port
    Column("url", Text, nullable=False),  # a secret of the sender
    Column("said", Text, nullable=False),  # JSON: escapes that repeat what the sender said
)

callback_calls = Table(
    "callback_calls",  # calls to be made; written by a trigger (store/callbacks.py)
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("message_id", BigInteger, nullable=False),
    Column("event", Integer, nullable=False),  # one bit of dlr-mask
    us("at", null=False),
    Column("origin", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    us("due_at", null=False),  # 0 before the first attempt
    Index("callback_calls_due", "origin", "due_at", "id"),
    Index("callback_calls_order", "message_id", "id"),
    sqlite_autoincrement=True,
)

alert_facts = Table(
    "alert_facts",  # what stands now that a person should know
    meta,
    Column("cause", Text, nullable=False),
    Column("subject", Text, nullable=False),  # ICCID, modem path; "" where it is the whole farm
    us("since", null=False),
    us("told_at"),
    PrimaryKeyConstraint("cause", "subject"),
)

alert_causes = Table(
    "alert_causes",  # at most one an hour
    meta,
    Column("cause", Text, primary_key=True),
    us("told_at", null=False),
    Column("times", Integer, nullable=False),  # in a row, of the same facts
)

alert_ways = Table(
    "alert_ways",  # what came last of each way to tell
    meta,
    Column("way", Text, primary_key=True),
    us("at", null=False),
    Column("what", Text, nullable=False),  # why it failed; "" when it worked
)

api_keys = Table(
    "api_keys",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    us("created_at", null=False),
    us("used_at"),
    us("revoked_at"),
    Column("parts_a_day", BigInteger),
    Column("cost_a_day", BigInteger),  # in millionths
    Column("rate", BigInteger),  # requests a minute
    Column("sims", Text),  # what its messages go from; NULL: any SIM
    sqlite_autoincrement=True,
)

logins = Table(
    "logins",  # one-time login links and the sessions they open
    meta,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # link session
    Column("role", Text, nullable=False),
    us("created_at", null=False),
    us("expires_at", null=False),
    us("used_at"),
    Column("user_id", BigInteger),
    us("seen_at"),
    Index("logins_by_user", "user_id"),
)

users = Table(
    "users",  # people who log in with a password
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    words("password"),
    words("totp"),  # sealed
    Column("totp_step", BigInteger),
    us("created_at", null=False),
    sqlite_autoincrement=True,
)

login_tries = Table(
    "login_tries",  # logins that failed
    meta,
    Column("who", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    us("at", null=False),
)
