"""The two doors that `send` goes through: the database of this machine, or the HTTP API of a farm elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from modemfarm import wording
from modemfarm.cli.context import Farm, now
from modemfarm.cli.output import local, sentence
from modemfarm.cli.remote import ProblemError, Remote
from modemfarm.errors import BadFieldError
from modemfarm.intake.accept import accept, preview
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.store import idempotency, views
from modemfarm.store.engine import Store, Tx
from modemfarm.wording import choose_locale

Item = dict[str, Any]
_LOOK_EVERY_S = 0.1
_ASK_EVERY_S = 0.5


class Here:
    """The database of this machine."""

    def __init__(self, farm: Farm, key: str | None, *, dry_run: bool) -> None:
        self._farm = farm
        self._key = key
        self._settings: IntakeSettings = farm.config.intake
        self._store: Store = farm.store(create=not dry_run)

    def preview(self, draft: Draft) -> Item:
        from modemfarm.daemon.settings import farm_settings  # noqa: PLC0415 # a plain `send` does not wait for these
        from modemfarm.farm.outlook import Outlook  # noqa: PLC0415 # the same
        from modemfarm.webapp import forecast  # noqa: PLC0415 # the same

        outlook = Outlook(self._store, farm_settings(self._farm.config), now)
        seen = self._store.look(preview, draft, self._settings, now())
        return {
            "to": seen.recipient,
            "encoding": seen.encoding.value,
            "parts": seen.parts,
            "room": seen.room,
            "cost": seen.cost,
            "currency": seen.currency,
            "verdict": seen.verdict.value,
            "reason": seen.reason.slug if seen.reason else None,
            "reason_params": dict(seen.reason.params) if seen.reason else {},
            "forecast": forecast.of_one(outlook.fresh([seen.first]), seen.first),
            "next_at": seen.next_at.isoformat() if seen.next_at else None,
            "text": seen.text,
            "warnings": told_warnings(seen.warnings, self._farm.environ),
        }

    def take(self, draft: Draft) -> Item:
        late = [] if draft.valid_for is None else self._late(draft, now() + draft.valid_for)
        document, slugs = self._store.run(_take, draft, self._settings, now(), self._key)
        warned = told_warnings(slugs, self._farm.environ) + late
        return document | ({"warnings": warned} if warned else {})

    def _late(self, draft: Draft, until: datetime) -> list[Item]:
        """A warning where the message will not leave in the time that it is given."""
        from modemfarm.daemon.settings import farm_settings  # noqa: PLC0415 # as in `preview`
        from modemfarm.farm.outlook import Outlook  # noqa: PLC0415 # the same
        from modemfarm.webapp import forecast  # noqa: PLC0415 # the same

        outlook = Outlook(self._store, farm_settings(self._farm.config), now)
        gone = forecast.too_late(self._store.look, outlook, draft, self._settings, now(), until)
        if gone is None:
            return []
        detail = sentence("said.cannot_before_expiry", time=local(forecast.said(gone)))
        return [{"code": "cannot_before_expiry", "detail": detail}]

    def look(self, message_id: int) -> Item | None:
        return self._store.look(views.message, message_id)

    def done(self) -> None:
        self._farm.committed(self._store)

    every_s = _LOOK_EVERY_S


def told_warnings(slugs: Sequence[str], environ: Mapping[str, str]) -> list[Item]:
    """Each warning with its sentence in the language of the locale."""
    lang = choose_locale(environ)
    return [{"code": slug, "detail": wording.say(f"warning.{slug}", None, lang)} for slug in slugs]


def _take(
    tx: Tx, draft: Draft, settings: IntakeSettings, at: datetime, key: str | None
) -> tuple[Item, tuple[str, ...]]:
    scope = f"cli send {draft.to}"
    if key is not None:
        asked = {name: value for name, value in asdict(draft).items() if name not in {"send_at", "store_text"}}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
        digest = digest if draft.store_text else idempotency.blinded(tx.secret, digest)
        match idempotency.begin(tx, key, scope, digest, at):
            case idempotency.Replay(_, answer):
                known = views.message(tx, int(answer))
                if known is not None:
                    return known, ()
            case idempotency.OtherBody() | idempotency.Open():
                raise BadFieldError("idempotency_key", "idempotency_mismatch", sentence("refusal.key_used"))
            case idempotency.Fresh():
                pass
    accepted = accept(tx, draft, settings, at)
    assert accepted is not None  # only a row of a batch can be there already
    if key is not None:
        idempotency.finish(tx, key, scope, 202, str(accepted.message_id))
    document = views.message(tx, accepted.message_id)
    assert document is not None
    return document, accepted.warnings


@dataclass(frozen=True, slots=True)
class Api:
    """The HTTP API of a farm elsewhere."""

    remote: Remote
    key: str | None
    every_s = _ASK_EVERY_S

    def preview(self, draft: Draft) -> Item:
        found: Item = self.remote.post("/messages?dry_run=1", _body(draft))
        return found

    def take(self, draft: Draft) -> Item:
        try:
            found: Item = self.remote.post("/messages", _body(draft), self.key and f"{self.key}/{draft.to}"[:255])
        except ProblemError as error:
            if error.status == 403 and "message_id" in error.problem:
                return self.look(error.problem["message_id"])
            raise
        return found

    def look(self, message_id: int) -> Item:
        found: Item = self.remote.get(f"/messages/{message_id}")
        return found

    def done(self) -> None:
        """The daemon took it itself."""


def _body(draft: Draft) -> Item:
    until = None
    if draft.valid_for is not None:
        try:
            until = (draft.send_at or now()) + draft.valid_for
        except OverflowError:
            raise BadFieldError("send_at", "out_of_range", sentence("refusal.far_ahead")) from None
    body = {
        "to": draft.to,
        "text": draft.text,
        "class": draft.message_class,
        "purpose": draft.purpose,
        "from": draft.pinned,
        "send_at": draft.send_at and draft.send_at.isoformat(),
        "valid_until": until and until.isoformat(),
        "priority": draft.priority,
        "reference": draft.reference,
        "flash": draft.flash or None,
        "report": draft.report,
        "resend_unknown": draft.resend_unknown or None,
        "confirm_emergency": draft.confirm_emergency or None,
        "store_text": None if draft.store_text else False,
    }
    return {name: value for name, value in body.items() if value is not None}
