"""What `modemfarm consent` does to a farm elsewhere, through its HTTP API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from modemfarm.cli import away
from modemfarm.cli.remote import Remote

Document = dict[str, Any]


def grant(remote: Remote, numbers: Sequence[str], body: Mapping[str, Any]) -> list[Document]:
    """Write down that these people agreed."""
    told = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}
    given = {name: value for name, value in told.items() if value is not None}
    return [remote.post("/consents", {"number": number, **given}) for number in numbers]


def revoke(remote: Remote, number: str, purposes: Sequence[str], via: str) -> Document:
    """Write down that a person takes it back."""
    done: Document = remote.delete(f"/consents/{quote(number)}", purpose=list(purposes), via=via)
    return done


def records(remote: Remote, number: str) -> list[Document]:
    """A person's records, oldest first."""
    found = list(away.pages(remote, "/consents", number=number))
    return [item["record"] for item in reversed(found)]


def ledger(remote: Remote) -> Iterator[str]:
    """The whole ledger, line by line."""
    yield from remote.text("/consents/export").splitlines()


def verify(remote: Remote, head: str | None) -> Document:
    """What the farm finds wrong with its ledger."""
    found: Document = remote.get("/consents/verify", head=head)
    return found


def import_(remote: Remote, octets: bytes, **asked: object) -> Document:
    """Take a list of people in."""
    kind = "application/x-ndjson" if octets.lstrip().startswith(b"{") else "text/csv"
    done: Document = remote.upload("/consents/import", octets, kind, None, **asked)
    return done
