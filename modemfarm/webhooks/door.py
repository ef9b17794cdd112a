"""Makes the calls that wait, in a thread of its own with a few helpers: a slow receiver slows nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from modemfarm.errors import StoreError
from modemfarm.store import outbox, webhooks
from modemfarm.store.addresses import ForbiddenError, Network
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from modemfarm.store.sealing import SealError
from modemfarm.webhooks.callbacks import GONE, Callbacks
from modemfarm.webhooks.calling import Result, post
from modemfarm.webhooks.pacing import EACH, Pacing
from modemfarm.webhooks.signing import signed

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
IDLE_EVERY_S = 2.0
AGAIN_AFTER_S = 5.0
CLEAN_EVERY = 2400  # looks


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
        callbacks: the calls to addresses that senders name, made beside.
    """

    def __init__(
        self,
        store: Store,
        offload: Offload,
        instance: str,
        given: Sequence[Given],
        networks: Sequence[Network],
        now: Callable[[], datetime],
        callbacks: Callbacks,
        call: Callable[..., Result] = post,
    ) -> None:
        self._store, self._offload, self._instance, self._now = store, offload, instance, now
        self._callbacks = callbacks
        self._given, self._networks, self._post = given, networks, call
        self._secrets: dict[int, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._pool = ThreadPoolExecutor(EACH * webhooks.MOST, thread_name_prefix="webhook")
        self._pacing: Pacing[int] = Pacing(now)
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
        self._callbacks.stop()

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
        self._callbacks.enter()

    def _turn(self, looks: int) -> float:
        """One look; how long until the next."""
        idle, calls_back = self._store.look(outbox.is_idle), self._callbacks.is_wanted()
        if (idle and not calls_back) or not self._leads():
            return IDLE_EVERY_S
        clean = looks % CLEAN_EVERY == 0
        if calls_back:
            self._callbacks.look(clean=clean)
        if not idle:
            self._tell(clean=clean)
        return LOOK_EVERY_S

    def _tell(self, *, clean: bool) -> None:
        while self._store.look(outbox.has_changes) and not self._stop.is_set():
            self._offload.call(outbox.fan_out, self._now())
        if clean:
            self._offload.call(outbox.clean, self._now())
        for hook in self._store.look(webhooks.hooks):
            if hook.disabled is None:
                self._begin(hook)

    def _leads(self) -> bool:
        """Of the daemons of a farm one makes the calls."""
        now = self._now()
        if self._leads_until is None or now >= self._leads_until - outbox.LEASE / 2:
            leads = self._offload.call(outbox.lead, self._instance, now)
            self._leads_until = now + outbox.LEASE if leads else None
        return self._leads_until is not None

    def _begin(self, hook: webhooks.Hook) -> None:
        room, flying = self._pacing.room(hook.id)
        calls = self._store.look(outbox.due, hook.id, self._now(), room + len(flying)) if room else []
        for call in [item for item in calls if item.id not in flying][:room]:
            self._pacing.begin(call.id, hook.id)
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
            self._pacing.end(call.id)

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
        if self._pacing.judge(hook.id, result):
            log.warning("webhooks: %s does not answer: %s", hook.url, result.what)


def _note(tx: Tx, hook: webhooks.Hook, call: outbox.Call, result: Result, now: datetime) -> None:
    if result.ok:
        outbox.answered(tx, call, result.what, now)
        return
    outbox.not_answered(tx, call, result.what, now, result.wait)
    if result.status == GONE:
        webhooks.disable(tx, hook.id, result.what)
