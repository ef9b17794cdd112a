"""The page's words and figures in one language: sentences, times as people say them, masked numbers."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from markupsafe import Markup, escape

from modemfarm import wording
from modemfarm.at.errors_table import ErrorTable
from modemfarm.errors import SubmitError
from modemfarm.model import mask
from modemfarm.policy.remedy import command
from modemfarm.resources import shipped

_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "RUB": "₽", "INR": "₹", "JPY": "¥"}
_ENCODINGS = {"gsm7": "GSM-7", "ucs2": "UCS-2", "data": "8-bit"}


@functools.cache
def errors_table() -> ErrorTable:
    """What error numbers mean (drivers/errors.toml)."""
    with (shipped("drivers") / "errors.toml").open("rb") as file:
        return ErrorTable.from_mapping(tomllib.load(file))


def commands(said: str) -> Markup:
    """A sentence with what is to be typed set off: `like this`."""
    pieces = str(said).split("`")
    if len(pieces) % 2 == 0:  # a lone one is a letter like others
        return escape(said)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


@dataclass(frozen=True, slots=True)
class Words:
    """What a template calls to speak."""

    lang: str
    zone: tzinfo
    now: datetime

    def say(self, slug: str, params: Mapping[str, Any] | None = None, /, **more: Any) -> str:
        """The sentence for ``section.slug``; parameters that are slugs are said too."""
        return wording.say(slug, self._spoken({**(params or {}), **more}), self.lang)

    def _spoken(self, params: dict[str, Any]) -> dict[str, Any]:
        spoken = wording.spoken(params, self.lang)
        for name, value in params.items():
            if name == "encoding" and isinstance(value, str):
                spoken[name] = _ENCODINGS.get(value, value)
            if name == "until" and isinstance(value, str):
                spoken[name] = self.exact(value)
            if name in ("next_at", "since") and isinstance(value, str):
                spoken[name] = self.clock(value)
        return spoken

    def told(self, line: Mapping[str, Any]) -> str:
        """A line of a message's story (`store/story.py`)."""
        slug, params = f"explain.{line['code']}", dict(line["params"])
        if line["code"] == "attempt_refused" and params.get("kind") in {"cms", "cme", "error"}:
            classed = errors_table().classify(params["kind"], params["number"], params.get("family"))
            params["meaning"] = self.say(f"error_class.{classed.cls}")
            params["number"] = params["kind"].upper() + ("" if params["number"] is None else f" {params['number']}")
        if line["code"] == "help_way":
            slug = f"way.{params['reason']}"
        if params.get("part") and params.get("total", 1) > 1 and wording.known(f"{slug}_of"):
            slug += "_of"
        if params.get("next_at") and wording.known(f"{slug}_until"):
            slug += "_until"
        return self.say(slug, params)

    def asked(self, row: Mapping[str, Any]) -> str:
        """A line of what the rules ask of a message (`intake/asked.py`)."""
        because = row["params"].get("because")
        slug = f"asked.{row['rule']}_{row['outcome']}"
        return self.say(f"{slug}_{because}" if because else slug, row["params"])

    def page(self, slug: str, /, **params: Any) -> str:
        """A word of the page itself."""
        return self.say(f"page.{slug}", params)

    def reason(self, slug: str | None, params: Mapping[str, Any] | None = None) -> str:
        """Why, in words; "" for no reason."""
        return self.say(f"reason.{slug}", params) if slug else ""

    def refusal(self, slug: str | None, number: str, params: Mapping[str, Any] | None = None) -> str:
        """Why a message was refused and, where something opens it, the command."""
        about = dict(params or {})
        way = command(slug, number, about)
        said = self.reason(slug, about)
        if way is None:
            return said
        return self.say("way.refused", said=said, way=self.say(f"way.{slug}", about, command=way))

    def fault(self, error: SubmitError) -> str:
        """Why something typed cannot be used."""
        return self.row_fault(error.code, str(error), error.params)

    def row_fault(self, code: str, detail: str, params: Mapping[str, str] | None = None) -> str:
        """The same for a row of a file: in words, with what stands there; else the detail as intake gives it."""
        if wording.known(f"fault.{code}"):
            said, raw = self.say(f"fault.{code}", params), (params or {}).get("raw")
            return f"{raw}: {said}" if raw else said
        return self.reason(code) if wording.known(f"reason.{code}") else detail

    def money(self, amount: float | None, currency: str | None) -> str:
        """A sum as people of the trade write it; "" where nothing has a price."""
        if amount is None:
            return ""
        sign = _SIGNS.get(currency or "")
        figure = f"{amount:,.2f}".replace(",", "\u2009")
        return f"{sign}{figure}" if sign else f"{figure} {currency or ''}".rstrip()

    def sim(self, slug: str, params: Mapping[str, Any] | None) -> str:
        """How a SIM stands, with what that rests on where it was refused."""
        said = self.say(slug, params)
        if params and params.get("recipients"):
            began = self.clock(params.get("from"))
            said += " " + self.say("sim.evidence", {**params, "n": params["recipients"], "from": began})
        return said

    def ago(self, moment: str | None) -> str:
        """How long ago, in steps that do not flicker."""
        if moment is None:
            return ""
        seconds = max(0, int((self.now - datetime.fromisoformat(moment)).total_seconds()))
        if seconds < 10:
            return self.page("just_now")
        if seconds < 60:
            return self.page("seconds_ago", n=seconds // 10 * 10)
        if seconds < 3600:
            return self.page("minutes_ago", n=seconds // 60)
        if seconds < 86400:
            return self.page("hours_ago", n=seconds // 3600)
        return self.page("days_ago", n=seconds // 86400)

    def is_ahead(self, moment: str | None) -> bool:
        """Whether something has a time, and that has not passed."""
        return moment is not None and datetime.fromisoformat(moment) > self.now

    def clock(self, moment: str | datetime | None) -> str:
        """Hours and minutes today, with the date on other days."""
        if moment is None:
            return ""
        at = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(self.zone)
        today = self.now.astimezone(self.zone)
        if at.date() == today.date():
            return f"{at:%H:%M}"
        return f"{at:%m-%d %H:%M}" if at.year == today.year else f"{at:%Y-%m-%d %H:%M}"

    def exact(self, moment: str | None) -> str:
        """To the second, for stories."""
        return f"{datetime.fromisoformat(moment).astimezone(self.zone):%H:%M:%S}" if moment else ""

    def masked(self, number: str | None) -> str:
        """A number for a page that someone may look at over a shoulder."""
        return mask(number) if number else ""
