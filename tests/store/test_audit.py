from __future__ import annotations

import pytest

from modemfarm.errors import StoreError
from modemfarm.store import audit
from modemfarm.store.engine import Store
from tests.store.tools import NOW, TO


def test_a_line_names_who_and_what_and_masks_the_number(store: Store) -> None:
    store.run(lambda tx: audit.note(tx, "li", "contact.revealed", NOW, subject=TO, why="asked"))
    (row,) = store.look(audit.listed)
    assert (row["who"], row["action"], row["subject"]) == ("li", "contact.revealed", "+8613…000")
    assert '"asked"' in row["data"]


@pytest.mark.parametrize("sql", ["UPDATE audit SET who = 'me'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_it(store: Store, sql: str) -> None:
    store.run(lambda tx: audit.note(tx, "li", "policy.set", NOW))
    with pytest.raises(StoreError, match="only added to"):
        store.run(lambda tx: tx.run(sql))
    assert len(store.look(audit.listed)) == 1


def test_what_is_older_than_a_year_may_go(store: Store) -> None:
    store.run(lambda tx: audit.note(tx, "li", "policy.set", NOW.replace(year=2020)))
    assert store.run(lambda tx: tx.run("DELETE FROM audit")) == 1
