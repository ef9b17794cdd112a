"""The page in Chromium over a running demo: a stranger logs in, sends, answers, makes trouble, and sees what is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from modemfarm import wording
from tests.e2e.browser import Browser, chromium
from tests.e2e.demo import Demo, demo
from tests.e2e.farm import run_cli, until

COMES_BACK_WITHIN_S = 60.0
FIRST, SECOND, THIRD = "+8613800138000", "+8613800138001", "+79161234567"
NASTY = ("长" * 90, "x" * 200, "Straße 😀🚚👩‍👩‍👧 " * 5, "<b>bold</b> & 'quotes' \"double\"")


@dataclass
class Visit:
    """A person in front of the page of a running demo."""

    demo: Demo
    browser: Browser
    expected: list[str] = field(default_factory=list)

    def got(self, number: str) -> list[str]:
        """The texts that the simulated phone received, by the network's own account."""
        return [text["text"] for text in self.demo.control("phone", number)]

    def write(self, to: str, text: str) -> None:
        """Send by the form, as far as the message's story."""
        self.browser.open("/send")
        self.browser.write("[name=to]", to)
        self.browser.write("main [name=text]", text)
        self.browser.press("Send", "#go")
        until(lambda: re.fullmatch(r"/messages/\d+", self.browser.path), 20, lambda: self.browser.text("main"))

    def tile(self, number: int) -> dict[str, Any]:
        """What a modem's tile says."""
        tiles = {tile["number"]: tile for tile in self.tiles()}
        return tiles.get(number, {})

    def tiles(self) -> list[dict[str, Any]]:
        """What every tile says, in their order."""
        found: list[dict[str, Any]] = self.browser.run(
            "return [...document.querySelectorAll('.tile')].map(tile => ({"
            "  number: Number(tile.querySelector('.no').innerText),"
            "  shape: tile.querySelector('.shape').innerText,"
            "  lamp: tile.querySelector('.lamp').innerText,"
            "  sentences: [...tile.querySelectorAll('.sentence')].map(e => e.innerText),"
            "  next: [...tile.querySelectorAll('.next')].map(e => e.innerText),"
            "}))"
        )
        return found

    def line(self) -> str:
        """The line under the bar, as one reads it."""
        said = self.browser.run("return [...document.querySelectorAll('.line span')].map(e => e.innerText)")
        return " · ".join(said)

    def wait_all_work(self, within_s: float = COMES_BACK_WITHIN_S) -> None:
        until(lambda: [tile["lamp"] for tile in self.tiles()] == ["● Working"] * 4, within_s, self.tiles)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    with chromium() as browser, demo(tmp_path_factory.mktemp("page") / "demo") as running:
        browser.base = running.base
        browser.width(1440)
        browser.driver.get(running.login_link)
        yield Visit(running, browser)


@pytest.fixture
def visit(house: Visit) -> Iterator[Visit]:
    """The page at 1440 px on the Farm in English; afterwards the console is clean and nobody else was asked."""
    house.expected.clear()
    house.browser.width(1440)
    house.browser.open("/?lang=en")
    yield house
    said = [line for line in house.browser.console() if not any(word in line for word in house.expected)]
    assert said == []
    assert house.browser.hosts() <= {urlsplit(house.demo.base).netloc}


def test_a_login_link_opens_the_farm_and_works_once(visit: Visit) -> None:
    browser = visit.browser
    assert browser.path == "/"
    visit.expected.append("403 (FORBIDDEN)")
    browser.driver.delete_all_cookies()
    browser.driver.get(visit.demo.login_link)
    assert "That login link was used already" in browser.text("main")
    browser.open("/messages")
    assert browser.path == "/login"
    for lang in wording.LANGUAGES:
        browser.open(f"/login?lang={lang}")
        for width in (390, 1440):
            browser.width(width)
            assert browser.faults(targets=width == 390) == [], (lang, width)
    said = run_cli("-c", str(visit.demo.folder / "config.yaml"), "login")
    browser.driver.get(said.out.strip())
    assert browser.path == "/"


def test_every_modem_has_a_tile_with_its_state_in_word_and_shape_and_one_sentence(visit: Visit) -> None:
    visit.wait_all_work()
    tiles = visit.tiles()
    assert [tile["number"] for tile in tiles] == [1, 2, 3, 4]
    assert {tile["shape"] for tile in tiles} == {"●"}
    assert [tile["sentences"] for tile in tiles] == [["Ready."]] * 4
    assert visit.line().startswith("All 4 modems working · ")
    until(lambda: visit.browser.title == visit.line(), 20, lambda: (visit.browser.title, visit.line()))


def test_a_text_written_on_the_page_arrives_and_its_story_and_the_drawn_phone_show_it(visit: Visit) -> None:
    browser, text = visit.browser, "Ваш заказ 77 готов 🎉 “сегодня”"
    browser.press("Send the phone a text")
    until(lambda: browser.path == "/send", 20, lambda: browser.path)
    assert browser.run("return document.querySelector('[name=to]').value") == FIRST
    browser.write("main [name=text]", text)
    assert browser.wait_text("#counter", "1 part · 39 left · UCS-2").startswith("modemfarm demo")
    assert browser.text("#counter .theirs") == text
    browser.press("Send", "#go")
    until(lambda: browser.path.startswith("/messages/"), 20, lambda: browser.text("main"))
    story = browser.wait_text("#story", "The network reports: delivered.")
    assert "Handed in as a notice" in story
    assert browser.text("#story h1 + .state") == "Delivered"
    browser.open("/")
    assert text in browser.wait_text("#phone .theirs", text)
    assert text in browser.text(".rows")
    assert visit.got(FIRST).count(text) == 1


def test_an_answer_on_the_drawn_phone_opts_out_and_the_next_text_is_refused_with_its_reason(visit: Visit) -> None:
    browser = visit.browser
    visit.write(SECOND, "您好,新品八折。回复TD退订")
    browser.wait_text("#story h1 + .state", "Delivered")
    browser.open(f"/?phone={quote(SECOND)}")
    browser.wait_text("#phone .theirs", "新品八折")
    browser.write("#phone-write [name=text]", "回复TD")
    browser.press("➤", "#phone-write button")
    browser.wait_text("#phone .mine", "回复TD")
    until(lambda: not browser.run("return document.querySelector('#phone-write [name=text]').value"), 10, "is cleared")
    browser.wait_text(".lists .rows", "opted out here")
    browser.wait_text("nav .count", "1")
    browser.press("Inbox", "nav a")
    browser.press("回复TD", ".threads a")
    assert "offer" not in browser.wait_text("#talk", "opted out here")
    assert browser.all("#reply") == []
    assert "no more messages" in browser.text(".talk-side .finding")
    browser.open(f"/send?to={quote(SECOND)}&text=Hello")
    browser.wait_text("#counter", "Would be refused: this person asked for no more messages.")
    browser.press("Send", "#go")
    story = browser.wait_text("#story", "Refused: this person asked for no more messages.")
    assert "Refused" in story.splitlines()
    offer, confirmation = visit.got(SECOND)
    assert offer == "您好,新品八折。回复TD退订"
    assert "您已退订" in confirmation


def test_the_red_button_stops_all_sending_until_it_is_pressed_again(visit: Visit) -> None:
    browser, text = visit.browser, "not while paused"
    browser.press("Pause all sending")
    until(lambda: visit.line().startswith("Sending is paused · "), 20, visit.line)
    assert browser.title == visit.line()
    visit.write(THIRD, text)
    browser.wait_text("#story", "paused by a person")
    assert browser.text("#story h1 + .state") == "Held"
    assert text not in visit.got(THIRD)
    browser.press("Resume sending")
    browser.wait_text("#story h1 + .state", "Delivered")
    assert visit.got(THIRD).count(text) == 1
    assert browser.text(".stop") == "Pause all sending"


def test_a_pulled_modem_is_gone_with_a_next_action_and_works_again_when_plugged_in(visit: Visit) -> None:
    browser = visit.browser
    visit.wait_all_work()
    browser.run("window.sameDocument = true")
    browser.press("Pull modem 3")
    until(lambda: visit.tile(3)["lamp"] == "✕ Gone", 20, visit.tiles)
    tile = visit.tile(3)
    assert tile["sentences"] == ["The port is gone."]
    assert tile["next"] == ["Plug the modem in again, or check its cable and hub."]
    assert [tile["number"] for tile in visit.tiles()] == [1, 2, 4, 3]
    until(lambda: visit.line().startswith("3 of 4 modems working"), 10, visit.line)
    until(lambda: browser.title == visit.line(), 10, lambda: (browser.title, visit.line()))
    browser.press("Plug modem 3 back in")
    visit.wait_all_work()
    until(lambda: visit.line().startswith("All 4 modems working"), 10, visit.line)
    assert browser.run("return window.sameDocument") is True


def test_the_page_says_that_the_sender_was_killed_and_comes_back_by_itself(visit: Visit) -> None:
    browser, text = visit.browser, "sent while it died"
    visit.wait_all_work()
    lock = visit.demo.folder / "daemon.lock"
    killed = lock.read_text()
    taken = visit.demo.api("/v1/messages", {"to": FIRST, "text": text})
    visit.expected += ["Failed to load resource", "htmx.min.js"]  # what both say of a server that is away
    browser.run("window.sameDocument = true")
    browser.press("kill -9 the sender")
    told = browser.wait_text(".offline", "This page comes back by itself.")
    assert re.fullmatch(r"No answer from modemfarm since \d\d:\d\d( [AP]M)?\. This page comes back by itself\.", told)
    assert browser.title == told
    until(lambda: browser.text(".offline") == "", COMES_BACK_WITHIN_S, lambda: visit.demo.said)
    visit.wait_all_work()
    until(lambda: browser.title == visit.line(), 10, lambda: (browser.title, visit.line()))
    assert browser.run("return window.sameDocument") is True
    assert lock.read_text() != killed
    browser.open(f"/messages/{taken['id']}")
    until(lambda: browser.text("#story h1 + .state") in {"Delivered", "Unknown"}, 60, lambda: browser.text("#story"))
    assert visit.got(FIRST).count(text) == 1


_TELL = """
const detail = {elt: document.querySelector("#tried"), xhr: {status: 404},
                requestConfig: {path: "/fragment/tried?seen=1", verb: "get"}};
document.dispatchEvent(new CustomEvent("htmx:" + arguments[0], {detail}));
return document.querySelector(".offline").hidden;
"""


def test_a_piece_that_was_replaced_or_answers_that_it_is_gone_does_not_say_offline_for_ever(visit: Visit) -> None:
    browser = visit.browser
    browser.open("/")
    browser.run("document.body.insertAdjacentHTML('beforeend', '<i id=tried></i>')")
    assert browser.run(_TELL, "sendError") is False
    assert browser.run(_TELL, "responseError") is True
    assert browser.run(_TELL, "timeout") is False
    browser.run("document.querySelector('#tried').remove()")
    until(lambda: browser.text(".offline") == "", COMES_BACK_WITHIN_S, "another piece's answer")


@pytest.fixture(scope="module")
def nasty(house: Visit) -> list[str]:
    """Pages with what real people write in them: long, unbroken, emoji, markup."""
    ids = [house.demo.api("/v1/messages", {"to": FIRST, "text": text})["id"] for text in NASTY]
    for text in (*NASTY, "TD"):
        house.demo.control("deliver", 0, "+8613800138009", text)
    stories = [f"/messages/{number}" for number in ids[:2]]
    until(lambda: len(house.demo.api("/v1/inbound")["data"]) > len(NASTY), 40, lambda: house.demo.api("/v1/inbound"))
    until(lambda: len(set(house.got(FIRST)) & set(NASTY)) == len(NASTY), 60, lambda: house.got(FIRST))
    form = f"/send?to={quote(FIRST)}&text={quote(NASTY[1])}"
    return ["/", "/messages", "/messages?state=delivered", "/inbox", form, "/messages/99999", *stories]


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_no_page_is_too_wide_or_too_small_in_any_language(visit: Visit, nasty: list[str], lang: str) -> None:
    visit.expected.append("404 (NOT FOUND)")
    browser = visit.browser
    wrong = {}
    for path in nasty:
        browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
        assert browser.run("return document.documentElement.lang") == lang
        if path == "/":
            until(lambda: browser.all("#phone .talk li"), 20, "the drawn phone")
        for width in (390, 1440):
            browser.width(width)
            wrong[path[:20], width] = browser.faults(targets=width == 390)
    assert {place: faults for place, faults in wrong.items() if faults} == {}


def test_a_tile_opens_to_its_modem_which_answers_ussd_and_tells_its_history(visit: Visit) -> None:
    browser = visit.browser
    visit.wait_all_work()
    browser.press("Huawei", ".tile h2 a")
    until(lambda: browser.path.startswith("/modems/"), 20, lambda: browser.path)
    assert "Ready." in browser.text("#device .sentence")
    assert "The modem works." in browser.text("#device .timeline")
    browser.write("#ussd [name=code]", "*100#")
    browser.press("Ask", "#ussd button")
    browser.wait_text("#ussd blockquote", "12.34")
    browser.wait_text("#device .timeline", "A person on the page asked the network: *100#")
    browser.press("Pause", "#device button")
    browser.wait_text("#device .lamp", "Paused")
    browser.press("Resume", "#device button")
    browser.wait_text("#device .lamp", "Working")
    page = browser.path
    for lang in wording.LANGUAGES:
        browser.open(f"{page}?lang={lang}")
        assert wording.say("device.history", lang=lang) in browser.text("#device")
        for width in (390, 1440):
            browser.width(width)
            assert browser.faults(targets=width == 390) == [], (lang, width)
