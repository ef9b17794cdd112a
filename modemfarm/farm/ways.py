"""The two ways out of the farm that need no SIM: a program of the owner's, and a web address."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shlex
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from modemfarm.farm.alarm import WayError

PROGRAM_WITHIN_S = 30.0
ANSWER_WITHIN_S = 10.0
AGAIN_AFTER_S = (2.0, 15.0)
_OURS = ("MODEMFARM_", "NOTIFY_SOCKET", "WATCHDOG_")  # secrets, and the service manager's line to the daemon
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})


class Program:
    """Runs a program: the sentence on its standard input, everything in its environment, nothing in a shell.

    Args:
        command: the program and its arguments, as a shell would cut them.
        folder: what a path of it is relative to, and where it runs.
    """

    name = "exec"

    def __init__(self, command: str, folder: Path, within_s: float = PROGRAM_WITHIN_S) -> None:
        program, *arguments = shlex.split(command)
        self._words = [str(folder / program) if "/" in program else program, *arguments]
        self._folder, self._within_s = folder, within_s

    async def tell(self, body: Mapping[str, str]) -> None:
        """Run it once; its standard error goes where the daemon's goes.

        Raises:
            WayError: it cannot be started, failed, or took too long and was killed.
        """
        ours = {f"MODEMFARM_{name.upper()}": value for name, value in body.items()}
        others = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                cwd=self._folder,
                env={**others, **ours},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise WayError(f"{self._words[0]} cannot be started: {error}") from error
        try:
            async with asyncio.timeout(self._within_s):
                await process.communicate(body["sentence"].encode() + b"\n")
        except TimeoutError:
            raise WayError(f"{self._words[0]} took longer than {self._within_s:g} s and was killed") from None
        finally:
            _end(process)
            await process.wait()
        if process.returncode:
            raise WayError(f"{self._words[0]} ended with code {process.returncode}")


def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing of it outlives its time, children included."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Who moved is to be named anew in config.yaml: a redirect could lead anywhere."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


class Webhook:
    """Posts JSON; certificates are verified, redirects are not followed."""

    name = "webhook"

    def __init__(self, url: str, within_s: float = ANSWER_WITHIN_S) -> None:
        self._url, self._within_s = url, within_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    async def tell(self, body: Mapping[str, str]) -> None:
        """Post it, up to three times.

        Raises:
            WayError: it never was answered with 2xx.
        """
        for wait_s in (*AGAIN_AFTER_S, None):
            what, again = await asyncio.to_thread(self._post, json.dumps(dict(body), ensure_ascii=False).encode())
            if not what:
                return
            if wait_s is None or not again:
                raise WayError(what)
            await asyncio.sleep(wait_s)

    def _post(self, octets: bytes) -> tuple[str, bool]:
        """Why it failed ("" when it did not), and whether another try may help."""
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "modemfarm"}
        try:
            # config.yaml takes nothing but http and https here
            request = urllib.request.Request(self._url, octets, headers, method="POST")  # noqa: S310
            with self._opener.open(request, timeout=self._within_s):
                return "", False
        except urllib.error.HTTPError as error:
            with error:
                return f"answered with {error.code}", error.code >= 500 or error.code in _WORTH_ANOTHER_TRY
        except urllib.error.URLError as error:
            return f"cannot be reached: {error.reason}", True
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"cannot be reached: {error or type(error).__name__}", True
