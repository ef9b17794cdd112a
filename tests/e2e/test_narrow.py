"""What is set, on a phone: a value can be read beside or beneath its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modemfarm import wording
from modemfarm.store import sessions
from modemfarm.store.users import ROLES
from tests.e2e.browser import chromium
from tests.e2e.walking import served
from tests.webapp.sample import NOW, sample

MERGED = {
    "sending.country": {"value": "CN", "from": "/etc/modemfarm/config.yaml"},
    "sending.transactional_after_opt_out": {"value": "a long value of many words", "from": "/etc/modemfarm/config.yaml"},
    "limits.receipts_within_seconds": {"value": 86400, "from": "default"},
}  # fmt: skip


@pytest.mark.slow
def test_no_value_of_the_settings_stands_a_letter_to_a_line_on_a_phone(tmp_path: Path) -> None:
    with chromium() as browser, sample(tmp_path) as farm, served(farm) as base:
        farm.app.extensions["modemfarm"] = replace(farm.deps, merged=MERGED)
        browser.base = base
        browser.width(390)
        browser.driver.get(f"{base}/login?token={farm.store.run(sessions.create_login, ROLES[-1], NOW)}")
        for lang in wording.LANGUAGES:
            browser.open(f"/settings?lang={lang}")
            browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert len(browser.all(".facts.set dd")) == len(MERGED)
            assert browser.faults(targets=False) == []
        browser.open("/people/consents?lang=en")
        assert browser.faults(targets=True) == []
        places = "return [...document.querySelectorAll('#ledger .more a')].map(a => a.getBoundingClientRect().toJSON())"
        first, second = browser.run(places)
        assert second["top"] - first["bottom"] >= 8 or second["left"] - first["right"] >= 8
        browser.open("/settings?lang=en")
        browser.run("document.querySelector('.set dd').style.width = '0'")
        assert browser.run("return document.querySelector('.set dd').innerText").startswith('"CN"')
        assert [fault for fault in browser.faults(targets=False) if "narrower than 2 em" in fault]
