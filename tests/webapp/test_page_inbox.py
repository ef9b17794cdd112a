from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote

import pytest

from modemfarm.store import inbox, reviews, suppress, views
from modemfarm.store.engine import to_us
from tests.webapp.sample import ICCID, NOW, Sample
from tests.webapp.test_page import form_token

LI, WANG = "+8613800138000", "+8613800138001"


def talk(number: str) -> str:
    return f"/inbox/with/{quote(number)}"


def replies(page: str) -> list[int]:
    """The newest replies of the talks that the left side lists."""
    return [int(number) for number in re.findall(r'<a href="/inbox/talk/(\d+)\?', page)]


def test_people_stand_once_by_their_newest_reply_and_what_is_new_is_counted(farm: Sample) -> None:
    farm.reply("first", LI)
    farm.reply("second", WANG)
    farm.reply("third", LI)
    client = farm.person()
    page = client.get("/inbox").get_data(as_text=True)
    assert replies(page) == [3, 2]
    assert "third" in page
    assert "first" not in page
    assert '<span class="count">3</span>' in client.get("/").get_data(as_text=True)
    client.get(talk(LI))
    assert '<span class="count">1</span>' in client.get("/").get_data(as_text=True)
    token = form_token(client.get("/inbox").get_data(as_text=True))
    client.post("/inbox/read", data={"csrf": token, "newest": "3"})
    assert '<span class="count">' not in client.get("/").get_data(as_text=True)


def test_a_talk_shows_both_sides_with_the_state_of_our_own(farm: Sample) -> None:
    farm.modem(1)
    farm.left(farm.take(LI, "您的订单已到店"))
    farm.clock.at += timedelta(minutes=1)
    farm.reply("几点关门？", LI)
    page = farm.person().get(talk(LI)).get_data(as_text=True)
    assert re.search(r'class="mine"><p>您的订单已到店.*s-sent.*class="theirs".*几点关门？', page, re.DOTALL)
    assert LI in page


def test_an_answer_goes_once_by_the_sim_that_they_wrote_to(farm: Sample) -> None:
    farm.modem(1)
    farm.reply("几点关门？", LI)
    client = farm.person()
    page = client.get(talk(LI)).get_data(as_text=True)
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)
    assert nonce is not None
    data = {"csrf": form_token(page), "nonce": nonce[1], "number": LI, "text": "晚上九点"}
    for _ in range(2):
        assert client.post("/inbox/reply", data=data).status_code == 303
    (one,) = farm.store.look(views.messages)["data"]
    assert (one["to"], one["class"], one["text"]) == (LI, "conversation", "晚上九点")
    assert farm.store.look(lambda tx: tx.value("SELECT pinned FROM messages")) == ICCID.format(1)
    wrong = client.post("/inbox/reply", data=data | {"nonce": "other", "text": " "})
    assert wrong.status_code == 422
    assert "nothing is written here" in wrong.get_data(as_text=True)


def test_an_opt_out_is_marked_where_it_happened_with_what_it_took_back(farm: Sample) -> None:
    for _ in range(3):
        farm.take(WANG, "新品八折", send_at=NOW + timedelta(hours=1))
    reply = farm.reply("TD", WANG, verdict="exact")
    with farm.store.write() as tx:
        suppress.add(tx, WANG, WANG[-9:], "reply", NOW + timedelta(seconds=1), keyword="TD", inbound_id=reply)
    client = farm.person()
    page = client.get(talk(WANG)).get_data(as_text=True)
    assert "opted out here, 3 waiting messages cancelled" in page
    assert page.count("opted out here") == 1
    assert 'id="reply"' not in page
    assert "This person asked for no more messages" in page
    data = {"csrf": form_token(page), "nonce": "n", "number": WANG, "text": "please"}
    assert client.post("/inbox/reply", data=data).status_code == 404
    farm.clock.at += timedelta(minutes=5)
    farm.reply("Are you open?", WANG)
    assert 'id="reply"' in client.get(talk(WANG)).get_data(as_text=True)


def test_services_and_calls_are_filed_apart_and_services_cannot_be_answered(farm: Sample) -> None:
    farm.reply("hello", LI)
    with farm.store.write() as tx:
        inbox.missed_call(tx, ICCID.format(1), WANG, NOW)
        inbox.missed_call(tx, ICCID.format(1), "", NOW)
        tx.run(
            "INSERT INTO inbound (originator, text, received_at, kind, verdict) VALUES ('<b>Bank/1', 'code 1', :at,"
            " 'service', 'none')",
            at=to_us(NOW),
        )
    client = farm.person()
    assert replies(client.get("/inbox").get_data(as_text=True)) == [1]
    calls = client.get("/inbox?show=calls").get_data(as_text=True)
    assert "missed call" in calls
    assert "withheld number" in calls
    services = client.get("/inbox?show=services").get_data(as_text=True)
    assert "<b>Bank" not in services
    page = client.get("/inbox/with/%3Cb%3EBank/1").get_data(as_text=True)
    assert "This is a service" in page
    assert 'id="reply"' not in page
    assert client.get(talk("+4999")).status_code == 404


@pytest.mark.parametrize(
    ("words", "found"),
    [("关门", [1]), ("0138001", [2]), ("СПАСИБО", [2]), ("спасибо", [2]), ("%", []), ("HELLO", [1])],
)
def test_the_inbox_is_searched_by_number_and_words(farm: Sample, words: str, found: list[int]) -> None:
    farm.reply("几点关门？ Hello", LI)
    farm.reply("спасибо", WANG)
    page = farm.person().get(f"/inbox?q={quote(words)}").get_data(as_text=True)
    assert replies(page) == found


def test_a_likely_refusal_is_decided_in_its_list_or_in_the_talk(farm: Sample) -> None:
    reply = farm.reply("请不要再发了", LI, verdict="probable")
    farm.store.run(reviews.add, LI, reply, "不要再发", NOW)
    client = farm.person()
    assert "Was this a refusal?" in client.get("/inbox").get_data(as_text=True)
    assert "请不要再发了" in client.get("/inbox?show=review").get_data(as_text=True)
    page = client.get(talk(LI)).get_data(as_text=True)
    assert f'action="/inbox/review/{quote(LI)}/opted_out"' in page
    client.post(f"/inbox/review/{quote(LI)}/opted_out", data={"csrf": form_token(page)})
    assert farm.store.look(suppress.is_suppressed, LI)
    assert "Was this a refusal?" not in client.get("/inbox").get_data(as_text=True)


def test_a_talk_on_the_screen_goes_on_and_counts_as_read(farm: Sample) -> None:
    farm.reply("one", LI)
    client = farm.person()
    place = f"/fragment/inbox/talk?number={quote(LI)}"
    seen = re.search(r"seen=([0-9a-f]{16})", client.get(place).get_data(as_text=True))
    assert seen is not None
    assert client.get(f"{place}&seen={seen[1]}").status_code == 204
    farm.reply("two", LI)
    assert "two" in client.get(f"{place}&seen={seen[1]}").get_data(as_text=True)
    assert '<span class="count">' not in client.get("/").get_data(as_text=True)
    people = client.get("/fragment/inbox/people?show=people").get_data(as_text=True)
    assert replies(people) == [2]


def test_older_talks_are_a_page_away(farm: Sample) -> None:
    for number in range(45):
        farm.reply("x", f"+86138001380{number:02d}")
    client = farm.person()
    first = client.get("/inbox").get_data(as_text=True)
    assert len(replies(first)) == 40
    more = re.search(r'href="(/inbox\?[^"]*cursor=\d+)"', first)
    assert more is not None
    assert len(replies(client.get(more[1].replace("&amp;", "&")).get_data(as_text=True))) == 5


def test_who_may_only_look_sees_talks_without_numbers_and_buttons(farm: Sample) -> None:
    farm.reply("hello", LI)
    client = farm.person("viewer")
    for place in ("/inbox", "/inbox/talk/1", "/fragment/inbox/talk?talk=1", "/fragment/inbox/people?talk=1"):
        page = client.get(place).get_data(as_text=True)
        assert "hello" in page
        assert LI not in page
        assert quote(LI) not in page
        assert 'id="reply"' not in page
    assert 'id="reply"' in farm.person().get("/inbox/talk/1").get_data(as_text=True)
    assert '<span class="count">' not in farm.person().get("/").get_data(as_text=True)
    assert client.get("/inbox/talk/99").status_code == 404
