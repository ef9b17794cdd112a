"""The second signal ends the process at once, also while its loop is kept busy."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.patience import PATIENT_S

_BUSY = """
import asyncio, threading
from modemfarm.daemon.signals import Signals
from tests.patience import PATIENT_S

async def main():
    stop = asyncio.Event()
    Signals(asyncio.get_running_loop(), stop.set).install()
    print("ready", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    threading.Event().wait()  # a drain whose loop does not turn

asyncio.run(main())
"""


def test_the_second_signal_does_not_wait_for_the_loop() -> None:
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "stopping\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENT_S) == 1
        finally:
            process.kill()
