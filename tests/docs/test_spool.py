"""docs/spool.md lists the headers that the code knows."""

from __future__ import annotations

import re

from modemfarm.spool import headers
from modemfarm.spool.folders import FOLDERS, LARGEST, LONGEST_NAME, SMALLEST
from tests.docs import code
from tests.docs.test_reference import between, rows, section


def test_every_header_is_listed_with_what_is_done() -> None:
    text = code.page("spool.md")
    table = [row[0].strip("`") for row in rows(section(text, "## Headers of a file to send"))]
    assert table == list(headers.OBEYED)
    assert re.findall(r"`([\w-]+)`", between(text, "refused")) == list(headers.REFUSED)
    assert re.findall(r"`([\w-]+)`", between(text, "written")) == list(headers.WRITTEN)


def test_the_folders_and_limits_are_the_codes() -> None:
    text = code.page("spool.md")
    assert {row[0].strip("`/") for row in rows(section(text, "## The folders"))} == set(FOLDERS)
    assert f"under {SMALLEST} octets" in " ".join(text.split())
    assert f"over {LARGEST:,} octets and names over {LONGEST_NAME}" in text
