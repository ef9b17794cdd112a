"""A page offers nobody what it would refuse: by the routes' own table, each role, every page."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from werkzeug.exceptions import HTTPException

from modemfarm.store import keys, users
from tests.webapp.sample import ICCID, IMEI, NOW, Sample
from tests.webapp.test_attacks import LOOKS
from tests.webapp.test_viewers import pages, used

VERBS = {
    "hx-get": "GET",
    "hx-post": "POST",
    "hx-put": "PUT",
    "hx-delete": "DELETE",
    "formaction": "POST",
    "href": "GET",
}


class Offers(HTMLParser):
    """Every (method, address) that a page would ask for when somebody presses something on it, or by itself."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page, self.found = page, set[tuple[str, str]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._offer(given.get("method") or "get", given.get("action") or self.page)
        for name, method in VERBS.items():
            if given.get(name) and tag not in {"link", "script"}:
                self._offer(method, given[name] or "")

    def _offer(self, method: str, address: str) -> None:
        self.found.add((method.upper(), urlsplit(urljoin(self.page, address)).path))


def refused(farm: Sample, role: str, method: str, path: str) -> bool:
    """Whether the route there is not for this role."""
    adapter = farm.app.url_map.bind("localhost")
    try:
        endpoint, _ = adapter.match(path, method=method)
    except HTTPException as error:
        raise AssertionError(f"{method} {path} leads nowhere") from error
    view = farm.app.view_functions[endpoint]
    if not hasattr(view, "role"):
        return False
    needed = view.role or ("viewer" if method in LOOKS else "operator")
    return users.ROLES.index(role) < users.ROLES.index(needed)


def everything(farm: Sample) -> None:
    """What makes pages offer all they can: a modem that wants its PIN, one that is offered, a message in doubt."""
    used(farm)
    farm.modem(3, "needs_you", "pin_unknown", params='{"left": 3}', next_action="enter_pin")
    farm.modem(4, "needs_you", "offered", params='{"name": "FT4232", "id": "0403:6011"}', next_action="allow_device")
    with farm.store.write() as tx:
        users.add(tx, "anna", "operator", NOW)
        keys.create_key(tx, "script", ["messages:send"], NOW)


def offers(farm: Sample, role: str) -> Iterator[tuple[str, str, str]]:
    """Each page, and what it offers."""
    found, client = pages(farm, role), farm.person(role)
    for page in (
        f"/modems/{IMEI.format(3)}/pin",
        f"/modems/{IMEI.format(4)}",
        f"/sims/{ICCID.format(2)}",
        "/messages/4",
    ):
        found[page] = client.get(page).text
    for page, text in found.items():
        if "<" in text[:200]:
            yield from ((page, *one) for one in Offers(page, text).found)


@pytest.mark.parametrize("role", users.ROLES)
def test_no_page_offers_what_the_role_may_not(demo: Sample, role: str) -> None:
    everything(demo)
    found = set(offers(demo, role))
    assert [one for one in sorted(found) if refused(demo, role, *one[1:])] == []
    posted = {path for _, method, path in found if method == "POST"}
    # a viewer has an account and a way out, and nothing else to press
    assert (role == "viewer") == (posted <= {"/logout", "/account/logout", "/account/password", "/account/totp"}), (
        posted
    )
