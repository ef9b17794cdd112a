"""After a restore the page says what waits for a person, and a button lets it go."""

from __future__ import annotations

from modemfarm import wording
from modemfarm.store import epoch
from tests.webapp.sample import Sample
from tests.webapp.test_page import form_token


def restored(farm: Sample) -> int:
    message = farm.take()
    with farm.store.write() as tx:
        epoch.hold(tx, farm.clock.now())
    return message


def test_the_line_tells_and_the_button_releases(farm: Sample) -> None:
    restored(farm)
    client = farm.person()
    assert wording.say("line.restored", {"n": 1}) in client.get("/").get_data(as_text=True)
    page = client.get("/messages").get_data(as_text=True)
    assert 'action="/release"' in page
    assert client.post("/release").status_code == 403
    assert client.post("/release", data={"csrf": form_token(page)}).status_code == 303
    assert farm.store.look(epoch.held) == 0
    assert 'action="/release"' not in client.get("/messages").get_data(as_text=True)


def test_the_api_releases_too(farm: Sample) -> None:
    message = restored(farm)
    client = farm.api()
    assert client.get("/v1/stats").get_json()["restored"] == 1
    assert client.post("/v1/resume").status_code == 200
    assert client.get(f"/v1/messages/{message}").get_json()["reason"] == "restored"
    assert client.post("/v1/resume", json={"restored": True}).status_code == 200
    assert client.get(f"/v1/messages/{message}").get_json()["state"] == "queued"
