"""docs/modems.md says of modems what the profiles say."""

from __future__ import annotations

import re

import pytest

from modemfarm.cli.driver_docs import TABLES
from modemfarm.modem.profile import load_profiles
from modemfarm.resources import shipped
from tests.docs import code


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_drawn_from_the_profiles(name: str) -> None:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", code.page("modems.md"), re.DOTALL)
    assert found is not None
    assert found[1] == TABLES[name](load_profiles(shipped("drivers")))
