"""A client that a generator made of the API's description sends a message and sees it arrive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemfarm.resources import shipped
from tests.e2e.farm import RealFarm

GENERATOR = "from openapi_python_client.cli import app; app()"
# The two file types go through as octets; what is generated is not linted.
SETTINGS = {
    "content_type_overrides": {
        "text/csv": "application/octet-stream",
        "application/x-ndjson": "application/octet-stream",
    },
    "post_hooks": [],
}
USE = """
import sys, time
from farm_client import AuthenticatedClient
from farm_client.api.messages import get_message, send_message
from farm_client.models import Message, NewMessage, Problem

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
refused = send_message.sync(client=client, body=NewMessage(to="+49", text="x"))
assert isinstance(refused, Problem) and refused.status == 422, refused
taken = send_message.sync(client=client, body=NewMessage(to="+4915112345678", text="from a generated client"))
assert isinstance(taken, Message), taken
end = time.monotonic() + 480
while True:
    seen = get_message.sync(taken.id, client=client)
    assert isinstance(seen, Message), seen
    if seen.state.value == "delivered" or time.monotonic() > end:
        break
    time.sleep(0.2)
print(seen.state.value, seen.parts[0].mr, seen.text)
"""


@pytest.mark.slow
def test_a_generated_client_sends_a_message(tmp_path: Path) -> None:
    settings = tmp_path / "generator.json"
    settings.write_text(json.dumps(SETTINGS), "utf-8")
    made = subprocess.run(
        [sys.executable, "-c", GENERATOR, "generate", "--path", str(shipped("web/openapi.json")), "--meta", "none",
         "--output-path", str(tmp_path / "farm_client"), "--config", str(settings), "--fail-on-warning"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    assert "arning" not in made.stdout + made.stderr
    with RealFarm(tmp_path / "farm").start() as farm:
        url = f"http://127.0.0.1:{farm.port}"
        used = subprocess.run(
            [sys.executable, "-c", USE, url, farm.key],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert used.returncode == 0, used.stdout + used.stderr
        state, mr, text = used.stdout.split(maxsplit=2)
        assert (state, text.strip()) == ("delivered", "from a generated client")
        assert mr.isdigit()
