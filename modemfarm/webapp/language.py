"""Which language a request is answered in: asked for, chosen before, or the browser's."""

from __future__ import annotations

from flask import request

from modemfarm import wording
from modemfarm.webapp.access import deps
from modemfarm.webapp.words import Words

COOKIE_LANG = "modemfarm_lang"


def words() -> Words:
    """The words of this request's language."""
    farm = deps()
    asked = request.args.get("lang") or request.cookies.get(COOKIE_LANG)
    return Words(wording.choose_language(asked, request.headers.get("Accept-Language")), farm.zone, farm.clock.now())
