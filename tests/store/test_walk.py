"""Any walk of parts through the queue: moves, charges and the message's state stay true at every step."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modemfarm.model import UNLIMITED, Evidence, MessageState, PartState, derive
from modemfarm.store import actions, faults, hosts, leaving, migrations, queue, steps, suppress
from modemfarm.store.engine import Store
from tests.store.conftest import _TRIGGER
from tests.store.tools import (
    INTAKE,
    LONG,
    NOW,
    OTHER,
    SIM,
    accepted,
    add,
    after,
    charged,
    claim,
    counted,
    end,
    ended,
    get,
    permit,
    refused,
    report_pdu,
    see,
    uncertain,
)

PEOPLE = ("+8613800138000", "+8613900139000")
OUTCOMES = ("accepted", "not_sent", "timeout", "port_lost", "38", "1", "late")


class Walk(RuleBasedStateMachine):
    """Sessions, people, reports and restarts in any order; the store is SQLite, the trigger watches MOVES."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="modemfarm-walk-"))
        self.store = Store("sqlite:///farm.db", self.folder)
        migrations.upgrade(self.store, NOW)
        with self.store.write() as tx:
            tx.connection.exec_driver_sql(_TRIGGER["sqlite"])
            see(tx, SIM)
            see(tx, OTHER)
        self.clock = itertools.count(1, 7)
        self.at = 0
        self.claimed: dict[int, tuple[int, str]] = {}  # attempt -> part, SIM
        self.submitted: dict[int, int] = {}
        self.doubted: list[int] = []
        self.mrs = itertools.count()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            with self.store.read() as tx:
                told = faults.faults(tx)
            self.store.close()
            shutil.rmtree(self.folder)
            assert told == []

    def _tick(self, seconds: int = 0) -> None:
        self.at = max(self.at, next(self.clock)) + seconds

    @rule(
        long=st.booleans(),
        who=st.sampled_from(PEOPLE),
        again=st.booleans(),
        kept=st.booleans(),
        priority=st.integers(0, 9),
    )
    def take_in(self, long: bool, who: str, again: bool, kept: bool, priority: int) -> None:
        self._tick()
        about = {"text": LONG if long else "x", "resend_unknown": again, "store_text": kept, "priority": priority}
        with self.store.write() as tx:
            add(tx, at=after(self.at), to=who, settings=INTAKE, **about)

    @rule(sim=st.sampled_from((SIM, OTHER)))
    def claim(self, sim: str) -> None:
        self._tick()
        with self.store.write() as tx:
            found = claim(tx, sim, at=after(self.at))
        if found:
            self.claimed[found[1]] = (found[0].part_id, sim)

    @rule(pick=st.randoms(use_true_random=False))
    def step_3(self, pick: object) -> None:
        self._tick()
        if not self.claimed:
            return
        attempt = sorted(self.claimed)[pick.randrange(len(self.claimed))]  # type: ignore[attr-defined]
        part, sim = self.claimed.pop(attempt)
        with self.store.write() as tx:
            said = steps.submitting(
                tx, permit(part, attempt, at=after(self.at), plan=UNLIMITED, owner=sim), after(self.at)
            )
        if said is None:
            self.submitted[attempt] = part

    @rule(pick=st.randoms(use_true_random=False))
    def release(self, pick: object) -> None:
        if not self.claimed:
            return
        attempt = sorted(self.claimed)[pick.randrange(len(self.claimed))]  # type: ignore[attr-defined]
        part, _ = self.claimed.pop(attempt)
        with self.store.write() as tx:
            queue.give_back(tx, part, attempt, after(self.at))

    @rule(pick=st.randoms(use_true_random=False), kind=st.sampled_from(OUTCOMES), twice=st.booleans())
    def settle(self, pick: object, kind: str, twice: bool) -> None:
        self._tick()
        pool = self.doubted if kind == "late" else sorted(self.submitted)
        if not pool:
            return
        attempt = pool[pick.randrange(len(pool))]  # type: ignore[attr-defined]
        now = after(self.at)
        match kind:
            case "accepted" | "late":
                outcome = accepted(next(self.mrs) % 256, now, late=kind == "late")
            case "not_sent":
                outcome = ended(Evidence.NOT_SENT, now, text="port_lost")
            case "timeout" | "port_lost":
                outcome = uncertain(kind, now)
                self.doubted.append(attempt)
            case _:
                outcome = refused(int(kind), now)
        self.submitted.pop(attempt, None)
        with self.store.write() as tx:
            for _ in range(1 + twice):
                end(tx, attempt, outcome, now)

    @rule(
        mr=st.integers(0, 20),
        who=st.sampled_from(PEOPLE),
        sim=st.sampled_from((SIM, OTHER)),
        status=st.sampled_from((0, 1, 0x20, 0x41)),
    )
    def report(self, mr: int, who: str, sim: str, status: int) -> None:
        self._tick()
        with self.store.write() as tx:
            get(tx, report_pdu(mr, status, to=who, sent=after(self.at)), at=after(self.at), iccid=sim)

    @rule(number=st.integers(1, 12), what=st.sampled_from(("cancel", "sent", "failed")))
    def person(self, number: int, what: str) -> None:
        self._tick()
        with self.store.write() as tx:
            if what == "cancel":
                actions.cancel(tx, number, after(self.at))
            else:
                actions.resolve(tx, number, what == "sent", after(self.at))

    @rule(who=st.sampled_from(PEOPLE), lift=st.booleans())
    def opt_out(self, who: str, lift: bool) -> None:
        self._tick()
        with self.store.write() as tx:
            if lift:
                suppress.remove(tx, who, after(self.at))
            else:
                suppress.add(tx, who, who[-9:], "web", after(self.at))

    @rule(on=st.booleans(), scope=st.sampled_from(("all", "class")))
    def pause(self, on: bool, scope: str) -> None:
        self._tick()
        value = "transactional" if scope == "class" else ""
        with self.store.write() as tx:
            (actions.pause if on else actions.resume)(tx, scope, value, after(self.at))

    @rule(seconds=st.sampled_from((130, 1800, 50_000)))
    def wait(self, seconds: int) -> None:
        self._tick(seconds)
        with self.store.write() as tx:
            actions.resend_unknown(tx, after(self.at))
            actions.expire(tx, after(self.at))
            actions.close_unreported(tx, after(self.at))

    @rule(sim=st.sampled_from((SIM, OTHER)), gone=st.booleans())
    def sim_stays_away(self, sim: str, gone: bool) -> None:
        self._tick()
        with self.store.write() as tx:
            leaving.unbind(tx, sim)
            if gone:
                leaving.give_up_started(tx, sim, after(self.at))

    @rule()
    def restart(self) -> None:
        self._tick()
        with self.store.write() as tx:
            hosts.recover(tx, "here", after(self.at))
        self.doubted += sorted(self.submitted)
        self.claimed.clear()
        self.submitted.clear()

    @invariant()
    def counters_are_what_parts_are_charged(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.read() as tx:
            resent = tx.value("SELECT coalesce(sum(resent), 0) FROM messages")
            on_parts, on_counters = charged(tx), counted(tx)
            assert all(count >= on_parts.get(owner, 0) for owner, count in on_counters.items())
            if not resent:
                assert on_parts == on_counters
            assert not tx.value("SELECT count(*) FROM counters WHERE used < 0")

    @invariant()
    def every_message_says_what_its_parts_are(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.read() as tx:
            for message in tx.all("SELECT id, state, final_at FROM messages WHERE state <> 'refused'"):
                rows = tx.all("SELECT state FROM parts WHERE message_id = :id", id=message["id"])
                found = [PartState(row["state"]) for row in rows]
                state = derive(found, MessageState.QUEUED)
                waits = state is MessageState.QUEUED
                assert message["state"] in (("queued", "held", "scheduled") if waits else (state.value,)), found

    @invariant()
    def no_part_is_in_two_hands(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.read() as tx:
            rows = tx.all("SELECT id, attempt_id FROM parts WHERE state = 'submitting'")
            assert {row["attempt_id"] for row in rows} <= self.submitted.keys()
            open_ones = tx.all("SELECT state FROM parts WHERE state = 'claimed' AND attempt_id IS NULL")
            assert open_ones == []


Walk.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyWalk = Walk.TestCase
