"""Serves the app with waitress in threads of the daemon's process."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from flask import Flask
from waitress import create_server, wasyncore

from modemfarm.errors import ConfigError
from modemfarm.webapp.settings import MOST_BATCH_OCTETS, WebSettings

log = logging.getLogger(__name__)

_TICK_S = 1.0  # how long the loop sleeps when nothing happens; a trigger wakes it


class Server:
    """A running server.

    Attributes:
        port: where it listens, chosen by the system when the settings said 0.
    """

    def __init__(self, app: Flask, settings: WebSettings) -> None:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            listener = socket.create_server((settings.host, settings.port), family=family, backlog=256)
        except OSError as error:
            why = str(error.strerror or error).partition(" (while")[0]  # socket repeats the address there
            what = f"cannot listen on {settings.host}:{settings.port}: {why}"
            raise ConfigError("", "http.listen", what) from error
        self.port: int = listener.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listener],
            threads=settings.threads,
            ident="modemfarm",
            # twice the cap, so that what is a little too large is told so in our own words
            max_request_body_size=2 * MOST_BATCH_OCTETS,
            channel_timeout=60,
            clear_untrusted_proxy_headers=False,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="http", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_TICK_S, use_poll=True, map=self._map, count=1)

    def stop(self, within_s: float = 5.0) -> None:
        """Take no new request, let running ones end, close everything."""
        self._server.accepting = False
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=within_s)
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join()
        wasyncore.loop(timeout=0.05, use_poll=True, map=self._map, count=1)  # the last answers leave
        wasyncore.close_all(self._map, ignore_all=True)


def serve(app: Flask, settings: WebSettings) -> Server:
    """Start to serve.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full thread pool is no news on a busy day
    return Server(app, settings)
