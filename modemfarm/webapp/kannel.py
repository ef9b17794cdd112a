"""/cgi-bin/sendsms: messages as Kannel's smsbox takes them; off unless `http.kannel` is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from modemfarm.errors import KeyCeilingError, StoreError, SubmitError
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.model import MessageState
from modemfarm.store import callback_urls, callbacks, keys
from modemfarm.store.engine import Tx
from modemfarm.webapp.access import deps, intake, known_key
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.reading import octets

routes = Blueprint("kannel", __name__)

MOST_RECIPIENTS = 100
MOST_OCTETS = 100_000
LONGEST_SHORT_CODE = 6
PARAMETERS = {  # all that are known; older and shorter names
    "username": "username",
    "user": "username",
    "password": "password",
    "pass": "password",
    "to": "to",
    "text": "text",
    "charset": "charset",
    "coding": "coding",
    "mclass": "mclass",
    "validity": "validity",
    "deferred": "deferred",
    "priority": "priority",
    "smsc": "smsc",
    "dlr-mask": "dlr-mask",
    "dlrmask": "dlr-mask",
    "dlr-url": "dlr-url",
    "dlrurl": "dlr-url",
    "from": "from",
    "account": "account",
    "binfo": "binfo",
}
REFUSED = ("udh", "mwi", "compress", "pid", "alt-dcs", "altdcs", "rpi", "meta-data")
_PRIORITIES = {"0": 5, "1": 6, "2": 8, "3": 9}
_HEADER = "x-kannel-"
_CHARSETS = {"": "utf-8", "utf8": "utf-8", "utf-16": "utf-16-be", "ucs-2": "utf-16-be", "ucs2": "utf-16-be"}


class _WrongError(ValueError):
    """What a request asks for and does not get, in one line."""


@routes.route("/cgi-bin/sendsms", methods=["GET", "POST"])
def sendsms() -> Response:
    """The key is among the parameters, as Kannel's clients send it; without one that may send nothing is taken."""
    farm = deps()
    if not farm.settings.kannel:
        raise not_found("such page")
    try:
        return _answer(*_taken(_parameters()))
    except Problem as problem:
        return _answer(problem.status, problem.detail, problem.headers)
    except KeyCeilingError as error:
        return _answer(429, f"{error}.", {"Retry-After": str(error.wait_s)})
    except (_WrongError, SubmitError) as error:
        return _answer(400, f"{error}.")
    except StoreError:
        return _answer(503, "Temporal failure, try again later.")


def _answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, status, headers, content_type="text/plain; charset=utf-8")


def _parameters() -> dict[str, bytes]:
    """What was asked, undecoded: `charset` says what the octets mean."""
    told = request.query_string
    if (request.content_length or 0) + len(told) > MOST_OCTETS:
        raise _WrongError("the request is too long")
    if request.method == "POST" and request.mimetype == "application/x-www-form-urlencoded":
        told += b"&" + _body()
    found: dict[str, bytes] = {}
    query = parse_qsl(told.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    for name, value in (*query, *_headers()):
        if name in REFUSED and value not in {"", "0"}:
            raise _WrongError(f"{name} is not supported")
        if name in PARAMETERS:
            found[PARAMETERS[name]] = value.encode("latin-1")
    return found


def _headers() -> Iterator[tuple[str, str]]:
    """What a POST says in X-Kannel-… headers; its body is the text then."""
    own = [(name.lower().removeprefix(_HEADER), value) for name, value in request.headers if _is_ours(name)]
    if request.method != "POST" or not own:
        return
    if request.mimetype not in {"", "text/plain"}:
        raise _WrongError(f"Content-Type: {request.mimetype[:40]} is not supported; send text/plain")
    yield "text", _body().decode("latin-1")
    yield "charset", request.mimetype_params.get("charset", "")
    yield from own


def _body() -> bytes:
    try:
        return octets(MOST_OCTETS - len(request.query_string))
    except RequestEntityTooLarge:  # in chunks: it said no length
        raise _WrongError("the request is too long") from None


def _is_ours(name: str) -> bool:
    return name.lower().startswith(_HEADER)


def _taken(asked: Mapping[str, bytes]) -> tuple[int, str]:
    farm = deps()
    now = farm.clock.now()
    key = known_key(_plain(asked, "password"))
    if key is None or not key.scopes & {"messages:send", "admin"}:
        return 403, "Authorization failed for sendsms"
    g.key = key
    settings = intake()
    draft, wanted = _draft(asked), _wanted(asked, key.name)
    drafts = [replace(draft, to=_number(to)) for to in _plain(asked, "to").split()]
    if not 1 <= len(drafts) <= MOST_RECIPIENTS:
        raise _WrongError(f"to: expected 1 to {MOST_RECIPIENTS} numbers")
    if deferred := _whole(asked, "deferred"):
        drafts = [replace(item, send_at=now + timedelta(minutes=deferred)) for item in drafts]

    def work(tx: Tx) -> list[MessageState]:
        if wanted is not None:
            callbacks.begin(tx)
        if key.stale:
            keys.key_used(tx, key.id, now)
        found = {item.message_id: item.state for draft in drafts if (item := accept(tx, draft, settings, now))}
        if wanted is not None:
            _put(tx, wanted, found, now)
        return list(found.values())

    states = farm.offload_call(work)
    farm.wake()
    if all(state is MessageState.REFUSED for state in states):
        return 403, "Refused by the rules of this farm; `modemfarm messages list --state refused` says why."
    if any(state is MessageState.QUEUED for state in states):
        return 202, "0: Accepted for delivery"
    return 202, "3: Queued for later delivery"


def _put(tx: Tx, wanted: callbacks.Wanted, taken: Mapping[int, MessageState], now: datetime) -> None:
    """Keep whom to call; where all were refused the answer has said so."""
    refused = [number for number, state in taken.items() if state is MessageState.REFUSED]
    if len(refused) < len(taken):
        callbacks.put(tx, wanted, list(taken))
        for number in refused:
            callbacks.rejected(tx, number, now)


def _draft(asked: Mapping[str, bytes]) -> Draft:
    mclass = _plain(asked, "mclass")
    if mclass not in {"", "0"}:
        raise _WrongError("mclass: only 0 (flash) is supported")
    priority = _plain(asked, "priority")
    if priority not in {"", *_PRIORITIES}:
        raise _WrongError("priority: expected 0 to 3")
    minutes = _whole(asked, "validity")
    mask = _whole(asked, "dlr-mask")
    kept = {name: _plain(asked, name) for name in ("account", "binfo") if asked.get(name)}
    return Draft(
        to="",
        text=_text(asked),
        pinned=_plain(asked, "smsc") or None,
        priority=_PRIORITIES.get(priority),
        valid_for=timedelta(minutes=minutes) if minutes else None,
        flash=mclass == "0",
        report=None if mask is None else bool(mask & callbacks.REPORTED),
        metadata=kept,
    )


def _wanted(asked: Mapping[str, bytes], user: str) -> callbacks.Wanted | None:
    """Whom to call about the message, where `dlr-mask` says that anything is to be told."""
    url = _plain(asked, "dlr-url")
    if url in {"", "0"}:
        return None
    listed = deps().settings.kannel_dlr_urls
    if not listed:
        raise _WrongError("dlr-url is not supported: http.kannel_dlr_urls in config.yaml names what may be called")
    if len(url) > callback_urls.LONGEST:
        raise _WrongError(f"dlr-url: expected at most {callback_urls.LONGEST} characters")
    if not callback_urls.is_listed(url, listed):
        raise _WrongError("dlr-url: http.kannel_dlr_urls in config.yaml does not name this address")
    if escape := callback_urls.unfilled(url):
        raise _WrongError(f"dlr-url: {escape} is not supported; a percent sign is written %%")
    mask = (_whole(asked, "dlr-mask") or 0) & callbacks.KNOWN
    return callbacks.Wanted(url, mask, {"n": user}) if mask else None


def _text(asked: Mapping[str, bytes]) -> str:
    """The text as it was meant; which alphabet it leaves in is chosen by what it holds."""
    coding = _plain(asked, "coding")
    if coding not in {"", "0", "2"}:
        raise _WrongError("coding: binary messages are not supported")
    named = _plain(asked, "charset").lower()
    charset = "utf-16-be" if not named and coding == "2" else _CHARSETS.get(named, named)
    try:
        return asked.get("text", b"").decode(charset)
    except (LookupError, UnicodeError):
        raise _WrongError(f"text: it is not {charset[:40]}") from None


def _number(typed: str) -> str:
    """A number as Kannel's clients write it: international, its + often lost on the way."""
    if typed.startswith("00"):
        return "+" + typed[2:]
    bare = typed.isdigit() and not typed.startswith("0") and len(typed) > LONGEST_SHORT_CODE
    return "+" + typed if bare else typed


def _plain(asked: Mapping[str, bytes], name: str) -> str:
    return asked.get(name, b"").decode("utf-8", "replace").strip()


def _whole(asked: Mapping[str, bytes], name: str) -> int | None:
    text = _plain(asked, name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 7:
        raise _WrongError(f"{name}: expected a whole number")
    return int(text)
