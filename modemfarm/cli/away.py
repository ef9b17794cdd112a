"""What commands do to a farm elsewhere, through its HTTP API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import sentence
from modemfarm.cli.remote import ProblemError, Remote

Document = dict[str, Any]
_MOST = 1000  # of a list's page
_NUMBERS = 5000  # of a list, at once


def edit(remote: Remote, message_id: int, changes: Mapping[str, Any]) -> Document:
    """Change a message of which nothing has left."""
    changed: Document = remote.patch(f"/messages/{message_id}", told(changes))
    return changed


def told(changes: Mapping[str, Any]) -> Document:
    """What shall change, as a body has it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in changes.items()}


def retry(remote: Remote, message_id: int) -> Document:
    """Send a message again as a new one, which policy may have refused."""
    try:
        found: Document = remote.post(f"/messages/{message_id}/retry", {})
    except ProblemError as error:
        if error.status == 403 and "message_id" in error.problem:
            refused: Document = remote.get(f"/messages/{error.problem['message_id']}")
            return refused
        raise
    return found


def which(asked: Mapping[str, Any]) -> Document:
    """The body that says which messages are meant, of the options of `cancel`, `edit`, `retry` and `resolve`."""
    body = {name: asked[name] for name in ("reason", "batch", "to") if asked[name] is not None}
    if asked["state"]:
        body["state"] = list(asked["state"])
    if asked["message_class"] is not None:
        body["class"] = asked["message_class"]
    return body


def act(remote: Remote, what: str, body: Mapping[str, Any]) -> tuple[int, list[Document]]:
    """Do it to all that are meant; how many, and the first hundred that stayed as they were."""
    count, not_done = 0, []
    while True:
        done = remote.post(f"/messages/{what}", body)
        count += done["count"]
        not_done += done["not_done"]
        if not done["more"]:
            return count, not_done[:100]
        body = {**body, "after": done["after"]}


def switch(remote: Remote, what: str, message_class: str | None, batch: int | None) -> Document:
    """Pause or resume everything, a class or a batch."""
    answer: Document
    if batch is not None:
        answer = remote.post(f"/batches/{batch}/{what}", {})
    else:
        answer = remote.post(f"/{what}", {"class": message_class} if message_class else {})
    return answer


def pages(remote: Remote, path: str, **query: object) -> Iterator[Document]:
    """Every item of a list."""
    cursor: str | None = None
    while True:
        page = remote.get(path, limit=_MOST, cursor=cursor, **query)
        yield from page["data"]
        cursor = page["next"]
        if cursor is None:
            return


def modem(remote: Remote, key: str) -> Document:
    """One modem, by its id, port or IMEI."""
    found: Document = remote.get(modem_path(key))
    return found


def modem_path(key: str) -> str:
    """Where the API has a modem; a port's own slashes stand in it."""
    return "/modems/" + quote(key.lstrip("/"), safe="/@:")


def answer(remote: Remote, inbound_id: int, text: str) -> Document:
    """Answer a reply, with the SIM that received it."""
    came = remote.get(f"/inbound/{inbound_id}")
    if not came["from"].startswith("+"):
        raise CliError(sentence("refusal.no_person", number=came["from"]), Exit.USAGE)
    body = {"to": came["from"], "text": text, "class": "conversation", "from": came["iccid"], "fixed_line": True}
    try:
        taken: Document = remote.post("/messages", {name: value for name, value in body.items() if value is not None})
    except ProblemError as error:
        if error.status == 403 and "message_id" in error.problem:
            refused: Document = remote.get(f"/messages/{error.problem['message_id']}")
            return refused
        raise
    return taken


def set_sim(remote: Remote, iccid: str, words: Mapping[str, Any]) -> Document:
    """Say what a SIM is."""
    after: Document = remote.patch(f"/sims/{iccid}", words)
    return after


def suppress(remote: Remote, numbers: Sequence[str], source: str) -> list[Document]:
    """Send nothing more to these numbers."""
    return [remote.post("/suppressions", {"number": number, "source": source}) for number in numbers]


def import_numbers(remote: Remote, numbers: Sequence[tuple[int, str]]) -> Document:
    """Suppress the numbers of a list, given with their rows."""
    total: Document = {"added": 0, "known": 0, "canceled": 0, "rejected": []}
    for start in range(0, len(numbers), _NUMBERS):
        some = numbers[start : start + _NUMBERS]
        done = remote.post("/suppressions/import", {"numbers": [raw for _, raw in some]})
        for name in ("added", "known", "canceled"):
            total[name] += done[name]
        total["rejected"] += [fault | {"row": some[fault["row"] - 1][0]} for fault in done["rejected"]]
    return total


def complain(remote: Remote, number: str, text: str, channel: str, at: datetime | None) -> Document:
    """Write a complaint down."""
    told = {"number": number, "text": text, "channel": channel, "at": None if at is None else at.isoformat()}
    done: Document = remote.post("/complaints", told)
    return done
