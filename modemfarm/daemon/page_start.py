"""How the page's process begins when it is started anew: first it cannot outlive the daemon, then the rest is read."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with(daemon: int) -> None:
    """Have the kernel end this process when the daemon ends, however it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != daemon:
        os._exit(1)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    from modemfarm.daemon.page_child import main  # seconds on a busy machine

    main(socket.socket(fileno=sys.stdin.fileno()))
