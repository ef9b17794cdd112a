"""The log's two shapes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from modemfarm.daemon import logs


def begin(monkeypatch: pytest.MonkeyPatch, shape: logs.Format, level: logs.Level) -> None:
    """As in a process of its own: without the handlers of the test's runner."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)
    monkeypatch.setattr(logging.getLogger("modemfarm"), "level", logging.NOTSET)
    logs.start(shape, level)


def test_json_is_one_object_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    begin(monkeypatch, "json", "info")
    log = logging.getLogger("modemfarm.farm.lanes")
    log.info("SIM %s rests\nfor a while", "…1234")
    try:
        int("x")
    except ValueError:
        log.exception("cannot go on")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("t")).utcoffset() == timedelta(0)
    assert first == {"level": "info", "room": "farm.lanes", "message": "SIM …1234 rests\nfor a while"}
    assert (second["level"], "ValueError" in second["error"]) == ("error", True)


def test_the_level_is_for_our_own_rooms(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    begin(monkeypatch, "text", "debug")
    logging.getLogger("modemfarm.modem").debug("ours")
    logging.getLogger("another").debug("theirs")
    assert "DEBUG modemfarm.modem: ours" in (said := capsys.readouterr().err)
    assert "theirs" not in said


def test_a_higher_level_leaves_out_what_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, "text", "warning")
    logging.getLogger("modemfarm.modem").info("well")
    logging.getLogger("modemfarm.modem").warning("sick")
    assert "sick" in (said := capsys.readouterr().err)
    assert "well" not in said


SAYS = """
import logging, os, sys
if sys.argv[1] == "journal":
    at = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{at.st_dev}:{at.st_ino}"
from modemfarm.daemon import logs
logs.start("text", "debug")
log = logging.getLogger("modemfarm.modem")
log.debug("small")
log.warning("sick\\nand worse")
log.error("dead")
"""


def test_the_journal_is_given_levels_instead_of_times(tmp_path: Path) -> None:
    told = {}
    for where in ("journal", "elsewhere"):
        environment = {**os.environ, "JOURNAL_STREAM": "1:2"}  # inherited, and not what standard error is
        with (tmp_path / where).open("w") as out:
            subprocess.run([sys.executable, "-c", SAYS, where], env=environment, stderr=out, check=True)
        told[where] = (tmp_path / where).read_text().splitlines()
    assert told["journal"] == [
        "<7>modemfarm.modem: small",
        "<4>modemfarm.modem: sick",
        "<4>and worse",
        "<3>modemfarm.modem: dead",
    ]
    assert all(line.startswith("20") for line in told["elsewhere"] if "modemfarm" in line)


@pytest.mark.parametrize("shape", ["text", "json"])
def test_a_number_that_an_error_brings_along_is_masked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shape: logs.Format
) -> None:
    begin(monkeypatch, shape, "info")
    what = "Key (number)=(+8613912345678) is there"
    try:
        raise ValueError(what)
    except ValueError:
        logging.getLogger("modemfarm.store").exception(
            "asked for /v1/contacts/%s at 12:00:00+08:00", "%2B8613912345678"
        )
    said = capsys.readouterr().err
    assert said.count("+8613…678") == 2
    assert ("12:00:00+08:00" in said, "8613912345678" in said) == (True, False)
