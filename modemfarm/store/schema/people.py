"""Who is written to: contacts, what they agreed to, and the rules of offers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from modemfarm.store.schema.columns import ID, meta, us, words

people = Table(
    "people",
    meta,
    Column("number", Text, primary_key=True),
    Column("digits", Text, nullable=False),  # last 9 significant digits, for matching
    words("iccid"),  # SIM of the last exchange
    us("exchange_at"),
    us("wrote_at"),
    Index("people_by_digits", "digits"),
)

contacts = Table(
    "contacts",  # whom the owner wrote down: typed in, or from a file
    meta,
    Column("number", Text, primary_key=True),
    words("name", ""),
    words("attributes", "{}"),  # JSON texts by the file's own column names
    words("zone"),  # the person's own time zone
    words("language"),
    Column("source", Text, nullable=False),  # cli api page import
    us("created_at", null=False),
    us("updated_at", null=False),
)

forgotten = Table(
    "forgotten",  # people who were erased: a keyed hash of each number, which still stops messages and imports
    meta,
    Column("hash", Text, primary_key=True),
    us("at", null=False),
)

complaints = Table(
    "complaints",  # what people complained of, with the proof of consent that stood then
    meta,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("number", Text, nullable=False),
    us("at", null=False),
    us("noted_at", null=False),
    Column("channel", Text, nullable=False),  # phone web operator counter
    Column("text", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("proof", Text, nullable=False),  # JSON: what stood, with the ledger's rows
    Column("sent", Text, nullable=False),  # JSON: the last messages to the person
    Index("complaints_by_number", "number", "id"),
    sqlite_autoincrement=True,
)

policy_settings = Table(
    "policy_settings",  # the owner's own words and changes of a country's rules; config.yaml wins where it speaks
    meta,
    Column("key", Text, primary_key=True),  # brand, CN.hours
    Column("value", Text, nullable=False),
    us("at", null=False),
    Column("who", Text, nullable=False),
)

marketing_sends = Table(
    "marketing_sends",  # offers that were claimed; whether one left is told by its parts
    meta,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("recipient", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of its text
    us("at", null=False),
    Index("marketing_sends_by_recipient", "recipient", "at"),
    Index("marketing_sends_by_age", "at"),
)

consent_chain = Table(
    "consent_chain",  # the ledger's hashes: never changed, never deleted
    meta,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("chain", Text, nullable=False),
    us("at", null=False),
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
    us("at", null=False),
    Column("who", Text, nullable=False),
)

policy_attestations = Table(
    "policy_attestations",  # somebody's word that offers may be sent under a profile
    meta,
    Column("profile", Text, nullable=False),
    us("at", null=False),
    Column("who", Text, nullable=False),
    Column("basis", Text, nullable=False),
    words("document"),
    us("until", null=False),
    us("withdrawn_at"),
    PrimaryKeyConstraint("profile", "at"),
)
