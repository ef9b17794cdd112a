"""An offer to fifty people by somebody who has the page alone: who vouches, who agreed, and off it goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemfarm import wording
from tests.e2e.browser import Browser, chromium
from tests.e2e.demo import demo
from tests.e2e.farm import until

PEOPLE = [f"1380013{number:04}" for number in range(8001, 8051)]


@pytest.mark.slow
def test_an_offer_to_fifty_people_needs_no_terminal(tmp_path: Path) -> None:
    rows, agreed = tmp_path / "offer.csv", tmp_path / "agreed.csv"
    rows.write_text("phone,text\n" + "".join(f"{number},Winter sale\n" for number in PEOPLE), "utf-8")
    agreed.write_text("phone\n" + "\n".join(PEOPLE) + "\n", "utf-8")
    with chromium() as browser, demo(tmp_path / "demo") as running:
        browser.base = running.base
        browser.width(390)
        browser.driver.get(running.login_link)
        browser.open("/send/file?lang=en")
        browser.all("[name=file]")[0].send_keys(str(rows))
        browser.press("Look", ".bring button")
        until(lambda: browser.path.startswith("/send/file/"), 30, lambda: browser.text("main"))
        there = browser.path
        _offers(browser)
        browser.wait_text(".rejected", "50 rows, from row 1 on:")
        assert browser.text("#mailing .theirs").count("Winter sale") == 3
        assert not browser.all("#go")[0].is_enabled()
        _well(browser, "told by reason")
        browser.press("Open offers", ".rejected a")
        _vouch(browser)
        browser.open(there)
        _offers(browser)
        browser.press(wording.say("send.way_consent_missing"), ".rejected a")
        browser.write("#import [name=wording]", "Yes, send me offers")
        browser.all("#import [name=file]")[0].send_keys(str(agreed))
        for name, value in (("method", "paper"), ("since", "2026-01-01"), ("until", "2026-01-31")):
            browser.write(f"#import [name={name}]", value)
        browser.press("Take the list in", "#import button")
        browser.wait_text("#import [role=status]", "50 granted, 0 asked")
        _well(browser, "consents")
        browser.open(there)
        _offers(browser)
        until(lambda: browser.text("#go").startswith("Send to 50 people"), 30, lambda: browser.text("main"))
        browser.press("Send to 50", "#go")
        until(lambda: re.fullmatch(r"/batches/\d+", browser.path), 60, lambda: browser.text("main"))
        assert "is not taken" not in browser.text("main")


def _offers(browser: Browser) -> None:
    browser.run("document.querySelector('#asked [name=class][value=marketing]').click()")


def _well(browser: Browser, where: str) -> None:
    assert [*browser.faults(targets=True), *browser.barriers()] == [], where


def _vouch(browser: Browser) -> None:
    until(lambda: browser.path == "/settings", 20, lambda: browser.path)
    browser.press("Vouch for offers", "#offers summary")
    _well(browser, "vouch")
    for name, value in (
        ("who", "Anna"),
        ("basis", "written consent"),
        ("until", "2027-03-01"),
        ("document", "letter 7"),
    ):
        browser.write(f"#offers [name={name}]", value)
    browser.press("Yes, offers may be sent", "#offers label.tick")
    browser.press("Keep this word", "#offers button")
    browser.wait_text("#offers", "Anna vouches until 2027-03-01 (written consent)")
