"""What a person may type at a modem that the daemon is using: queries always, settings with --force, some never.

What is not known to be harmless needs --force: a list of everything that does harm could not be complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 512

_EXTENDED = re.compile(r"([+^*$#%!&_][A-Z][A-Z0-9]*)")
_BASIC = re.compile(r"(&?[A-Z])(\d*)")
_REGISTER = re.compile(r"S\d+(\?|=\d*)")

# Never: a message beside the queue is neither counted nor asked for consent, and an identifier is not ours to change.
# Suffixes count too: vendors have +CMGSEX, +CMGSO and the like.
_SENDS = re.compile(
    r"[+^*$#%!_][A-Z0-9]*(?:CMG[SWC]|CMSS|QMG[SW]|SCM[SW]|MMS?SEND|SMSS?END|SENDSMS|EMAILSEND)|[+^*$#%!_]Z?SMS="
)
_IMEI = re.compile(
    r"[+^*$#%!_][A-Z0-9]*(?:EGMR|IMEI|MEID)[A-Z]*|\*MRD_|\^PHYNUM|[+^*$#%!_][A-Z0-9]*(?:SN|GMR)=(?!\?)|\+KGSN|\+LCTSN"
    r"|[+^*$#%!_][A-Z]{0,3}NV(?!RD\b)[A-Z0-9]*="
    r"|\^NVWR\w*|\^NVM\w*|\+QNV\w*|\+NVW\w*|\$QCNV\w*|!NV\w*"
)
_IMEI_READ = re.compile(r"\+(?:EGMR|GTSN|LCTSN)=0,\d+|[+^*$#%!_][A-Z0-9]*(?:IMEI[A-Z]*|PHYNUM|GSN|LCTSN)(?:\?|=\?)?")

# Never too: a try that the PIN ledger does not count may block the card.
_PIN = re.compile(
    r"[+^*$#%!_][A-Z]*(?:PIN|PUK|PWD|PASS)\d?=(?!\?)"
    r"|[+^*$#%!_][A-Z]*CLCK=\"?(?:SC|FD|P2)\"?,[01]|\*\*0[45]2?\*"
    r"|\+CRSM=(?!\?|(?:176|178|192|214|220|242)(?:,|$))"
    r"|[+^*$#%!_][A-Z]*(?:CSIM|CGLA)=(?!\?|(?:\d+,)?\d+,\"?[0-9A-F]{2}(?!2[0468C])[0-9A-F]{2}[0-9A-F]*\"?$)",
    re.IGNORECASE,
)

# With --force, and why.
_LOCK = re.compile(r"[+^*$#%!_][A-Z]*(?:LCK|LOCK|NCK)[A-Z]*=|[+^*$#%!_][A-Z]*(?:CSIM|CRSM|CGLA|CCHO)=")
_DIAL = re.compile(r"(?:D.*|[AO]\d*|\+CGDATA\b.*|\+CUSD=.*|\^DIAL.*|\+CKPD=.*|\+CTFR.*|\+CCFC=.*|\+CHLD=.*)")
_WIPE = re.compile(r"[+^*$#%!_](?:CMGD|CMGDA|QMGDA|CPBW|QFDEL|FSDEL|QFFORMAT|ERASE|GODLOAD|QDOWNLOAD|QFASTBOOT)\b")
_PERSISTENT = re.compile(
    r"&[WFVYZ].*|Z\d*|\^U2DIAG|\^SETPORT|\^SYSCFG(?:EX)?=|\^FDAUTO|\+QCFG=|\+QPRTPARA|\+CSAS|\+CRES|\+UUSBCONF=|\+USBCONF"
    r"|\+IPR=|\+IFC=|\+ICF=|\+CNMP=|\+ZCDRUN|\+ZSNT=|\+ZOPRT|!UDUSBCOMP|!USBCOMP|#USBCFG=|\^SCFG=|\^SSRVSET=|\$QCUSB\w*"
)

# Without --force beside queries (? and =?): they only tell.
_TELLING = (
    "+CGMI +CGMM +CGMR +CGSN +CIMI +CCID +CICCID +QCCID +ICCID ^ICCID ^CCID #CCID +GMI +GMM +GMR +GSN +CSQ +CSQN +CNUM"
    " +CBC +CPAS +CEER +CESQ +GCAP +CLCC +CLAC +CPINC +QNWINFO +QCSQ +QSPN +QTEMP +QPINC +QINISTAT +QGMR +CMTE +CGPADDR"
    " +CPMUTEMP +CPSI +CNSMOD +SPIC ^HCSQ ^SYSINFO ^SYSINFOEX ^HWVER ^VERSION ^CHIPTEMP ^CARDMODE ^MONI ^SMONI ^SCID"
    " #MONI #SERVINFO #RFSTS #TEMPMON #SPN +ZPAS +XMCI +UCGED +CMGL"
)
_TELLS = frozenset(_TELLING.split())
_READS = re.compile(
    r"\+(?:CPINR|CMG[LR]|CPB[RF]|QTEMP)=(?:[\d,-]|\"[^\"]*\")*|\+CLCK=\"[A-Za-z0-9]{2}\",2(?:,,?\d*)?"
    r"|\+(?:EGMR|GTSN|LCTSN)=0,\d+|\+CRSM=(?:176|178|192|242)(?:,(?:\d*|\"[0-9A-Fa-f]*\"))*"
    r"|\+QENG=\"[A-Za-z]+\"|\+QCFG=\"[A-Za-z0-9/_]+\""
)
_BASIC_TELLS = re.compile(r"I\d*|[EV]1?|Q0?|&V\d*")

# What a driver profile may send beside those: settings that last until a restart, restarts, and what only tells.
_SETTING = (
    "+CFUN +CSCS +CMEE +CREG +CGREG +CEREG +CMGF +CSMS +CNMI +CPMS +CMMS +CTZU +CTZR +CLIP +CRC +CSDH +CSCB +CSSN"
    " +CGSMS +CVHU +CSCLK +CIURC +EXUNSOL +QURCCFG +QIURC +QSCLK +QINDCFG +WIND +ZOPRT +UTEMP +MTSM +RST +CRESET"
    " +XPINCNT +UPINCNT +QTRPIN ^CURC ^PORTSEL ^RESET ^SSTN ^SPIC ^SBV ^SCTM #NOPT #QSS #REBOOT #PCT #TEMPSENS #CBC"
    " $MYCCID !ENTERCND !RESET *CNTI"
)
_KNOWN = re.compile(
    rf"(?:{'|'.join(map(re.escape, _SETTING.split()))})"
    r"(?:=(?:-?\d*|\"[A-Za-z0-9/_. -]*\")(?:,(?:-?\d*|\"[A-Za-z0-9/_. -]*\"))*)?"
    r"|&[CDK]\d?|E[01]?|X\d?|S0=0"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What may become of a line.

    Attributes:
        verdict: ``free``, ``force`` (only with --force), ``never`` or ``unreadable`` (no command line at all).
        kind: why: ``query imei sends pin lock dial wipe persistent setting syntax``.
        text: the command without its AT, as it is to be written.
    """

    verdict: str
    kind: str
    text: str = ""


_RANK = ("free", "force", "never", "unreadable")


def judge(line: str) -> Judged:
    """Whether a typed line may go to a modem; of several commands in it the worst counts."""
    text = line.strip()
    if text[:2].upper() != "AT" or len(text) > LONGEST or not (text.isascii() and text.isprintable()):
        return Judged("unreadable", "syntax")
    text = text[2:].strip()
    plain = _upper(text)
    if plain is None:
        return Judged("unreadable", "syntax")
    # Looked for anywhere outside quotes too: modems differ in what ends a command.
    bare = re.sub(r'"[^"]*"', '""', plain)
    if _SENDS.search(bare):
        return Judged("never", "sends")
    commands = _commands(plain)
    if commands is None:
        return Judged("unreadable", "syntax")
    found = Judged("free", "query", text)
    for command in commands:
        verdict, kind = _one(command)
        worse = _RANK.index(verdict) - _RANK.index(found.verdict)
        if worse > 0 or (worse == 0 and found.kind == "setting"):
            found = Judged(verdict, kind, text)
    if found.verdict == "free" and _IMEI.search(bare) and not all(map(_harmless_to_imei, commands)):
        return Judged("never", "imei")
    return found


def may_stand(text: str) -> bool:
    """Whether a driver profile may send this line, which stands without its AT.

    Each command of it must be what `judge` lets pass unforced, or a setting that is known.
    """
    if judge(f"AT{text}").verdict in {"never", "unreadable"}:
        return False
    commands = _commands(_upper(text) or "") or []
    return all(_KNOWN.fullmatch(command) or _one(command)[0] == "free" for command in commands)


def _harmless_to_imei(command: str) -> bool:
    named = _IMEI.search(command) or ("IMEI" in command.upper() and "=" in command)
    return not named or _IMEI_READ.fullmatch(command) is not None


def _upper(text: str) -> str | None:
    """Upper case and no blanks outside quotes; None when a quote is left open."""
    pieces = text.split('"')
    if len(pieces) % 2 == 0:
        return None
    outside = [piece.replace(" ", "").upper() if at % 2 == 0 else piece for at, piece in enumerate(pieces)]
    return '"'.join(outside)


def _commands(text: str) -> list[str] | None:
    """The commands of one line (V.250 §5.2); None when it cannot be read."""
    found = []
    at = 0
    while at < len(text):
        if text[at] == ";":
            at += 1
        elif _EXTENDED.match(text, at) and text[at] != "&":
            end = _end(text, at)
            found.append(text[at:end])
            at = end
        elif text[at] == "D":
            found.append(text[at:])
            at = len(text)
        elif (match := _REGISTER.match(text, at) or _BASIC.match(text, at)) is not None:
            found.append(match[0])
            at = match.end()
        else:
            return None
    return found


def _end(text: str, at: int) -> int:
    quoted = False
    for end in range(at, len(text)):
        if text[end] == '"':
            quoted = not quoted
        elif text[end] == ";" and not quoted:
            return end
    return len(text)


def _one(command: str) -> tuple[str, str]:
    if not _harmless_to_imei(command):
        return "never", "imei"
    if _PIN.search(command) and not _READS.fullmatch(command):
        return "never", "pin"
    query = command.endswith("?") and "=" not in command.removesuffix("=?")
    if command[0] == "D" or (_DIAL.fullmatch(command) and not query):  # ATD112? dials
        return "force", "dial"
    if command[0].isalpha() or command[0] == "&":
        if _BASIC_TELLS.fullmatch(command) or command.endswith("?"):
            return "free", "query"
        return "force", "persistent" if _PERSISTENT.match(command) else "setting"
    if query or command in _TELLS or _READS.fullmatch(command):
        return "free", "query"
    for kind, pattern in (("lock", _LOCK), ("wipe", _WIPE), ("persistent", _PERSISTENT)):
        if pattern.match(command):
            return "force", kind
    return "force", "setting"
