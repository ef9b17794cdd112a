"""The page of consents: list, one consent by hand, words to sign up, the ledger's check and file; who may do what."""

from __future__ import annotations

import io
import json
import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text as sql

from modemfarm import wording
from modemfarm.policy.consent import faults
from modemfarm.store import audit, consents, signups
from tests.webapp.sample import NOW, Sample

ONE, TWO = "+8613912345678", "+8613800138000"
PAGE = "/people/consents"
GIVEN = {"number": ONE, "method": "paper", "wording": "好的，发吧", "purpose": "news, sale"}


def press(client: FlaskClient, path: str, **form: Any) -> Any:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get(PAGE).text)
    assert csrf is not None
    return client.post(path, data={"csrf": csrf[1], **form})


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_an_empty_ledger_says_so_and_people_leads_to_it(farm: Sample, lang: str) -> None:
    person = farm.person()
    text = unescape(person.get(f"{PAGE}?lang={lang}&check=1").text)
    for slug in ("consents_none", "signup_none"):
        assert wording.say(f"page.{slug}", lang=lang) in text
    assert wording.say("page.ledger_whole", {"n": 0}, lang) in text
    assert f'href="{PAGE}"' in person.get("/people").text


def test_a_consent_is_written_down_with_its_proof_by_name(farm: Sample) -> None:
    person = farm.person("operator")
    more = {"source": "form 7", "evidence": "a" * 64, "wording_version": "v3", "language": "zh", "frequency": "weekly",
            "ip": "192.0.2.7", "user_agent": "Browser 1", "captured_at": "2026-01-02", "expires_at": "2030-12-31"}  # fmt: skip
    assert press(person, PAGE, **GIVEN, **more).status_code == 303
    (kept,) = farm.store.look(consents.records, ONE)
    assert kept["purpose"] == ["news", "sale"]
    assert kept["captured_at"].startswith(("2026-01-02T00:00", "2026-01-01T"))
    assert kept["expires_at"].startswith(("2031-01-01T00:00", "2030-12-31T"))
    wanted = {"method": "paper", "exact_wording": "好的，发吧", "source_url_or_form_id": "form 7", "ip": "192.0.2.7",
              "evidence_sha256": "a" * 64, "wording_version": "v3", "language": "zh", "stated_frequency": "weekly",
              "user_agent": "Browser 1"}  # fmt: skip
    assert wanted.items() <= kept.items()
    assert kept["actor"].startswith("page")
    shown = person.get(PAGE).text
    for said in (ONE, "form 7", "v3", wording.say("page.method_paper"), wording.say("page.consent_granted")):
        assert said in shown


def test_a_list_of_people_who_agreed_is_taken_in_on_the_page(farm: Sample) -> None:
    person = farm.person("operator")
    rows = "".join(f"138001380{number:02},小王\n" for number in range(50)) + "oops,x\nnope,y\n"

    def bring(text: str, **more: str) -> Any:
        word = {"method": "paper", "wording": "同意接收优惠", "since": "2026-01-01", "until": "2026-02-28"} | more
        return press(person, f"{PAGE}/import", file=(io.BytesIO(text.encode()), "list.csv"), **word)

    answer = bring("手机号,姓名\n" + rows)
    told = unescape(answer.text)
    assert answer.status_code == 200
    counts = {"granted": 50, "pending": 0, "known": 0, "out": 0, "rejected": 2}
    assert wording.say("said.consents_taken", counts) in told
    assert "2 rows, from row 51 on:" in told
    (kept,) = farm.store.look(consents.records, "+8613800138007")
    assert (kept["method"], kept["exact_wording"], kept["actor"][:4]) == ("paper", "同意接收优惠", "page")
    assert "consents.imported" in [row["action"] for row in farm.store.look(audit.listed)]
    for text, more in (("", {}), ("a,b\n1,2\n", {}), ("phone\n13800138099\n", {"since": "soon"})):
        refused = bring(text, **more)
        assert (refused.status_code, 'role="alert"' in refused.text, "同意接收优惠" in refused.text) == (
            422,
            True,
            True,
        )
    assert farm.person("viewer").post(f"{PAGE}/import").status_code == 403


@pytest.mark.parametrize(
    ("form", "code"),
    [({"number": "nobody"}, "not_a_number"), ({"captured_at": "2999-01-01"}, "in_the_future")],
    ids=["number", "future"],
)
def test_what_cannot_be_is_told_and_stays_typed(farm: Sample, form: dict[str, str], code: str) -> None:
    answer = press(farm.person(), PAGE, **{**GIVEN, **form})
    assert answer.status_code == 422
    assert wording.say(f"fault.{code}") in unescape(answer.text)
    assert "好的，发吧" in answer.text
    assert farm.store.look(consents.records, ONE) == []


@pytest.mark.parametrize("form", [{"method": "guess"}, {"evidence": "x"}, {"captured_at": "soon"}, {"wording": ""}])
def test_a_form_made_by_hand_is_refused(farm: Sample, form: dict[str, str]) -> None:
    assert press(farm.person(), PAGE, **{**GIVEN, **form}).status_code == 422


def test_words_come_and_go_by_name(farm: Sample) -> None:
    person = farm.person("operator")
    assert press(person, f"{PAGE}/words", word="优惠", purpose="sale", wording="每周一条").status_code == 303
    assert farm.store.look(signups.words) == [{"word": "优惠", "purpose": "sale", "wording": "每周一条"}]
    assert "每周一条" in person.get(PAGE).text
    told = press(person, f"{PAGE}/words", word="TD", wording="x")
    assert (told.status_code, wording.say("page.signup_taken", {"word": "TD"}) in unescape(told.text)) == (422, True)
    assert press(person, f"{PAGE}/words", word="", wording="x").status_code == 422
    assert press(person, f"{PAGE}/words/remove", word="优惠").status_code == 303
    assert farm.store.look(signups.words) == []
    assert press(person, f"{PAGE}/words/remove", word="优惠").status_code == 404
    lines = farm.store.look(audit.listed)
    assert [line["action"] for line in lines[:2]] == ["consent.word"] * 2
    assert all(line["who"].startswith("page") for line in lines[:2])


def test_the_list_is_paged_newest_first(farm: Sample) -> None:
    for number in range(51):
        farm.store.run(consents.grant, f"+86139{number:08d}", ("news",), {"method": "paper"}, NOW)
    first = farm.person().get(PAGE).text
    assert first.index("+8613900000050") < first.index("+8613900000001")
    assert "+8613900000000" not in first
    older = re.search(r'href="(/people/consents\?cursor=\d+)"', first)
    assert older is not None
    assert "+8613900000000" in farm.person().get(older[1]).text


def test_a_viewer_sees_masked_numbers_and_no_button(farm: Sample) -> None:
    farm.store.run(consents.grant, ONE, ("news",), {"method": "paper", "exact_wording": "call 13912345678"}, NOW)
    with farm.store.write() as tx:
        signups.add_word(tx, "优惠", "sale", "weekly", NOW, who="cli")
    viewer = farm.person("viewer")
    main = viewer.get(f"{PAGE}?check=1").text.partition("<main")[2]
    assert "+8613…678" in main
    assert "13912345678" not in main
    assert "优惠" in main
    assert "<form" not in main
    assert "/export" not in main
    assert viewer.get(f"{PAGE}/export").status_code == 403
    for path in (PAGE, f"{PAGE}/words", f"{PAGE}/words/remove"):
        assert "Your role may not" in viewer.post(path, data={**GIVEN, "word": "优惠"}).text


def test_the_ledger_goes_out_whole_and_shows_what_was_changed(farm: Sample) -> None:
    for number in (ONE, TWO):
        farm.store.run(consents.grant, number, ("news",), {"method": "paper"}, NOW)
    person, head = farm.person("operator"), farm.store.look(consents.head)
    assert head is not None
    assert head in person.get(PAGE).text
    assert wording.say("page.ledger_whole", {"n": 2}) in person.get(f"{PAGE}?check=1").text
    answer = person.get(f"{PAGE}/export")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert (len(rows), faults(rows, head)) == (2, [])
    assert farm.store.look(audit.listed)[0]["action"] == "consents.exported"
    with farm.store.write() as tx:
        tx.connection.execute(sql("UPDATE consent_records SET salt = 'x' WHERE seq = 2"))
    text = unescape(person.get(f"{PAGE}?check=1").text)
    assert wording.say("page.ledger_broken", {"n": 1}) in text
    assert "row 2" in text
