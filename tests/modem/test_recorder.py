"""The flight recorder: bounded, and never a PIN, a number or a text in it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import encode_submit
from modemfarm.modem import recordings
from modemfarm.modem.masking import hide_secrets, mask_command, mask_stream, pdu_facts
from modemfarm.modem.recorder import KEEP_OCTETS, Recorder
from tests.modem.fakes import FakeJournal, LoopClock, ScriptedPort
from tests.modem.shelf import PDU, STATUS, Shelf, octets_of, on_loop, recorded, supervised

# --- secrets ---


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ('AT+CPIN="1234"', 'AT+CPIN="****"'),
        ("at+cpin = 12345678", "at+cpin = ****"),
        ('AT+CPIN="12345678","4321"', 'AT+CPIN="****","****"'),
        ('AT+CSQ;+CPIN="1234";+CREG?', 'AT+CSQ;+CPIN="****";+CREG?'),
        ('AT+CLCK="SC",1,"1234"', 'AT+CLCK="SC",1,"****"'),
        ('AT+CLCK="SC",2', 'AT+CLCK="SC",2'),
        ('AT+CPWD="SC","1234","5678"', 'AT+CPWD="SC","****","****"'),
        ('AT^CARDLOCK="NCKCODE1"', 'AT^CARDLOCK="****"'),
        ('AT+CSIM=26,"A0200001083132333435FFFFFF"', 'AT+CSIM=26,"****"'),
        ("ATD**04*1234*5678*5678#;", "ATD**04*****;"),
        ('AT+CUSD=1,"**05*12345678*1234*1234#",15', 'AT+CUSD=1,"**05*****",15'),
        ('AT+CPINR="SIM PIN"', 'AT+CPINR="SIM PIN"'),
        ("AT+CPIN?", "AT+CPIN?"),
    ],
)
def test_a_code_is_hidden_before_anything_is_kept(line: str, kept: str) -> None:
    assert hide_secrets(line.encode()).decode() == kept


PINS = st.text("0123456789", min_size=8, max_size=8).filter(lambda pin: len(set(pin)) > 4)
TALK = st.sampled_from(
    [
        b"\r\nOK\r\n",
        b"\r\n+CREG: 1\r\n",
        b"\r\n+CME ERROR: 16\r\n",
        b"\r\nERROR\r\n",
        b"\r\n+CPIN: READY\r\n",
        b"\r\n> ",
    ]
)


@given(
    pin=PINS,
    form=st.sampled_from(
        ['AT+CPIN="{}"', "AT+CPIN={}", 'AT+CLCK="SC",1,"{}"', 'AT+CPWD="SC","{0}","{0}"', "ATD**04*{}#"]
    ),
    cut=st.integers(0, 40),
    between=st.lists(TALK, max_size=3),
    pieces=st.integers(1, 9),
    before=st.lists(TALK, max_size=2),
)
@example("12345670", 'AT+CPIN="{}"', 12, [b"\r\n+CREG: 1\r\n"], 1, [b"\r\nOK\r\n"])
@settings(max_examples=300, deadline=None)
def test_a_pin_is_never_recorded_wherever_its_echo_is_cut(
    pin: str, form: str, cut: int, between: list[bytes], pieces: int, before: list[bytes]
) -> None:
    command = form.format(pin).encode()
    echo = command[:cut] + b"".join(item for item in between if b"> " not in item) + command[cut:]
    heard = b"".join(before) + echo + b"\r" + b"".join(between) + b"\r\nOK\r\n"
    traffic = [("out", command + b"\r")]
    traffic += [("in", heard[at : at + pieces]) for at in range(0, len(heard), pieces)]
    text = recorded(*traffic, ("out", b"AT+CSQ\r"), ("in", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"))
    assert pin not in text
    kept = octets_of(text, "in")
    for at in range(5):
        assert pin[at : at + 4] not in kept.replace("\r", "").replace("\n", "")
    assert "+CSQ: 20,99" in kept


def test_a_pin_is_not_in_memory_either() -> None:
    async def main() -> None:
        recorder = Recorder("/dev/ttyX", LoopClock())
        recorder.wrote(b'AT+CPIN="58392017"\r')
        for octet in b'AT+CPIN="58392017"\r\r\nOK\r\n':
            recorder.heard(bytes([octet]))
        recorder.wrote(b"AT\r")
        assert b"58392017" not in b"".join(piece.data for piece in recorder._pieces) + recorder._partial

    on_loop(main())


@pytest.mark.parametrize("answer", ["OK", "+CME ERROR: 16", None], ids=["right", "wrong", "silent"])
def test_neither_log_nor_recording_nor_status_of_a_session_has_its_pin(
    answer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pin = "58392017"

    async def main() -> None:
        journal, shelf = FakeJournal(pin=pin), Shelf()
        answers: dict[str, Any] = {
            "AT+CPIN?": ["+CPIN: SIM PIN|OK", "+CPIN: SIM PIN|OK" if answer != "OK" else "+CPIN: READY|OK"],
            f'AT+CPIN="{pin}"': f'AT+CPIN="{pin}"|{answer}' if answer else f'AT+CPIN="{pin}"',
            'AT+CPINR="SIM PIN"': "+CPINR: SIM PIN,3,3|OK",
        }
        supervisor = supervised(shelf, journal, ScriptedPort(answers), ScriptedPort())
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(supervisor.run())
            await asyncio.sleep(200)
            serving.cancel()
        asked = recordings.encode(supervisor.recorder.recording(supervisor.status).lines())
        for text in (shelf.text, asked, caplog.text, repr(journal.statuses)):
            assert pin not in text
        assert '"AT+CPIN=\\"****\\"\\r"' in asked

    on_loop(main())


# --- numbers and texts ---


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('+CNUM: "me","+8613800138000",145', '+CNUM: "xx","+8613000000000",145'),
        ("89860012345678901234", "89860000000000000234"),
        ("460001234567890", "460000000000890"),
        ('+CUSD: 0,"Your balance is 12.50",15', '+CUSD: 0,"xxxx xxxxxxx xx 00x00",15'),
        ('+CUSD: 0,"0411043004340430",72', '+CUSD: 0,"0000000000000000",72'),
        ('+COPS: 0,0,"CHINA MOBILE",7', '+COPS: 0,0,"CHINA MOBILE",7'),
        ('+CREG: 2,1,"1A2B","0C3D4E5F"', '+CREG: 2,1,"1A2B","0C3D4E5F"'),
        ('+CMTI: "SM",12', '+CMTI: "SM",12'),
        ("+CMS ERROR: 500", "+CMS ERROR: 500"),
        ("ATD+8613800138000;", "ATD+8613000000000;"),
        ("+CSQ: 20,99", "+CSQ: 20,99"),
    ],
)
def test_what_is_said_about_people_is_masked(said: str, kept: str) -> None:
    assert mask_stream(f"\r\n{said}\r\n".encode()).decode().strip() == kept


def test_texts_of_text_mode_are_masked_to_their_end() -> None:
    said = b'\r\n+CMGL: 1,"REC READ","+8613800138000",,"26/01/05,12:00:00+32"\r\nhello\r\nworld 99\r\n\r\nOK\r\n+CSQ: 1,99\r\n'
    kept = mask_stream(said).decode()
    first, *rest = kept.split("\r\n")[1:]
    assert first == '+CMGL: 1,"REC READ","+8613000000000",,"26/01/05,12:00:00+32"'
    assert rest == ["xxxxx", "xxxxx 00", "", "OK", "+CSQ: 1,99", ""]


def test_a_text_in_quotes_over_lines_is_masked_to_its_end() -> None:
    kept = mask_stream(b'\r\n+CUSD: 1,"one\r\ntwo 2\r\nthree",15\r\nRDY\r\n').decode()
    assert kept == '\r\n+CUSD: 1,"xxx\r\nxxx 0\r\nxxxxx",15\r\nRDY\r\n'


def test_a_pdu_keeps_its_length_and_header_only() -> None:
    facts = pdu_facts(PDU.encode())
    assert facts is not None
    assert (facts.kind, facts.octets, facts.dcs, facts.udl) == ("deliver", len(PDU) // 2, 0, 12)
    assert facts.masked.decode().startswith(
        "079100000000000024" + "0B91" + "000000000000" + "0000" + "62702121943400" + "0C"
    )
    assert set(facts.masked[-22:].decode()) == {"0"}


@given(
    text=st.text(min_size=20, max_size=300),
    number=st.text("0123456789", min_size=11, max_size=13),
    cuts=st.integers(1, 60),
)
@settings(max_examples=100, deadline=None)
def test_no_octet_of_a_text_or_number_is_left_of_a_pdu(text: str, number: str, cuts: int) -> None:
    for data in split(text, 77)[:2]:
        pdu, length = encode_submit(f"+{number}", data, report=True, validity_s=3600, flash=False)
        hexed = pdu.hex().upper().encode()
        traffic = [("out", b"AT+CMGS=%d\r" % length), ("in", b"\r\n> "), ("out", hexed + b"\x1a")]
        traffic += [("in", hexed[at : at + cuts]) for at in range(0, len(hexed), cuts)]  # its echo
        kept = recorded(*traffic, ("in", b"\r\n+CMGS: 1\r\n\r\nOK\r\n"))
        facts = pdu_facts(hexed)
        assert facts is not None
        content = data.octets[len(bytes.fromhex(facts.header)) :].hex().upper()
        if len(content) >= 16 and set(content) != {"0"}:
            assert content not in octets_of(kept, "out") + octets_of(kept, "in")
        assert octets_of(kept, "in").count("0" * min(len(content), 12)) > 0
        assert "+CMGS: 1" in octets_of(kept, "in")


@given(st.binary(max_size=400), st.booleans())
def test_masking_keeps_every_octets_place(data: bytes, cut: bool) -> None:
    masked = mask_stream(data, cut=cut)
    assert len(masked) == len(data)
    for new, old in zip(masked, data, strict=True):
        assert (new in b"\r\n\x1a\x1b") == (old in b"\r\n\x1a\x1b")


def test_a_cut_recording_hides_its_first_line() -> None:
    assert mask_stream(b'3800138000",145\r\nOK\r\n', cut=True) == b"0000000000xx000\r\nOK\r\n"


def test_a_command_is_shown_without_its_secrets_and_numbers() -> None:
    assert mask_command('AT+CPIN="1234"') == 'AT+CPIN="****"'
    assert mask_command("ATD+8613800138000;") == "ATD+8613000000000;"


# --- bounds ---


def test_memory_stays_bounded_whatever_is_said() -> None:
    async def main() -> None:
        recorder = Recorder("/dev/ttyX", LoopClock())
        for number in range(20_000):
            recorder.heard(b"x" * (number % 300))
            if number % 7 == 0:
                recorder.wrote(b"AT\r")
            await asyncio.sleep(0.01)
        assert recorder.cost_octets <= KEEP_OCTETS
        assert recorder.recording(STATUS).cut
        recorder.heard(b"y" * 1_000_000)
        assert recorder.cost_octets <= KEEP_OCTETS

    on_loop(main())


def test_only_the_last_minutes_are_kept_and_fewer_when_asked() -> None:
    async def main() -> None:
        recorder = Recorder("/dev/ttyX", LoopClock(), keep_s=600)
        for number in range(100):
            recorder.heard(b"\r\n+CREG: %d\r\n" % (number % 10))
            await asyncio.sleep(10)
        assert 58 <= len(recorder.recording(STATUS).pieces) <= 61
        assert len(recorder.recording(STATUS, last_s=95).pieces) == 9

    on_loop(main())


def test_octets_that_dribble_are_kept_in_few_pieces() -> None:
    async def main() -> None:
        recorder = Recorder("/dev/ttyX", LoopClock())
        for octet in b"+CSQ: 20,99\r\n" * 50:
            recorder.heard(bytes([octet]))
            await asyncio.sleep(0.01)
        assert len(recorder.recording(STATUS).pieces) <= 50 * 13 / 5

    on_loop(main())
