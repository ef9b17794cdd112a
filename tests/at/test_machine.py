"""The AT machine: whose line is it."""

from __future__ import annotations

import pytest

from modemfarm.at.events import Answered, Command, Info, Noise, Prompt, Unsolicited
from modemfarm.at.lines import LineKind, sort_line
from modemfarm.errors import CmeError, CmsError, CommandError
from tests.at.machines import CMGS, CSQ, PDU, REPORT, URCS, machine, submitted


@pytest.mark.parametrize(
    ("line", "in_flight", "kind"),
    [
        pytest.param("+CREG: 2,1", Command("+CREG?"), LineKind.INFO, id="answer-beats-urc"),
        pytest.param("+CREG: 1", Command("+CSQ"), LineKind.URC, id="urc-during-another-command"),
        pytest.param("+CREG: 1", Command("+CREG=1"), LineKind.URC, id="a-setting-has-no-answer-of-that-name"),
        pytest.param('+CMTI: "SM",3', None, LineKind.URC, id="urc-alone"),
        pytest.param("+CMT: ,24", None, LineKind.HEADER, id="header"),
        pytest.param("+CMTX: 3", None, LineKind.TAGGED, id="prefixes-are-whole"),
        pytest.param("SMS Ready", None, LineKind.URC, id="word"),
        pytest.param("SMS Readyness", None, LineKind.TEXT, id="words-are-whole"),
        pytest.param("NO CARRIER", Command("+CSQ"), LineKind.FINAL, id="call-end-ends-a-command"),
        pytest.param("NO CARRIER", CMGS, LineKind.URC, id="call-end-never-ends-a-submission"),
        pytest.param("NO CARRIER", None, LineKind.URC, id="call-end-alone"),
        pytest.param("MODEM ERROR: 3", Command(""), LineKind.FINAL, id="vendor-final"),
        pytest.param("867322001234567", Command("+CGSN"), LineKind.TEXT, id="bare-answer"),
    ],
)
def test_line_is_sorted(line: str, in_flight: Command | None, kind: LineKind) -> None:
    assert sort_line(line, in_flight, URCS) is kind


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n", id="no-echo"),
        pytest.param(b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n", id="echo"),
        pytest.param(b"AT+CSQ\r\r\r\n\r\r\n+CSQ: 20,99\r\r\n\r\r\nOK\r\r\n", id="doubled-cr"),
        pytest.param(b"\0\0\r\n+CS\0Q: 20,99\r\n\0\r\nO\0K\r\n", id="nuls"),
        pytest.param(b"+CSQ: 20,99\r\nOK\r\n", id="no-leading-line-break"),
        pytest.param(b"\r\n+CSQ: 20,99OK\r\n", id="glued-result"),
        pytest.param(b"+CSQ: 20,99\r\n0\r", id="numeric-result"),
        pytest.param(b"\xfe\xff\r\n\xff+CSQ: 20,99\xfe\r\nOK\xff\r\n", id="binary-around"),
        pytest.param(b"at+csq\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n", id="echo-in-lower-case"),
    ],
)
def test_answer_is_read_in_every_dress(reply: bytes) -> None:
    events = [event for event in machine(CSQ).receive(reply) if not isinstance(event, Noise)]
    assert events == [Answered(CSQ, ("+CSQ: 20,99",), None)]


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("ERROR", CommandError, None),
        ("4", CommandError, None),
        ("COMMAND NOT SUPPORT", CommandError, None),
        ("TOO MANY PARAMETERS", CommandError, None),
        ("NA", CommandError, None),
        ("MODEM ERROR: 7", CommandError, None),
        ("NO CARRIER", CommandError, None),
        ("BUSY", CommandError, None),
        ("NO ANSWER", CommandError, None),
        ("NO DIALTONE", CommandError, None),
        ("+CME ERROR: 14", CmeError, 14),
        ("+CME ERROR: SIM busy", CmeError, 14),
        ("+CME ERROR:SIM PIN required", CmeError, 11),
        ("+CME ERROR: words nobody knows", CmeError, None),
        ("+CMS ERROR: 512", CmsError, 512),
        ("+CMS ERROR: network timeout", CmsError, 332),
        ("+CMS ERROR: Unknown error", CmsError, 500),
        ("+CMS ERROR:", CmsError, None),
    ],
)
def test_error_ends_the_command(line: str, kind: type[CommandError], code: int | None) -> None:
    (event,) = machine(Command("+CPMS?")).receive(f"\r\n{line}\r\n".encode())
    assert isinstance(event, Answered)
    assert type(event.error) is kind
    assert getattr(event.error, "code", None) == code
    assert event.error is not None
    assert "AT+CPMS?" in str(event.error)


@pytest.mark.parametrize(
    "prompt",
    [b"\r\n> ", b"\r\n>", b"> \r\n", b">\r\n", b"AT+CMGS=14\r\r\n> ", b"AT+CMGS=14> ", b"\xff> "],
)
def test_prompt_is_seen_in_every_dress(prompt: bytes) -> None:
    at = machine(CMGS)
    assert [e for e in at.receive(prompt) if not isinstance(e, Noise)] == [Prompt()]
    at.write_body()
    events = at.receive(b"\r\n+CMGS: 17\r\n\r\nOK\r\n")
    assert events == [Info(CMGS, "+CMGS: 17"), Answered(CMGS, ("+CMGS: 17",), None)]


@pytest.mark.parametrize(
    ("octets", "urc"),
    [
        (b'\r\n+CMTI: "SM",3\r\n\r\n> ', '+CMTI: "SM",3'),
        (b'\r\n+CMTI: "SM",3> ', '+CMTI: "SM",3'),
        (b'\r\n+CUSD: 0,"a > b",15\r\n> ', '+CUSD: 0,"a > b",15'),
    ],
)
def test_urc_before_the_prompt_is_not_lost(octets: bytes, urc: str) -> None:
    assert machine(CMGS).receive(octets) == [Unsolicited(urc), Prompt()]


def test_urc_glued_behind_the_prompt_is_not_lost() -> None:
    assert machine(CMGS).receive(b'\r\n> +CMTI: "SM",3\r\n') == [Prompt(), Unsolicited('+CMTI: "SM",3')]


def test_text_in_quotes_is_no_prompt() -> None:
    assert machine(CMGS).receive(b'\r\n+CUSD: 0,"a >') == []


def test_echoed_pdu_is_dropped() -> None:
    events = submitted().receive(PDU.encode() + b"\x1a\r\n\r\n+CMGS: 4\r\n\r\nOK\r\n")
    assert events == [Info(CMGS, "+CMGS: 4"), Answered(CMGS, ("+CMGS: 4",), None)]


def test_echo_cut_by_a_urc_is_dropped() -> None:
    events = machine(CSQ).receive(b"AT+C\r\n^RSSI:9\r\nSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
    assert events == [Unsolicited("^RSSI:9"), Answered(CSQ, ("+CSQ: 9,99",), None)]


def test_urc_glued_to_a_result_is_told_apart() -> None:
    events = machine(Command("")).receive(b'\r\nOK+CMTI: "SM",3\r\n')
    assert events == [Answered(Command(""), (), None), Unsolicited('+CMTI: "SM",3')]


def test_result_glued_to_a_urc_is_told_apart() -> None:
    events = submitted().receive(b'\r\n+CMTI: "SM",3+CMGS: 9\r\nOK\r\n')
    assert events[0] == Unsolicited('+CMTI: "SM",3')
    assert events[1] == Info(CMGS, "+CMGS: 9")


def test_urc_inside_a_listing_is_taken_out() -> None:
    command = Command("+CMGL=4", info=("+CMGL:",))
    events = machine(command).receive(
        b"\r\n+CMGL: 1,1,,24\r\n^RSSI:3\r\n0791AA\r\n+CDS: 25\r\n" + REPORT.encode() + b"\r\n+CMGL: 2,1,,24\r\n"
        b"0791BB\r\n\r\nOK\r\n"
    )
    assert events == [
        Unsolicited("^RSSI:3"),
        Unsolicited("+CDS: 25", REPORT),
        Answered(command, ("+CMGL: 1,1,,24", "0791AA", "+CMGL: 2,1,,24", "0791BB"), None),
    ]


def test_listing_without_line_breaks_is_taken_apart() -> None:
    command = Command("+CMGL=4", info=("+CMGL:",))
    (event,) = machine(command).receive(b"\r\n+CMGL: 1,1,,24\r\n0791AA+CMGL: 2,1,,24\r\n0791BBOK\r\n")
    assert event == Answered(command, ("+CMGL: 1,1,,24", "0791AA", "+CMGL: 2,1,,24", "0791BB"), None)


def test_zte_report_header_has_a_comma() -> None:
    events = machine().receive(f"\r\n+CDS: ,25\r\n{REPORT}\r\n".encode())
    assert events == [Unsolicited("+CDS: ,25", REPORT)]


def test_header_without_pdu_ends_at_the_next_result() -> None:
    events = machine(CSQ).receive(b"\r\n+CMT: ,24\r\n\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
    assert events == [Unsolicited("+CMT: ,24"), Answered(CSQ, ("+CSQ: 9,99",), None)]


def test_header_without_pdu_does_not_eat_a_bare_answer() -> None:
    command = Command("+CGSN")
    events = machine(command).receive(b"\r\n+CMT: ,24\r\n\r\n867322001234567\r\n\r\nOK\r\n")
    assert events == [Unsolicited("+CMT: ,24"), Answered(command, ("867322001234567",), None)]


def test_urc_between_header_and_pdu_costs_nothing() -> None:
    at = machine()
    assert at.receive(b'\r\n+CDS: 25\r\n+CMTI: "SM",1\r\n') == [Unsolicited('+CMTI: "SM",1')]
    assert at.awaits_pdu
    assert at.receive(REPORT.encode() + b"\r\n") == [Unsolicited("+CDS: 25", REPORT)]


def test_header_can_be_given_up() -> None:
    at = machine()
    at.receive(b"\r\n+CMT: ,24\r\n")
    assert at.end_header() == [Unsolicited("+CMT: ,24")]
    assert not at.awaits_pdu


def test_damaged_pdu_is_kept() -> None:
    damaged = REPORT[:-3] + "x" + REPORT[-2:]
    assert machine().receive(f"\r\n+CDS: 25\r\n{damaged}\r\n".encode()) == [Unsolicited("+CDS: 25", damaged)]


def test_wavecom_cpin_ends_without_ok() -> None:
    command = Command("+CPIN?", final_prefixes=("+CPIN:",))
    assert machine(command).receive(b"\r\n+CPIN: READY\r\n") == [Answered(command, ("+CPIN: READY",), None)]


def test_ok_without_cmgs_is_told_as_it_came() -> None:
    assert submitted().receive(b"\r\nOK\r\n") == [Answered(CMGS, (), None)]


def test_cmgs_counts_without_ok() -> None:
    at = submitted()
    assert at.receive(b"\r\n+CMGS: 200\r\n") == [Info(CMGS, "+CMGS: 200")]
    assert at.give_up() == ("+CMGS: 200",)
    at.send(CSQ)
    assert at.receive(b"\r\nOK\r\n\r\n+CSQ: 9,99\r\n\r\nOK\r\n") == [Answered(CSQ, ("+CSQ: 9,99",), None)]
    assert at.in_sync


def test_cmgs_without_number_counts() -> None:
    assert submitted().receive(b"\r\n+CMGS\r\n\r\nOK\r\n")[0] == Info(CMGS, "+CMGS")


def test_cmgs_of_an_earlier_session_is_told() -> None:
    assert machine().receive(b"\r\n+CMGS: 7\r\n") == [Unsolicited("+CMGS: 7")]


def test_second_command_at_once_is_refused() -> None:
    with pytest.raises(RuntimeError, match="in flight"):
        machine(CSQ).send(CSQ)


def test_body_without_prompt_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no prompt"):
        machine(CMGS).write_body()


@pytest.mark.parametrize("text", ["+CSQ\r", '+CUSD=1,"\x1a"', "+CSQ\nAT", "é"])
def test_command_line_cannot_hold_a_second_command(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        Command(text)


def test_body_is_hex_and_one_ctrl_z() -> None:
    with pytest.raises(ValueError, match="hex"):
        Command("+CMGS=3", body=b"00\x1a11\x1a")
