"""Sending a file from the page: brought, looked at with its first three messages, tried, and confirmed once."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm.errors import BadFieldError, SubmitError
from modemfarm.intake.foresee import Foreseen, foresee
from modemfarm.policy.remedy import for_many
from modemfarm.store import batches
from modemfarm.store.engine import Tx
from modemfarm.webapp import mailings
from modemfarm.webapp.access import deps
from modemfarm.webapp.language import words
from modemfarm.webapp.mailings import Asked
from modemfarm.webapp.page import frame, person, piece, show, write
from modemfarm.webapp.page_send import CLASSES, COOKIE_ME, moment, only_once, send_test
from modemfarm.webapp.problems import not_found
from modemfarm.webapp.uploads import MOST_OCTETS, Upload, Uploads
from modemfarm.webapp.words import Words

routes = Blueprint("files", __name__, url_prefix="/send/file")

ENCODINGS = ("utf-8", "utf-16", "gb18030", "cp1251")
OPENED_AT = {  # what stands in the way of offers, and where on the page an end is made of it
    "profile": "/settings#offers",
    "consent_missing": "/people/consents#import",
}
_SHOWN = 3  # messages in the drawn phone
_FAULTS = 8  # reasons, and rows with warnings, that are told before the button; the file to download has every row


@routes.get("")
@person
def bring() -> Response:
    return _bring()


def _bring(fault: str = "", status: int = 200) -> Response:
    most = MOST_OCTETS // 1024 // 1024
    return show("send_file.html", status, mark="", fault=fault, most=most, **frame())


@routes.post("")
@person
def keep() -> Response:
    w, brought = words(), request.files.get("file")
    octets = b""
    if brought is not None:
        with contextlib.closing(brought):
            octets = brought.stream.read(MOST_OCTETS + 1)
    if brought is None or not octets:
        return _bring(w.say("send.no_file"), 422)
    if len(octets) > MOST_OCTETS:
        return _bring(w.say("send.file_too_large", mib=MOST_OCTETS // 1024 // 1024), 413)
    try:
        token = _uploads().keep(brought.filename or "", octets, deps().clock.now())
    except OSError:
        return _bring(w.say("send.not_kept"), 507)
    return redirect(url_for("files.look", token=token), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.get("/<token>")
@person
def look(token: str) -> Response:
    upload = _upload(token)
    return _page(token, upload, Asked(message_class=deps().intake.default_class.value))


@routes.post("/<token>/measure")
@person
def measure(token: str) -> Response:
    """The preview once more, with what was changed."""
    upload, asked = _upload(token), _asked()
    return piece("_mailing_new.html", token=token, **_seen(token, upload, asked))


@routes.post("/<token>")
@person
def send(token: str) -> Response:
    """Confirmed: the file becomes a batch, once, however often the button is pressed."""
    farm, asked, upload = deps(), _asked(), _uploads().read(token, deps().clock.now())
    if upload is None:
        sent = farm.store.look(batches.sent_as, token)  # the other press was first
        if sent is None:
            raise not_found("such file")
        return _to(sent)
    if request.form.get("do") == "look":  # without scripts this shows what was changed
        return _page(token, upload, asked)
    mark, now = asked.print(upload, token), farm.clock.now()
    if request.form.get("shown") != _shown(asked, upload, token):  # what is confirmed is what was seen
        return _page(token, upload, asked, 409, words().say("send.changed"))
    try:
        send_at = moment(asked.send_at)
        next(asked.rows(upload, send_at, farm), None)
    except SubmitError:
        return _page(token, upload, asked, 422)
    known = farm.store.look(batches.same_file, mark, now)
    if known is not None and known["finished_at"] is not None and not asked.again:
        return _page(token, upload, asked, 409)

    def begin(tx: Tx) -> int:
        return only_once(tx, batches.PAGE_FILE, token, lambda: mailings.begin(tx, upload.name, mark, now), now)

    batch_id = int(write(begin))
    _uploads().sent_as(token, batch_id, {"asked": asdict(asked), "mark": mark}, now)
    mailings.go_on(batch_id, mark, upload, asked, send_at, farm)
    return _to(batch_id)


@routes.post("/<token>/forget")
@person
def forget(token: str) -> Response:
    _uploads().forget(token)
    return redirect(url_for("files.bring"), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.post("/<token>/test")
@person
def trial(token: str) -> Response:
    """The first message of the file, to the person at the page."""
    farm, w, upload, asked = deps(), words(), _upload(token), _asked()
    me, nonce = request.form.get("me", "").strip(), request.form.get("trial", "")[:64]
    try:
        with farm.store.read() as tx:
            rows = asked.rows(upload, moment(asked.send_at), farm)
            seen = next((one for row in rows for one in foresee(tx, [row], farm.intake, w.now, shown=1).first), None)
        if seen is None:
            return piece("_trial.html", trial=nonce, fault=w.say("send.nothing_to_send"))
        return send_test(seen.text, me, nonce)
    except SubmitError as error:
        return piece("_trial.html", trial=nonce or secrets.token_urlsafe(12), fault=w.fault(error))


def _to(batch_id: int) -> Response:
    return redirect(url_for("batch.one", batch_id=batch_id), 303)  # type: ignore[return-value]  # werkzeug's base class


def _uploads() -> Uploads:
    return Uploads(deps().state_dir)


def _upload(token: str) -> Upload:
    upload = _uploads().read(token, deps().clock.now())
    if upload is None:
        raise not_found("such file")
    return upload


def _asked() -> Asked:
    form = request.form
    encoding = form.get("encoding", "")
    return Asked(
        template=form.get("template", "").replace("\r\n", "\n").strip(),
        message_class=form.get("class", ""),
        purpose=form.get("purpose", "").strip(),
        send_at=form.get("send_at", "").strip(),
        encoding=encoding if encoding in ENCODINGS else "",
        to_column=form.get("to_column", ""),
        text_column=form.get("text_column", ""),
        again=bool(form.get("again")),
    )


def _shown(asked: Asked, upload: Upload, token: str) -> str:
    """Which preview this is."""
    return replace(asked, again=False).print(upload, token)[-32:]


def _page(token: str, upload: Upload, asked: Asked, status: int = 200, notice: str = "") -> Response:
    return show(
        "send_mailing.html",
        status,
        mark="",
        token=token,
        name=upload.name,
        names=CLASSES[:2],
        encodings=ENCODINGS,
        notice=notice,
        trial=secrets.token_urlsafe(12),
        my_number=request.cookies.get(COOKIE_ME, ""),
        **_seen(token, upload, asked),
        **frame(),
    )


def _there(asked: Asked, columns: list[mailings.Column]) -> Asked:
    """What is asked, without columns that the file has not: in another encoding they are called otherwise."""
    known = {column.value for column in columns}
    to, text = (one if one in known else "" for one in (asked.to_column, asked.text_column))
    return replace(asked, to_column=to, text_column=text)


def _told(found: Foreseen, w: Words) -> list[dict[str, Any]]:
    """Why rows are not taken: a line for each reason, with its first row, how many there are, and what opens it."""
    lines: dict[str, dict[str, Any]] = {}
    for number, error in sorted(found.rejected.items()):
        said = w.row_fault(error.code, error.detail)
        line = lines.setdefault(said, {"row": number, "n": 0, "code": error.code, "said": said, "way": None})
        line["n"] += 1
        reason = found.reasons.get(error.code)
        if reason is not None:
            line["way"] = for_many(reason.slug, reason.params)
    return list(lines.values())


def _seen(token: str, upload: Upload, asked: Asked) -> dict[str, Any]:
    """What would become of the file as it is asked for now."""
    farm, w = deps(), words()
    found, fault, called = Foreseen(), "", list[mailings.Column]()
    needs_text = needs_number = False
    finish, late, sent = None, 0, None
    try:
        called = mailings.columns(upload, asked.encoding)
        asked = _there(asked, called)
        with farm.store.read() as tx:
            rows = asked.rows(upload, moment(asked.send_at), farm)
            found = foresee(tx, rows, farm.intake, w.now, shown=_SHOWN)
            sent = batches.same_file(tx, replace(asked, again=False).print(upload, token), w.now)
    except BadFieldError as error:
        needs_text = error.code == "missing_column" and error.field == "text"
        needs_number = error.code == "missing_column" and error.field == "to"
        slug = "send.no_text_column" if needs_text else "send.no_number_column" if needs_number else ""
        fault = w.say(slug) if slug else w.fault(error)
    if found.accepted:
        ahead = farm.outlook.fresh(found.firsts)
        finish = max((moment for message, moment in ahead.finished.items() if message < 0), default=None)
        late = ahead.late_in.get(ahead.NOT_THERE_YET, 0)
    mark = hashlib.sha256(repr(called).encode()).hexdigest()[:16]
    go = w.say("send.nothing_to_send")
    if found.accepted:
        slug = "send.to_many" if found.cost is None else "send.to_many_for"
        go = w.say(slug, n=found.people, money=w.money(found.cost, farm.intake.currency))
    return {
        "asked": asked,
        "preview_mark": _shown(asked, upload, token),
        "go": go,
        "found": found,
        "fault": fault,
        "needs_text": needs_text,
        "needs_number": needs_number,
        "columns": called,
        "columns_mark": mark,
        "columns_changed": request.form.get("columns_seen") != mark,  # drawn anew only then: one may be open
        "finish": w.clock(finish),
        "late": late,
        "told": _told(found, w),
        "most_told": _FAULTS,
        "opened_at": OPENED_AT,
        "warned": [
            {"row": row, "said": " ".join(w.say(f"warning.{slug}") for slug in slugs)}
            for row, slugs in list(found.warned.items())[:_FAULTS]
        ],
        "sent": sent if sent is not None and sent["finished_at"] is not None else None,
        "currency": farm.intake.currency,
        "opted_out": sum(error.code == "opted_out" for error in found.rejected.values()),
    }
