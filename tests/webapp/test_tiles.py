from __future__ import annotations

from datetime import UTC

import pytest

from modemfarm.webapp.tiles import bars, device_name, line, natural
from modemfarm.webapp.words import Words
from tests.webapp.sample import NOW


@pytest.mark.parametrize(
    ("maker", "model", "name"),
    [
        ("huawei", "E173", "Huawei E173"),
        ("SIMCOM_Ltd", "SIMCOM_SIM800", "SIMCOM SIM800"),
        ("WAVECOM MODEM", "MULTIBAND  900E  1800", "WAVECOM MULTIBAND 900E 18…"),
        ("Quectel", "EC25", "Quectel EC25"),
        (None, None, ""),
        (None, "EC25", "EC25"),
    ],
)
def test_a_modem_is_called_as_people_call_it(maker: str | None, model: str | None, name: str) -> None:
    assert device_name(maker, model) == name


def test_bars_follow_the_signal() -> None:
    assert [bars(dbm) for dbm in (None, -113, -100, -90, -80, -51)] == [None, 0, 1, 2, 3, 4]


def test_ports_are_sorted_as_people_count() -> None:
    assert sorted(["/dev/ttyV10", "/dev/ttyV2"], key=natural) == ["/dev/ttyV2", "/dev/ttyV10"]


def test_of_what_no_sim_may_take_the_line_foresees_no_end() -> None:
    words = Words("en", UTC, NOW)
    for lacking, said in ((0, "3 waiting, done about 14:56"), (1, "3 waiting")):
        stats = {"waiting": 3, "without_sim": lacking, "queue": {"unknown": 0}, "pauses": [], "restored": 0}
        phrases = [phrase.text for phrase in line([], stats, "14:56", None, words)]
        assert phrases[1:] == [said, "1 thing needs you"][: 1 + lacking]
