"""Serves the app with waitress in threads of the daemon's process, over TLS where a listener has a certificate."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from modemfarm.errors import ConfigError
from modemfarm.webapp.listening import PlainServer, TlsServer
from modemfarm.webapp.settings import MOST_BATCH_OCTETS, WebSettings

log = logging.getLogger(__name__)

_TICK_S = 1.0  # how long the loop sleeps when nothing happens; a trigger wakes it
# Each viewer holds one or two open connections between polls; waitress' own 100 would keep the 101st out.
_CONNECTIONS = 1000
_LOOK_EVERY_S = 5  # for who is too slow


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM form."""

    cert: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 and newer with this certificate.

        Raises:
            ConfigError: the files cannot be read, or do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, self.key, password="")
        except OSError as error:  # SSLError is one
            why = error.strerror or "they do not belong together, or are no certificate and key"
            raise ConfigError("", "http.tls", f"{self.cert} and {self.key}: {why}") from error
        return context


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
    ) -> None:
        self._map: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        self._servers: list[PlainServer] = []
        first = _listener(settings.host, settings.port)
        self.port: int = first.getsockname()[1]
        listeners: list[tuple[socket.socket, Certificate | None]] = [(first, certificate)]
        try:
            listeners += [(_listener(address, self.port), lan_certificate or certificate) for address in lan]
            contexts = [None if given is None else given.context() for _, given in listeners]
        except ConfigError:
            for listener, _ in listeners:
                listener.close()
            raise
        for (listener, _), context in zip(listeners, contexts, strict=True):
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
            server.context = context
            self._servers.append(server)
        self._dispatcher.set_thread_count(settings.threads)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="http", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_TICK_S, use_poll=True, map=self._map, count=1)

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


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        why = str(error.strerror or error).partition(" (while")[0]  # socket repeats the address there
        raise ConfigError("", "http.listen", f"cannot listen on {host}:{port}: {why}") from error


def serve(
    app: Flask,
    settings: WebSettings,
    certificate: Certificate | None = None,
    lan: Sequence[str] = (),
    lan_certificate: Certificate | None = None,
) -> Server:
    """Start to serve.

    Args:
        certificate: for TLS on the address of the settings.
        lan: further addresses, same port, with `lan_certificate`, else `certificate`.

    Raises:
        ConfigError: an address cannot be listened on, or a certificate cannot be used.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full thread pool is no news on a busy day
    return Server(app, settings, certificate, lan, lan_certificate)
