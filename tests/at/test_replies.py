"""What modems answer, in every form that was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.at import replies
from modemfarm.at.replies import Operator, Registration, Storage, Stored, StoredAt, UssdReply


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("+CREG: 1", Registration("CREG", "home")),
        ("+CREG: 0,1", Registration("CREG", "home")),
        ("+CREG: 2,5", Registration("CREG", "roaming")),
        ("+CREG: 0,3", Registration("CREG", "denied")),
        ("+CREG: 2", Registration("CREG", "searching")),
        ("+CREG:0,0", Registration("CREG", "none")),
        ("+CREG: 0, 1", Registration("CREG", "home")),
        ("+CREG: 4", Registration("CREG", "unknown")),
        ("+CREG: 0,6", Registration("CREG", "home", sms_only=True)),
        ('+CREG: 1,"00C3","A1B2"', Registration("CREG", "home", "00C3", "A1B2")),
        ('+CREG: 2,1,"00C3","A1B2"', Registration("CREG", "home", "00C3", "A1B2")),
        ('+CREG: 2,1,"00C3","0001A1B2",2', Registration("CREG", "home", "00C3", "0001A1B2", "3G")),
        ("+CREG: 2,1,00C3,A1B2", Registration("CREG", "home", "00C3", "A1B2")),
        ("+CREG: 1,00C3,A1B2", Registration("CREG", "home", "00C3", "A1B2")),
        ('+CEREG: 2,1,"1A2B","01C3D4E5",7', Registration("CEREG", "home", "1A2B", "01C3D4E5", "4G")),
        ('+CEREG: 5,"1A2B","01C3D4E5",7', Registration("CEREG", "roaming", "1A2B", "01C3D4E5", "4G")),
        ('+CGREG: 2,1,"1A2B","01C3",2,"0A"', Registration("CGREG", "home", "1A2B", "01C3", "3G")),
        ('+CREG: 2,0,"",""', Registration("CREG", "none")),
        ("+CREG:", None),
        ("+CSQ: 1,2", None),
    ],
)
def test_registration(line: str, found: Registration | None) -> None:
    assert replies.parse_registration(line) == found


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CSQ: 0,0", -113),
        ("+CSQ: 20,99", -73),
        ("+CSQ: 31,99", -51),
        ("+CSQ: 99,99", None),
        ("+CSQ: 116,99", -100),
        ("+CSQ: 16.0,99", -81),
        ("+CSQ:", None),
        ("+CREG: 1", None),
    ],
)
def test_signal(line: str, dbm: int | None) -> None:
    assert replies.parse_csq(line) == dbm


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('+COPS: 0,0,"Mobile, Inc.",7', Operator(0, "Mobile, Inc.", "4G")),
        ('+COPS: 0,2,"46000"', Operator(0, "46000", None)),
        ("+COPS: 0", Operator(0, None, None)),
        ("+COPS: x", None),
    ],
)
def test_operator(line: str, found: Operator | None) -> None:
    assert replies.parse_cops(line) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('+CPMS: "SM",3,50,"SM",3,50,"SM",3,50', (Storage("SM", 3, 50),) * 3),
        ('+CPMS: "ME",0,23,"SM",1,50', (Storage("ME", 0, 23), Storage("SM", 1, 50))),
        ("+CPMS: 3,50,3,50,3,50", (Storage(None, 3, 50),) * 3),
        ('+CPMS: "SM","SM","SM"', ()),
        ("+CPMS:", ()),
    ],
)
def test_storage(line: str, found: tuple[Storage, ...]) -> None:
    assert replies.parse_cpms(line) == found


@pytest.mark.parametrize(
    ("line", "prefix", "found"),
    [
        ('+CPMS: ("SM","ME"),("SM"),("SM","MT")', "+CPMS:", (("SM", "ME"), ("SM",), ("SM", "MT"))),
        ('+CPMS: (("SM","BM","SR"),("SM"))', "+CPMS:", (("SM", "BM", "SR"), ("SM",))),
        (
            "+CNMI: (0-2),(0,1,3),(0),(0,1),(1)",
            "+CNMI:",
            (("0", "1", "2"), ("0", "1", "3"), ("0",), ("0", "1"), ("1",)),
        ),
        ("+CNMI: (0-999999999)", "+CNMI:", (tuple(str(n) for n in range(256)),)),
    ],
)
def test_choices(line: str, prefix: str, found: tuple[tuple[str, ...], ...]) -> None:
    assert replies.parse_choices(line, prefix) == found


def test_cnmi() -> None:
    assert replies.parse_cnmi("+CNMI: 2,1,0,2,0") == (2, 1, 0, 2, 0)
    assert replies.parse_cnmi("ERROR") == ()


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["+CMGL: 0,1,,24", "07AA", "+CMGL: 7,0,,25", "07BB"], (Stored(0, 1, 24, "07AA"), Stored(7, 0, 25, "07BB"))),
        (['+CMGL: 3,1,"Bob, Jr.",24', "07AA"], (Stored(3, 1, 24, "07AA"),)),
        (["+CMGL: 1,1,,24", "+CMGL: 2,1,,25", "07BB"], (Stored(2, 1, 25, "07BB"),)),
        (["+CMGR: 1,,24", "07AA"], (Stored(None, 1, 24, "07AA"),)),
        (["+CMGR: ,24", "07AA"], (Stored(None, None, 24, "07AA"),)),
        (["+CMGR: 24", "07AA"], (Stored(None, None, 24, "07AA"),)),
        (["+CMGR: 0,,0"], ()),
        ([], ()),
        (["07AA"], ()),
    ],
)
def test_stored_messages(lines: list[str], found: tuple[Stored, ...]) -> None:
    assert replies.parse_stored(lines) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('+CMTI: "SM",3', StoredAt("SM", 3)),
        ('+CMTI: "ME", 0', StoredAt("ME", 0)),
        ("+CMTI: ,-1", StoredAt("", None)),
        ("+CMTI: SM,3", StoredAt("SM", 3)),
        ("+CMTI: 3", StoredAt("", 3)),
        ("+CDSI: 3", None),
    ],
)
def test_new_message_indication(line: str, found: StoredAt | None) -> None:
    assert replies.parse_cmti(line) == found


def test_new_report_indication() -> None:
    assert replies.parse_cdsi('+CDSI: "SR",12') == StoredAt("SR", 12)


@pytest.mark.parametrize(
    ("line", "found"),
    [("+CPIN: READY", "READY"), ("+CPIN:SIM PIN", "SIM PIN"), ('+CPIN: "sim puk"', "SIM PUK"), ("+CPIN:", None)],
)
def test_pin(line: str, found: str | None) -> None:
    assert replies.parse_cpin(line) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (['+CNUM: "","+8613800138000",145'], "+8613800138000"),
        (['+CNUM: ,"8613800138000",145,7,4'], "+8613800138000"),
        (['+CNUM: "Line, 1","13800138000",129'], "13800138000"),
        (['+CNUM: "","",255', '+CNUM: "","123456",129'], "123456"),
        (['+CNUM: "","",145'], None),
        ([], None),
    ],
)
def test_own_number(lines: list[str], found: str | None) -> None:
    assert replies.parse_cnum(lines) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('+CSCA: "+8613800100500",145', "+8613800100500"),
        ('+CSCA: "8613800100500",145', "+8613800100500"),
        ('+CSCA: "002B0038003600310033",145', "+8613"),
        ('+CSCA: "",129', None),
        ("+CSCA: ,", None),
    ],
)
def test_smsc(line: str, found: str | None) -> None:
    assert replies.parse_csca(line) == found


@pytest.mark.parametrize(
    "lines",
    [
        ["8986012345678901234f"],
        ["+CCID: 8986012345678901234F"],
        ['+CCID: "89860123456789012345"'],
        ["^ICCID: 98681032547698103254"],
        ['+CRSM: 144,0,"98681032547698103254"'],
        ["+CRSM: 144,0,98681032547698103254"],
        ["noise", "+ICCID: 89860123456789012345"],
    ],
)
def test_iccid_in_every_form(lines: list[str]) -> None:
    assert replies.parse_iccid(lines) == "8986012345678901234"


@pytest.mark.parametrize("lines", [[], ["+CCID:"], ["+CRSM: 106,130"], ['+CRSM: 105,130,""'], ["+CCID: 123"]])
def test_no_iccid(lines: list[str]) -> None:
    assert replies.parse_iccid(lines) is None


@pytest.mark.parametrize(
    ("line", "mr"),
    [
        ("+CMGS: 0", 0),
        ("+CMGS:255", 255),
        ('+CMGS: 12,"x"', 12),
        ("+CMGS: 256", None),
        ("+CMGS:", None),
        ("+CMGS", None),
    ],
)
def test_message_reference(line: str, mr: int | None) -> None:
    assert replies.parse_cmgs(line) == mr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('+CUSD: 0,"Your balance: 12,50",15', UssdReply(0, "Your balance: 12,50", 15)),
        ('+CUSD: 1,"Say "hi"",15', UssdReply(1, 'Say "hi"', 15)),
        ("+CUSD: 2", UssdReply(2, None, None)),
        ('+CUSD: 0,"00410042",72', UssdReply(0, "00410042", 72)),
        ("+CUSD: 0,AA180C3602,15", UssdReply(0, "AA180C3602", 15)),
        ("+CUSD: 4,,", None),
        ("+CUSD:", None),
    ],
)
def test_ussd(line: str, found: UssdReply | None) -> None:
    assert replies.parse_cusd(line) == found


@given(st.text(max_size=60))
def test_anything_is_read_or_left(tail: str) -> None:
    replies.parse_registration(f"+CREG: {tail}")
    replies.parse_csq(f"+CSQ: {tail}")
    replies.parse_cops(f"+COPS: {tail}")
    replies.parse_cpms(f"+CPMS: {tail}")
    replies.parse_choices(f"+CPMS: {tail}", "+CPMS:")
    replies.parse_cnmi(f"+CNMI: {tail}")
    replies.parse_stored([f"+CMGL: {tail}", tail])
    replies.parse_cmti(f"+CMTI: {tail}")
    replies.parse_cpin(f"+CPIN: {tail}")
    replies.parse_cnum([f"+CNUM: {tail}"])
    replies.parse_csca(f"+CSCA: {tail}")
    replies.parse_iccid([tail, f"+CRSM: {tail}"])
    replies.parse_cmgs(f"+CMGS: {tail}")
    replies.parse_cusd(f"+CUSD: {tail}")
