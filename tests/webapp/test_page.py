from __future__ import annotations

import json
import re
import urllib.request
from datetime import timedelta
from html import unescape

import pytest

from modemfarm import wording
from modemfarm.errors import StoreError
from modemfarm.model import CAUTIOUS, PartState
from modemfarm.store import counters, devices, labels, rules, sessions, sims, suppress, views
from modemfarm.store.engine import to_us
from modemfarm.store.labels import Label
from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import WebSettings
from tests.webapp.sample import ICCID, NOW, Sample


def form_token(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def test_nobody_sees_the_farm_without_a_login_link(farm: Sample) -> None:
    client = farm.app.test_client()
    assert client.get("/").headers["Location"] == "/login"
    assert client.get("/fragment/farm", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/login"
    assert client.post("/pause").status_code == 303
    assert farm.store.look(views.pauses) == []


def test_a_login_link_works_once_and_not_for_a_prefetch(farm: Sample) -> None:
    token = farm.store.run(sessions.create_login, "admin", NOW)
    client = farm.app.test_client()
    assert client.head(f"/login?token={token}").status_code == 503
    assert client.get(f"/login?token={token}", headers={"Sec-Purpose": "prefetch"}).status_code == 503
    answer = client.get(f"/login?token={token}")
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/").status_code == 200
    assert farm.app.test_client().get(f"/login?token={token}").status_code == 403


def test_a_link_followed_from_another_site_opens_by_a_click(farm: Sample) -> None:
    token = farm.store.run(sessions.create_login, "admin", NOW)
    answer = farm.app.test_client().get(f"/login?token={token}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200


def test_logging_out_ends_the_session(farm: Sample) -> None:
    client = farm.person()
    token = form_token(client.get("/").get_data(as_text=True))
    client.post("/logout", data={"csrf": token})
    assert client.get("/").headers["Location"] == "/login"


def test_a_possible_modem_has_a_button_and_does_not_count_as_one_that_fails(farm: Sample) -> None:
    farm.modem(1)
    with farm.store.write() as tx:
        tx.run(
            "INSERT INTO modems (path, host, usb_path, state, sentence, params, next_action) VALUES ('usb:1-4',"
            " 'cellar', '1-4', 'paused', 'usb_possible', :params, 'allow_device')",
            params=json.dumps({"name": "FT4232", "id": "0403:6011", "ports": "ttyUSB0"}),
        )
    client = farm.person()
    page = client.get("/").get_data(as_text=True)
    assert 'action="/modems/usb:1-4/allow"' in page
    assert wording.say("line.working_all", {"n": 1}) in page
    assert client.post("/modems/usb:1-4/allow").status_code == 403
    assert client.post("/modems/usb:1-4/allow", data={"csrf": form_token(page)}).status_code == 303
    assert farm.store.look(devices.allowed, "cellar") == [("1-4", "0403:6011")]


def test_pausing_wants_our_own_form(farm: Sample) -> None:
    client = farm.person()
    assert client.post("/pause").status_code == 403
    token = form_token(client.get("/").get_data(as_text=True))
    assert client.post("/pause", data={"csrf": token}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/pause", data={"csrf": token}, headers={"Origin": "http://localhost"}).status_code == 303
    assert farm.store.look(views.pauses)[0]["who"] == "page"
    page = client.get("/").get_data(as_text=True)
    assert "Resume sending" in page
    assert "<title>Sending is paused" in page
    client.post("/resume", data={"csrf": token})
    assert farm.store.look(views.pauses) == []


def test_another_sites_name_for_us_is_refused(farm: Sample) -> None:
    client = farm.person()
    assert client.get("/", headers={"Host": "rebind.example"}).status_code == 403
    for host in ("127.0.0.1:8025", "[::1]:8025", "farmbox", "farmbox.local"):
        assert client.get("/login", headers={"Host": host}).status_code in {200, 303}, host
    assert farm.app.test_client().get("/healthz", headers={"Host": "rebind.example"}).status_code == 200


def test_nothing_on_the_page_is_inline(demo: Sample) -> None:
    demo.modem(1)
    demo.left(demo.take(), PartState.UNKNOWN)
    client = demo.person()
    for path in ("/", "/messages", "/messages/1", "/inbox", "/send", "/send/file", "/login?lang=zh"):
        answer = client.get(path)
        page = answer.get_data(as_text=True)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page), path
        assert not re.search(r"(src|href)=\"(https?:)?//", page), path


def test_what_has_not_changed_is_not_sent_again(farm: Sample) -> None:
    farm.modem(1)
    client = farm.person()
    first = client.get("/fragment/farm")
    mark = re.search(r"seen=([0-9a-f]{16})", first.get_data(as_text=True))
    assert mark is not None
    assert client.get(f"/fragment/farm?seen={mark[1]}").status_code == 204
    farm.take()
    assert client.get(f"/fragment/farm?seen={mark[1]}").status_code == 200


def test_the_line_says_the_whole_truth_and_is_the_title(farm: Sample) -> None:
    client = farm.person()
    assert "<title>No modem plugged in yet" in client.get("/").get_data(as_text=True)
    farm.modem(1)
    farm.modem(2, "needs_you", "pin_wrong", next_action="correct_pin")
    for _ in range(12):
        farm.take()
    page = client.get("/").get_data(as_text=True)
    assert "<title>1 of 2 modems working · 12 waiting, done about 09:31 · 1 thing needs you</title>" in page
    assert client.get("/fragment/bar").get_data(as_text=True).count("<title>") == 1


@pytest.mark.parametrize(("lang", "waits", "needs", "why"), [
    ("en", "1 waiting", "1 thing needs you", 'no SIM here is called "nobody"'),
    ("zh", "1 条等待", "1 件事需要您", "没有名为“nobody”的 SIM 卡"),
    ("ru", "1 ждёт", "1 дело ждёт вас", "ни одна SIM здесь не называется «nobody»"),
])  # fmt: skip
def test_what_waits_for_a_sim_that_nobody_is_called_is_told(
    farm: Sample, lang: str, waits: str, needs: str, why: str
) -> None:
    client = farm.person()
    farm.modem(1)
    lost = farm.take(pinned="nobody")
    farm.store.run(labels.label, 0, lambda _: Label("no_sim"), NOW)
    farm.clock.at = NOW + timedelta(minutes=20)
    title = re.search("<title>(.*?)</title>", page := client.get(f"/?lang={lang}").text)
    assert title is not None
    assert title[1].split(" · ")[1:] == [waits, needs]
    assert 'href="/messages?state=held"' in page
    told = unescape(client.get(f"/messages/{lost}?lang={lang}").text)
    assert why in told
    api = farm.api()
    stats = api.get("/v1/stats").get_json()
    assert (stats["waiting"], stats["without_sim"], stats["queue_oldest_seconds"]) == (1, 1, 1200.0)
    shown = api.get(f"/v1/messages/{lost}").get_json()
    assert (shown["reason"], shown["reason_params"]) == ("no_sim", {"name": "nobody"})


def test_a_time_that_has_passed_is_not_said(farm: Sample) -> None:
    client, number = farm.person(), farm.take()
    farm.store.run(labels.label, 0, lambda _: Label("plan_minute", NOW + timedelta(minutes=1)), NOW)
    paths = ("/messages", f"/messages/{number}")
    assert all("09:31" in client.get(path).text for path in paths)
    farm.clock.at = NOW + timedelta(minutes=9)
    for path in paths:
        said = client.get(path).text
        assert "09:31" not in said, (path, said[said.index("09:31") - 300 : said.index("09:31") + 50])


def test_numbers_are_masked_in_lists(farm: Sample) -> None:
    farm.take()
    page = farm.person().get("/messages").get_data(as_text=True)
    assert "+8613…000" in page
    assert "+8613800138000" not in page


def test_a_story_is_told_and_a_person_decides(farm: Sample) -> None:
    lost = farm.take()
    farm.left(lost, PartState.UNKNOWN)
    client = farm.person()
    page = client.get(f"/messages/{lost}?lang=zh").get_data(as_text=True)
    assert "没有按时等到结果" in page
    token = form_token(page)
    assert client.post(f"/messages/{lost}/resolve/sent", data={"csrf": token}).status_code == 303
    assert (farm.store.look(views.message, lost) or {})["state"] == "sent"
    assert client.get("/messages/999").status_code == 404


def test_a_story_of_several_parts_says_which_part_each_line_is_about(farm: Sample) -> None:
    long, short = farm.take(text="长" * 150), farm.take()
    farm.left(long)
    farm.left(short)
    client = farm.person()
    for lang, told in (("en", "took part {} of 3 from"), ("zh", "的第 {}/3 段"), ("ru", "часть {} из 3 от")):
        page = client.get(f"/messages/{long}?lang={lang}").get_data(as_text=True)
        assert [told.format(number) in page for number in (1, 2, 3)] == [True] * 3
    assert "The network took a part from" in client.get(f"/messages/{short}?lang=en").get_data(as_text=True)


def test_a_story_goes_on_while_one_looks_at_it(farm: Sample) -> None:
    message = farm.take()
    client = farm.person()
    path = f"/fragment/messages/{message}"
    assert f'hx-get="{path}?seen="' in client.get(f"/messages/{message}").get_data(as_text=True)
    before = client.get(path).get_data(as_text=True)
    mark = re.search(r"seen=([0-9a-f]{16})", before)
    assert mark is not None
    assert client.get(f"{path}?seen={mark[1]}").status_code == 204
    farm.left(message, PartState.SENT)
    after = client.get(f"{path}?seen={mark[1]}").get_data(as_text=True)
    assert ("The network took a part" in before, "The network took a part" in after) == (False, True)


def test_a_message_is_cancelled_and_sent_again(farm: Sample) -> None:
    waits = farm.take()
    client = farm.person()
    token = form_token(client.get(f"/messages/{waits}").get_data(as_text=True))
    client.post(f"/messages/{waits}/cancel", data={"csrf": token})
    answer = client.post(f"/messages/{waits}/retry", data={"csrf": token})
    assert answer.headers["Location"] == f"/messages/{waits + 1}"


def test_all_that_a_filter_shows_is_cancelled_and_sent_again_at_once(farm: Sample) -> None:
    ids = [farm.take() for _ in range(3)]
    client = farm.person()
    shown = client.get("/messages?state=queued").get_data(as_text=True)
    assert "Take back these 3 messages" in shown
    assert "again" not in shown
    newest = re.search(r'name="upto" value="(\d+)"', shown)
    assert newest is not None
    later = farm.take()
    token = form_token(shown)
    client.post("/messages/cancel?state=queued", data={"csrf": token, "upto": newest[1]})
    found = {number: farm.api().get(f"/v1/messages/{number}").get_json()["state"] for number in (*ids, later)}
    assert found == dict.fromkeys(ids, "canceled") | {later: "queued"}
    assert "Take back" not in client.get("/messages").get_data(as_text=True)
    farm.store.run(lambda tx: tx.run("UPDATE messages SET state = 'failed' WHERE state = 'canceled'"))
    assert "Send these 3 messages again" in client.get("/messages?state=failed").get_data(as_text=True)
    client.post("/messages/retry?state=failed", data={"csrf": token, "upto": str(later)})
    copies = [item for item in farm.api().get("/v1/messages").get_json()["data"] if item["retry_of"]]
    assert sorted(item["retry_of"] for item in copies) == ids
    assert "again" not in client.get("/messages?state=failed").get_data(as_text=True)
    client.post("/messages/retry?state=delivered", data={"csrf": token, "upto": "99"})


def test_a_button_pressed_twice_sends_once(farm: Sample) -> None:
    client = farm.person()
    page = client.get("/send").get_data(as_text=True)
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)
    assert nonce is not None
    data = {"csrf": form_token(page), "nonce": nonce[1], "to": "13800138000", "text": "您好\r\n李"}
    places = {client.post("/send", data=data).headers["Location"] for _ in range(2)}
    assert places == {"/messages/1"}
    assert (farm.store.look(views.message, 1) or {})["text"] == "您好\n李"
    wrong = client.post("/send", data=data | {"to": "1.38E+10", "nonce": "other"})
    assert wrong.status_code == 422
    assert "1.38E+10" in wrong.get_data(as_text=True)


def test_the_counter_counts_while_one_types(farm: Sample) -> None:
    client = farm.person()
    token = form_token(client.get("/send").get_data(as_text=True))
    said = client.post("/send/measure", data={"csrf": token, "to": "13800138000", "text": "x" * 161})
    assert "2 parts · 145 left · GSM-7" in said.get_data(as_text=True)
    said = client.post("/send/measure?lang=zh", data={"csrf": token, "to": "", "text": "您好"})
    assert "1 条 · 还可写 68 字 · UCS-2" in said.get_data(as_text=True)


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_the_counter_warns_of_a_link_and_of_two_names(farm: Sample, lang: str) -> None:
    with farm.store.write() as tx:
        rules.change(tx, "unknown", "profile", "CN", NOW, who="li")
        rules.change(tx, "CN", "brand", "小店", NOW, who="li")
    client = farm.person()
    data = {"csrf": form_token(client.get("/send").text), "to": "13800138000", "class": "marketing"}
    text = "【小店】新品 http://shop.example/a【小店】"
    said = unescape(client.post(f"/send/measure?lang={lang}", data=data | {"text": text}).text)
    for slug in ("signed_twice", "link_without_https"):
        assert wording.say(f"warning.{slug}", lang=lang) in said


def test_the_counter_says_in_words_that_a_message_would_be_refused(farm: Sample) -> None:
    with farm.store.write() as tx:
        suppress.add(tx, "+8613800138000", "13800138000"[-9:], "person", NOW)
    client = farm.person()
    token = form_token(client.get("/send").get_data(as_text=True))
    said = client.post("/send/measure", data={"csrf": token, "to": "13800138000", "text": "Hello"})
    assert "Would be refused: this person asked for no more messages." in said.get_data(as_text=True)


def test_a_parked_sim_is_resumed_on_its_tile(farm: Sample) -> None:
    farm.modem(1)
    farm.park(1)
    client = farm.person()
    page = client.get("/").get_data(as_text=True)
    assert f'action="/sims/{ICCID.format(1)}/resume"' in page
    client.post(f"/sims/{ICCID.format(1)}/resume", data={"csrf": form_token(page)})
    sim = farm.store.look(views.sim, ICCID.format(1))
    assert sim is not None
    assert sim["state"] == "active"


@pytest.mark.parametrize(("word", "state"), [("go_on", "active"), ("pause", "paused")])
def test_the_page_asks_at_many_people_and_takes_the_answer(farm: Sample, word: str, state: str) -> None:
    farm.modem(1)
    iccid = ICCID.format(1)
    month = counters.month_start(CAUTIOUS, NOW)
    farm.store.run(counters.charge, iccid, "people", to_us(month), 150)
    client = farm.person()
    for lang in ("zh", "ru", "en"):
        page = client.get(f"/?lang={lang}").get_data(as_text=True)
        assert wording.say("page.asks_people", {"n": 150}, lang) in unescape(page)
    token = form_token(page)
    assert client.post(f"/sims/{iccid}/answer", data={"csrf": token, "answer": "perhaps"}).status_code == 404
    assert client.post(f"/sims/{iccid}/answer", data={"csrf": token, "answer": word}).status_code == 303
    assert "different people" not in client.get("/").get_data(as_text=True)
    assert farm.store.look(sims.all_sims)[0]["state"] == state


def test_a_chosen_language_stays(farm: Sample) -> None:
    client = farm.person()
    assert 'lang="ru"' in client.get("/?lang=ru").get_data(as_text=True)
    assert "Остановить отправку" in client.get("/").get_data(as_text=True)
    other = farm.person()
    assert "暂停全部发送" in other.get("/", headers={"Accept-Language": "zh-TW"}).get_data(as_text=True)


def test_a_broken_database_is_said_on_the_page(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    client = farm.person()
    farm.trouble = "store"
    assert "The database cannot be written" in client.get("/").get_data(as_text=True)

    def broken(*_: object, **__: object) -> None:
        raise StoreError("gone")

    monkeypatch.setattr(views, "stats", broken)
    farm.trouble = None
    answer = client.get("/")
    assert answer.status_code == 200
    assert "The database cannot be written" in answer.get_data(as_text=True)


def test_the_demo_draws_a_phone_that_answers(demo: Sample) -> None:
    client = demo.person()
    page = client.get("/").get_data(as_text=True)
    token = form_token(page)
    assert "kill -9" in page
    phone = client.get("/demo/phone/+8613800138000").get_data(as_text=True)
    assert "回复TD退订" in phone
    client.post("/demo/phone/+8613800138000", data={"csrf": token, "text": "TD"})
    assert demo.network.said == ["TD"]
    for what in ("pull", "plug", "lose", "fill", "kill"):
        client.post(f"/demo/fault/{what}", data={"csrf": token})
    assert [name for name, _ in demo.network.done] == ["pull", "plug", "lose", "fill", "kill"]
    assert demo.network.done[0] == ("pull", 3)


def test_a_real_farm_has_no_demo(farm: Sample) -> None:
    assert farm.person().get("/demo/phone/+8613800138000").status_code == 404


def test_the_server_serves_and_stops(farm: Sample) -> None:
    server = serve(farm.app, WebSettings(port=0))
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz") as answer:
        assert answer.status == 200
    server.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz")
