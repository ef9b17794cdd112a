from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

import pytest

from modemfarm.model import PartState
from modemfarm.store import batches, views
from modemfarm.store.engine import to_us
from modemfarm.store.shapes import rfc3339
from tests.webapp.sample import ICCID, NOW, Sample
from tests.webapp.test_page import form_token

LI, WANG = "+8613800138000", "+8613900139001"


def shown(page: str) -> list[int]:
    """The messages that the table lists."""
    return [int(number) for number in re.findall(r'<td class="words"><a href="/messages/(\d+)">', page)]


@pytest.fixture
def found(farm: Sample) -> Sample:
    """Four messages that differ in everything."""
    farm.modem(1)
    farm.modem(2)
    farm.left(farm.take(LI, "Order 1042 is ready", reference="A-17"), PartState.DELIVERED)
    farm.left(farm.take(WANG, "ЗАКАЗ готов", message_class="conversation"), PartState.SENT, 2)
    with farm.store.write() as tx:
        tx.run("UPDATE messages SET iccid = :iccid WHERE id = 1", iccid=ICCID.format(1))
        tx.run("UPDATE messages SET iccid = :iccid WHERE id = 2", iccid=ICCID.format(2))
    farm.clock.at = NOW - timedelta(days=3)
    farm.take(LI, "100% sure_thing")
    farm.clock.at = NOW
    farm.take(WANG, "later", send_at=NOW + timedelta(hours=2))
    return farm


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("", [4, 3, 2, 1]),
        ("q=0138000", [3, 1]),
        ("q=%2B86%20139", [4, 2]),
        ("q=A-17", [1]),
        ("q=order", [1]),
        (f"q={quote('заказ')}", [2]),
        ("q=100%25", [3]),
        ("q=e_t", [3]),
        ("q=%232", [2]),
        ("q=%23999999999999999999999", []),
        (f"sim={ICCID.format(2)}", [2]),
        ("class=conversation", [2]),
        ("until=2026-03-12", [3]),
        ("since=2026-03-12&until=2026-03-14", [4, 2, 1]),
        ("since=never&batch=x", [4, 3, 2, 1]),
        ("state=queued,scheduled&q=0138000", [3]),
    ],
)
def test_messages_are_found(found: Sample, asked: str, ids: list[int]) -> None:
    assert shown(found.person().get(f"/messages?{asked}").get_data(as_text=True)) == ids


def test_counts_are_links_that_keep_the_rest_of_the_filter(found: Sample) -> None:
    page = found.person().get(f"/messages?q=order&state=queued&sim={ICCID.format(1)}").get_data(as_text=True)
    assert f'href="/messages?state=delivered&amp;q=order&amp;sim={ICCID.format(1)}"' in page
    assert f'href="/messages?q=order&amp;sim={ICCID.format(1)}"' in page
    assert "Nothing fits." in page


def test_the_oldest_that_waits_stands_on_top_with_its_reason(found: Sample) -> None:
    page = found.person().get("/messages").get_data(as_text=True)
    assert "Waiting longest (3 days ago):" in page
    assert "waits for its turn" in page
    assert "Waiting longest" not in found.person().get("/messages?q=order").get_data(as_text=True)


def test_a_batch_is_listed_by_itself_and_only_it_is_taken_back(found: Sample) -> None:
    batch = found.store.run(batches.start, "x.csv", "x", NOW)
    with found.store.write() as tx:
        tx.run("UPDATE messages SET batch_id = :batch WHERE id = 4", batch=batch)
    client = found.person()
    page = client.get(f"/messages?batch={batch}&state=scheduled").get_data(as_text=True)
    assert shown(page) == [4]
    assert f'action="/messages/cancel?state=scheduled&amp;batch={batch}"' in page
    assert "Take back" not in client.get("/messages?state=queued&q=sure").get_data(as_text=True)


def test_many_are_changed_after_they_were_counted_and_confirmed(farm: Sample) -> None:
    farm.modem(1)
    waits, other = [farm.take(LI, "Order 1042 is redy") for _ in range(3)], farm.take(WANG, "later", pinned="desk")
    client = farm.person("operator")
    page = client.get("/messages?state=queued&lang=en").get_data(as_text=True)
    assert "Change these 4 messages" in page
    newest = re.search(r'name="upto" value="(\d+)"', page)
    assert newest is not None
    farm.left(waits[2])
    since = farm.take(LI, "handed in since")
    form = {"csrf": form_token(page), "upto": newest[1], "text": "Order 1042 is ready", "from": "*", "send_at": ""}
    asked = client.post("/messages/edit?state=queued", data=form)
    shown_first = asked.get_data(as_text=True)
    assert asked.status_code == 200
    assert "Change these 3 messages?" in shown_first
    assert "<blockquote>Order 1042 is ready</blockquote>" in shown_first
    assert [(farm.store.look(views.message, number) or {})["text"] for number in waits[:2]] == [
        "Order 1042 is redy"
    ] * 2
    done = client.post("/messages/edit?state=queued", data=form | {"do": "change"}).get_data(as_text=True)
    assert "3 messages are changed." in done
    now = {number: farm.store.look(views.message, number) or {} for number in (*waits, other, since)}
    assert [now[number]["text"] for number in now] == [
        *["Order 1042 is ready"] * 2, "Order 1042 is redy", "Order 1042 is ready", "handed in since"
    ]  # fmt: skip
    assert now[other]["from"] is None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"text": " "}, "nothing is filled in"),
        ({"text": "Dear {name}"}, "it has no names to fill in"),
        ({"send_at": "soon"}, "this is no time"),
        ({"send_at": " \t"}, "nothing is filled in"),
        ({"from": "  "}, "nothing is filled in"),
    ],
)
def test_a_change_of_many_that_cannot_be_has_no_button_to_confirm(
    farm: Sample, typed: dict[str, str], why: str
) -> None:
    farm.take(LI, "as it was")
    client = farm.person("operator")
    page = client.get("/messages?state=queued").get_data(as_text=True)
    form = {"csrf": form_token(page), "upto": "9", "text": "", "from": "", "send_at": "", "do": "change"} | typed
    answer = client.post("/messages/edit?state=queued&lang=en", data=form)
    told = answer.get_data(as_text=True)
    assert (answer.status_code, why in told, 'value="change"' in told) == (422, True, False)
    assert (farm.store.look(views.message, 1) or {})["text"] == "as it was"


def test_what_stays_as_it_was_is_named_and_a_viewer_changes_nothing(farm: Sample) -> None:
    farm.modem(1)
    number = farm.take(LI, "as it was")
    client = farm.person("operator")
    page = client.get("/messages?state=queued").get_data(as_text=True)
    form = {"csrf": form_token(page), "upto": "9", "text": "x" * 9000, "from": "", "send_at": "", "do": "change"}
    told = client.post("/messages/edit?state=queued&lang=zh", data=form).get_data(as_text=True)
    assert "已修改 0 条。" in told
    assert f'<a href="/messages/{number}">#{number}</a> 排队' in told
    viewer = farm.person("viewer")
    page = viewer.get("/messages?state=queued").get_data(as_text=True)
    assert "/messages/edit" not in page
    answer = viewer.post("/messages/edit?state=queued", data=form | {"text": "other"})
    assert answer.status_code == 403
    assert (farm.store.look(views.message, number) or {})["text"] == "as it was"


@pytest.mark.parametrize(("lang", "word"), [("en", "Change it"), ("zh", "修改"), ("ru", "Изменить")])
def test_an_operator_is_offered_to_change_what_has_not_left(farm: Sample, lang: str, word: str) -> None:
    farm.modem(1)
    number = farm.take(LI, "Order 1042 is redy")
    page = farm.person("operator").get(f"/messages/{number}?lang={lang}").get_data(as_text=True)
    assert f"<summary>{word}</summary>" in page
    assert f'action="/messages/{number}/edit"' in page
    assert "/edit" not in farm.person("viewer").get(f"/messages/{number}").get_data(as_text=True)
    farm.left(number)
    assert "/edit" not in farm.person("operator").get(f"/messages/{number}").get_data(as_text=True)


def test_what_is_changed_in_the_form_is_changed_and_nothing_else(farm: Sample) -> None:
    farm.modem(1)
    number = farm.take(LI, "Order 1042 is redy", send_at=NOW + timedelta(hours=2), pinned="shop")
    client = farm.person("operator")
    page = client.get(f"/messages/{number}").get_data(as_text=True)
    at = re.search(r'name="send_at" value="([^"]+)"', page)
    assert at is not None
    as_it_is = {
        "text": "Order 1042 is ready",
        "from": "shop",
        "send_at": at[1],
        "csrf": form_token(client.get(f"/messages/{number}").text),
    }
    assert client.post(f"/messages/{number}/edit", data=as_it_is).status_code == 303
    row = farm.store.look(views.message, number)
    assert row is not None
    assert (row["text"], row["from"], row["send_at"]) == (
        "Order 1042 is ready",
        "shop",
        rfc3339(to_us(NOW + timedelta(hours=2))),
    )
    told = client.get(f"/messages/{number}").get_data(as_text=True)
    assert "Changed before sending: text." in told
    assert client.post(f"/messages/{number}/edit", data=as_it_is | {"from": "", "send_at": ""}).status_code == 303
    row = farm.store.look(views.message, number)
    assert row is not None
    assert (row["from"], row["send_at"], row["state"]) == (None, None, "queued")


def test_a_change_that_cannot_be_says_why_and_keeps_what_was_typed(farm: Sample) -> None:
    farm.modem(1)
    number = farm.take(LI, "Order 1042 is redy")
    client = farm.person("operator")
    form = {"text": "x" * 5000, "from": "", "send_at": "", "csrf": form_token(client.get(f"/messages/{number}").text)}
    answer = client.post(f"/messages/{number}/edit", data=form)
    assert (answer.status_code, "the text is too long" in answer.get_data(as_text=True)) == (422, True)
    assert "x" * 5000 in answer.get_data(as_text=True)
    farm.left(number)
    late = client.post(f"/messages/{number}/edit", data=form | {"text": "other"})
    assert late.status_code == 409
    assert farm.person("viewer").post(f"/messages/{number}/edit", data=form).status_code == 403
    assert client.post(f"/messages/{number}/edit", data={"text": "other"}).status_code in {400, 403}
    row = farm.store.look(views.message, number)
    assert row is not None
    assert row["text"] == "Order 1042 is redy"


def test_older_ones_are_a_page_away_under_the_same_filter(farm: Sample) -> None:
    for _ in range(60):
        farm.take()
    client = farm.person()
    first = client.get("/messages?state=queued&q=1042").get_data(as_text=True)
    assert len(shown(first)) == 50
    more = re.search(r'href="(/messages\?[^"]*cursor=\d+)"', first)
    assert more is not None
    second = client.get(more[1].replace("&amp;", "&")).get_data(as_text=True)
    assert shown(second) == list(range(10, 0, -1))
    assert 'href="/messages?state=queued&amp;q=1042">Newest' in second
