"""The table of sentences is whole: every slug that is said is in it, with its places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modemfarm.modem
from modemfarm.model import ModemState
from modemfarm.modem.ladder import SENTENCE_OF
from modemfarm.modem.sentences import ACTIONS, SENTENCES

SOURCES = Path(modemfarm.modem.__file__).parent


def test_every_slug_that_is_said_is_in_the_table() -> None:
    said = {
        slug
        for path in SOURCES.glob("*.py")
        for slug in re.findall(r'\.say\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert len(said) > 15
    assert said | set(SENTENCE_OF.values()) <= set(SENTENCES)


@pytest.mark.parametrize("slug", SENTENCES)
def test_a_sentence_names_its_places_and_a_known_action(slug: str) -> None:
    sentence = SENTENCES[slug]
    assert set(re.findall(r"\{(\w+)\}", sentence.text)) <= set(sentence.params)
    assert sentence.next_action in {"", *ACTIONS}
    if sentence.state is ModemState.NEEDS_YOU:
        assert sentence.next_action
