"""The peers' programs: found, or installed from Debian, or missing with words that say so."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

PACKAGES = {"smsd": "smstools", "gammu-smsd": "gammu-smsd", "gammu-smsd-inject": "gammu-smsd", "gammu": "gammu"}
SERVICES = {"smstools", "gammu-smsd"}
INSTALL_WITHIN_S = 300.0
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])  # where smsd lies, for everybody


def program(name: str) -> str | None:
    """The path of a peer's program."""
    return shutil.which(name, path=_PATH)


def missing() -> list[str]:
    """The Debian packages whose programs are not here."""
    return sorted({package for name, package in PACKAGES.items() if program(name) is None})


def ensure() -> str:
    """Install what is missing, and nothing else; an empty text, or a sentence that says why that did not succeed."""
    wanted = missing()
    if not wanted:
        return ""
    if shutil.which("apt-get") is None:
        return f"{', '.join(wanted)}: not installed, and there is no apt-get here to install them"
    words = ["apt-get", "install", "-y", "--no-install-recommends", *wanted]
    if os.geteuid() != 0:
        words = ["sudo", "-n", *words]
    print(f"installing {' '.join(wanted)}", file=sys.stderr, flush=True)
    try:
        said = _run(words, INSTALL_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{', '.join(wanted)}: could not be installed ({error})"
    if left := missing():
        return f"{', '.join(left)}: could not be installed by `{' '.join(words)}`: {said}"
    _stop_services(wanted)
    return ""


def _run(words: list[str], within_s: float) -> str:
    """Run a command that asks nothing; the last line that it said."""
    # RUNLEVEL=1: where an init script would start a new package's service, it does not
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        words, env=env, check=False, capture_output=True, text=True, timeout=within_s, stdin=subprocess.DEVNULL
    )
    return " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-1:])


def _stop_services(packages: list[str]) -> None:
    """What a package started on being installed ends again: the bench runs its own."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for service in sorted(SERVICES & set(packages)):
        stop = ["systemctl", "disable", "--now", service] if shutil.which("systemctl") else ["service", service, "stop"]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            _run([*sudo, *stop], 30)


def versions() -> str:
    """The installed packages with their versions, as dpkg has them."""
    names = sorted(set(PACKAGES.values()))
    try:
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names], check=False, capture_output=True, text=True
        )
    except OSError:
        return "versions unknown: no dpkg here"
    return ", ".join(done.stdout.split("\n")).strip(", ") or "versions unknown"
