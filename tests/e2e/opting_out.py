"""People answer 回复TD in the middle of what is sent to them; judged from the simulator's log and the database's times."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.farm import RealFarm, until
from tests.e2e.judging import Tail
from tests.patience import BUSY

ANSWER = "回复TD"
MODEMS = 8
WAITING = 5000
READS_S = 0.15  # from the first part to the answer
LONG = "您好,这是一条很长的通知,请您仔细阅读。" * 9  # three parts
Row = dict[str, Any]


@dataclass
class Seen:
    """What became of the opt-outs.

    Attributes:
        caught: people of whose messages a part was claimed, at the prompt, or between two parts at the commit.
        after: parts whose Ctrl-Z came after an opt-out was written, by their step 3, which was durable by then.
        wrong: what must not be, in words.
        effect_ms: from a reply's last octet to its durable effect, one a reply.
    """

    people: int = 0
    caught: int = 0
    after: int = 0
    wrong: list[str] = field(default_factory=list)
    effect_ms: list[float] = field(default_factory=list)

    def told(self) -> str:
        """One line for the test's output and the soak's page."""
        share = [self.within_ms(part) for part in (0.5, 0.99)]
        return (
            f"{self.people} opt-outs, {self.caught} of them in the middle of a message, {self.after} parts with step 3"
            f" before; effect after the last octet: median {share[0]:.0f} ms, p99 {share[1]:.0f} ms"
        )

    def within_ms(self, share: float) -> float:
        """How long that share of the effects took at most."""
        taken = sorted(self.effect_ms)
        return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else 0.0


def opt_out(folder: Path, replies: int) -> Seen:
    """Run a farm of eight modems with 5,000 waiting messages, have `replies` people answer, and judge it."""
    people = [f"+86137{number:08d}" for number in range(replies + 50)]  # none is a number of the simulator's SIMs
    with RealFarm(folder, modems=MODEMS, airtime_ms=600, report_ms=50).start() as farm:
        texts = [(people[number % len(people)], f"{number} {LONG}") for number in range(WAITING)]
        farm.submit(texts, key="all", report=False)
        wanted = answer(farm, replies)
        database = farm.state_dir / "modemfarm.db"
        until(lambda: len(_rows(database, "SELECT number FROM suppressions")) == replies, 60, "every opt-out is stored")
        confirmed = "SELECT id FROM messages WHERE automatic = 'opted_out' AND state IN ('sent', 'delivered')"
        until(lambda: len(_rows(database, confirmed)) == replies, 120, "every opt-out is confirmed")
        time.sleep(1)  # what would wrongly follow has its chance
        farm.terminate()
        return judged(farm.log(), partial(_rows, database), wanted, farm.said())


def answer(farm: RealFarm, replies: int, where: Callable[[int], int] = int) -> set[str]:
    """Have people answer while the second part of a message is on its way to them.

    Args:
        where: the modem that hears the answer, by the one that sent the message.
    """
    done: dict[str, tuple[float, int]] = {}  # when to answer, by which modem
    tail = Tail(farm.log_path)
    tail.new("submit")  # while the batch was taken in, the first messages came to their end
    end = time.monotonic() + BUSY * (90 + 3 * replies)
    answered: set[str] = set()
    while len(answered) < replies:
        now = time.monotonic()
        assert now < end, f"only {len(done)} of {replies} people got a message in time"
        for line in tail.new("submit"):
            first = (line["concat"] or {}).get("number") == 1
            if first and line["to"] not in done and len(done) < replies:
                done[line["to"]] = now + READS_S, where(line["modem"])
        for number, (due, modem) in done.items():
            if due <= now and number not in answered:
                answered.add(number)
                farm.ctl("deliver", modem, number, ANSWER)
        time.sleep(0.01)
    return answered


def _rows(database: Path, sql: str) -> list[Row]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql)]


def judged(log: list[Row], rows: Callable[[str], list[Row]], wanted: set[str], said: str) -> Seen:
    """Compare the network's log with the database, person by person."""
    since = {row["number"]: row["since"] for row in rows("SELECT number, since FROM suppressions")}
    seen = Seen(people=len(since))
    if since.keys() != wanted:
        seen.wrong.append(f"{len(wanted ^ since.keys())} people are suppressed or not against what they said")
    attempts = rows(
        "SELECT a.*, p.state AS part_state, p.part_number, m.automatic FROM attempts a JOIN parts p ON p.id = a.part_id"
        " JOIN messages m ON m.id = a.message_id",
    )
    mine: dict[str, list[Row]] = {}
    for attempt in attempts:
        mine.setdefault(attempt["recipient"], []).append(attempt)
    for number, at in since.items():
        texts = [line for line in log if line["event"] == "submit" and line["to"] == number]
        answers = [line for line in texts if line["text"].startswith("您已退订")]
        if len(answers) != 1:
            seen.wrong.append(f"{number} got {len(answers)} confirmations")
        plain = [one for one in mine.get(number, []) if one["automatic"] is None]
        left = [one for one in plain if one["submitting_at"] is not None and one["outcome"] != "not_sent"]
        if len(texts) - len(answers) > len(left):
            seen.wrong.append(
                f"{number}: {len(texts) - len(answers)} parts reached the network, {len(left)} had a step 3"
            )
        late = [line for line in texts if line not in answers and _us(line["ctrl_z_at"]) > at]
        allowed = [one for one in left if one["ended_at"] is None or one["ended_at"] > at]
        seen.after += len(late)
        if len(late) > len(allowed) or any(one["part_state"] in ("canceled", "waiting") for one in left):
            seen.wrong.append(f"{number}: {len(late)} parts after the opt-out, {len(allowed)} with step 3 before it")
        seen.caught += any(_is_caught(one, plain, at) for one in plain)
    waiting = rows(
        "SELECT p.id FROM parts p JOIN suppressions s ON s.number = p.recipient JOIN messages m ON m.id = p.message_id"
        " WHERE p.state IN ('waiting', 'claimed', 'submitting') AND m.automatic IS NULL",
    )
    if waiting:
        seen.wrong.append(f"{len(waiting)} parts still wait for people who opted out")
    seen.effect_ms = list(_effects(said))
    return seen


def _is_caught(attempt: Row, others: list[Row], at: int) -> bool:
    """Whether a part was claimed or on the air at the opt-out, or its message stood between two parts."""
    if attempt["claimed_at"] <= at and (attempt["ended_at"] is None or attempt["ended_at"] >= at):
        return True
    same = [one for one in others if one["message_id"] == attempt["message_id"] and one["part_state"] != "canceled"]
    return (
        bool(same) and attempt["part_number"] < 3 and attempt["part_number"] == max(one["part_number"] for one in same)
    )


def _us(moment: str | float) -> int:
    if isinstance(moment, str):
        return int(datetime.fromisoformat(moment).timestamp() * 1e6)
    return int(moment * 1e6)


def _effects(said: str) -> Iterator[float]:
    for line in said.splitlines():
        if "opt-out of" in line and " ms after" in line:
            yield float(line.split(" ms after")[0].rsplit(" ", 1)[1])
