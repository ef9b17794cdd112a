"""Takes the pictures in docs/pictures from running demos, and writes docs/pages.md: `python -m tests.e2e.pictures FOLDER`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

from modemfarm import wording
from tests.e2e.browser import Browser, chromium
from tests.e2e.demo import Demo, demo
from tests.e2e.farm import until
from tests.e2e.png import moving, smaller
from tests.e2e.walking import furnish

BUYER, OTHER, FAR = "+8613800138000", "+8613800138001", "+79161234567"
LOST = "您好李女士,您预订的蛋糕已做好,今天20点前可到店自取。"
AFTERNOON = (
    "您好王先生,包裹已到驿站,取件码 4471",
    "Your table for four is booked for 19:00",
    "陈老师,明天十点的课改到十一点",
)
GALLERY = (  # pages of a furnished demo, as `walking.furnish` calls them, and what each is
    ("farm", "Farm: a tile for each modem"),
    ("sim", "A SIM: its plan, its use, what may be done"),
    ("messages", "Messages"),
    ("message", "One message and its story"),
    ("inbox", "Inbox"),
    ("with", "A talk, with the opt-out where it happened"),
    ("send", "Send: one message"),
    ("mailing", "Send: a list, looked at before it goes"),
    ("batch", "A list on its way, with what was refused"),
    ("people", "People"),
    ("consents", "Consent, with its proof"),
    ("settings", "Settings, and what the doctor finds"),
    ("access", "Keys and users"),
    ("webhooks", "Webhooks"),
)
SIZES = {1440: (900, 0.5), 390: (844, 1.0)}  # height, and how large it is kept
HEIGHTS = {"farm-1440": 1000, "farm-390": 1250, "message-390": 1010}


class Scene:
    """A farm on a busy afternoon: talk, an opt-out, a lost answer, a modem that was pulled."""

    def __init__(self, running: Demo) -> None:
        self._demo = running

    def send(self, to: str, text: str) -> int:
        """Send, and wait for its end."""
        number = int(self._demo.api("/v1/messages", {"to": to, "text": text})["id"])
        settled = {"delivered", "unknown"}
        until(lambda: self._demo.state_of(number) in settled, 90, f"message {number} ends")
        return number

    def answer(self, number: str, text: str) -> None:
        """That phone answers whoever wrote to it last."""
        before = len(self._demo.api("/v1/inbound")["data"])
        self._demo.control("deliver", self._demo.control("phone", number)[-1]["modem"], number, text)
        until(lambda: len(self._demo.api("/v1/inbound")["data"]) > before, 30, "the answer came")

    def play(self) -> int:
        """Make it so; the message whose answer got lost."""
        until(lambda: {self._demo.state_of(first) for first in (1, 2, 3)} == {"delivered"}, 60, "the first texts")
        for number, text in enumerate(AFTERNOON, 10):
            self._demo.api("/v1/messages", {"to": f"+86138001381{number}", "text": text})
        self.answer(BUYER, "几点关门？")
        self.send(BUYER, "晚上九点。欢迎光临！")
        self.answer(FAR, "Спасибо, заберу вечером")
        self.send(OTHER, "新品八折,本周末有效。回复TD退订")
        self.answer(OTHER, "TD")
        for modem in range(4):
            self._demo.control("fault", modem, "lost-result", "", 1)
        lost = self.send("+8613800138005", LOST)
        self._demo.control("unplug", 2)
        return lost


def take(browser: Browser, name: str, path: str, ready: str, into: Path) -> None:
    """One picture of a page."""
    browser.width(int(name.rpartition("-")[2]), HEIGHTS[name])
    browser.open(path)
    until(lambda: browser.all(ready), 30, lambda: browser.text("body"))
    (into / f"{name}.png").write_bytes(smaller(browser.driver.get_screenshot_as_png()))


class Film:
    """The README's moving picture: what a newcomer sees in the demo, one shot after the other."""

    WIDTH, HEIGHT = 1000, 720

    def __init__(self, running: Demo, browser: Browser) -> None:
        self._demo, self._browser, self._shots = running, browser, list[tuple[bytes, float]]()

    def shot(self, seconds: float, path: str, css: str, wanted: str) -> None:
        """The page at `path` once `css` says `wanted`, shown for `seconds`."""
        self._browser.open(path)
        until(lambda: wanted in self._browser.text(css), 30, lambda: self._browser.text("body"))
        self._shots.append((self._browser.driver.get_screenshot_as_png(), seconds))

    def play(self) -> bytes:
        """Sent, delivered, answered with TD, refused; a modem pulled; an answer lost and found."""
        self._browser.width(self.WIDTH, self.HEIGHT)
        scene, farm = Scene(self._demo), f"/?phone={quote(BUYER)}"
        until(lambda: {self._demo.state_of(first) for first in (1, 2, 3)} == {"delivered"}, 60, "the first texts")
        self.shot(1.5, farm, "#phone", BUYER)
        text = "新品八折,本周末有效。回复TD退订"
        offer = self._demo.api("/v1/messages", {"to": BUYER, "text": text})["id"]
        self.shot(1.0, farm, "#phone", "八折")
        until(lambda: self._demo.state_of(offer) == "delivered", 60, "the offer arrived")
        self.shot(1.5, farm, "main", "八折")
        scene.answer(BUYER, "TD")
        self.shot(2.5, farm, "#phone", "TD")
        number = self._refused(text)
        self.shot(3.0, f"/messages/{number}", "main", "八折")
        self._demo.control("unplug", 2)
        self.shot(2.0, farm, ".tile.is-gone", "EC25")
        for modem in range(4):
            self._demo.control("fault", modem, "lost-result", "", 1)
        lost = self._demo.api("/v1/messages", {"to": OTHER, "text": LOST})["id"]
        self.shot(1.5, f"/messages/{lost}", "main", "蛋糕")
        until(lambda: self._demo.state_of(lost) == "delivered", 60, "the network told")
        self.shot(3.0, f"/messages/{lost}", "main", "蛋糕")
        return moving(self._shots)

    def _refused(self, text: str) -> int:
        """The message that an opt-out stopped."""
        try:
            self._demo.api("/v1/messages", {"to": BUYER, "text": text})
        except HTTPError as error:
            return int(json.loads(error.read())["message_id"])
        raise AssertionError("it was not refused")


@contextmanager
def stage() -> Iterator[tuple[Demo, Browser]]:
    """A demo and a window on it."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, demo(Path(folder) / "demo") as running:
        browser.base = running.base
        browser.driver.get(running.login_link)
        yield running, browser


def gallery(into: Path) -> None:
    """Every page in every language, on a desk and on a phone."""
    into.mkdir(parents=True, exist_ok=True)
    with stage() as (running, browser):
        pages = furnish(running, browser)
        for (name, _), lang, (width, (height, scale)) in product(GALLERY, wording.LANGUAGES, SIZES.items()):
            shape = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
            path = pages[name]
            browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            until(lambda: browser.all("main"), 30, lambda: browser.text("body"))
            time.sleep(0.5)  # what is fetched once the page is there
            (into / f"{name}-{lang}-{width}.png").write_bytes(smaller(browser.driver.get_screenshot_as_png()))


def gallery_page() -> str:
    """docs/pages.md."""
    blocks = [
        "# The pages",
        "From a demo, in three languages, on a desk (1440 pixels) and on a phone (390): `python -m tests.e2e.pictures`.",
    ]
    for name, title in GALLERY:
        blocks.append(f"## {title}")
        shown = [("en", 1440, 480), ("zh", 390, 160), ("ru", 390, 160)]
        blocks.append(
            "\n".join(
                f'<img src="pictures/pages/{name}-{lang}-{width}.png" width="{wide}" alt="{title}, {lang}, {width} pixels">'
                for lang, width, wide in shown
            )
        )
        others = [(lang, width) for lang, width in product(wording.LANGUAGES, SIZES) if (lang, width) not in
                  [(lang, width) for lang, width, _ in shown]]  # fmt: skip
        links = [f"[{lang}, {width}](pictures/pages/{name}-{lang}-{width}.png)" for lang, width in others]
        blocks.append("Also: " + " · ".join(links))
    return "\n\n".join(blocks) + "\n"


def main(into: Path) -> None:
    """Take them all."""
    into.mkdir(parents=True, exist_ok=True)
    gallery(into / "pages")
    (into.parent / "pages.md").write_text(gallery_page(), encoding="utf-8")
    with stage() as (running, browser):
        film = Film(running, browser).play()
        (into / f"demo-{Film.WIDTH}.png").write_bytes(film)
    with stage() as (running, browser):
        lost = Scene(running).play()
        take(browser, "farm-1440", "/", ".tile.is-gone", into)
        take(browser, "farm-390", "/", ".tile.is-gone", into)
        take(browser, "message-390", f"/messages/{lost}", "#story .timeline li", into)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
