"""Tells that something was plugged in or out: the kernel's and udev's netlink messages, without a library."""

from __future__ import annotations

import asyncio
import logging
import socket

log = logging.getLogger(__name__)

_NETLINK_KOBJECT_UEVENT = 15  # linux/netlink.h
_GROUPS = 1 | 2  # 1: the kernel's own; 2: udev's, after its rules gave names and rights
_BUFFER_OCTETS = 1024 * 1024  # a hub with 64 modems says a lot at once
_OURS = (b"SUBSYSTEM=tty\0", b"SUBSYSTEM=usb\0")


class Uevents:
    """A socket that sets `happened` at each change of a USB device or a tty."""

    def __init__(self, happened: asyncio.Event) -> None:
        self._happened = happened
        self._socket: socket.socket | None = None

    def open(self) -> bool:
        """Begin to listen; False where there is no netlink: then only looking helps."""
        try:
            link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_KOBJECT_UEVENT)
        except OSError as error:
            log.info("no hotplug messages (%s): looking instead", error.strerror)
            return False
        try:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
            link.bind((0, _GROUPS))
        except OSError as error:
            link.close()
            log.info("no hotplug messages (%s): looking instead", error.strerror)
            return False
        self._socket = link
        asyncio.get_running_loop().add_reader(link, self._read, link)
        return True

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self, link: socket.socket) -> None:
        """A message is only a reason to look: what it says is read from sysfs, so nobody can lie to us."""
        while True:
            try:
                message = link.recv(16_384)
            except BlockingIOError:
                return
            except OSError as error:  # ENOBUFS: some were lost, which is a reason to look as well
                log.debug("hotplug: %s", error)
                self._happened.set()
                return
            if any(word in message for word in _OURS):
                self._happened.set()
