from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from modemfarm.cli.main import COMMANDS
from modemfarm.store import keys, sessions
from tests.cli.farm import NOW, FarmAt
from tests.patience import PATIENT_S


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_writes_only_what_was_answered_for_nobody_else_to_read(bare: FarmAt) -> None:
    ran = bare("init", "--brand", '小店: "A"', "--plan", "200", "--yes", "--json")
    assert ran.code == 0
    config = bare.folder / "farm" / "config.yaml"
    assert [line for line in config.read_text().splitlines() if not line.startswith("#")] == [
        "state_dir: .",
        "policy:",
        '  brand: "小店: \\"A\\""',
        "plans:",
        "  mine: {per_minute: 6, per_day: 200}",
        "default_plan: mine",
    ]
    assert (mode(config), mode(config.parent), mode(config.parent / "modemfarm.db")) == (0o600, 0o700, 0o600)
    assert bare.store.look(keys.check_key, ran.json["key"], NOW) is not None
    assert bare("config", "show").code == 0


def test_init_prints_the_key_once(bare: FarmAt) -> None:
    ran = bare("init", "--yes")
    assert ran.out.count("mf_") == 1
    key = ran.out.split("mf_")[1].split()[0]
    assert key not in (bare.folder / "farm" / "config.yaml").read_text()
    assert key not in bare("keys", "list", "--json").out


def test_init_never_writes_over_a_configuration(farm: FarmAt) -> None:
    before = (farm.folder / "farm" / "config.yaml").read_bytes()
    ran = farm("init", "--country", "RU", "--yes")
    assert ran.code == 2
    assert "there already" in ran.err
    assert (farm.folder / "farm" / "config.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "flags", [("--country", "XX"), ("--timezone", "Mars/Base"), ("--plan", "gold"), ("--plan", "0")]
)
def test_init_refuses_what_cannot_be_and_makes_nothing(bare: FarmAt, flags: tuple[str, str]) -> None:
    assert bare("init", *flags, "--yes").code == 2
    assert not (bare.folder / "farm").exists()


def test_without_a_configuration_the_way_out_is_named(bare: FarmAt) -> None:
    ran = bare("messages", "list")
    assert ran.code == 5
    assert "modemfarm init" in ran.err
    assert list(bare.folder.iterdir()) == []


def test_a_wrong_configuration_names_its_line(farm: FarmAt) -> None:
    with (farm.folder / "farm" / "config.yaml").open("a") as file:
        file.write("modem: {}\nhost: 5\n")
    ran = farm("db", "check")
    assert ran.code == 2
    assert "farm/config.yaml:6: modem: unknown key; is modems meant?" in ran.err
    assert "farm/config.yaml:7: host: " in ran.err


def test_config_show_says_where_each_setting_came_from_and_hides_secrets(farm: FarmAt) -> None:
    with (farm.folder / "farm" / "config.yaml").open("a") as file:
        file.write('sims: {"8986001234567890123": {pin: "4321"}}\nmodems: {pins: {"/dev/a": "8765"}}\n')
    ran = farm("config", "show", "--json")
    settings = ran.json["settings"]
    assert settings["sending.country"] == {"value": "CN", "from": "farm/config.yaml:4"}
    assert settings["default_plan"] == {"value": "cautious", "from": "default"}
    assert settings["sending.valid_for.transactional"]["value"] == "48h"
    assert "4321" not in ran.out
    assert "8765" not in ran.out + farm("config", "show").out


def test_database_rights_are_tightened_not_refused(farm: FarmAt) -> None:
    database = farm.folder / "farm" / "modemfarm.db"
    database.chmod(0o644)
    database.parent.chmod(0o755)
    ran = farm("db", "check")
    assert ran.code == 0
    assert (mode(database), mode(database.parent)) == (0o600, 0o700)
    assert "tightened" in ran.err


def test_db_upgrade_makes_a_database_and_check_wants_one(bare: FarmAt) -> None:
    (bare.folder / "farm").mkdir()
    (bare.folder / "farm" / "config.yaml").write_text("state_dir: state\n")
    assert bare("db", "check").code == 5
    assert bare("db", "upgrade", "--json").json["changed"] is True
    assert bare("db", "upgrade", "--json").json["changed"] is False
    assert bare("db", "check", "--json").json["faults"] == []
    assert mode(bare.folder / "farm" / "state") == 0o700


def test_a_damaged_database_is_told_apart(farm: FarmAt) -> None:
    for path in (farm.folder / "farm").glob("modemfarm.db*"):
        path.unlink()  # the database too: a new file is none that this process still has open
    (farm.folder / "farm" / "modemfarm.db").write_bytes(b"this is no database" * 100)
    ran = farm("messages", "list")
    assert ran.code == 5
    assert "Traceback" not in ran.err
    assert "modemfarm.db is damaged" in ran.err
    assert "db check" in ran.err
    assert "restore a backup" in ran.err
    checked = farm("db", "check", "--json")
    assert checked.code == 1
    assert "modemfarm.db is damaged" in checked.json["faults"][0]


def test_a_read_only_disk_is_named(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    real, read_only = os.access, os.statvfs_result((4096, 4096, 9, 9, 9, 9, 9, 9, os.ST_RDONLY, 255))
    with monkeypatch.context() as mounted:
        mounted.setattr(os, "access", lambda path, mode: not mode & os.W_OK and real(path, mode))
        mounted.setattr(os, "statvfs", lambda _: read_only)
        ran = farm("send", "+8613800138000", "--text", "hello")
        read = farm("messages", "list", "--json")
    assert ran.code == 5
    assert "modemfarm.db lies on a read-only file system; nothing was written" in ran.err
    assert (read.code, read.json["data"]) == (0, [])
    assert farm("messages", "list", "--json").json["data"] == []


def test_db_check_fails_when_it_finds_a_fault(farm: FarmAt) -> None:
    with closing(sqlite3.connect(farm.folder / "farm" / "modemfarm.db")) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("CREATE TABLE spoiled (n INTEGER CHECK (n > 0))")
        database.execute("INSERT INTO spoiled VALUES (-1)")
    ran = farm("db", "check", "--json")
    assert ran.code == 1
    assert ran.json["faults"] == ["damage: CHECK constraint failed in spoiled"]


def test_keys_are_made_listed_and_revoked(farm: FarmAt) -> None:
    made = farm("keys", "create", "shop", "--scope", "messages:send", "--json").json
    assert list(made) == ["key"]
    assert made["key"].startswith("mf_")
    listed = farm("keys", "list", "--json").json["data"]
    assert (listed[0]["name"], listed[0]["scopes"]) == ("shop", ["messages:send"])
    assert farm("keys", "revoke", "shop").code == 0
    assert farm.store.look(keys.check_key, made["key"], NOW) is None
    assert farm("keys", "revoke", "shop").code == 4


def test_login_prints_a_link_that_works_once(farm: FarmAt) -> None:
    url = farm("login", "--json").json["url"]
    token = url.rpartition("/")[2].rpartition("=")[2]
    assert url.startswith("http://127.0.0.1:8025/")
    assert farm.write(sessions.use_login, token, NOW) is not None
    assert farm.write(sessions.use_login, token, NOW) is None


def test_doctor_names_each_fault_with_its_fix(farm: FarmAt) -> None:
    ran = farm("doctor", "--json")
    assert ran.code == 1
    checks = {item["check"]: item for item in ran.json["checks"]}
    assert checks["database"]["ok"]
    assert not checks["daemon"]["ok"]
    assert all(item["fix"] for item in ran.json["checks"] if not item["ok"])


def test_doctor_works_without_a_configuration(bare: FarmAt) -> None:
    ran = bare("doctor")
    assert ran.code == 5
    assert "modemfarm init" in ran.out


def test_drivers_are_listed_and_checked_without_a_farm(bare: FarmAt) -> None:
    assert "generic" in [item["name"] for item in bare("drivers", "list", "--json").json["data"]]
    assert bare("drivers", "check").code == 0
    (bare.folder / "bad.toml").write_text("model = 5\n")
    assert bare("drivers", "check", ".").code == 2
    assert sorted(path.name for path in bare.folder.iterdir()) == ["bad.toml"]


def test_help_lists_every_command_and_imports_no_room() -> None:
    code = (
        "import sys; from modemfarm.cli.main import run; run(['--help']);"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'sqlalchemy', 'pydantic', 'flask', 'ruamel'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENT_S)
    assert done.stdout.rstrip().endswith("[]")
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(bare: FarmAt, name: str) -> None:
    ran = bare(name, "--help")
    assert ran.code == 0
    assert "Usage:" in ran.out


@pytest.mark.parametrize("words", [("nonsense",), ("send",), ("messages", "show", "x"), ("--bogus",)])
def test_bad_usage_exits_2(bare: FarmAt, words: tuple[str, ...]) -> None:
    assert bare(*words).code == 2


def test_a_reader_that_goes_away_is_no_fault(farm: FarmAt) -> None:
    command = f"{sys.executable} -m modemfarm config show | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, timeout=PATIENT_S
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_json_survives_a_terminal_without_utf8(farm: FarmAt) -> None:
    with (farm.folder / "farm" / "config.yaml").open("a") as file:
        file.write("policy: {brand: 小店}\n")
    environ = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "modemfarm", "config", "show", "--json"],
        capture_output=True,
        env=environ,
        check=False,
        timeout=PATIENT_S,
    )
    assert json.loads(done.stdout)["settings"]["policy.brand"]["value"] == "小店"


def test_alerts_are_tested_by_a_running_daemon_only(farm: FarmAt) -> None:
    ran = farm("alerts", "test")
    assert ran.code == 5
    assert "no daemon is alive" in ran.err


def _configure(farm: FarmAt, line: str) -> None:
    with (farm.folder / "farm" / "config.yaml").open("a") as file:
        file.write(line + "\n")


def test_a_dry_run_tells_the_price_of_the_sim_that_it_asks_for(farm: FarmAt) -> None:
    _configure(farm, "plans: {paid: {price_per_part: 1, currency: EUR}}")
    _configure(farm, 'sims: {"8986001234567890123": {label: C, plan: paid}, "8986009999999999999": {label: D}}')
    costs = {}
    for name in ("C", "D", None):
        pinned = ("--from", name) if name else ()
        (seen,) = farm("send", "+8613800138000", "--text", "hi", *pinned, "--dry-run", "--json").json
        costs[name] = (seen["cost"], seen["currency"])
    assert costs == {"C": (1.0, "EUR"), "D": (None, None), None: (1.0, "EUR")}


def test_a_ceiling_of_cost_wants_a_price_in_one_currency(farm: FarmAt) -> None:
    refused = farm("keys", "create", "till", "--cost-per-day", "2.5")
    assert (refused.code, "price_per_part" in refused.err) == (2, True)
    _configure(farm, "plans: {a: {price_per_part: 1, currency: EUR}, b: {price_per_part: 1, currency: CNY}}")
    refused = farm("keys", "create", "till", "--cost-per-day", "2.5")
    assert (refused.code, "CNY, EUR" in refused.err) == (2, True)


def test_a_key_with_a_ceiling_shows_its_use(farm: FarmAt) -> None:
    _configure(farm, "plans: {paid: {price_per_part: 1, currency: EUR}}")
    assert farm("keys", "create", "till", "--parts-per-day", "9", "--cost-per-day", "2.5", "--json").code == 0
    assert farm("keys", "create", "x", "--parts-per-day", "0").code == 2
    row = farm("keys", "list", "--json").json["data"][0]
    assert (row["limits"], row["used"]) == ({"parts": 9, "cost": 2.5}, {"parts": 0, "cost": 0.0})
    assert "0/9 parts, 0/2.5 cost" in farm("keys", "list").out
