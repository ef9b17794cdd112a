"""What is judged, not timed: kill -9 while results are pending, and texts that are not plain English."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

from bench.peers.field import Make, Size, contest
from bench.peers.measures import SETTLE_S, submissions, watch
from bench.rig import numbers
from tests.e2e.farm import RealFarm
from tests.e2e.judging import Text

MODEMS = 2
EACH = 4  # texts handed in before each kill
AIR_MS = 1000  # so long is +CMGS pending
CHINESE = "您的快递已到,请凭取件码8246领取。"
EMOJI = "Your parcel 📦 is here 😀 come in"
LONG = ("Opening hours: Monday to Friday 8:00-18:00, closed on holidays. " * 5)[
    :299
] + "!"  # a spool file loses white space at its end


@dataclass(frozen=True, slots=True)
class Killed:
    """What kills did to the messages, by the network's log alone."""

    kills: int
    wanted: int
    doubled: int
    lost: int

    def __str__(self) -> str:
        return f"{self.doubled} doubled, {self.lost} lost ({self.kills} kills, {self.wanted} messages)"


def killed(make: Make, size: Size) -> Killed:
    """SIGKILL to every process of the contender while at least one result is pending; started again each time."""
    wanted: list[Text] = []
    with contest(make, MODEMS, airtime_ms=AIR_MS, result_within="6s") as (farm, contender):
        for _ in range(size.kills):
            more = [(to, f"kill test {to}") for to in numbers(2000 + len(wanted), EACH)]
            wanted += more
            before = submissions(farm)
            contender.submit(more)
            if watch(functools.partial(_more, farm, before), SETTLE_S, 0.02):
                time.sleep(0.1)  # well inside the window
            contender.kill()
            contender.start()
        # also a message that went twice counts as one here: what matters is that nothing moves any more
        watch(lambda: len({line["to"] for line in farm.log("submit")}) == len(wanted), SETTLE_S)
        time.sleep(4 * AIR_MS / 1000)  # time for a double to show
        verdict = farm.judge(wanted)
    return Killed(size.kills, len(wanted), verdict.doubled.total(), verdict.lost.total())


def _more(farm: RealFarm, before: int) -> bool:
    return submissions(farm) > before


def texts(make: Make) -> dict[str, str]:
    """Chinese, emoji and 300 characters: intact, or what a phone got instead."""
    wanted = dict(zip(("Chinese", "emoji", "300 characters"), (CHINESE, EMOJI, LONG), strict=True))
    people = dict(zip(wanted, numbers(4000, len(wanted)), strict=True))
    with contest(make, 1, airtime_ms=50) as (farm, contender):
        contender.submit([(people[kind], text) for kind, text in wanted.items()])
        watch(lambda: {line["to"] for line in farm.log("submit")} == set(people.values()), SETTLE_S)
        time.sleep(5)  # the other parts of the last
        verdict = farm.judge([(people[kind], text) for kind, text in wanted.items()])
        got = {kind: [line["text"] for line in farm.log("submit") if line["to"] == people[kind]] for kind in wanted}
    return {
        kind: "intact" if verdict.whole[people[kind], text] == 1 else instead(text, got[kind])
        for kind, text in wanted.items()
    }


def instead(wanted: str, got: list[str]) -> str:
    """In a few words, what arrived in place of a text."""
    if not got:
        return "nothing sent"
    joined = "".join(got)
    if not joined:
        return "an empty message"
    if joined == wanted:
        return f"{len(got)} unlinked messages"
    if wanted.startswith(joined):
        return f"cut after {len(joined)} characters"
    return f"“{joined[:24]}{'…' if len(joined) > 24 else ''}”"
