"""The page People: list, search, add, files, one person's page and its buttons; who may see and do what."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from modemfarm import wording
from modemfarm.store import audit, consents, contacts, forgotten, suppress
from modemfarm.store.contacts import Contact
from tests.webapp.sample import NOW, Sample

ONE, TWO = "+8613912345678", "+8613800138000"


def press(client: FlaskClient, path: str, **form: Any) -> Any:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/people").text)
    assert csrf is not None
    return client.post(path, data={"csrf": csrf[1], **form})


@pytest.fixture
def kept(farm: Sample) -> Sample:
    people = [Contact(ONE, name="李 <b>", zone="Asia/Urumqi", attributes={"城市": "上海"}), Contact(TWO, name="王")]
    farm.store.run(contacts.put, people, "cli", NOW)
    farm.store.run(consents.grant, ONE, ("news",), {"method": "paper", "exact_wording": "好的，发吧"}, NOW)
    return farm


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_everybody_is_listed_and_found(kept: Sample, lang: str) -> None:
    person = kept.person()
    text = person.get(f"/people?lang={lang}").text
    assert ONE in text
    assert "李 &lt;b&gt;" in text
    assert "城市: 上海" in text
    assert wording.say("page.people_count", {"n": 2}, lang) in text
    found = person.get("/people?search=王").text
    assert TWO in found
    assert ONE not in found
    assert wording.say("page.people_none_found", lang=lang) in person.get(f"/people?search=nobody&lang={lang}").text


def test_a_viewer_sees_no_number_whole_and_no_persons_page(kept: Sample) -> None:
    message = kept.take(to=ONE)
    viewer = kept.person("viewer")
    text = viewer.get("/people").text
    assert "+8613…678" in text
    for path in ("/people", f"/messages/{message}", "/messages", "/"):
        assert ONE not in viewer.get(path).text
        assert ONE.replace("+", "%2B") not in viewer.get(path).text
    assert ONE in kept.person("operator").get(f"/messages/{message}").text
    assert viewer.get(f"/people/{ONE}").status_code == 403
    assert viewer.get("/people/export").status_code == 403


def test_a_person_is_added_and_a_wrong_zone_told(farm: Sample) -> None:
    person = farm.person()
    added = press(person, "/people", number="139 1234 5678", name="李", zone="")
    assert added.headers["Location"].endswith("/people/+8613912345678")
    row = farm.store.look(contacts.one, ONE)
    assert row is not None
    assert row["source"] == "page"
    wrong = press(person, "/people", number=ONE, zone="Mars")
    assert (wrong.status_code, "Mars" in wrong.text) == (422, True)


def test_a_file_goes_in_and_out(farm: Sample) -> None:
    person = farm.person()
    octets = "手机号;姓名\n13912345678;李\n12;x\n".encode("gb18030")
    text = press(person, "/people/import", file=(io.BytesIO(octets), "p.csv")).text
    assert wording.say("page.people_imported", {"added": 1, "known": 0, "rejected": 1}) in text
    assert "Row 2" in text
    assert "李" in person.get("/people/export").text
    assert farm.store.look(audit.listed)[0]["action"] == "contacts.exported"
    assert press(person, "/people/import").status_code == 422


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_a_persons_page_has_consent_with_its_proof_and_the_talk(kept: Sample, lang: str) -> None:
    message = kept.take(to=ONE, text="hello there")
    text = kept.person().get(f"/people/{ONE}?lang={lang}").text
    for said in ("好的，发吧", "paper", "Asia/Urumqi", "hello there", f"/messages/{message}"):
        assert said in text
    assert wording.say("page.consent_granted", lang=lang) in text
    assert wording.say("page.people_in", lang=lang) in text
    assert kept.person().get("/people/+8613700137000").status_code == 200
    assert kept.person().get("/people/nobody").status_code == 404


def test_an_opt_out_is_set_and_lifted_on_the_page(kept: Sample) -> None:
    person = kept.person("operator")
    press(person, f"/people/{ONE}/suppress")
    assert kept.store.look(suppress.is_suppressed, ONE)
    assert wording.say("page.people_out") in person.get(f"/people/{ONE}").text
    press(person, f"/people/{ONE}/lift")
    assert not kept.store.look(suppress.is_suppressed, ONE)
    assert kept.store.look(audit.listed)[0]["action"] == "suppression.removed"


def test_an_admin_forgets_a_person_after_saying_so_twice(kept: Sample) -> None:
    assert press(kept.person("operator"), f"/people/{ONE}/forget", sure="yes").status_code == 403
    person = kept.person()
    press(person, f"/people/{ONE}/forget")
    assert kept.store.look(contacts.one, ONE) is not None
    press(person, f"/people/{ONE}/forget", sure="yes")
    assert kept.store.look(contacts.one, ONE) is None
    assert kept.store.look(forgotten.count) == 1
    text = person.get(f"/people/{ONE}").text
    assert wording.say("page.people_gone") in text
    assert "/forget" not in text
    assert wording.say("page.people_forgotten", {"n": 1}) in person.get("/people").text
