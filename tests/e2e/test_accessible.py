"""Every page of a busy demo, narrow and wide, light and dark: nobody is shut out, nothing is refused by the CSP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from urllib.parse import urlsplit

import pytest

from modemfarm import wording
from tests.e2e.browser import Browser, chromium
from tests.e2e.demo import Demo, demo
from tests.e2e.farm import until

PERSON, GONE = "+8613800138000", "+8613800138009"
FILE = "phone,name,order\n+8613800138010,小王,1042\n+8613800138011,Anna,1043\nnobody,Bob,1044\n"


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
    replies = until(lambda: len(running.api("/v1/inbound")["data"]) > 2, 40, "the replies") and running.api(
        "/v1/inbound"
    )
    talk = max(reply["id"] for reply in replies["data"])
    browser.open("/people?lang=en")
    browser.write("form[action='/people'] [name=number]", PERSON)
    browser.write("[name=name]", "王先生")
    browser.press("Keep", "form[action='/people'] button")
    until(lambda: "王先生" in browser.text("main"), 20, lambda: browser.text("main"))
    (running.folder / "people.csv").write_text(FILE, "utf-8")
    browser.open("/send/file?lang=en")
    browser.all("[name=file]")[0].send_keys(str(running.folder / "people.csv"))
    browser.press("Look", ".bring button")
    until(lambda: browser.path.startswith("/send/file/"), 20, lambda: browser.text("main"))
    upload = browser.path
    batch = list_of(running, {"to": PERSON, "text": "one of many"}, {"to": "nobody", "text": "refused"})
    running.control("unplug", 2)
    browser.open("/?lang=en")
    until(lambda: browser.all(".tile.is-gone"), 30, lambda: browser.text("main"))
    device = urlsplit(str(browser.all(".tile h2 a")[-1].get_attribute("href"))).path
    return {
        "farm": "/",
        "wall": "/wall",
        "messages": "/messages",
        "message": f"/messages/{number}",
        "inbox": "/inbox",
        "review": "/inbox?show=review",
        "talk": f"/inbox/talk/{talk}",
        "send": f"/send?to={PERSON.replace('+', '%2B')}&text=Hello",
        "send-file": "/send/file",
        "mailing": upload,
        "batch": f"/batches/{batch}",
        "people": "/people",
        "person": f"/people/{PERSON.replace('+', '%2B')}",
        "device": device,
        "settings": "/settings",
        "access": "/settings/access",
        "account": "/account",
        "missing": "/messages/99999",
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, dict[str, str]]]:
    with chromium() as browser, demo(tmp_path_factory.mktemp("seen") / "demo") as running:
        browser.base = running.base
        browser.width(1440)
        browser.driver.get(running.login_link)
        yield browser, furnish(running, browser)


def wrong_at(browser: Browser, path: str, lang: str, width: int, *, dark: bool) -> list[str]:
    """What one page does to somebody, by axe-core, by the console and by its width."""
    browser.width(width)
    browser.dark(dark)
    browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
    assert browser.run("return document.documentElement.lang") == lang
    said = [line for line in browser.console() if "404 (NOT FOUND)" not in line or path != "/messages/99999"]
    return [*browser.barriers(), *browser.faults(targets=False), *said]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_shuts_anybody_out(house: tuple[Browser, dict[str, str]], width: int, dark: bool) -> None:
    browser, pages = house
    start = 2 * (width == 390) + dark  # each page is seen in another language at each width and in each light
    langs = cycle(wording.LANGUAGES[start % 3 :] + wording.LANGUAGES[: start % 3])
    wrong = {name: wrong_at(browser, path, next(langs), width, dark=dark) for name, path in pages.items()}
    assert {name: faults for name, faults in wrong.items() if faults} == {}


@pytest.mark.slow
def test_the_farm_is_open_to_everybody(house: tuple[Browser, dict[str, str]]) -> None:
    browser, _ = house
    wrong = {lang: wrong_at(browser, "/", lang, 390, dark=False) for lang in wording.LANGUAGES}
    assert {lang: faults for lang, faults in wrong.items() if faults} == {}
