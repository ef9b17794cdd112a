"""How a host reaches its database server over a network that can be cut: a namespace of its own, or a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Link(Protocol):
    """One host's way to the server.

    Attributes:
        server: address and port that the host's daemon connects to.
        address: where the daemon listens for HTTP, as others reach it.
        wrapper: words before the daemon's own.
    """

    server: str
    address: str
    wrapper: tuple[str, ...]

    def cut(self, seconds: float) -> None:
        """Let nothing through for so long."""

    def close(self) -> None:
        """Take it away."""


def links(count: int) -> Sequence[Namespace]:
    """Namespaces for so many hosts; none, and the reason said, where this process may not make them."""
    made: list[Namespace] = []
    try:
        for number in range(count):
            made.append(Namespace(number))  # noqa: PERF401 # those made so far must be closed
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", "") or error
        print(f"hosts: no network namespaces here ({str(why).strip()}): a proxy is cut instead", file=sys.stderr)
        for one in made:
            one.close()
        return ()
    return made


class Namespace:
    """A network namespace with a pair of virtual Ethernet cards; a cut pulls the cable: no packet, and nobody is told.

    The server listens at `gateway`, the daemon at `address`.
    """

    def __init__(self, number: int) -> None:
        """Make it.

        Raises:
            OSError: there is no `ip`.
            subprocess.CalledProcessError: it is not permitted.
        """
        ip = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if ip is None:
            raise FileNotFoundError("no program `ip`: apt-get install iproute2")
        self._ip = ip
        self._name, self._card = f"mf{os.getpid()}h{number}", f"mf{os.getpid() % 10**7}v{number}"
        net = f"10.{64 + os.getpid() % 128}.{number}"
        self.gateway, self.address = f"{net}.1", f"{net}.2"
        self.server = ""
        self.wrapper = (ip, "netns", "exec", self._name)
        self._do("netns", "add", self._name)
        try:
            self._do("link", "add", self._card, "type", "veth", "peer", "name", "eth0", "netns", self._name)
            self._do("addr", "add", f"{self.gateway}/30", "dev", self._card)
            self._do("link", "set", self._card, "up")
            for words in (f"addr add {self.address}/30 dev eth0", "link set eth0 up", "link set lo up"):
                self._do("-n", self._name, *words.split())
        except subprocess.CalledProcessError:
            self.close()
            raise

    def _do(self, *words: str) -> None:
        subprocess.run([self._ip, *words], check=True, capture_output=True, text=True)

    def cut(self, seconds: float) -> None:
        self._do("link", "set", self._card, "down")
        time.sleep(seconds)
        self._do("link", "set", self._card, "up")

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._do("netns", "del", self._name)  # and with it its card, and that card's other end


class Proxy:
    """A TCP port of this host that leads to the server's Unix socket; a cut ends its connections, and refuses more."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self.address, self.wrapper = "127.0.0.1", ()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)

    def cut(self, seconds: float) -> None:
        self._loop.call_soon_threadsafe(self._set, True)
        time.sleep(seconds)
        self._loop.call_soon_threadsafe(self._set, False)

    def freeze(self) -> None:
        """Forward nothing, and close nothing: nobody is told, until `thaw`."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def thaw(self) -> None:
        """Go on with what was sent meanwhile."""
        self._loop.call_soon_threadsafe(self._flows.set)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _set(self, cut: bool) -> None:
        self._cut = cut
        for writer in list(self._open) if cut else ():
            writer.transport.abort()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.server = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        self._loop.run_forever()
        server.close()
        self._set(True)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            far, back = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(far, writer))
        finally:
            self._open -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                await self._flows.wait()
                writer.write(octets)
                await writer.drain()
        writer.close()
