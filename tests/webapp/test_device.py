"""The page of one modem and its SIM."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from modemfarm import wording
from modemfarm.at.errors_table import Cause
from modemfarm.model import BalanceAsk, Evidence, Outcome, Plan
from modemfarm.modem import power
from modemfarm.modem.ladder import SENTENCE_OF
from modemfarm.modem.ussd import UssdError
from modemfarm.store import balances, steps
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.shapes import Terms
from modemfarm.webapp.app import create_app
from tests.patience import PATIENT_S
from tests.webapp.sample import ICCID, IMEI, NOW, Sample
from tests.webapp.test_page import form_token

SIM = ICCID.format(1)
PAGE = f"/modems/{IMEI.format(1)}"


def said(farm: Sample, path: str = PAGE) -> str:
    answer = farm.person().get(path)
    assert answer.status_code == 200
    return unescape(answer.get_data(as_text=True))


def _refused(tx: Tx, message_id: int, iccid: str) -> None:
    part = tx.one("SELECT id, recipient FROM parts WHERE message_id = :id", id=message_id)
    assert part is not None
    attempt = tx.value(
        "INSERT INTO attempts (part_id, message_id, recipient, iccid, owner, host, instance, path, claimed_at)"
        " VALUES (:part, :message, :recipient, :iccid, :iccid, 'shop', 'i', '/dev/ttyV1', :now) RETURNING id",
        part=part["id"], message=message_id, recipient=part["recipient"], iccid=iccid, now=to_us(NOW),
    )  # fmt: skip
    outcome = Outcome(Evidence.REFUSED, "submitted", NOW, NOW, kind="cms", code=38)
    steps.end_attempt(tx, attempt, outcome, NOW, charged=False)


def test_facts_readings_use_and_the_warning_with_its_fix_are_shown(farm: Sample) -> None:
    farm.modem(1, temperature_c=41, voltage_mv=3930, warning="under_voltage", warned_at=to_us(NOW))
    page = said(farm)
    imei = IMEI.format(1)
    for text in ("Huawei E173", "41 °C", "3.93 V", "−80 dBm", "China Mobile · 4G", "1-1.1", "at home", SIM, "0 of 100",
                 f"{imei[:6]}…{imei[-4:]}", wording.say("power_fix.under_voltage")):  # fmt: skip
        assert text in page, text
    assert "powered USB hub" in said(farm, "/")
    farm.modem(1, warning="under_voltage", warned_at=to_us(NOW - timedelta(days=2)))
    assert "powered USB hub" not in said(farm, "/")


def test_the_last_errors_are_told_with_code_and_meaning(farm: Sample) -> None:
    farm.modem(1)
    farm.store.run(_refused, farm.take(), SIM)
    page = said(farm)
    assert "CMS 38" in page
    assert "network out of order" in page.lower()
    assert wording.say("error_class.NETWORK") in page


def test_history_tells_of_modem_and_sim_and_not_of_another_modem_at_that_port(farm: Sample) -> None:
    farm.modem(1)
    imei = IMEI.format(1)
    with farm.store.write() as tx:
        record(tx, "modem.reset", NOW, subject="/dev/ttyV1", imei=imei, step="radio")
        record(tx, "modem.reset", NOW, subject="/dev/ttyV1", imei="someone", step="reset")
        record(tx, "modem.sim_changed", NOW, subject="/dev/ttyV1", imei=imei, iccid=SIM, before=ICCID.format(7))
        seen = {"codes": "CMS 38", "recipients": 3, "from": "2026-03-01T09:00:00Z"}
        record(tx, "sim.parked", NOW, subject=SIM, reason="operator_refusal", params=seen)
        record(tx, "sim.low_balance", NOW, subject=SIM, balance=3.5, low=5)
    page = said(farm)
    assert wording.say("event.modem_reset", {"step": "radio off and on"}) in page
    assert wording.say("event.modem_reset", {"step": "restart"}) not in page
    assert "Another SIM is in it: …90101 instead of …90107." in page
    assert wording.say("sim.operator_refusal") in page
    assert "CMS 38" in page  # and what that rests on
    assert "Low credit: 3.5." in page


def test_a_sim_without_a_modem_has_its_page_and_one_in_a_modem_leads_there(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2, state="gone", sentence="gone", iccid=None)
    with farm.store.write() as tx:
        tx.run("INSERT INTO sims (iccid, state) VALUES (:iccid, 'absent')", iccid=ICCID.format(9))
    assert farm.person().get(f"/sims/{SIM}").headers["Location"] == PAGE
    assert wording.say("sim.absent") in said(farm, f"/sims/{ICCID.format(9)}")
    assert "is gone" in said(farm, f"/modems/{IMEI.format(2)}")
    for path in ("/modems/nothing", "/sims/1", f"{PAGE}/recordings/x"):
        assert farm.person().get(path).status_code == 404


def test_each_tile_leads_to_its_page(farm: Sample) -> None:
    for number in (1, 2):
        farm.modem(number, imei=IMEI.format(1), usb_path=None if number == 2 else "1-1.1")
    page = said(farm, "/")
    for href in (f"{PAGE}@1-1.1", "/modems/dev/ttyV2"):
        assert f'href="{href}"' in page
        assert "ttyV" in said(farm, href)


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_every_word_of_the_page_is_there(farm: Sample, lang: str) -> None:
    wanted = [
        *(f"power.{slug}" for slug in power.WARNINGS),
        *(f"power_fix.{slug}" for slug in power.WARNINGS),
        *(f"error_class.{cause}" for cause in Cause),
        *(f"device.step_{slug.removeprefix('repairing_')}" for slug in SENTENCE_OF.values()),
        *(f"registration.{state}" for state in ("home", "roaming", "searching", "denied", "none", "unknown")),
    ]
    assert [slug for slug in wanted if not wording.known(slug, lang)] == []
    farm.modem(1)
    assert wording.say("device.history", lang=lang) in said(farm, f"{PAGE}?lang={lang}")


def test_a_dialogue_runs_in_the_background_and_is_answered_step_by_step(farm: Sample) -> None:
    farm.modem(1)
    asked: list[tuple[str, ...]] = []
    hold = threading.Event()

    def ussd(iccid: str, words: Sequence[str], who: str) -> dict[str, Any]:
        asked.append(tuple(words))
        assert (iccid, who) == (SIM, "page")
        assert hold.wait(PATIENT_S)
        if len(words) > 2:
            raise UssdError("no_reply")
        told = [{"status": "menu", "text": "1 Balance 2 <b>Data</b>"}, {"status": "done", "text": "12.34 yuan"}]
        return {"iccid": iccid, "dialogue": told[: len(words)]}

    farm.deps = replace(farm.deps, ussd=ussd)
    farm.app = create_app(farm.deps)
    client = farm.person()
    token = form_token(client.get(PAGE).get_data(as_text=True))
    ask = f"/sims/{SIM}/ussd"
    assert client.post(ask, data={"code": "*100#"}).status_code == 403
    headers = {"Referer": f"http://localhost{PAGE}"}
    for _ in range(2):  # a button pressed twice asks once
        answer = client.post(ask, data={"csrf": token, "code": "*100#"}, headers=headers)
        assert answer.headers["Location"] == PAGE
    fragment = client.get(f"/fragment/sims/{SIM}/ussd").get_data(as_text=True)
    assert "every 1s" in fragment
    assert wording.say("device.asking") in fragment
    hold.set()

    def wait() -> str:
        for _ in range(20 * int(PATIENT_S)):
            text = client.get(f"/fragment/sims/{SIM}/ussd").get_data(as_text=True)
            if "every 1s" not in text:
                return text
            threading.Event().wait(0.05)
        raise AssertionError("no answer")

    menu = wait()
    assert "1 Balance 2 &lt;b&gt;" in menu
    assert 'name="answer"' in menu
    client.post(ask, data={"csrf": token, "code": "*100#", "answer": "1"}, headers=headers)
    assert "12.34 yuan" in wait()
    client.post(ask, data={"csrf": token, "code": "*100#", "step": "1", "answer": "2"}, headers=headers)
    assert wording.say("ussd.no_reply") in wait()
    assert asked == [("*100#",), ("*100#", "1"), ("*100#", "1", "2")]
    farm.clock.at = NOW + timedelta(hours=1)
    assert "*100#</p>" not in client.get(f"/fragment/sims/{SIM}/ussd").get_data(as_text=True)


def test_credit_is_shown_with_its_history_and_asked_where_the_plan_says_how(farm: Sample) -> None:
    farm.modem(1)
    with farm.store.write() as tx:
        balances.write(tx, SIM, 12.5, NOW, how="ussd")
        balances.write(tx, SIM, None, NOW + timedelta(hours=1), how="ussd", what="no_reply")
    page = said(farm)
    assert "12.50" in page
    assert wording.say("ussd.no_reply") in page
    assert f"/sims/{SIM}/balance" not in page
    plan = Plan("cautious", balance=BalanceAsk(ussd="*100#"), currency="CNY")
    asked = threading.Event()

    def balance(iccid: str, who: str) -> dict[str, Any]:
        asked.set()
        return {"iccid": iccid, "balance": 9.0, "currency": "CNY", "text": "余额9.00元"}

    farm.deps = replace(farm.deps, balance=balance, terms=Terms(plans={"cautious": plan}))
    farm.app = create_app(farm.deps)
    client = farm.person()
    page = client.get(PAGE).get_data(as_text=True)
    assert "12.50 CNY" in page
    assert client.post(f"/sims/{SIM}/balance", data={"csrf": form_token(page)}).status_code == 303
    assert asked.wait(PATIENT_S)


def test_a_sim_is_tested_by_a_message_to_itself(farm: Sample) -> None:
    farm.modem(1)
    client = farm.person()
    token = form_token(client.get(PAGE).get_data(as_text=True))
    answer = client.post(f"/sims/{SIM}/test", data={"csrf": token})
    message = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "modemfarm test " in message


def test_a_recording_is_listed_and_shown(farm: Sample) -> None:
    farm.modem(1)
    folder = farm.deps.state_dir / "recordings"
    folder.mkdir()
    head = {"format": "modemfarm-recording", "version": 1, "modem": IMEI.format(1), "path": "/dev/ttyV1",
            "at": "2026-03-14T09:00:00.000Z", "fault": "repairing_radio"}  # fmt: skip
    pieces = [
        {"s": 0.0, "dir": "mark", "what": "opened"},
        {"s": 0.1, "dir": "out", "data": "AT+CMGF=0\r\n"},
        {"s": 0.2, "dir": "in", "data": "<script>\r\nOK\r\n"},
        {"s": 0.3, "dir": "state", "sentence": "ready", "params": {}},
    ]
    name = f"{IMEI.format(1)}-20260314T090000000Z.jsonl"
    (folder / name).write_text("\n".join(json.dumps(line) for line in (head, *pieces)), "utf-8")
    assert f"{PAGE}/recordings/{name}" in said(farm)
    raw = farm.person().get(f"{PAGE}/recordings/{name}").get_data(as_text=True)
    assert "<code>AT+CMGF=0</code>" in raw
    assert "&lt;script&gt;" in raw
    assert farm.person().get(f"{PAGE}/recordings/..%2F{name}").status_code == 404


def test_another_hosts_recordings_are_not_looked_for_here(farm: Sample) -> None:
    farm.modem(1)
    host = farm.api().get(f"/v1{PAGE}").json["host"]  # type: ignore[index]  # there is one
    told = wording.say("device.recordings_elsewhere", {"host": host})
    for here, elsewhere in ((host, False), ("attic", True)):
        farm.app = create_app(replace(farm.deps, host=here))
        assert (told in said(farm)) is elsewhere
