"""How each family of virtual modem differs, written from vendor manuals and field reports.

Letters in brackets name the evidence: [MM] ModemManager's plugins, [OF] oFono's drivers, [GA] Gammu's sources and
issues, [CD] asterisk-chan-dongle, [CQ] asterisk-chan-quectel, [SL] SMSLib, [TG] TinyGSM, [EC25] [SIM800] vendor AT
manuals. What carries no letter is the behaviour of TS 27.005 and TS 27.007. Nothing here is read from driver profiles:
the simulator and the profiles must not share a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CnmiRules:
    """What +CNMI takes (TS 27.005 §3.4.1).

    Attributes:
        offered: the answer to ``AT+CNMI=?``, after the prefix.
        allowed: values taken for mode, mt, bm, ds, bfr; a value that is offered but refused is missing here.
    """

    offered: str
    allowed: tuple[frozenset[int], frozenset[int], frozenset[int], frozenset[int], frozenset[int]]


@dataclass(frozen=True, slots=True)
class Personality:
    """One family.

    Attributes:
        iccid_command: the vendor's own command, "" when only +CRSM tells the ICCID.
        iccid_kind: ``run`` (``AT+CCID``) or ``read`` (``AT^ICCID?``).
        iccid_prefix: what stands before the digits in the answer; "" where the prefix is missing.
        cpin_says_ok: False where ``+CPIN: READY`` ends without OK.
        cpms_offered: answer to ``AT+CPMS=?`` after the prefix, malformed where the modem's is.
        cpms_memories: how many memories +CPMS shows and sets; 2 or 3.
        cpms_arguments: how many arguments ``AT+CPMS=`` takes.
        capacities: slots per memory of the modem itself; SM comes with the card.
        report_memory: where a status report goes with ds=2; "" is mem3.
        announces_report_wrongly: ``+CDSI: "SM",0`` whatever slot took it.
        empty_slot: CMS code of +CMGR on an empty slot, or 0 for a bare OK.
        boot: (seconds after power-on, line).
        sms_ready_after_s: before that, SMS commands are refused with CMS 302.
        chatter: lines said every now and then.
        chatter_off: command that silences them, with its arguments.
        restart: +CFUN arguments that restart the modem.
        drops_port: the port goes away during a restart (USB re-enumeration).
        settle_s: after a restart, SIM commands answer CME 515 (please wait) for so long.
        ussd_packed: USSD strings are packed septets in hex.
    """

    name: str
    manufacturer: str
    model: str
    revision: str
    information: tuple[str, ...]
    echo: bool
    iccid_command: str
    iccid_kind: str
    iccid_prefix: str
    cnmi: CnmiRules
    cpms_offered: str
    capacities: Mapping[str, int]
    boot: tuple[tuple[float, str], ...]
    crsm: bool = True
    cpin_says_ok: bool = True
    cpms_memories: int = 3
    cpms_arguments: frozenset[int] = frozenset({1, 2, 3})
    first_memory: str = "SM"
    report_memory: str = ""
    announces_report_wrongly: bool = False
    index_base: int = 1
    empty_slot: int = 0
    unknown_command: str = "ERROR"
    sms_ready_after_s: float = 0.0
    chatter: tuple[str, ...] = ()
    chatter_off: tuple[str, str] = ("", "")
    full_line: str = ""
    sim_gone: tuple[str, ...] = ()
    sim_back: tuple[str, ...] = ()
    csms: frozenset[int] = frozenset({0, 1})
    cmms: frozenset[int] = frozenset({0, 1, 2})
    cmms_refusal: int = 500
    cnma: bool = True
    restart: frozenset[str] = frozenset({"1,1"})
    drops_port: bool = False
    settle_s: float = 0.0
    pin_counter: tuple[str, str] = ("+CPINR", "+CPINR: SIM PIN,{pin},3")
    ussd_packed: bool = False


def _ranges(*values: tuple[int, ...]) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(item) for item in values)


def _cnmi(offered: str, *values: tuple[int, ...]) -> CnmiRules:
    mode, mt, bm, ds, bfr = _ranges(*values)
    return CnmiRules(offered, (mode, mt, bm, ds, bfr))


HUAWEI = Personality(
    # E1xx/E173 stick. Echo on after power-up; CGMI in lower case and CGMM "E173" [CD, MM].
    name="huawei",
    manufacturer="huawei",
    model="E173",
    revision="11.126.15.00.461",
    information=(
        "Manufacturer: huawei",
        "Model: E173",
        "Revision: 11.126.15.00.461",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+DS,+ES",
    ),
    echo=True,
    iccid_command="^ICCID",
    iccid_kind="read",
    iccid_prefix="^ICCID: ",
    # Qualcomm-based: ds=1 is listed and refused while 2 works [MM]; ds=2 announces +CDSI: "SM",n and the report
    # really lies in that store [CD].
    cnmi=_cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 2), (0, 1)),
    cpms_offered='("ME","SM"),("ME","SM"),("ME","SM")',
    capacities={"ME": 23},  # E1752: SM 50, ME 23 [GA]
    index_base=0,  # E-sticks start at 0 [GA]
    boot=(
        (0.0, "^BOOT:10551823,0,0,0,72"),
        (0.5, "^SIMST:1"),
        (1.0, "^SRVST:2"),
        (1.0, "^MODE:5,4"),
        (1.0, "^RSSI:18"),
    ),
    unknown_command="COMMAND NOT SUPPORT",  # instead of ERROR [CD, MM]
    chatter=(
        "^RSSI:18",
        "^BOOT:10551823,0,0,0,72",
        "^DSFLOWRPT:0000000C,00000000,00000000,0000000000000000,0000000000000000",
    ),
    chatter_off=("^CURC", "0"),  # silences the status lines, SMS lines stay [SL, GA]
    full_line='^SMMEMFULL: "{memory}"',
    sim_gone=("^SIMST:255", "^SRVST:0"),
    sim_back=("^SIMST:1", "^SRVST:2"),
    cmms=frozenset({0, 1}),  # E1752: CMS 500 on CMMS=2 [GA #138]
    drops_port=True,
    pin_counter=("^CPIN", "^CPIN: {state},{pin},10,{pin},10,3"),
    ussd_packed=True,  # 7-bit packed as hex both ways [CD, GA]
)

SIM800 = Personality(
    name="sim800",
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800",
    revision="Revision:1418B05SIM800L24",
    information=("SIM800 R14.18",),
    echo=True,
    iccid_command="+CCID",
    iccid_kind="run",
    iccid_prefix="",  # the prefix may be absent [TG]
    cnmi=_cnmi("(0-3),(0-3),(0,2),(0,1),(0,1)", (0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),  # SIM800L [GA]
    cpms_offered='("SM"),("SM"),("SM")',  # SM, as large as the SIM
    capacities={},
    boot=((0.0, "RDY"), (0.2, "+CFUN: 1"), (0.5, "+CPIN: READY"), (2.0, "Call Ready"), (3.0, "SMS Ready")),
    sms_ready_after_s=3.0,  # CMGF fails before "SMS Ready"
    full_line="+SMS FULL",
    sim_gone=("+CPIN: NOT INSERTED",),
    sim_back=("+CPIN: READY", "SMS Ready"),
    csms=frozenset({0}),
    cnma=False,  # SIMCom has none [OF]
    pin_counter=("+SPIC", "+SPIC: {pin},10,3,10"),
)

EC25 = Personality(
    name="ec25",
    manufacturer="Quectel",
    model="EC25",
    revision="EC25EFAR06A06M4G",
    information=("Quectel", "EC25", "Revision: EC25EFAR06A06M4G"),
    echo=True,
    iccid_command="+QCCID",
    iccid_kind="run",
    iccid_prefix="+QCCID: ",
    cnmi=_cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cpms_offered='("ME","SM","SR"),("ME","SM"),("ME","SM")',
    capacities={"ME": 255, "SR": 50},  # EC20/EC25 ME 255 [GA, CD]
    first_memory="ME",
    report_memory="SR",  # ds=2: kept in SR, announced as "SM",0 [CQ #75, GA #408]
    announces_report_wrongly=True,
    index_base=0,  # some Quectel start at 0 [GA]
    boot=((0.0, "RDY"), (0.5, "+CPIN: READY"), (0.5, "+QUSIM: 1"), (2.0, "+QIND: SMS DONE"), (2.5, "+QIND: PB DONE")),
    sms_ready_after_s=2.0,
    chatter=('+QIND: "csq",20,99',),
    chatter_off=("+QINDCFG", '"csq",0'),
    full_line='+QIND: "smsfull","{memory}"',
    sim_gone=("+CPIN: NOT READY", "+QUSIM: 0"),
    sim_back=("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
    drops_port=True,  # after CFUN=1,1 the USB port disappears
    pin_counter=("+QPINC", '+QPINC: "SC",{pin},10\n+QPINC: "P2",3,10'),
)

WAVECOM = Personality(
    # Q2406/Fastrack. Leading blanks in CGMI and CGMM as recorded [MM, GA].
    name="wavecom",
    manufacturer=" WAVECOM MODEM",
    model=" MULTIBAND  900E  1800",
    revision="641b09gg.Q2403A 1320676 061804 14:38",
    information=(" WAVECOM MODEM", " MULTIBAND  900E  1800"),
    echo=True,
    iccid_command="+CCID",
    iccid_kind="run",
    iccid_prefix="+CCID: ",
    cnmi=_cnmi("(0-2),(0-3),(0-3),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2), (0, 1)),
    cpin_says_ok=False,  # "+CPIN: READY" and no OK [OF, GA]
    cpms_offered='(("SM","BM","SR"),("SM"))',  # malformed, two memories only [OF]
    cpms_memories=2,
    cpms_arguments=frozenset({1}),  # single parameter [OF]
    capacities={"BM": 20, "SR": 20},
    report_memory="SR",
    empty_slot=321,
    boot=((0.0, "+WIND: 1"), (0.5, "+WIND: 3"), (1.0, "+WIND: 4"), (2.0, "+WIND: 7")),
    sms_ready_after_s=1.0,  # +WIND: 4, ready for all commands
    sim_gone=("+WIND: 0",),
    sim_back=("+WIND: 1", "+WIND: 4"),
    restart=frozenset({"1", "1,1"}),  # +CFUN=1 restarts the module [PG, GA]
    settle_s=2.0,  # CME 515 for a while after [PG, GA]
    pin_counter=("+CPINC", "+CPINC: {pin},3,10,10"),
)

GENERIC = Personality(
    name="generic",
    manufacturer="Generic",
    model="AT modem",
    revision="1.0",
    information=("Generic AT modem",),
    echo=True,
    iccid_command="",
    iccid_kind="run",
    iccid_prefix="",
    cnmi=_cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 100},
    empty_slot=321,
    boot=(),
)

FAMILIES: Mapping[str, Personality] = {item.name: item for item in (HUAWEI, SIM800, EC25, WAVECOM, GENERIC)}
CYCLE = ("huawei", "sim800", "ec25", "wavecom")
