"""The lists in the docs are the lists in the code: commands, keys, routes, problems, states, reasons."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from modemfarm import wording
from modemfarm.cli.outcome import Exit
from modemfarm.model import MOVES, MessageState, ModemState, PartState, SimState
from modemfarm.store import shapes
from modemfarm.webapp.bodies import MessageBody
from modemfarm.webapp.metrics import FarmCollector
from tests.docs import code
from tests.webapp.sample import sample

DOCS = sorted((code.ROOT / "docs").rglob("*.md"))
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


def section(text: str, heading: str) -> str:
    """What stands under one heading, up to the next of its rank."""
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{heading.index(' ')}}} |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row that is not a heading."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = {at for at, row in enumerate(cells) if all(set(cell) <= set("-") for cell in row)}
    return [row for at, row in enumerate(cells) if at not in rules and at + 1 not in rules]


def between(text: str, marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert found is not None, marker
    return found[1]


def described_commands() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    pieces = re.split(r"^### `(.+)`$", code.page("cli.md"), flags=re.MULTILINE)
    for title, text in zip(pieces[1::2], pieces[2::2], strict=True):
        words = [word for word in title.replace("simulate ctl DIR", "simulate ctl").split() if word[0].islower()]
        name = " ".join(word for word in words if "|" not in word)
        options = {
            option
            for row in rows(re.split(r"^## ", text, flags=re.MULTILINE)[0])
            for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", row[0])
        }
        found[name] = options
    return found


def test_every_command_and_option_has_its_line() -> None:
    described, real = described_commands(), code.commands()
    assert described.keys() == real.keys()
    for name, options in real.items():
        assert described[name] == options, name


def test_the_options_before_the_command_are_described() -> None:
    head = code.page("cli.md").split("## Exit codes")[0]
    assert {row[0].strip("`").split()[0] for row in rows(head)} == {"-c", "--version"}


def test_every_exit_code_is_listed() -> None:
    assert [int(row[0]) for row in rows(section(code.page("cli.md"), "## Exit codes"))] == [item.value for item in Exit]


def test_every_key_stands_with_its_default() -> None:
    described = {row[0].strip("`"): row[1].strip("`") for row in rows(code.page("config.md"))}
    assert described == code.settings()


def real_routes(folder: Path) -> set[str]:
    found: set[str] = set()
    with sample(folder, demo=True) as farm:
        for rule in farm.app.url_map.iter_rules():
            choice = re.search(r"<any\((.*?)\):(\w+)>", rule.rule)
            paths = [rule.rule]
            if choice is not None and choice[2] != "outcome" and not rule.rule.startswith("/demo/"):
                paths = [rule.rule.replace(choice[0], word.strip()) for word in choice[1].split(",")]
            for path in paths:
                plain = re.sub(r"<(?:[^:<>]+:)?(\w+)>", lambda match: "{" + _called(match[1]) + "}", path)
                found |= {f"{method} {plain}" for method in rule.methods or () if method in _METHODS}
    return found


def _called(name: str) -> str:
    return {"message_id": "id", "batch_id": "id", "inbound_id": "id", "key": "modem"}.get(name, name)


def test_every_route_has_its_line(tmp_path: Path) -> None:
    text = code.page("http.md")
    tables = section(text, "## Routes") + section(text, "## The page")
    described = [route for row in rows(tables) for route in re.findall(r"`([A-Z]+ /[^`]*)`", row[0])]
    assert len(described) == len(set(described))
    assert set(described) == real_routes(tmp_path)


def test_every_scope_in_the_docs_is_the_one_that_a_route_wants(tmp_path: Path) -> None:
    with sample(tmp_path) as farm:
        for row in rows(section(code.page("http.md"), "## Routes")):
            method, path = row[0].strip("`").split()
            url = re.sub(r"\{\w+\}", "1", path)
            scopes = re.findall(r"`([\w:]+)`", row[1])
            client = farm.app.test_client()
            if row[1] == "none":
                assert client.open(url, method=method).status_code not in {401, 403}, row[0]
                continue
            if not row[1].startswith("none"):
                assert client.open(url, method=method).status_code == 401, row[0]
                for scope in ("messages:send", "messages:read", "people", "modems"):
                    code_ = (client.open(url, method=method, headers=farm.key(scope)).get_json(silent=True) or {}).get(
                        "code"
                    )
                    assert (code_ != "forbidden_scope") is (scope in scopes), (row[0], scope)


def test_every_member_of_a_message_to_send_is_described() -> None:
    described = {
        word
        for row in rows(section(code.page("http.md"), "## `POST /v1/messages`"))
        for word in re.findall(r"`(\w+)`", row[0])
    }
    assert described == {field.alias or name for name, field in MessageBody.model_fields.items()}


def test_every_member_of_an_answer_is_described(tmp_path: Path) -> None:
    text = code.page("http.md")
    with sample(tmp_path) as farm:
        farm.modem(1)
        farm.take()
        client = farm.api()
        answers = {
            "## Message": client.get("/v1/messages").get_json()["data"][0],
            "## Modem": client.get("/v1/modems").get_json()["data"][0],
            "## SIM": client.get("/v1/sims").get_json()["data"][0],
        }
    for heading, document in answers.items():
        said = section(text, heading)
        missing = {name for name in document if f"`{name}`" not in said and f'"{name}"' not in said}
        assert missing == set(), heading
    reply = section(text, "## Reply")
    source = code.SOURCE.joinpath("store", "shapes.py").read_text(encoding="utf-8")
    body = re.search(r"def inbound\(.*?\n\n\n", source, re.DOTALL)
    assert body is not None
    assert shapes.inbound is not None
    assert [name for name in re.findall(r'^        "(\w+)":', body[0], re.MULTILINE) if f"`{name}`" not in reply] == []


def test_every_problem_is_listed() -> None:
    described = {row[0].strip("`") for row in rows(section(code.page("http.md"), "## What is wrong: problems"))}
    assert described == code.problem_types()


def test_every_metric_is_listed(tmp_path: Path) -> None:
    described = {
        row[0].strip("`"): row[1].strip("`").split() for row in rows(section(code.page("http.md"), "## Metrics"))
    }
    with sample(tmp_path) as farm:
        real = {
            family.name + ("_total" if family.type == "counter" else "")
            for family in FarmCollector(farm.store, farm.clock, farm.deps.lately).collect()
        }
    assert described.keys() == real


@pytest.mark.parametrize(
    ("heading", "states"),
    [("## Messages", MessageState), ("## Parts", PartState), ("## Modems", ModemState), ("## SIM cards", SimState)],
)
def test_every_state_has_its_row(heading: str, states: type[StrEnum]) -> None:
    assert [row[0].strip("`") for row in rows(section(code.page("states.md"), heading))] == [
        item.value for item in states
    ]


def diagram() -> str:
    """The table of moves as Mermaid text."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> waiting"]
    for old, news in MOVES.items():
        lines += [f"    {old} --> {new}" for new in PartState if new in news]
        lines += [] if news else [f"    {old} --> [*]"]
    return "\n".join([*lines, "```"])


def test_the_diagram_is_drawn_from_the_table_of_moves() -> None:
    assert MOVES.keys() == set(PartState)
    assert between(code.page("states.md"), "moves") == diagram()


def test_every_published_reason_stands_in_the_table_in_its_words() -> None:
    described = {row[0].strip("`"): row[2] for row in rows(between(code.page("states.md"), "reasons"))}
    assert described == wording.section("reason")


def test_the_table_tells_the_reasons_that_are_given_from_those_that_are_not_yet() -> None:
    given = code.reasons() | code.network_reasons()
    known = {item.value for item in MessageState} | {"a SIM"}
    for slug, comes_with, _ in rows(between(code.page("states.md"), "reasons")):
        assert (comes_with == "not yet") is (slug.strip("`") not in given), slug
        assert comes_with == "not yet" or set(comes_with.split(", ")) <= known, slug


def _sounds(said: str, lang: str) -> set[str]:
    """What two sentences that say the same have in common: pairs of signs in Chinese, else how longer words begin."""
    if lang == "zh":
        return {said[at : at + 2] for at in range(len(said) - 1)}
    return {word[:5] for word in re.findall(r"\w{4,}", said.lower())}


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_no_state_is_followed_by_a_reason_that_says_it_again(lang: str) -> None:
    told = {
        (section, slug): said
        for section in ("message", "explain")
        for slug, said in wording.section(section, lang).items()
    }
    for reason, comes_with, _ in rows(between(code.page("states.md"), "reasons")):
        why = wording.say(f"reason.{reason.strip('`')}", lang=lang)
        for state in comes_with.split(", "):
            for place in (("message", state), ("explain", f"now_{state}"), ("explain", f"message_{state}")):
                said = str(told.get(place, ""))
                if place[0] == "message" or "{reason}" in said:
                    again = _sounds(said.replace("{reason}", ""), lang) & _sounds(why, lang)
                    assert not again, (place, said, why)


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_every_reason_that_the_code_gives_has_words(lang: str) -> None:
    silent = {
        slug
        for slug in code.reasons() | code.network_reasons()
        if not wording.known(f"reason.{slug}", lang) and not wording.known(f"sim.{slug}", lang)
    }
    assert silent == set()


@pytest.mark.parametrize(
    "path", [*DOCS, *sorted(code.ROOT.glob("README*.md"))], ids=lambda path: str(path.relative_to(code.ROOT))
)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name) if name else path
        assert there.exists() or there.with_suffix(".md").exists(), target
        if anchor:
            page = there if there.suffix else there.with_suffix(".md")
            headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}
            assert anchor in slugs, target


def test_each_readme_calls_the_pages_menu_as_the_page_does() -> None:
    for lang, name in (("en", "README.md"), ("zh", "README.zh-CN.md"), ("ru", "README.ru.md")):
        (row,) = re.findall(r"^\|.*`modemfarm batch .*$", (code.ROOT / name).read_text("utf-8"), re.MULTILINE)
        assert wording.say("page.send", lang=lang) in row
