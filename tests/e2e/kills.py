"""kill -9 at named moments: what is done, and what must be true after it. Used by the tests and by the soak run."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.e2e.farm import FINAL, PROGRAM, RealFarm, mixed_texts, until
from tests.e2e.judging import Text
from tests.patience import PATIENT_S

# `intake` is the killing of a POST /v1/batches with its daemon, `batch` of a `modemfarm batch` beside it.
WIRE_MOMENTS = ("prompt", "mid-pdu", "ctrl-z", "result")
MOMENTS = (*WIRE_MOMENTS, "report", "inbound", "intake", "batch")
TEXTS_A_KILL = 12
ROWS_LATER = 4000  # of an intake: taken in, to be sent tomorrow
REPLIER = "+491719999999"
DYING_S = 4.0  # what a modem said so shortly before a kill may have been read and not committed
STORING = frozenset({"huawei"})  # their reports lie on the SIM until they were committed; other families lose some

Part = tuple[int, int]  # message, part number


@dataclass
class Ledger:
    """What was asked of one farm and what its kills left behind.

    Attributes:
        doubt: parts with step 3 committed and no result at some kill.
        of_kill: the same, by moment.
    """

    wanted: list[Text] = field(default_factory=list)
    inbound: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    doubt: set[Part] = field(default_factory=set)
    of_kill: dict[str, int] = field(default_factory=Counter)
    later: set[str] = field(default_factory=set)  # references of rows for tomorrow
    stops: list[tuple[float, float]] = field(default_factory=list)  # no daemon, or one about to die: from, to

    def more_texts(self, count: int = TEXTS_A_KILL) -> list[Text]:
        texts = mixed_texts(count, first=len(self.wanted))
        self.wanted += texts
        return texts


def kill_once(farm: RealFarm, ledger: Ledger, moment: str, nth: int = 1) -> None:
    """Have the daemon (or the command that takes messages in) killed once at `moment`, and start it again."""
    match moment:
        case "intake":
            _kill_request(farm, ledger, nth)
        case "batch":
            _kill_command(farm, ledger, nth)
        case "inbound":
            texts = [f"reply {len(ledger.inbound) + number} " + "和很多别的字" * 30 for number in range(2)]
            ledger.inbound.update(texts)
            farm.kill_at("inbound", nth)
            submitted = _submit(farm, ledger, 4)
            for number, text in enumerate(texts):
                farm.ctl("deliver", number % 2, REPLIER, text)
            _died(farm, ledger, moment)
            submitted()
        case _:
            farm.kill_at(moment, nth)
            submitted = _submit(farm, ledger, TEXTS_A_KILL)
            _died(farm, ledger, moment)
            submitted()
    ledger.kills[moment] += 1


def _submit(farm: RealFarm, ledger: Ledger, count: int) -> Callable[[], object]:
    """Hand texts in; the kill may come before the answer, so what is returned repeats the request."""
    key, texts = f"texts-{len(ledger.wanted)}", ledger.more_texts(count)
    with contextlib.suppress(OSError, http.client.HTTPException):
        farm.submit(texts, key)
    return lambda: farm.submit(texts, key)


def _died(farm: RealFarm, ledger: Ledger, moment: str) -> None:
    dead_at = farm.wait_killed()
    doubt = farm.parts_in_doubt()
    ledger.doubt |= doubt
    ledger.of_kill[moment] += len(doubt)
    farm.restart()
    ledger.stops.append((dead_at - DYING_S, time.time()))


def _rows(farm: RealFarm, ledger: Ledger) -> bytes:
    """A few rows for now, many for tomorrow: intake goes on while the first are sent."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    first = len(ledger.later)
    later = [f"later-{row}" for row in range(first, first + ROWS_LATER)]
    ledger.later.update(later)
    rows: list[dict[str, str]] = [{"to": to, "text": text} for to, text in ledger.more_texts()]
    rows += [
        {"to": f"+49151{2000000 + row}", "text": name, "reference": name, "send_at": tomorrow}
        for row, name in enumerate(later)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _kill_request(farm: RealFarm, ledger: Ledger, nth: int) -> None:
    """Kill the daemon inside a POST /v1/batches, and repeat the request under its key."""
    body = _rows(farm, ledger)
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": f"intake-{ledger.kills['intake']}"}
    answers: list[object] = []

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answers.append(farm.http("POST", "/v1/batches", body, headers, timeout_s=PATIENT_S))

    farm.kill_at("result", nth)
    asking = threading.Thread(target=ask)
    asking.start()
    _died(farm, ledger, "intake")
    asking.join(PATIENT_S)
    assert not answers, "the request was over before the kill: it takes more rows"
    status, document = farm.http("POST", "/v1/batches", body, headers, timeout_s=PATIENT_S)
    assert (status, document["accepted"]) == (202, TEXTS_A_KILL + ROWS_LATER), (status, document)
    assert farm.http("POST", "/v1/batches", body, headers, timeout_s=PATIENT_S) == (202, document)


def _kill_command(farm: RealFarm, ledger: Ledger, nth: int) -> None:
    """Kill `modemfarm batch` while the daemon sends its first rows, and repeat it."""
    file = farm.folder / f"batch-{ledger.kills['batch']}.ndjson"
    file.write_bytes(_rows(farm, ledger))
    words = [*PROGRAM, "-c", str(farm.config), "batch", str(file), "--json"]
    taking = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    farm.kill_at("result", nth, taking.pid)
    out, _ = taking.communicate(timeout=PATIENT_S)
    assert taking.returncode == -9, f"the command was over before the kill: {out!r}"
    again = farm.cli("batch", str(file), "--json")
    assert again.code == 0, again
    assert again.document["accepted"] == TEXTS_A_KILL + ROWS_LATER, again
    refused = farm.cli("batch", str(file), "--json")
    assert refused.code == 2, refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all kills of one farm came to.

    Attributes:
        doubted: parts whose step 3 was committed and whose result was not, at some kill.
        unknown: parts that are still unknown.
        without_report: messages whose +CDS was said to a dead or dying daemon.
    """

    kills: Counter[str]
    doubted: int
    unknown: int
    delivered: int
    told: int
    without_report: int


def check(farm: RealFarm, ledger: Ledger, within_s: float = 60.0) -> Outcome:
    """Let everything end, then hold the log against what was asked.

    Raises:
        AssertionError: something was lost without being told, or doubled, or is unknown without reason.
    """
    _settle(farm, ledger, within_s)
    rows = farm.listed("/v1/messages?" + "&".join(f"state={state}" for state in sorted({*FINAL, "sent"})))
    verdict = farm.judge(ledger.wanted)
    assert not verdict.doubled, f"doubled: {verdict.doubled}"
    state_of = {(row["to"], row["text"]): row["state"] for row in rows}
    assert len(state_of) == len(rows) == len(ledger.wanted)
    states = Counter(state_of.values())
    assert set(states) <= {"delivered", "unknown", "sent"}, states
    untold = [text for text in verdict.lost if state_of[text] != "unknown"]
    assert not untold, f"lost: {untold}"
    unknown = {(row["id"], part["number"]) for row in rows for part in row["parts"] if part["state"] == "unknown"}
    assert unknown <= ledger.doubt, f"unknown without reason: {unknown - ledger.doubt}"
    _check_inbound(farm, ledger)
    _check_later(farm, ledger)
    return Outcome(
        ledger.kills, len(ledger.doubt), len(unknown), states["delivered"], states["unknown"], states["sent"]
    )


def _settle(farm: RealFarm, ledger: Ledger, within_s: float) -> None:
    query = "&".join(f"state={state}" for state in ("held", "queued", "sending", "sent"))

    def settled() -> bool:
        rows = farm.listed(f"/v1/messages?{query}")
        return all(row["state"] == "sent" for row in rows) and all(
            _report_lost(farm, ledger, row["to"], part["mr"])
            for row in rows
            for part in row["parts"]
            if part["state"] == "sent"
        )

    def still_open() -> str:
        rows = farm.listed(f"/v1/messages?{query}")
        kinds = [(row["to"], row["state"], row["reason"], row["parts"]) for row in rows]
        return f"open: {kinds}\nstops: {ledger.stops}\n{farm.said()[-3000:]}"

    until(settled, within_s, still_open, 0.2)


def _report_lost(farm: RealFarm, ledger: Ledger, to: str, mr: int) -> bool:
    """Whether a report was said, not stored, while no daemon lived that could have kept it."""
    families = [modem["family"] for modem in farm.ctl("stats")["modems"]]
    return any(
        line["to"] == to
        and line["mr"] == mr
        and families[line["modem"]] not in STORING
        and any(begin <= line["t"] <= end for begin, end in ledger.stops)
        for line in farm.log("report")
    )


def _check_inbound(farm: RealFarm, ledger: Ledger) -> None:
    """Each message that the SIMs got is stored once, and nothing is left on them."""
    until(lambda: len(farm.listed("/v1/inbound")) >= len(ledger.inbound), 20, "the inbound messages")
    found = Counter(row["text"] for row in farm.listed("/v1/inbound") if row["complete"])
    assert found == ledger.inbound, (found - ledger.inbound, ledger.inbound - found)


def _check_later(farm: RealFarm, ledger: Ledger) -> None:
    """Each row of an intake that was broken off is there once."""
    if ledger.later:
        found = Counter(row["reference"] for row in farm.listed("/v1/messages?state=scheduled"))
        assert found == Counter(ledger.later), len(found)
