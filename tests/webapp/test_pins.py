"""A PIN goes in by page and API, and comes out nowhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from modemfarm.store import pins, remembered, sims
from modemfarm.store.remembered import Place
from tests.webapp.sample import ICCID, IMEI, NOW, Sample

PIN = "73105968"
CARD, MODEM = ICCID.format(1), IMEI.format(1)


def locked(farm: Sample, sentence: str = "pin_unknown", iccid: str = CARD, **more: object) -> None:
    params = json.dumps({"left": 3, "iccid": iccid})
    farm.modem(1, "needs_you", sentence, iccid=None, params=params, next_action="enter_pin", **more)


def kept(farm: Sample, iccid: str | None = CARD, imei: str | None = None, path: str = "") -> str | None:
    with farm.store.read() as tx:
        return pins.entered(tx, farm.store.secret, iccid, imei, path)


def token(person: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', person.get("/").get_data(as_text=True))
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("lang", "told", "button"),
    [
        ("en", "The SIM wants its PIN; 3 tries left.", "Enter PIN"),
        ("zh", "SIM 卡要 PIN 码；还可试 3 次。", "输入 PIN 码"),
        ("ru", "SIM просит PIN; осталось попыток: 3.", "Ввести PIN"),
    ],
)
def test_the_tile_says_how_many_tries_are_left_and_leads_to_the_form(
    farm: Sample, lang: str, told: str, button: str
) -> None:
    locked(farm)
    person = farm.person()
    page = person.get(f"/?lang={lang}").get_data(as_text=True)
    assert told in page
    assert f'href="/modems/{MODEM}/pin">{button}<' in page
    form = person.get(f"/modems/{MODEM}/pin?lang={lang}").get_data(as_text=True)
    assert told in form
    assert 'type="password"' in form
    assert 'autocomplete="off"' in form
    assert "/pin/release" not in form


def test_a_pin_that_is_entered_on_the_page_is_kept_sealed_and_the_modem_looks_again(farm: Sample) -> None:
    locked(farm)
    person = farm.person()
    assert person.post(f"/modems/{MODEM}/pin", data={"pin": PIN}).status_code == 403  # not of our own form
    assert kept(farm) is None
    answer = person.post(f"/modems/{MODEM}/pin", data={"pin": PIN, "csrf": token(person)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert kept(farm) == PIN
    assert farm.woken
    with farm.store.write() as tx:
        assert sims.take_wishes(tx, "shop") == [("/dev/ttyV1", "retry")]


@pytest.mark.parametrize("typed", ["", "123", "123456789", "12a4", "１２３４", "73 10"])
def test_what_is_no_pin_is_refused_and_not_repeated(farm: Sample, typed: str) -> None:
    locked(farm)
    person = farm.person()
    answer = person.post(f"/modems/{MODEM}/pin", data={"pin": typed, "csrf": token(person)})
    assert answer.status_code == 422
    assert kept(farm) is None
    refused = farm.api().patch(f"/v1/modems/{MODEM}", json={"pin": typed})
    assert refused.status_code == 422
    assert not typed or typed not in refused.get_data(as_text=True)


def test_a_pin_that_failed_is_offered_again_only_by_a_persons_release(farm: Sample) -> None:
    locked(farm, "pin_blocked")
    person = farm.person()
    with farm.store.write() as tx:
        trying = pins.may_try(tx, farm.store.secret, CARD, PIN, 3, NOW)
        assert trying
        pins.settle(tx, CARD, trying, False, NOW)
    refused = farm.api().patch(f"/v1/modems/{MODEM}", json={"pin": PIN})
    assert (refused.status_code, refused.json["code"]) == (409, "pin_failed")
    assert "/pin/release" in person.get(f"/modems/{MODEM}/pin").get_data(as_text=True)
    assert person.post(f"/modems/{MODEM}/pin/release", data={"csrf": token(person)}).status_code == 303
    with farm.store.write() as tx:
        assert sims.take_wishes(tx, "shop") == [("/dev/ttyV1", "retry")]
        assert pins.may_try(tx, farm.store.secret, CARD, PIN, 3, NOW)
    assert farm.api().post(f"/v1/modems/{MODEM}/release").json == {"id": MODEM, "released": True}
    assert farm.api().post(f"/v1/modems/{MODEM}/release").json == {"id": MODEM, "released": False}


def test_the_api_takes_a_pin_by_sim_and_forgets_it(farm: Sample) -> None:
    farm.modem(1)
    client = farm.api()
    answer = client.patch(f"/v1/sims/{CARD}", json={"pin": PIN, "label": "front"}, headers={"Idempotency-Key": "a"})
    assert (answer.status_code, answer.json["label"]) == (200, "front")
    assert "pin" not in answer.json
    assert kept(farm) == PIN
    assert client.patch(f"/v1/sims/{CARD}", json={"pin": None}).status_code == 200
    assert kept(farm) is None
    assert client.patch("/v1/sims/8986001234567899999", json={"pin": PIN}).status_code == 404
    assert client.post(f"/v1/sims/{CARD}/release").json == {"iccid": CARD, "released": False}
    few = farm.app.test_client().patch(f"/v1/sims/{CARD}", json={"pin": PIN}, headers=farm.key("messages:read"))
    assert few.status_code == 403


def test_where_the_iccid_is_not_known_the_modem_names_the_card(farm: Sample) -> None:
    locked(farm, iccid="")
    assert farm.api().patch(f"/v1/modems/{MODEM}", json={"pin": PIN}).json == {"id": MODEM, "pin": "kept"}
    assert kept(farm, None, MODEM, "/dev/elsewhere") == PIN
    assert farm.api().patch(f"/v1/modems/{MODEM}", json={"pin": None}).json == {"id": MODEM, "pin": "forgotten"}


def test_a_key_file_that_cannot_be_used_is_told_and_nothing_else_breaks(farm: Sample) -> None:
    locked(farm)
    farm.store.secret.file.write_bytes(b"short")
    answer = farm.api().patch(f"/v1/modems/{MODEM}", json={"pin": PIN})
    assert (answer.status_code, answer.json["code"]) == (503, "key_file")
    assert farm.person().get("/").status_code == 200


def test_no_answer_event_or_octet_of_the_database_shows_it(
    farm: Sample, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locked(farm)
    client, person = farm.api(), farm.person()
    with caplog.at_level("DEBUG"):
        said = client.patch(f"/v1/modems/{MODEM}", json={"pin": PIN}, headers={"Idempotency-Key": "b"})
        texts = [said.get_data(as_text=True)]
        for one, path in (
            *((client, f"/v1/{path}") for path in ("sims", "modems", "events", f"modems/{MODEM}")),
            *((person, path) for path in ("/", f"/modems/{MODEM}/pin", "/fragment/farm")),
        ):
            texts += [one.get(path).get_data(as_text=True)]
    assert "sim.pin_entered" in "".join(texts)
    assert PIN not in "".join(texts)
    assert PIN not in caplog.text
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or PIN.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("told", [True, False])
def test_a_card_that_waits_for_its_pin_has_one_tile(farm: Sample, told: bool) -> None:
    """Many modems tell no ICCID of a locked card: the card last seen there is meant."""
    locked(farm, iccid=CARD if told else None)  # type: ignore[arg-type]  # as such a modem reports
    with farm.store.write() as tx:
        sims.seen(tx, CARD, NOW, imsi=None, number=None, smsc=None, path="/dev/ttyV1", host="cellar")
        row = tx.one("SELECT host, path, usb_path FROM modems")
        assert row is not None
        remembered.card(tx, MODEM, Place(row["host"], row["path"], row["usb_path"]), CARD, NOW)
    page = farm.person().get("/").get_data(as_text=True)
    assert "The SIM wants its PIN" in page
    assert "This SIM is in no modem" not in page
