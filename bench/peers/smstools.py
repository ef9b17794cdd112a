"""SMS Server Tools 3: one smsd, a folder for what goes out, a process a modem."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from bench.peers.contender import STOP_WITHIN_S, open_to_peers, ports, wait_quiet
from bench.peers.debian import program
from bench.peers.group import Group, give
from tests.e2e.farm import RealFarm
from tests.e2e.judging import Text

FOLDERS = ("outgoing", "checked", "failed", "incoming", "sent", "making")
# Debian's template with a folder of our own; `autosplit` and `receive_before_send` are the template's
DEFAULT = """\
devices = {devices}
outgoing = {spool}/outgoing
checked = {spool}/checked
failed = {spool}/failed
incoming = {spool}/incoming
sent = {spool}/sent
logfile = {spool}/smsd.log
infofile = {spool}/smsd.working
pidfile = {spool}/smsd.pid
receive_before_send = no
autosplit = 3
"""
# Best for speed: no wait for a file's size to settle, a watch on the folder, one second where a sleep is left
TUNED = """\
trust_outgoing = yes
notifier = yes
delaytime = 1
delaytime_mainprocess = 1
errorsleeptime = 1
loglevel = 2
"""


class SmsTools:
    """smsd as Debian configures it, or tuned."""

    def __init__(self, farm: RealFarm, *, tuned: bool) -> None:
        self.name = f"smstools {'tuned' if tuned else 'default'}"
        self._farm, self._tuned = farm, tuned
        self._place = farm.folder / "smstools"
        self._group = Group(farm.folder / "smstools.log")
        self._numbers = itertools.count(1)

    def start(self) -> None:
        open_to_peers(self._farm)
        for folder in (self._place, *(self._place / name for name in FOLDERS)):
            folder.mkdir(exist_ok=True)
            give(folder)
        config = self._place / "smsd.conf"
        names = {f"GSM{number}": port for number, port in enumerate(ports(self._farm), 1)}
        text = DEFAULT.format(devices=", ".join(names), spool=self._place) + (TUNED if self._tuned else "")
        text += "".join(f"\n[{name}]\ndevice = {port}\nincoming = yes\n" for name, port in names.items())
        config.write_text(text, "utf-8")
        give(config)
        env = {"PATH": os.environ["PATH"], "HOME": str(self._place)} | ({"LC_ALL": "C.UTF-8"} if self._tuned else {})
        self._group.start([str(program("smsd")), "-t", f"-c{config}"], env)
        wait_quiet(self._farm, self.name, self._farm.folder / "smstools.log")

    def submit(self, texts: Sequence[Text]) -> None:
        for to, text in texts:
            name = f"m{next(self._numbers):06d}"
            made = self._place / "making" / name
            head = f"To: {to.removeprefix('+')}\n"
            if self._tuned and not text.isascii():  # what its manual wants for everything beyond ISO 8859-15
                made.write_bytes(f"{head}Alphabet: UCS2\n\n".encode() + text.encode("utf-16-be"))
            else:
                made.write_text(f"{head}\n{text}", "utf-8")
            give(made)
            made.rename(self._place / "outgoing" / name)

    def by_cli(self, text: Text) -> None:
        self.submit([text])  # a file in the folder is its command line

    def inbox(self) -> set[str]:
        return {_body(path) for path in (self._place / "incoming").iterdir()}

    def failed(self) -> int:
        """How many messages it gave up."""
        return len(list((self._place / "failed").iterdir()))

    def kill(self) -> None:
        self._group.kill()

    def terminate(self) -> bool:
        return self._group.terminate(STOP_WITHIN_S)

    def cpu_s(self) -> float:
        return self._group.cpu_s()

    def memory_mb(self) -> float:
        return self._group.memory_mb()


def _body(path: Path) -> str:
    return path.read_text("latin-1").partition("\n\n")[2]
