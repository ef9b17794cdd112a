"""Every state and fault of a modem and a SIM has one sentence and one next action, in three languages and in the docs."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from modemfarm import wording
from modemfarm.model import MessageClass, MessageState, ModemState, SimState
from modemfarm.modem.sentences import ACTIONS, CAUSES, SENTENCES
from modemfarm.webapp.tiles import SHAPES, SIM_ACTIONS, sim_action_slug
from modemfarm.webapp.words import commands
from tests.webapp.sample import Sample

DOC = Path(__file__).parents[2] / "docs" / "page-states.md"
PARAMS = {
    "other": "tty4",
    "left": 3,
    "cause": "no_answer",
    "seconds": 30,
    "minutes": 15,
    "what": "ModemManager",
    "reason": "operator_refusal",
    "name": "FT4232",
    "id": "0403:6011",
    "code": "CMS 302",
    "count": 3,
    "memory": "SM",
    "until": "2026-03-14T09:31:30Z",
    "ports": "ttyUSB0 ttyUSB1",
}
SIM_SLUGS = ["active", "paused", "parked", "absent", *(slug for slug in SIM_ACTIONS if slug != "absent")]


def modem_table() -> str:
    rows = ["| state | slug | sentence | next action |", "|---|---|---|---|"]
    for slug, sentence in SENTENCES.items():
        action = wording.say(f"action.{sentence.next_action}") if sentence.next_action else ""
        said = wording.section("modem")[slug]
        rows.append(f"| {SHAPES[sentence.state]} {sentence.state} | `{slug}` | {said} | {action} |")
    return "\n".join(rows)


def sim_table() -> str:
    rows = ["| state | slug | sentence | next action |", "|---|---|---|---|"]
    for slug in SIM_SLUGS:
        state = (
            slug if slug in {item.value for item in SimState} else ("paused" if slug == "paused_by_you" else "parked")
        )
        action = sim_action_slug(state, slug)
        said = wording.say(f"action.{action}") if action else ""
        rows.append(f"| {state} | `{slug}` | {wording.say(f'sim.{slug}')} | {said} |")
    return "\n".join(rows)


def reason_table() -> str:
    rows = ["| slug | in words |", "|---|---|"]
    rows += [f"| `{slug}` | {text} |" for slug, text in sorted(wording.section("reason").items())]
    return "\n".join(rows)


TABLES = {"modems": modem_table, "sims": sim_table, "reasons": reason_table}


@pytest.mark.parametrize("name", TABLES)
def test_the_docs_table_is_what_the_page_says(name: str) -> None:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == TABLES[name]()


def drawn(said: str) -> str:
    """A sentence as a page without its escapes has it."""
    return unescape(str(commands(said)))


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_every_modem_sentence_action_and_cause_is_said_in(lang: str) -> None:
    for slug, sentence in SENTENCES.items():
        assert wording.known(f"modem.{slug}", lang), slug
        said = wording.section("modem", lang)[slug]
        assert set(re.findall(r"\{(\w+)\}", str(said))) <= set(sentence.params), slug
        assert "…" not in wording.say(f"modem.{slug}", PARAMS, lang)
    for section, slugs in (("action", ACTIONS), ("cause", CAUSES), ("sim", SIM_SLUGS), ("why", SIM_ACTIONS)):
        for slug in slugs:
            assert wording.known(f"{section}.{slug}", lang), (section, slug)
    for section, kind in (("modem_state", ModemState), ("sim_state", SimState), ("message", MessageState),
                          ("class", MessageClass)):  # fmt: skip
        for state in kind:
            assert wording.known(f"{section}.{state}", lang), state


@pytest.mark.parametrize("lang", ["zh", "ru"])
def test_all_languages_say_the_same_things(lang: str) -> None:
    here, there = wording._book("en"), wording._book(lang)
    assert here.keys() == there.keys()
    for slug, text in here.items():
        holes = set(re.findall(r"\{(\w+)\}", str(text)))
        assert set(re.findall(r"\{(\w+)\}", str(there[slug]))) == holes, slug


PUBLISHED = (
    "quiet_hours frequency_cap plan_minute plan_day plan_month plan_recipients no_sim sim_parked paused restored"
    " consent_missing opted_out profile no_report partial too_long validity_expired unconfirmed network recipient"
)


@pytest.mark.parametrize("slug", PUBLISHED.split())
def test_every_published_reason_is_said(slug: str) -> None:
    for lang in wording.LANGUAGES:
        assert wording.known(f"reason.{slug}", lang)


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_the_farm_shows_each_modem_sentence(farm: Sample, lang: str) -> None:
    params = '{"left": 3, "other": "tty4", "cause": "no_answer", "seconds": 30, "minutes": 15, "what": "tty3", "reason": "operator_refusal", "name": "FT4232", "id": "0403:6011", "ports": "ttyUSB0 ttyUSB1", "code": "CMS 302", "count": 3, "memory": "SM", "until": "2026-03-14T09:31:30Z"}'
    spoken = PARAMS | {
        "what": "tty3",
        "until": "09:31:30",
        "cause": wording.say("cause.no_answer", lang=lang),
        "reason": wording.say("reason.operator_refusal", lang=lang),
    }
    person = farm.person()
    for slug, sentence in SENTENCES.items():
        farm.modem(1, sentence.state.value, slug, next_action=sentence.next_action, params=params)
        page = unescape(person.get(f"/?lang={lang}").get_data(as_text=True))
        assert drawn(wording.say(f"modem.{slug}", spoken, lang)) in page, slug
        assert SHAPES[sentence.state] in page
        if sentence.next_action:
            assert drawn(wording.say(f"action.{sentence.next_action}", lang=lang)) in page, slug


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_the_farm_shows_why_a_sim_is_parked(farm: Sample, lang: str) -> None:
    farm.modem(1)
    person = farm.person()
    for reason in SIM_ACTIONS:
        farm.park(1, SimState.PARKED, reason)
        page = unescape(person.get(f"/?lang={lang}").get_data(as_text=True))
        said = f"sim.{reason}"
        assert drawn(wording.say(said, lang=lang)) in page
        assert drawn(wording.say(f"action.{SIM_ACTIONS[reason]}", lang=lang)) in page
        assert SHAPES[ModemState.NEEDS_YOU] in page


def test_a_russian_word_behind_a_count_has_its_three_forms() -> None:
    counted = re.compile(r"\{(?:n|k|count|people|sent|used|per_day|per_month)\} [а-яё]{4,}")
    wrong = {slug: said for slug, said in wording._book("ru").items() if isinstance(said, str) and counted.search(said)}
    assert not wrong


@pytest.mark.parametrize("lang", ["zh", "ru"])
@pytest.mark.parametrize("action", ["allow_roaming", "resume_sim", "look_at_unknown"])
def test_what_is_to_be_pressed_is_called_as_on_its_button(lang: str, action: str) -> None:
    assert wording.say("page.resume_sim", lang=lang) in wording.say(f"action.{action}", lang=lang)


def test_russian_counts_in_three_forms() -> None:
    said = [wording.say("line.needs", {"n": n}, "ru") for n in (1, 2, 5, 11, 21, 22)]
    assert said == [
        "1 дело ждёт вас",
        "2 дела ждут вас",
        "5 дел ждут вас",
        "11 дел ждут вас",
        "21 дело ждёт вас",
        "22 дела ждут вас",
    ]


@pytest.mark.parametrize(
    ("asked", "accept", "lang"),
    [
        (None, None, "en"), (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"), (None, "en;q=0.2, ru", "ru"), ("zh", "ru", "zh"),
        (None, "ru_RU.UTF-8", "ru"), (None, "de, fr", "en"), ("xx", "ru", "ru"),
    ],
)  # fmt: skip
def test_a_language_is_chosen(asked: str | None, accept: str | None, lang: str) -> None:
    assert wording.choose_language(asked, accept) == lang
