"""A waiting part becomes the PDU that +CMGS carries."""

from __future__ import annotations

from datetime import datetime

from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import encode_submit
from modemfarm.model import Encoding
from modemfarm.store.queue import Candidate


def encode(part: Candidate, concat_ref: int, now: datetime) -> tuple[bytes, int]:
    """SMSC address (left to the SIM) and TPDU of one part, and the TPDU's length in octets.

    TP-VP is what remains of the message's validity: the next step of its octet where that is at most a tenth
    longer, else the step below (48 h less a second are 48 h, 30 h are 24). The same text, encoding and reference
    always give the same parts, so that a part sent again later fits its siblings.
    """
    user_data = split(part.text, concat_ref, encoding=Encoding(part.encoding))[part.part_number - 1]
    validity_s = None if part.valid_until is None else max(300, int((part.valid_until - now).total_seconds() * 1.1))
    return encode_submit(part.recipient, user_data, report=part.report, validity_s=validity_s, flash=part.flash)
