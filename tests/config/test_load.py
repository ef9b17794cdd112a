from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from modemfarm.config.document import parse_document
from modemfarm.config.find import NoConfigError, find
from modemfarm.config.load import Config, build, load
from modemfarm.errors import ConfigError
from modemfarm.model import MessageClass

ICCID = "8986001234567890123"


def built(text: str, path: Path = Path("/srv/farm/config.yaml")) -> Config:
    return build(parse_document(text, "config.yaml"), path, {})


def fault(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        built(text)
    return caught.value


def test_an_empty_file_gives_every_default() -> None:
    config = built("")
    assert config.default_plan == "cautious"
    assert config.plans["cautious"].per_minute == 6
    assert config.intake.valid_for[MessageClass.TRANSACTIONAL] == timedelta(hours=48)
    assert config.intake.valid_for[MessageClass.MARKETING] is None
    assert config.state_dir == Path("/srv/farm/farm")
    assert set(config.provenance.values()) == {"default"}


def test_the_documented_example_is_taken() -> None:
    config = built(
        """
modems: {ports: ["/dev/modemfarm/*", "rfc2217://10.0.0.5:4001"], result_within: 8s}
sims:
  "89860012345678901234": {label: Front desk, pin: "1234", number: "+8613800138000", plan: prepaid, account: shop, tags: [shop-a], smsc: null, expires: null}
plans:
  prepaid: {per_minute: 6, per_hour: null, per_day: 100, per_month: 3000, recipients_per_month: 200, price_per_part: 0.10, currency: CNY, resets: {day: 1, time: "00:30", timezone: Asia/Shanghai}, balance: {ussd: null, sms: {to: "10086", text: YE, match: "余额([0-9.]+)"}, every: 24h}}
default_plan: prepaid
"""
    )
    assert config.sims[ICCID].pin == "1234"
    assert config.sims[ICCID].tags == ("shop-a",)
    plan = config.plans["prepaid"]
    assert (plan.per_day, plan.resets_minute, plan.zone, plan.price_per_part) == (100, 30, "Asia/Shanghai", 0.10)
    assert config.modem.result_within_s == 8.0
    assert config.intake.currency == "CNY"
    assert config.source("default_plan") == "config.yaml:7"
    assert config.source("host") is None


@pytest.mark.parametrize(
    ("text", "key", "line", "said"),
    [
        pytest.param("host: a\nhots: b\n", "hots", 2, "is host meant?", id="unknown-key"),
        pytest.param("sending:\n  report: true\n", "sending.report", 2, "is reports meant?", id="unknown-key-below"),
        pytest.param(
            "plans:\n  a: {per_dya: 1}\n", "plans.a.per_dya", 2, "is per_day meant?", id="unknown-key-in-plan"
        ),
        pytest.param("sending: {max_parts: ten}\n", "sending.max_parts", 1, "whole number", id="wrong-type"),
        pytest.param('sending: {max_parts: "10"}\n', "sending.max_parts", 1, "whole number", id="text-for-number"),
        pytest.param("sending: {max_parts: 0}\n", "sending.max_parts", 1, "greater than", id="impossible"),
        pytest.param("sending: {reports: yes}\n", "sending.reports", 1, "true or false", id="yes-is-text"),
        pytest.param("sending: {sim_grace: 15}\n", "sending.sim_grace", 1, "15m", id="span-without-unit"),
        pytest.param(
            f"plans: {{a: {{balance: {{sms: {{to: '10086', text: {'x' * 161}, match: a}}}}}}}}\n",
            "plans.a.balance.sms.text",
            1,
            "one message",
            id="long-question",
        ),
        pytest.param("sending: {country: XX}\n", "sending.country", 1, "ISO 3166", id="no-country"),
        pytest.param(
            "policy: {profile: XX}\n", "policy.profile", 1, "unknown, CN, RU, FR, IN, UK, US, EU", id="profile"
        ),
        pytest.param("state_dir: null\n", "state_dir", 1, "expected a text", id="no-state-dir"),
        pytest.param("default_plan:\n", "default_plan", 1, "expected a text", id="no-plan"),
        pytest.param("sending: {timezone: Asia/Beijing}\n", "sending.timezone", 1, "time zone", id="no-zone"),
        pytest.param(
            'modems: {pins: {"356938035643809": 1234}}\n', "modems.pins.356938035643809", 1, "quotes", id="pin"
        ),
        pytest.param("modems: {pins: {356938035643809: 1}}\n", "modems.pins.356938035643809", 1, "quoted", id="imei"),
        pytest.param("sims:\n  89860012345678901234: {}\n", "sims.89860012345678901234", 2, "quoted", id="iccid"),
        pytest.param(f'sims:\n  "{ICCID}":\n    pin: 0000\n', f"sims.{ICCID}.pin", 3, "quotes", id="sim-pin"),
        pytest.param('sims: {"12345": {}}\n', "sims.12345", 1, "ICCID of 19 or 20", id="short-iccid"),
        pytest.param("plans:\n  a:\n    resets: {time: 08:30}\n", "plans.a.resets.time", 3, "quotes", id="time"),
        pytest.param(f'sims: {{"{ICCID}": {{expires: 2027-01-01}}}}\n', f"sims.{ICCID}.expires", 1, "quotes", id="day"),
        pytest.param(f'sims: {{"{ICCID}": {{plan: gold}}}}\n', f"sims.{ICCID}.plan", 1, "no plan is called", id="plan"),
        pytest.param("default_plan: gold\n", "default_plan", 1, "no plan is called", id="default-plan"),
        pytest.param("modems:\n  ports:\n    - a\n    - 5\n", "modems.ports[1]", 4, "a text", id="in-a-list"),
        pytest.param("host: a\nhost: b\n", "", 2, "the key host stands twice", id="key-twice"),
        pytest.param(
            f'sims:\n  "{ICCID}":\n    pin: "1"\n    pin: "2"\n',
            "",
            4,
            "the key pin stands twice",
            id="key-twice-below",
        ),
        pytest.param("host: [a\n", "", 2, "not YAML", id="broken"),
        pytest.param("- a\n", "", 1, "keys with values", id="a-list"),
        pytest.param('http: {listen: "0.0.0.0:8025"}\n', "http.listen", 1, "insecure_lan", id="open-to-all"),
        pytest.param('http: {listen: "8025"}\n', "http.listen", 1, "address and port", id="no-address"),
        pytest.param("webhooks:\n  - {url: ftp://a, secret: whsec_a}\n", "webhooks[0].url", 2, "http", id="webhook"),
        pytest.param(
            "http:\n  kannel_dlr_urls:\n    - http://shop.example/\n    - http://10.0.0.7/\n",
            "http.kannel_dlr_urls[1]",
            4,
            "webhook_networks",
            id="never-called",
        ),
        pytest.param("webhooks:\n  - {secret: whsec_a}\n", "webhooks[0].url", 2, "missing", id="missing"),
    ],
)
def test_a_fault_names_file_key_line_and_what_was_expected(text: str, key: str, line: int, said: str) -> None:
    error = fault(text)
    assert (error.file, error.key, error.line) == ("config.yaml", key, line)
    assert said in error.what


def test_sims_of_one_account_must_name_one_plan() -> None:
    error = fault(
        f'sims:\n  "{ICCID}": {{account: shop, plan: unlimited}}\n  "8986001234567890999": {{account: shop}}\n'
    )
    assert error.line == 3
    assert "share one" in error.what


def test_two_spellings_of_one_iccid_are_one_sim() -> None:
    assert "same SIM" in fault(f'sims:\n  "{ICCID}": {{}}\n  "{ICCID}4F": {{}}\n').what


def test_every_fault_is_told_not_only_the_first() -> None:
    error = fault("b: 1\na: 1\n")
    assert error.line == 1
    assert len(error.__notes__) == 1


def test_a_section_whose_keys_are_all_switched_off_is_a_default() -> None:
    assert built("http:\nsims:\nwebhooks:\n").file.http.listen == "127.0.0.1:8025"


def test_numbers_and_words_are_read_as_yaml_1_2() -> None:
    assert built("host: no\n").host == "no"


def test_the_file_is_found_in_the_promised_order(tmp_path: Path) -> None:
    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("host: here\n")
        return path

    with pytest.raises(NoConfigError, match="modemfarm init"):
        find(None, {}, tmp_path)
    plain = make("config.yaml")
    assert find(None, {}, tmp_path) == plain
    farm = make("farm/config.yaml")
    assert find(None, {}, tmp_path) == farm
    named = make("other.yaml")
    assert find(None, {"MODEMFARM_CONFIG": "other.yaml"}, tmp_path) == named
    assert find(farm, {"MODEMFARM_CONFIG": "other.yaml"}, tmp_path) == farm
    with pytest.raises(NoConfigError, match="no such file"):
        find(Path("gone.yaml"), {}, tmp_path)


def test_a_directory_is_no_configuration_and_the_file_in_it_is_hinted_at(tmp_path: Path) -> None:
    (tmp_path / "farm").mkdir()
    with pytest.raises(ConfigError, match=r"farm: is a directory.*init farm"):
        load(Path("farm"), {}, tmp_path)
    (tmp_path / "farm" / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"farm: is a directory.*is farm/config.yaml meant"):
        load(Path("farm"), {}, tmp_path)


def test_state_dir_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("state_dir: .\nmodems: {drivers: own}\n")
    config = load(Path("a/config.yaml"), {}, tmp_path)
    assert config.state_dir == tmp_path / "a"
    assert config.drivers_dir == tmp_path / "a" / "own"
    assert config.provenance["state_dir"] == "a/config.yaml:1"


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes("host: a\npolicy: {brand: Привет}\n".encode("cp1251"))
    with pytest.raises(ConfigError, match=r"config\.yaml:2: expected UTF-8"):
        load(None, {}, tmp_path)


def test_ceilings_bound_the_day_and_the_longest_message() -> None:
    config = built(
        "sending: {max_parts_per_day: 7, max_cost_per_day: 0.5, timezone: Asia/Shanghai}\n"
        "plans: {p: {price_per_part: 0.1, currency: CNY}}\ndefault_plan: p\n"
    )
    assert (config.ceiling.parts, config.ceiling.cost, config.ceiling.zone) == (7, 500_000, "Asia/Shanghai")
    assert config.intake.parts_a_day == 5
    assert built("sending: {max_parts_per_day: 7}\n").intake.parts_a_day == 7
    assert not built("").ceiling


def test_a_ceiling_of_money_wants_prices_in_one_currency() -> None:
    assert "price_per_part" in str(fault("sending: {max_cost_per_day: 5}\n"))
    prices = "plans: {a: {price_per_part: 1, currency: CNY}, b: {price_per_part: 1, currency: EUR}}\n"
    assert "CNY, EUR" in str(fault(prices + "sending: {max_cost_per_day: 5}\n"))
    assert fault("sending: {max_parts_per_day: 0}\n").line == 1


def test_addresses_that_the_owner_allows_or_names_are_taken() -> None:
    taken = built(
        "http: {kannel_dlr_urls: ['http://10.0.0.7/']}\nwebhook_networks: [10.0.0.0/8]\n"
        "webhooks: [{url: 'http://192.168.1.4/', secret: whsec_a}]\n"
    )
    assert taken.file.http.kannel_dlr_urls == ["http://10.0.0.7/"]
