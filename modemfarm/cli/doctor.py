"""`modemfarm doctor`: looks for what is wrong, and says how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from modemfarm.cli import doctor_farm, doctor_host
from modemfarm.cli import doctor_usb as usb
from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.finding import Finding, Pen
from modemfarm.cli.outcome import Exit
from modemfarm.cli.output import emit, json_option, say, words
from modemfarm.config.find import NoConfigError
from modemfarm.errors import ModemfarmError
from modemfarm.store.engine import Store
from modemfarm.webapp.words import Words


@click.command()
@json_option
@pass_farm
def doctor(farm: Farm, as_json: bool) -> int:
    """Look for what is wrong and say how to mend it; exits 1 when something is, 5 without a configuration.

    --json prints {"ok", "checks": [{"code", "check", "ok", "what", "fix"}]}.
    """
    pen = Pen(words(farm.environ))
    found = list(examine(farm, pen))
    well = all(item.ok for item in found)
    if as_json:
        emit({"ok": well, "checks": [asdict(item) for item in found]})
        return _exit(farm, well=well)
    for item in found:
        mark = "bad" if not item.ok else ("hint" if item.fix else "ok")
        say(f"{pen.words.say(f'doctor.{mark}')}  {item.check}: {item.what}")
        if item.fix:
            say(f"      -> {item.fix}")
    return _exit(farm, well=well)


def _exit(farm: Farm, *, well: bool) -> Exit:
    try:
        _ = farm.config
    except NoConfigError:
        return Exit.UNREACHABLE
    except ModemfarmError:
        return Exit.FAILED
    return Exit.DONE if well else Exit.FAILED


def examine(farm: Farm, pen: Pen) -> Iterator[Finding]:
    """Every check, in the order in which things depend on each other."""
    try:
        config = farm.config
    except NoConfigError as error:
        yield pen.find("configuration", False, "quoted", "no_configuration", what=error)
        return
    except ModemfarmError as error:
        yield pen.find("configuration", False, "quoted", "mend_line", what=error)
        return
    yield pen.find("configuration", True, "quoted", what=config.name)
    yield from doctor_host.configuration(config, pen)
    store = Store(config.database, config.state_dir)
    yield from doctor_host.examine(config, store, pen)
    yield from usb.examine(farm, store, pen)
    yield from doctor_host.programs(pen)
    yield from doctor_farm.examine(config, store, pen)


def told(farm: Farm, words: Words) -> list[dict[str, Any]]:
    """Every finding as the page shows it."""
    return [asdict(item) for item in examine(farm, Pen(words))]
