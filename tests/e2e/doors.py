"""Every door fed at once while the daemon is killed at random: what was accepted leaves once, or is told as unknown."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from subprocess import TimeoutExpired
from urllib.parse import urlencode

from tests.e2e.farm import RealFarm, mixed_texts, until
from tests.e2e.judging import Text
from tests.e2e.kills import WIRE_MOMENTS, Part

ROWS = 5  # of a batch
TURNS = 3  # of each door for each kill, at the most: one that is behind gets no more
APART = 100_000  # numbers between two doors
OPEN = ("held", "queued", "sending", "scheduled")
STILL_S = 180.0  # without a message that ends, when all were taken: then something hangs
TRIES = 1000


@dataclass
class Fed:
    """What the doors accepted, what was done to them, and what is wrong.

    Attributes:
        accepted: by door, what was answered with yes, or lay in outgoing/.
        perhaps: asked of a door that has no key for repeating, and cut off before its answer.
    """

    accepted: dict[str, list[Text]] = field(default_factory=dict)
    perhaps: list[Text] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)  # requests that a kill cut off, by door
    doubt: set[Part] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def told(self) -> list[str]:
        """Lines for a report."""
        return [
            f"{self.kills.total()} kill -9 in {self.seconds:.0f} s: "
            + ", ".join(f"{moment} {number}" for moment, number in sorted(self.kills.items())),
            "accepted: " + ", ".join(f"{door} {len(texts)}" for door, texts in sorted(self.accepted.items())),
            "cut off by a kill: "
            + (", ".join(f"{door} {number}" for door, number in sorted(self.broken.items())) or "none")
            + f"; of these not repeated, since the door has no key for it: {len(self.perhaps)}",
            "at the end: " + ", ".join(f"{state} {number}" for state, number in self.states.most_common()),
            f"in doubt at some kill: {len(self.doubt)}",
            *(self.wrong or ["lost 0, doubled 0, unknown without a step 3 before the kill 0"]),
        ]


class _Cut(Exception):
    """Nobody knows whether the request was taken."""


class _NotYet(Exception):
    """It was not taken: ask again."""


class _Doors:
    """One way in for each door; each takes texts and returns when they were accepted."""

    def __init__(self, farm: RealFarm) -> None:
        self._farm = farm

    def messages(self, texts: list[Text], mark: str) -> None:
        (to, text), headers = texts[0], {"Idempotency-Key": mark}
        self._http("/v1/messages", json.dumps({"to": to, "text": text}).encode(), headers, 202)

    def batches(self, texts: list[Text], mark: str) -> None:
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": mark}
        self._http("/v1/batches", _rows(texts), headers, 202)

    def spool(self, texts: list[Text], mark: str) -> None:
        """There is no answer: the file is renamed in."""
        to, text = texts[0]
        draft = self._farm.state_dir / f"{mark}.draft"
        draft.write_bytes(f"To: {to[1:]}\nAlphabet: UTF-8\n\n{text}".encode())
        draft.rename(self._farm.state_dir / "spool" / "outgoing" / mark)

    def send(self, texts: list[Text], mark: str) -> None:
        to, text = texts[0]
        self._cli("send", to, "--text", text, "--idempotency-key", mark, "--json")

    def batch(self, texts: list[Text], mark: str) -> None:
        file = self._farm.folder / f"{mark}.ndjson"
        file.write_bytes(_rows(texts))
        self._cli("batch", str(file), "--json")

    def kannel(self, texts: list[Text], _mark: str) -> None:
        to, text = texts[0]
        query = urlencode({"username": "x", "password": self._farm.key, "to": to, "text": text})
        self._http(f"/cgi-bin/sendsms?{query}", None, {}, 202, "GET")

    def _http(self, path: str, body: bytes | None, headers: dict[str, str], wanted: int, method: str = "POST") -> None:
        try:
            status, said = self._farm.http(method, path, body, headers)
        except ConnectionRefusedError:
            raise _NotYet from None
        except (OSError, http.client.HTTPException):
            raise _Cut from None
        if status == 503:
            raise _NotYet
        assert status == wanted, (path, status, said)

    def _cli(self, *words: str) -> None:
        done = self._farm.cli(*words)
        assert done.code == 0, done


def _rows(texts: list[Text]) -> bytes:
    return b"".join(json.dumps({"to": to, "text": text}).encode() + b"\n" for to, text in texts)


class _Feeder(threading.Thread):
    """Feeds one door as often as it is allowed to; what a kill cut off is asked again under its mark, where it has one."""

    def __init__(self, name: str, place: int, ask: Callable[[list[Text], str], None], fed: Fed) -> None:
        super().__init__(name=f"door-{name}", daemon=True)
        self.door, self.fault = name, ""
        self._first, self._ask, self._fed = place * APART, ask, fed
        self._many = ROWS if name.startswith("batch") else 1
        self._turns: SimpleQueue[int | None] = SimpleQueue()
        self._allowed = 0

    def allow(self, turns: int) -> None:
        """Let it ask so many times; what it has not done yet of earlier ones counts."""
        for _ in range(turns - self._turns.qsize()):
            self._turns.put(self._allowed)
            self._allowed += 1

    def end(self) -> None:
        """No more turns: what was allowed is done, then the thread ends."""
        self._turns.put(None)

    def run(self) -> None:
        try:
            while (number := self._turns.get()) is not None:
                first = self._first + number * self._many
                self._feed(mixed_texts(self._many, first=first), f"{self.door}-{number}")
        except Exception as error:  # noqa: BLE001 - told by the main thread
            self.fault = f"{self.door}: {error!r}"

    def _feed(self, texts: list[Text], mark: str) -> None:
        for _ in range(TRIES):
            try:
                self._ask(texts, mark)
            except _Cut:
                self._fed.broken[self.door] += 1
                if self.door == "kannel":
                    self._fed.perhaps += texts
                    return
            except _NotYet:
                pass
            else:
                self._fed.accepted.setdefault(self.door, []).extend(texts)
                return
            time.sleep(0.3)  # a client of its own, that tries again
        raise AssertionError(f"{mark} was never taken")


def feed(folder: Path, kills: int, seed: int, seconds: float = math.inf) -> Fed:
    """Feed six doors and kill the daemon so often; what came of it is in `wrong`.

    Args:
        seconds: no kill after so long: on a busy machine a daemon takes a minute to come back.
    """
    dice, fed, began = random.Random(seed), Fed(), time.monotonic()
    with RealFarm(folder, modems=4, airtime_ms=15, report_ms=40, result_within="4s", chatter_ms=0) as farm:
        plain = farm.config.read_text("utf-8")
        farm.config.write_text(plain.replace('"}\nmodems', '", kannel: true}\nmodems', 1), "utf-8")
        farm.start_simulator()
        farm.start_daemon()
        farm.wait_ready(90)
        until((farm.state_dir / "spool" / ".pending").is_dir, 20, "the spool's folders")
        doors = _Doors(farm)
        ways = {"messages": doors.messages, "batches": doors.batches, "spool": doors.spool, "send": doors.send}
        ways |= {"batch": doors.batch, "kannel": doors.kannel}
        feeders = [_Feeder(name, place, way, fed) for place, (name, way) in enumerate(ways.items())]
        for feeder in feeders:
            feeder.start()
        while fed.kills.total() < kills and time.monotonic() - began < seconds:
            for feeder in feeders:
                feeder.allow(TURNS)
            _kill(farm, dice, fed)
            sys.stderr.write(f"  doors: kill {fed.kills.total()} of {kills}\n")
        for feeder in feeders:
            feeder.end()
        for feeder in feeders:
            feeder.join(600)
            assert not feeder.is_alive(), f"{feeder.door} hangs"
            assert not feeder.fault, feeder.fault
        _judge(farm, fed)
    fed.seconds = time.monotonic() - began
    return fed


def _kill(farm: RealFarm, dice: random.Random, fed: Fed) -> None:
    """At a moment of the wire, or at any; the doors stay open to whoever asks meanwhile."""
    assert farm.daemon is not None
    moment = dice.choice((*WIRE_MOMENTS, "any", "any"))
    if moment != "any":
        farm.kill_at(moment, dice.randint(1, 8))
    with contextlib.suppress(TimeoutExpired):
        farm.daemon.wait(5 if moment != "any" else 2 * dice.random())
    if farm.daemon.poll() is None:
        moment = "any"
        farm.daemon.kill()
    farm.wait_killed()
    fed.kills[moment] += 1
    fed.doubt |= farm.parts_in_doubt()
    farm.start_daemon()
    farm.wait_ready(90)


def _settle(farm: RealFarm, outgoing: Path) -> None:
    """Wait while there are fewer open messages from time to time, however long a busy machine takes for all."""
    least, since = math.inf, time.monotonic()
    while True:
        queue = farm.get("/v1/stats")["queue"]
        files = len(list(outgoing.iterdir()))
        left = files + sum(queue[state] for state in OPEN)
        if not left:
            return
        if left < least:
            least, since = left, time.monotonic()
        assert time.monotonic() - since < STILL_S, (files, queue, farm.said()[-3000:])
        time.sleep(0.3)  # another process works


def _judge(farm: RealFarm, fed: Fed) -> None:
    outgoing, checked = (farm.state_dir / "spool" / name for name in ("outgoing", "checked"))
    _settle(farm, outgoing)
    rows = farm.messages()
    state_of = {(row["to"], row["text"]): row["state"] for row in rows}
    fed.states = Counter(row["state"] for row in rows)
    accepted = [text for texts in fed.accepted.values() for text in texts]
    perhaps = [text for text in fed.perhaps if text in state_of]
    verdict = farm.judge(accepted + perhaps)
    lost = [text for text in verdict.lost if state_of.get(text) != "unknown"]
    unknown = {(row["id"], part["number"]) for row in rows for part in row["parts"] if part["state"] == "unknown"}
    files = {text: state_of.get(text) for text in fed.accepted.get("spool", [])}
    said = {
        "lost": lost,
        "doubled": list(verdict.doubled),
        "taken in twice": [text for text, times in Counter((row["to"], row["text"]) for row in rows).items() if times > 1],
        "accepted and not there": [text for text in accepted if text not in state_of],
        "there and never asked for": [text for text in state_of if text not in {*accepted, *fed.perhaps}],
        "ended otherwise": [text for text, state in state_of.items() if state not in {"sent", "delivered", "unknown"}],
        "unknown without reason": sorted(unknown - fed.doubt),
    }  # fmt: skip
    fed.wrong = [f"{what}: {found[:5]} ({len(found)})" for what, found in said.items() if found]
    held = sum(state == "unknown" for state in files.values())
    with contextlib.suppress(AssertionError):
        until(lambda: len(list(checked.iterdir())) == held, 120, "")
    sent = [path.name for path in (farm.state_dir / "spool" / "sent").iterdir()]
    if len(sent) + held != len(files) or len(list(checked.iterdir())) != held:
        fed.wrong.append(f"files: {len(files)} dropped, {len(sent)} in sent/, {held} unknown")
