"""A real daemon, reached from other addresses than its own: over TLS, in the open with a banner, or not at all."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modemfarm.daemon.lan import private_addresses
from tests.e2e.farm import PROGRAM, free_port, until
from tests.patience import PATIENT_S


class Running:
    """One daemon and what it said."""

    def __init__(self, folder: Path, http: str, *options: str) -> None:
        self.folder, self.port = folder, free_port()
        self.config = folder / "config.yaml"
        self.config.write_text(
            f"state_dir: .\nhttp: {http.replace('PORT', str(self.port))}\nmodems: {{discover: false}}\n"
        )
        self._log = (folder / "run.log").open("wb")
        self.process = subprocess.Popen(
            [*PROGRAM, "-c", self.config, "run", *options], stdout=self._log, stderr=self._log, cwd=folder
        )

    @property
    def said(self) -> str:
        return (self.folder / "run.log").read_text("utf-8")

    def get(
        self, path: str, cookie: str = "", address: str = "127.0.0.1", *, tls: bool = False
    ) -> tuple[int, str, str]:
        """Status, text and the session cookie that came."""
        trusting = ssl._create_unverified_context()
        kind = http.client.HTTPSConnection(address, self.port, timeout=PATIENT_S, context=trusting) if tls else None
        there = kind or http.client.HTTPConnection(address, self.port, timeout=PATIENT_S)
        with contextlib.closing(there):
            there.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            answer = there.getresponse()
            given = (answer.headers.get_all("Set-Cookie") or [""])[0].partition(";")[0]
            return answer.status, answer.read().decode(), given

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/healthz")[0] == 200
        return False

    def link(self) -> str:
        done = subprocess.run([*PROGRAM, "-c", self.config, "login"], capture_output=True, text=True, check=True)
        return "/login?" + done.stdout.strip().partition("/login?")[2]


@contextmanager
def running(folder: Path, http: str, *options: str) -> Iterator[Running]:
    farm = Running(folder, http, *options)
    try:
        yield farm
    finally:
        farm.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            farm.process.wait(PATIENT_S)
        farm.process.kill()
        farm._log.close()


def test_lan_lets_another_address_in_over_tls(tmp_path: Path) -> None:
    addresses = private_addresses()
    with running(tmp_path, '{listen: "127.0.0.1:PORT"}', "--lan") as farm:
        if not addresses:  # a machine without a network: it says so
            assert farm.process.wait(PATIENT_S) == 2
            assert "no private address" in farm.said
            return
        until(lambda: "▀" in farm.said and farm.answers(), 60, lambda: farm.said)
        said = farm.said
        for address in addresses:
            assert address in said
        found = re.search(r"^ +((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", said, re.MULTILINE)
        link = re.search(r"https://\S+(/login\?token=\S+)", said)
        assert found is not None
        assert link is not None
        pem = ssl.get_server_certificate((addresses[0], farm.port), timeout=PATIENT_S)
        import hashlib

        assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == found[1].replace(":", "").lower()
        status, _, cookie = farm.get(link[1], address=addresses[0], tls=True)
        assert (status, cookie.partition("=")[0]) == (303, "__Host-modemfarm_session")
        status, page, _ = farm.get("/", cookie, addresses[0], tls=True)
        assert status == 200
        assert 'class="insecure"' not in page
        with pytest.raises((OSError, http.client.HTTPException)):
            farm.get("/", address=addresses[0])  # nothing there without TLS


def test_the_open_lan_works_with_a_banner_on_each_page(tmp_path: Path) -> None:
    with running(tmp_path, '{listen: "0.0.0.0:PORT", insecure_lan: true}') as farm:
        until(farm.answers, 60, lambda: farm.said)
        words = ("users", "add", "anna", "--role", "operator")
        made = subprocess.run(
            [*PROGRAM, "-c", farm.config, *words],
            input="three blue hens\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made
        other = "127.0.0.3"
        there = http.client.HTTPConnection(other, farm.port, timeout=PATIENT_S)
        there.request("GET", "/login")
        page = there.getresponse()
        text, form = page.read().decode(), (page.headers.get_all("Set-Cookie") or [""])[0].partition(";")[0]
        csrf = re.search(r'name="csrf" value="(\w+)"', text)
        assert 'class="insecure"' in text
        assert csrf is not None
        body = f"name=anna&password=three+blue+hens&csrf={csrf[1]}"
        there.request("POST", "/login", body, {"Cookie": form, "Content-Type": "application/x-www-form-urlencoded"})
        answer = there.getresponse()
        answer.read()
        there.close()
        assert answer.status == 303
        cookie = (answer.headers.get_all("Set-Cookie") or [""])[0].partition(";")[0]
        for path in ("/", "/messages", "/inbox", "/send", "/settings", "/account"):
            status, text, _ = farm.get(path, cookie, other)
            assert status == 200
            assert 'class="insecure"' in text, path


@pytest.mark.parametrize(
    ("http", "options", "said"),
    [
        ('{listen: "0.0.0.0:PORT"}', (), "--lan"),
        ('{listen: "0.0.0.0:PORT", insecure_lan: true}', ("--lan",), "take --lan or http.listen away"),
        ('{listen: "0.0.0.0:PORT", insecure_lan: true, proxy: true}', (), "http.proxy"),
        ('{listen: "127.0.0.1:PORT", tls: {cert: no.pem, key: no.key}}', (), "no.pem"),
    ],
    ids=["open", "lan-and-open", "open-proxy", "no-certificate"],
)
def test_anything_else_refuses_to_start_and_says_why(
    tmp_path: Path, http: str, options: tuple[str, ...], said: str
) -> None:
    with running(tmp_path, http, *options) as farm:
        assert farm.process.wait(PATIENT_S) == 2
        assert said in farm.said
