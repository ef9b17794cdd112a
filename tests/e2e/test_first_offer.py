"""docs/first-offer.md: three owners at their terminals, from `init` to the first offer that is taken."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from modemfarm import wording
from tests.docs import code
from tests.e2e.terminal import Terminal

PAGE = code.ROOT / "docs" / "first-offer.md"
UNTIL, WRITTEN_UNTIL = (date.today() + timedelta(days=300)).isoformat(), "2027-12-31"
WRITTEN_DAY = "2027-03-03"


def _wednesday() -> str:
    """A day on which offers may leave anywhere: no French holiday of a fixed date."""
    day = date.today() + timedelta(days=2)
    fixed = {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)}
    while day.weekday() != 2 or (day.month, day.day) in fixed:
        day += timedelta(days=1)
    return day.isoformat()


DAY = _wednesday()


@dataclass(frozen=True)
class Owner:
    """Who sits there, what they answer, and what they put into the holes of the commands that are shown to them."""

    name: str
    lang: str
    locale: str
    zone: str
    answers: tuple[str, ...]
    to: str
    text: str
    reasons: tuple[str, ...]
    holes: dict[str, str] = field(default_factory=dict)

    def filled(self, command: str) -> str:
        for hole, word in {"YYYY-MM-DD": UNTIL, **self.holes}.items():
            command = re.sub(rf"(?<=[ ]){hole}(?= |$)", word, command)
        return command


OWNERS = (
    Owner(
        "CN", "zh", "zh_CN.UTF-8", "Asia/Shanghai",
        ("中国", "CN", "", "", "300"),
        "13800138000", "周末全场八折",
        ("profile", "signature_missing", "consent_missing"),
        {"--who NAME": "--who 王丽", "TEXT": "会员书面同意", "brand NAME": "brand 海鸥书店", "METHOD": "paper"},
    ),
    Owner(
        "RU", "ru", "ru_RU.UTF-8", "Europe/Moscow",
        ("RU", "Чайка", "Волга", "", "cautious"),
        "89161234567", "Скидка 20% на все книги до воскресенья",
        ("profile", "consent_missing"),
        {"--who NAME": "--who Ирина", "TEXT": "'договор с оператором 17'", "METHOD": "counter"},
    ),
    Owner(
        "FR", "en", "en_US.UTF-8", "Europe/Paris",
        ("FR", "Mouette", "Europe/Paris", ""),
        "0612345678", "-20% on all books until Sunday",
        ("profile", "profile", "consent_missing"),
        {"--who NAME": "--who Claire", "TEXT": "'written consent of members'", "METHOD": "web",
         "--document NAME": "--document 'ARCEP letter 7'"},
    ),
)  # fmt: skip


def walk(owner: Owner, terminal: Terminal) -> list[tuple[int, str]]:
    """From `init` to an offer that is taken; each command is the one that the refusal before it showed."""
    done = [terminal.type("modemfarm init", *owner.answers)]
    send = f"modemfarm send {owner.to} --class marketing --send-at {DAY}T11:00 --text '{owner.text}'"
    for turn in range(len(owner.reasons) + 1):
        done.append(terminal.type(send))
        if done[-1][0] == 0:
            break
        shown = re.findall(r"modemfarm (?:policy|consent) [^\n]+", done[-1][1])
        command = owner.filled(shown[-1])
        if turn == 0 and "--document" in command:  # a person's word alone, first
            command = command[: command.index(" --document")]
        done.append(terminal.type(command))
    return done


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[tuple[int, str]]]]:
    found = {}
    for owner in OWNERS:
        with Terminal(tmp_path_factory.mktemp(owner.name), owner.locale, owner.zone) as terminal:
            done = walk(owner, terminal)
            found[owner.name] = (terminal.seen, done)
    return found


Walks = dict[str, tuple[str, list[tuple[int, str]]]]


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)
def test_each_refusal_shows_the_command_that_opens_it_and_in_the_end_the_offer_is_taken(
    walks: Walks, owner: Owner
) -> None:
    _, done = walks[owner.name]
    assert [status for status, _ in done] == [0, *([3, 0] * len(owner.reasons)), 0]
    for (_, shown), reason in zip(done[1::2], owner.reasons, strict=False):
        told = wording.say(f"reason.{reason}", {}, owner.lang)
        state = wording.say("message.refused", {}, owner.lang).lower()
        assert f"refused ({reason})" in shown if owner.lang == "en" else f"{state} (" in shown.lower()
        assert told in shown
    ends = "scheduled" if owner.lang == "en" else wording.say("message.scheduled", {}, owner.lang)
    assert re.search(rf"^{len(owner.reasons) + 1}  \+\d+  {re.escape(ends)}$", done[-1][1], re.MULTILINE)


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.name)
def test_nothing_is_said_in_another_language(walks: Walks, owner: Owner) -> None:
    seen = walks[owner.name][0]
    for slug in ("init.ask_country", "init.ask_plan", "policy.closed", "way.no_daemon"):
        opening = re.split(r"\{", wording.say(slug, {"command": "{"}, owner.lang))[0]
        assert opening in seen
    if owner.lang != "en":
        sentences = [re.sub(r"modemfarm [a-z].*", "", line) for line in seen.splitlines()]
        assert [line for line in sentences if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", line)] == []


def test_a_word_without_the_document_opens_nothing_where_offers_are_prohibited(walks: Walks) -> None:
    _, done = walks["FR"]
    without = {"profile": "FR", "who": "Claire", "day": UNTIL}
    assert wording.say("policy.attested_closed", without) in done[2][1]
    assert "refused (profile)" in done[3][1]


def drawn(seen: str) -> str:
    """What the terminal showed, without what differs each time."""
    for changing, written in ((UNTIL, WRITTEN_UNTIL), (DAY, WRITTEN_DAY)):
        seen = seen.replace(changing, written)
    lines = re.sub(r"mf_[\w-]+", "mf_…", seen).splitlines()
    return "\n".join(line.rstrip() for line in lines if not re.fullmatch(r"\[\d+\]|\$ ", line))


def test_the_walks_in_the_docs_are_what_the_terminal_shows(walks: Walks) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, (seen, _) in walks.items():
        new = f"<!-- {name} -->\n```\n{drawn(seen)}\n```\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- end -->", lambda _found, new=new: new, text, flags=re.DOTALL)
    if os.environ.get("REDRAW"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "draw it anew: REDRAW=1 pytest tests/e2e/test_first_offer.py"
