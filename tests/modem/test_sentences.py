"""The table of sentences is whole: every slug that is said is in it, with its places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import modemfarm.modem
from modemfarm.model import ModemState
from modemfarm.modem.ladder import SENTENCE_OF, Ladder, Rung
from modemfarm.modem.sentences import ACTIONS, SENTENCES
from modemfarm.resources import shipped

SOURCES = Path(modemfarm.modem.__file__).parent


def test_every_slug_that_is_said_is_in_the_table() -> None:
    said = {
        slug
        for path in SOURCES.glob("*.py")
        for slug in re.findall(r'\.say\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert len(said) > 15
    assert said | set(SENTENCE_OF.values()) <= set(SENTENCES)


def test_each_rung_says_what_comes_when_it_does_not_help() -> None:
    ladder = Ladder()
    climbed = [ladder.climb() for _ in range(6)]
    follows = {Rung.REINIT: "radio off and on", Rung.RADIO: "a restart", Rung.RESET: "the port is opened anew"}
    assert list(dict.fromkeys(step.rung for step in climbed)) == [*follows, Rung.REOPEN]
    for rung, words in follows.items():
        assert words in SENTENCES[SENTENCE_OF[rung]].text.partition("If that does not help: ")[2]
    for slug in (SENTENCE_OF[Rung.REOPEN], "failed_inside"):  # the waits say how long, and what to do meanwhile
        assert "{seconds}" in SENTENCES[slug].text
        assert SENTENCES[slug].next_action


@pytest.mark.parametrize("language", ["en", "zh", "ru"])
def test_the_page_names_the_next_step_in_every_language(language: str) -> None:
    words = tomllib.loads((shipped("web") / "sentences" / f"{language}.toml").read_text("utf-8"))
    told = {name: text for table in words.values() for name, text in table.items() if name.startswith("repairing_")}
    ends = {text.partition("{cause}")[2] for text in told.values()}
    assert len(ends) == len(told) == len(SENTENCE_OF)


@pytest.mark.parametrize("slug", SENTENCES)
def test_a_sentence_names_its_places_and_a_known_action(slug: str) -> None:
    sentence = SENTENCES[slug]
    assert set(re.findall(r"\{(\w+)\}", sentence.text)) <= set(sentence.params)
    assert sentence.next_action in {"", *ACTIONS}
    if sentence.state is ModemState.NEEDS_YOU:
        assert sentence.next_action
