"""A daemon tells a receiver what became of messages, judged by the reference library."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.farm import RealFarm, until
from tests.webhooks.test_signing import reference

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"


def test_sent_delivered_and_received_are_told_and_verified(tmp_path: Path) -> None:
    verifier = reference()(SECRET)
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(verifier.verify(body, dict(self.headers)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    yaml = f"webhooks: [{{url: '{url}', secret: {SECRET}}}]\n"
    try:
        with RealFarm(
            tmp_path / "farm", modems=1, airtime_ms=15, report_ms=40, yaml=yaml, chatter_ms=0
        ).start() as farm:
            message = farm.http("POST", "/v1/messages", {"to": "+491701234567", "text": "您好"})[1]["id"]
            farm.ctl("deliver", 0, "+491701234567", "an answer")
            wanted = {"modem.online", "message.sent", "message.delivered", "message.received"}
            until(lambda: wanted <= {event["type"] for event in told}, 30, lambda: told)
            mine = [event for event in told if event["data"].get("id") == message and "to" in event["data"]]
            assert [event["data"]["state"] for event in mine] == ["sent", "delivered"]
            assert mine[0]["data"]["text"] == "您好"
            added = farm.http("POST", "/v1/webhooks", {"url": url, "events": ["message.failed"]})
            assert (added[0], added[1]["errors"][0]["code"]) == (422, "private_address")
            named = url.replace("127.0.0.1", "localhost")
            added = farm.http("POST", "/v1/webhooks", {"url": named, "events": ["message.failed"]})
            assert (added[0], added[1]["secret"][:6]) == (201, "whsec_")
            tried = farm.http("POST", f"/v1/webhooks/{added[1]['id']}/test", {})
            assert tried[0] == 202, tried
            until(lambda: "private" in json.dumps(farm.get("/v1/webhooks")), 20, lambda: farm.get("/v1/webhooks"))
    finally:
        server.shutdown()
        server.server_close()
