"""Stored messages as text mode shows them (TS 27.005 §3.4.2, §3.4.3), as far as other programs look."""

from __future__ import annotations

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.tpdu import SmsDeliver, decode_pdu
from modemfarm.simulator.card import Slot

_STATS = ("REC UNREAD", "REC READ")


def text_lines(front: str, slot: Slot, *, ucs2: bool, in_list: bool) -> list[str]:
    """Header and text of one slot.

    Args:
        ucs2: +CSCS is UCS2: strings are hex.
        in_list: a line of +CMGL; its header has the alpha field in the same place.
    """
    del in_list
    stat = f'"{_STATS[slot.stat]}"'
    try:
        tpdu = decode_pdu(slot.pdu).tpdu
    except PduDecodeError:
        return [f'{front}{stat},"",,', ""]
    if not isinstance(tpdu, SmsDeliver):
        return [f"{front}{stat},6,{tpdu.mr}", ""]
    stamp = tpdu.scts.strftime("%y/%m/%d,%H:%M:%S+00") if tpdu.scts is not None else ""
    originator, text = tpdu.originator, tpdu.text or ""
    if ucs2:
        originator, text = (item.encode("utf-16-be").hex().upper() for item in (originator, text))
    return [f'{front}{stat},"{originator}",,"{stamp}"', text]
