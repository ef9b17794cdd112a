"""Gammu SMSD: one daemon a modem, each with folders of its own, since one daemon serves one modem."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.peers.contender import STOP_WITHIN_S, open_to_peers, ports, wait_quiet
from bench.peers.debian import program
from bench.peers.group import Group, give, unprivileged
from tests.e2e.farm import RealFarm
from tests.e2e.judging import Text

FOLDERS = ("inbox", "outbox", "sent", "error", "making")
# Debian's /etc/gammu-smsdrc with port and folders of our own
DEFAULT = """\
[gammu]
port = {port}
connection = at115200

[smsd]
service = files
logfile = {place}/smsd.log
debuglevel = 0
inboxpath = {place}/inbox/
outboxpath = {place}/outbox/
sentsmspath = {place}/sent/
errorsmspath = {place}/error/
"""
TUNED = """\
loopsleep = 0
commtimeout = 1
receivefrequency = 5
statusfrequency = 0
checksecurity = 0
checkbattery = 0
checksignal = 0
checknetwork = 0
"""


class Gammu:
    """gammu-smsd as Debian configures it, or tuned; texts go to its modems in turn."""

    def __init__(self, farm: RealFarm, *, tuned: bool) -> None:
        self.name = f"gammu {'tuned' if tuned else 'default'}"
        self._farm, self._tuned = farm, tuned
        self._place = farm.folder / "gammu"
        self._group = Group(farm.folder / "gammu.log")
        self._numbers = itertools.count()
        self._modems = 0

    def start(self) -> None:
        open_to_peers(self._farm)
        found = ports(self._farm)
        self._modems = len(found)
        for number, port in enumerate(found):
            place = self._of(number)
            for folder in (self._place, place, *(place / name for name in FOLDERS)):
                folder.mkdir(exist_ok=True)
                give(folder)
            text = DEFAULT.format(port=port, place=place) + (TUNED if self._tuned else "")
            (place / "smsdrc").write_text(text, "utf-8")
            self._group.start([str(program("gammu-smsd")), "-c", str(place / "smsdrc")], self._env())
        wait_quiet(self._farm, self.name, self._farm.folder / "gammu.log")

    def _of(self, number: int) -> Path:
        return self._place / str(number)

    def _env(self) -> dict[str, str]:
        env = {"PATH": os.environ["PATH"], "HOME": str(self._place)}
        return env | ({"LC_ALL": "C.UTF-8"} if self._tuned else {})

    def submit(self, texts: Sequence[Text]) -> None:
        for to, text in texts:
            number = next(self._numbers)
            place = self._of(number % self._modems)
            if self._tuned and not text.isascii():  # a .txt file is sent in the GSM alphabet, whatever it holds
                self._inject(number % self._modems, to, text, "-unicode")
                continue
            made = place / "making" / f"{number}"
            made.write_text(text, "utf-8")
            give(made)
            made.rename(place / "outbox" / f"OUTC20260101_{number:06d}_00_{to}_x.txt")

    def by_cli(self, text: Text) -> None:
        self._inject(0, *text)

    def _inject(self, modem: int, to: str, text: str, *more: str) -> None:
        who = unprivileged()
        config = self._of(modem) / "smsdrc"
        subprocess.run(
            [str(program("gammu-smsd-inject")), "-c", str(config), "TEXT", to, *more, "-text", text],
            check=True, capture_output=True, timeout=20, env=self._env(),
            user=who and who.pw_uid, group=who and who.pw_gid, extra_groups=[] if who else None,
        )  # fmt: skip

    def inbox(self) -> set[str]:
        return {
            path.read_text("utf-8", "replace")
            for number in range(self._modems)
            for path in (self._of(number) / "inbox").iterdir()
        }

    def kill(self) -> None:
        self._group.kill()

    def terminate(self) -> bool:
        return self._group.terminate(STOP_WITHIN_S)

    def cpu_s(self) -> float:
        return self._group.cpu_s()

    def memory_mb(self) -> float:
        return self._group.memory_mb()
