"""Turns a document into checked values, and every fault into one sentence with its line."""

from __future__ import annotations

import difflib
import ipaddress
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from modemfarm.config import kinds
from modemfarm.config.document import Document, Path_
from modemfarm.config.schema import File
from modemfarm.errors import ConfigError
from modemfarm.store.addresses import ForbiddenError, refuse_literal
from modemfarm.store.shapes import cost_fault, currencies

BUILT_IN_PLANS = ("cautious", "unlimited")
_SAID = {
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "string_type": "expected a text",
    "list_type": "expected a list, like [a, b]",
    "dict_type": "expected keys with values",
    "model_type": "expected keys with values",
    "missing": "is missing",
}


def check(document: Document) -> File:
    """Validate a document.

    Raises:
        ConfigError: the first fault by line; further ones are its notes.
    """
    # a section whose keys are all switched off reads as null
    empty = {name for name, field in File.model_fields.items() if isinstance(field.default, BaseModel | dict | list)}
    values = {key: value for key, value in document.values.items() if value is not None or key not in empty}
    try:
        file = File.model_validate(values)
    except ValidationError as error:
        faults = [_fault(document, details) for details in error.errors(include_url=False)]
    else:
        faults = list(_across(document, file))
        if not faults:
            return file
    faults.sort(key=lambda fault: fault.line or 0)
    first, *others = faults
    for other in others:
        first.add_note(str(other))
    raise first


def _fault(document: Document, details: ErrorDetails) -> ConfigError:
    path = details["loc"]
    kind = details["type"]
    value = details["input"]
    if kind == "extra_forbidden":
        what = "unknown key" + _meant(path)
    elif kind == "value_error":
        what = str(details["ctx"]["error"])
    elif kind == "missing":
        what = "is missing"
    elif kind in _SAID:
        what = f"{_SAID[kind]}, not {_shown(value)}"
    else:
        what = f"{details['msg'][:1].lower()}{details['msg'][1:]}, not {_shown(value)}"
    return _at(document, path, what)


def _at(document: Document, path: Path_, what: str) -> ConfigError:
    return ConfigError(document.name, dotted(path), what, document.line(path))


def dotted(path: Path_) -> str:
    """A key as messages name it: ``plans.prepaid.per_day``, ``modems.ports[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return {None: "nothing", True: "true", False: "false"}.get(value, repr(value)) if _plain(value) else repr(value)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _meant(path: Path_) -> str:
    """What the key may have been meant to be, among those of the same section."""
    model: Any = File
    for step in path[:-1]:
        model = _below(model, step)
        if model is None:
            return ""
    names = difflib.get_close_matches(str(path[-1]), list(model.model_fields), n=1)
    return f"; is {names[0]} meant?" if names else f"; known here: {', '.join(model.model_fields)}"


def _below(model: type[BaseModel], step: str | int) -> type[BaseModel] | None:
    """The section that a key of `model` holds, also inside a mapping or list of sections."""
    if isinstance(step, int) or step not in model.model_fields:
        return model
    pending: list[Any] = [model.model_fields[str(step)].annotation]
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        pending.extend(getattr(kind, "__args__", ()))
    return None


def _across(document: Document, file: File) -> list[ConfigError]:
    """What no key can tell alone."""
    faults: list[ConfigError] = []
    plans = {*BUILT_IN_PLANS, *file.plans}
    known = ", ".join(sorted(plans))
    if file.default_plan not in plans:
        faults.append(_at(document, ("default_plan",), f"no plan is called {file.default_plan!r}; known: {known}"))
    seen: dict[str, str] = {}
    accounts: dict[str, tuple[str, str]] = {}
    for key, sim in file.sims.items():
        path: Path_ = ("sims", key)
        try:
            iccid = kinds.iccid(key)
        except ValueError as error:
            faults.append(_at(document, path, str(error)))
            continue
        if iccid in seen:
            faults.append(_at(document, path, f"the same SIM as {seen[iccid]}"))
        seen[iccid] = key
        if sim.plan is not None and sim.plan not in plans:
            faults.append(_at(document, (*path, "plan"), f"no plan is called {sim.plan!r}; known: {known}"))
        if sim.account is not None:
            plan = sim.plan or file.default_plan
            other, theirs = accounts.setdefault(sim.account, (key, plan))
            if theirs != plan:
                what = f"account {sim.account} has plan {theirs} at {other}, here {plan}: SIMs of one account share one"
                faults.append(_at(document, (*path, "plan" if sim.plan else "account"), what))
    uncounted = cost_fault(currencies((plan.price_per_part, plan.currency) for plan in file.plans.values()))
    if file.sending.max_cost_per_day is not None and uncounted:
        faults.append(_at(document, ("sending", "max_cost_per_day"), uncounted))
    if not kinds.loopback(file.http.listen) and file.http.tls is None and not file.http.insecure_lan:
        what = (
            "other machines can reach this address: use 127.0.0.1 with `modemfarm run --lan`, name a certificate in"
            " http.tls, or set http.insecure_lan: true"
        )
        faults.append(_at(document, ("http", "listen"), what))
    if file.http.proxy and not kinds.loopback(file.http.listen):
        what = "whoever reaches this address could say to be somebody else: listen on 127.0.0.1 behind the proxy"
        faults.append(_at(document, ("http", "proxy"), what))
    networks = [ipaddress.ip_network(text) for text in file.webhook_networks]
    for at, known_url in enumerate(file.http.kannel_dlr_urls):
        try:
            refuse_literal(known_url, networks)
        except ForbiddenError as error:
            faults.append(_at(document, ("http", "kannel_dlr_urls", at), str(error)))
    return faults
