"""Finds out by talking which of a stick's ttys takes commands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from modemfarm.errors import LinkLostError, PortBusyError
from modemfarm.modem.port import Port, PortOpener

log = logging.getLogger(__name__)

_LISTEN_S = 1.2  # a position receiver speaks once a second
_ASK_EVERY_S = 0.5
_FIRST_PATIENCE_S = 10.0  # the likeliest port may be ready a little later than another one
_PATIENCE_S = 1.5
_SURE_WITHIN_S = 15.0  # then the port is served by its role, and the page says that it does not answer
_WITHIN_S = 40.0
_AGAIN_S = 0.2


async def command_port(
    opener: PortOpener, paths: Sequence[str], *, sure: bool, pending: Callable[[str], Awaitable[bool]]
) -> str:
    """The first of `paths` that answers AT; the first of all when none does in time.

    Args:
        paths: best first.
        sure: the ttys are known by role; else each is listened to before anything is written.
        pending: whether a message's fate hangs on that port: then it is taken without a word.
    """
    for path in paths:
        if await pending(path):
            return path
    try:
        async with asyncio.timeout(_SURE_WITHIN_S if sure else _WITHIN_S):
            patience_s = _FIRST_PATIENCE_S if sure else _PATIENCE_S
            mute: set[str] = set()
            while len(mute) < len(paths):
                for path in paths:
                    if path in mute:
                        continue
                    answer = await _answers(opener, path, patience_s, listen=not sure)
                    if answer is True:
                        return path
                    if answer is None:
                        mute.add(path)
                    patience_s = _PATIENCE_S
                await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        log.info("none of %s answers", ", ".join(paths))
    return paths[0]


async def _answers(opener: PortOpener, path: str, within_s: float, *, listen: bool) -> bool | None:
    """Whether the port says OK; None: it is no command port. One that cannot be opened counts as the one."""
    try:
        port = await opener.open(path)
    except PortBusyError:
        return True  # whoever serves it next says which program holds it
    except LinkLostError as error:
        return "ermission" in str(error)
    try:
        if listen and await _speaks_position(port):
            return None
        async with asyncio.timeout(within_s):
            return await _ask(port)
    except (TimeoutError, LinkLostError):
        return False
    finally:
        port.abort()


async def _speaks_position(port: Port) -> bool:
    """NMEA 0183 sentences begin with ``$G``; such a port is never written to."""
    heard = b""
    try:
        async with asyncio.timeout(_LISTEN_S):
            while b"$G" not in heard:
                heard += await port.read()
    except TimeoutError:
        return False
    return True


async def _ask(port: Port) -> bool:
    heard = b""
    while True:
        port.write(b"AT\r")
        try:
            async with asyncio.timeout(_ASK_EVERY_S):
                while b"OK" not in heard:
                    heard = heard[-512:] + await port.read()
            return True
        except TimeoutError:
            continue
