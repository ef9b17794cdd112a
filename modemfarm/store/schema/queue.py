"""What waits and what left: batches, messages, parts, attempts, and what plans counted."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from modemfarm.store.schema.columns import ID, flag, meta, us, words

batches = Table(
    "batches",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("name", Text),
    Column("fingerprint", Text, nullable=False),
    Column("idempotency_key", Text),
    us("created_at", null=False),
    us("finished_at"),
    Column("rows_done", BigInteger, nullable=False, server_default="0"),  # input rows committed, in file order
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Index("batches_by_fingerprint", "fingerprint", "created_at"),
    sqlite_autoincrement=True,
)

batch_errors = Table(
    "batch_errors",
    meta,
    Column("batch_id", BigInteger, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("batch_id", "row"),
)

messages = Table(
    "messages",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("recipient", Text, nullable=False),  # E.164 with "+", or a short code as typed
    Column("text", Text, nullable=False),
    Column("class", Text, nullable=False),
    words("purpose"),
    Column("state", Text, nullable=False),
    words("reason"),
    words("reason_params"),
    us("next_at"),
    Column("encoding", Text, nullable=False),
    Column("parts_total", Integer, nullable=False),
    words("iccid"),  # the SIM that sends or sent it
    words("pinned"),  # `from` as the sender asked: ICCID, label, number or tag
    Column("rank", Integer, nullable=False),  # 9 - priority: lower goes first
    Column("attempts", Integer, nullable=False, server_default="0"),
    us("created_at", null=False),
    us("send_at"),
    us("sent_at"),
    us("final_at"),
    us("valid_until"),
    words("reference"),
    Column("batch_id", BigInteger),
    Column("batch_row", BigInteger),
    Column("retry_of", BigInteger),
    words("resolved"),
    flag("resend_unknown"),
    Column("resent", Integer, nullable=False, server_default="0"),
    us("resend_at"),
    flag("report", 1),
    flag("flash"),
    words("tags"),
    words("metadata"),
    Column("concat_ref", Integer),
    Column("price", Float),
    words("currency"),
    words("avoid"),  # ICCIDs that a refusal told it to leave, with commas
    words("charged_key"),  # the API key whose day has the cost that `price` makes
    us("charged_key_day"),
    flag("store_text", 1),  # 0: text and metadata go once they are no longer needed to send it
    words("automatic"),  # an answer that nobody typed: opted_out ask help confirm
    UniqueConstraint("batch_id", "batch_row", name="messages_batch_row"),
    Index("messages_by_state", "state", "id"),
    Index("messages_by_recipient", "recipient", "id"),
    Index(  # what waits for a SIM that is not here, whatever else is held
        "messages_wanting",
        "id",
        postgresql_where=text("state = 'held' AND reason IN ('no_sim', 'absent')"),
        sqlite_where=text("state = 'held' AND reason IN ('no_sim', 'absent')"),
    ),
    Index(
        "messages_next",
        "next_at",
        postgresql_where=text("state IN ('scheduled', 'held') AND next_at IS NOT NULL"),
        sqlite_where=text("state IN ('scheduled', 'held') AND next_at IS NOT NULL"),
    ),
    Index(
        "messages_expiring",
        "valid_until",
        postgresql_where=text("final_at IS NULL AND valid_until IS NOT NULL"),
        sqlite_where=text("final_at IS NULL AND valid_until IS NOT NULL"),
    ),
    Index(
        "messages_to_resend",
        "resend_at",
        postgresql_where=text("resend_at IS NOT NULL"),
        sqlite_where=text("resend_at IS NOT NULL"),
    ),
    Index(
        "messages_by_reference",
        "reference",
        "id",
        postgresql_where=text("reference IS NOT NULL"),
        sqlite_where=text("reference IS NOT NULL"),
    ),
    Index(
        "messages_retried",
        "retry_of",
        postgresql_where=text("retry_of IS NOT NULL"),
        sqlite_where=text("retry_of IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

parts = Table(
    "parts",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("message_id", BigInteger, nullable=False),
    Column("part_number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    # what the claim reads, kept beside the part so that it touches one index
    Column("recipient", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("batch_id", BigInteger),
    Column("bound_iccid", Text, nullable=False, server_default=""),
    Column("rank", Integer, nullable=False),
    us("due_at", null=False),
    flag("gate"),  # 1: pause, policy or restore holds it; the claim does not see it
    # the attempt it is in
    Column("attempt_id", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),  # counted ones
    us("submitting_at"),
    # what came of it
    words("iccid"),
    Column("mr", Integer),
    us("ctrl_z_at"),
    us("sent_at"),
    us("reported_at"),
    Column("status", Integer),
    # which day's limit it is charged to
    words("charged_to"),
    us("charged_day"),
    us("closes_at"),  # an offer's: when it may leave no more
    us("charged_month"),  # whose people it is counted among; null where the plan does not count them
    us("farm_day"),  # of the farm's ceilings; null where it has none
    us("farm_cost"),  # what it cost there, in millionths
    UniqueConstraint("message_id", "part_number", name="parts_of_message"),
    Index(
        "parts_waiting",
        "bound_iccid",
        "rank",
        "due_at",
        "id",
        postgresql_where=text("state = 'waiting' AND gate = 0"),
        sqlite_where=text("state = 'waiting' AND gate = 0"),
    ),
    Index(
        "parts_hidden",
        "gate",
        "id",
        postgresql_where=text("state = 'waiting' AND gate = 1"),
        sqlite_where=text("state = 'waiting' AND gate = 1"),
    ),
    Index(
        "parts_open",
        "state",
        postgresql_where=text("state IN ('claimed', 'submitting', 'unknown')"),
        sqlite_where=text("state IN ('claimed', 'submitting', 'unknown')"),
    ),
    Index(
        "parts_by_mr",
        "iccid",
        "mr",
        "sent_at",
        postgresql_where=text("mr IS NOT NULL"),
        sqlite_where=text("mr IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("part_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("iccid", Text, nullable=False),
    Column("owner", Text, nullable=False),  # whose limits: the account, else the ICCID
    Column("host", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("path", Text, nullable=False),
    us("claimed_at", null=False),
    us("charged_at"),  # for "any 60 s"; moves to when the result was known, null once refunded
    us("submitting_at"),
    us("ctrl_z_at"),
    us("ended_at"),
    words("outcome"),  # accepted refused not_sent uncertain released
    words("phase"),
    words("kind"),
    Column("code", Integer),
    words("detail"),
    Column("mr", Integer),
    words("why"),  # this SIM, and which one came next: for `explain`
    Index("attempts_of_part", "part_id", "id"),
    Index("attempts_of_message", "message_id", "id"),
    Index(
        "attempts_charged",
        "owner",
        "charged_at",
        postgresql_where=text("charged_at IS NOT NULL"),
        sqlite_where=text("charged_at IS NOT NULL"),
    ),
    Index(
        "attempts_uncertain",
        "path",
        "id",
        postgresql_where=text("outcome = 'uncertain'"),
        sqlite_where=text("outcome = 'uncertain'"),
    ),
    Index("attempts_by_sim", "iccid", "id"),
    sqlite_autoincrement=True,
)

counters = Table(
    "counters",
    meta,
    Column("owner", Text, nullable=False),
    Column("period", Text, nullable=False),  # hour day month
    us("starts_at", null=False),
    Column("used", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "period", "starts_at"),
)

plan_answers = Table(
    "plan_answers",  # what a person said when asked whether a SIM shall write to still more people this month
    meta,
    Column("owner", Text, nullable=False),
    Column("month", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),  # go_on pause
    us("at", null=False),
    PrimaryKeyConstraint("owner", "month"),
)

plan_recipients = Table(
    "plan_recipients",  # whom an owner wrote to in a month of its plan
    meta,
    Column("owner", Text, nullable=False),
    Column("month", BigInteger, nullable=False),  # when it began
    Column("recipient", Text, nullable=False),
    Column("parts", BigInteger, nullable=False),  # charged ones; none left: the person is not counted
    PrimaryKeyConstraint("owner", "month", "recipient"),
)
