"""Figure of bulk intake: the command line's `batch` on a file of many recipients, policy on, each row durable."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure
from bench.rig import CONFIG, folder, now, numbers
from bench.settings import Size
from modemfarm.store import suppress
from modemfarm.store.engine import Store
from modemfarm.store.migrations import upgrade

TEXTS = ("Hello {i}, your parcel is at the counter.", "您好,您的订单 {i} 已发货。", "Привет {i}, ваш заказ готов.")


def bulk(size: Size) -> list[Figure]:
    """Rows a second of the whole command, start of the process included; no daemon runs beside it."""
    rates, own, cpu_us = [], [], []
    for _ in range(size.repeats):
        with folder() as place:
            (place / "state").mkdir(mode=0o700)
            (place / "config.yaml").write_text(CONFIG.format(port=1, ports=place / "none", within=20))
            people = numbers(0, size.rows)
            store = Store("sqlite:///modemfarm.db", place / "state")
            upgrade(store, now())
            for number in people[:: max(1, size.rows // 100)]:  # the list is consulted, and now and then says no
                store.run(suppress.add, number, number[-9:], "import", now())
            store.close()
            rows = place / "rows.ndjson"
            rows.write_text(_rows(people), encoding="utf-8")
            begun, used_s = time.monotonic(), _children_s()
            report = _batch(place, rows)
            taken_s = time.monotonic() - begun
            cpu_us.append(1e6 * (_children_s() - used_s) / size.rows)
            begun = time.monotonic()
            empty = place / "one.ndjson"
            empty.write_text(_rows(["+491709999999"]), encoding="utf-8")
            _batch(place, empty)
            start_s = time.monotonic() - begun
            assert report["accepted"] + report["rejected"] == size.rows, report
            rates.append(size.rows / taken_s)
            own.append(size.rows / max(taken_s - start_s, 1e-3))
    notes = (f"{size.rows:,} recipients, NDJSON, {report['rejected']} on the opt-out list",)
    return [
        Figure("bulk intake, durable, policy on", "rows/s", 10_000, tuple(rates), at_least=True, notes=notes),
        Figure("the same without the command's own start", "rows/s", None, tuple(own)),
        Figure("beside it: CPU a row, start included", "µs", None, tuple(cpu_us)),
    ]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rows(people: list[str]) -> str:
    return "".join(
        json.dumps({"to": to, "text": TEXTS[at % len(TEXTS)].format(i=at)}, ensure_ascii=False) + "\n"
        for at, to in enumerate(people)
    )


def _batch(place: Path, rows: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "modemfarm", "-c", str(place / "config.yaml"), "batch", str(rows), "--json"],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    if not done.stdout:
        raise RuntimeError(done.stderr)
    result: dict[str, int] = json.loads(done.stdout)
    return result
