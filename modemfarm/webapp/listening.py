"""What waitress does not do by itself: TLS, no patience with who sends too slowly, and a look at who is stuck."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

HEAD_WITHIN_S = 15.0  # from its first octet to the end of its header, a TLS handshake included
BODY_AFTER_S = 30.0  # from then on a body must have come
BODY_LEAST = 1024  # this many octets a second, on average


class Motion:
    """When requests last went on.

    Attributes:
        at: seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self.at = time.monotonic()

    def note(self) -> None:
        """One did just now."""
        self.at = time.monotonic()


class PlainChannel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """One connection."""

    began: float | None = None  # when the request that is being received did

    def received(self, data: bytes) -> bool:
        """Take octets of a request."""
        if self.began is None:
            self.began = time.time()
        taken: bool = super().received(data)
        if self.request is None:
            self.began = None
        return taken

    def service(self) -> None:
        """Answer one request, in a thread of the pool."""
        self.server.motion.note()
        super().service()
        self.server.motion.note()

    @property
    def waits_for_client(self) -> bool:
        """Whether so much of an answer is still to be sent that its thread waits until the client has read."""
        return bool(self.requests) and self.total_outbufs_len > self.adj.outbuf_high_watermark

    def is_late(self, now: float) -> bool:
        """Whether its request takes longer than an honest one."""
        if self.began is None:
            return False
        took, request = now - self.began, self.request
        if request is None or not request.headers_finished:
            return took > HEAD_WITHIN_S
        return took > BODY_AFTER_S and request.body_bytes_received < took * BODY_LEAST


class TlsChannel(PlainChannel):
    """One connection over TLS; the handshake happens inside the first reads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # workers send while the loop receives, and one TLS connection bears no two threads at once
        self._turn = threading.Lock()
        super().__init__(*args, **kwargs)
        self.began = time.time()

    def handle_read(self) -> None:
        """Read what came, whole records: what TLS has decrypted already, no poll tells of."""
        try:
            with self._turn:
                data = self.socket.recv(self.adj.recv_bytes)
                while more := self.socket.pending():
                    data += self.socket.recv(more)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        if data:
            self.last_activity = time.time()
            self.received(data)
        else:
            self.handle_close()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what fits now."""
        try:
            with self._turn:
                return int(self.socket.send(data))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0


class PlainServer(TcpWSGIServer):  # type: ignore[misc] # waitress has no types
    """A listener."""

    channel_class = PlainChannel
    context: ssl.SSLContext | None = None
    motion: Motion

    def is_waiting_for_clients(self) -> bool:
        """Whether a thread of the pool has nothing to do but wait for its client."""
        return any(channel.waits_for_client for channel in list(self.active_channels.values()))

    def maintenance(self, now: float) -> None:
        """Close what is idle for long, and whoever is too slow."""
        super().maintenance(now)
        for channel in self.active_channels.values():
            if not channel.requests and channel.is_late(now):
                channel.will_close = True


class TlsServer(PlainServer):
    """A listener with a certificate."""

    channel_class = TlsChannel

    def accept(self) -> tuple[Any, Any] | None:
        """A connection whose handshake waits for its peer without holding up the others."""
        accepted = super().accept()
        if accepted is None or self.context is None:
            return None
        conn, address = accepted
        return self.context.wrap_socket(conn, server_side=True, do_handshake_on_connect=False), address
