"""PINs that people entered, and the ledger: its row is committed before a PIN is written, so no crash tries one twice.

A card goes by its ICCID, or where that cannot be read before the PIN by ``imei:…`` or ``path:…``.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, NamedTuple

from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.sealing import Secret

WANTED = ("pin_unknown", "pin_blocked", "pin_wrong", "pin_sealed")  # a person's PIN, or word, is waited for


class Card(NamedTuple):
    """A card's names.

    Attributes:
        kept: under which an entered PIN is kept.
        ledger: under which its tries are written down.
    """

    kept: str
    ledger: str


def ledger_name(iccid: str | None, imei: str | None, path: str) -> str:
    """The card's name in the ledger: the best of what is known of it."""
    return iccid or (f"imei:{imei}" if imei else f"path:{path}")


def card_in(modem: dict[str, Any]) -> Card:
    """The card of a modem, as `views.modem` shows it.

    An IMEI that several modems share (cheap boxes do) does not say which card is meant: the port does.
    """
    iccid = modem["params"].get("iccid") or modem["iccid"]
    ledger = ledger_name(iccid, modem["imei"], modem["path"])
    shared = ledger == f"imei:{modem['imei']}" and modem["id"] != modem["imei"]
    return Card(f"path:{modem['path']}" if shared else ledger, ledger)


def may_try(tx: Tx, secret: Secret, card: str, pin: str, tries_left: int, now: datetime) -> str | None:
    """Enter that this PIN is about to be tried; after the commit it may be.

    A PIN that a crash left without a result may be tried once more when the card still has as many tries as before.

    Args:
        card: its `ledger_name`.
        tries_left: what the card's counter says now.

    Returns:
        What `settle` wants; None when this PIN was tried and did not work, or nobody knows whether it did:
        only another PIN, or a person's release, opens it again.

    Raises:
        SealError: the key file cannot be used.
    """
    digest = secret.digest(pin, f"pin:{card}")
    state = "tried"
    for row in tx.all("SELECT digest, state, tries_left FROM pin_tries WHERE card = :card", card=card):
        if row["state"] == "worked" or not _is(row, digest, _plain(tx, card, pin)):
            continue
        before = row["tries_left"]
        if row["state"] != "tried" or before is None or tries_left < before:
            return None
        state = "tried_again"
    tx.run(
        "INSERT INTO pin_tries (card, digest, state, tries_left, at) VALUES (:card, :digest, :state, :left, :now)"
        " ON CONFLICT (card, digest) DO UPDATE SET state = excluded.state, tries_left = excluded.tries_left,"
        " at = excluded.at",
        card=card,
        digest=digest,
        state=state,
        left=tries_left,
        now=to_us(now),
    )
    return digest


def _is(row: Row, digest: str, plain: str) -> bool:
    """Whether a row may be about this PIN; one of another key may be about any."""
    told = str(row["digest"])
    return told in (digest, plain) or (_foreign(told, digest) and told.startswith("s1."))


def _foreign(told: str, digest: str) -> bool:
    return told.rpartition(".")[0] != digest.rpartition(".")[0]


def _plain(tx: Tx, card: str, pin: str) -> str:
    """The digest that versions before the key file wrote."""
    salt = tx.value("SELECT value FROM farm WHERE key = 'farm_id'")
    return hashlib.sha256(f"{salt}:{card}:{pin}".encode()).hexdigest()


def settle(tx: Tx, card: str, digest: str, worked: bool, now: datetime) -> None:
    """How the PIN tried last did."""
    tx.run(
        "UPDATE pin_tries SET state = :state, at = :now WHERE card = :card AND digest = :digest",
        state="worked" if worked else "failed",
        now=to_us(now),
        card=card,
        digest=digest,
    )
    if not worked:
        record(tx, "sim.pin_failed", now, subject=card)


def entered(tx: Tx, secret: Secret, iccid: str | None, imei: str | None, path: str) -> str | None:
    """The PIN that a person entered for a card.

    Raises:
        SealError: there is one, and it cannot be opened.
    """
    names = (iccid,) if iccid else (f"path:{path}", f"imei:{imei}")
    for name in names:
        sealed = tx.value("SELECT sealed FROM entered_pins WHERE card = :card", card=name)
        if sealed is not None:
            return secret.open(str(sealed), f"pin:{name}")
    return None


def enter(tx: Tx, secret: Secret, card: Card, pin: str, now: datetime, *, who: str) -> bool:
    """Keep a PIN, sealed, and have the card's modem try it at once.

    Returns:
        False when this PIN failed at this card before: nothing is kept, only `release` lets it be tried once more.

    Raises:
        SealError: the key file cannot be used.
    """
    digest = secret.digest(pin, f"pin:{card.ledger}")
    plain = _plain(tx, card.ledger, pin)
    for row in tx.all("SELECT digest, state FROM pin_tries WHERE card = :card AND state <> 'worked'", card=card.ledger):
        if row["digest"] in (digest, plain):
            return False
        if _is(row, digest, plain):  # of a lost key: the person who enters a PIN answers for it
            tx.run("DELETE FROM pin_tries WHERE card = :card AND digest = :it", card=card.ledger, it=row["digest"])
    tx.run(
        "INSERT INTO entered_pins (card, sealed, at) VALUES (:card, :sealed, :now)"
        " ON CONFLICT (card) DO UPDATE SET sealed = excluded.sealed, at = excluded.at",
        card=card.kept,
        sealed=secret.seal(pin, f"pin:{card.kept}"),
        now=to_us(now),
    )
    record(tx, "sim.pin_entered", now, subject=card.kept, who=who)
    _again(tx, card)
    return True


def forget(tx: Tx, card: Card, now: datetime, *, who: str) -> bool:
    """Keep a card's PIN no longer; False: none was kept."""
    gone = tx.run("DELETE FROM entered_pins WHERE card = :card", card=card.kept)
    if gone:
        record(tx, "sim.pin_forgotten", now, subject=card.kept, who=who)
    return bool(gone)


def release(tx: Tx, card: Card, now: datetime, *, who: str) -> bool:
    """A person lets the known PIN be tried once more, at once; False: nothing was blocked."""
    freed = tx.run("DELETE FROM pin_tries WHERE card = :card AND state <> 'worked'", card=card.ledger)
    if freed:
        record(tx, "sim.pin_released", now, subject=card.ledger, who=who)
        _again(tx, card)
    return bool(freed)


def _again(tx: Tx, card: Card) -> None:
    """The modem that may wait for this card's PIN looks again."""
    for row in tx.all(
        "SELECT host, path, imei, iccid, params FROM modems WHERE wish IS NULL AND state NOT IN ('working', 'gone')"
    ):
        iccid = json.loads(row["params"]).get("iccid") or row["iccid"]
        if {iccid, f"path:{row['path']}", f"imei:{row['imei']}"} & {card.kept, card.ledger}:
            tx.run(
                "UPDATE modems SET wish = 'retry' WHERE host = :host AND path = :path",
                host=row["host"],
                path=row["path"],
            )
