"""USSD: strings in the three codings that families want, and a dialogue with the network (TS 27.007 §7.15)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from modemfarm.at.events import Command
from modemfarm.at.replies import UssdReply, parse_cusd
from modemfarm.errors import CmeError, CommandError, ModemError
from modemfarm.gsm.alphabet import decode7, encode7, pack, unpack
from modemfarm.modem.bringup import optional
from modemfarm.modem.family import Profile
from modemfarm.modem.link import Link

_CANCEL_WITHIN_S = 5.0
_MORE_LINES = 40
_OTHER = {"plain": "packed", "packed": "plain", "ucs2": "plain"}
_STATUS = {0: "done", 1: "menu", 2: "ended", 3: "elsewhere", 4: "not_supported", 5: "timeout"}
_CR = b"\x0d"
_NOT_THE_CODING = frozenset({10, 11, 12, 13, 14, 15, 16, 17, 18, 30, 31, 32})  # SIM and network (TS 27.007 §9.2)

_WORDS = {
    "bad_code": "this is no USSD code: {what}",
    "not_found": "there is no SIM {what}",
    "not_here": "SIM {what} is in no modem",
    "away": "the daemon of {what}, which has the modem, does not answer; nothing was asked",
    "not_configured": "the plan of SIM {what} names no way to ask: set plans.*.balance in config.yaml",
    "busy": "the modem had no hand free in time; nothing was asked",
    "stopping": "the daemon is stopping; nothing was asked",
    "held": "nothing was asked: {what}",
    "refused": "the modem refuses it: {what}",
    "no_reply": "the network did not answer in time",
    "restarted": "the modem restarted before the answer came",
    "lost": "the port was lost before the answer came",
}
# after these surely nothing was said to the network
UNASKED = frozenset({"bad_code", "not_found", "not_here", "away", "not_configured", "busy", "stopping", "held"})


class UssdError(ModemError):
    """The network gave no answer.

    Attributes:
        slug: ``refused`` (the modem said no, `what` is its word), ``no_reply``, ``restarted``.
    """

    def __init__(self, slug: str, what: str = "") -> None:
        super().__init__(f"USSD {slug}: {what}" if what else f"USSD {slug}")
        self.slug, self.what = slug, what


def worded(error: UssdError) -> str:
    """A sentence for a person."""
    return _WORDS[error.slug].format(what=error.what)


@dataclass(frozen=True, slots=True)
class Told:
    """What the network said to one string.

    Attributes:
        status: ``done``, ``menu`` (an answer is expected), ``ended`` (by the network), ``elsewhere``,
            ``not_supported`` or ``timeout``.
    """

    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """All that was said, and the coding that the modem took."""

    told: tuple[Told, ...]
    encoding: str


def encode(text: str, encoding: str) -> str:
    """A string as it stands between the quotes of +CUSD.

    Args:
        encoding: ``plain``, ``packed`` (septets, as hex) or ``ucs2`` (as hex).

    Source: TS 23.038 §6.1.2.3.1: seven spare bits at the end are filled with CR.
    """
    if encoding == "ucs2":
        return text.encode("utf-16-be").hex().upper()
    if encoding == "packed":
        septets = encode7(text) or b""
        return pack(septets + (_CR if len(septets) % 8 == 7 else b"")).hex().upper()
    return text


def decode(reply: UssdReply, encoding: str) -> str:
    """The text of a reply; one that is not in the coding it claims is given as it came.

    Args:
        encoding: in which the question was taken: a reply in the default alphabet comes alike.

    Source: TS 23.038 §5 for <dcs>.
    """
    shown = reply.text or ""
    octets = _octets(shown)
    if octets is None:
        return shown
    alphabet, skipped = _alphabet(15 if reply.dcs is None else reply.dcs)
    if alphabet == "ucs2" and len(octets) % 2 == 0:
        wide = octets[2:] if skipped and len(octets) > 2 else octets
        return wide.decode("utf-16-be", "replace")
    if alphabet == "gsm" and encoding == "ucs2" and len(octets) % 2 == 0:
        return octets.decode("utf-16-be", "replace")
    if alphabet == "gsm" and encoding == "packed":
        septets = unpack(octets, len(octets) * 8 // 7)
        if len(octets) % 7 == 0 and septets[-1:] in {b"\x00", _CR}:
            septets = septets[:-1]
        return decode7(septets[3:] if skipped else septets)
    return shown


def _alphabet(dcs: int) -> tuple[str, bool]:
    """``gsm``, ``ucs2`` or ``octets``, and whether a language stands before the text (TS 23.038 §5)."""
    group = dcs >> 4
    if group == 1 and dcs <= 17:
        return ("ucs2" if dcs == 17 else "gsm"), True
    if dcs in {18, 19}:  # reserved, but some operators write UCS-2 under it
        return "ucs2", False
    if group in {4, 5, 6, 7, 9}:
        return ("gsm", "octets", "ucs2", "gsm")[dcs >> 2 & 3], False
    if group == 15 and dcs & 4:
        return "octets", False
    return "gsm", False


def _octets(text: str) -> bytes | None:
    if len(text) % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", text):
        return None
    return bytes.fromhex(text)


class Ear:
    """Waits for +CUSD, which may run over several lines."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._reply: asyncio.Future[UssdReply] = asyncio.get_running_loop().create_future()

    def again(self) -> None:
        """Forget what came; the next reply is waited for."""
        self._open.clear()
        if self._reply.done():
            self._reply = asyncio.get_running_loop().create_future()

    def hear(self, line: str, *, known: bool = False) -> bool:
        """Take a line of the modem; False when it belongs to somebody else.

        Args:
            known: it is another URC, which may come between the lines of a reply.
        """
        if line.startswith("+CUSD:"):
            self._open = [line]
        elif self._open and not known:
            self._open.append(line)
        else:
            return False
        whole = "\n".join(self._open)
        if whole.count('"') % 2 == 0 or len(self._open) > _MORE_LINES or re.search(r'"\s*,\s*\d+\s*$', whole):
            self._open = []
            reply = parse_cusd(whole)
            if reply is not None and not self._reply.done():
                self._reply.set_result(reply)
        return True

    def lost(self) -> None:
        """The modem restarted: no reply is coming."""
        if not self._reply.done():
            self._reply.set_exception(UssdError("restarted"))
            self._reply.exception()  # seen, also where nobody waits any more

    async def reply(self, within_s: float) -> UssdReply:
        """The reply to what was asked last.

        Raises:
            TimeoutError: none came.
            UssdError: the modem restarted.
        """
        async with asyncio.timeout(within_s):
            return await asyncio.shield(self._reply)


async def converse(link: Link, ear: Ear, profile: Profile, steps: Sequence[str], first: str | None = None) -> Dialogue:
    """Say a code to the network, then an answer to each menu.

    A modem that does not take the coding is asked once more in another one. A menu that is open at the end is closed.

    Args:
        first: the coding that this modem took before.

    Raises:
        UssdError: no answer; nothing stays open.
        NoAnswerError, LinkLostError: as `Link.exchange`.
    """
    wanted = first or profile.ussd.encodings[0]
    told: list[Told] = []
    try:
        for encoding in (wanted, _other(profile, wanted)):
            try:
                told.append(await _say(link, ear, profile, steps[0], encoding))
            except CommandError as error:
                wrong_coding = not (isinstance(error, CmeError) and error.code in _NOT_THE_CODING)
                if encoding != wanted or not wrong_coding:
                    raise
                continue
            if told[0].status != "not_supported" or encoding != wanted:
                break
            told.clear()
        for step in steps[1:]:
            if told[-1].status != "menu":
                break
            told.append(await _say(link, ear, profile, step, encoding))
    except CommandError as error:
        raise UssdError("refused", error.text) from error
    except TimeoutError as error:
        await optional(link, "+CUSD=2", _CANCEL_WITHIN_S)
        raise UssdError("no_reply") from error
    finally:
        if encoding == "ucs2" and not link.lost:
            await optional(link, f'+CSCS="{profile.ussd.charset}"', profile.timeouts.command)
    if told[-1].status == "menu":
        await optional(link, "+CUSD=2", _CANCEL_WITHIN_S)
    return Dialogue(tuple(told), encoding)


def _other(profile: Profile, wanted: str) -> str:
    return next((item for item in profile.ussd.encodings if item != wanted), _OTHER[wanted])


async def _say(link: Link, ear: Ear, profile: Profile, text: str, encoding: str) -> Told:
    ear.again()
    charset = "UCS2" if encoding == "ucs2" else profile.ussd.charset
    await optional(link, f'+CSCS="{charset}"', profile.timeouts.command)
    command = Command(f'+CUSD=1,"{encode(text, encoding)}",{profile.ussd.dcs}')
    answered = await link.exchange(command, profile.timeouts.ussd)
    if answered.error is not None:
        raise answered.error
    for line in answered.lines:  # the reply began before its OK
        ear.hear(line)
    reply = await ear.reply(profile.timeouts.ussd)
    return Told(_STATUS.get(reply.state, "ended"), decode(reply, encoding))
