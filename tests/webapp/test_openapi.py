from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator

from tests.webapp.sample import Sample

OPEN = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")


def document(farm: Sample) -> dict[str, Any]:
    answer = farm.app.test_client().get("/v1/openapi.json")
    assert answer.status_code == 200
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


def test_every_route_of_the_api_is_described_and_nothing_else(farm: Sample) -> None:
    served = set()
    for rule in farm.app.url_map.iter_rules():
        path = OPEN.sub(r"{\1}", rule.rule).replace("{key}", "{modem}")
        if path.startswith(("/v1", "/healthz", "/readyz", "/metrics")):
            for each in ("pause", "resume") if path.endswith("{what}") else ("",):
                served |= {
                    (path.replace("{what}", each), method)
                    for method in rule.methods or ()
                    if method not in {"HEAD", "OPTIONS"}
                }
    described = {(path, method.upper()) for path, methods in document(farm)["paths"].items() for method in methods}
    assert served == described


def test_what_the_api_says_is_as_described(farm: Sample) -> None:
    farm.modem(1)
    farm.left(farm.take())
    farm.reply()
    client, schemas = farm.api(), document(farm)["components"]["schemas"]
    for path, name in (("messages", "Message"), ("inbound", "Inbound"), ("modems", "Modem"), ("sims", "Sim")):
        item = client.get(f"/v1/{path}").get_json()["data"][0]
        schema = schemas[name] | {"additionalProperties": False, "components": {"schemas": schemas}}
        Draft202012Validator(schema).validate(item)
        assert item.keys() == schemas[name]["properties"].keys()
