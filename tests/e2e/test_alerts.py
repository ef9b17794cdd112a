"""A real daemon tells a program, a web address and a phone that it is a test."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

from tests.e2e.farm import RealFarm, until


def test_a_test_alert_reaches_program_address_and_phone(tmp_path: Path) -> None:
    got: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    program = tmp_path / "tell.sh"
    program.write_text("#!/bin/sh\ncat > heard.tmp && mv heard.tmp heard\n", "utf-8")
    program.chmod(0o700)
    yaml = (
        f'alerts: {{sms: ["+8613800138000"], exec: {program}, language: zh,\n'
        f'  webhook: "http://127.0.0.1:{server.server_port}/"}}\npolicy: {{brand: 小店}}\n'
    )
    try:
        with RealFarm(tmp_path / "farm", modems=1, yaml=yaml).start() as farm:
            told = farm.cli("alerts", "test", "--json")
            ways = [{"way": way, "error": ""} for way in ("sms +8613800138000", "exec", "webhook")]
            assert told.document == {"data": ways}
            sentence = "小店: 这是一次测试，提醒会这样送达。"
            assert (farm.state_dir / "heard").read_text("utf-8") == sentence + "\n"
            assert {name: got[0][name] for name in ("type", "cause", "sentence")} == {
                "type": "alert.test",
                "cause": "test",
                "sentence": sentence,
            }
            checks = farm.cli("doctor", "--json").document["checks"]
            assert [item["ok"] for item in checks if item["code"] == "daemon"] == [True]
            assert [item["ok"] for item in checks if item["code"] == "alerts"] == [True] * 3
            until(lambda: sentence in farm.log_path.read_text("utf-8"), 60, "the phone's text")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
