"""What error numbers and report statuses mean for a message, from tables that are data (drivers/errors.toml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Generic, Literal, NoReturn, TypeVar

from modemfarm.errors import ConfigError

Accepted = Literal["no", "maybe"]
T = TypeVar("T")
Row = Mapping[str, Any]


class Cause(StrEnum):
    """Whose fault an error is, and so what a queue does with its message."""

    RCPT_PERM = "RCPT_PERM"  # no SIM can reach the recipient: fail
    RCPT_TEMP = "RCPT_TEMP"  # the recipient cannot be reached now: later
    CONTENT = "CONTENT"  # the message's form is refused: fail
    TRANSIENT = "TRANSIENT"  # short-lived: later
    NETWORK = "NETWORK"  # cell or operator: later, longer
    SIM = "SIM"  # this SIM may not: another one, counted
    SIM_HARD = "SIM_HARD"  # this SIM cannot: another one, parked
    DEVICE = "DEVICE"  # the modem's state: another SIM, repair
    CONFIG = "CONFIG"  # a setting: another SIM, repair
    WAIT = "WAIT"  # not ready yet: soon, same modem
    AMBIG = "AMBIG"  # several causes: once another SIM, then later, then fail


class ReportState(StrEnum):
    """What a delivery report says about a part."""

    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"  # completed, but nobody knows whether it was received
    PENDING = "pending"  # the SMS centre still tries
    UNDELIVERED = "undelivered"


FIXES = frozenset({"smsc", "store", "validity", "mode", "bearer", "pin", "syntax", "card"})


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """One error, classified.

    Attributes:
        accepted: ``no`` only where the network surely did not take the message.
        then: what a WAIT or AMBIG turns into when it does not pass.
        fix: what a repair should look at, one of `FIXES`; "" where the table names nothing.
    """

    cls: Cause
    accepted: Accepted
    meaning: str
    source: str
    then: Cause | None = None
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One TP-ST, classified; `reason` is a slug."""

    state: ReportState
    reason: str
    meaning: str


BARE = ErrorClass(Cause.AMBIG, "maybe", "an error without number", "TS 27.007 §9.1")


@dataclass(frozen=True, slots=True)
class _Ranged(Generic[T]):
    first: int
    last: int
    value: T


class _Lookup(Generic[T]):
    """Values by number, the narrowest range first."""

    def __init__(self) -> None:
        self._rows: list[_Ranged[T]] = []

    def add(self, row: _Ranged[T]) -> bool:
        """Keep one row. False when another covers exactly the same numbers."""
        if any((old.first, old.last) == (row.first, row.last) for old in self._rows):
            return False
        self._rows.append(row)
        self._rows.sort(key=lambda item: (item.last - item.first, item.first))
        return True

    def get(self, code: int) -> T | None:
        return next((row.value for row in self._rows if row.first <= code <= row.last), None)


class ErrorTable:
    """Classifies +CMS ERROR, +CME ERROR and TP-ST numbers.

    The family's own rows win over the standard's, a single number over a range.
    """

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str], _Lookup[ErrorClass]] = {}
        self._families: dict[str, str] = {}
        self._reports: _Lookup[Report] = _Lookup()

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], file: str = "errors.toml") -> ErrorTable:
        """The tables of a parsed errors.toml.

        Raises:
            ConfigError: an unknown key, class or state, a missing one, or numbers given twice.
        """
        table = cls()
        check = _Check(file)
        check.keys("", data, {"families", "table", "status"})
        for name, aliases in check.mapping("families", data.get("families", {})).items():
            for alias in check.items(f"families.{name}", aliases):
                table._families[str(alias)] = name
        for at, item in enumerate(check.items("table", data.get("table", []))):
            table._read_table(check, f"table[{at}]", check.mapping(f"table[{at}]", item))
        table._read_status(check, check.mapping("status", data.get("status")))
        return table

    def classify(self, kind: str, code: int | None, family: str | None = None) -> ErrorClass:
        """What an error means for the message it hit.

        Args:
            kind: ``cms``, ``cme``, or ``error`` for one without number.
            code: the number; None where it was given in unknown words.
            family: the profile's family; an unknown one has only the standard's rows.
        """
        if code is None:
            return BARE
        own = self._families.get(family or "", family or "")
        for name in (own, ""):
            lookup = self._errors.get((kind, name))
            found = lookup.get(code) if lookup else None
            if found is not None:
                return found
        return BARE

    def tp_status(self, status: int) -> Report:
        """What a delivery report says.

        Args:
            status: TP-ST, 0–255.

        Source: TS 23.040 §9.2.3.15.
        """
        return self._reports.get(status) or Report(ReportState.UNDELIVERED, "rejected", "not in the table")

    def _read_table(self, check: _Check, key: str, item: Row) -> None:
        check.keys(key, item, {"kind", "family", "source", "rows"})
        kind = check.one_of(f"{key}.kind", item.get("kind"), {"cms", "cme"})
        family = check.text(f"{key}.family", item["family"]) if "family" in item else ""
        if family and family not in self._families.values():
            check.fail(f"{key}.family", f"{family!r} is not among families")
        source = check.text(f"{key}.source", item.get("source"))
        lookup = self._errors.setdefault((kind, family), _Lookup())
        for at, raw in enumerate(check.items(f"{key}.rows", item.get("rows"))):
            here = f"{key}.rows[{at}]"
            row = check.mapping(here, raw)
            value = self._read_row(check, here, row, source, kind)
            if not lookup.add(_Ranged(*check.numbers(here, row), value)):
                check.fail(here, "these numbers already have a row")

    def _read_row(self, check: _Check, key: str, row: Row, source: str, kind: str) -> ErrorClass:
        if "same_as" in row:
            check.keys(key, row, {"code", "same_as"})
            same = self._errors[kind, ""].get(check.number(f"{key}.same_as", row["same_as"]))
            if same is None:
                check.fail(f"{key}.same_as", "has no row of the standard above it")
            return replace(same, source=f"{source}; {same.source}")
        check.keys(key, row, {"code", "from", "to", "class", "accepted", "meaning", "then", "fix"})
        causes = {cause.value for cause in Cause}
        return ErrorClass(
            cls=Cause(check.one_of(f"{key}.class", row.get("class"), causes)),
            accepted="no" if check.one_of(f"{key}.accepted", row.get("accepted"), {"no", "maybe"}) == "no" else "maybe",
            meaning=check.text(f"{key}.meaning", row.get("meaning")),
            source=source,
            then=Cause(check.one_of(f"{key}.then", row["then"], causes)) if "then" in row else None,
            fix=check.one_of(f"{key}.fix", row["fix"], FIXES) if "fix" in row else "",
        )

    def _read_status(self, check: _Check, item: Row) -> None:
        check.keys("status", item, {"source", "rows"})
        check.text("status.source", item.get("source"))
        for at, raw in enumerate(check.items("status.rows", item.get("rows"))):
            key = f"status.rows[{at}]"
            row = check.mapping(key, raw)
            check.keys(key, row, {"code", "from", "to", "state", "reason", "meaning"})
            state = check.one_of(f"{key}.state", row.get("state"), {state.value for state in ReportState})
            report = Report(
                ReportState(state),
                check.text(f"{key}.reason", row.get("reason")),
                check.text(f"{key}.meaning", row.get("meaning")),
            )
            if not self._reports.add(_Ranged(*check.numbers(key, row), report)):
                check.fail(key, "these numbers already have a row")
        for status in range(256):
            if self._reports.get(status) is None:
                check.fail("status.rows", f"0x{status:02X} has no row")


class _Check:
    """Says which key of the file is wrong, and why."""

    def __init__(self, file: str) -> None:
        self._file = file

    def fail(self, key: str, what: str) -> NoReturn:
        raise ConfigError(self._file, key, what)

    def keys(self, key: str, item: Row, known: set[str]) -> None:
        for name in item:
            if name not in known:
                self.fail(f"{key}.{name}".lstrip("."), f"unknown key; known are {', '.join(sorted(known))}")

    def mapping(self, key: str, value: object) -> Row:
        if not isinstance(value, Mapping):
            self.fail(key, f"a table is expected, not {value!r}")
        return value

    def items(self, key: str, value: object) -> Sequence[object]:
        if not isinstance(value, list):
            self.fail(key, f"an array is expected, not {value!r}")
        return value

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            self.fail(key, f"a text is expected, not {value!r}")
        return value

    def one_of(self, key: str, value: object, known: set[str] | frozenset[str]) -> str:
        if value not in known:
            self.fail(key, f"one of {', '.join(sorted(known))} is expected, not {value!r}")
        return str(value)

    def number(self, key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
            self.fail(key, f"a number from 0 to 65535 is expected, not {value!r}")
        return value

    def numbers(self, key: str, row: Row) -> tuple[int, int]:
        if "code" in row:
            if "from" in row or "to" in row:
                self.fail(key, "either code, or from and to")
            code = self.number(f"{key}.code", row["code"])
            return code, code
        first = self.number(f"{key}.from", row.get("from"))
        last = self.number(f"{key}.to", row.get("to"))
        if last < first:
            self.fail(f"{key}.to", f"{last} is below from, {first}")
        return first, last
