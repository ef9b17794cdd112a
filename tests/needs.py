"""What a test needs from the machine: without it the test is skipped and says so, or fails where REQUIRE_ALL=1."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(name: str, why: str) -> NoReturn:
    """Skip, or fail with REQUIRE_ALL=1: `name` is not here, and `why` says what it was for."""
    text = f"{name} is missing: {why}"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def require(name: str, why: str) -> str:
    """The path of the program `name`, or no test."""
    return shutil.which(name) or missing(name, why)
