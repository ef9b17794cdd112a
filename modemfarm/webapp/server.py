"""Serves the app with waitress, over TLS where a listener has a certificate."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from modemfarm.errors import ConfigError
from modemfarm.webapp.listening import Motion, PlainServer, TlsServer
from modemfarm.webapp.places import Certificate, listeners
from modemfarm.webapp.settings import MOST_BATCH_OCTETS, WebSettings

log = logging.getLogger(__name__)

_TICK_S = 1.0  # how long the loop sleeps when nothing happens; a trigger wakes it
# Each viewer holds one or two open connections between polls; waitress' own 100 would keep the 101st out.
_CONNECTIONS = 1000
_LOOK_EVERY_S = 5  # for who is too slow
_TURNS_WITHIN_S = 10.0  # the loop, which turns every second
_MOVES_WITHIN_S = 60.0  # a statement of the store may take 30 s


class Server:
    """A running server.

    Attributes:
        port: where it listens, chosen by the system when the settings said 0.
    """

    def __init__(
        self,
        app: Flask,
        settings: WebSettings,
        certificate: Certificate | None = None,
        lan: Sequence[str] = (),
        lan_certificate: Certificate | None = None,
        opened: Sequence[socket.socket] = (),
    ) -> None:
        self._map: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        self._servers: list[PlainServer] = []
        self._motion, self._turned_at = Motion(), time.monotonic()
        opened = opened or listeners(settings.host, settings.port, lan)
        self.port: int = opened[0].getsockname()[1]
        certificates = [certificate, *[lan_certificate or certificate] * (len(opened) - 1)]
        try:
            contexts = [None if given is None else given.context() for given in certificates]
        except ConfigError:
            for listener in opened:
                listener.close()
            raise
        for listener, context in zip(opened, contexts, strict=True):
            adjusted = Adjustments(
                sockets=[listener],
                threads=settings.threads,
                ident="modemfarm",
                url_scheme="http" if context is None else "https",
                # twice the cap, so that what is a little too large is told so in our own words
                max_request_body_size=2 * MOST_BATCH_OCTETS,
                channel_timeout=60,
                cleanup_interval=_LOOK_EVERY_S,
                connection_limit=_CONNECTIONS,
                clear_untrusted_proxy_headers=False,
            )
            place = (listener.family, listener.type, listener.proto, listener.getsockname())
            kind = PlainServer if context is None else TlsServer
            server = kind(
                app, self._map, _sock=listener, dispatcher=self._dispatcher, adj=adjusted, bind_socket=False,
                sockinfo=place,
            )  # fmt: skip
            server.context, server.motion = context, self._motion
            self._servers.append(server)
        self._dispatcher.set_thread_count(settings.threads)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="http", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._turned_at = time.monotonic()
            wasyncore.loop(timeout=_TICK_S, use_poll=True, map=self._map, count=1)

    def moved(self) -> None:
        """A request that takes long has come further."""
        self._motion.note()

    def serves(self, patience: float = 1.0) -> bool:
        """Whether requests are answered: not where some wait and none begun before ends, moves or waits for its client.

        Args:
            patience: how many times as long as usual things may take.
        """
        now = time.monotonic()
        if now - self._turned_at > _TURNS_WITHIN_S * patience:
            return False
        if not self._dispatcher.queue or now - self._motion.at <= _MOVES_WITHIN_S * patience:
            return True
        return any(server.is_waiting_for_clients() for server in self._servers)

    def stop(self, within_s: float = 5.0) -> None:
        """Take no new request, let running ones end, close everything."""
        for server in self._servers:
            server.accepting = False
        self._dispatcher.shutdown(cancel_pending=True, timeout=within_s)
        self._stopping.set()
        self._servers[0].pull_trigger()
        self._thread.join()
        wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)  # the last answers leave
        wasyncore.close_all(self._map, ignore_all=True)


def serve(
    app: Flask,
    settings: WebSettings,
    certificate: Certificate | None = None,
    lan: Sequence[str] = (),
    lan_certificate: Certificate | None = None,
    opened: Sequence[socket.socket] = (),
) -> Server:
    """Start to serve.

    Args:
        certificate: for TLS on the address of the settings.
        lan: further addresses, same port, with `lan_certificate`, else `certificate`.
        opened: the sockets of all these, where somebody else has made them listen.

    Raises:
        ConfigError: an address cannot be listened on, or a certificate cannot be used.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full thread pool is no news on a busy day
    return Server(app, settings, certificate, lan, lan_certificate, opened)
