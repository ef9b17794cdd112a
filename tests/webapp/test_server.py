"""The server itself, on real sockets: TLS, other addresses, and who is slow."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import time
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

    return made


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
