"""What may be typed at a modem in use: queries, settings by force, messages and IMEIs never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.modem.console import judge

NEVER = [
    ("AT+CMGS=23", "sends"),
    ('at+cmgs="+8613800138000"', "sends"),
    ("AT+CMSS=1", "sends"),
    ("AT+CMGW=23", "sends"),
    ("AT+CMGC=2", "sends"),
    ("AT+CSQ;+CMGS=23", "sends"),
    ("AT+CSQ+CMGS=23", "sends"),
    ("ATE0V1+CMGS=23", "sends"),
    ("AT + C M G S = 23", "sends"),
    ("AT$QCMGS=1", "sends"),
    ('AT+EGMR=1,7,"490154203237518"', "imei"),
    ("AT+CSQ;+EGMR=1,7,1", "imei"),
    ("AT+SIMEI=490154203237518", "imei"),
    ("AT^PHYNUM=IMEI,490154203237518", "imei"),
    ('AT+QCFG="imei","490154203237518"', "imei"),
    ("AT+CGSN=490154203237518", "imei"),
    ("AT^NVWR=550,0,8", "imei"),
    ("AT+CMGSEX=1", "sends"),
    ('AT+CMGSO="10086"', "sends"),
    ("AT+CMGCX=1", "sends"),
    ("AT^SCMS=1", "sends"),
    ("AT+CMMSSEND", "sends"),
    ('AT+GTSN=1,7,"490154203237518"', "imei"),
    ('AT+LCTSN=1,7,"490154203237518"', "imei"),
    ('AT+GSN="490154203237518"', "imei"),
    ("AT*MRD_IMEI=W,0,490154203237518", "imei"),
    ('AT+SGMR=0,1,7,"490154203237518"', "imei"),
    ("AT^NVWREX=550,0,9,1", "imei"),
    ('AT+CPIN="1234"', "pin"),
    ("at+cpin=1234", "pin"),
    ("AT+C PIN = 1234", "pin"),
    ("AT+CSQ+CPIN=1234", "pin"),
    ('AT+CPIN="1234";+EGMR=1,7,1', "pin"),
    ('AT+CPIN="12345678","1234"', "pin"),
    ('AT+CPWD="SC","1234","4321"', "pin"),
    ('AT+CLCK="SC",1,"1234"', "pin"),
    ('AT+CLCK="SC",0,"1234"', "pin"),
    ("ATD**04*1234*5678*5678#", "pin"),
    ('AT+CUSD=1,"**05*12345678*1234*1234#"', "pin"),
    ('AT+CMGD=1;+CPIN="1234"', "pin"),
    ('AT+CSIM=26,"002000010831323334FFFFFFFF"', "pin"),
    ('AT+CGLA=1,26,"002000010831323334FFFFFFFF"', "pin"),
    ('AT+CRSM=32,0,0,1,8,"31323334FFFFFFFF"', "pin"),
]
FORCE = [
    ('AT+CLCK="AO",1,"1234"', "lock"),
    ("ATD+8613800138000;?", "dial"),
    ("ATD112;?", "dial"),
    ("ATDL?", "dial"),
    ("ATD>1;?", "dial"),
    ("AT+CSQ;D112?", "dial"),
    ("AT+CMGL=4+CMGD=1,4", "setting"),
    ('AT^CARDLOCK="12345678"', "lock"),
    ('AT+CSIM=14,"A0A40000023F00"', "lock"),
    ("ATD+8613800138000;", "dial"),
    ("ATD*99#", "dial"),
    ("ATA", "dial"),
    ('AT+CUSD=1,"*100#",15', "dial"),
    ("AT+CMGD=1,4", "wipe"),
    ("AT+CMGD=3", "wipe"),
    ("AT&W", "persistent"),
    ("ATE0&W", "persistent"),
    ("AT&F", "persistent"),
    ("ATZ", "persistent"),
    ("AT^U2DIAG=0", "persistent"),
    ('AT+QCFG="usbnet",1', "persistent"),
    ("AT+IPR=9600", "persistent"),
    ("AT+CFUN=1,1", "setting"),
    ("AT+CMGF=1", "setting"),
    ("AT+CNMI=2,1", "setting"),
    ("AT^RESET", "setting"),
    ("AT+UNHEARDOF", "setting"),
    ("ATS3=65", "setting"),
    ("AT+CSQ;+CMGF=1", "setting"),
]
FREE = [
    "AT", "at", "ATI", "AT+CSQ", "AT+CREG?", "AT+COPS=?", "AT+CPIN?", "AT+CGSN", "AT^ICCID?", "AT+QCCID", "AT&V",
    'AT+CPINR="SIM PIN"', 'AT+CLCK="SC",2', "AT+EGMR=0,7", "AT+SIMEI?", "AT+CMGL=4", "AT+CMGR=1", "ATS3?",
    "AT+CSQ;+CREG?;+COPS?", "AT+GTSN=0,7", "AT+CRSM=176,12258,0,0,10", 'AT+QCFG="band"', "AT+CUSD?",
]  # fmt: skip
UNREADABLE = [
    "",
    "hello",
    "A/",
    "ATA/",
    'AT+CPIN="1234',
    "AT+CSQ\x1a",
    "AT\rAT+CMGS=1",
    "AT+CSQ €",
    "AT" + "+CSQ;" * 200,
]


@pytest.mark.parametrize(("line", "kind"), NEVER)
def test_messages_and_imeis_are_refused_always(line: str, kind: str) -> None:
    assert (judge(line).verdict, judge(line).kind) == ("never", kind)


@pytest.mark.parametrize(("line", "kind"), FORCE)
def test_what_may_change_something_needs_force(line: str, kind: str) -> None:
    assert (judge(line).verdict, judge(line).kind) == ("force", kind)


@pytest.mark.parametrize("line", FREE)
def test_a_query_is_free(line: str) -> None:
    judged = judge(line)
    assert judged.verdict == "free"
    assert judged.text == line[2:]


@pytest.mark.parametrize("line", UNREADABLE)
def test_what_is_no_command_line_goes_nowhere(line: str) -> None:
    assert judge(line).verdict == "unreadable"


@given(
    before=st.sampled_from(["", "+CSQ;", "E0", "+CREG?;", "S3?", ";"]),
    name=st.sampled_from(["+CMGS=5", "+CMSS=1", "+CMGW=5", "+EGMR=1,7,1", "+SIMEI=1", "^PHYNUM=IMEI,1"]),
    spaces=st.lists(st.integers(0, 12), max_size=4),
    lower=st.booleans(),
)
def test_no_spelling_gets_a_message_or_an_imei_through(before: str, name: str, spaces: list[int], lower: bool) -> None:
    line = before + name
    for at in spaces:
        line = line[:at] + " " + line[at:]
    assert judge("AT" + (line.lower() if lower else line)).verdict in {"never", "unreadable"}


@given(st.text(max_size=40))
def test_nothing_that_is_typed_breaks_the_judge(line: str) -> None:
    judged = judge("AT" + line)
    assert judged.verdict in {"free", "force", "never", "unreadable"}
    if judged.verdict != "unreadable":
        assert judged.text.isascii()
        assert judged.text.isprintable()
