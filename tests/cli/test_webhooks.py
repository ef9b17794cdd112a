"""`modemfarm webhooks`: the list of addresses, as commands change it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modemfarm.store import outbox, webhooks
from modemfarm.store.engine import Row, Tx
from tests.cli.farm import FarmAt

URL = "https://example.org/hook"


def calls(farm: FarmAt) -> list[Row]:
    def look(tx: Tx) -> list[Row]:
        return tx.all("SELECT event_id, kind, state, attempts FROM webhook_outbox ORDER BY id")

    return farm.store.look(look)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_address_is_added_and_its_secret_told_once(farm: FarmAt) -> None:
    made = farm("webhooks", "add", URL, "--event", "message.sent", "--event", "message.received", "--json").json
    assert webhooks.key_of(made["secret"])
    (hook,) = farm("webhooks", "list", "--json").json["data"]
    assert (hook["id"], hook["url"], hook["events"]) == (made["id"], URL, ["message.sent", "message.received"])
    listed = farm("webhooks", "list")
    assert URL in listed.out
    assert made["secret"] not in listed.out
    plain = farm("webhooks", "add", URL + "2", "--secret", "whsec_aGVsbG8gd29ybGQgYW5kIGFsbA==")
    assert plain.out == f"{made['id'] + 1}  whsec_aGVsbG8gd29ybGQgYW5kIGFsbA==\n"


def test_what_is_no_address_type_or_secret_is_refused(farm: FarmAt) -> None:
    for words in (
        ("ftp://a",),
        ("https://a:b@example.org",),
        (URL, "--event", "x"),
        (URL, "--secret", "short"),
        ("http://127.1/",),
    ):
        assert farm("webhooks", "add", *words).code == 2
    assert farm("webhooks", "list", "--json").json["data"] == []


def test_a_test_waits_for_the_daemon_and_what_was_told_is_told_again(farm: FarmAt) -> None:
    hook = str(farm("webhooks", "add", URL, "--json").json["id"])
    assert farm("webhooks", "test", hook).code == 0
    (waiting,) = calls(farm)
    assert (waiting["kind"], waiting["state"]) == (webhooks.TEST, "waiting")
    (listed,) = farm("webhooks", "list", "--json").json["data"]
    assert listed["waiting"] == 1

    def told(tx: Tx) -> None:
        (call,) = outbox.due(tx, int(hook), now() + timedelta(seconds=1), 9)
        outbox.answered(tx, call, "204", now())

    farm.write(told)
    assert farm("webhooks", "replay", hook, "--json").json == {"calls": 1}
    (again,) = calls(farm)
    assert (again["event_id"], again["state"], again["attempts"]) == (waiting["event_id"], "waiting", 0)
    farm.write(told)
    assert farm("webhooks", "replay", hook, "--hours", "1").out == "1\n"


def test_an_address_that_answered_410_is_switched_on_again_and_removed(farm: FarmAt) -> None:
    hook = farm("webhooks", "add", URL, "--json").json["id"]
    farm.write(webhooks.disable, hook, "answered with 410")
    assert "answered with 410" in farm("webhooks", "list").out
    assert farm("webhooks", "enable", str(hook)).code == 0
    (listed,) = farm("webhooks", "list", "--json").json["data"]
    assert (listed["enabled"], listed["disabled"]) == (True, None)
    assert farm("webhooks", "test", str(hook)).code == 0
    assert farm("webhooks", "remove", str(hook)).code == 0
    assert calls(farm) == []
    for verb in ("test", "replay", "remove", "enable"):
        assert farm("webhooks", verb, str(hook)).code == 4


def test_what_config_yaml_names_is_removed_there(farm: FarmAt) -> None:
    farm("webhooks", "list")
    ids = farm.write(webhooks.configure, [(URL, ())], now())
    refused = farm("webhooks", "remove", str(ids[URL]))
    assert (refused.code, "config.yaml" in refused.err) == (2, True)
    assert len(farm("webhooks", "list", "--json").json["data"]) == 1
