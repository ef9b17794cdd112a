"""Every check of the doctor finds its fault and names the fix, in each language."""

from __future__ import annotations

import ast
import resource
import shutil
from collections import namedtuple
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm import wording
from modemfarm.cli import doctor_farm, doctor_host
from modemfarm.cli.finding import Pen
from modemfarm.cli.install import RULES
from modemfarm.cli.output import words
from modemfarm.config.load import default_host
from modemfarm.model import SimState
from modemfarm.resources import shipped
from modemfarm.store import admin, alerts, hosts, labels, sims
from modemfarm.store.engine import Tx
from modemfarm.store.events import record
from modemfarm.webapp.words import Words
from tests.cli.farm import NOW, FarmAt

CARD = "8986001234567890123"
SOURCES = [Path(doctor_host.__file__).with_name(name) for name in ("doctor.py", "doctor_host.py", "doctor_farm.py", "doctor_usb.py")]  # fmt: skip


@pytest.fixture(autouse=True)
def machine(bare: FarmAt, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own: no programs, no rules, no USB."""
    root = bare.folder / "machine"
    for name in ("proc", "sys", RULES.parent):
        (root / name).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(doctor_host, "ROOT", root)
    monkeypatch.setattr(doctor_host, "PROC", root / "proc")
    monkeypatch.setenv("SYSFS_PATH", str(root / "sys"))
    monkeypatch.setattr(doctor_farm, "synchronised", lambda: True)
    return root


def seen(farm: FarmAt) -> dict[str, dict[str, Any]]:
    """The last finding of each check."""
    ran = farm("doctor", "--json")
    assert ran.json["ok"] is all(item["ok"] for item in ran.json["checks"])
    assert ran.code == (0 if ran.json["ok"] else 1)
    return {item["code"]: item for item in ran.json["checks"]}


def configure(farm: FarmAt, text: str) -> None:
    path = farm.folder / "farm" / "config.yaml"
    path.write_text(path.read_text("utf-8") + "\n" + text + "\n", "utf-8")


def slugs() -> dict[str, set[str]]:
    """The slugs that the doctor's sources write: checks, sentences, fixes."""
    found: dict[str, set[str]] = {"doctor_check": set(), "doctor": {"ok", "hint", "bad"}, "fix": set()}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="find" | "said" as which), args=[code, _, *rest]):
                    found["doctor_check"] |= strings(code)
                    if which == "find":
                        found["doctor"] |= strings(rest[0])
                        found["fix"] |= strings(rest[1]) if len(rest) > 1 else set()
    return found


def strings(node: ast.AST) -> set[str]:
    if isinstance(node, ast.IfExp):
        return strings(node.body) | strings(node.orelse)
    return {node.value} - {""} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_everything_that_the_doctor_says_is_said_in_each_language(lang: str) -> None:
    used = slugs()
    assert sum(map(len, used.values())) > 80
    for section, names in used.items():
        assert {name for name in names if not wording.known(f"{section}.{name}", lang)} == set()


@pytest.mark.parametrize(
    ("locale", "heading", "what", "fix"),
    [
        ("zh_CN.UTF-8", "守护进程", "没有在运行的守护进程", "启动 `modemfarm run`"),
        ("ru_RU.UTF-8", "служба", "не работает ни одна", "запустите `modemfarm run`"),
        ("de_DE.UTF-8", "daemon", "none is alive", "start `modemfarm run`"),
    ],
)
def test_the_doctor_speaks_the_readers_language(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch, locale: str, heading: str, what: str, fix: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    out = farm("doctor").out
    assert f"{heading}: {what}\n      -> {fix}" in out
    finding = seen(farm)["daemon"]
    assert (finding["check"], finding["what"], finding["fix"]) == (heading, what, fix)


def test_without_a_configuration_the_fix_is_told(bare: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    found = bare("doctor")
    assert "      -> 请先运行 `modemfarm init`" in found.out
    assert found.code == bare("doctor", "--json").code == 5
    (bare.folder / "farm").mkdir(mode=0o700)
    (bare.folder / "farm" / "config.yaml").write_text("hots: a\n", "utf-8")
    found = bare("doctor")
    assert "改正那一行" in found.out
    assert found.code == 1


def test_what_is_allowed_and_hardly_meant_is_a_hint(bare: FarmAt) -> None:
    folder = bare.folder / "farm"
    folder.mkdir(mode=0o700)
    (folder / "config.yaml").write_text("state_dir: .\n", "utf-8")
    found = seen(bare)
    assert {name for name in ("country", "plans", "alerts") if found[name]["ok"] and found[name]["fix"]} == {
        "country",
        "plans",
        "alerts",
    }
    assert "hint  country" in bare("doctor").out


def test_pins_that_others_can_read_are_a_fault(farm: FarmAt) -> None:
    configure(farm, 'sims: {"89860012345678901234": {pin: "1234"}}')
    assert "secrets" not in seen(farm)
    (farm.folder / "farm" / "config.yaml").chmod(0o644)
    assert seen(farm)["secrets"]["fix"].startswith("chmod 600 ")


def test_a_full_disk_is_a_fault(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(farm)["state_dir"]["ok"]
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 # as shutil gives it
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1, 1, 5 * doctor_host.MIB))
    found = seen(farm)["state_dir"]
    assert not found["ok"]
    assert "5 MiB free" in found["what"]


def test_rights_and_ports_are_looked_at(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    (farm.folder / "farm").chmod(0o755)
    assert "tightened" in seen(farm)["rights"]["what"]
    assert seen(farm)["rights"]["what"] == "nobody else's"
    port = farm.folder / "tty9"
    port.touch()
    configure(farm, f'modems: {{ports: ["{port}", "{farm.folder}/none*"]}}')
    assert not seen(farm)["ports"]["ok"]
    real = doctor_host.os.access
    monkeypatch.setattr(doctor_host.os, "access", lambda path, mode: "tty9" not in str(path) and real(path, mode))
    found = seen(farm)["port_rights"]
    assert str(port) in found["what"]
    assert "usermod -aG" in found["fix"]


def test_the_udev_rules_are_compared_with_this_versions(farm: FarmAt, machine: Path) -> None:
    found = seen(farm)["udev"]
    assert (found["ok"], found["fix"]) == (True, "`modemfarm install`")
    (machine / RULES).write_text("# of last year\n", "utf-8")
    found = seen(farm)["udev"]
    assert (found["ok"], found["fix"]) == (False, "`modemfarm install`")
    (machine / RULES).write_bytes((shipped("udev") / RULES.name).read_bytes())
    found = seen(farm)["udev"]
    assert (found["ok"], found["fix"]) == (True, "")


def test_few_open_files_are_a_fault(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (256, 256))
    assert "LimitNOFILE" in seen(farm)["limits"]["fix"]


def test_the_daemons_own_limit_counts_where_one_runs(machine: Path) -> None:
    pen = Pen(words({}))
    for pid, soft in ((7, "256"), (8, "65536"), (9, "unlimited")):
        (machine / "proc" / str(pid)).mkdir()
        line = f"Max open files            {soft:21}{soft:21}files\n"
        (machine / "proc" / str(pid) / "limits").write_text(f"Limit\n{line}Max locked memory  1  1  bytes\n", "utf-8")
    found = [[item.what for item in doctor_host.open_files(pid, pen)] for pid in (7, 8, 9, 10)]
    assert [len(each) for each in found] == [1, 0, 0, 0]
    assert "256" in found[0][0]


def test_programs_that_take_modems_are_named(farm: FarmAt, machine: Path) -> None:
    assert seen(farm)["programs"]["ok"]
    for pid, name in ((1, "systemd"), (2, "ModemManager")):
        (machine / "proc" / str(pid)).mkdir()
        (machine / "proc" / str(pid) / "comm").write_text(f"{name}\n")
    assert "ModemManager" in seen(farm)["programs"]["fix"]
    (machine / RULES).write_bytes((shipped("udev") / RULES.name).read_bytes())
    assert seen(farm)["programs"]["ok"]
    (machine / "proc" / "2" / "comm").write_text("brltty\n")
    found = seen(farm)["programs"]
    assert (found["ok"], "mask" in found["fix"]) == (False, True)


def test_a_database_that_is_missing_old_or_damaged_is_a_fault(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(farm)["database"]["what"].startswith("whole and up to date (schema ")
    with monkeypatch.context() as patch:
        patch.setattr(admin, "damage", lambda _tx: ["row 5 missing from index"])
        found = seen(farm)["database"]
        assert (found["ok"], found["what"], found["fix"]) == (False, "row 5 missing from index", "restore a backup")

    def older(tx: Tx) -> None:
        tx.run("UPDATE farm SET value = '1' WHERE key = 'schema'")

    farm.write(older)
    assert "db upgrade" in seen(farm)["database"]["fix"]
    for path in (farm.folder / "farm").glob("modemfarm.db*"):
        path.unlink()
    assert seen(farm)["database"]["fix"] == "`modemfarm db upgrade` makes it"


def test_a_daemon_that_does_not_answer_or_is_another_version_is_a_fault(farm: FarmAt) -> None:
    farm.write(hosts.take_lease, default_host(), "dir:run", 4711, "0.1.0", NOW + timedelta(hours=1))
    found = seen(farm)["daemon"]
    assert "process 4711) is alive and does not answer" in found["what"]
    farm.write(hosts.end_lease, default_host(), "dir:run", NOW - timedelta(hours=1))
    farm.write(hosts.take_lease, "cellar", "dir:run", 4712, "0.0.1", NOW + timedelta(hours=1))
    found = seen(farm)["daemon"]
    assert "is version 0.0.1" in found["what"]
    assert not found["ok"]


def test_a_clock_that_is_behind_or_alone_is_named(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(farm)["clock"]["fix"] == ""
    monkeypatch.setattr(doctor_farm, "synchronised", lambda: False)
    found = seen(farm)["clock"]
    assert (found["ok"], "set-ntp" in found["fix"]) == (True, True)
    farm.write(record, "sim.new", NOW + timedelta(days=2))
    assert not seen(farm)["clock"]["ok"]


def test_modems_sims_keys_and_alerts_are_told_of(farm: FarmAt) -> None:
    assert not seen(farm)["modems"]["ok"]
    farm.write(_a_parked_sim)
    found = seen(farm)["sim"]
    assert found["what"].startswith("Parked: The operator keeps refusing")
    assert found["fix"].endswith(f"sims resume {CARD}`")
    for item in farm("keys", "list", "--json").json["data"]:
        farm("keys", "revoke", str(item["id"]))
    found = seen(farm)["keys"]
    assert (found["ok"], found["what"], "keys create" in found["fix"]) == (True, "0 usable", True)
    farm.write(alerts.keep_outcome, "webhook", NOW, "")
    assert seen(farm)["alerts"]["ok"]
    farm.write(alerts.keep_outcome, "webhook", NOW, "answered with 500")
    found = seen(farm)["alerts"]
    assert (found["ok"], "answered with 500" in found["what"]) == (False, True)


def test_what_waits_for_a_sim_that_is_not_here_is_told_by_name(farm: FarmAt) -> None:
    assert "queue" not in seen(farm)
    ran = farm("send", "13800138000", "--text", "hello", "--from", "nobody")
    assert (ran.code, "No SIM known here" in ran.err) == (0, True)
    farm.write(labels.label, 0, lambda _: labels.Label("no_sim"), NOW)
    found = seen(farm)["queue"]
    assert (found["ok"], found["what"]) == (False, '1 waiting for a SIM called "nobody" that is not here')
    rows = farm.folder / "rows.csv"
    rows.write_text("to,text\n13800138001,hello\n", "utf-8")
    assert "No SIM known here" in farm("batch", str(rows), "--from", "nobody").err


def _a_parked_sim(tx: Tx) -> None:
    sims.seen(tx, CARD, NOW, imsi=None, number=None, smsc=None, path="ttyV0", host="shop")
    sims.set_state(tx, CARD, SimState.PARKED, NOW, reason="operator_refusal")


def test_a_lost_or_unreadable_key_file_is_told(farm: FarmAt) -> None:
    assert "secret" not in seen(farm)  # nothing was sealed yet
    farm("contacts", "add", "13800138000")
    assert farm("contacts", "forget", "13800138000", "--yes").code == 0
    assert seen(farm)["secret"]["ok"]
    key = farm.folder / "farm" / "secret.key"
    octets = key.read_bytes()
    key.write_bytes(octets[:7])
    assert "damaged" in seen(farm)["secret"]["what"]
    key.unlink()
    found = seen(farm)["secret"]
    assert (found["ok"], str(key) in found["what"], str(key) in found["fix"]) == (False, True, True)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        pytest.param({}, [], id="an older daemon"),
        pytest.param({"ends": 0}, [], id="never"),
        pytest.param({"ends": 1, "how": "signal 9"}, ["started again 1 time; it ended at 09:30: signal 9"], id="died"),
        pytest.param({"ends": 3, "how": "hung"}, ["started again 3 times; the last time, at 09:30, it answered nothing"], id="hung"),
    ],
)  # fmt: skip
def test_a_page_that_was_started_again_is_a_hint(told: dict[str, Any], says: list[str]) -> None:
    at = NOW.replace(hour=9, minute=30)
    found = list(doctor_farm._ended({"at": at.isoformat(), **told}, Pen(Words("en", UTC, NOW))))
    assert [item.what for item in found] == says
    assert all(item.ok and "journalctl" in item.fix for item in found)
