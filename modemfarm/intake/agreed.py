"""Takes in a list of people who agreed to offers: who is vouched for counts at once, the others are asked first."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from modemfarm.errors import BadFieldError, BadRecipientError
from modemfarm.intake.columns import column_of, squeeze
from modemfarm.intake.draft import IntakeSettings
from modemfarm.intake.encodings import decode_rows
from modemfarm.intake.people import FORGOTTEN
from modemfarm.intake.rows import RowError
from modemfarm.intake.values import parse_moment
from modemfarm.model import mask
from modemfarm.policy.answering import Answers
from modemfarm.policy.consent import GENERAL, KNOWN_METHODS, METHODS
from modemfarm.policy.numbers import parse_recipient
from modemfarm.store import audit, consents, forgotten, signups, suppress
from modemfarm.store.engine import Tx
from modemfarm.store.offers import opening
from modemfarm.store.rules import in_force

CHUNK = 100  # people a transaction
AHEAD = timedelta(days=1)  # a day that has begun somewhere on Earth has come
MOST_ERRORS = 1000
_FIELDS = ("method", "wording", "captured_at", "source", "purpose")
_SEPARATORS = "\t;,"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody's word on how the people of a list agreed; a row's own columns win.

    Attributes:
        since, until: between which they did.
        sha256: of the list.
        actor: whose word it is.
    """

    actor: str
    sha256: str
    method: str | None = None
    wording: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    purposes: tuple[str, ...] = (GENERAL,)
    source: str | None = None


@dataclass(slots=True)
class Imported:
    """What became of a list: how many were granted, asked, known or opted out already, and the rows at fault."""

    granted: int = 0
    pending: int = 0
    known: int = 0
    opted_out: int = 0
    rejected: list[RowError] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As programs read it."""
        faults = [{"row": one.row, "code": one.code, "detail": one.detail} for one in self.rejected[:MOST_ERRORS]]
        counts = {"granted": self.granted, "pending": self.pending, "known": self.known, "opted_out": self.opted_out}
        return {**counts, "rejected": len(self.rejected), "errors": faults}


def read(octets: bytes, encoding: str | None = None) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a list, CSV with a header line or a JSON object a line: number, and cells by column.

    Raises:
        BadFieldError: it cannot be read, or no column holds numbers.
    """
    text = decode_rows(octets, encoding, ("number", "phone", "手机号", "телефон"))
    return _ndjson(text) if text.lstrip().startswith("{") else _csv(text)


def _named(name: str) -> str:
    return "number" if column_of(name) == "to" else squeeze(name)


def _ndjson(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    for number, line in enumerate((line for line in text.splitlines() if line.strip()), 1):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        cells = found if isinstance(found, dict) else {}
        yield number, {_named(key): str(value).strip() for key, value in cells.items() if value is not None}


def _csv(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    head = text.splitlines()[0] if text.strip() else ""
    separator = next((sign for sign in _SEPARATORS if sign in head), ",")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [_named(cell) for cell in next(lines, [])]
    if "number" not in names:
        raise BadFieldError(
            "number", "no_column", "the first line names no column of numbers (number, 手机号, телефон)"
        )
    rows = (cells for cells in lines if any(cell.strip() for cell in cells))
    for number, cells in enumerate(rows, 1):
        yield number, {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}


def take(
    run: Callable[..., Any],
    rows: Iterator[tuple[int, Mapping[str, str]]],
    vouched: Vouched,
    settings: IntakeSettings,
    answers: Answers,
    clock: Callable[[], datetime],
) -> Imported:
    """Write a list into the ledger, a chunk to a transaction; taken in twice it adds nothing.

    Args:
        run: calls ``fn(tx, *args)`` in a write transaction.
    """
    done = Imported()
    chunk: list[_One] = []
    seen: set[str] = set()
    for number, cells in rows:
        try:
            one = _one(cells, vouched, settings, clock())
        except BadRecipientError as error:
            done.rejected.append(RowError(number, "number", error.code, str(error)))
        except BadFieldError as error:
            done.rejected.append(RowError(number, error.field, error.code, str(error)))
        else:
            if one.number in seen:
                done.known += 1
                continue
            seen.add(one.number)
            chunk.append(one)
        if len(chunk) == CHUNK:
            _count(done, run(_write, chunk, settings, answers, clock()))
            chunk = []
    if chunk:
        _count(done, run(_write, chunk, settings, answers, clock()))
    run(_noted, vouched.actor, done, clock())
    return done


def _noted(tx: Tx, who: str, done: Imported, now: datetime) -> None:
    audit.note(tx, who, "consents.imported", now, granted=done.granted, pending=done.pending)


@dataclass(frozen=True, slots=True)
class _One:
    number: str
    purposes: tuple[str, ...]
    proof: Mapping[str, Any]
    proven: bool


def grant(
    tx: Tx, number: str, purposes: tuple[str, ...], proof: Mapping[str, Any], settings: IntakeSettings, now: datetime
) -> int:
    """Write down that one person agreed, as somebody tells it by hand; the row's number.

    Raises:
        BadFieldError: the day on which it was given is still to come.
        BadRecipientError: the person was forgotten, and nobody lifted that.
    """
    if proof.get("captured_at"):
        _past(datetime.fromisoformat(proof["captured_at"]), now)
    if forgotten.among(tx, [number]):
        raise BadRecipientError(mask(number), "forgotten", FORGOTTEN)
    brand = in_force(tx, settings.policy, now).brand
    audit.note(tx, str(proof.get("actor") or "cli"), "consent.granted", now, count=1)
    return consents.grant(tx, number, purposes, {**proof, "brand": brand}, now)


def _past(at: datetime, now: datetime) -> None:
    if at > now + AHEAD:
        raise BadFieldError("captured_at", "in_the_future", f"{at.date()} is still to come")


def _one(cells: Mapping[str, str], vouched: Vouched, settings: IntakeSettings, now: datetime) -> _One:
    number = parse_recipient(
        cells.get("number", ""),
        country=settings.country,
        allow_countries="all",
        short_codes=(),
        allow_fixed=True,
    ).number
    method = cells.get("method") or vouched.method or "import"
    if method not in METHODS:
        raise BadFieldError("method", "unknown_method", f"{method!r} is none of {', '.join(METHODS)}")
    wording = cells.get("wording") or cells.get("exactwording") or vouched.wording
    at = _moment(cells.get("capturedat") or cells.get("date"))
    if at is not None:
        _past(at, now)
    if at is not None and not (vouched.since or at) <= at <= (vouched.until or at):
        raise BadFieldError("captured_at", "outside_range", f"{at.date()} is outside of the days that are vouched for")
    purposes = (cells["purpose"],) if cells.get("purpose") else vouched.purposes
    proof: dict[str, Any] = {
        "method": method,
        "exact_wording": wording,
        "source_url_or_form_id": cells.get("source") or vouched.source,
        "evidence_sha256": vouched.sha256,
        "actor": vouched.actor,
    }
    if at is not None:
        proof["captured_at"] = at.isoformat()
    if vouched.since is not None and vouched.until is not None:
        proof["captured_between"] = [vouched.since.isoformat(), vouched.until.isoformat()]
    when = at is not None or "captured_between" in proof
    return _One(number, purposes, proof, method in KNOWN_METHODS and bool(wording) and when)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parse_moment(text if "T" in text or " " in text else f"{text}T00:00:00Z")
    except ValueError as error:
        raise BadFieldError("captured_at", "not_a_moment", str(error)) from None


def _write(
    tx: Tx, chunk: list[_One], settings: IntakeSettings, answers: Answers, now: datetime
) -> list[signups.Asked | None]:
    rules = in_force(tx, settings.policy, now)
    countries = rules.profile.countries
    country = next(iter(countries)) if len(countries) == 1 else settings.country
    language = answers.language(None, "", country)
    asking = signups.Asking(answers, language, rules.brand, rules.own_signature)
    became: list[signups.Asked | None] = []
    for one in chunk:
        proof = {**one.proof, "brand": rules.brand}
        if not one.proven:
            opens = max(opening(tx, rules, one.number, now), now + timedelta(microseconds=1))
            became.append(signups.ask(tx, one.number, one.purposes, proof, replace(asking, opens_at=opens), now))
        elif suppress.is_suppressed(tx, one.number):
            became.append("opted_out")
        elif all(consents.has_consent(tx, one.number, purpose, now) for purpose in one.purposes):
            became.append("known")
        else:
            consents.grant(tx, one.number, one.purposes, proof, now)
            became.append(None)
    return became


def _count(done: Imported, became: list[signups.Asked | None]) -> None:
    done.granted += became.count(None)
    done.pending += became.count("asked")
    done.known += became.count("known") + became.count("waits")
    done.opted_out += became.count("opted_out")
