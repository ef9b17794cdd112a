"""Calls to addresses that somebody named."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from modemfarm.store.addresses import ForbiddenError, may_call
from modemfarm.webhooks import calling
from modemfarm.webhooks.calling import post
from tests.patience import PATIENT_S

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def served() -> Iterator[Callable[[Answer], str]]:
    servers: list[ThreadingHTTPServer] = []

    def serve(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer(self)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.9",
        "172.16.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "ff02::1",
        "::",
    ],
)
def test_private_addresses_are_refused(ip: str) -> None:
    assert not may_call(ipaddress.ip_address(ip), ())


@pytest.mark.parametrize("ip", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_not(ip: str) -> None:
    assert may_call(ipaddress.ip_address(ip), ())


def test_the_owners_networks_are_allowed() -> None:
    networks = [ipaddress.ip_network("192.168.1.0/24")]
    assert may_call(ipaddress.ip_address("192.168.1.7"), networks)
    assert may_call(ipaddress.ip_address("::ffff:192.168.1.7"), networks)
    assert not may_call(ipaddress.ip_address("192.168.2.7"), networks)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]"])
def test_every_spelling_of_this_host_is_refused(host: str) -> None:
    with pytest.raises(ForbiddenError, match="webhook_networks"):
        post(f"http://{host}:1/", b"{}", {}, ())


def test_the_address_that_was_judged_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[(2, 1, 6, "", ("1.1.1.1", 80))], [(2, 1, 6, "", ("127.0.0.1", 80))]]
    called: list[Any] = []
    monkeypatch.setattr(calling.socket, "getaddrinfo", lambda *_a, **_k: answers.pop(0))

    def connect(address: tuple[str, int], *_: Any) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(calling.socket, "create_connection", connect)
    assert post("http://rebind.example/", b"{}", {}, ()).status is None
    assert called == [("1.1.1.1", 80)]


def test_one_private_address_of_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("1.1.1.1", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(calling.socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(ForbiddenError):
        post("http://two.example/", b"{}", {}, ())


def test_a_redirect_is_not_followed(served: Callable[[Answer], str]) -> None:
    reached: list[str] = []
    inner = served(lambda handler: reached.append(handler.path))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", inner)
        handler.end_headers()

    result = post(served(answer), b"{}", {}, None)
    assert (result.status, result.ok, reached) == (307, False, [])


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Sat, 14 Mar 2026 10:30:00 GMT", timedelta(hours=1)),
        ("Sat, 14 Mar 2026 08:30:00 GMT", timedelta(0)),
        ("soon", None),
    ],
)
def test_retry_after_is_read(served: Callable[[Answer], str], value: str, wait: timedelta | None) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", value)
        handler.end_headers()

    result = post(served(answer), b"{}", {}, None, now=NOW)
    assert (result.status, result.wait) == (429, wait)


def test_a_receiver_that_drips_is_broken_off(served: Callable[[Answer], str]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            for octet in b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 5000:
                handler.wfile.write(bytes([octet]))
                time.sleep(0.05)
        except OSError:
            return

    began = time.monotonic()
    assert post(served(answer), b"{}", {}, None, within_s=0.5).what == "no answer within 0.5 s"
    assert time.monotonic() - began < PATIENT_S


def test_nobody_there_is_said() -> None:
    assert "cannot be reached" in post("http://127.0.0.1:1/", b"{}", {}, None).what
