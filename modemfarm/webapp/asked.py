"""Questions to the network that people put on the page: a thread waits for the answer, the page asks for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from modemfarm.errors import StoreError
from modemfarm.modem.ussd import UssdError

log = logging.getLogger(__name__)

SHOWN_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Question:
    """One question and what came of it.

    Attributes:
        state: ``asking``, ``answered`` or ``failed``.
        steps: what was said to the network: a code, then answers to its menus.
        answer: what the network told, as the API shows it.
        slug: why there is no answer, of the section `ussd` in web/sentences.
        what: particulars of `slug`.
    """

    state: str
    at: datetime
    steps: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)
    slug: str = ""
    what: str = ""


class Asked:
    """The last question of each SIM. It lives as long as the daemon: what its network told is in the history."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], Question] = {}

    def start(
        self, iccid: str, sort: str, work: Callable[[], Mapping[str, Any]], now: datetime, steps: Sequence[str] = ()
    ) -> bool:
        """Begin to wait for `work` in a thread of its own; False while the last question of this sort is open."""
        question = Question("asking", now, tuple(steps))
        with self._lock:
            last = self._last.get((iccid, sort))
            if last is not None and last.state == "asking":
                return False
            self._last[iccid, sort] = question
        threading.Thread(
            target=self._wait, args=((iccid, sort), question, work), name=f"ask {sort}", daemon=True
        ).start()
        return True

    def last(self, iccid: str, sort: str, now: datetime) -> Question | None:
        """The last question and what came of it, for as long as it is shown."""
        with self._lock:
            question = self._last.get((iccid, sort))
        if question is None or (question.state != "asking" and now - question.at > SHOWN_FOR):
            return None
        return question

    def _wait(self, key: tuple[str, str], question: Question, work: Callable[[], Mapping[str, Any]]) -> None:
        try:
            ended = replace(question, state="answered", answer=work())
        except UssdError as error:
            ended = replace(question, state="failed", slug=error.slug, what=error.what)
        except StoreError:
            ended = replace(question, state="failed", slug="store")
        except Exception:
            log.exception("a question to the network failed inside")
            ended = replace(question, state="failed", slug="inside")
        with self._lock:
            self._last[key] = ended
