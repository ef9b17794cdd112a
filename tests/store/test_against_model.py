"""The store against a simple model: after any walk both say the same of every part, message and counter."""

from __future__ import annotations

import itertools
import os
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from modemfarm.model import UNLIMITED, Evidence
from modemfarm.store import actions, hosts, queue, steps, suppress
from modemfarm.store.engine import Store, Tx, from_us
from tests.store.model_farm import DAY_S, Message, ModelFarm, Part
from tests.store.tools import (
    LONG,
    NOW,
    OTHER,
    SIM,
    accepted,
    add,
    after,
    claim,
    end,
    ended,
    get,
    permit,
    report_pdu,
    see,
    uncertain,
)

PEOPLE = ("+8613800138000", "+8613900139000", "+8613700137000")
SIMS = (SIM, OTHER)
HOW = ("accepted", "accepted", "not_sent", "timeout", "timeout", "port_lost")
MIDNIGHT = (NOW.replace(hour=0, minute=0) - NOW).total_seconds()  # plans without a reset time begin their day there
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "10"))  # a soak draws many more


class Against(RuleBasedStateMachine):
    """Sessions, crashes, reports, people and time, in any order, on the store and on the model."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.farm = ModelFarm()
        self.at = 0.0
        self.held: dict[int, tuple[int, str]] = {}  # attempt -> part, SIM: claimed
        self.flying: dict[int, str] = {}  # attempt -> SIM: past step 3
        self.doubted: dict[int, str] = {}
        self.mrs = {sim: itertools.count() for sim in SIMS}
        with store.write() as tx:
            for sim in SIMS:
                see(tx, sim)

    def _now(self, seconds: float = 7) -> float:
        self.at += seconds
        return self.at

    def _day(self, at: float) -> float:
        return at - MIDNIGHT

    @rule(
        long=st.booleans(),
        who=st.sampled_from(PEOPLE),
        again=st.sampled_from((True, True, False)),
        priority=st.integers(0, 9),
    )
    def take_in(self, long: bool, who: str, again: bool, priority: int) -> None:
        at = self._now()
        with self.store.write() as tx:
            text = LONG if long else "x"
            number = add(tx, at=after(at), to=who, text=text, resend_unknown=again, priority=priority)
        parts = [Part(place) for place in range(1, 4 if long else 2)]
        self.farm.messages[number] = Message(
            number, who, 9 - priority, self._day(at), parts, again, refused=who in self.farm.out
        )

    @rule(sim=st.sampled_from(SIMS))
    def claims(self, sim: str) -> None:
        at = self._now()
        expected = self.farm.next_part(sim)
        with self.store.write() as tx:
            found = claim(tx, sim, at=after(at))
        assert (found is None) == (expected is None)
        if found is None or expected is None:
            return
        candidate, attempt = found
        assert (candidate.message_id, candidate.part_number) == (expected[0].id, expected[1].number)
        self.farm.claim(sim, attempt, self._day(at))
        self.held[attempt] = candidate.part_id, sim

    @precondition(lambda self: self.held)
    @rule(draw=st.randoms(use_true_random=False))
    def goes_through_step_3(self, draw: Random) -> None:
        at = self._now()
        attempt = draw.choice(sorted(self.held))
        part, sim = self.held.pop(attempt)
        with self.store.write() as tx:
            said = steps.submitting(tx, permit(part, attempt, at=after(at), plan=UNLIMITED, owner=sim), after(at))
        assert (said is None) == self.farm.submit(attempt, self._day(at)), said
        if said is None:
            self.flying[attempt] = sim

    @precondition(lambda self: self.held)
    @rule(draw=st.randoms(use_true_random=False))
    def is_given_back(self, draw: Random) -> None:
        attempt = draw.choice(sorted(self.held))
        part, _ = self.held.pop(attempt)
        with self.store.write() as tx:
            queue.give_back(tx, part, attempt, after(self._now()))
        self.farm.back(attempt)

    @precondition(lambda self: self.flying)
    @rule(
        draw=st.randoms(use_true_random=False),
        how=st.sampled_from(HOW),
        twice=st.booleans(),
    )
    def comes_to_an_end(self, draw: Random, how: str, twice: bool) -> None:
        at = self._now()
        attempt = draw.choice(sorted(self.flying))
        sim = self.flying.pop(attempt)
        now = after(at)
        if how == "accepted":
            mr = next(self.mrs[sim])
            outcome = accepted(mr, now)
            self.farm.accept(attempt, mr, at)
        elif how == "not_sent":
            outcome = ended(Evidence.NOT_SENT, now, text="no_prompt")
            self.farm.back(attempt)
        else:
            outcome = uncertain(how, now)
            self.farm.doubt(attempt, self._day(at))
            self.doubted[attempt] = sim
        with self.store.write() as tx:
            for _ in range(1 + twice):
                end(tx, attempt, outcome, now)
            actions.sim_resume(tx, sim, now)  # two without a result park it; a person has looked

    @rule(sim=st.sampled_from(SIMS), how=st.sampled_from(HOW), draw=st.randoms(use_true_random=False))
    def goes_all_the_way(self, sim: str, how: str, draw: Random) -> None:
        """Most parts do: walks that only wander seldom get far."""
        self.claims(sim)
        if self.held:
            self.goes_through_step_3(draw)
        if self.flying:
            self.comes_to_an_end(draw, how, twice=False)

    @rule(sim=st.sampled_from(SIMS), who=st.sampled_from(PEOPLE), draw=st.randoms(use_true_random=False))
    def is_doubted_and_sent_again(self, sim: str, who: str, draw: Random) -> None:
        self.take_in(long=False, who=who, again=True, priority=9)
        self.goes_all_the_way(sim, "timeout", draw)
        self.time_goes_by(130.0)

    @precondition(lambda self: self.doubted)
    @rule(draw=st.randoms(use_true_random=False))
    def is_heard_of_late(self, draw: Random) -> None:
        at = self._now()
        attempt = draw.choice(sorted(self.doubted))
        found = self.farm.of_attempt(attempt)
        if found is None or found[1].state != "unknown":
            return  # another copy of it waits, or a person has spoken: tests/store/test_walk.py goes there
        sim = self.doubted.pop(attempt)
        mr = next(self.mrs[sim])
        with self.store.write() as tx:
            end(tx, attempt, accepted(mr, after(at), late=True), after(at))
        self.farm.accept(attempt, mr, at)

    @rule(draw=st.randoms(use_true_random=False), arrived=st.booleans(), twice=st.booleans(), stranger=st.booleans())
    def is_reported(self, draw: Random, arrived: bool, twice: bool, stranger: bool) -> None:
        sent = [
            (part.sim, part.mr, message.to, part.at)
            for message in self.farm.messages.values()
            for part in message.parts
            if part.mr is not None
        ]
        if not sent:
            return
        at = self._now()
        sim, mr, to, gone = draw.choice(sent)
        assert sim is not None
        assert mr is not None
        if stranger:  # the number of another message: it is about none of this person's, unless one is in doubt
            to = draw.choice([other for other in PEOPLE if other != to])
            if any(
                part.state in ("unknown", "submitting")
                for message in self.farm.messages.values()
                if message.to == to
                for part in message.parts
            ):
                return
        pdu = report_pdu(mr, 0 if arrived else 0x41, to=to, sent=after(gone), done=after(at))
        with self.store.write() as tx:
            for _ in range(1 + twice):
                get(tx, pdu, at=after(at), iccid=sim)
        self.farm.report(sim, mr, to, arrived)

    @precondition(lambda self: self.farm.messages)
    @rule(draw=st.randoms(use_true_random=False), what=st.sampled_from(("cancel", "sent", "failed")))
    def a_person_decides(self, draw: Random, what: str) -> None:
        at = self._now()
        number = draw.choice(sorted(self.farm.messages))
        with self.store.write() as tx:
            if what == "cancel":
                actions.cancel(tx, number, after(at))
                self.farm.cancel(number)
            else:
                actions.resolve(tx, number, what == "sent", after(at))
                self.farm.resolve(number, what == "sent")

    @rule(who=st.sampled_from(PEOPLE), lift=st.booleans())
    def opts_out_or_in(self, who: str, lift: bool) -> None:
        at = self._now()
        with self.store.write() as tx:
            if lift:
                suppress.remove(tx, who, after(at))
                self.farm.out.discard(who)
            else:
                suppress.add(tx, who, who[-9:], "web", after(at))
                self.farm.opt_out(who)

    @rule(seconds=st.sampled_from((130.0, 130.0, 3600.0, DAY_S / 2, 2.2 * DAY_S)))
    def time_goes_by(self, seconds: float) -> None:
        at = self._now(seconds)
        with self.store.write() as tx:
            actions.resend_unknown(tx, after(at))
            actions.expire(tx, after(at))
        self.farm.later(self._day(at))

    @rule()
    def is_killed_and_started(self) -> None:
        at = self._now()
        with self.store.write() as tx:
            hosts.recover(tx, "here", after(at))
        self.farm.crash(self._day(at))
        self.doubted.update(self.flying)
        self.held.clear()
        self.flying.clear()

    @invariant()
    def both_say_the_same(self) -> None:
        with self.store.read() as tx:
            assert _parts(tx) == {
                message.id: [part.state for part in message.parts]
                for message in self.farm.messages.values()
                if not message.refused
            }
            found = {row["id"]: row["state"] for row in tx.all("SELECT id, state FROM messages")}
            assert {number: _plain(state) for number, state in found.items()} == {
                number: message.state() for number, message in self.farm.messages.items()
            }
            assert self._counters(tx) == self.farm.counters()

    def _counters(self, tx: Tx) -> dict[tuple[str, int], int]:
        return {
            (row["owner"], int(self._day((from_us(row["starts_at"]) - NOW).total_seconds()) // DAY_S)): row["used"]
            for row in tx.all("SELECT owner, starts_at, used FROM counters WHERE period = 'day' AND used <> 0")
        }


def _plain(state: str) -> str:
    return "waits" if state in ("queued", "held", "scheduled") else state


def _parts(tx: Tx) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in tx.all("SELECT message_id, state FROM parts ORDER BY message_id, part_number"):
        found.setdefault(row["message_id"], []).append(row["state"])
    return found


def test_any_walk_leaves_the_store_as_the_model_says(store: Store) -> None:
    def fresh() -> Against:
        _empty(store)
        return Against(store)

    run_state_machine_as_test(
        fresh,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            phases=[
                Phase.explicit,
                Phase.generate,
            ],  # a walk of thirty steps is read as it is; making it shorter takes long
            suppress_health_check=list(HealthCheck),
        ),
    )


def _empty(store: Store) -> None:
    """Every example begins with nothing, on the connection that the last one used."""
    kept = ("farm", "audit")  # which refuses
    with store.write() as tx:
        from modemfarm.store.schema.whole import meta

        for table in meta.sorted_tables:
            if table.name not in kept and table.name != "audit":  # which refuses
                tx.run(f"DELETE FROM {table.name}")
