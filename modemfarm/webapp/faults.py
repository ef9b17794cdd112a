"""What is wrong with a request, place by place: a code, and a sentence that every language has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from modemfarm import wording
from modemfarm.errors import BadFieldError
from modemfarm.webapp.words import Words

Fault = dict[str, Any]
_SAY = "say"  # a member that is not shown: slug and parameters of the sentence
_MOST_NAMED = 5
_PLACES = ("pointer", "parameter", "header")

# pydantic's types that mean the same to who reads them, and the sentence of all of them
_SENTENCES = {
    "bool_parsing": "bool_type",
    "date_from_datetime_parsing": "day",
    "datetime_from_date_parsing": "moment",
    "datetime_object_invalid": "moment",
    "datetime_parsing": "moment",
    "datetime_type": "moment",
    "enum": "expected",
    "float_parsing": "float_type",
    "int_from_float": "int_type",
    "int_parsing": "int_type",
    "int_parsing_size": "out_of_range",
    "literal_error": "expected",
    "model_attributes_type": "dict_type",
    "model_type": "dict_type",
    "string_unicode": "not_text",
    "timezone_aware": "moment",
}
_QUOTED = re.compile(r"'([^']*)'")
_AT = re.compile(r"line (\d+) column (\d+)")


def fault(place: Mapping[str, str], code: str, slug: str, params: Mapping[str, Any] | None = None) -> Fault:
    """One entry of `errors`.

    Args:
        place: `pointer`, `parameter` or `header`.
        slug: of the sentences `form.…`.
    """
    about = dict(params or {})
    return {**place, "code": code, "detail": wording.say(f"form.{slug}", about), _SAY: (f"form.{slug}", about)}


def unfit(slug: str, **params: Any) -> PydanticCustomError:
    """What a validator raises: its code is the slug of its sentence."""
    return PydanticCustomError(slug, slug, params)


def of_model(error: ValidationError, aliases: Mapping[str, str]) -> list[Fault]:
    """The faults that pydantic found, each with its JSON pointer (RFC 6901)."""
    found = []
    for one in error.errors(include_url=False, include_input=False):
        place = [aliases.get(str(step), str(step)) for step in one["loc"]]
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in place)
        code, params = one["type"], dict(one.get("ctx", {}))
        slug = _SENTENCES.get(code, code)
        if code == "json_invalid" and (at := _AT.search(one["msg"])):
            params |= {"line": at[1], "column": at[2]}
        if slug == "expected":  # 'a', 'b' or 'c'
            params["expected"] = ", ".join(_QUOTED.findall(params["expected"]))
        if wording.known(f"form.{slug}"):
            found.append(fault({"pointer": pointer}, code, slug, params))
        else:
            found.append({"pointer": pointer, "code": code, "detail": one["msg"], _SAY: ("form.unfitting", {})})
    return found


def of_file(error: BadFieldError, given: Iterable[str], *, charset: bool) -> Fault:
    """Why a body of rows cannot be read.

    Args:
        given: query parameters of the request.
        charset: the Content-Type names one.
    """
    place = {"pointer": ""}
    if error.field in given:
        place = {"parameter": error.field}
    elif error.field == "encoding" and charset:
        place = {"header": "Content-Type"}
    if wording.known(f"form.{error.code}"):
        return fault(place, error.code, error.code, error.params)
    return {**place, "code": error.code, "detail": str(error)}


def shown(one: Fault, words: Words | None, params: Mapping[str, Any]) -> Fault:
    """An entry as it is answered, in English or in a reader's language.

    Args:
        params: of the problem, for a sentence of intake's.
    """
    seen = {name: value for name, value in one.items() if name != _SAY}
    if words is None or words.lang == "en":
        return seen
    if _SAY in one:
        slug, about = one[_SAY]
        return seen | {"detail": words.say(slug, about)}
    about = {name: value for name, value in params.items() if name != "raw"}
    return seen | {"detail": words.row_fault(str(one["code"]), str(one["detail"]), about)}


def summed(errors: list[Fault], words: Words, params: Mapping[str, Any]) -> str:
    """The first of them in one line, each behind its place."""
    said = []
    for one in errors[:_MOST_NAMED]:
        place = next((one[name] for name in _PLACES if one.get(name)), "")
        detail = shown(one, words, params)["detail"]
        said.append(f"{place}: {detail}" if place else detail)
    return "; ".join(said) + ("…" if len(errors) > _MOST_NAMED else "")
