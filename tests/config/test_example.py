from __future__ import annotations

import itertools
import re
from typing import Any

from pydantic import BaseModel

from modemfarm.config.check import check
from modemfarm.config.document import parse_document
from modemfarm.config.schema import File
from modemfarm.resources import shipped

EXAMPLE = shipped("config.yaml").read_text("utf-8")
SETTING = re.compile(r"#(?=\S|  )")


def switched_on() -> str:
    return "\n".join(SETTING.sub("", line, count=1) if SETTING.match(line) else line for line in EXAMPLE.splitlines())


def keys(model: type[BaseModel]) -> set[str]:
    found = set(model.model_fields)
    pending: list[Any] = [field.annotation for field in model.model_fields.values()]
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= keys(kind)
        pending.extend(getattr(kind, "__args__", ()))
    return found


def test_the_example_changes_nothing_as_it_is() -> None:
    assert check(parse_document(EXAMPLE, "config.yaml")) == File()


def test_the_example_switched_on_holds_every_default() -> None:
    document = parse_document(switched_on(), "config.yaml")
    assert check(document) == File()

    def same(values: Any, defaults: Any) -> None:
        if isinstance(defaults, dict) and defaults:
            assert list(values) == list(defaults)
            for key, value in defaults.items():
                same(values[key], value)
        else:
            assert values == defaults

    same(document.values, File().model_dump(mode="json"))


def test_every_key_stands_in_the_example() -> None:
    assert {key for key in keys(File) if not re.search(rf"\b{key}:", EXAMPLE) and key not in EXAMPLE} == set()


def test_every_setting_has_a_line_of_explanation_above_it() -> None:
    lines = EXAMPLE.splitlines()
    for above, line in itertools.pairwise(lines):
        if SETTING.match(line):
            assert re.match(r"# \S", above), line
