"""Where the page listens, and with which certificates; opened by one process, served by another."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modemfarm.errors import ConfigError

FREED_WITHIN_S = 2.0  # the page of a daemon that was killed just now is about to end


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


def place(listen: str) -> tuple[str, int]:
    """Host and port of an address as `http.listen` names it."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def listeners(host: str, port: int, lan: Sequence[str] = ()) -> list[socket.socket]:
    """Sockets that listen: at `host`, and with the same port at each address of `lan`.

    Raises:
        ConfigError: an address cannot be listened on.
    """
    opened = [_listener(host, port)]
    try:
        opened += [_listener(address, opened[0].getsockname()[1]) for address in lan]
    except ConfigError:
        opened[0].close()
        raise
    return opened


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    until = time.monotonic() + FREED_WITHIN_S
    try:
        while True:
            try:
                return socket.create_server((host, port), family=family, backlog=256)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise
                time.sleep(0.05)
    except OSError as error:
        why = str(error.strerror or error).partition(" (while")[0]  # socket repeats the address there
        raise ConfigError("", "http.listen", f"cannot listen on {host}:{port}: {why}") from error
