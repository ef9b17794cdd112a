"""Makes the calls that wait, in a thread of its own with a few helpers: a slow receiver slows nothing else."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.errors import StoreError
from modemfarm.store import outbox, webhooks
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from modemfarm.store.sealing import SealError
from modemfarm.webhooks.calling import ForbiddenError, Network, Result, post
from modemfarm.webhooks.signing import signed

log = logging.getLogger(__name__)

EACH = 2  # calls to one address at a time
LOOK_EVERY_S = 0.25
IDLE_EVERY_S = 2.0
AGAIN_AFTER_S = 5.0
CLEAN_EVERY = 2400  # looks
REST_AFTER = 3  # calls in a row that were not answered
_REST = timedelta(seconds=30)
GONE = 410


@dataclass(frozen=True, slots=True)
class Given:
    """One webhook of config.yaml."""

    url: str
    secret: str
    events: Sequence[str]


class WebhookDoor:
    """Tells those who want to know, until it is stopped.

    Args:
        given: of config.yaml; they may be told at any address.
        networks: private ones in which others may be told.
    """

    def __init__(
        self,
        store: Store,
        offload: Offload,
        instance: str,
        given: Sequence[Given],
        networks: Sequence[Network],
        now: Callable[[], datetime],
        call: Callable[..., Result] = post,
    ) -> None:
        self._store, self._offload, self._instance, self._now = store, offload, instance, now
        self._given, self._networks, self._post = given, networks, call
        self._secrets: dict[int, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._pool = ThreadPoolExecutor(EACH * webhooks.MOST, thread_name_prefix="webhook")
        self._lock = threading.Lock()
        self._flying: dict[int, int] = {}  # call -> hook
        self._silent: Counter[int] = Counter()  # calls in a row that an address did not answer
        self._rests: dict[int, datetime] = {}
        self._leads_until: datetime | None = None

    def start(self) -> None:
        """Start the thread; the database is up to date."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further call; one that is under way and not noted is made again after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        looks, ready, wait_s = 0, False, 0.0
        while not self._stop.wait(wait_s):
            looks += 1
            try:
                if not ready:
                    self._enter()
                    ready = True
                wait_s = self._turn(looks)
            except (StoreError, SealError) as error:
                log.error("webhooks: %s", error)  # noqa: TRY400 # its words say it all
                wait_s = AGAIN_AFTER_S
            except Exception:
                log.exception("webhooks: unexpected error")
                wait_s = AGAIN_AFTER_S

    def _enter(self) -> None:
        wanted = [(item.url, item.events) for item in self._given]
        if wanted or not self._store.look(outbox.is_idle):
            ids = self._offload.call(webhooks.configure, wanted, self._now())
            self._secrets = {ids[item.url]: item.secret for item in self._given}

    def _turn(self, looks: int) -> float:
        """One look; how long until the next."""
        if self._store.look(outbox.is_idle):
            return IDLE_EVERY_S
        if not self._leads():
            return IDLE_EVERY_S
        while self._store.look(outbox.has_changes) and not self._stop.is_set():
            self._offload.call(outbox.fan_out, self._now())
        if looks % CLEAN_EVERY == 0:
            self._offload.call(outbox.clean, self._now())
        for hook in self._store.look(webhooks.hooks):
            if hook.disabled is None:
                self._begin(hook)
        return LOOK_EVERY_S

    def _leads(self) -> bool:
        """Of the daemons of a farm one makes the calls."""
        now = self._now()
        if self._leads_until is None or now >= self._leads_until - outbox.LEASE / 2:
            leads = self._offload.call(outbox.lead, self._instance, now)
            self._leads_until = now + outbox.LEASE if leads else None
        return self._leads_until is not None

    def _begin(self, hook: webhooks.Hook) -> None:
        now = self._now()
        with self._lock:
            rests_until = self._rests.get(hook.id)
            mine = [call for call, of in self._flying.items() if of == hook.id]
        resting = rests_until is not None and now < rests_until
        room = EACH - len(mine)
        if resting or room <= 0:
            return
        if rests_until is not None:
            room = min(room, 1 - len(mine))  # one to try it with
        calls = self._store.look(outbox.due, hook.id, now, room + len(mine)) if room > 0 else []
        for call in [item for item in calls if item.id not in mine][:room]:
            with self._lock:
                self._flying[call.id] = hook.id
            self._pool.submit(self._make, hook, call)

    def _make(self, hook: webhooks.Hook, call: outbox.Call) -> None:
        try:
            result = self._attempt(hook, call)
            if not self._stop.is_set():
                self._offload.call(_note, hook, call, result, self._now())
            self._judge(hook, result)
        except (StoreError, SealError) as error:
            log.error("webhooks: %s: %s", hook.url, error)  # noqa: TRY400 # its words say it all
            self._judge(hook, Result(None, str(error)))
        except Exception:
            log.exception("webhooks: unexpected error")
            self._judge(hook, Result(None, "unexpected error"))
        finally:
            with self._lock:
                self._flying.pop(call.id, None)

    def _attempt(self, hook: webhooks.Hook, call: outbox.Call) -> Result:
        now = self._now()
        payload = call.payload.encode()
        headers = signed(webhooks.key_of(self._secret(hook)), call.event_id, int(now.timestamp()), payload)
        headers["Content-Type"] = "application/json"
        allowed = None if hook.source == webhooks.CONFIGURED else self._networks
        try:
            return self._post(hook.url, payload, headers, allowed, now=now)
        except ForbiddenError as error:
            return Result(None, str(error))

    def _secret(self, hook: webhooks.Hook) -> str:
        if hook.sealed is None:
            return self._secrets[hook.id]
        return self._offload.secret.open(hook.sealed, webhooks.place(hook.id))

    def _judge(self, hook: webhooks.Hook, result: Result) -> None:
        """An address that does not answer is not asked for everything that waits for it."""
        with self._lock:
            if result.status is not None and result.status < 500:
                self._silent.pop(hook.id, None)
                self._rests.pop(hook.id, None)
                return
            self._silent[hook.id] += 1
            if self._silent[hook.id] >= REST_AFTER:
                self._rests[hook.id] = self._now() + _REST
        if self._silent[hook.id] == REST_AFTER:
            log.warning("webhooks: %s does not answer: %s", hook.url, result.what)


def _note(tx: Tx, hook: webhooks.Hook, call: outbox.Call, result: Result, now: datetime) -> None:
    if result.ok:
        outbox.answered(tx, call, result.what, now)
        return
    outbox.not_answered(tx, call, result.what, now, result.wait)
    if result.status == GONE:
        webhooks.disable(tx, hook.id, result.what)
