"""Exit codes, and which error ends in which."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from modemfarm.errors import ConfigError, ModemfarmError, RefusedError, StoreError, SubmitError


class Exit(IntEnum):
    """What the shell is told. Of mixed results the highest counts."""

    DONE = 0
    FAILED = 1
    USAGE = 2  # bad usage or input
    REFUSED = 3  # policy said no
    NOT_FOUND = 4
    UNREACHABLE = 5  # store, daemon or configuration
    TIMEOUT = 6


class CliError(ModemfarmError):
    """A command cannot go on: one sentence for stderr, and how to exit."""

    def __init__(self, what: str, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(what)
        self.exit_code = exit_code


class NotThereError(CliError):
    """What was named does not exist."""

    def __init__(self, what: str) -> None:
        super().__init__(what, Exit.NOT_FOUND)


def exit_of(error: Exception) -> Exit:
    """The exit code that an error ends in."""
    match error:
        case CliError():
            return error.exit_code
        case RefusedError():
            return Exit.REFUSED
        case ConfigError():
            # a file that is missing or may not be read has nothing wrong in it
            return Exit.UNREACHABLE if type(error).__name__ == "NoConfigError" else Exit.USAGE
        case SubmitError():
            return Exit.USAGE
        case StoreError():
            return Exit.UNREACHABLE
    return Exit.FAILED


def highest(codes: Iterable[Exit]) -> Exit:
    """The exit code of many results."""
    return max(codes, default=Exit.DONE)
