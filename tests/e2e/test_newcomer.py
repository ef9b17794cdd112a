"""Somebody who never saw the code, on the page alone: from the link of the demo to fifty answers that could come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, chromium
from tests.e2e.demo import demo
from tests.e2e.farm import until

PEOPLE = [(f"1380013{number:04}", f"顾客{number}", number - 7000) for number in range(8001, 8051)]
WITHIN_S = 240.0


def sheet(folder: Path) -> Path:
    """What a shop's spreadsheet saves: GB18030, a semicolon, its own headings."""
    lines = ["姓名;手机号;订单号", *(f"{name};{number};{order}" for number, name, order in PEOPLE)]
    file = folder / "顾客.csv"
    file.write_bytes("\r\n".join(lines).encode("gb18030"))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("width", [390])
def test_a_newcomer_sends_to_fifty_people_and_reads_their_answers(tmp_path: Path, width: int) -> None:
    file = sheet(tmp_path)
    with chromium() as browser, demo(tmp_path / "demo") as running:
        browser.base = running.base
        browser.width(width)
        browser.driver.get(running.login_link)
        browser.driver.get(running.base + "/?lang=zh")
        _send(browser, file)
        until(lambda: "50 / 50" in browser.text("#batch"), WITHIN_S, lambda: browser.text("#batch"))
        _answer(browser)
        browser.press("收件", "nav a")
        browser.wait_text(".threads", "明天来取")
        browser.press("明天来取", ".threads a")
        assert "订单 1050" in browser.wait_text("#talk .mine", "顾客8050")
        browser.write("#reply [name=text]", "好的，谢谢！")
        browser.press("回复", "#reply button")
        browser.wait_text("#talk .mine", "好的，谢谢！")


def _send(browser: Browser, file: Path) -> None:
    """By links and buttons only."""
    browser.press("发送", "nav a")
    browser.press("从文件群发", "main nav a")
    browser.all("[name=file]")[0].send_keys(str(file))
    browser.press("查看文件", ".bring button")
    until(lambda: browser.path.startswith("/send/file/"), 30, lambda: browser.text("main"))
    browser.write("#template", "您好，")
    browser.press("{姓名}", ".chip")
    text = browser.run("return document.querySelector('#template').value")
    assert text == "您好，{姓名}"
    browser.write("#template", text + "！您的订单 {订单号} 已到店。")
    until(lambda: "顾客8001！您的订单 1001" in browser.text("#mailing .theirs"), 60, lambda: browser.text(".send"))
    until(lambda: "50" in browser.text("#go"), 60, lambda: browser.text("#go"))
    browser.all("#go")[0].click()
    until(lambda: bool(re.fullmatch(r"/batches/\d+", browser.path)), 60, lambda: browser.text("main"))


def _answer(browser: Browser) -> None:
    """As one of the fifty, on the drawn phone."""
    browser.press("设备", "nav a")
    number = f"+86{PEOPLE[-1][0]}"
    assert number in browser.run("return [...document.querySelectorAll('.which option')].map(o => o.value)")
    browser.run("document.querySelector('.which select').value = arguments[0]", number)
    browser.all(".which button")[0].click()
    browser.wait_text("#phone .theirs", "订单 1050")
    browser.write("#phone-write [name=text]", "明天来取")
    browser.press("➤", "#phone-write button")
    browser.wait_text("#phone .mine", "明天来取")
