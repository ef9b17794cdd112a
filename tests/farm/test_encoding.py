"""TP-VP is what remains of the validity, as near as its octet can say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modemfarm.farm.encoding import encode
from modemfarm.gsm.tpdu import SmsSubmit, decode_pdu
from modemfarm.gsm.validity import RelativeValidity
from modemfarm.store.queue import Candidate

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def candidate(valid: timedelta | None) -> Candidate:
    return Candidate(
        part_id=1, message_id=1, part_number=1, parts_total=1, recipient="+4917112345678", message_class="transactional",
        rank=4, due_at=0, bound_iccid="", sticky_iccid=None, pinned=None, avoid=frozenset(), charged_to=None,
        charged_day=None, text="x", encoding="gsm7", report=True, flash=False,
        valid_until=None if valid is None else NOW + valid, concat_ref=None, batch_id=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("remains", "said"),
    [
        (timedelta(hours=48, seconds=-1), timedelta(hours=48)),
        (timedelta(hours=30), timedelta(hours=24)),
        (timedelta(minutes=10, seconds=-5), timedelta(minutes=10)),
        (timedelta(seconds=20), timedelta(minutes=5)),
        (timedelta(days=6), timedelta(days=6)),
    ],
)
def test_the_nearest_step_is_said(remains: timedelta, said: timedelta) -> None:
    tpdu = decode_pdu(encode(candidate(remains), 0, NOW)[0]).tpdu
    assert isinstance(tpdu, SmsSubmit)
    assert isinstance(tpdu.validity, RelativeValidity)
    assert timedelta(seconds=tpdu.validity.seconds) == said


def test_a_message_for_ever_leaves_the_period_to_the_network() -> None:
    tpdu = decode_pdu(encode(candidate(None), 0, NOW)[0]).tpdu
    assert isinstance(tpdu, SmsSubmit)
    assert tpdu.validity is None
