"""Every page of the page, furnished: in a busy demo, and in an empty farm that is served as it stands in a test."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.e2e.browser import Browser
from tests.e2e.demo import Demo
from tests.e2e.farm import until
from tests.webapp.sample import ICCID, IMEI, Sample

PERSON, GONE = "+8613800138000", "+8613800138009"
FILE = "phone,name,order\n+8613800138010,小王,1042\n+8613800138011,Anna,1043\nnobody,Bob,1044\n"
STRANGE = "客户电话,订单\n+8613800138010,1042\n"
PASSWORD = "a long enough password"


def list_of(running: Demo, *rows: dict[str, str]) -> int:
    """Hand in a list of messages; its number."""
    headers = {"Authorization": f"Bearer {running.key}", "Content-Type": "application/x-ndjson"}
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{running.base}/v1/batches", body, headers)) as answer:
        return int(json.load(answer)["id"])


def furnish(running: Demo, browser: Browser) -> dict[str, str]:
    """Give a demo something of everything; its pages by what they show."""
    number = running.api("/v1/messages", {"to": PERSON, "text": "您好,新品八折。回复TD退订"})["id"]
    until(lambda: running.state_of(number) == "delivered", 60, "a first text")
    running.api(
        "/v1/messages", {"to": GONE, "text": "tomorrow", "send_at": f"{datetime.now(UTC) + timedelta(days=1):%FT%TZ}"}
    )
    for sender, text in ((PERSON, "几点关门？"), (GONE, "请不要再发了"), (GONE, "TD")):
        running.control("deliver", 0, sender, text)
    until(lambda: len(running.api("/v1/inbound")["data"]) > 2, 40, "the replies")
    talk = max(reply["id"] for reply in running.api("/v1/inbound")["data"])
    browser.open("/people?lang=en")
    browser.write("form[action='/people'] [name=number]", PERSON)
    browser.write("[name=name]", "王先生")
    browser.press("Keep", "form[action='/people'] button")
    until(lambda: "王先生" in browser.text("main"), 20, lambda: browser.text("main"))
    upload, strange = _upload(running, browser, FILE), _upload(running, browser, STRANGE)
    batch = list_of(running, {"to": PERSON, "text": "one of many"}, {"to": "nobody", "text": "refused"})
    running.control("unplug", 2)
    browser.open("/?lang=en")
    until(lambda: browser.all(".tile.is-gone"), 30, lambda: browser.text("main"))
    device = urlsplit(str(browser.all(".tile.is-gone h2 a")[0].get_attribute("href"))).path
    browser.open("/settings?lang=en")
    browser.press("Look", "#doctor button")
    until(lambda: browser.all("#doctor .checks li"), 60, lambda: browser.text("#doctor"))
    person = quote(PERSON, safe="")
    sim = running.api("/v1/sims")["data"][0]["iccid"]
    return {
        "farm": "/",
        "wall": "/wall",
        "messages": "/messages",
        "messages-none": "/messages?q=nothing-like-it",
        "message": f"/messages/{number}",
        "inbox": "/inbox",
        "review": "/inbox?show=review",
        "calls": "/inbox?show=calls",
        "talk": f"/inbox/talk/{talk}",
        "with": f"/inbox/with/{person}",
        "send": f"/send?to={person}&text=Hello",
        "send-file": "/send/file",
        "mailing": upload,
        "mailing-columns": strange,
        "batch": f"/batches/{batch}",
        "people": "/people",
        "person": f"/people/{person}",
        "gone": f"/people/{quote(GONE, safe='')}",
        "consents": "/people/consents?check=1",
        "device": device,
        "sim": f"/sims/{sim}",
        "pin": f"{device}/pin",
        "settings": "/settings",
        "access": "/settings/access",
        "webhooks": "/settings/webhooks",
        "account": "/account",
        "missing": "/messages/99999",
    } | _recording(browser, running)


def _upload(running: Demo, browser: Browser, rows: str) -> str:
    (running.folder / "people.csv").write_text(rows, "utf-8")
    browser.open("/send/file?lang=en")
    browser.all("[name=file]")[0].send_keys(str(running.folder / "people.csv"))
    browser.press("Look", ".bring button")
    until(lambda: browser.path.startswith("/send/file/"), 20, lambda: browser.text("main"))
    return browser.path


def _recording(browser: Browser, running: Demo) -> dict[str, str]:
    """The recording of the modem that was pulled."""
    for modem in running.api("/v1/modems")["data"]:
        browser.open(f"/modems/{quote(modem['id'].lstrip('/'))}?lang=en")
        links = browser.run("return [...document.querySelectorAll('a[href*=\"/recordings/\"]')].map(e => e.href)")
        if links:
            return {"recording": urlsplit(links[0]).path}
    return {}


def become(browser: Browser, name: str, role: str) -> None:
    """Invite somebody as the administrator at the page, and go on as that person, without a password yet."""
    browser.open("/settings/access?lang=en")
    browser.write("[name=name][maxlength='64']", name)
    browser.run("document.querySelector('[name=role]').value = arguments[0]", role)
    browser.press("Add and show", "form[action='/settings/access/users'] button")
    until(lambda: browser.all("[role=status] code"), 20, lambda: browser.text("main"))
    link = re.search(r"https?://\S+token=\S+", browser.text("[role=status] code"))
    assert link is not None
    browser.driver.get(link[0])
    until(lambda: browser.path == "/account", 20, lambda: browser.text("body"))


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Say nothing."""


@contextmanager
def served(farm: Sample) -> Iterator[str]:
    """A farm of a test behind a port of this computer; its address."""
    server = make_server("127.0.0.1", 0, farm.app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def troubled(farm: Sample) -> dict[str, str]:
    """Modems in every state and a queue in doubt; the pages that show it."""
    states = (
        ("needs_you", "pin_unknown", '{"left": 3}', "enter_pin"),
        ("recovering", "reset_by_person", "{}", ""),
        ("starting", "setting_up", "{}", ""),
        ("gone", "gone", "{}", "plug_in"),
    )
    farm.modem(1)
    for number, (state, sentence, params, action) in enumerate(states, 2):
        farm.modem(number, state, sentence, params=params, next_action=action)
    farm.modem(6)
    farm.park(6)
    farm.modem(7)
    farm.modem(7, iccid=None)
    farm.left(farm.take(text="unclear"))
    return {"states": "/", "states-wall": "/wall", "pin-wanted": f"/modems/{IMEI.format(2)}/pin",
            "parked": f"/modems/{IMEI.format(6)}", "absent": f"/sims/{ICCID.format(7)}"}  # fmt: skip
