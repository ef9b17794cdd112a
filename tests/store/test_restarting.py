"""What a restart finds, and whose name a host has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modemfarm.model import SimState
from modemfarm.store import hosts, sims, steps, views
from modemfarm.store.engine import Store
from tests.store.tools import (
    INTAKE,
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
    message,
    permit,
    see,
    states,
    submit,
    take,
    uncertain,
)


def test_a_restart_gives_back_what_was_claimed_and_doubts_what_was_submitting(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        doubted, claimed = add(tx, resend_unknown=True), add(tx)
        submit(tx)
        claim(tx, OTHER)
        assert hosts.recover(tx, "elsewhere", NOW) == (0, 0)
        assert hosts.recover(tx, "here", NOW) == (1, 1)
        assert (states(tx, doubted), states(tx, claimed)) == (["unknown"], ["waiting"])
        assert (message(tx, doubted)["state"], message(tx, claimed)["state"]) == ("unknown", "queued")
        assert message(tx, doubted)["resend_at"] is not None
        assert counted(tx) == charged(tx) == {SIM: 1}
        assert hosts.recover(tx, "here", NOW) == (0, 0)
        assert tx.value("SELECT uncertain_in_row FROM sims WHERE iccid = :i", i=SIM) == 0


def test_a_port_whose_last_part_is_in_doubt_is_only_listened_to(store: Store) -> None:
    within = timedelta(seconds=60)
    with store.write() as tx:
        see(tx)
        add(tx)
        _, attempt = submit(tx)
        path = "/dev/23"
        assert hosts.open_attempt(tx, "here", path, after(1), within) is None  # a live one belongs to its session
        hosts.recover(tx, "here", after(1))
        row = hosts.open_attempt(tx, "here", path, after(2), within)
        assert row is not None
        assert (row["id"], row["iccid"]) == (attempt, SIM)
        assert hosts.open_attempt(tx, "elsewhere", path, after(2), within) is None
        assert hosts.open_attempt(tx, "here", "/dev/other", after(2), within) is None
        assert hosts.open_attempt(tx, "here", path, after(60), within) is None
        end(tx, attempt, accepted(3, after(3), late=True))
        assert hosts.open_attempt(tx, "here", path, after(4), within) is None


def test_what_ended_by_an_error_line_is_not_waited_for(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("ERROR", kind="error"))
        assert hosts.open_attempt(tx, "here", "/dev/23", after(1), None) is None


def test_the_lease_of_a_name_belongs_to_the_last_run_that_took_it(store: Store) -> None:
    with store.write() as tx:
        assert hosts.take_lease(tx, "here", "a:1", 1, "0", NOW)
        assert hosts.renew_lease(tx, "here", "a:1", after(5))
        assert hosts.take_lease(tx, "here", "a:2", 2, "0", after(6))
        assert not hosts.renew_lease(tx, "here", "a:1", after(7))
        assert [row["pid"] for row in hosts.alive(tx, after(20))] == [2]
        assert hosts.alive(tx, after(22)) == []


def test_a_living_lease_is_not_taken_by_another_state_directory(store: Store) -> None:
    with store.write() as tx:
        assert hosts.take_lease(tx, "here", "a:1", 1, "0", NOW)
        assert not hosts.take_lease(tx, "here", "b:1", 2, "0", after(14))
        assert hosts.take_lease(tx, "there", "b:1", 2, "0", after(14))
        assert hosts.renew_lease(tx, "here", "a:1", after(14))
        hosts.end_lease(tx, "here", "a:1", after(15))
        assert hosts.take_lease(tx, "here", "b:1", 2, "0", after(15))


def test_intake_settings_of_the_suite_are_the_defaults() -> None:
    assert INTAKE.max_parts == 10


@pytest.mark.parametrize("state", [SimState.PAUSED, SimState.PARKED])
def test_a_part_claimed_ahead_does_not_leave_a_sim_that_was_stopped(store: Store, state: SimState) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        part, attempt = take(tx)
        sims.set_state(tx, SIM, state, NOW)
        assert steps.submitting(tx, permit(part.part_id, attempt), NOW) == f"sim_{state}"
        assert states(tx, number) == ["waiting"]
        assert message(tx, number)["reason"] == f"sim_{state}"


def test_after_a_crash_no_modem_is_said_to_work(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        facts = dict.fromkeys(
            ("imei", "usb_path", "family", "manufacturer", "model", "firmware", "since", "signal_dbm", "operator",
             "technology", "last_success_at")
        )  # fmt: skip
        shown = {"path": "/dev/x", "state": "working", "sentence": "ready", "params": "{}", "next_action": ""}
        sims.write_modem(tx, "here", {**facts, **shown, "iccid": SIM, "registration": "home"}, NOW)
        assert views.can_send(tx)
        sims.nowhere(tx, "here", NOW)
        assert not views.can_send(tx)


@pytest.mark.parametrize(("trusted", "said"), [(True, "validity_expired"), (False, None)])
def test_a_clock_in_doubt_ends_no_validity_at_step_3(store: Store, trusted: bool, said: str | None) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, valid_for=timedelta(hours=1))
        part, attempt = take(tx)
        late = after(7200)
        asked = replace(permit(part.part_id, attempt, at=NOW), clock_trusted=trusted)
        assert steps.submitting(tx, asked, late) == said
