"""Every page there is, in three languages, narrow and wide, light and dark: nobody is shut out, nothing is in English.

What is looked for: a page wider than its window, text under 16 px, what axe-core calls serious, controls without a ring
when the keyboard reaches them, anything said in the console (so also what the CSP refused), words left in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import cycle
from urllib.parse import unquote

import pytest
from selenium.webdriver.common.keys import Keys
from werkzeug.routing import Rule

from modemfarm import wording
from modemfarm.store import sessions
from modemfarm.store.users import ROLES
from modemfarm.webapp import page
from modemfarm.webapp.tiles import Tile
from tests.e2e.browser import Browser, chromium
from tests.e2e.demo import demo
from tests.e2e.farm import until
from tests.e2e.latin import SAID, foreign
from tests.e2e.walking import PASSWORD, become, furnish, served, troubled
from tests.webapp.sample import NOW, sample

NAMES = frozenset({"anna", "vera", "Hello", "Bob"})
EXPECTED = {"missing": "404 (NOT FOUND)", "forbidden": "403 (FORBIDDEN)"}
# What a keyboard reaches and what shows it. Moved to by script, so the page is told first that a keyboard is used.
_RINGS = """
const found = [];
for (const target of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
  if (!target.checkVisibility() || target.disabled) continue;
  const look = () => { const s = getComputedStyle(target); return [s.outlineStyle, s.outlineWidth, s.boxShadow].join(); };
  document.activeElement.blur();
  const before = look();
  target.focus({focusVisible: true});
  if (document.activeElement === target && look() === before && getComputedStyle(target).outlineStyle === "none")
    found.push(`no ring: ${target.outerHTML.slice(0, 120)}`);
}
document.activeElement.blur();
return found;
"""


def wrong_now(browser: Browser, name: str, lang: str, width: int) -> list[str]:
    """What the page as it stands does to somebody."""
    allowed = EXPECTED.get(name.partition(" ")[0], "(nothing)")
    said = [line for line in browser.console() if allowed not in line]
    return [*browser.faults(targets=width < 600), *browser.barriers(), *said, *foreign(browser.run(SAID), lang, NAMES)]


def walk(browser: Browser, pages: dict[str, str]) -> dict[str, list[str]]:
    """Open each page in each language; at each width once in light and once in dark, over the languages."""
    found: dict[str, list[str]] = {}
    for (name, path), start in zip(pages.items(), cycle(range(2)), strict=False):
        for place, lang in enumerate(wording.LANGUAGES, start):
            browser.width(390)
            browser.dark(bool(place % 2))
            browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            if unquote(browser.path) != unquote(path.partition("?")[0]):  # a SIM's page is its modem's
                browser.open(f"{browser.path}?lang={lang}")
            assert browser.run("return document.documentElement.lang") == lang
            wrong = wrong_now(browser, name, lang, 390)
            browser.width(1440)
            browser.dark(not place % 2)
            wrong += wrong_now(browser, name, lang, 1440)
            if lang == "en":
                wrong += browser.run(_RINGS)
            found |= {f"{name} {lang}": wrong} if wrong else {}
    return found


def told(wrong: dict[str, list[str]]) -> str:
    """All of it, a line each."""
    return "\n".join(f"{name}: {fault}" for name, faults in wrong.items() for fault in dict.fromkeys(faults))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as window:
        yield window


@pytest.mark.slow
def test_no_page_of_a_busy_demo_shuts_anybody_out(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with demo(tmp_path_factory.mktemp("seen") / "demo") as running:
        browser.base = running.base
        browser.width(1440)
        browser.driver.get(running.login_link)
        become(browser, "anna", "admin")
        wrong = walk(browser, {"first-password": "/account"})
        browser.open("/account?lang=en")
        browser.write("[name=password]", PASSWORD)
        browser.press("Set", "form[action='/account/password'] button")
        until(lambda: browser.all("svg.qr, .qr"), 20, lambda: browser.text("main"))
        pages = furnish(running, browser)
        browser.console()
        wrong |= walk(browser, pages)
        become(browser, "vera", "viewer")
        wrong |= walk(browser, {"forbidden": "/settings/access"} | {f"viewer {name}": pages[name] for name in (
            "farm", "message", "send", "device", "talk", "consents")})  # fmt: skip
        browser.driver.delete_all_cookies()
        wrong |= walk(browser, {"login": "/login"})
        assert not wrong, told(wrong)
        shown = [*pages.values(), "/login", "/account"]
        with sample(tmp_path_factory.mktemp("routes")) as farm:
            left = [rule.rule for rule in farm.app.url_map.iter_rules() if _is_page(farm.app.view_functions, rule)
                    and not any(re.fullmatch(_pattern(rule.rule), path.partition("?")[0]) for path in shown)]  # fmt: skip
        assert left == []  # a new page belongs on this walk


def _is_page(views: Mapping[str, object], rule: Rule) -> bool:
    """Whether a person opens it: no piece of a page, and no file."""
    piece = any(part in rule.rule for part in ("/fragment", "/rejected.csv", "/export", "/demo/"))
    return "GET" in (rule.methods or ()) and hasattr(views[rule.endpoint], "role") and not piece


def _pattern(rule: str) -> str:
    return re.sub(r"<[^>]+>", "[^/]+", rule)


@pytest.mark.slow
def test_no_empty_or_troubled_page_shuts_anybody_out(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = {"farm": "/", "wall": "/wall", "messages": "/messages", "inbox": "/inbox", "people": "/people",
             "consents": "/people/consents", "settings": "/settings", "access": "/settings/access", "webhooks": "/settings/webhooks"}  # fmt: skip
    with sample(tmp_path_factory.mktemp("empty")) as farm, served(farm) as base:
        browser.base = base
        browser.driver.get("about:blank")
        browser.console()
        browser.driver.get(f"{base}/login?token={farm.store.run(sessions.create_login, ROLES[-1], NOW)}")
        wrong = walk(browser, {f"empty {name}": path for name, path in empty.items()})
        pages = troubled(farm)
        wrong |= walk(browser, pages)
        farm.trouble = "store"
        wrong |= walk(browser, {"store broken": "/"})
    assert not wrong, told(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_of_the_api_shuts_nobody_out(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, width: int, dark: bool
) -> None:
    with sample(tmp_path_factory.mktemp("docs")) as farm, served(farm) as base:
        browser.base = base
        browser.driver.get("about:blank")
        browser.console()  # what the page before said of its server's end
        browser.width(width)
        browser.dark(dark)
        browser.open("/docs")
        assert [*browser.barriers(), *browser.faults(targets=False), *browser.console()] == []


@pytest.mark.slow
def test_a_piece_that_fails_stays_as_it_was_and_the_page_says_that_it_is_old(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_args: object) -> list[Tile]:
        raise RuntimeError("inside")

    with sample(tmp_path_factory.mktemp("fails")) as farm, served(farm) as base:
        farm.modem(1)
        browser.base = base
        browser.width(390)
        browser.driver.get(f"{base}/login?token={farm.store.run(sessions.create_login, ROLES[-1], NOW)}")
        browser.open("/?lang=ru")
        with monkeypatch.context() as patch:
            patch.setattr(page, "tiles", breaks)
            browser.wait_text(".offline", "Ответа от modemfarm нет с")
            assert len(browser.all("#farm .tile")) == 1
            assert "inside" not in browser.text("body")
        until(lambda: browser.text(".offline") == "", 30, lambda: browser.text("body"))


@pytest.mark.slow
def test_a_keyboard_skips_the_bar_closes_what_it_opened_and_sees_that_a_button_works(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with sample(tmp_path_factory.mktemp("keys")) as farm, served(farm) as base:
        browser.base = base
        browser.width(1440)
        browser.driver.get(f"{base}/login?token={farm.store.run(sessions.create_login, ROLES[-1], NOW)}")
        browser.open("/messages?lang=en")
        browser.all("body")[0].send_keys(Keys.TAB)
        skip = browser.driver.switch_to.active_element
        assert skip.text == "Skip to what matters"
        skip.send_keys(Keys.ENTER)
        assert browser.run("return document.activeElement.id") == "main"
        summary = browser.all(".find summary")[0]
        summary.send_keys(Keys.ENTER)
        assert browser.run("return document.querySelector('.find details').open")
        browser.all(".find [name=sim]")[0].send_keys(Keys.ESCAPE)
        assert not browser.run("return document.querySelector('.find details').open")
        assert browser.driver.switch_to.active_element == summary
        browser.run(  # nothing is asked of the server: only what the page does before
            "addEventListener('submit', event => { event.preventDefault(); window.told = event.submitter.ariaBusy; })"
        )
        browser.press("Find", ".find button")
        assert browser.run("return window.told") == "true"
