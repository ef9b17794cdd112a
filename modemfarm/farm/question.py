"""One question to the operator by message: on the wire like a part, outside of plans, caps and the queue."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from modemfarm.errors import LinkLostError, NoAnswerError, StoreError
from modemfarm.farm.ussd import UssdDesk
from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import encode_submit
from modemfarm.model import ClaimedPart, Evidence, Outcome
from modemfarm.modem.asking import NotAskedError
from modemfarm.modem.journal import After, Go, GoOn, Stop
from modemfarm.modem.ussd import UssdError
from modemfarm.store import balances
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

ATTEMPT = -1  # no attempt has this id: a late result of a question is nobody's
_VALID_FOR = timedelta(hours=1)


class Question:
    """What a sender asks of the store while it puts one question on the air.

    Attributes:
        against: why it did not leave, as `balances.asking` says it; "" when nothing was against it.
        what: what came of it, as the row has it; "" while nothing is written.
    """

    def __init__(
        self, offload: Offload, iccid: str, to: str, who: str, now: Callable[[], datetime], *, forbidden: bool
    ) -> None:
        self._offload, self._iccid, self._to, self._who, self._now = offload, iccid, to, who, now
        self._at: datetime | None = None
        self.against = "sim_parked" if forbidden else ""
        self.what = ""

    @property
    def keeps_order(self) -> bool:
        """As the store does."""
        return self._offload.sqlite

    async def release(self, part: ClaimedPart) -> None:
        """Nothing is reserved for it."""

    async def submitting(self, part: ClaimedPart) -> Go | Stop:
        """Durable before Ctrl-Z: whatever happens from here on, it is not asked again by itself that day."""
        if self.against:
            return Stop(self.against)
        now = self._now()
        self.against = await self._offload.run(balances.asking, part.iccid, self._who, self._to, now)
        if self.against:
            return Stop(self.against)
        self._at, self.what = now, balances.ASKED
        return Go(self._now())

    async def recheck(self, part: ClaimedPart) -> Go | Stop:  # noqa: ARG002 # one question, and what stood against it was asked
        """It is as fresh as it was."""
        return Go(self._now())

    async def settle(self, attempt_id: int, iccid: str, outcome: Outcome) -> After:  # noqa: ARG002 # this question alone
        """Write what came of it. The lane is not held for it: where the store is away, it stays as asked."""
        if self._at is None:
            return GoOn()
        if outcome.evidence is Evidence.ACCEPTED:
            self.what = balances.SENT
        elif outcome.evidence is Evidence.NOT_SENT:
            self.what = balances.NOT_SENT
        elif outcome.evidence is Evidence.REFUSED:
            self.what = f"refused {outcome.text}".strip()
        try:
            await self._offload.run(balances.asked, self._iccid, self._at, self.what)
        except StoreError as error:
            log.warning("%s: what came of a question is not written down: %s", iccid, error)
        return GoOn()


async def put(
    desk: UssdDesk,
    offload: Offload,
    iccid: str,
    to: str,
    text: str,
    who: str,
    now: Callable[[], datetime],
    *,
    forbidden: bool = False,
) -> None:
    """Send one question with a SIM; returns when it left, may have left, or one left a moment ago.

    Args:
        forbidden: this SIM must send nothing now.

    Raises:
        UssdError: it surely did not leave: ``not_found``, ``not_here``, ``busy``, ``stopping``, ``held`` (`what` is
            ``paused``, ``sim_paused`` or ``sim_parked``), ``refused`` or ``lost``.
    """
    supervisor = await desk.holder(iccid)
    asked_at = now()
    (user_data,) = split(text, 0)
    validity_s = int(_VALID_FOR.total_seconds())
    pdu, length = encode_submit(to, user_data, report=False, validity_s=validity_s, flash=False)
    part = ClaimedPart(
        attempt_id=ATTEMPT,
        part_id=0,
        message_id=0,
        iccid=iccid,
        recipient=to,
        part_number=1,
        parts_total=1,
        pdu=pdu,
        tpdu_length=length,
        more_follow=False,
        claimed_at=asked_at,
    )
    question = Question(offload, iccid, to, who, now, forbidden=forbidden)
    try:
        await supervisor.submit(part, question)
    except NotAskedError as error:
        raise UssdError("busy" if error.slug == "full" else error.slug) from error
    except (NoAnswerError, LinkLostError) as error:
        log.info("%s: asking %s: %s", iccid, to, error)
    if question.against not in ("", balances.ASKED):
        raise UssdError("held", question.against)
    if question.what.startswith("refused"):
        raise UssdError("refused", question.what.removeprefix("refused "))
    if question.what in ("", balances.NOT_SENT) and not question.against:
        raise UssdError("lost")
