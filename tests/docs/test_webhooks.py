"""docs/webhooks.md lists the types that the code knows."""

from __future__ import annotations

from modemfarm.store import webhooks
from tests.docs import code
from tests.docs.test_reference import between, rows


def test_every_type_is_listed() -> None:
    table = rows(between(code.page("webhooks.md"), "types"))
    assert [row[0].strip("`") for row in table] == list(webhooks.TYPES)
