"""What a virtual modem says: answers, unsolicited lines, and the ways in which their octets can be spoilt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from modemfarm.simulator.answers import Answer, final_line

NUMERIC = {"OK": "0", "CONNECT": "1", "RING": "2", "NO CARRIER": "3", "ERROR": "4"}  # ATV0, ITU-T V.250 §5.7.1
_MOST_BUFFERED = 50  # lines kept for +CNMI mode 0

Later = Callable[..., None]


def shown(answer: Answer, cmee: int, *, verbose: bool) -> str:
    """An answer as it goes over the line."""
    text = "\r\n" + "\r\n".join(answer.lines) + "\r\n" if answer.lines else ""
    final = final_line(answer, cmee)
    if not final:
        return text
    return text + (f"\r\n{final}\r\n" if verbose else NUMERIC.get(final, final) + "\r")


class Speech:
    """Keeps the order of what is said, also while an answer dribbles."""

    def __init__(self, write: Callable[[bytes], None], later: Later) -> None:
        self._write, self._later = write, later
        self._drip: deque[int] = deque()
        self._drip_s = 0.0
        self._buffered: deque[str] = deque(maxlen=_MOST_BUFFERED)

    def say(self, data: bytes) -> None:
        """Octets, behind what still drips."""
        if self._drip:
            self._drip.extend(data)
        elif data:
            self._write(data)

    def urc(self, line: str) -> None:
        """An unsolicited line, whatever is going on."""
        self.say(f"\r\n{line}\r\n".encode("latin-1", "replace"))

    def dribble(self, data: bytes, each_s: float) -> None:
        """Octets one by one."""
        idle = not self._drip
        self._drip_s = each_s
        self._drip.extend(data)
        if idle:
            self._later(0, self._drop)

    def _drop(self) -> None:
        if self._drip:
            self._write(bytes([self._drip.popleft()]))
        if self._drip:
            self._later(self._drip_s, self._drop)

    def indicate(self, line: str, *, mode: int) -> None:
        """A line that +CNMI governs: mode 0 keeps it until another mode is set (TS 27.005 §3.4.1)."""
        if mode == 0:
            self._buffered.append(line)
        else:
            self.urc(line)

    def flush(self) -> None:
        """Say what mode 0 kept."""
        while self._buffered:
            self.urc(self._buffered.popleft())

    def fall_silent(self) -> None:
        """Power is gone: nothing of it is said any more."""
        self._drip.clear()
        self._buffered.clear()
