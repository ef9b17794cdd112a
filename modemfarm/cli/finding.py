"""What the doctor found, in the reader's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modemfarm.webapp.words import Words


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        code: which check it was, the same in every language.
        check: its heading.
        fix: what to do; where it is ok all the same, what would be better.
    """

    code: str
    check: str
    ok: bool
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes findings: slugs of the sections doctor_check, doctor and fix in web/sentences."""

    words: Words

    def find(self, code: str, ok: bool, what: str, fix: str = "", /, **params: Any) -> Finding:
        """One finding in the sentence `what`; `fix` is a slug too, and left out where there is nothing to do."""
        return self.said(
            code,
            ok,
            self.words.say(f"doctor.{what}", params),
            self.words.say(f"fix.{fix}", params) if fix else "",
            **params,
        )

    def said(self, code: str, ok: bool, what: str, fix: str = "", /, **params: Any) -> Finding:
        """One finding whose sentences are there already."""
        return Finding(code, self.words.say(f"doctor_check.{code}", params), ok, what, fix)
