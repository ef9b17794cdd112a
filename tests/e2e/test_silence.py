"""What a farm writes beside the work itself holds no number whole and no word of a text: in either form of log."""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from modemfarm.gsm.alphabet import encode7, pack
from tests.e2e.farm import RealFarm, free_port, until
from tests.patience import PATIENT_S

PEOPLE = ("+8613912345678", "+8613700011122", "+491701234567", "+491709876543", "+79161112233", "+8613655566677")
FIRST, SECOND, GERMAN, BROKEN, RUSSIAN, STRANGER = PEOPLE
CODE, HARBOUR, ORDER, ZEBRA, SECRET, SPOOLED = TEXTS = (
    "您的验证码九八七", "see the harbour at dawn", "Заказ прибыл вовремя", "quarrelsome zebra", "my own words", "spooled otter",
)  # fmt: skip
PAGES = ("/", "/wall", "/messages", "/inbox", "/people", "/send", "/settings", "/messages/1")
LOGIN = re.compile(r"(/login\?token=\S+)")


def shapes() -> dict[str, re.Pattern[str]]:
    """Every shape in which a number or a text may stand somewhere: as typed, in a PDU, in a URL, in JSON."""
    found = {}
    for number in PEOPLE:
        padded = number[1:] + "F" * (len(number[1:]) % 2)
        swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
        found[number] = [number[-9:], swapped]
    for text in TEXTS:
        found[text] = [text, text.encode("utf-16-be").hex(), json.dumps(text)[1:-1], quote(text), repr(text.encode())]
        if (septets := encode7(text)) is not None:
            found[text].append(pack(septets).hex())
    return {what: re.compile("|".join(map(re.escape, said)), re.IGNORECASE) for what, said in found.items()}


def leaks(places: dict[str, str], secrets: tuple[str, ...]) -> list[str]:
    return [
        f"{place}: {what}: {said[max(hit.start() - 120, 0) : hit.end() + 40]!r}"
        for what, shape in shapes().items()
        for place, said in places.items()
        for hit in shape.finditer(said)
        if what in secrets
    ]


def viewer(farm: RealFarm) -> str:
    """The session of somebody who may only look."""
    link = LOGIN.search(farm.cli("login", "--role", "viewer").out)
    assert link is not None
    return plain(farm, link[1])[2].partition(";")[0]


def plain(farm: RealFarm, path: str, cookie: str = "") -> tuple[int, str, str]:
    there = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=PATIENT_S)
    try:
        there.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = there.getresponse()
        return answer.status, answer.read().decode(), answer.headers.get("Set-Cookie", "")
    finally:
        there.close()


def drop(farm: RealFarm, name: str, content: str) -> None:
    """A file for the spool, renamed in."""
    draft = farm.state_dir / f"{name}.draft"
    draft.write_text(content, "utf-8")
    draft.rename(farm.state_dir / "spool" / "outgoing" / name)


def live(farm: RealFarm) -> None:
    """A life with all that goes well in it, and much that does not."""
    until((farm.state_dir / "spool" / ".pending").is_dir, 40, "the spool's folders")
    send = [
        {"to": FIRST, "text": CODE}, {"to": GERMAN, "text": HARBOUR}, {"to": RUSSIAN, "text": ORDER},
        {"to": SECOND, "text": ZEBRA, "class": "marketing"}, {"to": f"{BROKEN}99999", "text": ZEBRA},
        {"to": GERMAN, "text": HARBOUR, "from": SECRET},
    ]  # fmt: skip
    said = [farm.http("POST", "/v1/messages", body)[0] for body in send]
    assert (set(said[:3]), 202 in said[3:5]) == ({202}, False), said
    drop(farm, "good", f"To: {GERMAN[1:]}\nAlphabet: UTF-8\n\n{SPOOLED}")
    drop(farm, f"bad{STRANGER}", f"To: {BROKEN[1:]}12345\nAlphabet: {SECRET}\n\n{SPOOLED}")
    drop(farm, "worse", f"To: {BROKEN[1:]}12345\nAlphabet: UTF-8\n\n{SPOOLED}")
    query = f"username=x&password={farm.key}&to={quote(STRANGER)}&text={quote(SPOOLED)}"
    assert plain(farm, f"/cgi-bin/sendsms?{query}")[0] == 202
    assert plain(farm, f"/cgi-bin/sendsms?{query.replace('to=', 'to=0000000')}")[0] >= 400
    farm.http("POST", "/v1/batches", f'{{"to": "{SECOND}", "text": "{ZEBRA}"}}\n{{"to": "{BROKEN}x"}}'.encode(),
              {"Content-Type": "application/x-ndjson"})  # fmt: skip
    for method, path in (
        ("GET", f"/v1/contacts/{BROKEN}"), ("DELETE", f"/v1/suppressions/{BROKEN}"), ("PATCH", f"/v1/contacts/{BROKEN}"),
        ("GET", f"/v1/consents?number={quote(FIRST)}"), ("GET", f"/v1/messages?q={quote(HARBOUR)}"), ("PUT", f"/v1/{GERMAN}"),
    ):  # fmt: skip
        farm.http(method, path, None if method == "GET" else {})
    farm.http("PUT", f"/v1/contacts/{FIRST}", {"name": "Li"})
    until(
        lambda: len([line for line in farm.log("submit") if line["text"] in TEXTS]) >= 5, 60, lambda: farm.log("submit")
    )
    for number, text in ((FIRST, "回复TD"), (GERMAN, f"please stop {SECRET}"), (RUSSIAN, "ПОМОЩЬ"), (SECOND, SECRET)):
        farm.ctl("deliver", 0, number, text)
    farm.ctl("call", 0, STRANGER, 1)
    until(lambda: len(farm.get("/v1/inbound")["data"]) >= 4, 60, "the answers")
    assert farm.http("POST", "/v1/messages", {"to": FIRST, "text": CODE})[0] == 403  # opted out
    farm.http("DELETE", f"/v1/contacts/{STRANGER}")
    farm.fault(1, "cms", "500", 3)
    farm.http("POST", "/v1/messages", {"to": SECOND, "text": ZEBRA})
    command = f'AT+CPBW=1,"{GERMAN}",145,"{SECRET}"'
    assert farm.cli("modems", "console", str(farm.sim_folder / "ttyV0"), command, "--force").code < 2
    farm.ctl("unplug", 0)
    until(lambda: list((farm.state_dir / "recordings").glob("*.jsonl")), 40, "a recording of the pulled modem")
    time.sleep(0.5)  # what is on its way to the log, the receiver that is not there among it


@pytest.mark.parametrize("form", ["json", pytest.param("text", marks=pytest.mark.slow)])
def test_no_number_and_no_text_stands_outside_the_work(tmp_path: Path, form: str) -> None:
    sink = f"webhooks: [{{url: 'http://127.0.0.1:{free_port()}/hook', secret: whsec_plJ3nmyCDGBKInavdOK15jsl}}]\n"
    yaml = f"log: {{level: debug, format: {form}}}\n{sink}"
    with RealFarm(tmp_path, modems=2, airtime_ms=10, yaml=yaml, chatter_ms=0) as farm:
        written = farm.config.read_text("utf-8")
        farm.config.write_text(written.replace('"}\nmodems', '", kannel: true}\nmodems', 1), "utf-8")
        live(farm.start())
        cookie = viewer(farm)
        talk = next(row["id"] for row in farm.get("/v1/inbound")["data"] if row["from"] == FIRST)
        seen = {path: plain(farm, path, cookie) for path in (*PAGES, f"/inbox/talk/{talk}")}
        assert {path: status for path, (status, _, _) in seen.items() if status != 200} == {}
        status, metrics = farm.http("GET", "/metrics")
        assert (status, "modemfarm_messages_total" in str(metrics)) == (200, True)
        farm.terminate()
        log = farm.said()
        assert form == "text" or all("message" in json.loads(line) for line in log.splitlines() if line.startswith("{"))
        for word in ("opt-out of", "spool: bad", "does not answer", "ttyV0"):
            assert word in log, word
        with sqlite3.connect(farm.state_dir / "modemfarm.db") as database:
            audited = [json.dumps(row, ensure_ascii=False) for row in database.execute("SELECT * FROM audit")]
        assert audited
        places = {"wall": seen["/wall"][1], "metrics": str(metrics), "audit": "\n".join(audited), "log": log}
        places |= {path.name: path.read_text("utf-8") for path in (farm.state_dir / "recordings").iterdir()}
        found = leaks(places, (*PEOPLE, *TEXTS))
        found += leaks({f"page {path}": text for path, (_, text, _) in seen.items()}, PEOPLE)
        assert not found, "\n".join(found)
