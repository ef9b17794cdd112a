"""USSD: codings there and back, and dialogues with virtual modems of every family."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.at.replies import UssdReply
from modemfarm.errors import NoAnswerError
from modemfarm.modem.dialled import is_answer, is_code
from modemfarm.modem.ussd import Dialogue, Ear, Told, UssdError, decode, encode
from modemfarm.simulator.personality import FAMILIES
from tests.modem.fakes import run
from tests.modem.test_simulated import Bench


def talk(tmp_path: Path, family: str, *dialogues: tuple[str, ...], coding: str = "") -> list[Dialogue | UssdError]:
    """What a virtual modem of a family gave for each dialogue."""
    found: list[Dialogue | UssdError] = []

    async def main() -> None:
        bench = Bench(tmp_path, family)
        if coding:
            bench.simulation.turn(0, "ussd", coding)

        async def script() -> None:
            await bench.ready()
            for steps in dialogues:
                try:
                    found.append(await bench.supervisors[0].ussd(steps))
                except UssdError as error:
                    found.append(error)

        await bench.serve(script)

    run(main())
    return found


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_family_answers_a_code_a_menu_and_in_chinese(tmp_path: Path, family: str) -> None:
    balance, menu, chinese = talk(tmp_path, family, ("*100#",), ("*111#", "1"), ("*102#",))
    assert isinstance(balance, Dialogue)
    assert balance.told == (Told("done", "Balance 12.34 CNY"),)
    assert isinstance(menu, Dialogue)
    assert menu.told == (Told("menu", "1 Balance\n2 Number\n0 End"), Told("done", "Balance 12.34 CNY"))
    assert isinstance(chinese, Dialogue)
    assert chinese.told == (Told("done", "余额12.34元"),)


@pytest.mark.parametrize(("family", "coding"), [("huawei", "charset"), ("generic", "packed")])
def test_a_refused_coding_is_followed_by_the_other_and_that_is_remembered(
    tmp_path: Path, family: str, coding: str
) -> None:
    first, second = talk(tmp_path, family, ("*100#",), ("*100#",), coding=coding)
    for dialogue in (first, second):
        assert isinstance(dialogue, Dialogue)
        assert dialogue.told == (Told("done", "Balance 12.34 CNY"),)
        assert dialogue.encoding == ("packed" if coding == "packed" else "plain")


def test_no_reply_and_an_end_by_the_network_are_told_and_the_modem_goes_on(tmp_path: Path) -> None:
    silent, ended, again = talk(tmp_path, "huawei", ("*555#",), ("*000#",), ("*100#",))
    assert isinstance(silent, UssdError)
    assert silent.slug == "no_reply"
    assert isinstance(ended, Dialogue)
    assert ended.told == (Told("ended", ""),)
    assert isinstance(again, Dialogue)


@given(st.text(alphabet="*#0123456789", min_size=1, max_size=160))
def test_a_packed_code_reads_back(code: str) -> None:
    assert decode(UssdReply(0, encode(code, "packed"), 15), "packed") == code
    assert decode(UssdReply(0, encode(code, "ucs2"), 72), "plain") == code


@pytest.mark.parametrize(
    ("dcs", "shown", "encoding", "text"),
    [
        (15, "AA180C3602", "packed", "*100#"),
        (15, "002A0031003000300023", "ucs2", "*100#"),
        (72, "4F59989D", "packed", "余额"),
        (17, "656E4F59989D", "plain", "余额"),
        (15, "12.50", "packed", "12.50"),
        (None, "1234", "plain", "1234"),
        (68, "C0FFEE", "packed", "C0FFEE"),
        (0, None, "plain", ""),
    ],
)
def test_a_reply_is_read_by_its_dcs_and_by_how_the_question_went(
    dcs: int | None, shown: str | None, encoding: str, text: str
) -> None:
    assert decode(UssdReply(0, shown, dcs), encoding) == text


def test_codes_that_change_pins_or_calls_are_none() -> None:
    assert all(map(is_code, ("*100#", "*#100#", "*101*1#", "##100#", "*123*4567#", "*#21#")))
    assert not any(map(is_code, ("", "**04*1*2*2#", "**05*1*2*2#", "*21*123#", "##002#", '*1"', "*33*0000#", "AT")))
    dialled = ("112", "110", "1", "13800138000", "+8613800138000", "+", "#", "*#", "*31#112", "#31#13800138000", "*100")
    assert not any(map(is_code, dialled))
    assert is_answer("1")
    assert not is_answer('"')
    assert not is_answer("")


async def test_a_reply_of_several_lines_is_heard_between_other_urcs() -> None:
    ear = Ear()
    assert ear.hear('+CUSD: 1,"one')
    assert not ear.hear("+CREG: 1", known=True)
    assert ear.hear("two")
    assert ear.hear('three",15')
    assert not ear.hear("three")
    assert await ear.reply(1) == UssdReply(1, "one\ntwo\nthree", 15)
    ear.again()
    ear.lost()
    with pytest.raises(UssdError):
        async with asyncio.timeout(1):
            await ear.reply(1)


def test_a_stop_does_not_wait_for_the_network(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, "huawei")

        async def script() -> None:
            await bench.ready()
            asked = asyncio.ensure_future(bench.supervisors[0].ussd(("*555#",)))
            await asyncio.sleep(5)
            began = asyncio.get_running_loop().time()
            await bench.supervisors[0].drain()
            assert asyncio.get_running_loop().time() - began < 20
            with pytest.raises(NoAnswerError):
                await asked

        await bench.serve(script)

    run(main())
