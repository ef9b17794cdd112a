"""The server itself, on real sockets: TLS, other addresses, and who is slow."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, request

from modemfarm.daemon.lan import own_certificate, private_addresses
from modemfarm.errors import ConfigError
from modemfarm.webapp import listening, server
from modemfarm.webapp.places import Certificate
from modemfarm.webapp.server import Server, serve
from modemfarm.webapp.settings import WebSettings
from tests.patience import PATIENT_S

OTHER = "127.0.0.2"  # as good as another machine's way in: 127.0.0.1 does not listen there


@pytest.fixture
def app() -> Flask:
    made = Flask("made")

    @made.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    @made.get("/scheme")
    def scheme() -> str:
        return f"{request.scheme} {request.remote_addr}"

    @made.get("/much")
    def much() -> bytes:
        return b"m" * 3_000_000

    @made.get("/flood")
    def flood() -> Iterator[bytes]:
        return (b"m" * 1_000_000 for _ in range(100))

    return made


class Held:
    """A page with one thread; `/held` answers when it is let go.

    Attributes:
        now: what its clock shows.
    """

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        clock = types.SimpleNamespace(monotonic=lambda: self.now, time=time.time)
        monkeypatch.setattr(server, "time", clock)
        monkeypatch.setattr(listening, "time", clock)
        self._go, begun = threading.Event(), threading.Event()

        def held() -> bytes:
            begun.set()
            self._go.wait(PATIENT_S)
            return b"at last"

        app.get("/held")(held)
        self.begun = begun
        self.server = serve(app, WebSettings(port=0, threads=1))
        self._asked: list[socket.socket] = []

    def ask(self, path: str) -> None:
        """Send a request and read nothing."""
        raw = socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENT_S)
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self._asked.append(raw)

    def wait_for_a_queue(self) -> None:
        """Until a request waits for a thread."""
        self.ask("/scheme")
        while not self.server._dispatcher.queue:
            time.sleep(0.01)

    def end(self) -> None:
        """Let everything go."""
        for raw in self._asked:
            raw.close()
        self._go.set()
        self.server.stop()


@pytest.fixture
def one_thread(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    made = Held(app, monkeypatch)
    yield made
    made.end()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return own_certificate(tmp_path_factory.mktemp("tls"), [OTHER], datetime.now(UTC))[0]


@pytest.fixture
def running(app: Flask, certificate: Certificate) -> Iterator[Server]:
    made = serve(app, WebSettings(port=0), None, [OTHER], certificate)
    yield made
    made.stop()


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate.cert))


def secure(running: Server, certificate: Certificate) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(OTHER, running.port, context=trusting(certificate), timeout=PATIENT_S)


def test_the_lan_speaks_tls_while_this_machine_stays_as_it_is(running: Server, certificate: Certificate) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENT_S)
    plain.request("GET", "/scheme")
    assert plain.getresponse().read() == b"http 127.0.0.1"
    plain.close()
    there = secure(running, certificate)  # checks name and signature: the certificate names that address
    there.request("GET", "/scheme")
    assert there.getresponse().read().startswith(b"https ")
    there.close()


def test_much_goes_both_ways_over_one_tls_connection(running: Server, certificate: Certificate) -> None:
    there = secure(running, certificate)
    sent = os.urandom(2_000_000)
    for _ in range(2):
        there.request("POST", "/echo", body=sent)
        assert there.getresponse().read() == sent
        there.request("GET", "/much")
        assert there.getresponse().read() == b"m" * 3_000_000
    there.close()


def test_old_tls_and_no_tls_are_refused(running: Server, certificate: Certificate) -> None:
    old = trusting(certificate)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((OTHER, running.port), timeout=PATIENT_S) as raw,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(raw, server_hostname=OTHER)
    with socket.create_connection((OTHER, running.port), timeout=PATIENT_S) as raw:
        raw.sendall(b"GET /scheme HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        try:
            while more := raw.recv(4096):
                got += more
        except ConnectionError:
            pass
        assert b"200" not in got


def test_a_silent_handshake_holds_up_nobody(running: Server, certificate: Certificate) -> None:
    silent = [socket.create_connection((OTHER, running.port)) for _ in range(20)]
    there = secure(running, certificate)
    there.request("GET", "/scheme")
    assert there.getresponse().status == 200
    there.close()
    for one in silent:
        one.close()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"GET /scheme HT", id="header"),
        pytest.param(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc", id="body"),
    ],
)
def test_who_sends_too_slowly_is_cut_off(app: Flask, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_WITHIN_S", 0.05)
    monkeypatch.setattr(listening, "BODY_AFTER_S", 0.05)
    monkeypatch.setattr(listening, "BODY_LEAST", 1_000_000)
    monkeypatch.setattr(server, "_LOOK_EVERY_S", 0)
    monkeypatch.setattr(server, "_TICK_S", 0.05)
    slow = serve(app, WebSettings(port=0))
    try:
        with socket.create_connection(("127.0.0.1", slow.port), timeout=PATIENT_S) as raw:
            raw.sendall(said)
            with contextlib.suppress(ConnectionError):
                assert raw.recv(100) == b""  # closed, not answered
    finally:
        slow.stop()


def test_an_honest_request_is_not_late() -> None:
    now = time.time()
    channel = listening.PlainChannel.__new__(listening.PlainChannel)
    assert not channel.is_late(now)
    channel.began = now - listening.HEAD_WITHIN_S + 1
    assert not channel.is_late(now)
    channel.began -= 2
    assert channel.is_late(now)


def test_two_hundred_viewers_may_keep_their_connections(app: Flask) -> None:
    made = serve(app, WebSettings(port=0))
    held = []
    try:
        for _ in range(200):
            one = http.client.HTTPConnection("127.0.0.1", made.port, timeout=PATIENT_S)
            one.request("GET", "/scheme")
            assert one.getresponse().read()
            held.append(one)
    finally:
        for one in held:
            one.close()
        made.stop()


def test_the_certificate_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    files, fingerprint = own_certificate(tmp_path, ["192.168.1.20", "fd00::2"], now)
    assert own_certificate(tmp_path, ["192.168.1.21"], now) == (files, fingerprint)
    assert [path.stat().st_mode & 0o777 for path in (files.cert, files.key)] == [0o600, 0o600]
    assert len(fingerprint.split(":")) == 32
    later = now.replace(year=now.year + 3)
    assert own_certificate(tmp_path, ["192.168.1.21"], later)[1] != fingerprint
    files.cert.write_text("spoiled")
    assert own_certificate(tmp_path, [], now)[1] != fingerprint


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path, app: Flask) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    mixed = Certificate(
        own_certificate(one, [], datetime.now(UTC))[0].cert, own_certificate(two, [], datetime.now(UTC))[0].key
    )
    for wrong in (mixed, Certificate(tmp_path / "none.pem", tmp_path / "none.key")):
        with pytest.raises(ConfigError, match=r"http\.tls"):
            serve(app, WebSettings(port=0), wrong)


def test_private_addresses_are_read_from_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(
        "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.168.1.0\n        /24 link UNICAST\n"
        "     |-- 192.168.1.20\n        /32 host LOCAL\n     |-- 192.168.1.255\n        /32 link BROADCAST\n     |-- 8.8.4.4\n        /32 host LOCAL\n"
        "     |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 169.254.1.1\n        /32 host LOCAL\n"
    )
    (tmp_path / "if_inet6").write_text(
        "fd000000000000000000000000000002 02 40 00 80 eth0\nfe800000000000000000000000000001 02 40 20 80 eth0\n"
    )
    assert private_addresses(tmp_path) == ("10.0.0.7", "192.168.1.20", "fd00::2")
    assert private_addresses(tmp_path / "none") == ()


def test_a_page_whose_threads_are_all_stuck_while_requests_wait_does_not_serve(
    one_thread: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_TURNS_WITHIN_S", 1e9)
    one_thread.ask("/held")
    assert one_thread.begun.wait(PATIENT_S)
    one_thread.now += 1000
    assert one_thread.server.serves()  # nobody waits
    one_thread.wait_for_a_queue()
    assert not one_thread.server.serves()
    assert one_thread.server.serves(patience=20.0)
    one_thread.server.moved()  # it wrote something
    assert one_thread.server.serves()
    one_thread.now += 61
    assert not one_thread.server.serves()


def test_a_page_whose_threads_wait_for_slow_clients_serves(one_thread: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_TURNS_WITHIN_S", 1e9)
    one_thread.ask("/flood")
    one_thread.wait_for_a_queue()
    deadline = time.time() + PATIENT_S
    while not any(item.is_waiting_for_clients() for item in one_thread.server._servers):
        assert time.time() < deadline
        time.sleep(0.01)
    one_thread.now += 1000
    assert one_thread.server.serves()


def test_a_page_whose_loop_does_not_turn_does_not_serve(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_TICK_S", PATIENT_S)
    made = Held(app, monkeypatch)
    try:
        assert made.server.serves()
        made.now += 11
        assert not made.server.serves()
        assert made.server.serves(patience=2.0)
    finally:
        made.end()
