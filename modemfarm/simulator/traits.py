"""What can differ from one family of virtual modem to the next: the shape that `families` fill in.

Facts come from vendor manuals and field reports, named by letters in brackets: [MM] ModemManager's plugins, [OF]
oFono's drivers, [GA] Gammu's sources and issues, [CD] asterisk-chan-dongle, [CQ] asterisk-chan-quectel, [SL] SMSLib,
[PG] python-gsmmodem, [TG] TinyGSM, [3G] 3ginfo, [QM] QModem, and [EC25] [SIM800] [SIM7600] [EHS6] [SARA-R4] [HE910]
[UC864] [ME910] [L860] vendor AT manuals. What carries no letter is the behaviour of TS 27.005 and TS 27.007; what is
marked "shape" is a layout of the vendor's manual that only other programs' parsers confirm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

COMMON_CFUN = frozenset({"0", "1", "4"})


@dataclass(frozen=True, slots=True)
class CnmiRules:
    """What +CNMI takes (TS 27.005 §3.4.1).

    Attributes:
        offered: the answer to ``AT+CNMI=?``, after the prefix.
        allowed: values taken for mode, mt, bm, ds, bfr; a value that is offered but refused is missing here.
        omitted_is_zero: trailing parameters that are left out become 0 instead of staying.
        phase2_only: mt 2 and 3 and ds 1 are taken under +CSMS=1 only.
    """

    offered: str
    allowed: tuple[frozenset[int], ...]
    omitted_is_zero: bool = False
    phase2_only: bool = False


def cnmi(
    offered: str,
    *values: tuple[int, ...],
    omitted_is_zero: bool = False,
    phase2_only: bool = False,
) -> CnmiRules:
    """Rules from five tuples of values."""
    return CnmiRules(offered, tuple(frozenset(item) for item in values), omitted_is_zero, phase2_only)


def _nothing() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """One family.

    Commands in tables are written with their form: ``+CBC`` run, ``+CBC?`` read, ``+CBC=`` set with any arguments,
    ``+CBC=1`` set with these. A reply's lines are joined with newlines; "" says OK alone. Replies may name
    ``{imei} {imsi} {iccid} {pin} {puk} {asked} {state} {rssi} {dbm} {temp} {mv}`` and what else `vendor` fills in.

    Attributes:
        identity_read: +CGMI, +CGMM and +CGMR answer their read form only.
        act: <AcT> of +COPS: 0 GSM, 2 UTRAN, 7 E-UTRAN (TS 27.007 §7.3).
        iccid_command: the vendor's own command, "" when only +CRSM tells the ICCID.
        iccid_kind: ``run`` (``AT+CCID``) or ``read`` (``AT^ICCID?``).
        iccid_prefix: what stands before the digits in the answer; "" where the prefix is missing.
        cpin_says_ok: False where ``+CPIN: READY`` ends without OK.
        pin_counter: command and reply; "" where there is none.
        pin_settles_s: after a right PIN the SIM is busy for so long.
        cpms_offered: answer to ``AT+CPMS=?`` after the prefix, malformed where the modem's is.
        cpms_memories: how many memories +CPMS shows and sets; 2 or 3.
        cpms_arguments: how many arguments ``AT+CPMS=`` takes.
        capacities: slots per memory of the modem itself; SM comes with the card unless it is named here.
        report_memory: where a status report goes with ds=2; "" is mem3.
        announces_report_wrongly: ``+CDSI: "SM",0`` whatever slot took it.
        reports_unasked: with ds=0 a report is stored and announced like any message.
        empty_slot: CMS code of +CMGR on an empty slot, 0 for a bare OK, -1 for an entry of no length.
        shows_stat: +CMGR tells <stat>.
        boot: (seconds after power-on, line).
        boot_switch: command that turns those lines on and its least value; "" says them always.
        sms_ready_after_s: before that, SMS commands are refused as `sms_busy` says.
        sim_settles_s: before that, SIM commands are refused as `sim_busy` says.
        csca_settles_s: before that, +CSCA is.
        chatter: lines said every now and then.
        chatter_off: command that silences them, with its arguments.
        sim_insert: what a SIM put in while the power is on needs: ``nothing`` or ``restart``.
        csms: values of +CSMS; `csms_first` is in force after power-on.
        cnma: forms of +CNMA taken: ``bare`` ``0`` ``1`` ``pdu``.
        ack: what a missing acknowledgement does: ``repeat`` ``withhold`` ``reset``, "" nothing.
        ack_reports_always: a +CDS wants its acknowledgement under +CSMS=0 too.
        cmt_alpha: +CMT has its empty <alpha> field.
        cds_comma: +CDS has a comma before the length.
        restart: commands that restart the modem.
        power_off: commands that end it, with the last line it says.
        locked: prefix of commands that `unlock` must open first.
        drops_port: the port goes away during a restart (USB re-enumeration).
        brown_out: lines said before the supply gives in.
        ussd: ``charset`` as +CSCS says, ``packed`` septets in hex, ``gsm`` text while +CSCS is GSM or IRA.
        ussd_refusal: what a wrong coding gets: ``error``, ``cusd`` or ``cme`` and a number.
        ring: lines before each RING; `missed` follows a call that nobody took.
    """

    name: str
    manufacturer: str
    model: str
    revision: str
    information: tuple[str, ...]
    cnmi: CnmiRules
    cpms_offered: str
    echo: bool = True
    identity_read: bool = False
    act: int = 0
    iccid_command: str = ""
    iccid_kind: str = "run"
    iccid_prefix: str = ""
    iccid_quoted: bool = False
    crsm: bool = True
    cpin_says_ok: bool = True
    pin_counter: tuple[str, str] = ("+CPINR", "+CPINR: SIM PIN,{pin},3")
    pin_settles_s: float = 0.0
    cpms_memories: int = 3
    cpms_arguments: frozenset[int] = frozenset({1, 2, 3})
    capacities: Mapping[str, int] = field(default_factory=dict)
    first_memory: str = "SM"
    report_memory: str = ""
    announces_report_wrongly: bool = False
    reports_unasked: bool = False
    index_base: int = 1
    empty_slot: int = 0
    shows_stat: bool = True
    unknown_command: str = "ERROR"
    boot: tuple[tuple[float, str], ...] = ()
    boot_switch: tuple[str, int] = ("", 0)
    sms_ready_after_s: float = 0.0
    sim_settles_s: float = 0.0
    csca_settles_s: float = 0.0
    sim_busy: tuple[str, int] = ("cme", 14)
    sms_busy: tuple[str, int] = ("cms", 302)
    chatter: tuple[str, ...] = ()
    chatter_off: tuple[str, str] = ("", "")
    full_line: str = ""
    sim_gone: tuple[str, ...] = ()
    sim_back: tuple[str, ...] = ()
    sim_insert: str = "nothing"
    csms: frozenset[int] = frozenset({0, 1})
    csms_first: int = 0
    cmms: frozenset[int] = frozenset({0, 1, 2})
    cmms_refusal: int = 500
    cnma: frozenset[str] = frozenset({"bare", "0", "1", "pdu"})
    ack: str = ""
    ack_reports_always: bool = False
    cmt_alpha: bool = True
    cds_comma: bool = False
    cfun: frozenset[str] = COMMON_CFUN
    restart: frozenset[str] = frozenset({"+CFUN=1,1"})
    power_off: Mapping[str, str] = field(default_factory=_nothing)
    locked: str = ""
    unlock: str = ""
    drops_port: bool = False
    brown_out: tuple[str, ...] = ()
    ussd: str = "charset"
    ussd_refusal: str = "cusd4"
    ring: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    vendor: Mapping[str, str] = field(default_factory=_nothing)
