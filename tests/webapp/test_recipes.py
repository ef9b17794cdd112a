"""The recipes: each call is cut out of docs/recipes.md and sent as it stands."""

from __future__ import annotations

import io
import json
import re
import shlex
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError, URLError

import jinja2
import pytest
from ruamel.yaml import YAML

from tests.docs import code
from tests.webapp.sample import Sample

PAGE = code.page("recipes.md")
TO = "+8613800138000"
URL = "http://127.0.0.1:8025/v1/messages"


def block(heading: str, kind: str) -> str:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found is not None, heading
    return found[1]


def sent(farm: Sample, url: str, headers: dict[str, str], body: str | bytes) -> dict[str, Any]:
    """What became of a call with a key that may only send."""
    assert url == URL
    assert headers["Authorization"] == "Bearer KEY"
    answer = farm.app.test_client().post("/v1/messages", data=body, headers=headers | farm.key("messages:send"))
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = farm.api().get("/v1/messages").get_json()["data"][0]
    return found


def curl(words: list[str]) -> tuple[str, dict[str, str], str]:
    assert words[0] == "curl"
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    return next(word for word in words if word.startswith("http")), headers, words[words.index("-d") + 1]


def test_cron(farm: Sample) -> None:
    found = sent(farm, *curl(shlex.split(block("cron and shell", "sh"))))
    assert (found["to"], found["text"]) == (TO, "The backup failed")


def test_zabbix(farm: Sample) -> None:
    text = 'Disk "C:" is full\nat 99 %'
    url, headers, body = curl(shlex.split(block("Zabbix", "sh")))
    assert body.replace('"', "") == "$(jq -n --arg to $1 --arg text $2 '{to: $to, text: $text}')"
    found = sent(farm, url, headers, json.dumps({"to": TO, "text": text}))
    assert (found["to"], found["text"]) == (TO, text)


def test_home_assistant(farm: Sample) -> None:
    asked = YAML(typ="safe").load(block("Home Assistant", "yaml"))["rest_command"]["send_sms"]
    assert asked["method"] == "post"
    payload = jinja2.Template(asked["payload"]).render(to=TO, text='Water in the "cellar"')
    found = sent(farm, asked["url"], asked["headers"] | {"Content-Type": asked["content_type"]}, payload)
    assert (found["to"], found["text"]) == (TO, 'Water in the "cellar"')


class Alertmanager:
    """Calls the program of the recipe, which calls the farm."""

    def __init__(self, farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
        self.farm, self.key, self.down = farm, farm.key("messages:send"), False
        self._scope: dict[str, Any] = {"__name__": "recipe"}
        exec(block("Alertmanager", "python"), self._scope)  # the docs' own program
        monkeypatch.setattr(self._scope["urllib"].request, "urlopen", self._reached)

    def tells(self, *alerts: tuple[str, str]) -> int:
        """What the program answers to a group of alerts."""
        told = [
            {"status": status, "labels": {"alertname": name}, "fingerprint": name, "startsAt": "2026-03-14T09:00:00Z"}
            for status, name in alerts
        ]
        body = json.dumps({"version": "4", "groupKey": "{}", "alerts": told}).encode()
        answered: list[int] = []
        receiver = SimpleNamespace(
            headers={"Content-Length": len(body)},
            rfile=SimpleNamespace(read=lambda _: body),
            send_response=answered.append,
            end_headers=lambda: None,
        )
        self._scope["Receiver"].do_POST(receiver)
        (status,) = answered
        return status

    def sent(self) -> list[str]:
        return [message["text"] for message in self.farm.api().get("/v1/messages?order=asc").get_json()["data"]]

    def _reached(self, request: Any, timeout: float) -> Any:
        assert (request.full_url, request.get_header("Authorization")) == (URL, "Bearer KEY")
        assert timeout > 0
        if self.down:
            raise URLError("Connection refused")
        headers = {"Content-Type": "application/json", "Idempotency-Key": request.get_header("Idempotency-key")}
        answer = self.farm.app.test_client().post("/v1/messages", data=request.data, headers=headers | self.key)
        if answer.status_code >= 400:
            raise HTTPError(URL, answer.status_code, "", EmailMessage(), io.BytesIO(answer.data))
        return SimpleNamespace(status=answer.status_code)


@pytest.fixture
def alertmanager(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> Alertmanager:
    return Alertmanager(farm, monkeypatch)


def test_alertmanager_tells_each_state_of_a_group_once(alertmanager: Alertmanager) -> None:
    assert alertmanager.tells(("firing", "DiskFull"), ("firing", "Down")) == 202
    assert alertmanager.tells(("firing", "Down"), ("firing", "DiskFull")) == 202
    assert alertmanager.tells(("resolved", "DiskFull")) == 202
    assert alertmanager.sent() == ["firing: DiskFull\nfiring: Down", "resolved: DiskFull"]


def test_alertmanager_with_more_than_a_message_holds(alertmanager: Alertmanager) -> None:
    assert alertmanager.tells(*(("firing", f"Alert{'漢' * 20}{at}") for at in range(100))) == 202
    (text,) = alertmanager.sent()
    assert (len(text), text[-3:]) == (300, "...")


def test_alertmanager_comes_again_only_where_that_helps(
    alertmanager: Alertmanager, capsys: pytest.CaptureFixture[str]
) -> None:
    alertmanager.down = True
    assert alertmanager.tells(("firing", "DiskFull")) == 503
    alertmanager.down = False
    assert alertmanager.tells(("firing", "nothing\0")) == 422
    assert "U+0000" in capsys.readouterr().err
    assert alertmanager.tells(("firing", "DiskFull")) == 202
