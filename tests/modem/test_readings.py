"""What vendors answer is read, or not at all: never wrongly."""

from __future__ import annotations

import pytest

from modemfarm.modem import readings
from modemfarm.modem.readings import PARSERS, Query
from tests.modem.fakes import profiles


@pytest.mark.parametrize(
    ("profile", "lines", "left"),
    [
        pytest.param("generic", ["+CPINR: SIM PIN,3,3"], 3, id="cpinr"),
        pytest.param("generic", ['+CPINR: "SIM PUK",10,10', '+CPINR: "SIM PIN",2,3'], 2, id="cpinr-among-others"),
        pytest.param("generic", ["+CPINR: SIM PIN2,3,3"], None, id="cpinr-of-another-code"),
        pytest.param("huawei_e", ["^CPIN: SIM PIN,3,10,2,10,3"], 2, id="huawei"),
        pytest.param("huawei_e", ["^CPIN: READY,,10,3,10,3"], 3, id="huawei-ready"),
        pytest.param("huawei_e", ["^CPIN: SIM PIN,3"], None, id="huawei-short"),
        pytest.param("quectel_4g", ['+QPINC: "P2",3,10', '+QPINC: "SC",1,10'], 1, id="quectel"),
        pytest.param("simcom_2g", ["+SPIC: 3,10,3,10"], 3, id="simcom"),
        pytest.param("wavecom", ["+CPINC: 2,3,10,10"], 2, id="wavecom"),
        pytest.param("telit", ["#PCT: 3"], 3, id="telit"),
        pytest.param("ublox", ["+UPINCNT: 3,3,10,10"], 3, id="ublox"),
        pytest.param("cinterion", ["^SPIC: 3"], 3, id="cinterion"),
        pytest.param("mediatek", ["+EPINC: 3, 3, 10, 10"], 3, id="mediatek"),
        pytest.param("fibocom", ["+XPINCNT: 3, 3, 10, 10"], 3, id="fibocom"),
        pytest.param("zte", ["+ZPINPUK: 3,10"], 3, id="zte"),
        pytest.param("quectel_2g", ["+QTRPIN: 3,3,10,10"], 3, id="quectel-2g"),
        pytest.param("simcom_2g", ["+SPIC: 65535,10"], None, id="no-card-has-so-many"),
        pytest.param("simcom_2g", ["+SPIC: ,10"], None, id="empty"),
        pytest.param("simcom_2g", ["3"], None, id="another-line"),
        pytest.param("simcom_2g", [], None, id="nothing"),
    ],
)
def test_the_tries_of_a_pin_are_read_only_where_they_are_sure(profile: str, lines: list[str], left: int | None) -> None:
    query = next(item for item in profiles() if item.name == profile).pin_counter[0]
    assert readings.pin_tries(query, lines) == left


@pytest.mark.parametrize(
    ("query", "lines", "dbm"),
    [
        (Query("+CSQ", "+CSQ:", "csq"), ["+CSQ: 20,99"], -73),
        (Query("+CSQ", "+CSQ:", "csq"), ["+CSQ: 99,99"], None),
        (Query("+CESQ", "+CESQ:", "cesq"), ["+CESQ: 99,99,255,255,20,50"], -91),
        (Query("+CESQ", "+CESQ:", "cesq"), ["+CESQ: 30,0,255,255,255,255"], -81),
        (Query("+CESQ", "+CESQ:", "cesq"), ["+CESQ: 99,99,255,255,255,255"], None),
        (Query("^HCSQ?", "^HCSQ:", "hcsq"), ['^HCSQ:"WCDMA",50,48,55'], -71),
        (Query("^HCSQ?", "^HCSQ:", "hcsq"), ['^HCSQ:"NOSERVICE"'], None),
        (Query("^HCSQ?", "^HCSQ:", "hcsq"), ['^HCSQ:"LTE",255,255,255,255'], None),
        (Query("+QCSQ", "+QCSQ:", "dbm", 1), ['+QCSQ: "LTE",-52,-81,195,-10'], -52),
        (Query("+QCSQ", "+QCSQ:", "dbm", 1), ['+QCSQ: "LTE",52,-81,195,-10'], None),
        (Query("!GSTATUS?", "", "rssi_named"), ["Mode: ONLINE", "RSSI (dBm):\t-61\tTx Power: 0"], -61),
        (Query("!GSTATUS?", "", "rssi_named"), ["PCC RxM RSSI: -66\tRSRP (dBm): -97"], -66),
    ],
)
def test_signal_is_in_dbm_or_unknown(query: Query, lines: list[str], dbm: int | None) -> None:
    assert readings.signal_dbm(query, lines) == dbm


@pytest.mark.parametrize(
    ("query", "lines", "technology"),
    [
        (Query("^SYSINFOEX", "^SYSINFOEX:", "name", 6), ['^SYSINFOEX:2,3,0,1,,3,"WCDMA",41,"HSPA+"'], "3G"),
        (Query("^SYSINFO", "^SYSINFO:", "sysinfo", 3), ["^SYSINFO:2,3,0,5,1,,4"], "3G"),
        (Query("^SYSINFO", "^SYSINFO:", "sysinfo", 3), ["^SYSINFO:2,3,0,0,1"], None),
        (Query("+QNWINFO", "+QNWINFO:", "name"), ['+QNWINFO: "FDD LTE","46000","LTE BAND 3",1300'], "4G"),
        (Query("+QNWINFO", "+QNWINFO:", "name"), ["+QNWINFO: No Service"], None),
        (Query("+CNSMOD?", "+CNSMOD:", "cnsmod", 1), ["+CNSMOD: 0,8"], "4G"),
        (Query("+CPSI?", "+CPSI:", "name"), ["+CPSI: NO SERVICE,Online"], None),
        (Query("*CNTI=0", "*CNTI:", "name", 1), ["*CNTI: 0,HSPA+"], "3G"),
        (Query("#PSNT?", "#PSNT:", "psnt", 1), ["#PSNT: 0,0"], "2G"),
        (Query("#PSNT?", "#PSNT:", "psnt", 1), ["#PSNT: 0"], None),
        (Query("+ZPAS?", "+ZPAS:", "name"), ['+ZPAS: "UMTS","CS_PS"'], "3G"),
        (Query("^SMONI", "^SMONI:", "name"), ["^SMONI: 4G,6300,20,10,10,FDD,262"], "4G"),
    ],
)
def test_technology_is_a_generation_or_unknown(query: Query, lines: list[str], technology: str | None) -> None:
    assert readings.technology(query, lines) == technology


@pytest.mark.parametrize(
    ("query", "lines", "degrees"),
    [
        (Query("^CHIPTEMP?", "^CHIPTEMP:", "tenths"), ["^CHIPTEMP: 320,65535,65535"], 32),
        (Query("^CHIPTEMP?", "^CHIPTEMP:", "tenths"), ["^CHIPTEMP: 65535,65535"], None),
        (Query("+CMTE?", "+CMTE:", "number", 1), ["+CMTE: 0,29.26"], 29),
        (Query("!PCTEMP?", "", "last_number"), ["Temp state: Normal", "Temperature: 31.40"], 31),
        (Query("+QTEMP", "+QTEMP:", "number"), [], None),
    ],
)
def test_temperature_is_in_degrees_or_unknown(query: Query, lines: list[str], degrees: int | None) -> None:
    assert readings.temperature_c(query, lines) == degrees


@pytest.mark.parametrize(
    ("query", "lines", "millivolts"),
    [
        (Query("+CBC", "+CBC:", "number", 2), ["+CBC: 0,95,4100"], 4100),
        (Query("+CBC", "+CBC:", "last_number"), ["+CBC: 3.891V"], 3891),
        (Query("+CBC", "+CBC:", "number", 2), ["+CBC: 0,0"], None),
        (Query("^SBV", "^SBV:", "number"), ["^SBV: 65535"], None),
    ],
)
def test_voltage_is_in_millivolts_or_unknown(query: Query, lines: list[str], millivolts: int | None) -> None:
    assert readings.voltage_mv(query, lines) == millivolts


@pytest.mark.parametrize("line", ["", ",", '"', "+", "x" * 300, '"",,"",', "-", "--5", "1e9", "٣,٣"])
@pytest.mark.parametrize("key", PARSERS)
def test_nothing_that_a_modem_says_is_an_error(key: str, line: str) -> None:
    read = {
        "iccid": readings.iccid,
        "own_number": readings.own_number,
        "pin_counter": readings.pin_tries,
        "signal": readings.signal_dbm,
        "technology": readings.technology,
        "temperature": readings.temperature_c,
        "voltage": readings.voltage_mv,
        "ready": readings.number,
    }[key]
    for parser in PARSERS[key]:
        for field in (0, 3, 19):
            read(Query("+X?", "+X:", parser, field), [f"+X: {line}", line])
