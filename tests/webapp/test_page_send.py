from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from modemfarm import wording
from modemfarm.store import batches, rules, suppress, views
from modemfarm.webapp import mailings, page_files
from modemfarm.webapp.uploads import LIVES, MOST_FILES, Uploads
from tests.e2e.farm import until
from tests.webapp.sample import NOW, Sample
from tests.webapp.test_page import form_token

CHINESE = "手机号,姓名,订单\n13800138000,李伟,1042\n13800138001,王芳,1043\n13800138002,陈明,1044\n"


def bring(farm: Sample, client: FlaskClient, octets: bytes, name: str = "客户.csv") -> tuple[str, str]:
    """The address of the file's page, and a token for its forms."""
    token = form_token(client.get("/send/file").get_data(as_text=True))
    data: dict[str, Any] = {"csrf": token, "file": (io.BytesIO(octets), name)}
    answer = client.post("/send/file", data=data, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"], token


def looked(client: FlaskClient, place: str, data: dict[str, str]) -> dict[str, str]:
    """The form with the mark of the preview that was seen for it."""
    mark = re.search(r'name="shown" value="([^"]+)"', client.post(place + "/measure", data=data).get_data(as_text=True))
    assert mark is not None
    return data | {"shown": mark[1]}


def confirm(client: FlaskClient, place: str, token: str, **more: str) -> str:
    data = {"csrf": token, "template": "{姓名}您好,订单{订单}已到店", **more}
    sent = client.get(place).status_code == 404  # the second press of a button
    answer = client.post(place, data=data if sent else looked(client, place, data))
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"]


def finished(farm: Sample, place: str) -> dict[str, Any]:
    number = int(place.rpartition("/")[2])
    until(lambda: not mailings.is_running(number), 30, "the file is taken in")
    found = farm.store.look(views.batch, number)
    assert found is not None
    assert found["finished_at"] is not None
    return found


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_a_file_is_shown_with_three_messages_and_goes_when_confirmed(farm: Sample, encoding: str) -> None:
    farm.modem(1)
    client = farm.person()
    place, token = bring(farm, client, CHINESE.encode(encoding))
    assert "no column of texts" in client.get(place).get_data(as_text=True)
    seen = client.post(place + "/measure", data={"csrf": token, "template": "{姓名}您好,订单{订单}已到店"}).get_data(
        as_text=True
    )
    for name, order in (("李伟", 1042), ("王芳", 1043), ("陈明", 1044)):
        assert f"{name}您好,订单{order}已到店" in seen
    assert "Send to 3 people, about ¥0.30" in seen
    assert farm.store.look(views.counts) == {}
    found = finished(farm, confirm(client, place, token))
    assert (found["accepted"], found["rejected"], found["name"]) == (3, 0, "客户.csv")
    texts = {m["text"] for m in farm.store.look(views.messages)["data"]}
    assert texts == {"李伟您好,订单1042已到店", "王芳您好,订单1043已到店", "陈明您好,订单1044已到店"}


STRANGE = "客户电话,说明,备用号码\n13800138000,您的订单已到店,13800138005\n13800138001,您好,13800138006\n"


def options(page: str, field: str) -> list[str]:
    """The values of a list of columns."""
    found = re.search(rf'<select name="{field}">(.*?)</select>', page, re.DOTALL)
    assert found is not None
    return [html.unescape(value) for value in re.findall(r'<option value="([^"]*)"', found[1])]


def test_columns_that_no_name_tells_are_chosen_from_lists(farm: Sample) -> None:
    farm.modem(1)
    client = farm.person()
    place, token = bring(farm, client, STRANGE.encode("gb18030"))
    page = client.get(place).get_data(as_text=True)
    assert "No column of this file is called like phone numbers" in page
    assert re.search(r'<details class="more-of-it" open>\s*<summary>Which column is which\?', page)
    assert options(page, "to_column") == options(page, "text_column") == ["", '"客户电话"', '"说明"', '"备用号码"']
    assert "Send to" not in page
    data = {"csrf": token, "to_column": '"客户电话"', "text_column": '"说明"'}
    seen = client.post(place + "/measure", data=data).get_data(as_text=True)
    assert "您的订单已到店" in seen
    assert "Send to 2 people" in seen
    again = client.post(place, data=data | {"do": "look"}).get_data(as_text=True)  # without scripts
    assert "selected>客户电话</option>" in again
    changed = client.post(place, data=looked(client, place, data) | {"to_column": '"备用号码"'})
    assert changed.status_code == 409  # only what was seen is confirmed
    batch = client.post(place, data=looked(client, place, data)).headers["Location"]
    finished(farm, batch)
    assert {one["to"] for one in farm.store.look(views.messages)["data"]} == {"+8613800138000", "+8613800138001"}


def test_another_column_of_the_same_file_is_another_list_to_send(farm: Sample) -> None:
    client = farm.person()
    for column, number in (('"客户电话"', 1), ('"备用号码"', 2)):
        place, token = bring(farm, client, STRANGE.encode())
        assert confirm(client, place, token, template="x", to_column=column) == f"/batches/{number}"
        finished(farm, f"/batches/{number}")
    assert sum(farm.store.look(views.counts).values()) == 4


def test_a_file_without_a_line_of_names_loses_nobody(farm: Sample) -> None:
    client = farm.person()
    place, token = bring(farm, client, b"13800138000,hello\n13800138001,bye\n", "a.csv")
    page = client.get(place).get_data(as_text=True)
    assert "The first line of this file names no columns" in page
    assert options(page, "to_column") == ["", "#1", "#2"]
    data = looked(client, place, {"csrf": token, "to_column": "#1", "text_column": "#2"})
    assert finished(farm, client.post(place, data=data).headers["Location"])["accepted"] == 2


def test_the_lists_follow_the_encoding_and_what_was_chosen_in_another_is_dropped(farm: Sample) -> None:
    client = farm.person()
    place, token = bring(farm, client, STRANGE.encode("gb18030"))
    mark = re.search(r'name="columns_seen" value="([^"]+)"', client.get(place).get_data(as_text=True))
    assert mark is not None
    data = {"csrf": token, "to_column": '"客户电话"', "template": "x", "columns_seen": mark[1]}
    same = client.post(place + "/measure", data=data).get_data(as_text=True)
    assert 'id="columns"' not in same  # a list that is open stays open
    other = client.post(place + "/measure", data=data | {"encoding": "cp1251"}).get_data(as_text=True)
    assert 'id="columns"' in other
    assert '"客户电话"' not in options(other, "to_column")
    assert "No column of this file is called like phone numbers" in other


def test_a_confirmed_file_goes_once_however_often_the_button_is_pressed(farm: Sample) -> None:
    client = farm.person()
    place, token = bring(farm, client, CHINESE.encode())
    first = confirm(client, place, token)
    assert confirm(client, place, token) == first
    finished(farm, first)
    assert sum(farm.store.look(views.counts).values()) == 3


def test_only_what_was_seen_is_confirmed(farm: Sample) -> None:
    client = farm.person()
    place, token = bring(farm, client, CHINESE.encode())
    data = looked(client, place, {"csrf": token, "template": "{姓名}"})
    answer = client.post(place, data=data | {"template": "{姓名}!"})
    assert answer.status_code == 409
    assert "This changed since you saw it" in answer.get_data(as_text=True)
    assert farm.store.look(views.counts) == {}


def test_the_same_file_brought_again_wants_a_word_before_it_goes_again(farm: Sample) -> None:
    client = farm.person()
    place, token = bring(farm, client, CHINESE.encode())
    finished(farm, confirm(client, place, token))
    place, token = bring(farm, client, CHINESE.encode())
    data = looked(client, place, {"csrf": token, "template": "{姓名}您好,订单{订单}已到店"})
    refused = client.post(place, data=data)
    assert refused.status_code == 409
    assert "This very file was sent" in refused.get_data(as_text=True)
    assert sum(farm.store.look(views.counts).values()) == 3
    finished(farm, confirm(client, place, token, again="1"))
    assert sum(farm.store.look(views.counts).values()) == 6


def test_rejected_rows_are_told_before_and_come_as_a_harmless_table_after(farm: Sample) -> None:
    with farm.store.write() as tx:
        suppress.add(tx, "+8613800138001", "13800138001"[-9:], "person", NOW)
    text = (
        'phone,text,note\n1.38E+10,Hello,"=HYPERLINK(1)"\n13800138001,Hello,+86 138 0013 8001\n13800138000,Hello,@x\n'
    )
    client = farm.person()
    place, token = bring(farm, client, text.encode(), "../../etc/passwd")
    page = client.get(place).get_data(as_text=True)
    assert "Row 1: a spreadsheet changed this number" in page.replace("\n", " ")
    assert "Row 2: this person asked for no more messages" in page
    assert "Send to 1 person" in page
    assert ">passwd<" in page
    batch = client.post(place, data=looked(client, place, {"csrf": token})).headers["Location"]
    finished(farm, batch)
    assert "2 rows are not taken" in client.get(batch).get_data(as_text=True)
    answer = client.get(batch + "/rejected.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    lines = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert lines[0] == ["row", "column", "reason", "phone", "text", "note"]
    assert lines[1][:2] + lines[1][3:] == ["1", "", "1.38E+10", "Hello", "'=HYPERLINK(1)"]
    assert lines[2][3:] == ["13800138001", "Hello", "+86 138 0013 8001"]


def test_fifty_offers_that_nothing_allows_yet_are_told_by_reason_with_the_way_and_shown_all_the_same(
    farm: Sample,
) -> None:
    client = farm.person()
    rows = "".join(f"138001380{number:02},新品八折\n" for number in range(50))
    place, token = bring(farm, client, f"phone,text\n{rows}oops,x\n".encode())
    asked = {"csrf": token, "class": "marketing"}

    def looks() -> str:
        return html.unescape(client.post(place + "/measure", data=asked).text)

    said = looks()
    assert said.count(wording.say("reason.profile")) == 1
    assert "50 rows, from row 1 on:" in said
    assert re.search(r'<a href="/settings#offers">.*<code>modemfarm policy attest --who NAME', said)
    assert "Row 51:" in said
    assert said.count('<li class="theirs">') == 3
    assert re.search(r'<button id="go"[^>]* disabled[^>]*>Nothing to send yet', said)
    with farm.store.write() as tx:
        rules.change(tx, "CN", "brand", "小店", NOW, who="test")
        rules.change(tx, "CN", "profile", "CN", NOW, who="test")
        rules.attest(tx, "CN", "王丽", "会员书面同意", NOW + timedelta(days=90), NOW)
    said = looks()
    assert said.count(wording.say("reason.consent_missing")) == 1
    assert re.search(r'<a href="/people/consents#import">.*<code>modemfarm consent import FILE', said)
    assert said.count('<li class="theirs">') == 3
    assert "【小店】新品八折" in said
    del asked["class"]
    assert re.search(r'<button id="go"((?! disabled).)*>Send to 50', looks())


def test_rows_with_warnings_are_told_and_no_rate_of_openings_ever(farm: Sample) -> None:
    farm.modem(1)
    client = farm.person()
    place, token = bring(farm, client, b"to,text\n13800138000,Winter sale {x}\n13800138001,hello\n", "a.csv")
    looks = client.get(place).get_data(as_text=True)
    assert wording.say("warning.open_braces", {}, "en") in looks
    assert re.search(r"<li>Row 1:? .*braces", looks)
    assert not re.search(r"<li>Row 2", looks)
    there = confirm(client, place, token, template="")
    finished(farm, there)
    for lang in wording.LANGUAGES:
        said = client.get(there, headers={"Accept-Language": lang}).get_data(as_text=True)
        assert wording.say("page.no_read_state", {}, lang) in said


def test_a_batch_is_paused_resumed_and_taken_back_on_its_page(farm: Sample) -> None:
    client = farm.person()
    place, token = bring(farm, client, CHINESE.encode())
    batch = confirm(client, place, token)
    finished(farm, batch)
    client.post(batch + "/pause", data={"csrf": token})
    page = client.get(batch).get_data(as_text=True)
    assert "Go on sending" in page
    assert farm.store.look(views.pauses)[0]["scope"] == "batch"
    client.post(batch + "/resume", data={"csrf": token})
    assert farm.store.look(views.pauses) == []
    client.post(batch + "/cancel", data={"csrf": token})
    assert farm.store.look(views.counts) == {"canceled": 3}
    assert "3 of 3 have ended" in client.get(batch + "/fragment").get_data(as_text=True)
    assert client.get("/batches/99").status_code == 404


def test_a_file_broken_off_by_a_stop_goes_on_where_it_was(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    client = farm.person()
    place, token = bring(farm, client, CHINESE.encode())
    monkeypatch.setattr(mailings, "go_on", lambda *_args: True)  # the daemon dies here
    batch = confirm(client, place, token)
    assert "Take in the rest" in client.get(batch).get_data(as_text=True)
    monkeypatch.undo()
    client.post(batch + "/go-on", data={"csrf": token})
    assert finished(farm, batch)["accepted"] == 3


def test_a_test_goes_to_me_once_and_my_number_is_kept(farm: Sample) -> None:
    client = farm.person()
    page = client.get("/send").get_data(as_text=True)
    trial = re.search(r'name="trial" value="([^"]+)"', page)
    assert trial is not None
    data = {"csrf": form_token(page), "text": "您好", "me": "13800138009", "trial": trial[1], "class": "marketing"}
    for _ in range(2):
        assert "on its way" in client.post("/send/test", data=data).get_data(as_text=True)
    (one,) = farm.store.look(views.messages)["data"]
    assert (one["to"], one["text"], one["class"]) == ("+8613800138009", "您好 STOP", "transactional")
    assert 'value="13800138009"' in client.get("/send").get_data(as_text=True)
    wrong = client.post("/send/test", data=data | {"me": "12", "trial": "x"}).get_data(as_text=True)
    assert "not" in wrong
    place, token = bring(farm, client, CHINESE.encode())
    said = client.post(place + "/test", data={"csrf": token, "template": "{姓名}", "me": "13800138009", "trial": "y"})
    assert "on its way" in said.get_data(as_text=True)
    assert farm.store.look(views.messages)["data"][0]["text"] == "李伟"


def test_what_policy_says_stands_before_the_button(farm: Sample) -> None:
    client = farm.person()
    token = form_token(client.get("/send").get_data(as_text=True))
    data = {"csrf": token, "to": "13800138000", "text": "全场八折优惠"}
    said = client.post("/send/measure", data=data).get_data(as_text=True)
    assert "This reads like an offer" in said
    assert "Send to +8613…000, about ¥0.10" in said
    said = client.post("/send/measure", data=data | {"class": "marketing"}).get_data(as_text=True)
    assert "modemfarm policy attest" in said
    assert "about ¥0.10</button>" not in said


def test_a_message_goes_with_the_class_sim_and_time_that_were_chosen(farm: Sample) -> None:
    farm.modem(1)
    client = farm.person()
    token = form_token(client.get("/send").get_data(as_text=True))
    sim = "8986001234567890101"
    data = {"csrf": token, "nonce": "n", "to": "13800138000", "text": "Hi", "class": "emergency", "from": sim}
    assert "confirm" in client.post("/send", data=data).get_data(as_text=True)
    data["confirm_emergency"] = "1"
    answer = client.post("/send", data=data | {"send_at": "2026-03-15T10:00"})
    assert answer.headers["Location"] == "/messages/1"
    one = farm.store.look(views.message, 1) or {}
    assert (one["class"], one["state"], one["send_at"]) == ("emergency", "scheduled", "2026-03-15T10:00:00.000Z")
    assert client.post("/send", data=data | {"send_at": "never", "nonce": "m"}).status_code == 422


def test_uploads_are_bounded_and_forgotten(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_files, "MOST_OCTETS", 1000)
    client = farm.person()
    token = form_token(client.get("/send/file").get_data(as_text=True))
    data: dict[str, Any] = {"csrf": token, "file": (io.BytesIO(b"x" * 1001), "big.csv")}
    assert client.post("/send/file", data=data, content_type="multipart/form-data").status_code == 413
    assert client.post("/send/file", data={"csrf": token}).status_code == 422
    kept, folder = Uploads(farm.deps.state_dir), farm.deps.state_dir / "uploads"
    tokens = [kept.keep(f"{n}.csv", b"x", NOW + timedelta(seconds=n)) for n in range(MOST_FILES + 3)]
    assert len(list(folder.iterdir())) == MOST_FILES
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert kept.read(tokens[0], NOW) is None
    assert kept.read(tokens[-1], NOW) is not None
    assert kept.read(tokens[-1], NOW + LIVES + timedelta(minutes=1)) is None
    for name in ("../farm.db", "x", "", "a" * 22, "batch-1/../x"):
        assert kept.read(name, NOW) is None
        assert client.get(f"/send/file/{name or 'y'}").status_code == 404
    place, token = bring(farm, client, CHINESE.encode())
    client.post(place + "/forget", data={"csrf": token})
    assert client.get(place).status_code == 404


def test_recent_lists_stand_on_the_send_page(farm: Sample) -> None:
    farm.store.run(batches.start, "春节.csv", "x", NOW)
    assert "春节.csv" in farm.person().get("/send").get_data(as_text=True)
