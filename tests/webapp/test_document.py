"""The API's description against a running page: schemathesis breaks and keeps every rule of it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from modemfarm.model import PartState
from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import WebSettings
from tests.webapp.sample import FixedClock, Sample

HERE = Path(__file__).parent
# Each moment is a new one, as on a real clock: some rows are told apart by their time.
STEP = timedelta(milliseconds=1)


def ticking(clock: FixedClock) -> None:
    """Let a standing clock go on by a step at every look."""
    stand = clock.now

    def now() -> object:
        clock.at += STEP
        return stand()

    clock.now = now  # type: ignore[method-assign,assignment] # the same clock, going


def schemathesis(url: str, key: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tool, all checks, with our hooks."""
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    return subprocess.run(
        [sys.executable, "-c", program, "run", url, "-H", f"Authorization: {key}", "--checks", "all", "--seed", "7",
         "--exclude-operation-id", "revoke_key", "--no-shrink", "--continue-on-failure", *options],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "document_hooks", "PYTHONPATH": str(HERE), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("phase", ["coverage", "stateful"])
def test_schemathesis_finds_nothing(farm: Sample, tmp_path: Path, phase: str) -> None:
    ticking(farm.clock)
    for number in (1, 2):
        farm.modem(number)
    for number in range(5):
        farm.take(to=f"+861380013800{number}")
    farm.left(farm.take())
    farm.left(farm.take(), PartState.UNKNOWN)
    farm.reply()
    key = farm.key()["Authorization"]
    server = serve(farm.app, WebSettings(port=0))
    try:
        url = f"http://127.0.0.1:{server.port}/v1/openapi.json"
        done = schemathesis(url, key, tmp_path, "--phases", phase, "--max-examples", "10")
    finally:
        server.stop()
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
