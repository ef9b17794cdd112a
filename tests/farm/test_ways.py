"""A program and a web address that are told: what reaches them, and what becomes of those that misbehave."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modemfarm.farm import ways
from modemfarm.farm.alarm import WayError
from modemfarm.farm.ways import Program, Webhook

BODY = {
    "type": "alert.raised",
    "cause": "sim_parked",
    "subject": "89",
    "sentence": "shop: $(touch gone); `touch gone` \"'; touch gone",
    "at": "2026-03-14T09:30:00Z",
}


def script(folder: Path, text: str) -> str:
    path = folder / "tell me"
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o700)
    return "'./tell me'"


async def test_a_program_gets_the_sentence_without_any_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEMFARM_KEY", "mf_secret")
    command = script(tmp_path, 'cat > heard; printf %s "$MODEMFARM_SENTENCE" > env; echo "$@" > args; env > all')
    await Program(f"{command} -v 'two words;'", tmp_path).tell(BODY)
    assert (tmp_path / "heard").read_text() == BODY["sentence"] + "\n"
    assert (tmp_path / "env").read_text() == BODY["sentence"]
    assert (tmp_path / "args").read_text() == "-v two words;\n"
    assert "mf_secret" not in (tmp_path / "all").read_text()
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [("exit 3", "ended with code 3"), ("sleep 1000 & sleep 1000", "took longer than 0.2 s and was killed")],
)
async def test_a_program_that_fails_or_hangs_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(WayError, match=why):
        await Program(script(tmp_path, text), tmp_path, within_s=0.2 if "sleep" in text else 60).tell(BODY)


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WayError, match="cannot be started"):
        await Program("./nothing", tmp_path).tell(BODY)


async def test_a_program_that_does_not_listen_is_no_fault(tmp_path: Path) -> None:
    await Program(script(tmp_path, "exec 0<&-; exit 0"), tmp_path).tell({**BODY, "sentence": "x" * 100_000})


class Web:
    """Answers as it is told to, and keeps what it gets."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[Any] = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                octets = self.rfile.read(int(self.headers["Content-Length"]))
                web.got.append((self.headers["Content-Type"], json.loads(octets)))
                self.send_response(web.answers.pop(0) if web.answers else 204)
                self.send_header("Location", "file:///etc/passwd")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(ways, "AGAIN_AFTER_S", (0.0, 0.0))
    one = Web()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


async def test_an_address_gets_json_and_a_failure_is_tried_again(web: Web) -> None:
    web.answers = [503, 429]
    await Webhook(web.url).tell({**BODY, "sentence": "设备"})
    assert len(web.got) == 3
    assert web.got[2] == ("application/json; charset=utf-8", {**BODY, "sentence": "设备"})


@pytest.mark.parametrize(("answers", "tries"), [([404], 1), ([302], 1), ([500, 500, 500, 204], 3)])
async def test_an_address_that_says_no_is_named(web: Web, answers: list[int], tries: int) -> None:
    web.answers = list(answers)
    with pytest.raises(WayError, match=f"answered with {answers[0]}"):
        await Webhook(web.url).tell(BODY)
    assert len(web.got) == tries


async def test_an_address_where_nobody_is_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "AGAIN_AFTER_S", ())
    with pytest.raises(WayError, match="cannot be reached"):
        await Webhook("http://127.0.0.1:1/").tell(BODY)
