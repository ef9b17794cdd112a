"""What JSON may not hold in a request, though it is JSON: half a surrogate pair, and a member twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from modemfarm.intake.members import MemberTwiceError, single_members
from modemfarm.webapp.faults import fault
from modemfarm.webapp.problems import Problem


def refuse_ambiguous(data: bytes) -> None:
    """Look at a body before its members are.

    Raises:
        Problem: 422; what is no JSON at all passes, for the model to say so.
    """
    try:
        found = json.loads(data, object_pairs_hook=single_members)
    except MemberTwiceError as twice:
        name = twice.name.encode("utf-8", "backslashreplace").decode()
        raise _problem(f"/{_step(name)}", "member_twice", name) from None
    except (ValueError, RecursionError):
        return
    for pointer in _not_text(found, ""):
        raise _problem(pointer, "not_text")


def _problem(pointer: str, code: str, name: str = "") -> Problem:
    found = fault({"pointer": pointer}, code, code, {"member": name})
    return Problem(422, "validation", f"{pointer or 'the body'}: {found['detail']}.", code=code, errors=[found])


def _not_text(value: Any, pointer: str) -> Iterator[str]:
    """The pointers of texts that have no UTF-8 form (RFC 8259 §8.2)."""
    match value:
        case str() if not _is_text(value):
            yield pointer
        case dict():
            for name, item in value.items():
                if _is_text(name):
                    yield from _not_text(item, f"{pointer}/{_step(name)}")
                else:
                    yield pointer
        case list():
            for at, item in enumerate(value):
                yield from _not_text(item, f"{pointer}/{at}")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
