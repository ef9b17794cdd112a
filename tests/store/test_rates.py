from __future__ import annotations

import pytest

from modemfarm.store import actions, figures, rates, rules, suppress
from modemfarm.store.engine import Store, Tx
from tests.store.tools import SIM, add, after, as_offer, see, us


def _offers(tx: Tx, count: int, refused: int, purpose: str, source: str = "reply") -> None:
    people = [f"+86138{len(purpose):02}{number:06}" for number in range(count)]
    first = as_offer(tx, add(tx, to=people[0], purpose=purpose))
    tx.run("UPDATE messages SET state = 'sent', iccid = :s, final_at = 1 WHERE id = :id", s=SIM, id=first)
    row = tx.one("SELECT * FROM messages WHERE id = :id", id=first)
    assert row is not None
    names = [name for name in row if name != "id"]
    tx.many(
        f"INSERT INTO messages ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})",
        [{**{name: row[name] for name in names}, "recipient": to} for to in people[1:]],
    )
    tx.run(
        "INSERT INTO marketing_sends (message_id, recipient, digest, at) SELECT id, recipient, 'x', :at FROM messages"
        " WHERE purpose = :purpose",
        at=us(0),
        purpose=purpose,
    )
    for to in people[:refused]:
        suppress.add(tx, to, to[-9:], source, after(60))


@pytest.mark.parametrize(
    ("count", "refused", "source", "stops"),
    [
        (200, 5, "reply", True),
        (260, 5, "reply", False),
        (199, 30, "reply", False),
        (200, 4, "reply", False),
        (200, 20, "import", False),
        (200, 5, "phone", True),
        (200, 5, "counter", True),
        (200, 5, "web", True),
        (200, 5, "complaint", True),
    ],
)
def test_offers_stop_where_too_many_said_no(store: Store, count: int, refused: int, source: str, stops: bool) -> None:
    with store.write() as tx:
        see(tx)
        _offers(tx, count, refused, "news", source)
        assert rates.watch(tx, after(120)) is stops
        assert actions.is_paused(tx, "marketing", None) is stops
        assert (rates.why_paused(tx) is not None) is stops


def test_a_person_resumes_and_the_count_begins_anew(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _offers(tx, 200, 10, "news")
        assert rates.watch(tx, after(120))
        assert not rates.watch(tx, after(121))
        told = rates.why_paused(tx) or {}
        assert (told["about"], told["name"], told["refused"], told["sent"]) == ("purpose", "news", 10, 200)
        assert actions.resume(tx, "class", "marketing", after(130), who="li")
        assert rates.why_paused(tx) is None
        assert not rates.watch(tx, after(140))


def test_the_rate_is_told_and_its_limit_is_the_owners(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _offers(tx, 200, 10, "news")
        rules.change(tx, "unknown", "max_opt_out_rate", "0.06", after(1), who="li")
        assert not rates.watch(tx, after(120))
        found = rates.document(tx, after(120))
        assert (found["most"], found["stopped"]) == (0.06, None)
        assert found["purpose"] == [{"name": "news", "sent": 200, "refused": 10, "rate": 0.05}]
        assert found["iccid"] == [{"name": SIM, "sent": 200, "refused": 10, "rate": 0.05}]
        rules.change(tx, "unknown", "max_opt_out_rate", None, after(2), who="li")
        assert rates.watch(tx, after(121))
        assert rates.document(tx, after(122))["stopped"] == rates.why_paused(tx)


@pytest.mark.parametrize("about", ["iccid", "text"])
def test_one_sim_or_one_text_alone_stops_them(store: Store, about: str) -> None:
    with store.write() as tx:
        see(tx)
        for purpose in ("a", "bb", "ccc", "dddd"):  # each of too few offers to tell anything
            _offers(tx, 60, 2, purpose)
        if about == "iccid":
            tx.run("UPDATE marketing_sends SET digest = CAST(message_id AS TEXT)")
        else:
            tx.run("UPDATE messages SET iccid = CAST(id AS TEXT)")
        name = SIM if about == "iccid" else "x"
        assert rates.watch(tx, after(120))
        assert actions.is_paused(tx, "marketing", None)
        told = rates.why_paused(tx) or {}
        assert [told[key] for key in ("about", "name", "refused", "sent")] == [about, name, 8, 240]


@pytest.mark.parametrize("wrong", ["0", "0.0009", "0.3", "nan", "inf", "two", "-1"])
def test_a_limit_that_means_nothing_is_refused(store: Store, wrong: str) -> None:
    with store.write() as tx, pytest.raises(ValueError, match="a share from"):
        rules.change(tx, "unknown", "max_opt_out_rate", wrong, after(1), who="li")


def test_offers_are_counted_by_purpose_and_sim_for_those_who_watch(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        assert figures.read(tx, after(120)).opt_out_rate == {}
        _offers(tx, 40, 3, "news")
        _offers(tx, 10, 0, "shoes")
        seen = figures.read(tx, after(120))
    assert seen.offers_sent == {("news", SIM): 40, ("shoes", SIM): 10}
    assert seen.offers_refused == {("news", SIM): 3, ("shoes", SIM): 0}
    assert seen.opt_out_rate == {("news", SIM): 0.075, ("shoes", SIM): 0.0}
