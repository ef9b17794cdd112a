"""Errands that somebody else has for a modem, mostly one command: they wait here until its own task has a hand free.

The session serves them between its steps and the lane between its turns, never beside a submission.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from modemfarm.at.events import Answered, Command
from modemfarm.errors import LinkLostError, ModemError, NoAnswerError
from modemfarm.modem.link import Link
from modemfarm.modem.sending import Sender

START_WITHIN_S = 30.0
T = TypeVar("T")
Errand = Callable[[Link], Awaitable[T]]

_WAITING = 16  # more than this nobody types; a program that floods is told so


class NotAskedError(ModemError):
    """The modem was not asked: nothing was written to it.

    Attributes:
        slug: ``busy`` (no hand free in time), ``full`` (too many wait), ``stopping``.
    """

    def __init__(self, slug: str) -> None:
        super().__init__(f"not asked: {slug}")
        self.slug = slug


class _Request:
    """One errand and who waits for its result."""

    __slots__ = ("answer", "begun", "errand", "sends", "touches", "what")

    def __init__(self, errand: Errand[Any], what: str, *, touches: bool, sends: bool) -> None:
        self.errand, self.what, self.touches, self.sends = errand, what, touches, sends
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.begun = False


class Ear(Protocol):
    """Who waits for the modem's unasked words."""

    def hear(self, line: str, *, known: bool) -> bool:
        """Take a line; False when it is for somebody else. `known`: a URC by its look."""

    def lost(self) -> None:
        """The modem restarted; nothing more is coming."""


@dataclass(frozen=True, slots=True)
class Served:
    """How a request went, for the session.

    Attributes:
        silent: no final result came: the link is out of step.
        touched: the session must set the modem up again.
    """

    silent: bool = False
    touched: bool = False


class Asking:
    """One modem's requests; they outlive its sessions, and a session that ends loses only the one it is at.

    Attributes:
        wake: called when a request came; the lane sets it.
        ear: who listens to what the modem says unasked while an errand runs.
        sender: the lane's way to the air while it may send; until then an errand that sends waits.
    """

    def __init__(self) -> None:
        self._requests: deque[_Request] = deque()
        self._scope: asyncio.Timeout | None = None
        self._stopping = False
        self.wake: Callable[[], None] = _nobody
        self.ear: Ear | None = None
        self.sender: Sender | None = None

    @property
    def waiting(self) -> bool:
        """Somebody waits for an answer that can be had now."""
        return any(self._may(request) for request in self._requests)

    async def ask(
        self, command: Command | str, within_s: float, *, start_within_s: float = START_WITHIN_S, touches: bool = False
    ) -> Answered:
        """The modem's answer, an error of its own included (`Answered.error`).

        Cancelling takes the request back; once it is on the wire, its answer is read and dropped.

        Args:
            within_s: from when it is written to its final result code.
            start_within_s: how long it may wait to be written.
            touches: it may change what the session has set; the session starts over behind it.

        Raises:
            NotAskedError: it was not written.
            NoAnswerError: it was, and no final result code came in time, or the daemon stops.
            LinkLostError: it was, and the port is gone.
        """
        wanted = Command(command) if isinstance(command, str) else command

        async def errand(link: Link) -> Answered:
            return await link.exchange(wanted, within_s)

        return await self.lend(errand, wanted.echo, start_within_s=start_within_s, touches=touches)

    async def lend(
        self,
        errand: Errand[T],
        what: str,
        *,
        start_within_s: float = START_WITHIN_S,
        touches: bool = False,
        sends: bool = False,
    ) -> T:
        """The result of an errand that has the modem to itself while it runs; it bounds its own time.

        Args:
            what: names it in errors.
            sends: it puts a message on the air, so it waits until the lane may.

        Raises:
            NotAskedError, NoAnswerError, LinkLostError: as `ask`; besides, whatever `ModemError` the errand raises.
        """
        if self._stopping:
            raise NotAskedError("stopping")
        if len(self._requests) >= _WAITING:
            raise NotAskedError("full")
        request = _Request(errand, what, touches=touches, sends=sends)
        self._requests.append(request)
        timer = asyncio.get_running_loop().call_later(start_within_s, self._too_late, request)
        self.wake()
        try:
            result: T = await request.answer
            return result
        finally:
            timer.cancel()
            if request in self._requests:
                self._requests.remove(request)

    async def serve(self, link: Link) -> Served:
        """Put the oldest request to the modem.

        Returns:
            What the session must know of it.

        Raises:
            LinkLostError: the port is gone; whoever asked is told too.
        """
        request = self._next()
        if request is None:
            return Served()
        request.begun = True
        try:
            async with asyncio.timeout(None) as self._scope:
                result = await request.errand(link)
        except NoAnswerError as error:
            _fail(request, error)
            return Served(silent=True, touched=request.touches)
        except TimeoutError:  # `stop` cut it short
            _fail(request, NoAnswerError(request.what, 0))
            return Served(silent=True, touched=request.touches)
        except LinkLostError as error:
            _fail(request, LinkLostError(str(error)))
            raise
        except ModemError as error:
            _fail(request, error)
            return Served(touched=request.touches)
        except BaseException:
            _fail(request, LinkLostError("the session ended"))
            raise
        finally:
            self._scope = None
        if not request.answer.done():
            request.answer.set_result(result)
        return Served(touched=request.touches)

    def interrupted(self) -> None:
        """The modem restarted: whoever listens hears nothing more."""
        if self.ear is not None:
            self.ear.lost()

    def stop(self) -> None:
        """Take no more; what waits is given back, what is on the wire is not waited for."""
        self._stopping = True
        while self._requests:
            _fail(self._requests.popleft(), NotAskedError("stopping"))
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def _next(self) -> _Request | None:
        for request in [request for request in self._requests if self._may(request)]:
            self._requests.remove(request)
            if not request.answer.done():
                return request
        return None

    def _may(self, request: _Request) -> bool:
        return not request.sends or self.sender is not None

    def _too_late(self, request: _Request) -> None:
        if not request.begun:
            _fail(request, NotAskedError("busy"))


def _fail(request: _Request, error: ModemError) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)


def _nobody() -> None:
    """Nobody serves requests now; they wait."""
