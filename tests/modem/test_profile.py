"""Profiles: chosen by identification, checked key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.errors import ConfigError
from modemfarm.modem.profile import load_profiles
from tests.modem.fakes import DRIVERS, profiles


@pytest.mark.parametrize(
    ("manufacturer", "model", "name"),
    [
        pytest.param("huawei", "E1752", "huawei_e", id="huawei"),
        pytest.param("HUAWEI", "ME909s-120", "huawei_me", id="huawei-module"),
        pytest.param("SIMCOM_Ltd", "SIMCOM_SIM800", "simcom_2g", id="sim800"),
        pytest.param("Quectel", "EC25", "quectel_4g", id="ec25"),
        pytest.param("Quectel_Ltd", "Quectel_M35", "quectel_2g", id="quectel-2g-is-no-ec25"),
        pytest.param("WAVECOM MODEM", "MULTIBAND  900E  1800", "wavecom", id="wavecom"),
        pytest.param("Sierra Wireless", "SL8084T", "wavecom", id="sierra-classic"),
        pytest.param("Acme", "A1", "generic", id="unknown"),
    ],
)
def test_a_modem_gets_the_profile_of_its_family(manufacturer: str, model: str, name: str) -> None:
    assert profiles().choose(manufacturer, model).name == name


def test_what_a_family_does_not_say_is_generic() -> None:
    found = profiles()
    ec25 = found.choose("Quectel", "EC25")
    assert ec25.timeouts.prompt == found.generic.timeouts.prompt
    assert ec25.timeouts.boot == 90


@pytest.mark.parametrize(
    ("line", "key", "word"),
    [
        pytest.param("colour = 1", "colour", "unknown key", id="unknown-key"),
        pytest.param("cpms_form = 4", "cpms_form", "expected 3 or 2 or 1", id="wrong-value"),
        pytest.param('timeouts_s = { cmgs = "long" }', "timeouts_s.cmgs", "seconds", id="wrong-type"),
        pytest.param("timeouts_s = { cmgz = 1 }", "timeouts_s.cmgz", "unknown key", id="unknown-inner-key"),
        pytest.param('match = { cgmi = "(" }', "match.cgmi", "regular expression", id="bad-pattern"),
        pytest.param("init = [{ send = 1, optional = true }]", "init[0].send", "expected text", id="inner-table"),
        pytest.param("init = [", "", "not TOML", id="not-toml"),
    ],
)
def test_a_mistake_in_a_profile_names_file_and_key(tmp_path: Path, line: str, key: str, word: str) -> None:
    (tmp_path / "acme.toml").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_profiles(DRIVERS, tmp_path)
    assert caught.value.file.endswith("acme.toml")
    assert caught.value.key == key
    assert word in caught.value.what


def test_an_owner_s_profile_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "simcom_2g.toml").write_text('model = "Mine"\nmatch = { cgmm = "A1" }\n', encoding="utf-8")
    found = load_profiles(DRIVERS, tmp_path)
    assert found.choose("Acme", "A1").model == "Mine"


def test_without_generic_nothing_can_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_profiles(tmp_path)
