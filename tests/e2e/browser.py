"""A real Chromium, and what a page must keep in any of its languages and widths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.farm import until
from tests.needs import require

WHY = "the page is looked at in a real browser (Debian: apt-get install chromium chromium-driver)"
PATIENCE_S = 30.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # Chromium's sandbox does not run as root, as in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en",
)
# What is seen of the page's text: pieces smaller than 16 px.
_SMALL = """
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
  if (!text || !element.checkVisibility()) continue;
  const size = parseFloat(getComputedStyle(element).fontSize);
  if (size < 16) found.push(`${size} px: ${text.slice(0, 40)}`);
}
for (const field of document.querySelectorAll("input:not([type=hidden]), textarea, select"))
  if (parseFloat(getComputedStyle(field).fontSize) < 16) found.push(`field ${field.name}`);
return found;
"""
# Whatever a finger is to hit, except links inside a sentence: large enough, and covered or cut by nothing.
_TIGHT = """
const found = [];
for (const target of document.querySelectorAll(
    "button, [role=button], nav a, .langs a, .brand, .queue a, .rows a, .card > header a, .reply, summary, textarea,"
    + "input:not([type=hidden]), table.list a")) {
  if (!target.checkVisibility() || target.disabled) continue;  // what is off is not to be hit
  target.scrollIntoView({block: "center", inline: "center"});
  if (target.matches("[type=radio], [type=checkbox]") && target.closest("label").offsetHeight >= 44) continue;
  const box = target.getBoundingClientRect(), middle = (box.left + box.right) / 2;
  for (const y of [box.top + 4, box.bottom - 4]) {
    const hit = document.elementFromPoint(middle, y);
    if (!hit || !(target.contains(hit) || hit.contains(target) && hit.closest("label")))
      found.push(`${target.tagName} ${target.innerText || target.name}: cut or covered by ${hit && hit.className}`);
  }
  if (box.height < 43.9 || box.width < 43.9)
    found.push(`${target.tagName} ${target.innerText || target.name}: ${box.width} x ${box.height}`);
}
return found;
"""
_WIDE = """
const limit = window.innerWidth, found = [];
if (document.documentElement.scrollWidth > limit) {
  found.push(`page ${document.documentElement.scrollWidth}`);
  for (const element of document.body.querySelectorAll("*"))
    if (element.getBoundingClientRect().right > limit + .5)
      found.push(`${element.tagName}.${element.className}: ${element.getBoundingClientRect().right}`);
}
return found.slice(0, 6);
"""
# Text that is broken into lines narrower than 2 em: what stands one or two letters to a line.
_NARROW = """
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
  if (text.length < 3 || !element.checkVisibility() || element.closest(".sr")) continue;
  range.selectNodeContents(walk.currentNode);
  const lines = [...range.getClientRects()].filter(line => line.width), size = parseFloat(getComputedStyle(element).fontSize);
  if (lines.length > 2 && Math.max(...lines.map(line => line.width)) < 2 * size)
    found.push(`${lines.length} lines narrower than 2 em: ${text.slice(0, 40)}`);
}
return found;
"""
# Text that stands out of its box: over its neighbour, or beyond its card.
_OVER = """
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
  const box = element.closest("td, th, li, dd, summary, .card, .tile");
  if (!text || !box || !element.checkVisibility() || element.closest(".sr")) continue;
  let cut = false;
  for (let up = element; up && !cut; up = up === box ? null : up.parentElement)
    cut = getComputedStyle(up).overflowX !== "visible";
  if (cut) continue;
  range.selectNodeContents(walk.currentNode);
  const right = Math.max(...[...range.getClientRects()].map(line => line.right)), edge = box.getBoundingClientRect().right;
  if (right > edge + 4) found.push(`${Math.round(right - edge)} px out of its ${box.tagName}: ${text.slice(0, 40)}`);
}
return found;
"""
_AXE = Path(__file__).with_name("vendor") / "axe.min.js"
_JUDGE = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations
  .filter(rule => ["serious", "critical"].includes(rule.impact))
  .flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`))));
"""


class Browser:
    """One window of Chromium."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.base = ""

    def width(self, pixels: int, height: int = 900) -> None:
        """Make the window so wide; under 600 px it is a phone's."""
        shape = {"width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": pixels < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)

    def open(self, path: str) -> None:
        """Load a page of ours."""
        self.driver.get(self.base + path)

    @property
    def path(self) -> str:
        """Where the window is now."""
        return urlsplit(self.driver.current_url).path

    @property
    def title(self) -> str:
        """The document's title, of which a background tab tells."""
        return self.driver.title

    def run(self, script: str, *args: object) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *args)

    def all(self, css: str) -> list[WebElement]:
        """Every element that fits."""
        return list(self.driver.find_elements("css selector", css))

    def text(self, css: str) -> str:
        """What is to be read in all elements that fit; pieces that were swapped meanwhile are read again."""
        said = self.run(
            "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)",
            css,
        )
        return "\n".join(said)

    def press(self, word: str, css: str = "button, [role=button], nav a") -> None:
        """Click what bears this word, once it is there."""

        def pressed() -> bool:
            try:
                for element in self.all(css):
                    if word in element.text and element.is_displayed():
                        element.click()
                        return True
            except StaleElementReferenceException:
                return False  # the page refreshed itself under our finger
            return False

        until(pressed, PATIENCE_S, lambda: f"no {word!r} to press on {self.path}: {self.text('body')[:800]}")

    def write(self, css: str, text: str) -> None:
        """Type into a field, in place of what it holds; by script, as the driver knows no emoji."""
        self.run(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input', {bubbles: true}));",
            css,
            text,
        )

    def wait_text(self, css: str, wanted: str, within_s: float = PATIENCE_S) -> str:
        """Wait until something that fits says `wanted`; all that is said there."""
        until(lambda: wanted in self.text(css), within_s, lambda: f"{wanted!r} in {css}: {self.text(css)[:1500]}")
        return self.text(css)

    def faults(self, *, targets: bool) -> list[str]:
        """What is wrong with the page as it stands: too wide, too small, too narrow to be read."""
        wrong = [*self.run(_WIDE), *self.run(_SMALL), *self.run(_NARROW), *self.run(_OVER)]
        return wrong + (self.run(_TIGHT) if targets else [])

    def dark(self, on: bool) -> None:
        """Have the system ask for dark colours, or for light ones."""
        wish = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # colours that fade are measured half-way
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wish, still]})

    def barriers(self) -> list[str]:
        """What axe-core finds that shuts somebody out, serious or critical."""
        if not self.run("return 'axe' in window"):
            self.run(_AXE.read_text("utf-8"))
        return list(self.driver.execute_async_script(_JUDGE))

    def console(self) -> list[str]:
        """What the console said since it was last asked, warnings and errors."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]

    def hosts(self) -> set[str]:
        """Every host that was asked for something since this was last asked."""
        found = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                parts = urlsplit(message["params"]["request"]["url"])
                if parts.scheme != "data":
                    found.add(parts.netloc)
        return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium of the test's own, or no test."""
    program, driver = require("chromium", WHY), require("chromedriver", WHY)
    options = Options()
    options.binary_location = program
    for option in OPTIONS:
        options.add_argument(option)
    options.add_experimental_option("prefs", {"intl.accept_languages": "en"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = Chrome(options=options, service=Service(driver))
    try:
        yield Browser(window)
    finally:
        window.quit()
