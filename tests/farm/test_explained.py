"""docs/explain.md: five messages of a virtual farm, explained as the command and the page explain them."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from modemfarm import wording
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import Plan, normal_iccid
from modemfarm.store import sim_facts, story, suppress
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import Shape, Terms
from modemfarm.webapp.words import Words
from tests.docs import code
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
PLAN = Plan("prepaid", per_minute=20, per_day=5)
TERMS = Terms(
    plans={"prepaid": PLAN},
    default_plan="prepaid",
    places={"plans.prepaid.per_day": "config.yaml:14", "default_plan": "config.yaml:16"},
)
NAMES = ("Front desk", "Window")
PEOPLE = [f"+86138001380{number:02}" for number in range(30)]
PAGE = code.ROOT / "docs" / "explain.md"
Stories = dict[str, list[Shape]]


async def _stories(one: Farm) -> Stories:
    cards = [normal_iccid(modem.card.iccid) for modem in one.simulation.modems]

    async def known() -> bool:
        return await one.count("sims WHERE swept_at IS NOT NULL") == len(cards)

    await one.until(known)
    for iccid, label in zip(cards, NAMES, strict=True):
        await one.offload.run(sim_facts.change, iccid, {"label": label})
    await asyncio.sleep(20)

    async def one_more(to: str, state: str, **more: Any) -> int:
        (number,) = await one.add(1, lambda _n: Draft(to, "Your order 1042 is ready for pickup.", **more))
        async with asyncio.timeout(3600):  # of virtual time
            await one.until(lambda: one.count("messages WHERE id = :id AND state = :state", id=number, state=state))
        return number

    numbers = {"delivered": await one_more(PEOPLE[0], "delivered")}
    (first,) = await one.rows("SELECT iccid FROM attempts")
    other = 1 - cards.index(first["iccid"])
    one.simulation.fault(other, "cms", "8", 1)
    numbers["moved"] = await one_more(PEOPLE[1], "delivered")
    await asyncio.sleep(60)
    one.simulation.fault(0, "lost-result", "", 1)
    numbers["unknown"] = await one_more(PEOPLE[2], "unknown", pinned=NAMES[0], report=False)
    await one.offload.run(_stop, one.clock.now())
    numbers["refused"] = await one_more(PEOPLE[3], "refused")
    await one.add(8, lambda number: Draft(PEOPLE[10 + number], "One of many.", pinned=NAMES[number % 2]))
    await asyncio.sleep(600)
    numbers["held"] = await one_more(PEOPLE[4], "held")
    now = one.clock.now()
    with one.store.read() as tx:
        return {name: story.explain(tx, number, terms=TERMS, now=now) or [] for name, number in numbers.items()}


def _stop(tx: Tx, now: datetime) -> None:
    suppress.add(tx, PEOPLE[3], PEOPLE[3][-9:], "reply", now, keyword="TD")


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    found: Stories = {}

    async def main(loop: VirtualLoop) -> None:
        settings = FarmSettings("here", plans={"prepaid": PLAN}, default_plan="prepaid")
        folder = tmp_path_factory.mktemp("explained")
        async with farm(loop, folder, 2, starts=STARTS, settings=settings, airtime_s=3, report_s=5) as one:
            found.update(await _stories(one))

    run(main)
    return found


def drawn(lines: list[Shape], lang: str = "en") -> str:
    """A story as `modemfarm explain` prints it, to the minute."""
    words = Words(lang, UTC, STARTS)
    told = [f"{line['at'][11:16]}  {words.say('source.' + line['source'])}: {words.told(line)}" for line in lines]
    return "```\n" + "\n".join(told) + "\n```"


def placed(told: Mapping[str, str]) -> str:
    """The page with examples drawn anew, by name."""
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in told.items():
        new = f"<!-- {name} -->\n{lines}\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- end -->", lambda _found, new=new: new, text, flags=re.DOTALL)
    return text


def test_the_examples_in_the_docs_are_what_the_farm_says(stories: Stories) -> None:
    text = placed({name: drawn(lines) for name, lines in stories.items()})
    if os.environ.get("REDRAW"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "draw them anew: REDRAW=1 pytest tests/farm/test_explained.py"


def test_each_story_tells_its_decisions_and_who_made_them(stories: Stories) -> None:
    codes = {name: [(line["source"], line["code"]) for line in lines] for name, lines in stories.items()}
    network = [("network", "part_sent"), ("network", "part_delivered")]
    assert codes["delivered"] == [("sender", "accepted"), ("farm", "chosen_over"), *network]
    assert codes["moved"] == [
        ("sender", "accepted"),
        ("farm", "chosen_over"),
        ("network", "attempt_refused"),
        ("farm", "moved_over"),
        *network,
    ]
    assert codes["unknown"] == [
        ("sender", "accepted"),
        ("farm", "chosen"),
        ("modem", "part_unknown"),
        ("farm", "now_unknown"),
        ("farm", "help_unknown"),
    ]
    assert codes["refused"] == [
        ("sender", "accepted"),
        ("rule", "message_refused"),
        ("rule", "opted_out_word"),
        ("rule", "help_way"),
    ]
    assert codes["held"] == [("sender", "accepted"), ("plan", "limit_plan_day"), ("plan", "limit_plan_day")]
    about = stories["held"][1]["params"]
    assert (about["limit"], about["used"], about["place"]) == (5, 5, "config.yaml:14")
    assert about["next_at"] == "2026-03-15T00:00:00.000Z"


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_every_line_is_whole_in_each_language(stories: Stories, lang: str) -> None:
    for lines in stories.values():
        text = drawn(lines, lang)
        assert "{" not in text
        assert not re.search(r"(?<![\w…])…(?!\d)", text), text
        for line in lines:
            assert line["code"] == "help_way" or wording.known(f"explain.{line['code']}", lang)
            assert wording.known(f"source.{line['source']}", lang)
            for slug in ("choice", "over"):
                word = line["params"].get(slug)
                assert word is None or wording.known(f"{slug}.{word}", lang) or wording.known(f"reason.{word}", lang)
    assert json.dumps(stories)
