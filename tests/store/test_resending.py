"""Parts in doubt: sent again where their sender asked for it, or settled by a person."""

from __future__ import annotations

from modemfarm.store import actions
from modemfarm.store.engine import Store
from tests.store.tools import (
    LONG,
    NOW,
    SIM,
    accepted,
    add,
    after,
    counted,
    end,
    message,
    see,
    send,
    states,
    submit,
    uncertain,
)


def test_resend_unknown_waits_two_minutes_and_resends_twice_at_the_most(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        at = 0.0
        for _ in range(3):
            _, attempt = submit(tx, at=after(at))
            end(tx, attempt, uncertain("port_lost", after(at)))
            assert states(tx, number) == ["unknown"]
            assert actions.resend_unknown(tx, after(at + 119)) == 0
            actions.resend_unknown(tx, after(at + 120))
            at += 120
        assert states(tx, number) == ["unknown"]
        assert message(tx, number)["resent"] == 2
        assert tx.value("SELECT count(*) FROM attempts") == 3
        assert counted(tx) == {SIM: 3}  # each may have left


def test_nothing_is_resent_unless_its_sender_asked(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("port_lost"))
        assert actions.resend_unknown(tx, after(9999)) == 0
        assert states(tx, number) == ["unknown"]


def test_evidence_for_one_part_does_not_end_the_resend_of_another(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG, resend_unknown=True)
        first = submit(tx)[1]
        end(tx, first, uncertain("port_lost"))
        second = submit(tx, at=after(2))[1]
        end(tx, second, uncertain("port_lost", after(3)))
        send(tx, at=after(4))
        end(tx, first, accepted(5, after(20), late=True))
        assert states(tx, number) == ["sent", "unknown", "sent"]
        assert actions.resend_unknown(tx, after(9999)) == 1
        assert states(tx, number) == ["sent", "waiting", "sent"]


def test_a_resend_after_the_validity_is_no_resend(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True, valid_until=after(60))
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("port_lost"))
        assert actions.resend_unknown(tx, after(120)) == 0
        assert actions.resend_unknown(tx, after(240)) == 0
        assert (states(tx, number), message(tx, number)["state"]) == (["unknown"], "unknown")


def test_resolving_is_a_persons_word_for_good(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        one, two = add(tx, resend_unknown=True), add(tx)
        for _ in range(2):
            _, attempt = submit(tx)
            end(tx, attempt, uncertain("port_lost"))
        assert actions.resolve(tx, one, True, NOW) == "sent"
        assert actions.resolve(tx, two, False, NOW) == "failed"
        assert actions.resolve(tx, two, True, NOW) == "failed"
        assert actions.resolve(tx, 999, True, NOW) is None
        assert (message(tx, one)["resolved"], message(tx, two)["resolved"]) == ("sent", "failed")
        assert actions.resend_unknown(tx, after(9999)) == 0
