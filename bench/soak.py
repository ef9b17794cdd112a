"""`python -m bench.soak`: kill -9 at every named moment, the fuzzer, modems plugged; writes bench/soak-report.md."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench import hosts
from bench.crowd import crowd
from bench.plugging import plugging
from tests.e2e.doors import feed
from tests.e2e.farm import RealFarm
from tests.e2e.kills import MOMENTS, Ledger, Part, check, kill_once
from tests.e2e.opting_out import ANSWER, MODEMS, WAITING, opt_out

REPORT = Path(__file__).parent / "soak-report.md"
FUZZER = Path(__file__).parents[1] / "tests" / "fuzz" / "fuzz_gsm.py"
PLUGGING = "## Modems pulled out and put in again"
HOSTS = "## Three hosts, one PostgreSQL"
ELSEWHERE = "## Refusals heard by another host"
DOORS = "## Every door at once"
CROWD = "## Everything at once"
OPT_OUTS = "## Refusals in the middle of sending"
LIMITED = 14  # SIMs of the crowd whose plan binds
EFFECT_MS = 1000.0  # from a refusal's last octet to its durable effect, on all hosts
NTH_MOST = 12  # a kill comes at the 1st to 12th such moment


@dataclass(frozen=True, slots=True)
class Setting:
    """One farm: reports come while the daemon is dead, or after it is back."""

    name: str
    families: tuple[str, ...]
    report_ms: float

    @property
    def title(self) -> str:
        return f"{self.name}, reports {self.report_ms / 1000:g} s after the message"


SETTINGS = tuple(
    Setting(name, families, report_ms)
    for name, families in (("shown at once (+CDS): sim800", ("sim800",)), ("stored (ds=2): huawei", ("huawei",)))
    for report_ms in (100, 4000)
)


@dataclass
class Fates:
    """What became of the parts that were in doubt at some kill: step 3 committed, no result."""

    in_doubt: int = 0
    taken: int = 0  # by the network, as its log says
    by_result: int = 0  # a late +CMGS told
    by_report: int = 0
    unknown_taken: int = 0
    unknown_not_taken: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    delivered: int = 0
    without_report: int = 0
    seconds: float = 0.0


def soak(setting: Setting, rounds: int, folder: Path, seed: int) -> Fates:
    """Kill one farm `rounds` times at each moment, and check it at the end of each round.

    Raises:
        AssertionError: something was lost, doubled, or unknown without reason.
    """
    dice = random.Random(seed)
    began = time.monotonic()
    ledger = Ledger()
    with RealFarm(
        folder, families=setting.families, airtime_ms=30, report_ms=setting.report_ms, result_within="15s"
    ).start() as farm:
        for number in range(rounds):
            for moment in dice.sample(MOMENTS, len(MOMENTS)):
                few = {"inbound": 2, "report": 6, "intake": 1, "batch": 1}.get(moment, NTH_MOST)
                kill_once(farm, ledger, moment, dice.randint(1, few))
                print(f"  {setting.name} {number + 1}/{rounds} {moment}", file=sys.stderr, flush=True)
            outcome = check(farm, ledger, 120)
        fates = _fates(farm, ledger.doubt)
    fates.kills, fates.delivered, fates.without_report = ledger.kills, outcome.delivered, outcome.without_report
    fates.seconds = time.monotonic() - began
    return fates


def _fates(farm: RealFarm, doubt: set[Part]) -> Fates:
    fates = Fates(in_doubt=len(doubt))
    taken = {(line["to"], (line["concat"] or {"number": 1})["number"]) for line in farm.log("submit")}
    for message_id in {message for message, _ in doubt}:
        events = farm.get(f"/v1/messages/{message_id}/explain")["data"]
        fates.by_result += sum(item["code"] == "part_sent" and item["params"]["late"] for item in events)
        fates.by_report += sum(item["code"] == "part_delivered" and item["params"]["resolved"] for item in events)
    for message_id, number in doubt:
        message = farm.get(f"/v1/messages/{message_id}")
        was_taken = (message["to"], number) in taken
        fates.taken += was_taken
        if message["parts"][number - 1]["state"] == "unknown":
            fates.unknown_taken += was_taken
            fates.unknown_not_taken += not was_taken
    return fates


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "none"


def page(found: dict[Setting, Fates], fuzzed: str) -> str:
    """The report."""
    kills: Counter[str] = Counter()
    for fates in found.values():
        kills += fates.kills
    lines = [
        "# Soak",
        "",
        "Written by `python -m bench.soak`. Real processes, virtual modems on ptys, kill -9 by the simulator at named",
        "moments; its log is the judge. A run that finds anything lost or doubled ends with an error instead.",
        "",
        f"- {kills.total()} kills: " + ", ".join(f"{moment} {count}" for moment, count in sorted(kills.items())),
        "- lost 0, doubled 0; each inbound message and each row of a broken-off intake is there once",
        f"- delivered messages: {sum(fates.delivered for fates in found.values())}",
        f"- fuzzer: {fuzzed}",
        "",
        "In doubt: parts with step 3 committed and no result at a kill; every unknown part is one of them. Taken:",
        "those that the network got. For what it never got there is no evidence; it stays unknown. No report: messages",
        "that stay `sent`, since their report was shown while no daemon lived to keep it.",
        "",
        "| farm | in doubt | taken | by a late +CMGS | by a report | taken, unknown | not taken, unknown | no report |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for setting, fates in found.items():
        lines.append(
            f"| {setting.title} | {fates.in_doubt} | {fates.taken} | {share(fates.by_result, fates.taken)}"
            f" | {share(fates.by_report, fates.taken)} | {fates.unknown_taken} | {fates.unknown_not_taken}"
            f" | {fates.without_report} |"
        )
    return "\n".join(lines) + "\n"


def refused(people: int) -> str:
    """Have people answer 回复TD while they are written to; the report's section.

    Raises:
        AssertionError: something left that had no step 3 before, or a confirmation is missing or doubled.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        seen = opt_out(Path(folder), people)
    print(seen.told(), file=sys.stderr)
    assert not seen.wrong, seen.wrong
    assert seen.people == people
    assert seen.caught >= people / 4, seen.told()
    words = [
        "",
        f"`tests/e2e/opting_out.py`: {MODEMS} modems, {WAITING:,} waiting messages of 3 parts; people answer {ANSWER}.",
        "",
        f"- {seen.told()}",
        "- parts to them after the opt-out without a step 3 before it: 0; confirmations: one each",
    ]
    return "\n".join([OPT_OUTS, *words]) + "\n"


def plugged(modems: int, seconds: float, seed: int) -> str:
    """Plug modems out and in; the report's last section.

    Raises:
        AssertionError: one did not come back, or too late, or something leaks.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        found = plugging(Path(folder), modems, seconds, seed)
    print(*found.told(), sep="\n", file=sys.stderr)
    assert not found.wrong(), found.wrong()
    words = [
        "",
        "At random and under new names (`bench/plugging.py`). No descriptor, thread, task or memory leaked.",
        "",
    ]
    return "\n".join([PLUGGING, *words, *(f"- {line}" for line in found.told())]) + "\n"


def crowded(modems: int, messages: int, kills: int, seed: int) -> str:
    """Every family, every fault that ends, kills and limits at once; the report's section.

    Raises:
        AssertionError: something was lost or doubled, or a limit was not kept.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        found = crowd(Path(folder), modems, messages, kills, LIMITED, seed)
    print(*found.told(), sep="\n", file=sys.stderr)
    assert not found.wrong(), found.wrong()
    return "\n".join([CROWD, "", "`bench/crowd.py`.", "", *(f"- {line}" for line in found.told())]) + "\n"


def several_hosts(messages: int, kills: int, seed: int) -> str:
    """Three daemons on one PostgreSQL, killed, stopped, cut off and their server restarted; the report's section.

    Raises:
        AssertionError: something was lost or doubled, or a limit was not kept.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        found = hosts.soak(Path(folder), messages, kills, restarts=6, cuts=2, stops=1, seed=seed)
    print(*found.told(), sep="\n", file=sys.stderr)
    assert not found.wrong(), found.wrong()
    return "\n".join([HOSTS, "", "`bench/hosts.py`.", "", *(f"- {line}" for line in found.told())]) + "\n"


def refused_elsewhere(people: int) -> str:
    """Have people answer 回复TD to a modem of another host than that which writes to them; the report's section.

    Raises:
        AssertionError: something left that had no step 3 before, a confirmation is missing or doubled, or it took over
            a second.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        seen = hosts.opt_out(Path(folder), people)
    print(seen.told(), file=sys.stderr)
    assert not seen.wrong, seen.wrong
    assert seen.people == people
    assert seen.caught >= people / 4, seen.told()
    assert seen.within_ms(0.99) <= EFFECT_MS, seen.told()
    words = [
        "",
        f"`bench/hosts.py`: people answer {ANSWER} to another host than that which is writing to them.",
        "",
        f"- {seen.told()}",
        "- parts to them after the opt-out without a step 3 before it: 0; confirmations: one each",
    ]
    return "\n".join([ELSEWHERE, *words]) + "\n"


def all_doors(kills: int, seconds: float, seed: int) -> str:
    """Feed every door at once and kill the daemon at random; the report's section.

    Raises:
        AssertionError: something was lost, doubled or taken in twice.
    """
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        fed = feed(Path(folder) / "farm", kills, seed, seconds)
    print(*fed.told(), sep="\n", file=sys.stderr)
    assert not fed.wrong, fed.wrong
    return "\n".join([DOORS, "", "`tests/e2e/doors.py`.", "", *(f"- {line}" for line in fed.told())]) + "\n"


def with_section(report: str, section: str) -> str:
    """The report with this section in its place, or at the end."""
    heading = section.partition("\n")[0]
    first, *others = report.split("\n## ")
    kept = [f"## {other}" for other in others if f"## {other}".partition("\n")[0] != heading]
    return "\n\n".join(piece.strip("\n") for piece in (first, *kept, section)) + "\n"


def fuzz(seconds: int) -> str:
    """Run the codec's fuzzer; what it said last.

    Raises:
        subprocess.CalledProcessError: it found something.
    """
    words = [sys.executable, str(FUZZER), f"-max_total_time={seconds}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return f"{seconds} s, {said[-1] if said else 'nothing found'}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kill modemfarm many times, fuzz its codec, pull its modems out.")
    parser.add_argument("--rounds", type=int, default=2, help="kills at each moment in each of the four farms")
    parser.add_argument("--fuzz-seconds", type=int, default=300)
    parser.add_argument("--opt-outs", type=int, default=200, help="people who answer TD")
    parser.add_argument("--plug-modems", type=int, default=64)
    parser.add_argument("--plug-seconds", type=float, default=600)
    parser.add_argument("--crowd-modems", type=int, default=64)
    parser.add_argument("--crowd-messages", type=int, default=10_000)
    parser.add_argument("--crowd-kills", type=int, default=60)
    parser.add_argument("--hosts-messages", type=int, default=3600)
    parser.add_argument("--hosts-kills", type=int, default=20, help="of each of three hosts")
    parser.add_argument("--door-kills", type=int, default=40)
    parser.add_argument("--door-seconds", type=float, default=1800, help="no kill after so long")
    sections = ["opt-outs", "plugging", "crowd", "hosts", "hosts-opt-outs", "doors"]
    parser.add_argument("--only", choices=sections, help="rewrite this section alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=REPORT)
    asked = parser.parse_args(arguments)
    parts = {
        "opt-outs": lambda: refused(asked.opt_outs),
        "crowd": lambda: crowded(asked.crowd_modems, asked.crowd_messages, asked.crowd_kills, asked.seed),
        "hosts": lambda: several_hosts(asked.hosts_messages, asked.hosts_kills, asked.seed),
        "hosts-opt-outs": lambda: refused_elsewhere(asked.opt_outs),
        "doors": lambda: all_doors(asked.door_kills, asked.door_seconds, asked.seed),
        "plugging": lambda: plugged(asked.plug_modems, asked.plug_seconds, asked.seed),
    }
    if asked.only:
        section = parts[asked.only]()
        asked.out.write_text(with_section(asked.out.read_text("utf-8"), section), "utf-8")
        return 0
    found: dict[Setting, Fates] = {}
    for number, setting in enumerate(SETTINGS):
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            found[setting] = soak(setting, asked.rounds, Path(folder), asked.seed + number)
        print(f"{setting.title}: {found[setting].seconds:.0f} s", file=sys.stderr)
    text = page(found, fuzz(asked.fuzz_seconds) if asked.fuzz_seconds else "not run")
    for part in parts.values():
        text = with_section(text, part())
    asked.out.write_text(text, "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
