"""The page Settings: who is told of faults, and the button that tests it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from modemfarm import wording
from modemfarm.store import alerts
from tests.webapp.sample import NOW, Sample


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_who_is_told_stands_there_with_what_came_of_it(farm: Sample, lang: str) -> None:
    person = farm.person()
    assert wording.say("page.alerts_nobody", lang=lang) in person.get(f"/settings?lang={lang}").text
    farm.app.extensions["modemfarm"] = replace(farm.deps, alert_ways=("sms +8613800138000", "exec", "webhook"))
    farm.store.run(alerts.keep_outcome, "webhook", NOW, "answered with 500")
    farm.store.run(alerts.keep_outcome, "exec", NOW, "")
    text = person.get(f"/settings?lang={lang}").text
    assert "sms +8613800138000" in text
    assert wording.say("page.alert_never", lang=lang) in text
    assert wording.say("page.alert_handed_on", lang=lang) in text
    assert wording.say("page.alert_failed", {"what": "answered with 500"}, lang) in text


def test_the_button_tells_everybody_once_and_only_from_our_own_form(farm: Sample) -> None:
    asked: list[int] = []

    def told() -> list[dict[str, str]]:
        asked.append(1)
        return []

    farm.app.extensions["modemfarm"] = replace(farm.deps, alert_ways=("exec",), test_alerts=told)
    person = farm.person()
    assert person.post("/settings/alerts/test").status_code == 403
    assert asked == []
    form = re.search(r'name="csrf" value="([^"]+)"', person.get("/settings").text)
    assert form is not None
    answer = person.post("/settings/alerts/test", data={"csrf": form[1]})
    assert (answer.status_code, answer.location) == (303, "/settings")
    assert asked == [1]


def test_nobody_without_a_session_sees_or_presses(farm: Sample) -> None:
    stranger = farm.app.test_client()
    assert stranger.get("/settings").status_code == 303
    assert stranger.post("/settings/alerts/test").status_code == 303
