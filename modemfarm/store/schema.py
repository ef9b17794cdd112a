"""The tables, as SQLAlchemy sees them; `migrations.py` says how a database gets them.

Times are microseconds since the epoch (UTC) in BIGINT columns, booleans 0/1, JSON is text: the same on SQLite
and PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

meta = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only where the type is INTEGER


def _us(name: str, *, null: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _text(name: str, default: str | None = None) -> Column[str]:
    """A text column: nullable without a default."""
    if default is None:
        return Column(name, Text)
    return Column(name, Text, nullable=False, server_default=default)


def _flag(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(default))


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
    _us("started_at", null=False),
    _us("lease_until", null=False),
    _text("machine"),
)

leases = Table(
    "leases",  # work that one host does for all: whose it is, and until when
    meta,
    Column("job", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("instance", Text, nullable=False),
    _us("lease_until", null=False),
)

batches = Table(
    "batches",
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("name", Text),
    Column("fingerprint", Text, nullable=False),
    Column("idempotency_key", Text),
    _us("created_at", null=False),
    _us("finished_at"),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("recipient", Text, nullable=False),  # E.164 with "+", or a short code as typed
    Column("text", Text, nullable=False),
    Column("class", Text, nullable=False),
    _text("purpose"),
    Column("state", Text, nullable=False),
    _text("reason"),
    _text("reason_params"),
    _us("next_at"),
    Column("encoding", Text, nullable=False),
    Column("parts_total", Integer, nullable=False),
    _text("iccid"),  # the SIM that sends or sent it
    _text("pinned"),  # `from` as the sender asked: ICCID, label, number or tag
    Column("rank", Integer, nullable=False),  # 9 - priority: lower goes first
    Column("attempts", Integer, nullable=False, server_default="0"),
    _us("created_at", null=False),
    _us("send_at"),
    _us("sent_at"),
    _us("final_at"),
    _us("valid_until"),
    _text("reference"),
    Column("batch_id", BigInteger),
    Column("batch_row", BigInteger),
    Column("retry_of", BigInteger),
    _text("resolved"),
    _flag("resend_unknown"),
    Column("resent", Integer, nullable=False, server_default="0"),
    _us("resend_at"),
    _flag("report", 1),
    _flag("flash"),
    _text("tags"),
    _text("metadata"),
    Column("concat_ref", Integer),
    Column("price", Float),
    _text("currency"),
    _text("avoid"),  # ICCIDs that a refusal told it to leave, with commas
    _text("charged_key"),  # the API key whose day has the cost that `price` makes
    _us("charged_key_day"),
    _text("automatic"),  # an answer that nobody typed: opted_out ask help confirm
    UniqueConstraint("batch_id", "batch_row", name="messages_batch_row"),
    Index("messages_by_state", "state", "id"),
    Index("messages_by_recipient", "recipient", "id"),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("message_id", BigInteger, nullable=False),
    Column("part_number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    # what the claim reads, kept beside the part so that it touches one index
    Column("recipient", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("batch_id", BigInteger),
    Column("bound_iccid", Text, nullable=False, server_default=""),
    Column("rank", Integer, nullable=False),
    _us("due_at", null=False),
    _flag("gate"),  # 1: pause, policy or restore holds it; the claim does not see it
    # the attempt it is in
    Column("attempt_id", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),  # counted ones
    _us("submitting_at"),
    # what came of it
    _text("iccid"),
    Column("mr", Integer),
    _us("ctrl_z_at"),
    _us("sent_at"),
    _us("reported_at"),
    Column("status", Integer),
    # which day's limit it is charged to
    _text("charged_to"),
    _us("charged_day"),
    _us("closes_at"),  # an offer's: when it may leave no more
    _us("charged_month"),  # whose people it is counted among; null where the plan does not count them
    _us("farm_day"),  # of the farm's ceilings; null where it has none
    _us("farm_cost"),  # what it cost there, in millionths
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("part_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("iccid", Text, nullable=False),
    Column("owner", Text, nullable=False),  # whose limits: the account, else the ICCID
    Column("host", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("path", Text, nullable=False),
    _us("claimed_at", null=False),
    _us("charged_at"),  # for "any 60 s"; moves to when the result was known, null once refunded
    _us("submitting_at"),
    _us("ctrl_z_at"),
    _us("ended_at"),
    _text("outcome"),  # accepted refused not_sent uncertain released
    _text("phase"),
    _text("kind"),
    Column("code", Integer),
    _text("detail"),
    Column("mr", Integer),
    _text("why"),  # this SIM, and which one came next: for `explain`
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
    _us("starts_at", null=False),
    Column("used", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "period", "starts_at"),
)

plan_answers = Table(
    "plan_answers",  # what a person said when asked whether a SIM shall write to still more people this month
    meta,
    Column("owner", Text, nullable=False),
    Column("month", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),  # go_on pause
    _us("at", null=False),
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

people = Table(
    "people",
    meta,
    Column("number", Text, primary_key=True),
    Column("digits", Text, nullable=False),  # last 9 significant digits, for matching
    _text("iccid"),  # SIM of the last exchange
    _us("exchange_at"),
    _us("wrote_at"),
    Index("people_by_digits", "digits"),
)

contacts = Table(
    "contacts",  # whom the owner wrote down: typed in, or from a file
    meta,
    Column("number", Text, primary_key=True),
    _text("name", ""),
    _text("attributes", "{}"),  # JSON texts by the file's own column names
    _text("zone"),  # the person's own time zone
    _text("language"),
    Column("source", Text, nullable=False),  # cli api page import
    _us("created_at", null=False),
    _us("updated_at", null=False),
)

forgotten = Table(
    "forgotten",  # people who were erased: a keyed hash of each number, which still stops messages and imports
    meta,
    Column("hash", Text, primary_key=True),
    _us("at", null=False),
)

audit = Table(
    "audit",  # who did what; triggers refuse changes, and removals within a year
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _us("at", null=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    _text("subject", ""),  # numbers masked
    _text("data", "{}"),
    sqlite_autoincrement=True,
)

complaints = Table(
    "complaints",  # what people complained of, with the proof of consent that stood then
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False),
    _us("at", null=False),
    _us("noted_at", null=False),
    Column("channel", Text, nullable=False),  # phone web operator counter
    Column("text", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("proof", Text, nullable=False),  # JSON: what stood, with the ledger's rows
    Column("sent", Text, nullable=False),  # JSON: the last messages to the person
    Index("complaints_by_number", "number", "id"),
    sqlite_autoincrement=True,
)

suppressions = Table(
    "suppressions",
    meta,
    Column("number", Text, primary_key=True),
    Column("digits", Text, nullable=False),
    _us("since", null=False),
    Column("source", Text, nullable=False),  # reply phone counter web import
    _text("keyword"),
    Column("inbound_id", BigInteger),
    _us("removed_at"),
    Index("suppressions_by_digits", "digits"),
)

reviews = Table(
    "reviews",  # replies that may have been refusals, until a person or a further reply decides
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False),
    Column("inbound_id", BigInteger),
    _text("keyword"),
    _us("since", null=False),
    _us("decided_at"),
    _text("decision"),  # opted_out dismissed
    _text("who"),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("pdu", Text, nullable=False),
    _text("iccid"),
    _text("imei"),
    _us("at", null=False),
    Column("memory", Text, nullable=False, server_default=""),
    Column("slot", Integer),
    Column("kind", Text, nullable=False),  # deliver status_report undecodable duplicate
    _text("what"),  # why undecodable
    # deliver
    _text("originator"),
    Column("text", Text),
    _us("scts"),
    Column("concat_ref", Integer),
    Column("concat_total", Integer),
    Column("concat_number", Integer),
    Column("inbound_id", BigInteger),
    # status report
    _text("recipient"),
    Column("mr", Integer),
    Column("status", Integer),
    _us("discharge_at"),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("iccid"),
    Column("originator", Text, nullable=False),
    Column("text", Text, nullable=False),
    _us("received_at", null=False),
    _us("sent_at"),
    Column("parts", Integer, nullable=False, server_default="1"),
    Column("parts_read", Integer, nullable=False, server_default="1"),
    _flag("complete", 1),
    _us("judge_at"),  # an incomplete message is shown and judged then
    Column("concat_ref", Integer),
    Column("kind", Text, nullable=False, server_default="message"),
    _text("verdict"),
    _text("keyword"),
    Column("in_reply_to", BigInteger),
    _flag("old"),
    _us("read_at"),
    _text("filed_by"),  # the host that wrote its file into the spool directory
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
    _flag("present"),  # it may still lie in outgoing/
    _text("reported", ""),  # part numbers, with commas
    _us("taken_at", null=False),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("url", Text, nullable=False),
    _text("sealed"),  # the secret; null where config.yaml has it
    Column("events", Text, nullable=False),  # JSON list; an empty one means all
    Column("source", Text, nullable=False),  # config added
    _text("disabled"),  # why
    _us("created_at", null=False),
    _us("last_at"),
    _text("last_answer"),
    sqlite_autoincrement=True,
)

webhook_changes = Table(
    "webhook_changes",  # what happened and is no call yet; written by triggers (store/webhooks.py)
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _us("at", null=False),
    Column("kind", Text, nullable=False),
    Column("message_id", BigInteger),
    _text("subject", ""),
    _text("data", ""),
    sqlite_autoincrement=True,
)

webhook_outbox = Table(
    "webhook_outbox",  # calls to be made, and those made in the last days
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("hook_id", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_key", Text, nullable=False),  # calls of one key follow each other
    _us("at", null=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _us("due_at", null=False),
    Column("state", Text, nullable=False),  # waiting done failed
    _us("done_at"),
    _text("answer"),
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

errands = Table(
    "errands",  # what one host asks of another's SIM; the asker removes it
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),  # whose modem holds the SIM
    Column("iccid", Text, nullable=False),
    Column("sort", Text, nullable=False),  # ussd balance
    Column("steps", Text, nullable=False),
    Column("who", Text, nullable=False),
    _us("at", null=False),
    _us("take_by", null=False),
    _us("taken_at"),
    _us("ended_at"),
    _text("answer"),
    _text("slug"),  # why there is no answer
    _text("what"),
    Index("errands_by_host", "host"),
    sqlite_autoincrement=True,
)

sims = Table(
    "sims",
    meta,
    Column("iccid", Text, primary_key=True),
    _text("imsi"),
    _text("number"),
    Column("state", Text, nullable=False, server_default="active"),
    _text("reason"),
    _text("reason_params"),
    _us("since"),
    _text("path"),
    _text("host"),
    _text("operator"),
    _text("smsc"),
    _us("first_seen_at"),
    _us("seen_at"),
    _us("swept_at"),
    _us("last_success_at"),
    # what the owner set on the page or by CLI; config.yaml wins where it speaks
    _text("label"),
    _text("plan"),
    _text("account"),
    _text("tags"),
    _text("expires"),
    # learned: TP-SCTS minus our clock, and whether its MRs were seen to count up
    Column("smsc_offset_us", BigInteger),
    Column("mr_last", Integer),
    Column("mr_steps_up", Integer, nullable=False, server_default="0"),
    Column("mr_steps_other", Integer, nullable=False, server_default="0"),
    Column("uncertain_in_row", Integer, nullable=False, server_default="0"),
    Column("balance", Float),
    Index("sims_by_imsi", "imsi"),
)

balances = Table(
    "balances",  # each question about credit and what came of it
    meta,
    Column("iccid", Text, nullable=False),
    _us("at", null=False),
    Column("amount", Float),  # null: not told
    Column("how", Text, nullable=False),  # ussd sms
    Column("what", Text, nullable=False, server_default=""),  # why no amount
    PrimaryKeyConstraint("iccid", "at"),
)

modems = Table(
    "modems",
    meta,
    Column("path", Text, nullable=False),
    Column("host", Text, nullable=False),
    _text("imei"),
    _text("usb_path"),
    _text("family"),
    _text("manufacturer"),
    _text("model"),
    _text("firmware"),
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("params", Text, nullable=False, server_default="{}"),
    Column("next_action", Text, nullable=False, server_default=""),
    _us("since"),
    _text("iccid"),
    Column("signal_dbm", Integer),
    _text("operator"),
    _text("technology"),
    Column("registration", Text, nullable=False, server_default="unknown"),
    _us("last_success_at"),
    _us("seen_at"),
    _text("wish"),  # what a person asked of it: reset retry
    Column("temperature_c", Integer),
    Column("voltage_mv", Integer),
    _text("warning", ""),  # of its supply or temperature, the last one
    _us("warned_at"),
    PrimaryKeyConstraint("path", "host"),
)

resets = Table(
    "resets",  # each restart of a modem by the ladder, for a day
    meta,
    Column("sim", Text, nullable=False),  # ICCID, else the port
    _us("at", null=False),
    PrimaryKeyConstraint("sim", "at"),
)

last_cards = Table(
    "last_cards",  # which card was last in a modem
    meta,
    Column("imei", Text, nullable=False),
    Column("place", Text, nullable=False),  # host and USB path, else port: some makers give all modems one IMEI
    Column("iccid", Text, nullable=False),
    _us("at", null=False),
    PrimaryKeyConstraint("imei", "place"),
)

allowed_devices = Table(
    "allowed_devices",  # bridges and unknown devices that a person let us open
    meta,
    Column("host", Text, nullable=False),
    Column("usb_path", Text, nullable=False),
    Column("usb_id", Text, nullable=False),  # another device at that place is not meant
    _us("at", null=False),
    PrimaryKeyConstraint("host", "usb_path", "usb_id"),
)

pin_tries = Table(
    "pin_tries",  # the PIN ledger: a row is committed before the PIN is written
    meta,
    Column("card", Text, nullable=False),  # ICCID, else "imei:…" or "path:…"
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),  # tried tried_again worked failed
    Column("tries_left", Integer),  # what the card's counter said before
    _us("at", null=False),
    PrimaryKeyConstraint("card", "digest"),
)

entered_pins = Table(
    "entered_pins",  # by people; sealed (store/sealing.py)
    meta,
    Column("card", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    _us("at", null=False),
)

alert_facts = Table(
    "alert_facts",  # what stands now that a person should know
    meta,
    Column("cause", Text, nullable=False),
    Column("subject", Text, nullable=False),  # ICCID, modem path; "" where it is the whole farm
    _us("since", null=False),
    _us("told_at"),
    PrimaryKeyConstraint("cause", "subject"),
)

alert_causes = Table(
    "alert_causes",  # at most one an hour
    meta,
    Column("cause", Text, primary_key=True),
    _us("told_at", null=False),
    Column("times", Integer, nullable=False),  # in a row, of the same facts
)

alert_ways = Table(
    "alert_ways",  # what came last of each way to tell
    meta,
    Column("way", Text, primary_key=True),
    _us("at", null=False),
    Column("what", Text, nullable=False),  # why it failed; "" when it worked
)

policy_settings = Table(
    "policy_settings",  # the owner's own words and changes of a country's rules; config.yaml wins where it speaks
    meta,
    Column("key", Text, primary_key=True),  # brand, CN.hours
    Column("value", Text, nullable=False),
    _us("at", null=False),
    Column("who", Text, nullable=False),
)

marketing_sends = Table(
    "marketing_sends",  # offers that were claimed; whether one left is told by its parts
    meta,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("recipient", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of its text
    _us("at", null=False),
    Index("marketing_sends_by_recipient", "recipient", "at"),
    Index("marketing_sends_by_age", "at"),
)

consent_chain = Table(
    "consent_chain",  # the ledger's hashes: never changed, never deleted
    meta,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("chain", Text, nullable=False),
    _us("at", null=False),
)

consent_records = Table(
    "consent_records",  # what they are of; erasing a person deletes these
    meta,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("consent_records_by_number", "number", "seq"),
)

signup_words = Table(
    "signup_words",  # words that sign their sender up for offers
    meta,
    Column("word", Text, primary_key=True),  # as words are compared
    Column("shown", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("wording", Text, nullable=False),  # what the sender agrees to
    _us("at", null=False),
    Column("who", Text, nullable=False),
)

policy_attestations = Table(
    "policy_attestations",  # somebody's word that offers may be sent under a profile
    meta,
    Column("profile", Text, nullable=False),
    _us("at", null=False),
    Column("who", Text, nullable=False),
    Column("basis", Text, nullable=False),
    _text("document"),
    _us("until", null=False),
    _us("withdrawn_at"),
    PrimaryKeyConstraint("profile", "at"),
)

pauses = Table(
    "pauses",
    meta,
    Column("scope", Text, nullable=False),  # all class batch
    Column("value", Text, nullable=False, server_default=""),
    _us("since", null=False),
    _text("who"),
    PrimaryKeyConstraint("scope", "value"),
)

events = Table(
    "events",
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _us("at", null=False),
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

api_keys = Table(
    "api_keys",
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    _us("created_at", null=False),
    _us("used_at"),
    _us("revoked_at"),
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
    _us("created_at", null=False),
    _us("expires_at", null=False),
    _us("used_at"),
    Column("user_id", BigInteger),
    _us("seen_at"),
    Index("logins_by_user", "user_id"),
)

users = Table(
    "users",  # people who log in with a password
    meta,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    _text("password"),
    _text("totp"),  # sealed
    Column("totp_step", BigInteger),
    _us("created_at", null=False),
    sqlite_autoincrement=True,
)

login_tries = Table(
    "login_tries",  # logins that failed
    meta,
    Column("who", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    _us("at", null=False),
)

idempotency = Table(
    "idempotency",
    meta,
    Column("key", Text, nullable=False),
    Column("scope", Text, nullable=False),  # API key id and route
    Column("body_hash", Text, nullable=False),
    _us("created_at", null=False),
    Column("status", Integer),  # null: still running
    Column("answer", Text),
    Column("batch_id", BigInteger),
    PrimaryKeyConstraint("key", "scope"),
)
