"""Ten situations that part one SMS daemon from another; each is played with any contender and judged by the network."""

from __future__ import annotations

import itertools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.peers.contender import Contender, open_to_peers
from bench.peers.field import SMALLEST, Make, contest
from bench.peers.measures import picked_up, submissions, watch
from bench.peers.trials import CHINESE, EMOJI, LONG, instead
from bench.rig import numbers
from tests.e2e.farm import RealFarm
from tests.e2e.judging import Text

SLOWEST_PICKUP_S = 45.0  # of the slowest default, which looks every 30 s
PENDING_MS = 2000  # so long is +CMGS pending where it matters
SOON_S = 120  # what was published of the peers ends here
REJECTS = "38"  # network out of order: nothing was accepted


@dataclass(frozen=True, slots=True)
class Told:
    """What happened.

    Attributes:
        right: as a user would want it: nothing lost, nothing doubled, nothing spoilt, nothing stuck.
        seconds: how long it took, where that is the point.
    """

    text: str
    right: bool
    seconds: float = 0.0


def _sent(farm: RealFarm) -> set[str]:
    return {line["to"] for line in farm.log("submit")}


def _fate(farm: RealFarm, wanted: Sequence[Text]) -> Told:
    """Exactly once, or not."""
    verdict = farm.judge(wanted)
    if verdict.doubled:
        return Told("duplicate", right=False)
    return Told("lost", right=False) if verdict.lost else Told("clean, exactly once", right=True)


def _ended(make: Make, end: Callable[[Contender], object]) -> Told:
    """One message is on the air; the service ends and is started again."""
    text = (numbers(7000, 1)[0], "on the air while the service ends")
    with contest(make, 1, airtime_ms=PENDING_MS, result_within="8s") as (farm, contender):
        contender.submit([text])
        watch(lambda: submissions(farm) > 0, SLOWEST_PICKUP_S, 0.02)
        time.sleep(0.3)
        began = time.monotonic()
        end(contender)
        seconds = time.monotonic() - began
        contender.start()
        watch(lambda: submissions(farm) > 1, 12 + PENDING_MS / 1000)
        time.sleep(PENDING_MS / 1000 + 0.5)
        return replace(_fate(farm, [text]), seconds=seconds)


def sigterm(make: Make) -> Told:
    """A service's restart while a result is pending."""
    told = _ended(make, lambda contender: contender.terminate())
    return replace(told, text=f"{told.text} (stopped in {told.seconds:.1f} s)")


def sigkill(make: Make) -> Told:
    """SIGKILL in the same window."""
    return _ended(make, lambda contender: contender.kill())


def rejecting(make: Make, count: int = 40, most_s: float = 240) -> Told:
    """Two modems, of which one refuses everything."""
    texts = [(to, f"two modems {to}") for to in numbers(7100, count)]
    with contest(make, 2, airtime_ms=50) as (farm, contender):
        farm.fault(0, "cms", REJECTS, 0)
        began, began_at = time.monotonic(), time.time()
        contender.submit(texts)
        done = watch(lambda: len(_sent(farm)) >= count, most_s)
        seconds = time.monotonic() - began
        lines = farm.log("submit")
        verdict, refusals = farm.judge(texts), len(farm.log("refuse"))
    went = count - verdict.lost.total()
    soon = sum(line["accepted_at"] - began_at <= SOON_S for line in lines)
    text = f"{went} of {count} sent in {seconds:.0f} s ({soon} in {SOON_S} s), {refusals} refusals"
    return Told(text, right=done and not verdict.doubled, seconds=seconds)


def poison(make: Make, most_s: float = 60) -> Told:
    """One modem; the first message always fails, two good ones wait behind it."""
    bad, *good = numbers(7200, 3)
    with contest(make, 1, airtime_ms=50) as (farm, contender):
        farm.ctl("refuse", bad, 38)
        contender.submit([(bad, "fails")])
        watch(lambda: len(farm.log("refuse")) > 0, SLOWEST_PICKUP_S, 0.02)
        began = time.monotonic()
        contender.submit([(to, "good") for to in good])
        done = watch(lambda: _sent(farm) >= set(good), most_s)
        seconds = time.monotonic() - began
        went, attempts = len(_sent(farm) & set(good)), len(farm.log("refuse"))
    text = f"{went} of 2 good ones sent in {seconds:.0f} s, {attempts} attempts at the bad one meanwhile"
    return Told(text, right=done, seconds=seconds)


def replug(make: Make, most_s: float = 120) -> Told:
    """The modem is pulled out for 5 s and comes back under the same name, with a message waiting."""
    first, second = numbers(7300, 2)
    with contest(make, 1, airtime_ms=50) as (farm, contender):
        contender.submit([(first, "before")])
        watch(lambda: first in _sent(farm), SLOWEST_PICKUP_S)
        time.sleep(1)
        farm.ctl("unplug", 0)
        time.sleep(5)
        contender.submit([(second, "after")])
        farm.ctl("replug", 0)
        open_to_peers(farm)
        began = time.monotonic()
        done = watch(lambda: second in _sent(farm), most_s, 0.02)
        seconds = time.monotonic() - began
    text = f"sends {seconds:.1f} s after the replug" if done else f"not within {most_s:g} s"
    return Told(text, right=done, seconds=seconds)


def _arrives(make: Make, text: str, hand_in: Callable[[Contender, Text], object]) -> Told:
    to = numbers(7400, 1)[0]
    with contest(make, 1, airtime_ms=50) as (farm, contender):
        hand_in(contender, (to, text))
        watch(lambda: to in _sent(farm), SLOWEST_PICKUP_S)
        time.sleep(4)  # what belongs to it comes soon after
        got = farm.log("submit")
        if farm.judge([(to, text)]).whole[to, text] == 1:
            parts = len(got)
            return Told("intact" if parts == 1 else f"intact, {parts} linked parts", right=True)
        return Told(instead(text, [line["text"] for line in got]), right=False)


def chinese(make: Make) -> Told:
    """Chinese by the usual door with default settings."""
    return _arrives(make, CHINESE, lambda contender, text: contender.submit([text]))


def emoji(make: Make) -> Told:
    """An emoji in UTF-8 text, the same way."""
    return _arrives(make, EMOJI, lambda contender, text: contender.submit([text]))


def long_by_cli(make: Make) -> Told:
    """300 characters by the command line, with nothing but number and text."""
    return _arrives(make, LONG, lambda contender, text: contender.by_cli(text))


def pickup(make: Make, samples: int = 8, gap_s: float = 4) -> Told:
    """How long an idle farm takes from handing in to Ctrl-Z."""
    size = replace(SMALLEST, samples=samples, gap_s=gap_s)
    with contest(make, 1) as (farm, contender):
        waits = picked_up(farm, contender, size, random.Random(7))
    text = f"{statistics.fmean(waits):.2f} / {max(waits):.2f} s"
    return Told(text, right=max(waits) < 1, seconds=max(waits))


def overhead(make: Make, count: int = 30) -> Told:
    """One modem that answers at once: the middle gap between one message and the next."""
    with contest(make, 1) as (farm, contender):
        contender.submit([(to, "gap") for to in numbers(7500, count)])
        watch(lambda: len(_sent(farm)) > 0, SLOWEST_PICKUP_S)
        watch(lambda: len(_sent(farm)) >= count, 2.5 * count)
        times = sorted(line["ctrl_z_at"] for line in farm.log("submit"))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    middle = statistics.median(gaps) if gaps else 0.0
    return Told(f"{middle:.3f} s", right=len(times) == count, seconds=middle)
