"""`sims set --pin` and `sims release`: a PIN comes by prompt or pipe, never as an argument."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import pytest

from modemfarm.store import pins
from tests.cli.farm import FarmAt

PIN = "73105968"
CARD = "8986001234567890123"
IMEI = "356938035643809"


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def kept(farm: FarmAt, iccid: str | None = CARD, imei: str | None = None, path: str = "") -> str | None:
    with farm.store.read() as tx:
        return pins.entered(tx, farm.store.secret, iccid, imei, path)


def test_a_piped_pin_is_kept_and_not_shown(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, f"{PIN}\n")
    ran = farm("sims", "set", CARD, "--pin", "--json")
    assert (ran.code, ran.json) == (0, {"card": CARD, "pin": "kept"})
    assert PIN not in ran.out + ran.err
    assert kept(farm) == PIN
    assert farm("sims", "set", CARD, "--no-pin").code == 0
    assert kept(farm) is None
    assert farm("sims", "set", CARD, "--no-pin").code == 4


def test_a_person_is_asked_twice_without_echo(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Iterator[str] = iter([PIN, "1111", PIN, PIN])
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})())
    monkeypatch.setattr(click.termui, "hidden_prompt_func", lambda prompt: next(answers))
    ran = farm("sims", "set", CARD, "--pin")
    assert ran.code == 0, ran.err
    assert PIN not in ran.out + ran.err
    assert kept(farm) == PIN


@pytest.mark.parametrize("typed", ["", "\n", "123\n", "12345678901\n", "12 4\n", "abcd\n"])
def test_what_is_no_pin_is_refused(farm: FarmAt, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    pipe(monkeypatch, typed)
    ran = farm("sims", "set", CARD, "--pin-stdin")
    assert (ran.code, "4 to 8 digits" in ran.err) == (2, True)


def test_a_pin_goes_to_a_modem_whose_card_cannot_be_read(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, card in ((IMEI, f"imei:{IMEI}"), ("/dev/ttyUSB7", "path:/dev/ttyUSB7")):
        pipe(monkeypatch, PIN)
        assert farm("sims", "set", key, "--pin-stdin", "--json").json["card"] == card
    assert kept(farm, None, IMEI, "/dev/x") == PIN
    assert kept(farm, None, None, "/dev/ttyUSB7") == PIN
    pipe(monkeypatch, PIN)
    assert farm("sims", "set", "nobody", "--pin-stdin").code == 4


def test_config_yaml_wins_and_says_where(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    file = farm.folder / "farm" / "config.yaml"
    more = f'\nsims: {{"{CARD}": {{pin: "1234"}}}}\nmodems: {{pins: {{"{IMEI}": "4321"}}}}\n'
    file.write_text(file.read_text("utf-8") + more, "utf-8")
    for key in (CARD, IMEI):
        pipe(monkeypatch, PIN)
        ran = farm("sims", "set", key, "--pin-stdin")
        assert ran.code == 2
        assert "config.yaml:" in ran.err
    shown = farm("config", "show")
    assert "1234" not in shown.out.replace(CARD, "")
    assert "4321" not in shown.out


def test_a_pin_that_failed_waits_for_a_release(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    assert farm("sims", "set", CARD, "--label", "front").code in {0, 4}
    store, now = farm.store, datetime.now(UTC)
    with store.write() as tx:
        trying = pins.may_try(tx, store.secret, CARD, PIN, 3, now)
        assert trying
        pins.settle(tx, CARD, trying, False, now)
    pipe(monkeypatch, PIN)
    ran = farm("sims", "set", CARD, "--pin-stdin")
    assert (ran.code, "sims release" in ran.err) == (3, True)
    assert farm("sims", "release", CARD, "--json").json == {"card": CARD, "released": True}
    assert farm("sims", "release", "front", "--json").json == {"card": CARD, "released": False}
    pipe(monkeypatch, PIN)
    assert farm("sims", "set", CARD, "--pin-stdin").code == 0
