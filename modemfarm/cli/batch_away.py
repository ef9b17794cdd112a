"""`modemfarm batch` to a farm elsewhere: the file goes through its HTTP API, and is not sent twice within 7 days."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, fault_of, local, note, sentence, tell
from modemfarm.cli.remote import Remote
from modemfarm.intake.values import parse_moment

_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_CALLED = {"message_class": "class", "pinned": "from"}


def take(
    remote: Remote,
    file: Path,
    octets: bytes,
    asked: Mapping[str, Any],
    zone: ZoneInfo,
    *,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> frozenset[str]:
    """Send a file; its rejected rows are told on stderr.

    Args:
        asked: the command's options by name, those that were not given as None.

    Returns:
        The codes of the rows that were not taken.
    """
    if dry_run:
        raise CliError(sentence("refusal.dry_run_away"), Exit.USAGE)
    query = {_CALLED.get(name, name): value for name, value in asked.items() if value is not None}
    kind = query.pop("kind", None) or ("ndjson" if octets.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") else "csv")
    if "send_at" in query:
        try:
            query["send_at"] = parse_moment(query["send_at"], zone).isoformat()
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--send-at") from None
    if isinstance(query.get("valid_for"), timedelta):
        query["valid_for"] = f"{int(query['valid_for'].total_seconds())}s"
    query = {name: "yes" if value is True else "no" if value is False else value for name, value in query.items()}
    query["name"] = "stdin" if str(file) == "-" else file.name
    marked = hashlib.sha256(json.dumps(query, sort_keys=True).encode() + b"\n" + octets).hexdigest()
    key = f"again:{secrets.token_hex(16)}" if again else f"batch:{marked}"
    done = remote.upload("/batches", octets, _TYPES[kind], key, **query)
    if as_json:
        emit({name: done[name] for name in ("id", "accepted", "rejected")})
    else:
        tell("said.batch", id=done["id"], accepted=done["accepted"], rejected=done["rejected"])
        if done["finish_at"]:
            tell("said.gone_by", time=local(done["finish_at"]))
        if done["cannot_send"]:
            tell("said.late", n=done["cannot_send"])
    for fault in done["errors"]:
        note(sentence("said.row", n=fault["row"], what=f"{fault['code']}: {fault_of(fault['code'], fault['detail'])}"))
    return frozenset(fault["code"] for fault in done["errors"])
