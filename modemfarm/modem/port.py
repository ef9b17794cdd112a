"""Opens serial ports, two ways, and gives each as a `Port`: read, write, abort; the serial libraries end here."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import queue
import stat
import termios
import threading
from collections.abc import Callable
from typing import Any, Protocol

import serial
import serial_asyncio_fast
import serialx
from serialx.platforms.serial_linux import LinuxSerial, LinuxSerialTransport

from modemfarm.errors import LinkLostError, PortBusyError, PortGoneError
from modemfarm.modem.holders import holders

log = logging.getLogger(__name__)

SPEED = 115_200
_PAUSE_OCTETS = 256 * 1024  # unread input beyond this stops reading until somebody reads
_STUCK_OCTETS = 64 * 1024  # unsent output beyond this: nobody takes it, the port is stuck
_CONNECT_WITHIN_S = 10.0
_THREAD_WAITS_S = 0.2  # how often a reading thread looks whether it shall end
_CLOSING_WITHIN_S = 2.0  # how long opening waits for our own last use of the device to end


class Port(Protocol):
    """A byte stream to one modem."""

    @property
    def path(self) -> str:
        """The name it was opened by."""

    async def read(self) -> bytes:
        """The next octets, at least one. Raises LinkLostError once the port is gone and all was read."""

    def write(self, data: bytes) -> None:
        """Send octets, now or as soon as the port takes them; never blocks. Raises LinkLostError."""

    def abort(self) -> None:
        """Close at once; what was not sent is dropped. A waiting `read` raises LinkLostError."""


class PortOpener(Protocol):
    """Opens ports; what a port already holds is not discarded."""

    async def open(self, path: str) -> Port:
        """Open `path` for us alone.

        Raises:
            PortBusyError: another program, or we by another name, hold the device.
            PortGoneError: there is no such device.
            LinkLostError: it cannot be opened.
        """


class _StreamPort(asyncio.Protocol):
    """The protocol side of a serial transport, read by one coroutine."""

    def __init__(self, path: str, device: int | None) -> None:
        self._path = path
        self._device = device
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._lost: str | None = None
        self._paused = False
        self.closed = asyncio.get_running_loop().create_future()
        if device is not None:
            _held[device] = self

    @property
    def path(self) -> str:
        return self._path

    @property
    def lost(self) -> bool:
        return self._lost is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # serial transports are read-write transports
        if self._lost is not None:
            self._transport.abort()  # type: ignore[union-attr]  # set in the line above

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _PAUSE_OCTETS and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc else "closed")
        self.forget()

    def forget(self) -> None:
        """The device is free again: the transport is closed, or never opened."""
        if self._device is not None and _held.get(self._device) is self:
            del _held[self._device]
        if not self.closed.done():
            self.closed.set_result(None)

    async def read(self) -> bytes:
        while not self._buffer:
            if self._lost is not None:
                raise LinkLostError(f"{self._path}: {self._lost}")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._paused and self._transport is not None and self._lost is None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        if self._lost is not None or self._transport is None or self._transport.is_closing():
            raise LinkLostError(f"{self._path}: {self._lost or 'closed'}")
        try:
            self._transport.write(data)
        except OSError as error:
            self.abort()
            raise LinkLostError(f"{self._path}: {error}") from error
        if self._transport.get_write_buffer_size() > _STUCK_OCTETS:
            self.abort()
            raise LinkLostError(f"{self._path}: it takes no output")

    def abort(self) -> None:
        self._end("aborted")
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        link = transport.get_extra_info("serial")
        if link is not None:
            # Closing a tty waits for its output to drain, up to 30 s on a stuck modem; dropping it first avoids that.
            try:
                termios.tcflush(link.fileno(), termios.TCOFLUSH)
            except (OSError, termios.error, AssertionError, TypeError):
                log.debug("%s: output could not be dropped", self._path)
        transport.abort()

    def _end(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


# Devices that this process has open. flock follows the inode, so that two device nodes of one device would pass it.
_held: dict[int, _StreamPort] = {}


async def _reserve(path: str) -> _StreamPort:
    """A port object that holds the device `path` names, before it is opened."""
    try:
        status = os.stat(path)  # noqa: PTH116  # a device node's stat does not wait
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO)
        raise (PortGoneError if gone else LinkLostError)(f"{path}: {error.strerror}") from error
    device = status.st_rdev if stat.S_ISCHR(status.st_mode) else None
    holder = _held.get(device) if device is not None else None
    if holder is not None:
        if not holder.lost:
            raise PortBusyError(f"{path}: already open as {holder.path}")
        try:
            async with asyncio.timeout(_CLOSING_WITHIN_S):
                await asyncio.shield(holder.closed)
        except TimeoutError as error:
            raise PortBusyError(f"{path}: still closing") from error
        if device in _held:
            raise PortBusyError(f"{path}: already open")
    return _StreamPort(path, device)


async def _opening_failed(path: str, error: OSError) -> PortBusyError | LinkLostError:
    if error.errno in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        others = await asyncio.get_running_loop().run_in_executor(None, holders, path)
        return PortBusyError(f"{path}: held by {', '.join(others) or 'another program'}")
    if error.errno == errno.ENOTTY:
        return LinkLostError(f"{path}: this is no serial port")
    return LinkLostError(f"{path}: {error.strerror or error}")


class _KeepingSerial(LinuxSerial):
    """serialx's Linux port that leaves alone what the port already holds.

    The library ends its configuration with a flush in both directions; this one sets the same
    flags without it, and VMIN 1, so that "nothing there" is EAGAIN and 0 octets always mean hang-up.
    """

    def _reconfigure_port(self, update: object) -> None:  # noqa: ARG002  # the library's signature
        flags = self._build_tcsetattr_flags()
        fd = self.fileno()
        control = termios.tcgetattr(fd)[6]
        control[termios.VMIN], control[termios.VTIME] = 1, 0
        termios.tcsetattr(
            fd,
            termios.TCSANOW,
            [flags.iflag, flags.oflag, flags.cflag, flags.lflag, flags.ispeed, flags.ospeed, control],
        )
        self._after_configure_port()
        self.set_modem_pins(self._modem_pins_on_open())


class _KeepingTransport(LinuxSerialTransport):
    _serial_cls = _KeepingSerial


class SerialxOpener:
    """Opens through serialx; URLs go to pyserial."""

    async def open(self, path: str) -> Port:
        if "://" in path:
            return await PyserialOpener().open(path)
        port = await _reserve(path)
        keep = serialx.PinState.UNDEFINED  # a restart must not hang up on a modem that is still sending
        try:
            await serialx.create_serial_connection(
                asyncio.get_running_loop(),
                lambda: port,
                path,
                SPEED,
                exclusive=True,
                transport_cls=_KeepingTransport,
                dtr_on_close=keep,
                rts_on_close=keep,
            )
        except (OSError, termios.error) as error:
            port.forget()
            raise await _opening_failed(path, _as_os_error(error)) from error
        except BaseException:
            port.forget()
            raise
        return port


class _KeepingPollSerial(serial.PosixPollSerial):  # type: ignore[misc]  # pyserial has no types
    """pyserial's port (poll, so that descriptors above 1023 work) that leaves alone what the port already holds."""

    def _reset_input_buffer(self) -> None:
        """Called by open(), which would drop what the modem said while nobody listened."""


class PyserialOpener:
    """Opens through pyserial and pyserial-asyncio-fast; also ``socket://`` and ``rfc2217://``."""

    async def open(self, path: str) -> Port:
        loop = asyncio.get_running_loop()
        if "://" in path:
            return await _open_url(path)
        port = await _reserve(path)
        try:
            link = await loop.run_in_executor(None, _open_pyserial, path)
        except (OSError, termios.error) as error:
            port.forget()
            raise await _opening_failed(path, _as_os_error(error)) from error
        except BaseException:
            port.forget()
            raise
        transport, _ = await serial_asyncio_fast.connection_for_serial(loop, lambda: port, link)
        port.connection_made(transport)
        return port


async def _open_url(url: str) -> Port:
    """A modem box on the network; reaching it may take as long as `_CONNECT_WITHIN_S`."""
    loop = asyncio.get_running_loop()
    port = _StreamPort(url, None)
    try:
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            if url.startswith("rfc2217://"):
                link = await loop.run_in_executor(None, _open_rfc2217, url)
                port.connection_made(_ThreadTransport(loop, link, port))
            else:
                await serial_asyncio_fast.create_serial_connection(loop, lambda: port, url, baudrate=SPEED)
    except (OSError, TimeoutError, ValueError) as error:
        raise LinkLostError(f"{url}: {str(error) or 'no connection'}") from error
    return port


def _open_rfc2217(url: str) -> serial.SerialBase:
    return serial.serial_for_url(url, baudrate=SPEED, timeout=_THREAD_WAITS_S)


class _ThreadTransport(asyncio.Transport):
    """A pyserial port without a descriptor that a loop could watch (RFC 2217), served by two threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, link: serial.SerialBase, port: _StreamPort) -> None:
        super().__init__()
        self._loop, self._link, self._port = loop, link, port
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unsent = 0
        self._closing = False
        for work in (self._read_on, self._write_on):
            threading.Thread(target=work, name=f"{work.__name__} {port.path}", daemon=True).start()

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._unsent += len(data)
        self._out.put(bytes(data))

    def pause_reading(self) -> None:
        """Nothing to pause: the box holds at most what its own buffer takes."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""

    def abort(self) -> None:
        self._closing = True
        self._out.put(None)

    def _read_on(self) -> None:
        error: Exception | None = None
        try:
            while not self._closing:
                data = self._link.read(1)
                if data:
                    self._tell(self._port.data_received, data + self._link.read(self._link.in_waiting))
        except (OSError, ValueError, TypeError) as caught:  # pyserial's reader trips over its own closed socket
            error = caught
        self.abort()
        try:
            self._link.close()
        except (OSError, ValueError) as caught:
            log.debug("%s: %s", self._port.path, caught)
        self._tell(self._port.connection_lost, error)

    def _write_on(self) -> None:
        while (data := self._out.get()) is not None:
            try:
                self._link.write(data)
            except OSError as error:
                log.debug("%s: %s", self._port.path, error)
                self._closing = True
                return
            self._unsent -= len(data)

    def _tell(self, call: Callable[[Any], None], value: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:
            log.debug("%s: the loop has ended", self._port.path)


def _open_pyserial(path: str) -> serial.Serial:
    return _KeepingPollSerial(path, SPEED, timeout=0, write_timeout=0, exclusive=True)


def _as_os_error(error: Exception) -> OSError:
    """`termios.error` carries errno and text as plain arguments; `SerialException` is an OSError already."""
    return error if isinstance(error, OSError) else OSError(*error.args)
