"""SMS-SUBMIT and SMS-DELIVER, and PDUs of all kinds: octets to values and back (TS 23.040 §9.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.address import Address, address_of, decode_address, decode_smsc, encode_address, encode_smsc
from modemfarm.gsm.dcs import decode_dcs, encode_dcs
from modemfarm.gsm.header import ConcatRef, Ports
from modemfarm.gsm.reader import Reader
from modemfarm.gsm.status_report import STATUS_REPORT, SmsStatusReport, decode_status_report
from modemfarm.gsm.timestamp import ZERO, decode_timestamp, encode_timestamp
from modemfarm.gsm.userdata import UserData, decode_user_data
from modemfarm.gsm.validity import Validity, decode_validity, relative_validity, validity_format
from modemfarm.model import Encoding

__all__ = [
    "FOLLOWS",
    "ConcatRef",
    "Pdu",
    "SmsDeliver",
    "SmsStatusReport",
    "SmsSubmit",
    "Tpdu",
    "decode_pdu",
    "encode_pdu",
    "encode_submit",
]

FOLLOWS = -1  # an octet that follows from the other fields: TP-DCS from the text, the address type from the number

_DELIVER, _SUBMIT = 0, 1  # TP-MTI as a phone receives and sends them, §9.2.3.1


class _CarriesUserData:
    """What SMS-SUBMIT and SMS-DELIVER share: views on the user data and on TP-DCS."""

    __slots__ = ()

    user_data: UserData
    dcs: int

    @property
    def text(self) -> str:
        """This part's text; "" with 8-bit data."""
        return self.user_data.text

    @property
    def data(self) -> bytes | None:
        """The payload of 8-bit data, else None."""
        return self.user_data.data

    @property
    def encoding(self) -> Encoding:
        return self.user_data.encoding

    @property
    def concat(self) -> ConcatRef | None:
        return self.user_data.concat

    @property
    def ports(self) -> Ports | None:
        return self.user_data.ports

    @property
    def message_class(self) -> int | None:
        """0 flash to 3; None when TP-DCS names none."""
        return decode_dcs(self.dcs).message_class


@dataclass(frozen=True, slots=True)
class SmsSubmit(_CarriesUserData):
    """SMS-SUBMIT, what a modem sends (§9.2.2.2).

    Attributes:
        recipient: TP-DA; "+" in front only with type international.
        report: TP-SRR, a delivery report is wanted.
        dcs, recipient_type: octets; FOLLOWS derives them from `user_data` and `recipient`.
    """

    recipient: str
    user_data: UserData
    mr: int = 0
    report: bool = False
    validity: Validity | None = None
    reject_duplicates: bool = False
    reply_path: bool = False
    pid: int = 0
    dcs: int = FOLLOWS
    recipient_type: int = FOLLOWS

    def __post_init__(self) -> None:
        _derive(self, "recipient")

    def encode(self) -> bytes:
        """The TPDU.

        Raises:
            ValueError: a field that its octets cannot carry.
        """
        data = self.user_data
        first = (
            _SUBMIT
            | (0x04 if self.reject_duplicates else 0)
            | validity_format(self.validity)
            | (0x20 if self.report else 0)
            | (0x40 if data.has_header else 0)
            | (0x80 if self.reply_path else 0)
        )
        return b"".join(
            (
                bytes((first, self.mr)),
                encode_address(Address(self.recipient, self.recipient_type)),
                bytes((self.pid, self.dcs)),
                b"" if self.validity is None else self.validity.encode(),
                bytes((data.udl,)),
                data.octets,
            )
        )


@dataclass(frozen=True, slots=True)
class SmsDeliver(_CarriesUserData):
    """SMS-DELIVER, what a modem receives (§9.2.2.1).

    Attributes:
        originator: TP-OA; "+" in front only with type international; a name where the type is alphanumeric.
        scts: when the service centre took it, with the zone that it wrote; None when all seven octets are zero.
        more_to_send: more messages wait in the service centre.
        dcs, originator_type: octets; FOLLOWS derives them from `user_data` and `originator`.
    """

    originator: str
    user_data: UserData
    scts: datetime | None
    more_to_send: bool = False
    loop_prevention: bool = False
    report_indication: bool = False
    reply_path: bool = False
    pid: int = 0
    dcs: int = FOLLOWS
    originator_type: int = FOLLOWS

    def __post_init__(self) -> None:
        _derive(self, "originator")

    @property
    def originator_is_name(self) -> bool:
        """The originator is a name and cannot be answered."""
        return Address(self.originator, self.originator_type).is_name

    def encode(self) -> bytes:
        """The TPDU.

        Raises:
            ValueError: a field that its octets cannot carry.
        """
        data = self.user_data
        first = (
            _DELIVER
            | (0 if self.more_to_send else 0x04)
            | (0x08 if self.loop_prevention else 0)
            | (0x20 if self.report_indication else 0)
            | (0x40 if data.has_header else 0)
            | (0x80 if self.reply_path else 0)
        )
        return b"".join(
            (
                bytes((first,)),
                encode_address(Address(self.originator, self.originator_type)),
                bytes((self.pid, self.dcs)),
                encode_timestamp(self.scts),
                bytes((data.udl,)),
                data.octets,
            )
        )


Tpdu = SmsSubmit | SmsDeliver | SmsStatusReport


@dataclass(frozen=True, slots=True)
class Pdu:
    """SMSC address and TPDU, as modems exchange them (TS 27.005 §3.1).

    Attributes:
        smsc: None when no address is given.
        surplus: octets behind the end of the TPDU. Some modems pad what they read from a SIM, so these are no error
            here; who must be strict looks at them. A status report has none: its tail takes all.
    """

    smsc: str | None
    tpdu: Tpdu
    surplus: bytes = b""


def decode_pdu(octets: bytes, *, submit: bool = False, has_smsc: bool = True, bad_time_is_none: bool = False) -> Pdu:
    """Read one PDU as a modem shows it: TP-MTI 0 is SMS-DELIVER, 1 SMS-SUBMIT, 2 SMS-STATUS-REPORT.

    The reserved TP-MTI 3 is read as SMS-DELIVER, as §9.2.3.1 asks of a phone.

    Args:
        submit: only SMS-SUBMIT will do, as a service centre expects it.
        has_smsc: an SMSC address stands in front.
        bad_time_is_none: an SMS-DELIVER whose TP-SCTS is no time is read all the same, with `scts` None: what a
            person wrote counts more than when.

    Raises:
        PduDecodeError: and nothing else, whatever the octets are.
    """
    reader = Reader(octets)
    smsc = decode_smsc(reader) if has_smsc else None
    at = reader.at
    first = reader.octet("TP-MTI")
    kind = first & 0x03
    if submit and kind != _SUBMIT:
        raise PduDecodeError("TP-MTI", at, f"{kind}, an SMS-SUBMIT has 1")
    tpdu: Tpdu
    if kind == _SUBMIT:
        tpdu = _decode_submit(reader, first)
    elif kind == STATUS_REPORT:
        tpdu = decode_status_report(reader, first)
    else:
        tpdu = _decode_deliver(reader, first, bad_time_is_none=bad_time_is_none)
    return Pdu(smsc, tpdu, reader.rest())


def encode_pdu(tpdu: Tpdu, smsc: str | None = None) -> tuple[bytes, int]:
    """PDU octets with the SMSC address in front, and the TPDU's length as AT+CMGS wants it."""
    octets = tpdu.encode()
    return encode_smsc(smsc) + octets, len(octets)


def encode_submit(
    recipient: str,
    user_data: UserData,
    *,
    report: bool,
    validity_s: int | None,
    flash: bool,
    mr: int = 0,
    smsc: str | None = None,
    reject_duplicates: bool = False,
) -> tuple[bytes, int]:
    """One part as AT+CMGS takes it.

    Args:
        report: ask for a delivery report.
        validity_s: becomes a relative TP-VP, rounded down to its steps, at least 5 minutes; None leaves the period
            to the network.
        flash: class 0, shown at once and not stored.
        mr: TP-MR; most modems replace it and tell theirs in +CMGS.
        smsc: None uses the SIM's.

    Returns:
        PDU octets, the SMSC address included, and the TPDU's length.

    Raises:
        ValueError: the recipient or the SMSC is no number of at most 20 digits.
    """
    submit = SmsSubmit(
        recipient,
        user_data,
        mr=mr,
        report=report,
        validity=None if validity_s is None else relative_validity(validity_s),
        reject_duplicates=reject_duplicates,
        dcs=encode_dcs(user_data.encoding, 0 if flash else None),
    )
    if submit.recipient_type & 0x70 == 0x50 or not recipient.strip("+"):
        msg = f"{recipient!r} is not a number"
        raise ValueError(msg)
    return encode_pdu(submit, smsc)


def _derive(tpdu: Tpdu, address: str) -> None:
    kind = f"{address}_type"
    if getattr(tpdu, kind) == FOLLOWS:
        object.__setattr__(tpdu, kind, address_of(getattr(tpdu, address)).type_octet)
    if tpdu.dcs == FOLLOWS and tpdu.user_data is not None:
        object.__setattr__(tpdu, "dcs", encode_dcs(tpdu.user_data.encoding))


def _decode_submit(reader: Reader, first: int) -> SmsSubmit:
    mr = reader.octet("TP-MR")
    recipient = decode_address(reader, "TP-DA")
    pid = reader.octet("TP-PID")
    dcs = reader.octet("TP-DCS")
    validity = decode_validity(reader, first)
    return SmsSubmit(
        recipient.text,
        decode_user_data(reader, decode_dcs(dcs), has_header=bool(first & 0x40)),
        mr=mr,
        report=bool(first & 0x20),
        validity=validity,
        reject_duplicates=bool(first & 0x04),
        reply_path=bool(first & 0x80),
        pid=pid,
        dcs=dcs,
        recipient_type=recipient.type_octet,
    )


def _decode_deliver(reader: Reader, first: int, *, bad_time_is_none: bool) -> SmsDeliver:
    originator = decode_address(reader, "TP-OA")
    pid = reader.octet("TP-PID")
    dcs = reader.octet("TP-DCS")
    at = reader.at
    stamp = reader.take("TP-SCTS", 7)
    try:
        scts = None if stamp == ZERO else decode_timestamp(stamp, "TP-SCTS", at)
    except PduDecodeError:
        if not bad_time_is_none:
            raise
        scts = None
    return SmsDeliver(
        originator.text,
        decode_user_data(reader, decode_dcs(dcs), has_header=bool(first & 0x40)),
        scts,
        more_to_send=not first & 0x04,
        loop_prevention=bool(first & 0x08),
        report_indication=bool(first & 0x20),
        reply_path=bool(first & 0x80),
        pid=pid,
        dcs=dcs,
        originator_type=originator.type_octet,
    )
