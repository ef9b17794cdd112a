"""Which addresses somebody may have called: public ones, and those in the owner's networks."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenError(ValueError):
    """An address may not be called; the text says which key of config.yaml would allow it.

    Attributes:
        host: as the address names it.
        ip: what it is.
    """

    def __init__(self, host: str, ip: str) -> None:
        what = f"{ip} is a private address" if ip == host else f"{host} is {ip}, a private address"
        super().__init__(f"{what}: webhook_networks in config.yaml allows it")
        self.host, self.ip = host, ip


def may_call(ip: _Ip, allowed: Iterable[Network]) -> bool:
    """Whether an address is public, or in one of the owner's networks."""
    inner: _Ip | None = None
    if isinstance(ip, ipaddress.IPv6Address):
        teredo = ip.teredo[1] if ip.teredo else None
        inner = ip.ipv4_mapped or ip.sixtofour or teredo
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None:
        return may_call(inner, allowed)
    if any(ip.version == network.version and ip in network for network in allowed):
        return True
    return ip.is_global and not ip.is_multicast


def resolve(host: str, port: int, allowed: Iterable[Network] | None, *, literal: bool = False) -> str:
    """The one address to call.

    Args:
        allowed: networks beside the public ones; None: any address.
        literal: only a host that is an address itself has one; no name is looked up.

    Raises:
        ForbiddenError: one of the host's addresses may not be called.
        OSError: it has none.
    """
    flags = socket.AI_NUMERICHOST if literal else 0
    found = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)]
    if allowed is not None:
        networks = tuple(allowed)
        for text in found:
            if not may_call(ipaddress.ip_address(text.partition("%")[0]), networks):
                raise ForbiddenError(host, text)
    return found[0]


def refuse_literal(url: str, allowed: Iterable[Network]) -> None:
    """Judge an address that names no host but an address, as the call would.

    Raises:
        ForbiddenError: every call to it would be refused.
    """
    try:
        resolve(urlsplit(url).hostname or "", 0, allowed, literal=True)
    except (OSError, UnicodeError):
        return  # a name: what it stands for is seen when it is called
