"""A daemon calls the address that a Kannel client named, also after a kill."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tests.e2e.farm import RealFarm, free_port, until


def serve(port: int, told: list[dict[str, str]]) -> ThreadingHTTPServer:
    """A receiver of calls."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            told.append({name: values[0] for name, values in query.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_sent_delivered_and_undelivered_are_told_also_after_a_kill(tmp_path: Path) -> None:
    told: list[dict[str, str]] = []
    port = free_port()
    named = f"http://127.0.0.1:{port}/dlr"
    url = quote(named + "?type=%d&id=%F&to=%p&text=%a&user=%n&secret=5e1f", safe="")
    with RealFarm(
        tmp_path / "farm",
        modems=1,
        airtime_ms=15,
        report_ms=40,
        yaml="webhook_networks: ['127.0.0.0/8']\n",
        chatter_ms=0,
    ) as farm:
        written = farm.config.read_text("utf-8")
        switched = f'http: {{kannel: true, kannel_dlr_urls: ["{named}"], listen:'
        farm.config.write_text(written.replace("http: {listen:", switched, 1), "utf-8")
        farm.start()

        def send(to: str) -> None:
            query = f"username=x&password={farm.key}&to={quote(to)}&text=Hello+%26&dlr-mask=31&dlr-url={url}"
            assert farm.http("GET", f"/cgi-bin/sendsms?{query}")[0] == 202

        def bits(to: str) -> list[str]:
            return [call["type"] for call in told if call["to"] == to]

        server = serve(port, told)
        try:
            send("+491701234567")
            until(lambda: bits("+491701234567") == ["8", "1"], 30, lambda: (told, farm.said()[-2000:]))
            first = told[0]
            assert (first["text"], first["user"]) == ("Hello &", "test")
            assert first["id"] == str(farm.messages()[-1]["id"])
            farm.ctl("set", 0, "report-status", "0x46")
            send("+491701234568")
            until(lambda: bits("+491701234568") == ["8", "2"], 30, lambda: told)
        finally:
            server.shutdown()
            server.server_close()
        farm.ctl("set", 0, "report-status", "0")
        send("+491701234569")
        until(lambda: farm.messages()[0]["state"] == "delivered", 30, farm.messages)
        assert farm.daemon is not None
        farm.daemon.kill()
        farm.daemon.wait(30)
        server = serve(port, told)
        try:
            farm.restart()
            until(lambda: bits("+491701234569") == ["8", "1"], 60, lambda: (told, farm.said()[-2000:]))
        finally:
            server.shutdown()
            server.server_close()
        assert "5e1f" not in farm.said()
