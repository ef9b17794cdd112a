"""What people do beside the wire, by several hosts at once on a server: nobody waits for another in a circle."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import random
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from modemfarm.errors import RefusedError
from modemfarm.farm.housekeeping import PEOPLE_KEPT
from modemfarm.intake import many
from modemfarm.intake.draft import IntakeSettings, Quota
from modemfarm.model import Ceiling, Plan
from modemfarm.store import (
    actions,
    beside,
    complaints,
    consents,
    contacts,
    counters,
    erasing,
    errands,
    gates,
    hosts,
    idempotency,
    labels,
    leaving,
    migrations,
    offers,
    outbox,
    queue,
    retention,
    reviews,
    sessions,
    spool,
    suppress,
    threads,
    tries,
    unread,
    users,
    webhooks,
)
from modemfarm.store.contacts import Contact
from modemfarm.store.engine import Store, Tx
from modemfarm.store.faults import faults
from modemfarm.store.spool import Taken
from tests.postgres import Cluster
from tests.store.tools import NOW, accepted, add, after, deliver_pdu, end, get, see

SIMS = [f"898600310000000000{number}" for number in range(4)]
PEOPLE = [f"+86138001380{number:02}" for number in range(5)]
HOSTS, TURNS = 4, 70
PLAN = Plan("tight", per_day=500, recipients_per_month=100)
KEYED = IntakeSettings(country="CN", quota=Quota("key:1", Ceiling(parts=10_000)))


def _host(url: str, folder: str, seed: int, together: Barrier) -> None:
    """One host in a process of its own; where it fails the others wait for it no longer."""
    try:
        _turns(Store(url, Path(folder)), seed, together)
    except BaseException:
        together.abort()
        raise


def _turns(store: Store, seed: int, together: Barrier) -> None:
    """Everything that people ask for, in any order, each in a transaction of its own."""
    dice = random.Random(seed)
    for turn in range(TURNS):
        if turn % 10 == 0:
            together.wait(300)
        at = after(seed / 10 + turn * 3)
        person = dice.choice(PEOPLE)
        match dice.choice(
            ("wire", "wire", "intake", "refusal", "reply", "erase", "people", "consent", "files", "calls",
             "pause", "many", "clock", "import", "lists")
        ):  # fmt: skip
            case "wire":
                store.run(_send, SIMS[seed], at, dice.choice(("ends", "ends", "back", "left")))
            case "intake":
                with contextlib.suppress(RefusedError), store.write() as tx:
                    number = add(tx, at=at, to=person, text=dice.choice(("hello", "x" * 400)))
                    spool.keep(tx, Taken(f"host{seed}", f"{seed}/{turn}", "name", "name", b"text"), number, at)
            case "refusal":
                text = dice.choice(("TD", "回复TD", "STOP", "START", "不要再给我发了"))
                store.run(_hears, text, person, at, SIMS[seed])
            case "reply":
                store.run(_hears, "好的", person, at, SIMS[seed])
            case "erase":
                erasing.forget(store.run, person, at, "cli")
                store.run(suppress.remove, person, at)
            case "people":
                some = dice.sample(PEOPLE, len(PEOPLE))
                store.run(contacts.put, [Contact(number, f"name {turn}") for number in some], "import", at)
            case "consent":
                store.run(_consents, dice.sample(PEOPLE, 3), at)
                store.run(_complains, person, at)
            case "files":
                store.run(_files, f"host{seed}")
            case "calls":
                _calls(store, dice, 1, at)
            case "pause":
                _pauses(store, dice, at)
            case "many":
                what = dice.choice(list(many.STATES))
                act = many.acting(
                    what, many.STATES[what], KEYED, word="sent", changes={"text": f"now {turn}"}, who="cli"
                )
                many.do(store.look, store.run, act, many.meant(what), functools.partial(_same, at), most=5)
            case "clock":
                _falls_due(store, f"host{seed}", at)
            case "import":
                store.run(suppress.add_all, dice.sample(PEOPLE, 3), at)
                store.run(suppress.remove, person, at)
            case "lists":
                _lists(store, dice, person, at)
    store.close()


def _same(at: datetime) -> datetime:
    return at


def _pauses(store: Store, dice: random.Random, at: datetime) -> None:
    """A class, and a SIM, each paused and resumed; what waits follows."""
    store.run(dice.choice((actions.pause, actions.resume)), "class", "transactional", at)
    store.run(dice.choice((actions.sim_pause, actions.sim_resume)), dice.choice(SIMS), at)
    while store.run(gates.follow, at):
        pass


def _falls_due(store: Store, host: str, at: datetime) -> None:
    """What one host does by the clock; another one may have begun the same just before its lease ended."""
    for work in (labels.release_due, actions.expire, actions.close_unreported, actions.resend_unknown, errands.forget,
                 idempotency.prune, offers.forget_sends):  # fmt: skip
        store.run(work, at)
    store.run(counters.forget_people, at - PEOPLE_KEPT)  # of a month that is over
    for iccid in SIMS:
        store.run(leaving.unbind, iccid)
    store.run(hosts.recover, "here", at)
    store.run(labels.label, 0, lambda _: labels.Label("absent"), at)
    for kind in ("texts", "inbound", "pdus", "events"):  # the audit is kept for a year
        store.run(retention.piece, kind, at, 0)


def _lists(store: Store, dice: random.Random, person: str, at: datetime) -> None:
    """What people click on a page that others have open too."""
    work = dice.choice((_reads, _logs_in, _decides))
    store.run(work, person, at)


def _reads(tx: Tx, person: str, at: datetime) -> None:
    threads.mark_read(tx, person, at)
    unread.mark_read(tx, 10**9, at)


def _logs_in(tx: Tx, person: str, at: datetime) -> None:
    tries.failed(tx, {person: 3}, at)
    users.add(tx, f"u{person[-1]}", "viewer", at)
    user = users.find(tx, f"u{person[-1]}")
    assert user is not None
    sessions.open_session(tx, "viewer", at, user.id)
    users.set_password(tx, user.id, "a long enough one")
    if person == PEOPLE[0]:
        users.remove(tx, f"u{person[-1]}")


def _decides(tx: Tx, person: str, at: datetime) -> None:
    reviews.settle(tx, person, "dismissed", at, "cli")


def _hears(tx: Tx, text: str, person: str, at: datetime, iccid: str) -> None:
    get(tx, deliver_pdu(text, by=person, at=at), at=at, iccid=iccid)


def _send(tx: Tx, iccid: str, at: datetime, then: str) -> None:
    named = queue.Lane(iccid, iccid, "/dev/x", "here", "run1", counters.day_start(PLAN, at), PLAN)
    heads = queue.heads(tx, iccid, at, 2) + queue.heads(tx, "", at, 4)
    part = next((one for one in heads if beside.is_free(tx, one, iccid)), None)
    attempt = part and queue.claim(tx, part, named, at)
    if part is None or attempt is None:
        return
    if then == "ends":
        tx.run("UPDATE parts SET state = 'submitting' WHERE id = :id AND state = 'claimed'", id=part.part_id)
        end(tx, attempt, accepted(1, at))
    elif then == "back":
        queue.give_back(tx, part.part_id, attempt, at)
    # else it is left to whoever looks what a dead host had


def _consents(tx: Tx, some: list[str], at: datetime) -> None:
    for number in some:
        consents.grant(tx, number, ("marketing",), {"method": "paper", "exact_wording": "yes"}, at)


def _complains(tx: Tx, person: str, at: datetime) -> None:
    complaints.add(tx, person, "too many", "phone", at, who="cli")


def _files(tx: Tx, host: str) -> None:
    spool.left(tx, [row["message_id"] for row in spool.present(tx, host)])
    for row in spool.ended(tx, host):
        spool.move_on(tx, row["message_id"], "checked", "done")
    spool.file_inbound(tx, [row["id"] for row in spool.unfiled(tx, 0)], host)


def _calls(store: Store, dice: random.Random, hook: int, at: datetime) -> None:
    """As the thread that calls does: each answer in a transaction of its own."""
    store.run(outbox.fan_out, at)
    for call in store.look(outbox.due, hook, at, 20):
        if dice.random() < 0.7:
            store.run(outbox.answered, call, "200", at)
        else:
            store.run(outbox.not_answered, call, "500", at, None)
    if dice.random() < 0.3:
        store.run(outbox.replay, hook, NOW, at)
    if dice.random() < 0.3:
        store.run(webhooks.enable, hook, at)
    store.run(outbox.clean, at + outbox.KEPT)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_people_ask_for_beside_the_wire_never_waits_in_a_circle(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.create("circles")
    store = Store(url, tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        webhooks.add(tx, "https://example.org/hook", list(webhooks.TYPES), NOW)
        tx.secret.digest(PEOPLE[0], "a key of the farm is made")
        for iccid in SIMS:
            see(tx, iccid)
        for number in range(30):
            add(tx, to=PEOPLE[number % len(PEOPLE)], text="x" * 400 if number % 5 == 0 else "hello")
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(HOSTS)
    workers = [context.Process(target=_host, args=(url, str(tmp_path), seed, together)) for seed in range(HOSTS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(500)
    assert [worker.exitcode for worker in workers] == [0] * HOSTS
    with store.read() as tx:
        assert tx.value("SELECT deadlocks FROM pg_stat_database WHERE datname = 'circles'") == 0
        assert tx.value("SELECT count(*) FROM forgotten") == 0
        assert not faults(tx)
    store.close()
