"""Calls the addresses that senders named in Kannel's dlr-url, where config.yaml lists them."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from modemfarm.errors import StoreError
from modemfarm.store import callback_urls, callbacks
from modemfarm.store.addresses import ForbiddenError, Network
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload
from modemfarm.store.shapes import Terms
from modemfarm.webhooks.calling import Result, post
from modemfarm.webhooks.pacing import Pacing

log = logging.getLogger(__name__)

GONE = 410
_HELPERS = 20


class Callbacks:
    """Makes the calls that wait; the webhooks' thread looks after it.

    Args:
        beginnings: what an address must begin with to be called.
        networks: private ones in which addresses may be called.
    """

    def __init__(
        self,
        store: Store,
        offload: Offload,
        beginnings: Sequence[str],
        networks: Sequence[Network],
        terms: Terms,
        now: Callable[[], datetime],
        call: Callable[..., Result] = post,
    ) -> None:
        self._store, self._offload, self._now, self._call = store, offload, now, call
        self._beginnings, self._networks, self._terms = tuple(beginnings), networks, terms
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(_HELPERS, thread_name_prefix="callback")
        self._pacing: Pacing[str] = Pacing(now)

    def enter(self) -> None:
        """Have the database note what is to be told."""
        self._offload.call(functools.partial(callbacks.watch, wanted=bool(self._beginnings)))

    def is_wanted(self) -> bool:
        """Whether anybody is to be called."""
        return bool(self._beginnings) or not self._store.look(callbacks.is_idle)

    def look(self, *, clean: bool) -> None:
        """Begin the calls that are due."""
        now = self._now()
        if clean:
            self._offload.call(callbacks.clean, now)
        for origin in self._store.look(callbacks.origins, now):
            room, flying = self._pacing.room(origin)
            if not room:
                continue
            for call in self._store.look(callbacks.due, origin, now, room + len(flying), self._terms):
                if call.id not in flying and room > 0:
                    room -= 1
                    self._pacing.begin(call.id, origin)
                    self._pool.submit(self._make, call)

    def stop(self) -> None:
        """Begin no further call; one that is under way and not noted is made again after the next start."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self, call: callbacks.Call) -> None:
        try:
            result = self._attempt(call)
            if not self._stop.is_set():
                self._note(call, result)
            if self._pacing.judge(call.origin, result):
                log.warning("callbacks: %s does not answer: %s", call.origin, result.what)
        except StoreError as error:
            log.error("callbacks: %s: %s", call.origin, error)  # noqa: TRY400 # its words say it all
            self._pacing.judge(call.origin, Result(None, str(error)))
        except Exception:
            log.exception("callbacks: unexpected error")
            self._pacing.judge(call.origin, Result(None, "unexpected error"))
        finally:
            self._pacing.end(call.id)

    def _attempt(self, call: callbacks.Call) -> Result:
        if not callback_urls.is_listed(call.url, self._beginnings):  # config.yaml may be another one than at intake
            return Result(None, "http.kannel_dlr_urls in config.yaml does not name it")
        try:
            return self._call(call.url, b"", {}, self._networks, method="GET", now=self._now())
        except ForbiddenError as error:
            return Result(None, str(error))

    def _note(self, call: callbacks.Call, result: Result) -> None:
        """What came of a call; paths and queries are the sender's secrets and stand in no log."""
        if result.ok:
            self._offload.call(callbacks.answered, call)
        elif result.status == GONE:
            self._offload.call(callbacks.unwanted, call, result.what, self._now())
            log.warning("callbacks: message %d: %s is called no more: %s", call.message_id, call.origin, result.what)
        elif not self._offload.call(callbacks.not_answered, call, result.what, self._now(), result.wait):
            log.warning("callbacks: message %d: %s given up: %s", call.message_id, call.origin, result.what)
