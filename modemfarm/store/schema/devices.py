"""SIMs and modems, their credit, PINs and resets."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, PrimaryKeyConstraint, Table, Text

from modemfarm.store.schema.columns import meta, us, words

sims = Table(
    "sims",
    meta,
    Column("iccid", Text, primary_key=True),
    words("imsi"),
    words("number"),
    Column("state", Text, nullable=False, server_default="active"),
    words("reason"),
    words("reason_params"),
    us("since"),
    words("path"),
    words("host"),
    words("operator"),
    words("smsc"),
    us("first_seen_at"),
    us("seen_at"),
    us("swept_at"),
    us("last_success_at"),
    # what the owner set on the page or by CLI; config.yaml wins where it speaks
    words("label"),
    words("plan"),
    words("account"),
    words("tags"),
    words("expires"),
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
    us("at", null=False),
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
    words("imei"),
    words("usb_path"),
    words("family"),
    words("manufacturer"),
    words("model"),
    words("firmware"),
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("params", Text, nullable=False, server_default="{}"),
    Column("next_action", Text, nullable=False, server_default=""),
    us("since"),
    words("iccid"),
    Column("signal_dbm", Integer),
    words("operator"),
    words("technology"),
    Column("registration", Text, nullable=False, server_default="unknown"),
    us("last_success_at"),
    us("seen_at"),
    words("wish"),  # what a person asked of it: reset retry
    Column("temperature_c", Integer),
    Column("voltage_mv", Integer),
    words("warning", ""),  # of its supply or temperature, the last one
    us("warned_at"),
    PrimaryKeyConstraint("path", "host"),
)

resets = Table(
    "resets",  # each restart of a modem by the ladder, for a day
    meta,
    Column("sim", Text, nullable=False),  # ICCID, else the port
    us("at", null=False),
    PrimaryKeyConstraint("sim", "at"),
)

last_cards = Table(
    "last_cards",  # which card was last in a modem
    meta,
    Column("imei", Text, nullable=False),
    Column("place", Text, nullable=False),  # host and USB path, else port: some makers give all modems one IMEI
    Column("iccid", Text, nullable=False),
    us("at", null=False),
    PrimaryKeyConstraint("imei", "place"),
)

allowed_devices = Table(
    "allowed_devices",  # bridges and unknown devices that a person let us open
    meta,
    Column("host", Text, nullable=False),
    Column("usb_path", Text, nullable=False),
    Column("usb_id", Text, nullable=False),  # another device at that place is not meant
    us("at", null=False),
    PrimaryKeyConstraint("host", "usb_path", "usb_id"),
)

pin_tries = Table(
    "pin_tries",  # the PIN ledger: a row is committed before the PIN is written
    meta,
    Column("card", Text, nullable=False),  # ICCID, else "imei:…" or "path:…"
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),  # tried tried_again worked failed
    Column("tries_left", Integer),  # what the card's counter said before
    us("at", null=False),
    PrimaryKeyConstraint("card", "digest"),
)

entered_pins = Table(
    "entered_pins",  # by people; sealed (store/sealing.py)
    meta,
    Column("card", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    us("at", null=False),
)
