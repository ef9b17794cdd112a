"""`POST /v1/sims/{iccid}/ussd` and `/test`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from modemfarm.modem.ussd import UssdError
from modemfarm.webapp.app import create_app
from tests.webapp.sample import Sample


def _with(farm: Sample, answer: dict[str, Any] | UssdError) -> list[tuple[str, tuple[str, ...]]]:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def ussd(iccid: str, steps: Sequence[str], who: str) -> dict[str, Any]:
        asked.append((iccid, tuple(steps)))
        assert who.startswith("key ")
        if isinstance(answer, UssdError):
            raise answer
        return answer

    farm.deps = replace(farm.deps, ussd=ussd)
    farm.app = create_app(farm.deps)
    return asked


def test_a_code_and_answers_go_to_the_sim(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    asked = _with(farm, {"iccid": iccid, "status": "done", "text": "12.34", "dialogue": []})
    answer = farm.api().post(f"/v1/sims/{iccid}/ussd", json={"code": "*111#", "answers": ["1"]})
    assert (answer.status_code, answer.get_json()["text"]) == (200, "12.34")
    assert asked == [(iccid, ("*111#", "1"))]


def test_a_code_that_was_said_is_not_said_again_under_its_key(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    asked = _with(farm, {"iccid": iccid, "status": "done", "text": "Topped up", "dialogue": []})
    client, path, key = farm.api(), f"/v1/sims/{iccid}/ussd", {"Idempotency-Key": "top-up-1"}
    answers = [client.post(path, json={"code": "*124*1234#"}, headers=key) for _ in range(2)]
    assert [(answer.status_code, answer.get_json()["text"]) for answer in answers] == [(200, "Topped up")] * 2
    assert len(asked) == 1
    assert client.post(path, json={"code": "*124*9#"}, headers=key).get_json()["code"] == "idempotency_mismatch"
    client.post(path, json={"code": "*124*1234#"})
    assert len(asked) == 2


@pytest.mark.parametrize(("slug", "status"), [("bad_code", 422), ("no_reply", 409), ("not_here", 409), ("busy", 409)])
def test_what_went_wrong_has_its_code(farm: Sample, slug: str, status: int) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    _with(farm, UssdError(slug))
    answer = farm.api().post(f"/v1/sims/{iccid}/ussd", json={"code": "*100#"})
    assert answer.status_code == status
    told = answer.get_json()
    assert told["code"] in {slug, f"ussd_{slug}"}
    assert slug not in told["detail"].split()
    assert len(told["detail"].split()) > 3


def test_an_unknown_sim_and_a_farm_without_modems_are_told(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    assert farm.api().post("/v1/sims/8986009999999999999/ussd", json={"code": "*100#"}).status_code == 404
    assert farm.api().post(f"/v1/sims/{iccid}/ussd", json={"code": "*100#"}).get_json()["code"] == "ussd_not_here"


def test_a_sim_writes_to_its_own_number_where_it_is_known(farm: Sample) -> None:
    farm.modem(1)
    found = farm.api().get("/v1/sims").get_json()["data"][0]
    farm.api().patch(f"/v1/sims/{found['iccid']}", json={"number": "+8613800138000"})
    answer = farm.api().post(f"/v1/sims/{found['iccid']}/test")
    assert answer.status_code == 202
    assert answer.get_json()["to"] == "+8613800138000"
    assert answer.get_json()["text"].startswith("modemfarm test ")
    farm.api().patch(f"/v1/sims/{found['iccid']}", json={"number": None})
    assert farm.api().post(f"/v1/sims/{found['iccid']}/test").get_json()["code"] == "number_unknown"
