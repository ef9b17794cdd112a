"""What the code itself says: its commands, settings, routes, problems and reasons, for the docs to be held against."""

from __future__ import annotations

import ast
import re
import tomllib
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from modemfarm.cli.main import cli
from modemfarm.config.schema import File
from modemfarm.resources import shipped

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "modemfarm"
_GIVES_A_REASON = {"Reason", "Label", "Fail", "HoldOnSim"}
_RETURNS_A_REASON = {"_fail_slug", "_park", "blocked_by", "condition"}
_IN_SQL = re.compile(r"\breason = '([a-z_]+)'")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands() -> dict[str, set[str]]:
    """``modemfarm send`` -> its options that are not hidden, for every command that does something by itself."""
    found: dict[str, set[str]] = {}

    def walk(command: click.Command, name: str, context: click.Context) -> None:
        own = {
            option
            for item in command.params
            if isinstance(item, click.Option) and not item.hidden and item.name != "help"
            for option in (*item.opts, *item.secondary_opts)
        }
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[name] = own
        if isinstance(command, click.Group):
            below = click.Context(command, info_name=name, parent=context)
            for item in command.list_commands(below):
                child = command.get_command(below, item)
                assert child is not None
                walk(child, f"{name} {item}", below)

    walk(cli, "modemfarm", click.Context(cli))
    return found


def settings() -> dict[str, str]:
    """``sims.*.label`` -> its default as the docs write it; "" for a section, ``required`` without a default."""
    return dict(_keys(File, ""))


def _keys(model: type[BaseModel], head: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        key = f"{head}{name}"
        below, own = _section(field.annotation)
        default = "" if isinstance(field.default, BaseModel) else _default(field, model)
        yield key, default
        if below is not None:
            yield from _keys(below, f"{key}.*." if own else f"{key}.")


def _section(kind: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section that a key holds, and whether names (or a list) of the owner's stand between."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, False
    origin = get_origin(kind)
    for item in get_args(kind) if origin in {dict, list, Union, types.UnionType} else ():
        below, _ = _section(item)
        if below is not None:
            return below, origin in {dict, list}
    return None, False


def _default(field: FieldInfo, model: type[BaseModel]) -> str:
    if field.is_required():
        return "required"
    name = next(key for key, item in model.model_fields.items() if item is field)
    dumped = model.model_construct().model_dump(mode="json", include={name})[name]
    match dumped:
        case None:
            return "null"
        case bool():
            return str(dumped).lower()
    return str(dumped)


def problem_types() -> set[str]:
    """The last word of every problem's `type`."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (SOURCE / "webapp").glob("*.py"))
    raised = set(re.findall(r"\bProblem\(\s*\d{3},\s*\"([a-z_]+)\"", source))
    table = re.search(r"_BY_STATUS = \{(.*?)\}", source, re.DOTALL)
    assert table is not None
    return raised | set(re.findall(r"\"([a-z_]+)\"", table[1])) | {"internal"}


@cache
def reasons() -> set[str]:
    """Every slug that the code gives a message or a SIM as its `reason`."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.parent.name in {"simulator", "cli", "webapp"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= set(_given(node))
    return found


def _given(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            if name in _GIVES_A_REASON and args:
                yield from _slugs(args[0])
            for keyword in keywords:
                if keyword.arg == "reason":
                    yield from _slugs(keyword.value)
        case ast.FunctionDef(name=name) if name in _RETURNS_A_REASON:
            for item in ast.walk(node):
                if isinstance(item, ast.Return) and item.value is not None:
                    yield from _slugs(item.value)
                elif isinstance(item, ast.Tuple) and item.elts and name == "blocked_by":
                    yield from _slugs(item.elts[0])
        case ast.arguments():
            defaults = dict(zip(reversed(node.args), reversed(node.defaults), strict=False))
            defaults |= {arg: value for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value}
            for arg, value in defaults.items():
                if arg.arg == "reason":
                    yield from _slugs(value)
        case ast.Constant(value=str() as text):
            yield from _IN_SQL.findall(text)


def _slugs(node: ast.AST) -> Iterator[str]:
    """Constants that a value can be; what decides between them is no value."""
    match node:
        case ast.Constant(value=str() as text) if re.fullmatch(r"[a-z_]+", text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_slugs(body), *_slugs(orelse))
        case ast.BoolOp(values=values):
            for item in values:
                yield from _slugs(item)


def network_reasons() -> set[str]:
    """Why the network gives up on a message, by its delivery report."""
    with (shipped("drivers") / "errors.toml").open("rb") as file:
        table = tomllib.load(file)
    return {row["reason"] for row in table["status"]["rows"] if row["state"] == "undelivered"}
