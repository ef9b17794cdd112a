"""Profiles: chosen by identification, checked key by key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from modemfarm.errors import ConfigError
from modemfarm.modem.family import Profile, says
from modemfarm.modem.profile import faults_of, load_profiles
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
        pytest.param('cnmi = ["2;1"]', "cnmi", "expected values like 2,1,0,1,0", id="cnmi"),
        pytest.param('memories = ["SIM"]', "memories", "expected memories like SM", id="memory"),
        pytest.param('reports = ["sms"]', "reports", "expected a list of 'cds'", id="report-style"),
        pytest.param("cnmi = []", "cnmi", "one at least", id="no-cnmi"),
        pytest.param('cnmi = ["9,9,9,9,9"]', "cnmi", "expected values like", id="cnmi-out-of-range"),
        pytest.param("memories = []", "memories", "one at least", id="no-memory"),
        pytest.param('memories = ["SM", "SM"]', "memories", "twice", id="a-memory-twice"),
        pytest.param("reports = []", "reports", "one at least", id="no-report-style"),
        pytest.param("timeouts_s = { cmgs = 0 }", "timeouts_s.cmgs", "more than 0", id="no-time"),
        pytest.param('urcs = { extra = [""] }', "urcs.extra", "every line", id="empty-urc"),
        pytest.param('urcs = { reboot = ["OK"] }', "urcs.reboot", "a command's result", id="urc-like-a-result"),
        pytest.param(
            'iccid = { command = "+CCID", prefix = "", parser = "digits" }', "iccid.prefix", "begins with", id="prefix"
        ),
        pytest.param("csms = true", "csms", "expected 0 or 1 or 128", id="true-is-no-number"),
        pytest.param(
            'iccid = { command = "+CCID", prefix = "", parser = "guess" }', "iccid.parser", "'digits'", id="parser"
        ),
        pytest.param('iccid = [{ command = "+CCID", prefix = "" }]', "iccid[0].parser", "is missing", id="no-parser"),
        pytest.param(
            'signal = { command = "+CSQ", prefix = "", parser = "csq", field = 99 }',
            "signal.field",
            "0 to 19",
            id="field",
        ),
        pytest.param('reset = ["AT+CFUN=1,1"]', "reset", "without its AT", id="command-with-at"),
        pytest.param('reset = ["+EGMR=1,7"]', "reset", "no profile may send", id="imei"),
        pytest.param('init = ["&W"]', "init[0]", "no profile may send", id="writes-to-the-modem"),
        pytest.param('init = ["^U2DIAG=0"]', "init[0]", "no profile may send", id="persistent-mode"),
        pytest.param('init = ["+CMGD=1,4"]', "init[0]", "no profile may send", id="deletes"),
        pytest.param('init = ["+CMGS=10"]', "init[0]", "no profile may send", id="sends"),
        pytest.param('init = ["D*100#"]', "init[0]", "no profile may send", id="dials"),
        pytest.param('radio_off = "+CPIN=1234"', "radio_off", "no profile may send", id="pin"),
        pytest.param(
            'init = ["+CSCS=\\"GSM\\";+CMGD=1,4"]', "init[0]", "no profile may send", id="deletes-behind-a-quote"
        ),
        pytest.param('init = ["+CPIN =\\"1234\\""]', "init[0]", "no profile may send", id="pin-with-a-blank"),
        pytest.param('init = ["E0;D112;"]', "init[0]", "no profile may send", id="dials-behind"),
        pytest.param(
            'init = ["+CSCS=\\"GSM\\";+CMGS=10"]', "init[0]", "no profile may send", id="sends-behind-a-quote"
        ),
        pytest.param('init = ["+ CMGS=1"]', "init[0]", "no profile may send", id="sends-with-a-blank"),
        pytest.param('init = ["*IMEI"]', "init[0]", "no profile may send", id="imei-of-a-vendor"),
        pytest.param('init = ["^NVWREX=1"]', "init[0]", "no profile may send", id="nv"),
        pytest.param('init = ["+CUSD=1,\\"*100#\\",15"]', "init[0]", "no profile may send", id="ussd"),
        pytest.param('init = ["+CPBW=1"]', "init[0]", "no profile may send", id="phone-book"),
        pytest.param('init = ["+UNHEARDOF=1"]', "init[0]", "no profile may send", id="unknown"),
        pytest.param('init = ["+CFUN=1+CMGD=1,4"]', "init[0]", "no profile may send", id="glued"),
        pytest.param(
            """ussd = { charset = 'GSM";+CMGD=1,4;+CSCS="GSM' }""", "ussd.charset", "a plain word", id="charset"
        ),
        pytest.param('reset = ["+CFUN=1\\r+CMGF=1"]', "reset", "printable ASCII", id="two-commands"),
        pytest.param('usb = [{ ids = ["12D1:1001"] }]', "usb[0].ids", "ids like 12d1:1001", id="usb-id"),
        pytest.param(
            '[[usb]]\nids = []\ninterfaces = { "2" = "at" }',
            "usb[0].interfaces.2",
            'an interface\'s number like "02"',
            id="interface",
        ),
        pytest.param('[[usb]]\nids = []\ninterfaces = { "02" = "data" }', "usb[0].interfaces.02", "'data'", id="role"),
        pytest.param('[[usb]]\nids = []\nmode = "router"', "usb[0].mode", "'hilink'", id="mode"),
        pytest.param('examples = [["A"]]', "examples", "pairs", id="examples"),
        pytest.param("ussd = { dcs = 256 }", "ussd.dcs", "0 to 255", id="ussd"),
        pytest.param(
            'ready = { command = "+QINISTAT", prefix = "", parser = "number" }',
            "ready.at_least",
            "is missing",
            id="ready",
        ),
        pytest.param("model = 7", "model", "expected text", id="model"),
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


@pytest.mark.parametrize("profile", list(profiles()), ids=lambda profile: profile.name)
def test_every_profile_says_where_its_facts_are_from(profile: Profile) -> None:
    assert profile.sources
    assert all(len(source) > 20 for source in profile.sources)
    assert profile.devices
    head = (DRIVERS / f"{profile.name}.toml").read_text(encoding="utf-8").split("model =")[0]
    if not profile.seen_on_hardware:
        assert "Written from documents, not from hardware" in head


@pytest.mark.parametrize("profile", profiles().families, ids=lambda profile: profile.name)
def test_every_profile_s_examples_choose_it_and_no_other(profile: Profile) -> None:
    assert profile.examples
    for manufacturer, model in profile.examples:
        assert [other.name for other in profiles() if other.fits(manufacturer, model)] == [profile.name]


def test_every_usb_id_belongs_to_one_family() -> None:
    seen: dict[str, str] = {}
    for profile in profiles():
        for usb in profile.usb:
            for item in usb.ids:
                assert seen.setdefault(item, profile.name) == profile.name, item
                assert item not in [other for third in profile.usb if third is not usb for other in third.ids]
            roles = [*usb.interfaces.values(), *usb.protocols.values()]
            assert not roles or "at" in roles


def test_every_family_with_numbers_of_its_own_is_known_to_the_error_table() -> None:
    with (DRIVERS / "errors.toml").open("rb") as file:
        known = {name for names in tomllib.load(file)["families"].values() for name in names}
    without = {"generic", "zte", "fibocom", "mediatek", "neoway", "aithinker", "sierra"}  # no table was found
    assert {profile.family for profile in profiles()} - known == without


def test_an_owner_s_family_is_looked_at_before_ours(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('model = "Mine"\nfamily = "huawei"\nmatch = { cgmm = "^E173$" }\n', "utf-8")
    found = load_profiles(DRIVERS, tmp_path)
    assert found.choose("huawei", "E173").name == "mine"
    assert found.choose("huawei", "E1752").name == "huawei_e"
    assert faults_of(DRIVERS, tmp_path) == []


def test_firmware_may_decide(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text('model = "Old"\nmatch = [{ cgmm = "^E173$", cgmr = "^11\\\\." }]\n', "utf-8")
    found = load_profiles(DRIVERS, tmp_path)
    assert found.choose("huawei", "E173", "11.126.15").name == "old"
    assert found.choose("huawei", "E173", "21.1").name == "huawei_e"


def test_a_urc_is_known_by_its_whole_word() -> None:
    assert says("+WIND: 1", ("+WIND: 1",))
    assert not says("+WIND: 10", ("+WIND: 1",))
    assert says("+CMTE: 1", ("+CMTE:",))
    assert not says("RDYX", ("RDY",))
    assert not says("RDY", ())
