"""USSD for whoever asks: finds the modem that holds a SIM, asks it, and writes down that it was asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from modemfarm.errors import LinkLostError, NoAnswerError
from modemfarm.modem.asking import NotAskedError
from modemfarm.modem.dialled import MOST_STEPS, is_answer, is_code
from modemfarm.modem.supervisor import Supervisor
from modemfarm.modem.ussd import Dialogue, UssdError
from modemfarm.store import balances
from modemfarm.store.engine import Row, Tx
from modemfarm.store.events import record
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

_SHOWN = 5  # of a code: what follows may be a voucher


class UssdDesk:
    """The dialogues of one host's SIMs."""

    def __init__(
        self,
        supervisors: Mapping[str, Supervisor],
        offload: Offload,
        host: str,
        now: Callable[[], datetime],
    ) -> None:
        self._supervisors, self._offload, self._host, self._now = supervisors, offload, host, now

    async def ask(self, iccid: str, steps: Sequence[str], who: str) -> Dialogue:
        """Say a code, then an answer to each menu, with a SIM as the database names it.

        Raises:
            UssdError: ``bad_code``, ``not_found`` (no such SIM), ``not_here`` (in no modem of this host), ``busy``,
                ``stopping``, ``refused``, ``no_reply``, ``restarted`` or ``lost``.
            StoreError: it cannot be written down, and was not asked.
        """
        if not steps or len(steps) > MOST_STEPS or not is_code(steps[0]) or not all(map(is_answer, steps[1:])):
            what = (
                "it begins with * or #, ends with # and has digits between, like *100#, and changes no PIN and no call;"
                f" at most {MOST_STEPS - 1} answers follow"
            )
            raise UssdError("bad_code", what)
        supervisor = await self.holder(iccid)
        shown = steps[0] if len(steps[0]) <= _SHOWN + 1 else steps[0][:_SHOWN] + "…"
        await self._offload.run(_write_down, iccid, who, shown, self._now())
        try:
            return await supervisor.ussd(steps)
        except NotAskedError as error:
            raise UssdError("busy" if error.slug == "full" else error.slug) from error
        except NoAnswerError as error:
            raise UssdError("no_reply", str(error)) from error
        except LinkLostError as error:
            raise UssdError("lost", str(error)) from error
        except UssdError as error:
            log.info("%s: %s: %s", supervisor.path, shown, error)
            raise

    async def holder(self, iccid: str) -> Supervisor:
        """The supervisor of the modem that holds a SIM.

        Raises:
            UssdError: ``not_found`` or ``not_here``.
        """
        row: Row | None = await self._offload.run(balances.holder, iccid)
        if row is None:
            raise UssdError("not_found", iccid)
        supervisor = self._supervisors.get(row["path"] or "") if row["host"] == self._host else None
        if supervisor is None:
            raise UssdError("not_here", iccid)
        return supervisor


def _write_down(tx: Tx, iccid: str, who: str, code: str, now: datetime) -> None:
    record(tx, "sim.ussd", now, subject=iccid, who=who, code=code)
