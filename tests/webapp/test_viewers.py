"""Who may only look sees no number whole, on any page or piece of one."""

from __future__ import annotations

import re

import pytest

from modemfarm.store import contacts, suppress
from tests.webapp.sample import NOW, Sample
from tests.webapp.test_attacks import LOOKS, routes

WHOLE = re.compile(r"13800138000|137\W?1234\W?5678|139\W?0000\W?000\d")
NDJSON = {"Content-Type": "application/x-ndjson"}


def used(farm: Sample) -> None:
    """People on both sides of everything that the page shows."""
    farm.modem(1)
    farm.modem(2)
    farm.park(2)
    for text in ("first", "second"):
        farm.left(farm.take("+8613712345678", text))
    farm.take()
    farm.left(farm.take(text="unclear"))
    farm.reply("yes")
    farm.reply("stop it maybe", "+8613712345678", verdict="probable")
    body = '{"to": "+8613800138000", "text": "a"}\n{"to": "+8613712345678"}\n'
    assert farm.api().post("/v1/batches", data=body.encode(), headers=NDJSON).status_code < 300
    with farm.store.write() as tx:
        contacts.put(tx, [contacts.Contact("+8613800138000", name="Li")], "page", NOW)
        suppress.add(tx, "+8613712345678", "8613712345678", "counter", NOW, actor="page")


def pages(farm: Sample, role: str) -> dict[str, str]:
    """What every page and piece of one shows to a role."""
    client, found = farm.person(role), {}
    for method, path, view in routes(farm):
        if method in LOOKS and hasattr(view, "role"):
            answer = client.get(path)
            assert answer.status_code < 500, path
            if answer.status_code == 200:
                found[path] = answer.text
    for path in (
        "/messages?q=first", "/inbox?show=review", "/inbox/talk/2", "/fragment/inbox/talk?talk=1",
        "/fragment/inbox/people?talk=1", "/people?q=Li", "/send?answer=1", "/inbox?show=calls",
    ):  # fmt: skip
        found[path] = client.get(path).text
    return found


def test_a_viewer_sees_no_number_whole_anywhere(demo: Sample) -> None:
    used(demo)
    found = pages(demo, "viewer")
    assert {"/", "/messages", "/inbox", "/people", "/messages/1", "/inbox/talk/1", "/settings", "/send"} <= found.keys()
    leaks = {path: WHOLE.findall(text) for path, text in found.items() if WHOLE.search(text)}
    assert not leaks


def test_an_operator_sees_them_where_people_work_with_them(farm: Sample) -> None:
    used(farm)
    found = pages(farm, "operator")
    for path in ("/messages/1", "/inbox/talk/1", "/people", "/people/+8613800138000"):
        assert WHOLE.search(found[path]), path


@pytest.mark.parametrize(
    "path",
    ["/inbox/with/+8613800138000", "/fragment/inbox/talk?number=%2B8613800138000", "/batches/1/rejected.csv",
     "/people/export", "/people/+8613800138000", "/modems/356938035643801/recordings/x.jsonl"],
)  # fmt: skip
def test_a_viewer_gets_nothing_by_a_number_and_no_file(farm: Sample, path: str) -> None:
    used(farm)
    assert farm.person("viewer").get(path).status_code == 403
