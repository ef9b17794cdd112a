"""The rules and the dashboard speak of figures that there are, and Prometheus' own tool accepts them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from modemfarm.webapp.metrics import FarmCollector
from tests.docs import code
from tests.needs import require
from tests.webapp.sample import sample

FOLDER = code.ROOT / "docs" / "monitoring"
RULES = FOLDER / "alerts.yml"
PLAYED = Path(__file__).with_name("monitoring_test.yml")
WHY = "Prometheus' own tool reads the rules"


def promtool(*arguments: str, at: Path, stdin: str | None = None) -> str:
    tool = require("promtool", WHY)
    ran = subprocess.run([tool, *arguments], cwd=at, input=stdin, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def rules() -> list[dict[str, str]]:
    found: list[dict[str, str]] = YAML(typ="safe").load(RULES)["groups"][0]["rules"]
    return found


def expressions() -> list[str]:
    """What every panel of the dashboard asks."""
    panels = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert all(panel["title"] and panel["targets"] for panel in panels)
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_figure_that_is_asked_for_exists(tmp_path: Path) -> None:
    with sample(tmp_path) as farm:
        real = set()
        for family in FarmCollector(farm.store, farm.clock, farm.deps.lately).collect():
            real.add(family.name + ("_total" if family.type == "counter" else ""))
            if family.type == "histogram":
                real.add(family.name + "_bucket")
    asked = {
        name
        for text in (*expressions(), *(rule["expr"] for rule in rules()))
        for name in re.findall(r"\bmodemfarm_\w+", text)
    }
    assert len(asked) > 8
    assert asked <= real


def test_promtool_accepts_rules_dashboard_and_figures(tmp_path: Path) -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", str(RULES), at=tmp_path)
    asked = [{"record": f"panel:{place}", "expr": text} for place, text in enumerate(expressions())]
    panels = tmp_path / "panels.yml"
    panels.write_text(json.dumps({"groups": [{"name": "panels", "rules": asked}]}), encoding="utf-8")
    assert f"{len(asked)} rules found" in promtool("check", "rules", "panels.yml", at=tmp_path)
    with sample(tmp_path) as farm:
        farm.modem(1)
        farm.take()
        said = farm.api().get("/metrics").get_data(as_text=True)
    assert "modemfarm_modem_up" in said
    assert promtool("check", "metrics", at=tmp_path, stdin=said) == ""


def test_each_rule_fires_when_it_should(tmp_path: Path) -> None:
    for path in (RULES, PLAYED):
        shutil.copy(path, tmp_path)
    promtool("test", "rules", PLAYED.name, at=tmp_path)
    played = PLAYED.read_text(encoding="utf-8")
    assert [rule["alert"] for rule in rules() if rule["alert"] not in played] == []


def test_the_page_lists_the_rules() -> None:
    text = code.page("monitoring.md")
    assert re.findall(r"^\| `(\w+)`", text, re.MULTILINE) == [rule["alert"] for rule in rules()]
