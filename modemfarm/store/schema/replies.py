"""What came in: received PDUs, whole replies, and opt-outs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from modemfarm.store.schema.columns import ID, flag, meta, us, words

suppressions = Table(
    "suppressions",
    meta,
    Column("number", Text, primary_key=True),
    Column("digits", Text, nullable=False),
    us("since", null=False),
    Column("source", Text, nullable=False),  # reply phone counter web import
    words("keyword"),
    Column("inbound_id", BigInteger),
    us("removed_at"),
    Index("suppressions_by_digits", "digits"),
)

reviews = Table(
    "reviews",  # replies that may have been refusals, until a person or a further reply decides
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False),
    Column("inbound_id", BigInteger),
    words("keyword"),
    us("since", null=False),
    us("decided_at"),
    words("decision"),  # opted_out dismissed
    words("who"),
    Index("reviews_by_number", "number", "decided_at"),
    sqlite_autoincrement=True,
)

concat_refs = Table(
    "concat_refs",
    meta,
    Column("iccid", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("last", Integer, nullable=False),
    PrimaryKeyConstraint("iccid", "recipient"),
)

received = Table(
    "received",  # every PDU as it was read, before anything was made of it
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("pdu", Text, nullable=False),
    words("iccid"),
    words("imei"),
    us("at", null=False),
    Column("memory", Text, nullable=False, server_default=""),
    Column("slot", Integer),
    Column("kind", Text, nullable=False),  # deliver status_report undecodable duplicate
    words("what"),  # why undecodable
    # deliver
    words("originator"),
    Column("text", Text),
    us("scts"),
    Column("concat_ref", Integer),
    Column("concat_total", Integer),
    Column("concat_number", Integer),
    Column("inbound_id", BigInteger),
    # status report
    words("recipient"),
    Column("mr", Integer),
    Column("status", Integer),
    us("discharge_at"),
    Column("part_id", BigInteger),
    Index("received_by_pdu", "iccid", "pdu", "at"),
    Index(
        "received_in_slots",
        "iccid",
        "memory",
        "slot",
        postgresql_where=text("slot IS NOT NULL"),
        sqlite_where=text("slot IS NOT NULL"),
    ),
    Index(
        "received_loose_reports",
        "iccid",
        "id",
        postgresql_where=text("kind = 'status_report' AND part_id IS NULL"),
        sqlite_where=text("kind = 'status_report' AND part_id IS NULL"),
    ),
    Index(
        "received_of_inbound",
        "inbound_id",
        postgresql_where=text("inbound_id IS NOT NULL"),
        sqlite_where=text("inbound_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

inbound = Table(
    "inbound",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    words("iccid"),
    Column("originator", Text, nullable=False),
    Column("text", Text, nullable=False),
    us("received_at", null=False),
    us("sent_at"),
    Column("parts", Integer, nullable=False, server_default="1"),
    Column("parts_read", Integer, nullable=False, server_default="1"),
    flag("complete", 1),
    us("judge_at"),  # an incomplete message is shown and judged then
    Column("concat_ref", Integer),
    Column("kind", Text, nullable=False, server_default="message"),
    words("verdict"),
    words("keyword"),
    Column("in_reply_to", BigInteger),
    flag("old"),
    us("read_at"),
    words("filed_by"),  # the host that wrote its file into the spool directory
    Index("inbound_by_originator", "originator", "id"),
    Index(
        "inbound_unfiled",
        "received_at",
        postgresql_where=text("filed_by IS NULL"),
        sqlite_where=text("filed_by IS NULL"),
    ),
    Index(
        "inbound_incomplete",
        "iccid",
        "originator",
        "concat_ref",
        postgresql_where=text("complete = 0"),
        sqlite_where=text("complete = 0"),
    ),
    sqlite_autoincrement=True,
)
