"""A farm in a folder of its own, and commands run in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from modemfarm.cli.main import run
from modemfarm.store.engine import Store

T = TypeVar("T")
NOW = datetime.now(UTC)


@dataclass
class Ran:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class FarmAt:
    """Runs commands in a folder."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *arguments: str) -> Ran:
        self._capture.readouterr()
        code = run(list(arguments))
        out, err = self._capture.readouterr()
        return Ran(int(code), out, err)

    @property
    def store(self) -> Store:
        return Store("sqlite:///modemfarm.db", self.folder / "farm")

    def write(self, work: Callable[..., T], *args: Any) -> T:
        return self.store.run(work, *args)
