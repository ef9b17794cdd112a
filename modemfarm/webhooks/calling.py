"""One HTTP call to an address that somebody named: the address is looked up once, judged, and that one is called."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from modemfarm.store.addresses import Network, resolve

WITHIN_S = 15.0
_READ = 4096


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call.

    Attributes:
        status: None where there was no answer.
        what: the answer in a few words, for people.
        wait: what the receiver asked for (Retry-After).
    """

    status: int | None
    what: str
    wait: timedelta | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was judged, and speaks to the host that was named."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=WITHIN_S)
        self._address, self._context = address, context

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


def post(
    url: str,
    payload: bytes,
    headers: Mapping[str, str],
    allowed: Iterable[Network] | None,
    *,
    method: str = "POST",
    within_s: float = WITHIN_S,
    now: datetime | None = None,
) -> Result:
    """Make one call; redirects are not followed, certificates are verified, and it ends in time.

    Raises:
        ForbiddenError: its address may not be called.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        address = resolve(host, port, allowed)
    except OSError as error:
        return Result(None, f"{host} cannot be found: {error.strerror or error}")
    connection = _Pinned(host, port, address, ssl.create_default_context() if secure else None)
    # a time-out of a socket counts from the last octet: one that drips would hold a thread for ever
    ending = threading.Timer(within_s, _break_off, [connection, late := threading.Event()])
    ending.daemon = True
    ending.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, payload or None, {"User-Agent": "modemfarm", **headers})
        answer = connection.getresponse()
        answer.read(_READ)
        return Result(answer.status, f"answered with {answer.status}", _wait(answer.getheader("Retry-After"), now))
    except TimeoutError:
        return Result(None, f"no answer within {within_s:g} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Result(None, f"no answer within {within_s:g} s" if late.is_set() else f"cannot be reached: {error}")
    finally:
        ending.cancel()
        connection.close()


def _break_off(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _wait(value: str | None, now: datetime | None) -> timedelta | None:
    """Retry-After: seconds or a date (RFC 9110 §10.2.3)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return timedelta(seconds=min(int(value.strip()[:9]), 10**8))
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(timedelta(0), until.astimezone(UTC) - (now or datetime.now(UTC)))
