"""The wire table's rows, and what the classes of errors make of a message."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from modemfarm.at.errors_table import ErrorTable
from modemfarm.farm.triage import (
    Decision,
    Fail,
    History,
    HoldOnSim,
    OtherSim,
    Repair,
    RetryLater,
    Unknown,
    spread,
    triage,
)
from modemfarm.model import Evidence, MessageClass, Outcome
from modemfarm.resources import shipped

TABLE = ErrorTable.from_mapping(tomllib.loads(shipped("drivers/errors.toml").read_text(encoding="utf-8")))
CTRL_Z = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE, THERE = "8986001234567890123", "8986009876543210987"
ALICE, BOB, CAROL = "+491701234567", "+491707654321", "+8613800138000"


def history(**changes: object) -> History:
    return History(HERE, ALICE, **changes)  # type: ignore[arg-type]  # each test names the fields it means


def decide(
    code: int | None,
    *,
    kind: str = "cms",
    phase: str = "submitted",
    after_s: float = 4,
    message_class: MessageClass = MessageClass.TRANSACTIONAL,
    family: str | None = None,
    past: History | None = None,
) -> Decision:
    """What follows from an error."""
    ctrl_z = None if phase == "prompt" else CTRL_Z
    outcome = Outcome(Evidence.REFUSED, phase, CTRL_Z + timedelta(seconds=after_s), ctrl_z, kind=kind, code=code)
    return triage(outcome, message_class, family, past or history(), TABLE)


class TestBeforeCtrlZ:
    @pytest.mark.parametrize("text", ["no_prompt", "port_lost", "stop"])
    def test_no_prompt_or_port_gone_is_no_attempt(self, text: str) -> None:
        outcome = Outcome(Evidence.NOT_SENT, "prompt", CTRL_Z, text=text)
        for attempts in (0, 3, 99):
            past = history(attempts_counted=attempts)
            decision = triage(outcome, MessageClass.TRANSACTIONAL, None, past, TABLE)
            assert isinstance(decision, RetryLater)
            assert not decision.counts_attempt

    @pytest.mark.parametrize(("before", "counts"), [(0, False), (1, False), (2, False), (3, True)])
    def test_the_first_three_refusals_do_not_count(self, before: int, counts: bool) -> None:
        past = history(prompt_refusals=((HERE, "cms", 38),) * before)
        decision = decide(41, phase="prompt", past=past)
        assert isinstance(decision, RetryLater)
        assert decision.counts_attempt is counts

    def test_the_same_refusal_on_a_second_modem_fails_the_message(self) -> None:
        past = history(prompt_refusals=((THERE, "cms", 304),))
        assert decide(304, phase="prompt", past=past) == Fail("content")

    @pytest.mark.parametrize("refusal", [(THERE, "cms", 38), (THERE, "cme", 304), (HERE, "cms", 304)])
    def test_another_refusal_or_the_same_modem_does_not(self, refusal: tuple[str, str, int]) -> None:
        assert not isinstance(decide(304, phase="prompt", past=history(prompt_refusals=(refusal,))), Fail)

    @pytest.mark.parametrize("code", [331, 314, 310])
    def test_an_outage_or_a_card_on_two_modems_is_not_the_messages_fault(self, code: int) -> None:
        past = history(prompt_refusals=((THERE, "cms", code),))
        assert not isinstance(decide(code, phase="prompt", past=past), Fail)

    def test_content_gets_a_second_opinion(self) -> None:
        assert decide(304, phase="prompt") == OtherSim(HERE, counts_attempt=False)

    def test_an_error_that_may_be_anything_after_ctrl_z_is_plain_before_it(self) -> None:
        assert isinstance(decide(500, phase="prompt"), OtherSim)
        assert isinstance(decide(332, phase="prompt"), RetryLater)
        assert isinstance(decide(None, kind="error", phase="prompt"), OtherSim)

    def test_a_sim_that_cannot_is_parked(self) -> None:
        assert decide(315, phase="prompt") == OtherSim(HERE, count_sim=True, park="sim_unusable", counts_attempt=False)

    @pytest.mark.parametrize(("kind", "code"), [("cms", 310), ("cms", 311), ("cms", 316), ("cme", 10), ("cme", 12)])
    @pytest.mark.parametrize("phase", ["prompt", "submitted"])
    def test_a_card_that_is_missed_or_locked_is_looked_at_and_blamed_for_nothing(
        self, kind: str, code: int, phase: str
    ) -> None:
        decision = decide(code, kind=kind, phase=phase)
        assert isinstance(decision, Repair)
        assert (decision.slug, decision.exclude_iccid, decision.counts_attempt) == ("card", HERE, False)


class TestAfterCtrlZ:
    @pytest.mark.parametrize("text", ["ERROR", "ok_without_cmgs", "timeout", "port_lost"])
    def test_anything_uncertain_is_unknown(self, text: str) -> None:
        outcome = Outcome(Evidence.UNCERTAIN, "submitted", CTRL_Z + timedelta(seconds=9), CTRL_Z, text=text)
        assert triage(outcome, MessageClass.TRANSACTIONAL, None, history(), TABLE) == Unknown()

    @pytest.mark.parametrize(
        ("kind", "code"), [("error", None), ("cms", None), ("cms", 332), ("cms", 500), ("cms", 300), ("cme", 30)]
    )
    def test_an_error_that_may_hide_acceptance_is_unknown(self, kind: str, code: int | None) -> None:
        assert decide(code, kind=kind) == Unknown()

    @pytest.mark.parametrize("code", [1, 41, 38, 10, 95, 310, 330, 314, 21])
    def test_a_refusal_later_than_30_s_is_unknown(self, code: int) -> None:
        assert decide(code, after_s=30) != Unknown()
        assert decide(code, after_s=30.1) == Unknown()

    def test_a_refusal_from_before_ctrl_z_by_the_clock_is_unknown(self) -> None:
        assert decide(41, after_s=-1) == Unknown()

    def test_duplicate_is_unknown(self) -> None:
        assert decide(197) == Unknown()

    @pytest.mark.parametrize(("code", "family"), [(512, "simcom"), (512, None), (513, "wavecom"), (515, "telit")])
    def test_a_vendors_no_error_is_no_success(self, code: int, family: str | None) -> None:
        assert decide(code, family=family) == Unknown()

    def test_acceptance_is_not_for_triage(self) -> None:
        with pytest.raises(ValueError, match="accepted"):
            triage(
                Outcome(Evidence.ACCEPTED, "submitted", CTRL_Z, CTRL_Z, mr=1),
                MessageClass.TRANSACTIONAL,
                None,
                history(),
                TABLE,
            )


class TestClasses:
    @pytest.mark.parametrize(
        ("code", "slug"), [(1, "recipient"), (195, "recipient"), (95, "content"), (304, "content")]
    )
    def test_recipient_and_content_fail(self, code: int, slug: str) -> None:
        assert decide(code) == Fail(slug)

    @pytest.mark.parametrize(
        ("code", "delays"), [(41, (30, 120, 600)), (38, (120, 600, 1800)), (27, (300, 1800, 7200))]
    )
    def test_later_is_later_each_time_and_ends(self, code: int, delays: tuple[int, ...]) -> None:
        for attempt, delay in enumerate(delays):
            decision = decide(code, past=history(attempts_counted=attempt))
            assert isinstance(decision, RetryLater)
            assert decision.counts_attempt
            assert delay <= decision.delay_s <= 1.5 * delay
        assert isinstance(decide(code, past=history(attempts_counted=3)), Fail)

    def test_three_attempts_that_count_are_enough(self) -> None:
        assert decide(41, past=history(attempts_counted=3)) == Fail("network")

    def test_a_started_message_that_ends_so_is_partial(self) -> None:
        assert decide(41, past=history(attempts_counted=3, started=True)) == Fail("partial")

    @pytest.mark.parametrize(
        ("kind", "code", "family"), [("cms", 314, None), ("cme", 14, None), ("cms", 515, "wavecom")]
    )
    def test_not_ready_waits_on_the_same_modem(self, kind: str, code: int, family: str | None) -> None:
        decision = decide(code, kind=kind, family=family)
        assert isinstance(decision, RetryLater)
        assert not decision.counts_attempt
        assert 2 <= decision.delay_s <= 10

    def test_not_ready_again_and_again_is_repaired(self) -> None:
        past = history(sim_recent_failures=((BOB, 314),) * 4)
        decision = decide(314, past=past)
        assert isinstance(decision, Repair)
        assert (decision.slug, decision.exclude_iccid) == ("not_ready", HERE)

    def test_sim_failure_that_stays_parks_the_sim(self) -> None:
        decision = decide(313, past=history(sim_recent_failures=((BOB, 313),) * 4))
        assert decision == OtherSim(HERE, count_sim=True, park="sim_unusable")

    @pytest.mark.parametrize(
        ("code", "family", "slug"),
        [
            (330, None, "smsc"),
            (208, None, "store"),
            (198, None, "validity"),
            (301, None, "device"),
            (515, "simcom", "device"),
        ],
    )
    def test_device_and_setting_are_repaired_while_another_sim_sends(
        self, code: int, family: str | None, slug: str
    ) -> None:
        decision = decide(code, family=family)
        assert isinstance(decision, Repair)
        assert (decision.slug, decision.exclude_iccid) == (slug, HERE)

    def test_ambiguous_goes_once_to_another_sim_then_later_then_fails(self) -> None:
        assert decide(21) == OtherSim(HERE)
        assert isinstance(decide(21, past=history(iccids_tried=(THERE,), attempts_counted=1)), RetryLater)
        assert decide(21, past=history(iccids_tried=(THERE,), attempts_counted=3)) == Fail("network")

    def test_unknown_subscriber_on_two_sims_is_the_recipients(self) -> None:
        assert decide(30, past=history(iccids_tried=(THERE,), attempts_counted=1)) == Fail("recipient")


class TestSims:
    def test_one_refusal_moves_the_message_and_counts(self) -> None:
        assert decide(28) == OtherSim(HERE, count_sim=True)

    def test_three_recipients_in_a_row_park_the_sim(self) -> None:
        assert decide(28, past=history(sim_recent_failures=((BOB, 29),))) == OtherSim(HERE, count_sim=True)
        past = history(sim_recent_failures=((BOB, 29), (CAROL, 28)))
        assert decide(28, past=past) == OtherSim(HERE, count_sim=True, park="operator_refusal")

    @pytest.mark.parametrize(("code", "slug"), [(8, "operator_block"), (10, "sim_barred"), (50, "not_subscribed")])
    def test_two_are_enough_where_the_operator_bars(self, code: int, slug: str) -> None:
        past = history(sim_recent_failures=((BOB, code),))
        assert decide(code, past=past) == OtherSim(HERE, count_sim=True, park=slug)

    @pytest.mark.parametrize("code", [8, 50])
    def test_codes_that_differ_have_no_condition_of_their_own(self, code: int) -> None:
        past = history(sim_recent_failures=((BOB, 10),))
        assert decide(code, past=past) == OtherSim(HERE, count_sim=True, park="operator_refusal")

    def test_the_same_recipient_counts_once(self) -> None:
        past = history(sim_recent_failures=((ALICE, 10), (ALICE, 10), (ALICE, 8)))
        assert decide(10, past=past) == OtherSim(HERE, count_sim=True)

    def test_a_sim_that_refuses_a_message_again_lets_others_pass_first(self) -> None:
        decision = decide(10, past=history(iccids_tried=(HERE,), attempts_counted=1))
        assert isinstance(decision, RetryLater)
        assert decision.delay_s >= 600
        assert decision.count_sim

    def test_what_is_not_the_sims_fault_does_not_count(self) -> None:
        past = history(sim_recent_failures=((BOB, 1), (CAROL, 41)))
        assert decide(10, past=past) == OtherSim(HERE, count_sim=True)

    def test_an_unusable_sim_is_parked_at_once(self) -> None:
        assert decide(315) == OtherSim(HERE, count_sim=True, park="sim_unusable")

    @pytest.mark.parametrize("code", [8, 28, 315, 21])
    def test_marketing_never_moves(self, code: int) -> None:
        decision = decide(code, message_class=MessageClass.MARKETING)
        assert isinstance(decision, HoldOnSim)

    def test_marketing_is_repaired_on_its_own_sim(self) -> None:
        decision = decide(330, message_class=MessageClass.MARKETING)
        assert isinstance(decision, Repair)
        assert decision.exclude_iccid is None

    @pytest.mark.parametrize("code", [8, 28, 310, 21, 330, 41, 314])
    @pytest.mark.parametrize("message_class", list(MessageClass))
    def test_a_started_message_never_changes_its_sim(self, code: int, message_class: MessageClass) -> None:
        decision = decide(code, message_class=message_class, past=history(started=True))
        assert not isinstance(decision, OtherSim | Fail | Unknown)
        assert getattr(decision, "exclude_iccid", None) is None

    def test_a_started_message_still_counts_against_its_sim(self) -> None:
        decision = decide(315, past=history(started=True))
        assert isinstance(decision, RetryLater)
        assert decision.count_sim
        assert decision.park == "sim_unusable"


def test_waits_are_spread_by_sim_and_attempt_and_never_by_chance() -> None:
    waits = {spread(iccid, attempt, 600) for iccid in (HERE, THERE) for attempt in range(3)}
    assert len(waits) == 6
    assert all(600 <= wait <= 900 for wait in waits)
    assert spread(HERE, 1, 600) == spread(HERE, 1, 600)
